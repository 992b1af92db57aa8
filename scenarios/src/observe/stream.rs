//! What is observed of one stream, or of all together.

use headwater_models::batch::{Batch, StreamId};
use headwater_models::note::Passed;
use headwater_reports::outcome::Window;
use headwater_reports::{Latency, Recorder};
use headwater_sim::time::Time;

use super::observed::{ObservedSpec, StreamSpec};
use super::started::Started;
use headwater_check::History;

/// Counts, rates, latencies and series.
pub struct Measured {
    /// Everything that is reported in time order.
    pub recorder: Recorder,
    /// When events were taken, which is reported later.
    pub started: Started,
}

/// What was observed of a stream so far.
pub struct ObservedStream {
    /// Counts, rates, latencies and series.
    pub measured: Measured,
    /// History, for the checkers.
    pub history: History,
    /// What it is.
    pub(super) spec: StreamSpec,
    /// Events due when the system should have healed, and given up by their writer.
    pub given_up: u64,
    /// Events that it was handed, and had been handed before.
    pub handed_again: u64,
    /// How long events of the measured window were in it, each once; where systems hand on.
    pub passage: Latency,
    window: Window,
}

impl ObservedStream {
    /// Nothing yet.
    pub(super) fn new(id: StreamId, stream: StreamSpec, spec: &ObservedSpec) -> Self {
        let history = History::new(id, stream.positions);
        let (measured, window, passage) = (Measured::new(spec), spec.window, Latency::default());
        Self { measured, history, spec: stream, given_up: 0, handed_again: 0, passage, window }
    }

    /// Events have passed it.
    pub(super) fn passed(&mut self, at: Time, way: &[Passed]) {
        for of in way.iter().filter(|of| self.window.contains(of.due.0)) {
            self.passage.record(at.since(of.since).0);
        }
    }

    /// Events that were due and are neither acknowledged nor given up.
    pub fn outstanding(&self) -> u64 {
        let counts = self.measured.recorder.counts();
        counts.scheduled.saturating_sub(counts.acked + counts.failed)
    }
}

impl Measured {
    /// Nothing yet.
    pub(super) fn new(spec: &ObservedSpec) -> Self {
        let recorder = Recorder::new(spec.interval.0, spec.window).with_phases(&spec.phases);
        Self { recorder, started: Started::new(spec.interval) }
    }

    pub(super) fn acked(&mut self, at: Time, batch: &Batch) {
        self.sent(batch, |recorder, intended, started, bytes| {
            recorder.acked(at.0, intended, started, 1, bytes);
        });
    }

    pub(super) fn failed(&mut self, at: Time, batch: &Batch) {
        self.sent(batch, |_, _, _, _| {});
        self.recorder.failed(at.0, batch.count());
    }

    pub(super) fn delivered(&mut self, at: Time, batch: &Batch) {
        for (index, intended) in batch.intended.iter().enumerate() {
            self.recorder.delivered(
                at.0,
                intended.0,
                1,
                share(batch.bytes, batch.intended.len(), index),
            );
        }
    }

    /// Events that the schedule had at these times have come out behind the last system.
    pub(super) fn through(&mut self, at: Time, way: &[Passed], bytes: u64) {
        for (index, of) in way.iter().enumerate() {
            self.recorder.delivered(at.0, of.due.0, 1, share(bytes, way.len(), index));
        }
    }

    fn sent(&mut self, batch: &Batch, mut each: impl FnMut(&mut Recorder, u64, u64, u64)) {
        for (index, (intended, started)) in batch.intended.iter().zip(&batch.started).enumerate() {
            let bytes = share(batch.bytes, batch.intended.len(), index);
            self.started.add(*started, *started - *intended);
            self.recorder.sent(started.0, intended.0, 1, bytes);
            each(&mut self.recorder, intended.0, started.0, bytes);
        }
    }
}

/// The bytes of one of several events of which only the sum is known: an equal share, and what is
/// left over with the first.
fn share(bytes: u64, count: usize, index: usize) -> u64 {
    let count = count as u64;
    bytes / count + if index == 0 { bytes % count } else { 0 }
}
