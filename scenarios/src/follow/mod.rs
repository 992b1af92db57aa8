//! Following events: how late each one was, and the way that a few of them took.
//!
//! A run is made once to find the events of interest: [`Follow::Latencies`] keeps every latency of
//! the measured window with the event that it belongs to. It is then repeated with
//! [`Follow::Events`], which keeps where those events came and what led to each of the steps
//! ([`headwater_sim::causes`]). Neither changes anything in the run.

use std::collections::BTreeMap;
use std::ops::Range;

use headwater_models::batch::{Batch, Lane, SharedBatch, StreamId};
use headwater_models::note::Note;
use headwater_models::protocol::{Message, Streaming};
use headwater_sim::causes::{Causes, LinkId};
use headwater_sim::effect::Effect;
use headwater_sim::log::LogEntry;
use headwater_sim::node::Message as _;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

mod samples;

pub use samples::{Pick, Samples};

/// The end of an event's way that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Its writer was told that it is stored.
    Acked,
    /// A reader was handed it.
    Delivered {
        /// Which one, from 0.
        reader: u32,
    },
}

/// An event, and the end of its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sought {
    /// How long it was under way.
    pub latency: Duration,
    /// When the schedule had it.
    pub intended: Time,
    /// The stream.
    pub stream: StreamId,
    /// Its writer.
    pub writer: u32,
    /// Its lane.
    pub lane: Lane,
    /// Its number in the lane.
    pub number: u64,
    /// The end.
    pub end: End,
}

impl Sought {
    fn is_in(&self, batch: &Batch) -> bool {
        (batch.stream, batch.writer, batch.lane) == (self.stream, self.writer, self.lane)
            && (batch.first..=batch.last()).contains(&self.number)
    }

    /// When its way ended.
    pub fn ended(&self) -> Time {
        self.intended + self.latency
    }
}

/// What of a run's events is followed.
#[derive(Clone, Debug, Default)]
pub enum Follow {
    /// Nothing.
    #[default]
    Nothing,
    /// How late each event of the measured window was.
    Latencies,
    /// The way of these.
    Events(Vec<Sought>),
}

/// Before an event is due, what it will have to wait for may have begun: so much of it is kept.
/// What began earlier still is not told apart.
const BEFORE: Duration = Duration::from_secs(5);

impl Follow {
    /// The stretches of time in which causes are to be kept, if any.
    pub fn windows(&self) -> Option<Vec<Range<Time>>> {
        let Self::Events(all) = self else { return None };
        let window = |of: &Sought| {
            let end = of.ended() + Duration(1);
            Time(of.intended.0.saturating_sub(BEFORE.0))..end
        };
        Some(all.iter().map(window).collect())
    }
}

/// A followed event came to a node, or left one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Time,
    /// At which node.
    pub node: NodeId,
    /// The event of the kernel that it was part of.
    pub number: u64,
}

/// The way of an event.
#[derive(Clone, Debug)]
pub struct Way {
    /// Whose.
    pub sought: Sought,
    /// The messages with it that arrived, in order.
    pub came: Vec<Step>,
    /// The messages with it that were sent.
    pub left: Vec<Step>,
    /// The nodes that took an office meanwhile that is of a part of the system: who leads a
    /// partition, who runs a container.
    pub taken: Vec<Step>,
    /// The end, if it was seen.
    pub end: Option<Step>,
}

/// What was followed of a run.
#[derive(Debug, Default)]
pub struct Followed {
    /// How late events were, acknowledged and delivered.
    pub samples: Samples,
    /// The ways, in the order in which they were asked for.
    pub ways: Vec<Way>,
    /// What led to their steps.
    pub causes: Option<Box<Causes>>,
}

impl Followed {
    /// The links of the steps, by the numbers of their events.
    pub fn links(&self) -> BTreeMap<u64, LinkId> {
        self.causes.iter().flat_map(|causes| causes.kept()).collect()
    }
}

/// Follows events while a run goes on.
#[derive(Debug, Default)]
pub struct Follower {
    samples: Option<Samples>,
    window: Range<Time>,
    ways: Vec<Way>,
    /// Messages with followed events: sender, receiver, digest.
    under_way: BTreeMap<(NodeId, NodeId, u64), Vec<usize>>,
    /// The event at hand.
    number: u64,
    keeps: bool,
}

impl Follower {
    /// Of events that are due in `window`; nothing if nothing is to be followed.
    pub fn new(follow: &Follow, window: Range<Time>) -> Option<Self> {
        let way = |sought: &Sought| {
            let (came, left, taken) = (Vec::new(), Vec::new(), Vec::new());
            Way { sought: *sought, came, left, taken, end: None }
        };
        match follow {
            Follow::Nothing => None,
            Follow::Latencies => {
                Some(Self { samples: Some(Samples::default()), window, ..Self::default() })
            }
            Follow::Events(all) => {
                Some(Self { ways: all.iter().map(way).collect(), window, ..Self::default() })
            }
        }
    }

    /// What was followed.
    pub fn finish(self) -> Followed {
        Followed { samples: self.samples.unwrap_or_default(), ways: self.ways, causes: None }
    }

    /// Takes an event of the kernel.
    pub fn event(&mut self, number: u64, entry: &LogEntry) {
        self.number = number;
        let Some(from) = entry.peer.filter(|_| !self.under_way.is_empty()) else { return };
        let Some(which) = self.under_way.get(&(from, entry.node, entry.detail)) else { return };
        for way in which {
            self.ways[*way].came.push(Step { at: entry.at, node: entry.node, number });
        }
        self.keeps = true;
    }

    /// Takes an effect of it.
    pub fn effect(&mut self, at: Time, node: NodeId, effect: &Effect<Streaming>) {
        let Effect::Send { to, message, .. } = effect else { return };
        let which = self.carried(at, message);
        if which.is_empty() {
            return;
        }
        for way in &which {
            self.ways[*way].left.push(Step { at, node, number: self.number });
        }
        self.keeps = true;
        // As the receiver's event has it.
        let digest = message.digest() ^ u64::from(node.0) << 48;
        self.under_way.insert((node, *to, digest), which);
    }

    fn carried(&self, at: Time, message: &Message) -> Vec<usize> {
        let mut which = Vec::new();
        let open = |way: &Way| at >= way.sought.intended && at <= way.sought.ended();
        if self.ways.iter().any(open) {
            message.for_each_batch(&mut |batch| {
                let these = (0..).zip(&self.ways).filter(|(_, way)| open(way));
                let these = these.filter(|(_, way)| way.sought.is_in(batch));
                which.extend(these.map(|(index, _)| index));
            });
        }
        which
    }

    /// Takes a note of it, of a stream that takes the `schedule`, and from which events leave the
    /// run (`last`).
    pub fn note(&mut self, at: Time, node: NodeId, note: &Note, schedule: bool, last: bool) {
        match note {
            Note::Acked { batch } if schedule => self.ended(at, node, End::Acked, batch),
            Note::Delivered { reader, batch, .. } if schedule && last => {
                self.ended(at, node, End::Delivered { reader: *reader }, batch);
            }
            Note::Event { mark, peer, .. } if mark.takes.is_some_and(|of| of.of.is_some()) => {
                let step = Step { at, node: peer.unwrap_or(node), number: self.number };
                let open = |way: &&mut Way| at >= way.sought.intended && at <= way.sought.ended();
                self.ways.iter_mut().filter(open).for_each(|way| way.taken.push(step));
            }
            _ => {}
        }
    }

    fn ended(&mut self, at: Time, node: NodeId, end: End, batch: &SharedBatch) {
        if let Some(samples) = &mut self.samples {
            return samples.add(at, end, batch, &self.window);
        }
        for way in &mut self.ways {
            let Sought { end: wanted, .. } = way.sought;
            if way.end.is_none()
                && wanted == end
                && way.sought.ended() == at
                && way.sought.is_in(batch)
            {
                way.end = Some(Step { at, node, number: self.number });
                self.keeps = true;
            }
        }
    }

    /// Whether the event at hand was one of their steps; asked once.
    pub fn keeps(&mut self) -> bool {
        std::mem::take(&mut self.keeps)
    }
}
