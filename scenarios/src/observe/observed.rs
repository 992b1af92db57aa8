//! The observer of a simulation: measures and keeps the history, in constant memory per event.

use std::collections::BTreeSet;

use headwater_models::arrival::Arrival;
use headwater_models::batch::Batch;
use headwater_models::note::Note;
use headwater_models::property::{Property, When};
use headwater_models::protocol::Streaming;
use headwater_reports::Recorder;
use headwater_reports::outcome::Window;
use headwater_sim::effect::Effect;
use headwater_sim::fault::Fault;
use headwater_sim::log::LogEntry;
use headwater_sim::node::Observer;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::started::Started;
use super::timeline::Timeline;
use crate::trace::{self, Trace};
use headwater_check::{History, Positions};

/// What it is made with.
#[derive(Clone, Copy, Debug)]
pub struct ObservedSpec {
    /// The measured window.
    pub window: Window,
    /// Length of an interval of the series.
    pub interval: Duration,
    /// What readers' positions count.
    pub positions: Positions,
}

/// What was observed so far.
pub struct Observed {
    /// Counts, rates, latencies and series.
    pub recorder: Recorder,
    /// When events were taken.
    pub started: Started,
    /// History, for the checkers.
    pub history: History,
    /// Marks and leaders.
    pub timeline: Timeline,
    /// From here on the system should take what is due.
    pub healed_from: Time,
    /// Events due after that, and given up by their writer.
    pub given_up: u64,
    /// Nodes that a fault without an end has hit. What they say of what has to hold in the end says
    /// nothing of the others.
    pub hurt_for_good: BTreeSet<NodeId>,
    /// What was asked to be kept record by record; nothing unless it is put in place.
    pub trace: Trace,
}

impl Observed {
    /// Nothing yet.
    pub fn new(spec: ObservedSpec) -> Self {
        Self {
            recorder: Recorder::new(spec.interval.0, spec.window),
            started: Started::new(spec.interval),
            history: History::new(spec.positions),
            timeline: Timeline::default(),
            healed_from: Time::ZERO,
            given_up: 0,
            hurt_for_good: BTreeSet::new(),
            trace: Trace::default(),
        }
    }

    /// The schedule has this event; told before anything else of the interval that it lies in.
    #[inline]
    pub fn offered(&mut self, arrival: &Arrival) {
        self.recorder.offered(arrival.at.0, 1, u64::from(arrival.bytes));
    }

    /// Events that were due and are neither acknowledged nor given up.
    pub fn outstanding(&self) -> u64 {
        let counts = self.recorder.counts();
        counts.scheduled.saturating_sub(counts.acked + counts.failed)
    }

    fn sent(&mut self, batch: &Batch, mut each: impl FnMut(&mut Recorder, u64, u64, u64)) {
        for (index, (intended, started)) in batch.intended.iter().zip(&batch.started).enumerate() {
            let bytes = share(batch, index);
            self.started.add(*started, *started - *intended);
            self.recorder.sent(started.0, intended.0, 1, bytes);
            each(&mut self.recorder, intended.0, started.0, bytes);
        }
    }
}

/// The bytes of one event of a batch, which only knows their sum: an equal share, and what is left
/// over with the first.
fn share(batch: &Batch, index: usize) -> u64 {
    let count = batch.count();
    batch.bytes / count + if index == 0 { batch.bytes % count } else { 0 }
}

impl Observer<Streaming> for Observed {
    fn note(&mut self, at: Time, node: NodeId, note: Note) {
        if self.trace.is_keeping() {
            self.trace.note(at, node, trace::describe(&note));
        }
        let of_the_end = |property: &Property| property.when == When::Eventually;
        let says_nothing = matches!(&note, Note::Property { property, .. } if of_the_end(property))
            && self.hurt_for_good.contains(&node);
        if !says_nothing {
            self.history.note(at, node, &note);
        }
        match &note {
            Note::Acked { batch } => self.sent(batch, |recorder, intended, started, bytes| {
                recorder.acked(at.0, intended, started, 1, bytes);
            }),
            Note::Failed { batch, .. } => {
                self.sent(batch, |_, _, _, _| {});
                let healed = batch.intended.iter().filter(|due| **due > self.healed_from);
                self.given_up += healed.count() as u64;
                self.recorder.failed(at.0, batch.count());
            }
            Note::Delivered { batch, .. } => {
                for (index, intended) in batch.intended.iter().enumerate() {
                    self.recorder.delivered(at.0, intended.0, 1, share(batch, index));
                }
            }
            Note::Watermark { .. } | Note::Property { .. } => {}
            Note::Event { .. } => self.timeline.note(at, node, &note),
        }
    }

    #[inline]
    fn event(&mut self, number: u64, hash: u64, entry: &LogEntry) {
        self.trace.event(number, hash, entry);
    }

    #[inline]
    fn effect(&mut self, at: Time, node: NodeId, effect: &Effect<Streaming>) {
        self.trace.effect(at, node, effect);
    }

    fn fault(&mut self, _at: Time, fault: &Fault) {
        self.trace.fault(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_models::batch::Lane;
    use std::rc::Rc;

    #[test]
    fn latencies_run_from_intended_time_and_bytes_add_up() {
        let spec = ObservedSpec {
            window: Window { from_ns: 1_000, until_ns: 2_000 },
            interval: Duration(500),
            positions: Positions::Events,
        };
        let mut observed = Observed::new(spec);
        for (index, at) in [(0, 100), (1, 1_100)] {
            observed.offered(&Arrival { index, at: Time(at), key: 0, bytes: 10 });
        }
        let batch = Rc::new(Batch {
            writer: 0,
            lane: Lane(0),
            first: 0,
            bytes: 21,
            intended: vec![Time(100), Time(1_100)],
            started: vec![Time(1_050), Time(1_150)],
        });
        observed.note(Time(1_400), NodeId(0), Note::Acked { batch: Rc::clone(&batch) });
        observed.note(Time(2_100), NodeId(1), Note::Delivered { reader: 0, batch, position: 0 });
        let latency = observed.recorder.latency();
        assert_eq!(latency.response.max(), Some(300));
        assert_eq!(latency.schedule_lag.max(), Some(50));
        assert_eq!(latency.end_to_end.count(), 1);
        assert_eq!((observed.recorder.counts().acked, observed.outstanding()), (2, 0));
        let empty = headwater_reports::outcome::Scenario::default();
        let source = headwater_reports::outcome::Source::Simulated;
        let mut outcome = headwater_reports::Outcome::empty(empty, source, 1);
        observed.recorder.finish(2_100, &mut outcome);
        assert_eq!(outcome.rates.acked.bytes_per_second, 21.0 / 1e-6);
    }
}
