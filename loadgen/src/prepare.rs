//! Preparing: a thread that makes events ahead of the time at which they are due, so that nothing
//! but handing them over is left to the pacer.
//!
//! ```text
//!  preparer ── slices ──> pacer ── slices, with the times of sending ──> collector
//!      ^                                                                     │
//!      └──────────────────── the same slices, empty ─────────────────────────┘
//! ```
//!
//! There is a bounded number of slices, which go round: nothing is allocated for an event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use headwater_models::arrival::Arrival;
use headwater_traffic::{Payloads, Place, Plan};

use crate::systems::lanes::LanePlan;

/// Events of a slice at the most.
const EVENTS_MAX: usize = 256;

/// Payload of a slice at the most, bytes, if it has more than one event.
const BYTES_MAX: usize = 64 << 10;

/// Longest time that the events of a slice span: what is sent is told the collector by then.
const SPAN_NS: u64 = 10_000_000;

/// Slices that go round: 65,000 events or 16 MiB of payload ahead at the most.
const SLICES: usize = 256;

/// How long to wait for an empty slice before looking whether the run is over.
const POLL: Duration = Duration::from_millis(20);

/// An event that is ready to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared {
    /// What the schedule says of it.
    pub(crate) arrival: Arrival,
    /// Its place among its writer's.
    pub(crate) place: Place,
    /// When it was handed to the client, nanoseconds; zero until then.
    pub(crate) started: u64,
}

/// Events in the order of the schedule, with their payloads one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    /// The events.
    pub(crate) events: Vec<Prepared>,
    /// Their payloads.
    pub(crate) payloads: Vec<u8>,
}

impl Slice {
    fn takes(&self, arrival: &Arrival) -> bool {
        let Some(first) = self.events.first() else { return true };
        self.events.len() < EVENTS_MAX
            && self.payloads.len() + arrival.bytes as usize <= BYTES_MAX
            && arrival.at.0 < first.arrival.at.0.saturating_add(SPAN_NS)
    }

    fn clear(&mut self) {
        self.events.clear();
        self.payloads.clear();
    }
}

/// Prepares the whole schedule.
pub(crate) struct Preparer {
    /// The traffic.
    pub(crate) plan: Arc<Plan>,
    /// Which lane an event goes to, by writer.
    pub(crate) lanes: Vec<LanePlan>,
    ready: SyncSender<Slice>,
    empty: Receiver<Slice>,
    over: Arc<AtomicBool>,
}

/// Where slices are taken, and where they are given back.
pub(crate) struct Slices {
    ready: Receiver<Slice>,
    over: Arc<AtomicBool>,
}

/// Prepares `plan` for these `lanes`: the preparer, what comes of it, and where used slices go.
pub(crate) fn prepare(plan: Arc<Plan>, lanes: Vec<LanePlan>) -> (Preparer, Slices, Sender<Slice>) {
    let (ready, taken) = sync_channel(SLICES);
    let (used, empty) = channel();
    let over = Arc::new(AtomicBool::new(false));
    let preparer = Preparer { plan, lanes, ready, empty, over: Arc::clone(&over) };
    (preparer, Slices { ready: taken, over }, used)
}

impl Preparer {
    /// Prepares until the schedule's end, or until nobody takes what is prepared.
    pub(crate) fn run(mut self) {
        let payloads = Payloads::new(Arc::clone(&self.plan));
        let writers = self.lanes.len() as u32;
        let (mut made, mut payload) = (0, Vec::new());
        let mut schedule = self.plan.tweets().peekable();
        while schedule.peek().is_some() {
            let Some(mut slice) = self.next_empty(&mut made) else { return };
            while let Some(tweet) = schedule.next_if(|tweet| slice.takes(&tweet.arrival)) {
                let arrival = tweet.arrival;
                let writer = self.plan.producer_of(&arrival, writers);
                let place = self.lanes[writer as usize].place(&arrival);
                payloads.write_tweet(&tweet, place, &mut payload);
                slice.payloads.extend_from_slice(&payload);
                slice.events.push(Prepared { arrival, place, started: 0 });
            }
            if self.ready.send(slice).is_err() {
                return;
            }
        }
    }

    fn next_empty(&self, made: &mut usize) -> Option<Slice> {
        loop {
            let used = if *made < SLICES {
                self.empty.try_recv().map_err(|_| RecvTimeoutError::Timeout)
            } else {
                self.empty.recv_timeout(POLL)
            };
            match used {
                Ok(mut slice) => {
                    slice.clear();
                    return Some(slice);
                }
                Err(_) if self.over.load(Ordering::Relaxed) => return None,
                Err(_) if *made < SLICES => {
                    *made += 1;
                    return Some(Slice::default());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }
}

impl Slices {
    /// The next slice; none when the schedule is at its end.
    pub(crate) fn next(&self) -> Option<Slice> {
        self.ready.recv().ok()
    }
}

impl Drop for Slices {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use headwater_sim::random::Seed;
    use headwater_traffic::{PayloadForm, TraceSpec, TrafficSpec, parse};

    use super::*;

    /// The payloads of a schedule as they are handed to writers, with their places.
    fn prepared(spec: &TrafficSpec) -> Vec<(Place, Vec<u8>)> {
        let plan = Arc::new(spec.plan(Seed(5)).unwrap());
        let (preparer, slices, used) = prepare(plan, LanePlan::of_writers(2, 4, true));
        std::thread::scope(|scope| {
            scope.spawn(move || preparer.run());
            let mut all = vec![];
            while let Some(slice) = slices.next() {
                let mut offset = 0;
                for event in &slice.events {
                    let end = offset + event.arrival.bytes as usize;
                    all.push((event.place, slice.payloads[offset..end].to_vec()));
                    offset = end;
                }
                // The preparer may have ended already.
                let _ = used.send(slice);
            }
            all
        })
    }

    fn short() -> TrafficSpec {
        let duration = headwater_sim::time::Duration::from_millis(300);
        TrafficSpec { duration, ..TrafficSpec::default() }
    }

    #[test]
    fn tweets_are_json_of_the_api_and_say_their_place_all_the_same() {
        for (payload, text) in
            [(PayloadForm::TweetV1, "/text"), (PayloadForm::TweetV2, "/data/text")]
        {
            let mut spec = TrafficSpec { payload, ..short() };
            spec.cascades.ratio = 0.5;
            let all = prepared(&spec);
            let mut retweets = 0;
            for (place, bytes) in &all {
                assert_eq!(parse(bytes).unwrap().place, *place);
                let tweet: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                let text = tweet.pointer(text).and_then(serde_json::Value::as_str).unwrap();
                retweets += u32::from(text.starts_with("RT @user_"));
            }
            assert!(all.len() > 300 && retweets > 100, "{retweets} of {} retweet", all.len());
        }
    }

    #[test]
    fn a_trace_is_sent_with_its_sizes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.csv");
        std::fs::write(&file, "0.01,7,100\n0.02,8,300\n0.03,7,700\n").unwrap();
        let trace = Some(TraceSpec::of(file.to_str().unwrap()));
        let all = prepared(&TrafficSpec { trace, ..short() });
        let sizes: Vec<_> = all.iter().map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(sizes, [100, 300, 700]);
        let keys: Vec<_> = all.iter().map(|(_, bytes)| parse(bytes).unwrap().key).collect();
        assert_eq!(keys, [7, 8, 7]);
    }
}
