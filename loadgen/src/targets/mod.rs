//! What the generator writes to and reads from.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;
use headwater_traffic::{Damage, Lanes, Place, Stamp, parse};

use crate::failure::Result;
use crate::pacing::Clock;

pub(crate) mod kafka;
pub(crate) mod kafka_reader;
pub(crate) mod log;
pub(crate) mod null;
pub(crate) mod pravega;
pub(crate) mod pravega_reader;

/// An event on its way: what its acknowledgement is measured and checked by. Times are nanoseconds
/// since the start of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// When the schedule meant it to be sent.
    pub(crate) intended: u64,
    /// When it was handed to the client.
    pub(crate) started: u64,
    /// Size of its payload.
    pub(crate) bytes: u32,
    /// Its place among the writer's events.
    pub(crate) place: Place,
}

/// What the collector is told.
pub(crate) enum Observation {
    /// An event was handed to the client, at `started`.
    Sent(Token),
    /// It was acknowledged.
    Acked {
        /// When.
        at: u64,
        /// Which.
        token: Token,
    },
    /// It was refused or given up; whether it is stored is not known.
    Failed {
        /// When.
        at: u64,
        /// Which.
        token: Token,
        /// The client's error.
        why: &'static str,
    },
    /// The reader was handed a payload.
    Delivered {
        /// When.
        at: u64,
        /// Which reader, from 0.
        reader: u32,
        /// Position in its lane, events.
        position: Option<u64>,
        /// Size of the payload.
        bytes: u32,
        /// What it says of itself.
        stamp: std::result::Result<Stamp, Damage>,
    },
    /// Something worth marking happened.
    Mark {
        /// When.
        at: u64,
        /// What.
        name: &'static str,
        /// Details.
        detail: String,
    },
}

/// Why an event was not taken: the client's error.
pub(crate) struct Refused(pub(crate) &'static str);

/// A writer. [`Target::send`] never waits.
pub(crate) trait Target: Send {
    /// Hands an event to the client, or says that it has no room for it.
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused>;

    /// Gives up what is not acknowledged yet: no acknowledgement is told afterwards.
    fn abandon(&mut self);
}

/// What a writer and a reader tell the collector, and by which clock.
#[derive(Clone)]
pub(crate) struct Teller {
    /// The run's clock.
    pub(crate) clock: Clock,
    /// The collector.
    pub(crate) observed: Sender<Observation>,
}

impl Teller {
    /// An event was acknowledged, now.
    pub(crate) fn acked(&self, token: Token) {
        self.tell(Observation::Acked { at: self.clock.now(), token });
    }

    /// An event was given up, now.
    pub(crate) fn failed(&self, token: Token, why: &'static str) {
        self.tell(Observation::Failed { at: self.clock.now(), token, why });
    }

    /// A reader was handed a payload, now.
    pub(crate) fn delivered(&self, reader: u32, position: Option<u64>, payload: &[u8]) {
        let at = self.clock.now();
        let (bytes, stamp) = (payload.len() as u32, parse(payload));
        self.tell(Observation::Delivered { at, reader, position, bytes, stamp });
    }

    /// Something happened, now.
    pub(crate) fn mark(&self, name: &'static str, detail: impl Into<String>) {
        self.tell(Observation::Mark { at: self.clock.now(), name, detail: detail.into() });
    }

    fn tell(&self, observation: Observation) {
        // Late acknowledgements may come when the run is over; nobody counts them.
        let _ = self.observed.send(observation);
    }
}

/// A reader that runs on a thread of its own until it is told to end.
pub(crate) struct Reading {
    /// Raised when the writers are done: read to the end, then stop.
    pub(crate) finish: Arc<AtomicBool>,
    /// Raised to stop at once.
    pub(crate) stop: Arc<AtomicBool>,
    /// The thread; it says whether everything was read to the end.
    pub(crate) thread: std::thread::JoinHandle<Result<ReadBack>>,
}

/// How far reading back came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadBack {
    /// To the end that the system itself named.
    ToTheEnd,
    /// Nothing more came for a while; the system did not say that this is all.
    Quiet,
    /// It was stopped before.
    Stopped,
}

/// Which lane an event goes to. A lane is what order is promised in.
pub(crate) struct LanePlan {
    lanes: Lanes,
    spread: Spread,
}

/// How events are spread over lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// A key's events share a lane.
    ByKey,
    /// Whatever is due within [`STICKY_NS`] shares a lane: what clients do with records that have
    /// no key.
    Sticky {
        /// Lanes.
        count: u32,
    },
}

/// `sticky.partitioning.linger.ms` of librdkafka is 10 ms (`CONFIGURATION.md` @ 2.x).
const STICKY_NS: u64 = 10_000_000;

impl LanePlan {
    /// Spreads events over `count` lanes, above zero.
    pub(crate) fn new(count: u32, keyed: bool) -> Self {
        let spread = if keyed { Spread::ByKey } else { Spread::Sticky { count } };
        Self { lanes: Lanes::new(0, count), spread }
    }

    /// The place of the next event of the schedule.
    pub(crate) fn place(&mut self, arrival: &Arrival) -> Place {
        match self.spread {
            Spread::ByKey => self.lanes.by_key(arrival.key),
            Spread::Sticky { count } => {
                let hash = mix(arrival.at.0 / STICKY_NS, 0x1f83_d9ab_fb41_bd6b);
                self.lanes.on(((u128::from(hash) * u128::from(count)) >> 64) as u32)
            }
        }
    }
}
