//! The observer of a simulation: measures and keeps the history, in constant memory per event.

use std::collections::BTreeSet;

use headwater_models::arrival::Arrival;
use headwater_models::batch::StreamId;
use headwater_models::note::Note;
use headwater_models::property::{Property, When};
use headwater_models::protocol::Streaming;
use headwater_models::queries::Asked;
use headwater_reports::Recorder;
use headwater_reports::outcome::Window;
use headwater_sim::effect::Effect;
use headwater_sim::fault::Fault;
use headwater_sim::log::LogEntry;
use headwater_sim::node::Observer;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::scenario::{Part, Scenario};
use headwater_models::deployment::Deployment;

use super::acks::Acks;
use super::rankings::Rankings;
use super::stream::{Measured, ObservedStream};
use super::timeline::Timeline;
use crate::follow::Follower;
use crate::trace::{self, Trace};
use headwater_check::Positions;

/// What it is made with.
#[derive(Clone, Debug)]
pub struct ObservedSpec {
    /// The measured window.
    pub window: Window,
    /// Length of an interval of the series.
    pub interval: Duration,
    /// When phases begin, nanoseconds ([`Scenario::phases`]).
    pub phases: Vec<u64>,
    /// The streams, by number; one at least.
    pub streams: Vec<StreamSpec>,
    /// The stream of each node's system, by the node's number; those that are missing belong to the
    /// first.
    pub stream_of: Vec<StreamId>,
}

/// A stream that is to be observed.
#[derive(Clone, Copy, Debug)]
pub struct StreamSpec {
    /// What its readers' positions count.
    pub positions: Positions,
    /// Its writers take the schedule; else they take from another stream.
    pub takes_schedule: bool,
    /// Its readers hand on to another stream.
    pub hands_on: bool,
    /// The number of its audit reader, if it has one.
    pub auditor: Option<u32>,
}

impl StreamSpec {
    /// The only stream of a run.
    pub const fn only(positions: Positions) -> Self {
        Self { positions, takes_schedule: true, hands_on: false, auditor: None }
    }
}

impl ObservedSpec {
    /// Of the streams of these systems, on the nodes of a deployment of them.
    pub fn of(scenario: &Scenario, deployment: &Deployment) -> Self {
        let (from, until) = scenario.window();
        let stream = |(id, part): (StreamId, &Part)| StreamSpec {
            positions: part.system.positions(),
            takes_schedule: part.from.is_none(),
            hands_on: scenario.systems.hands_on(id),
            auditor: part.system.auditor().filter(|_| scenario.audits()),
        };
        Self {
            window: Window { from_ns: from.0, until_ns: until.0 },
            interval: scenario.measure.interval,
            phases: scenario.phases(),
            streams: scenario.systems.iter().map(stream).collect(),
            stream_of: deployment.streams.clone(),
        }
    }
}

/// What was observed so far.
pub struct Observed {
    /// Each stream, by its number.
    pub streams: Vec<ObservedStream>,
    /// The whole, where there are several: what is due and acknowledged where the schedule is
    /// taken, and what comes out behind the last system, against the schedule.
    pub total: Option<Measured>,
    stream_of: Vec<StreamId>,
    /// Marks and leaders.
    pub timeline: Timeline,
    /// From then on the system should accept what is due.
    pub healed_from: Time,
    /// Nodes that a fault without an end has hit. What they say of what has to hold in the end says
    /// nothing of the others.
    pub hurt_for_good: BTreeSet<NodeId>,
    /// Somebody asked for what had been folded.
    pub asked_for_folded: bool,
    /// The trace, if one was asked for.
    pub trace: Trace,
    /// What follows events, if any are to be.
    pub follower: Option<Box<Follower>>,
    /// What was just acknowledged.
    pub acks: Acks,
    /// What was shown of windows.
    pub rankings: Rankings,
    /// What became of users' queries, of which stream, and when.
    pub queries: Vec<(StreamId, Time, u64, Asked)>,
}

impl Observed {
    /// Nothing yet.
    pub fn new(spec: ObservedSpec) -> Self {
        assert!(!spec.streams.is_empty(), "a run has a stream");
        let streams = (0..).map(StreamId).zip(&spec.streams);
        let streams: Vec<_> =
            streams.map(|(id, stream)| ObservedStream::new(id, *stream, &spec)).collect();
        Self {
            total: (streams.len() > 1).then(|| Measured::new(&spec)),
            streams,
            stream_of: spec.stream_of,
            timeline: Timeline::default(),
            healed_from: Time::ZERO,
            hurt_for_good: BTreeSet::new(),
            asked_for_folded: false,
            trace: Trace::default(),
            follower: None,
            acks: Acks::default(),
            rankings: Rankings::default(),
            queries: Vec::new(),
        }
    }

    /// The schedule has this event, for each stream that takes it; told before anything else of the
    /// interval that it lies in.
    #[inline]
    pub fn offered(&mut self, arrival: &Arrival) {
        for id in (0..self.streams.len() as u32).map(StreamId) {
            if self.streams[id.0 as usize].spec.takes_schedule {
                self.each(
                    id,
                    |_| true,
                    |measured| {
                        measured.recorder.offered(arrival.at.0, 1, u64::from(arrival.bytes));
                    },
                );
            }
        }
    }

    /// Counts, rates, latencies and series of the whole.
    pub fn recorder(&self) -> &Recorder {
        let total = self.total.as_ref();
        &total.unwrap_or(&self.streams[0].measured).recorder
    }

    /// Events of any stream that were due and are neither acknowledged nor given up.
    pub fn outstanding(&self) -> u64 {
        self.streams.iter().map(ObservedStream::outstanding).sum()
    }

    /// Tells what happened in a stream to those who measure it, and to those who measure the whole
    /// if it is of such a stream.
    #[inline]
    fn each(
        &mut self,
        stream: StreamId,
        of_whole: impl Fn(&StreamSpec) -> bool,
        mut tell: impl FnMut(&mut Measured),
    ) {
        let ObservedStream { measured, spec, .. } = &mut self.streams[stream.0 as usize];
        tell(measured);
        if let Some(total) = self.total.as_mut().filter(|_| of_whole(spec)) {
            tell(total);
        }
    }

    /// The stream that a note of a node is about: that of its batch, or of the node's system.
    fn stream_of(&self, node: NodeId, note: &Note) -> StreamId {
        match note {
            Note::Acked { batch } | Note::Failed { batch, .. } | Note::Delivered { batch, .. } => {
                batch.stream
            }
            _ => self.stream_of.get(node.0 as usize).copied().unwrap_or_default(),
        }
    }
}

impl Observer<Streaming> for Observed {
    fn note(&mut self, at: Time, node: NodeId, note: Note) {
        if self.trace.is_keeping() {
            self.trace.note(at, node, trace::describe(&note));
        }
        let of_the_end = |property: &Property| property.when == When::Eventually;
        let says_nothing = matches!(&note, Note::Property { property, .. } if of_the_end(property))
            && self.hurt_for_good.contains(&node);
        let stream = self.stream_of(node, &note);
        if let Some(follower) = &mut self.follower {
            let of = &self.streams[stream.0 as usize].spec;
            follower.note(at, node, &note, of.takes_schedule, !of.hands_on);
        }
        if !says_nothing {
            self.streams[stream.0 as usize].history.note(at, node, &note);
        }
        match &note {
            Note::Acked { batch } => {
                self.acks.acked(batch);
                self.each(stream, |of| of.takes_schedule, |measured| measured.acked(at, batch));
            }
            Note::Failed { batch, .. } => {
                let healed = batch.intended.iter().filter(|due| **due > self.healed_from);
                let given_up = healed.count() as u64;
                self.streams[stream.0 as usize].given_up += given_up;
                self.each(stream, |of| of.takes_schedule, |measured| measured.failed(at, batch));
            }
            // How late an audit reader is says nothing of the system.
            Note::Delivered { reader, .. }
                if self.streams[stream.0 as usize].spec.auditor == Some(*reader) => {}
            Note::Delivered { batch, .. } => {
                let alone = |of: &StreamSpec| of.takes_schedule && !of.hands_on;
                self.each(stream, alone, |measured| measured.delivered(at, batch));
            }
            Note::HandedOn { to, count, again, way, bytes } => {
                self.streams[stream.0 as usize].passed(at, way);
                let stream = &mut self.streams[to.0 as usize];
                stream.handed_again += again;
                stream.measured.recorder.offered(at.0, *count, *bytes);
            }
            Note::Through { way, bytes } => {
                self.streams[stream.0 as usize].passed(at, way);
                if let Some(total) = &mut self.total {
                    total.through(at, way, *bytes);
                }
            }
            Note::Watermark { .. } | Note::Property { .. } | Note::Expired { .. } => {}
            Note::Ranked(ranking) => self.rankings.shown.push((stream, at, ranking.clone())),
            Note::Late { first, last, topic } => {
                self.rankings.late.push((stream, *first, *last, *topic));
            }
            Note::Asked { number, state } => self.queries.push((stream, at, *number, *state)),
            Note::Folded => self.asked_for_folded = true,
            Note::Event { .. } => self.timeline.note(at, (node, stream), &note),
        }
    }

    #[inline]
    fn event(&mut self, number: u64, hash: u64, entry: &LogEntry) {
        self.trace.event(number, hash, entry);
        if let Some(follower) = &mut self.follower {
            follower.event(number, entry);
        }
    }

    #[inline]
    fn effect(&mut self, at: Time, node: NodeId, effect: &Effect<Streaming>) {
        self.trace.effect(at, node, effect);
        if let Some(follower) = &mut self.follower {
            follower.effect(at, node, effect);
        }
    }

    fn keeps(&mut self) -> bool {
        self.follower.as_mut().is_some_and(|follower| follower.keeps())
    }

    fn fault(&mut self, at: Time, fault: &Fault) {
        self.acks.fault(at, fault);
        self.trace.fault(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_check::{Promises, Suite};
    use headwater_models::batch::{Batch, Lane, StreamWriter};
    use headwater_models::signal::Level;
    use headwater_reports::Outcome;
    use headwater_reports::outcome::{Scenario, Source};
    use std::rc::Rc;

    fn observed(streams: usize) -> Observed {
        Observed::new(ObservedSpec {
            window: Window { from_ns: 1_000, until_ns: 2_000 },
            interval: Duration(500),
            phases: vec![],
            streams: vec![StreamSpec::only(Positions::Events); streams],
            stream_of: vec![StreamId(0), StreamId(streams as u32 - 1)],
        })
    }

    fn batch(stream: u32) -> Rc<Batch> {
        Rc::new(Batch {
            bytes: 21,
            intended: vec![Time(100), Time(1_100)],
            started: vec![Time(1_050), Time(1_150)],
            ..Batch::empty(StreamWriter { stream: StreamId(stream), number: 0 }, Lane(0), 0)
        })
    }

    fn offer(observed: &mut Observed) {
        for (index, at) in [(0, 100), (1, 1_100)] {
            observed.offered(&Arrival { index, at: Time(at), key: 0, bytes: 10 });
        }
    }

    #[test]
    fn latencies_run_from_intended_time_and_bytes_add_up() {
        let mut observed = observed(1);
        offer(&mut observed);
        let batch = batch(0);
        observed.note(Time(1_400), NodeId(0), Note::Acked { batch: Rc::clone(&batch) });
        observed.note(Time(2_100), NodeId(1), Note::Delivered { reader: 0, batch, position: 0 });
        let latency = observed.recorder().latency();
        assert_eq!(latency.response.max(), Some(300));
        assert_eq!(latency.schedule_lag.max(), Some(50));
        assert_eq!(latency.end_to_end.count(), 1);
        assert_eq!((observed.recorder().counts().acked, observed.outstanding()), (2, 0));
        let mut outcome = Outcome::empty(Scenario::default(), Source::Simulated, 1);
        let stream = observed.streams.pop().expect("one");
        stream.measured.recorder.finish(2_100, &mut outcome);
        assert_eq!(outcome.rates.acked.bytes_per_second, 21.0 / 1e-6);
    }

    #[test]
    fn two_streams_are_counted_apart_and_together_and_levels_belong_to_the_node_s() {
        let mut observed = observed(2);
        offer(&mut observed);
        observed.note(Time(1_400), NodeId(0), Note::Acked { batch: batch(1) });
        observed.note(Time(1_500), NodeId(0), Note::Acked { batch: batch(0) });
        observed.note(Time(1_600), NodeId(0), Note::Failed { batch: batch(0), error: "x" });
        let counts = |of: &ObservedStream| of.measured.recorder.counts();
        let each: Vec<_> =
            observed.streams.iter().map(|of| (counts(of).acked, counts(of).failed)).collect();
        assert_eq!(each, [(2, 2), (2, 0)]);
        let total = observed.recorder().counts();
        assert_eq!((total.scheduled, total.acked, total.failed), (4, 4, 2));
        assert_eq!((observed.streams[0].given_up, observed.streams[1].given_up), (2, 0));
        const HIGH_WATERMARK: Level = Level::new("high_watermark");
        let level = |value| Note::Watermark { level: &HIGH_WATERMARK, entity: 0, value };
        observed.note(Time(1), NodeId(0), level(10));
        observed.note(Time(2), NodeId(1), level(5));
        for stream in &observed.streams {
            let verdicts = Suite::from(Promises::default()).run(&stream.history);
            let levels = verdicts.iter().find(|verdict| verdict.name == "watermarks_monotone");
            let levels = levels.expect("checked");
            assert_eq!((levels.checked, levels.violations), (1, 0), "{levels}");
        }
    }
}
