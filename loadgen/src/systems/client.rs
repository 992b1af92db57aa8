//! Clients: what the generator writes and reads with, and what they report to the collector.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use headwater_traffic::{Damage, Place, Stamp, parse};

use crate::clock::Clock;
use crate::failure::{Failure, Result};

/// An event in flight: what its acknowledgement is measured and checked by. Times are nanoseconds
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
    /// Something worth a mark happened.
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

/// A writer. [`Writer::send`] never waits for the system.
pub(crate) trait Writer: Send {
    /// Hands an event to the client, or returns that it has no room for it.
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused>;

    /// Gives up what is not acknowledged yet: no acknowledgement is reported afterwards.
    fn abandon(&mut self);
}

/// Observations on their way to the collector at the most, about 25 MB of them. Observers beyond
/// that wait until the collector has caught up, which shows in the generator's lag; an unbounded
/// queue once took ten gigabytes unnoticed.
const OBSERVATIONS_MAX: usize = 1 << 18;

/// Reports to the collector what writers and readers see, by the clock of the run.
#[derive(Clone)]
pub(crate) struct Observer {
    /// The run's clock.
    pub(crate) clock: Clock,
    observed: SyncSender<Observation>,
}

impl Observer {
    /// An observer by `clock`, and where the collector receives.
    pub(crate) fn new(clock: Clock) -> (Self, Receiver<Observation>) {
        let (observed, observations) = sync_channel(OBSERVATIONS_MAX);
        (Self { clock, observed }, observations)
    }

    /// An event was handed to the client, at the time in its token.
    pub(crate) fn sent(&self, token: Token) {
        self.tell(Observation::Sent(token));
    }

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

/// Readers that run on threads of their own until they are told to end.
pub(crate) struct Reading {
    /// Raised when the writers are done: read to the end, then stop.
    pub(crate) finish: Arc<AtomicBool>,
    /// Raised to stop at once.
    pub(crate) stop: Arc<AtomicBool>,
    /// The threads; each says whether everything was read to the end.
    pub(crate) threads: Vec<std::thread::JoinHandle<Result<ReadBack>>>,
}

impl Reading {
    /// Runs `reader` on a thread of its own.
    pub(crate) fn start(
        reader: impl FnOnce(Flags) -> Result<ReadBack> + Send + 'static,
    ) -> Result<Self> {
        Self::start_all(vec![reader])
    }

    /// Runs each of `readers`, which share the work, on a thread of its own.
    pub(crate) fn start_all<R>(readers: Vec<R>) -> Result<Self>
    where
        R: FnOnce(Flags) -> Result<ReadBack> + Send + 'static,
    {
        let flags = Flags::default();
        let start = |(index, reader): (usize, R)| {
            let flags = flags.clone();
            let thread = std::thread::Builder::new().name(format!("reader-{}", index + 1));
            let thread = thread.spawn(move || reader(flags));
            thread.map_err(|error| Failure::io("can't start a reader", &error))
        };
        let threads = readers.into_iter().enumerate().map(start).collect::<Result<_>>()?;
        Ok(Self { finish: flags.finish, stop: flags.stop, threads })
    }

    /// How far the readers came, once all have ended: the least of them.
    pub(crate) fn join(self) -> std::result::Result<ReadBack, String> {
        let mut least = ReadBack::ToTheEnd;
        for thread in self.threads {
            let ended = thread.join().map_err(|_| "a reader panicked".to_owned())?;
            least = least.max(ended.map_err(|failure| failure.to_string())?);
        }
        Ok(least)
    }
}

/// What a reader is told while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Raised when the writers are done.
    pub(crate) finish: Arc<AtomicBool>,
    /// Raised to stop at once.
    pub(crate) stop: Arc<AtomicBool>,
}

/// How far reading back came, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ReadBack {
    /// To the end that the system itself named.
    ToTheEnd,
    /// Nothing more came for a while; the system did not say that this was all.
    Quiet,
    /// It was stopped before.
    Stopped,
}
