//! What a test has seen of a cluster: the history that the checkers judge, and the times that tests
//! of latency and of recovery look at.

use std::collections::{BTreeMap, BTreeSet};

use headwater_check::{History, Once, Positions, Promises, Suite, Verdict};
use headwater_models::batch::StreamId;
use headwater_models::note::Note;
use headwater_models::protocol::Streaming;
use headwater_sim::effect::Effect;
use headwater_sim::log::LogEntry;
use headwater_sim::node::Observer;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

/// An entry of the timeline.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub at: Time,
    pub node: NodeId,
    pub name: &'static str,
    /// Of what, and the figure that goes with it.
    pub entity: u64,
    pub value: u64,
}

/// What was noted.
pub struct Seen {
    /// For the checkers.
    pub history: History,
    /// Time of the ack and response of every event, in the order of the acks.
    pub acks: Vec<(Time, Duration)>,
    /// Batches acknowledged.
    pub batches: u64,
    /// (writer, lane) of what was acknowledged.
    pub lanes: BTreeSet<(u32, u32)>,
    /// Errors of the batches given up.
    pub errors: Vec<&'static str>,
    /// Intended times of the events in the order of their delivery.
    pub delivered_due: Vec<Time>,
    /// The lanes of these.
    pub delivered_lanes: Vec<u32>,
    /// The timeline.
    pub events: Vec<Event>,
    /// When fetches were answered.
    pub fetched: Vec<Time>,
    /// How often each property was noted.
    pub properties: BTreeMap<&'static str, u64>,
    /// Levels of logs and of what is behind them: by node and name, with their times.
    pub gauges: Vec<(Time, NodeId, &'static str, u64)>,
    /// Somebody asked for what had been folded.
    pub asked_for_folded: bool,
}

impl Observer<Streaming> for Seen {
    fn event(&mut self, _: u64, _: u64, entry: &LogEntry) {
        if entry.kind == "fetch_response" {
            self.fetched.push(entry.at);
        }
    }

    fn effect(&mut self, at: Time, node: NodeId, effect: &Effect<Streaming>) {
        if let Effect::Gauge { name, value } = effect
            && ["log_", "remote_", "tier_", "retained_"].iter().any(|of| name.starts_with(of))
        {
            self.gauges.push((at, node, name, *value));
        }
    }

    fn note(&mut self, at: Time, node: NodeId, note: Note) {
        self.history.note(at, node, &note);
        match note {
            Note::Acked { batch } => {
                self.batches += 1;
                self.lanes.insert((batch.writer, batch.lane.0));
                self.acks.extend(batch.intended.iter().map(|due| (at, at.since(*due))));
            }
            Note::Failed { error, .. } => self.errors.push(error),
            Note::Delivered { batch, .. } => {
                self.delivered_due.extend(&batch.intended);
                let lanes = batch.intended.iter().map(|_| batch.lane.0);
                self.delivered_lanes.extend(lanes);
            }
            Note::Property { property, .. } => {
                *self.properties.entry(property.name).or_default() += 1;
            }
            Note::Event { mark, entity, value, .. } => {
                self.events.push(Event { at, node, name: mark.name, entity, value });
            }
            Note::Folded => self.asked_for_folded = true,
            Note::Watermark { .. }
            | Note::HandedOn { .. }
            | Note::Through { .. }
            | Note::Ranked(_)
            | Note::Late { .. }
            | Note::Asked { .. }
            | Note::Expired { .. } => {}
        }
    }
}

impl Seen {
    /// Nothing yet, where positions of deliveries count events or bytes.
    pub fn new(positions: Positions) -> Self {
        Self {
            history: History::new(StreamId::default(), positions),
            acks: vec![],
            batches: 0,
            gauges: vec![],
            asked_for_folded: false,
            lanes: BTreeSet::new(),
            errors: vec![],
            delivered_due: vec![],
            delivered_lanes: vec![],
            events: vec![],
            fetched: vec![],
            properties: BTreeMap::new(),
        }
    }

    /// The highest level of this name on any node.
    pub fn highest(&self, name: &str) -> u64 {
        let of = self.gauges.iter().filter(|(.., of, _)| *of == name);
        of.map(|(.., value)| *value).max().unwrap_or(0)
    }

    /// The verdicts on promises that were broken; properties that must always hold are among them
    /// whatever is promised.
    pub fn broken(&self, promises: Promises) -> Vec<Verdict> {
        let verdicts = Suite::from(promises).run(&self.history);
        verdicts.into_iter().filter(|verdict| !verdict.passed).collect()
    }

    /// Fails unless everything that was acknowledged was delivered once and in order, no reader was
    /// moved past an event, no level fell, and the properties held.
    pub fn check_exactly_once(&self) {
        let promises = Promises { once: Once::Delivered, ..Promises::default() };
        assert_eq!(self.broken(promises), []);
        assert_eq!(self.acks.len() as u64, self.history.acked_events(), "acknowledged twice");
    }

    /// What broke the promise to deliver every event once, and in order; that something is missing
    /// does not.
    pub fn repeated_or_late(&self) -> Vec<Verdict> {
        let order = Promises { once: Once::Delivered, order: true, ..Promises::none() };
        let mut broken = self.broken(order);
        broken.retain(|verdict| ["no_duplicates", "order_per_lane"].contains(&verdict.name));
        broken
    }

    /// How many events break a promise, by the checker's name.
    fn count(&self, promises: Promises, checker: &str) -> u64 {
        let of_checker = |verdict: &Verdict| verdict.name == checker;
        self.broken(promises).into_iter().find(of_checker).map_or(0, |verdict| verdict.violations)
    }

    /// Acknowledged events that were not delivered.
    pub fn lost(&self) -> u64 {
        self.count(Promises { no_acked_loss: true, ..Promises::none() }, "no_acked_loss")
    }

    /// Events delivered more than once.
    pub fn repeated(&self) -> u64 {
        self.count(Promises { once: Once::Delivered, ..Promises::none() }, "no_duplicates")
    }

    /// How often a level fell that must not.
    pub fn fallen(&self) -> u64 {
        self.count(Promises { monotone: true, ..Promises::none() }, "watermarks_monotone")
    }

    /// Events acknowledged.
    pub fn acked(&self) -> u64 {
        self.acks.len() as u64
    }

    /// Events delivered, again ones included.
    pub fn delivered(&self) -> u64 {
        self.history.delivered_events()
    }

    /// Events given up.
    pub fn failed(&self) -> u64 {
        self.history.failed_events()
    }

    /// The response from the intended time at a share of what was acknowledged.
    pub fn response(&self, share: f64) -> Duration {
        self.response_since(Time::ZERO, share)
    }

    /// The same of what was acknowledged from an instant on.
    pub fn response_since(&self, from: Time, share: f64) -> Duration {
        let late = self.acks.iter().filter(|(at, _)| *at >= from);
        let mut all: Vec<Duration> = late.map(|(_, response)| *response).collect();
        all.sort_unstable();
        assert!(!all.is_empty(), "nothing was acknowledged from {from} on");
        all[((all.len() - 1) as f64 * share) as usize]
    }

    /// The longest time without an ack from the first to the last.
    pub fn longest_gap(&self) -> Duration {
        let ends = self.acks.first().zip(self.acks.last());
        ends.map_or(Duration::ZERO, |(first, last)| self.longest_gap_in(first.0, last.0).1)
    }

    /// The longest time without an ack between two instants: (from, length).
    pub fn longest_gap_in(&self, from: Time, to: Time) -> (Time, Duration) {
        let times = self.acks.iter().map(|(at, _)| *at).filter(|at| *at >= from && *at <= to);
        let mut last = from;
        let mut longest = (from, Duration::ZERO);
        for at in times.chain([to]) {
            if at.since(last) > longest.1 {
                longest = (last, at.since(last));
            }
            last = at;
        }
        longest
    }

    /// Times of the events of one name.
    pub fn times(&self, name: &str) -> Vec<Time> {
        self.events.iter().filter(|event| event.name == name).map(|event| event.at).collect()
    }

    /// When an event of this name first happened, in milliseconds.
    pub fn first_ms(&self, name: &str) -> Option<u64> {
        self.times(name).first().map(|at| at.0 / 1_000_000)
    }

    /// How often a property was noted.
    pub fn noted(&self, property: &str) -> u64 {
        self.properties.get(property).copied().unwrap_or(0)
    }
}
