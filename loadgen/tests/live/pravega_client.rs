//! The client of Pravega against a real one, where a run of `loadgen` does not bring it: a stream
//! whose segments are split and merged while it is written.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_pravega_client::{
    Controller, EventWriter, Options, RoutingKey, Scaling, SegmentId, StreamName, StreamReader,
};
use rustix::process::{Pid, Signal, kill_process};

use super::{common, turn};

/// Keys, each of which has an order.
const KEYS: usize = 16;

/// Events of a key between two changes of the segments.
const EVENTS: usize = 200;

/// For what a controller does in seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run whose cluster is used, and ended with it.
struct Launched(Child);

impl Drop for Launched {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.0.wait();
    }
}

/// Launches a cluster; its controller's address, once it answers.
fn launched() -> (Launched, String) {
    let out = tempfile::tempdir().unwrap();
    let mut command = common::loadgen("--rate 10 --target pravega --launch --duration 300s");
    command.args(["--warm-up", "0s", "--out"]).arg(out.path());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let launched = Launched(child);
    let port = loop {
        let line = lines.next().expect("it launches").unwrap();
        if let Some((_, rest)) = line.split_once("in memory, port ") {
            break rest.chars().take_while(char::is_ascii_digit).collect::<String>();
        }
    };
    // What it says besides must not fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (launched, format!("127.0.0.1:{port}"))
}

/// A key's event: which key, and its number.
type Event = (usize, usize);

struct Writing {
    writer: EventWriter<Event>,
    settled: Arc<Mutex<Vec<Event>>>,
    next: usize,
}

impl Writing {
    fn open(controller: &Controller, stream: &StreamName) -> Self {
        let settled = Arc::new(Mutex::new(vec![]));
        let told = Arc::clone(&settled);
        let tell = Arc::new(move |events: Vec<Event>, result: Result<(), &_>| {
            assert_eq!(result, Ok(()), "{events:?}");
            told.lock().unwrap().extend(events);
        });
        let writer =
            EventWriter::open(controller.clone(), stream.clone(), Options::default(), tell);
        Self { writer, settled, next: 0 }
    }

    fn write(&mut self) {
        let keys: Vec<_> = (0..KEYS).map(|key| RoutingKey::new(&format!("key-{key}"))).collect();
        for number in self.next..self.next + EVENTS {
            for (key, routing) in keys.iter().enumerate() {
                let payload = format!("{key} {number}").into_bytes();
                self.writer.write(*routing, (key, number), payload).unwrap();
            }
        }
        self.next += EVENTS;
    }

    async fn all_acked(&self) {
        while self.settled.lock().unwrap().len() < KEYS * self.next {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Has the segments replaced by such with these parts of the key space, and waits until they are.
async fn scale(controller: &Controller, stream: &StreamName, parts: &[(f64, f64)]) {
    let before: Vec<SegmentId> = ids(controller, stream).await;
    controller.scale(stream, &before, parts, PATIENCE).await.unwrap();
    while ids(controller, stream).await == before {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ids(controller: &Controller, stream: &StreamName) -> Vec<SegmentId> {
    let segments = controller.current_segments(stream).await.unwrap();
    segments.into_iter().map(|segment| segment.id).collect()
}

/// Every key's events, once each, in order.
async fn read_all(controller: &Controller, stream: &StreamName, events: usize) {
    let mut reader = StreamReader::open(controller.clone(), stream.clone(), Options::default());
    let mut next: BTreeMap<usize, usize> = BTreeMap::new();
    let mut read = 0;
    while read < events {
        let slice = reader.next().await.expect("it goes on").unwrap();
        for event in &slice.events {
            let text = std::str::from_utf8(event).unwrap();
            let (key, number) = text.split_once(' ').unwrap();
            let expected = next.entry(key.parse().unwrap()).or_default();
            assert_eq!(number.parse(), Ok(*expected), "of key {key}, {:?}", slice.segment);
            *expected += 1;
            read += 1;
        }
    }
    assert_eq!(next.len(), KEYS);
}

#[test]
fn a_stream_that_is_split_and_merged_while_it_is_written_keeps_the_order_of_every_key() {
    let Some(_turn) = turn("a_stream_that_is_split_and_merged") else { return };
    let (_cluster, address) = launched();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let controller = Controller::new(&address, Duration::from_secs(10));
        let stream = StreamName { scope: "scaled".into(), stream: "events".into() };
        controller.make_scope(&stream.scope, PATIENCE).await.unwrap();
        let fixed = Scaling::Fixed { segments: 1 };
        controller.make_stream(&stream, fixed, PATIENCE).await.unwrap();
        let mut writing = Writing::open(&controller, &stream);
        for parts in [&[(0.0, 0.3), (0.3, 1.0)][..], &[(0.0, 1.0)], &[(0.0, 0.5), (0.5, 1.0)]] {
            writing.write();
            scale(&controller, &stream, parts).await;
            writing.write();
            writing.all_acked().await;
        }
        assert_eq!(ids(&controller, &stream).await.len(), 2);
        read_all(&controller, &stream, KEYS * writing.next).await;
        drop(writing);
        controller.delete_stream(&stream, PATIENCE).await.unwrap();
    });
}
