//! Traces: what happened in a part of a run, record by record, for people and for tools.
//!
//! The kernel's own log keeps the last few hundred events of every run. A trace is asked for with a
//! [`Watch`] and keeps everything in a range of events or of time: events, what was sent and when,
//! faults with their parameters, and notes. Watching changes nothing in the run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use headwater_sim::effect::{Effect, Transport};
use headwater_sim::fault::Fault;
use headwater_sim::log::LogEntry;
use headwater_sim::node::{Message as _, Observer, Protocol};
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

mod clip;
mod messages;
mod notes;

pub mod log;
pub mod perfetto;

pub use clip::clipped;
pub use messages::{Message, messages};
pub use notes::describe;

/// Which part of a run to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Watch {
    /// Nothing.
    #[default]
    Nothing,
    /// Events with these numbers, from 0, with all that they led to at once.
    Events(Range<u64>),
    /// What happens in any of these stretches of time.
    Times(Vec<Range<Time>>),
}

impl Watch {
    /// The whole run.
    pub const fn everything() -> Self {
        Self::Events(0..u64::MAX)
    }

    fn keeps(&self, number: u64, at: Time) -> bool {
        match self {
            Self::Nothing => false,
            Self::Events(range) => range.contains(&number),
            Self::Times(ranges) => ranges.iter().any(|range| range.contains(&at)),
        }
    }
}

/// Records that a trace keeps at most; those that follow are counted. About 250 MB.
pub const RECORDS_MAX: usize = 1_000_000;

/// What a record tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A process has started.
    Start,
    /// A message was handed over to the network.
    Sent,
    /// A datagram was handed over to the network.
    SentDatagram,
    /// A message has arrived.
    Received,
    /// A timer has run out.
    Timer,
    /// Disk or CPU work is done.
    Done,
    /// A connection has broken.
    Disconnect,
    /// The process was asked to shut down.
    Shutdown,
    /// The process was notified of a condition of its environment.
    Condition,
    /// The process has exited of its own accord.
    Exit,
    /// The environment has changed.
    Fault,
    /// A model told what it did.
    Note,
}

impl What {
    /// Its name in the log and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Sent => "send",
            Self::SentDatagram => "datagram",
            Self::Received => "receive",
            Self::Timer => "timer",
            Self::Done => "done",
            Self::Disconnect => "disconnect",
            Self::Shutdown => "shutdown",
            Self::Condition => "condition",
            Self::Exit => "exit",
            Self::Fault => "fault",
            Self::Note => "note",
        }
    }

    fn of(entry: &LogEntry) -> Self {
        match entry.what {
            "message" => Self::Received,
            "timer" => Self::Timer,
            "done" => Self::Done,
            "disconnect" => Self::Disconnect,
            "fault" => Self::Fault,
            "shutdown" => Self::Shutdown,
            "condition" => Self::Condition,
            _ => Self::Start,
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The event that it is, or that it followed from at once.
    pub number: u64,
    /// The fingerprint with that event.
    pub hash: u64,
    /// When.
    pub at: Time,
    /// At which node.
    pub node: NodeId,
    /// What.
    pub what: What,
    /// Which message, completion, fault or note.
    pub kind: Cow<'static, str>,
    /// The sender or the receiver, where there is one.
    pub peer: Option<NodeId>,
    /// A tag or a digest, by `what`.
    pub detail: u64,
    /// What it says, in words.
    pub text: String,
}

/// What was kept of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    watch: Watch,
    /// The event at hand, if it is kept: its number and hash.
    current: Option<(u64, u64)>,
    /// Messages that were sent under the watch and have not arrived: sender, receiver, digest.
    under_way: BTreeMap<(NodeId, NodeId, u64), u32>,
    records: Vec<Record>,
    omitted: u64,
    names: Vec<String>,
}

impl Trace {
    /// An empty trace of what `watch` says.
    pub fn new(watch: Watch) -> Self {
        Self { watch, ..Self::default() }
    }

    /// What was kept, in order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The part of it in a stretch of time.
    pub fn within(&self, times: &Range<Time>) -> Self {
        let here = self.records.iter().filter(|record| times.contains(&record.at));
        Self { records: here.cloned().collect(), ..self.clone_empty() }
    }

    /// The part of it in a range of events.
    pub fn within_events(&self, numbers: &Range<u64>) -> Self {
        let here = self.records.iter().filter(|record| numbers.contains(&record.number));
        Self { records: here.cloned().collect(), ..self.clone_empty() }
    }

    fn clone_empty(&self) -> Self {
        let (watch, names) = (self.watch.clone(), self.names.clone());
        Self { watch, names, omitted: self.omitted, ..Self::default() }
    }

    /// Records that were left out because there were too many.
    pub const fn omitted(&self) -> u64 {
        self.omitted
    }

    /// The names of the nodes, by number.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Tells the names of the nodes.
    pub fn name_nodes(&mut self, names: Vec<String>) {
        self.names = names;
    }

    /// The name of a node, or its number where it has none.
    pub fn name(&self, node: NodeId) -> Cow<'_, str> {
        match self.names.get(node.index()) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(node.to_string()),
        }
    }

    /// Takes an event. The arrival of a message that was sent under the watch is kept whenever it
    /// is, so that a message without one is known to be lost.
    #[inline]
    pub fn event(&mut self, number: u64, hash: u64, entry: &LogEntry) {
        let keeps = self.watch.keeps(number, entry.at);
        if keeps || !self.under_way.is_empty() {
            self.take(number, hash, entry, keeps);
        } else {
            self.current = None;
        }
    }

    fn take(&mut self, number: u64, hash: u64, entry: &LogEntry, keeps: bool) {
        let LogEntry { at, node, kind, peer, detail, .. } = *entry;
        let what = What::of(entry);
        let awaited = what == What::Received && self.arrives(peer, node, detail);
        self.current = (keeps || awaited).then_some((number, hash));
        if self.current.is_some() {
            self.push(at, node, what, (kind.into(), peer, detail), String::new());
        }
        self.current = self.current.filter(|_| keeps);
    }

    fn arrives(&mut self, from: Option<NodeId>, to: NodeId, digest: u64) -> bool {
        let Some(from) = from.filter(|_| !self.under_way.is_empty()) else { return false };
        let Entry::Occupied(mut count) = self.under_way.entry((from, to, digest)) else {
            return false;
        };
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
        true
    }

    /// Takes an effect of the event at hand: what was sent, and that a process ended.
    #[inline]
    pub fn effect<P: Protocol>(&mut self, at: Time, node: NodeId, effect: &Effect<P>) {
        if self.current.is_some() {
            self.take_effect(at, node, effect);
        }
    }

    fn take_effect<P: Protocol>(&mut self, at: Time, node: NodeId, effect: &Effect<P>) {
        match effect {
            Effect::Send { to, message, transport } => {
                let what = match transport {
                    Transport::Connection => What::Sent,
                    Transport::Datagram => What::SentDatagram,
                };
                // As the receiver's event has it, so that both can be paired.
                let digest = message.digest() ^ u64::from(node.0) << 48;
                let about = (message.kind().into(), Some(*to), digest);
                let full = self.records.len() >= RECORDS_MAX;
                let text = if full { String::new() } else { clipped(message) };
                self.push(at, node, what, about, text);
                if !full {
                    *self.under_way.entry((node, *to, digest)).or_default() += 1;
                }
            }
            Effect::Exit => self.push(at, node, What::Exit, ("".into(), None, 0), String::new()),
            _ => {}
        }
    }

    /// Takes the parameters of the fault at hand.
    pub fn fault(&mut self, fault: &Fault) {
        if self.current.is_some()
            && let Some(last) = self.records.last_mut()
        {
            last.text = clipped(fault);
        }
    }

    /// Takes a note of the event at hand.
    pub fn note(&mut self, at: Time, node: NodeId, note: Noted) {
        let Noted { kind, peer, digest, text } = note;
        self.push(at, node, What::Note, (kind, peer, digest), text);
    }

    /// True if the event at hand is kept.
    pub const fn is_keeping(&self) -> bool {
        self.current.is_some()
    }

    fn push(
        &mut self,
        at: Time,
        node: NodeId,
        what: What,
        (kind, peer, detail): (Cow<'static, str>, Option<NodeId>, u64),
        text: String,
    ) {
        let Some((number, hash)) = self.current else { return };
        if self.records.len() >= RECORDS_MAX {
            self.omitted += 1;
            return;
        }
        self.records.push(Record { number, hash, at, node, what, kind, peer, detail, text });
    }
}

/// A note as it stands in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// What kind of note.
    pub kind: Cow<'static, str>,
    /// The other node that it is about.
    pub peer: Option<NodeId>,
    /// Its hash.
    pub digest: u64,
    /// What it says.
    pub text: String,
}

/// An observer with a trace beside it, for a simulation of any protocol.
pub struct Watched<O> {
    /// The observer.
    pub observer: O,
    /// What was kept.
    pub trace: Trace,
}

impl<O> Watched<O> {
    /// `observer`, and a trace of what `watch` says.
    pub fn new(observer: O, watch: Watch) -> Self {
        Self { observer, trace: Trace::new(watch) }
    }
}

impl<P: Protocol, O: Observer<P>> Observer<P> for Watched<O> {
    fn note(&mut self, at: Time, node: NodeId, note: P::Note) {
        if self.trace.is_keeping() {
            let digest = headwater_sim::node::Note::digest(&note);
            let noted = Noted { kind: "note".into(), peer: None, digest, text: clipped(&note) };
            self.trace.note(at, node, noted);
        }
        self.observer.note(at, node, note);
    }

    fn event(&mut self, number: u64, hash: u64, entry: &LogEntry) {
        self.trace.event(number, hash, entry);
    }

    fn effect(&mut self, at: Time, node: NodeId, effect: &Effect<P>) {
        self.trace.effect(at, node, effect);
    }

    fn fault(&mut self, _at: Time, fault: &Fault) {
        self.trace.fault(fault);
    }
}
