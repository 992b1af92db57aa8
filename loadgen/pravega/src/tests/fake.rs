//! A cluster: its segments, and the faults that it is told to have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::BytesMut;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{controller, options, store, stream};
use crate::controller::Controller;
use crate::segment::{SegmentId, SegmentRange};
use crate::wire::take_event;

/// Stores of the cluster.
pub(super) const STORES: usize = 2;

/// A segment of the only stream.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) range: SegmentRange,
    pub(super) predecessors: Vec<SegmentId>,
    /// Which store has it.
    pub(super) home: usize,
    pub(super) sealed: bool,
    pub(super) data: Vec<u8>,
    /// Where it begins: what lies before is gone.
    pub(super) start: i64,
    /// The last event of each writer.
    pub(super) writers: BTreeMap<u128, i64>,
}

/// What the cluster is and does.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) segments: BTreeMap<SegmentId, Segment>,
    /// Appends that are stored, whose connections then break without an answer.
    pub(super) acks_lost: u32,
    /// Stores that read and never answer.
    pub(super) mute: BTreeSet<usize>,
    /// What a store sends in place of its hello, if not that.
    pub(super) hello: Option<Vec<u8>>,
    /// Bytes that a read gives at the most.
    pub(super) read_bytes: usize,
    /// Connections that stores have accepted.
    pub(super) connections: usize,
    /// Statuses that calls of the controller answer with, once each, before they are good.
    pub(super) statuses: Vec<i32>,
    /// Calls of the controller.
    pub(super) calls: Vec<String>,
}

/// The cluster.
#[derive(Clone)]
pub(super) struct Fake {
    state: Arc<Mutex<State>>,
    /// Told of every change.
    changed: watch::Sender<u64>,
    pub(super) stores: Arc<Vec<String>>,
    controller: String,
}

impl Fake {
    /// Starts one with `segments`: (id, where its keys begin, where they end), all at store 0.
    pub(super) async fn start(segments: &[(i64, f64, f64)]) -> Self {
        let state = State { read_bytes: 1 << 20, ..State::default() };
        let controls = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut listeners = vec![];
        for _ in 0..STORES {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let address = |listener: &TcpListener| listener.local_addr().unwrap().to_string();
        let fake = Self {
            state: Arc::new(Mutex::new(state)),
            changed: watch::channel(0).0,
            stores: Arc::new(listeners.iter().map(address).collect()),
            controller: address(&controls),
        };
        segments.iter().for_each(|(id, low, high)| fake.add(*id, (*low, *high), &[]));
        tokio::spawn(controller::serve(controls, fake.clone()));
        for (index, listener) in listeners.into_iter().enumerate() {
            tokio::spawn(store::serve(listener, index, fake.clone()));
        }
        fake
    }

    /// A client of its controller.
    pub(super) fn controller(&self) -> Controller {
        Controller::new(&self.controller, options().setup)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes it, and has everyone look again.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_modify(|version| *version += 1);
    }

    /// To wait for changes with.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Waits until it is so.
    pub(super) async fn wait(&self, so: impl Fn(&State) -> bool) {
        let mut changes = self.changes();
        while !so(&self.state()) {
            changes.changed().await.unwrap();
        }
    }

    /// Makes a segment that follows others.
    pub(super) fn add(&self, id: i64, (low, high): (f64, f64), predecessors: &[i64]) {
        let id = SegmentId(id);
        let segment = Segment {
            range: SegmentRange { id, low, high },
            predecessors: predecessors.iter().map(|id| SegmentId(*id)).collect(),
            home: 0,
            sealed: false,
            data: vec![],
            start: 0,
            writers: BTreeMap::new(),
        };
        self.change(|state| {
            state.segments.insert(id, segment);
        });
    }

    /// Seals a segment.
    pub(super) fn seal(&self, id: i64) {
        self.of(id, |segment| segment.sealed = true);
    }

    /// Changes a segment.
    pub(super) fn of(&self, id: i64, change: impl FnOnce(&mut Segment)) {
        self.change(|state| change(state.segments.get_mut(&SegmentId(id)).unwrap()));
    }

    /// The events that lie in a segment.
    pub(super) fn stored(&self, id: i64) -> Vec<String> {
        let state = self.state();
        let mut data = BytesMut::from(&state.segments[&SegmentId(id)].data[..]);
        let mut events = vec![];
        while let Some(event) = take_event(&mut data).unwrap() {
            events.push(String::from_utf8(event.to_vec()).unwrap());
        }
        assert!(data.is_empty(), "{} bytes are no event", data.len());
        events
    }

    /// The name of a segment to a store, and back.
    pub(super) fn segment_named(&self, name: &str) -> Option<SegmentId> {
        self.state().segments.keys().copied().find(|id| id.name(&stream()) == name)
    }
}
