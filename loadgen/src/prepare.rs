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
        let mut schedule = self.plan.schedule().peekable();
        while schedule.peek().is_some() {
            let Some(mut slice) = self.next_empty(&mut made) else { return };
            while let Some(arrival) = schedule.next_if(|arrival| slice.takes(arrival)) {
                let writer = self.plan.producer_of(&arrival, writers);
                let place = self.lanes[writer as usize].place(&arrival);
                payloads.write(&arrival, place, &mut payload);
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
