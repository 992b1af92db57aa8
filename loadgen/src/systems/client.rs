//! Clients: what the generator writes and reads with, and what they report to the collector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use headwater_traffic::{Damage, Place, Stamp, parse};

use crate::clock::Clock;
use crate::failure::{Failure, Result};
use crate::prepare::Slice;
use crate::systems::counts::Counting;

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

/// What became of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    /// When that was known.
    pub(crate) at: u64,
    /// Which.
    pub(crate) token: Token,
    /// The client's error, if it was refused or given up: whether it is stored is not known. None
    /// if it was acknowledged.
    pub(crate) why: Option<&'static str>,
}

/// A payload that a reader was handed.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// When.
    pub(crate) at: u64,
    /// Which reader, from 0.
    pub(crate) reader: u32,
    /// Position in its lane, events.
    pub(crate) position: Option<u64>,
    /// Size of the payload.
    pub(crate) bytes: u32,
    /// What it says of itself.
    pub(crate) stamp: std::result::Result<Stamp, Damage>,
}

/// What the collector is told, in lots.
pub(crate) enum Observation {
    /// Events were due.
    Sent {
        /// They, with the times at which they were handed to the client.
        slice: Slice,
        /// Whether they were handed to the client by now; else that is told for itself.
        handed: bool,
    },
    /// A client that paces itself has sent these, at the times in their tokens.
    SentLate(Vec<Token>),
    /// Events were acknowledged, refused or given up.
    Settled(Vec<Settled>),
    /// A reader was handed payloads.
    Delivered(Vec<Delivered>),
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

    /// All that is due by now has been handed over.
    fn flush(&mut self) {}

    /// How much earlier than intended it wants its events, nanoseconds: above zero of a client that
    /// paces itself, which tells when it has sent each ([`Observation::SentLate`]).
    fn ahead_ns(&self) -> u64 {
        0
    }

    /// Gives up what is not acknowledged yet: no acknowledgement is reported afterwards.
    fn abandon(&mut self);
}

/// Lots on their way to the collector at the most, a few hundred events each. Observers beyond that
/// wait until the collector has caught up, which shows in the generator's lag; an unbounded queue
/// once took ten gigabytes unnoticed.
const LOTS_MAX: usize = 1 << 13;

/// Observations of a lot from which on it is sent off.
pub(crate) const LOT: usize = 256;

/// Reports to the collector what writers and readers see, by the clock of the run.
#[derive(Clone)]
pub(crate) struct Observer {
    /// The run's clock.
    pub(crate) clock: Clock,
    /// Where clients tell what they do, if it is asked for.
    pub(crate) counting: Option<Counting>,
    observed: SyncSender<Observation>,
    /// Events that clients were handed so far, by any of its clones.
    handed: Arc<AtomicU64>,
}

impl Observer {
    /// An observer by `clock`, and where the collector receives.
    pub(crate) fn new(clock: Clock) -> (Self, Receiver<Observation>) {
        let (observed, observations) = sync_channel(LOTS_MAX);
        (Self { clock, counting: None, observed, handed: Arc::default() }, observations)
    }

    /// The events of a slice were due, and were `handed` to their clients, at the times in it.
    pub(crate) fn sent(&self, slice: Slice, handed: bool) {
        self.handed.fetch_add(slice.events.len() as u64, Ordering::Relaxed);
        self.tell(Observation::Sent { slice, handed });
    }

    /// Events that clients were handed so far, ahead of their time or not, whether the collector
    /// knows of them or not.
    pub(crate) fn handed(&self) -> u64 {
        self.handed.load(Ordering::Relaxed)
    }

    /// An event was acknowledged, now.
    pub(crate) fn acked(&self, token: Token) {
        self.settled(vec![Settled { at: self.clock.now(), token, why: None }]);
    }

    /// An event was given up, now.
    pub(crate) fn failed(&self, token: Token, why: &'static str) {
        self.settled(vec![Settled { at: self.clock.now(), token, why: Some(why) }]);
    }

    /// Events were acknowledged or given up.
    pub(crate) fn settled(&self, lot: Vec<Settled>) {
        self.tell(Observation::Settled(lot));
    }

    /// A reader was handed a payload, now.
    pub(crate) fn delivered(&self, reader: u32, position: Option<u64>, payload: &[u8]) {
        Lot::of_delivered(self).delivered(reader, position, payload);
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

/// Observations of one kind that are sent off together: when there are enough of them, when it is
/// asked for, and when it is dropped.
pub(crate) struct Lot<T> {
    observer: Observer,
    wrap: fn(Vec<T>) -> Observation,
    lot: Vec<T>,
}

impl<T> Lot<T> {
    fn new(observer: &Observer, wrap: fn(Vec<T>) -> Observation) -> Self {
        Self { observer: observer.clone(), wrap, lot: Vec::new() }
    }

    /// The run's clock.
    pub(crate) fn clock(&self) -> &Clock {
        &self.observer.clock
    }

    /// Adds an observation; whether the lot was sent off.
    pub(crate) fn add(&mut self, one: T) -> bool {
        if self.lot.capacity() == 0 {
            self.lot.reserve_exact(LOT);
        }
        self.lot.push(one);
        let full = self.lot.len() >= LOT;
        if full {
            self.flush();
        }
        full
    }

    /// Sends off what there is.
    pub(crate) fn flush(&mut self) {
        if !self.lot.is_empty() {
            self.observer.tell((self.wrap)(std::mem::take(&mut self.lot)));
        }
    }
}

impl<T> Drop for Lot<T> {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Lot<Settled> {
    /// What becomes of events.
    pub(crate) fn of_settled(observer: &Observer) -> Self {
        Self::new(observer, Observation::Settled)
    }
}

impl Lot<Token> {
    /// Events that a client sends which paces itself.
    pub(crate) fn of_sent(observer: &Observer) -> Self {
        Self::new(observer, Observation::SentLate)
    }
}

impl Lot<Delivered> {
    /// What a reader is handed.
    pub(crate) fn of_delivered(observer: &Observer) -> Self {
        Self::new(observer, Observation::Delivered)
    }

    /// `reader` was handed a payload, now.
    pub(crate) fn delivered(&mut self, reader: u32, position: Option<u64>, payload: &[u8]) {
        let at = self.clock().now();
        self.delivered_at(at, reader, position, payload);
    }

    /// `reader` was handed a payload at `at`.
    pub(crate) fn delivered_at(
        &mut self,
        at: u64,
        reader: u32,
        position: Option<u64>,
        payload: &[u8],
    ) {
        let (bytes, stamp) = (payload.len() as u32, parse(payload));
        self.add(Delivered { at, reader, position, bytes, stamp });
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
