//! Whether what was acknowledged is what the schedule had: each event once, at its time, in a lane
//! that owns its key.
//!
//! An acknowledged event is told by its intended time, which a model carries along from the intake
//! to the acknowledgement; the schedule is drawn a second time beside the run. The key is looked up
//! here, and whose it is is asked of the system's configuration ([`System::may_have`]), not of the
//! writer that has routed it.
//!
//! [`System::may_have`]: headwater_models::system::System::may_have

use std::sync::Arc;

use headwater_models::arrival::Arrival;
use headwater_models::batch::{Batch, StreamId};
use headwater_models::system::System;
use headwater_sim::time::Time;

use super::Found;
use crate::scenario::Topology;
use crate::scenario::metric::AS_SCHEDULED;
use headwater_check::{Finding, Verdict, grouped};

/// Events of the schedule that are kept: 32 MB.
const KEPT_MAX: usize = 1_000_000;

/// An event of the schedule.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Time,
    key: u64,
    index: u64,
}

/// Who looks at the acknowledgements of one stream.
struct OfStream {
    system: Arc<dyn System>,
    /// Its writers take the schedule.
    takes: bool,
    /// Which events of the schedule were acknowledged.
    acked: Vec<bool>,
    found: Found,
    beyond: u64,
}

/// The schedule, and what was acknowledged of it.
pub(super) struct Scheduled {
    due: Vec<Due>,
    streams: Vec<OfStream>,
}

impl Scheduled {
    pub(super) fn new(systems: &Topology) -> Self {
        let streams = systems.iter().map(|(_, part)| OfStream {
            system: Arc::clone(&part.system),
            takes: part.from.is_none(),
            acked: Vec::new(),
            found: Found::default(),
            beyond: 0,
        });
        Self { due: Vec::new(), streams: streams.collect() }
    }

    #[inline]
    pub(super) fn offered(&mut self, arrival: &Arrival) {
        if self.due.len() < KEPT_MAX {
            self.due.push(Due { at: arrival.at, key: arrival.key, index: arrival.index });
        }
    }

    /// Looks at a batch that was just acknowledged.
    pub(super) fn look(&mut self, now: Time, batch: &Batch) {
        let of = &mut self.streams[batch.stream.0 as usize];
        if !of.takes {
            return;
        }
        of.acked.resize(self.due.len(), false);
        let kept_all = self.due.len() < KEPT_MAX;
        let known = self.due.last().map_or(Time::ZERO, |due| due.at);
        for (number, (intended, started)) in batch.intended.iter().zip(&batch.started).enumerate() {
            // A writer whose clock is ahead takes what is not due yet; that a timer is early
            // without that, the kernel's promises say.
            if *intended > now || (*intended >= known && !kept_all) {
                of.beyond += 1;
                continue;
            }
            of.found.checked += 1;
            let from = self.due.partition_point(|due| due.at < *intended);
            let same = self.due[from..].iter().take_while(|due| due.at == *intended).count();
            if let Some(what) = of.amiss(&self.due[from..from + same], from, batch, *started) {
                let event = batch.first + number as u64;
                let detail = format!("due at {intended}, taken at {started}");
                let (lane, writer) = (Some(batch.lane.0), Some(batch.writer));
                let (first, last) = (event, event);
                of.found.add(|| Finding {
                    lane,
                    writer,
                    first,
                    last,
                    detail,
                    ..Finding::at(what, now)
                });
            }
        }
    }

    /// How many events of the schedule are kept.
    pub(super) const fn len(&self) -> usize {
        self.due.len()
    }

    /// When event `index`, which is kept, is due.
    pub(super) fn at(&self, index: u64) -> Time {
        let due = &self.due[index as usize];
        debug_assert_eq!(due.index, index, "events are numbered in order");
        due.at
    }

    /// Up to when all events are kept, if some are not.
    pub(super) fn known_until(&self) -> Option<Time> {
        let last = self.due.last().filter(|_| self.due.len() >= KEPT_MAX);
        last.map(|due| due.at)
    }

    /// Whether event `index` was acknowledged in a stream that takes the schedule.
    pub(super) fn is_acked(&self, stream: StreamId, index: u64) -> bool {
        let acked = &self.streams[stream.0 as usize].acked;
        acked.get(index as usize).copied().unwrap_or(false)
    }

    /// What was found, if the stream takes the schedule.
    pub(super) fn verdict(&self, stream: StreamId) -> Option<Verdict> {
        let of = &self.streams[stream.0 as usize];
        let mut summary =
            format!("{} acknowledged events are not as the schedule had them", of.found.shares());
        if of.beyond > 0 {
            summary += &format!("; {} not looked at", grouped(of.beyond));
        }
        of.takes.then(|| of.found.verdict(AS_SCHEDULED, stream, summary))
    }
}

impl OfStream {
    /// What is wrong with an acknowledged event that was due when `due` were, of which the first is
    /// number `from`.
    fn amiss(
        &mut self,
        due: &[Due],
        from: usize,
        batch: &Batch,
        started: Time,
    ) -> Option<&'static str> {
        let Some(first) = due.first() else { return Some("acknowledged without being due") };
        let owned = |due: &Due| self.system.may_have(batch.lane, due.key, due.index);
        let here = (from..).zip(due).filter(|(_, due)| owned(due));
        let mut here = here.map(|(number, _)| number).peekable();
        if here.peek().is_none() {
            return Some("in a lane that does not own its key");
        }
        let Some(number) = here.find(|number| !self.acked[*number]) else {
            return Some("acknowledged twice");
        };
        self.acked[number] = true;
        (started < first.at).then_some("taken before it was due")
    }
}
