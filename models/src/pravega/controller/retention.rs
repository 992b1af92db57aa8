//! The periodic look at a stream with a retention policy: where it ends is put down, and it is
//! truncated where the policy says.
//!
//! Stands for `BucketService`, `PeriodicRetention` and `StreamMetadataTasks.retention` @ v0.13.0: a
//! controller that takes a stream over looks a period later, and then a period after each look's
//! end. The stores of all active segments are asked where they end, which makes a stream cut; of
//! the cuts in the retention set the youngest is taken that leaves as much as the policy wants. As
//! a look is always more than a period after the cut before, each makes one
//! (`generateStreamCutIfRequired`).
//!
//! Parameters: [`crate::pravega::config::RetentionPolicy`],
//! `controller.retention.frequency.minutes`. Left out: more than one bucket and controller; the
//! look's 100 ms of polling (`DELAY_IN_MILLIS`); the lower bound of several subscribers (readers of
//! one group here); that a look may begin while the stream is scaled: here it waits.

use headwater_sim::time::Duration;

use crate::pravega::config::{RetentionPolicy, RetentionType};
use crate::pravega::message::CloseReason;
use crate::pravega::node::Ctx;
use crate::pravega::properties;
use crate::pravega::segment::SegmentId;
use crate::pravega::truncation::{Consumed, SegmentInfo};

use super::record_keeper::Then;
use super::retention_record::{Cut, Place};
use super::scale_operation::{Running, Step};
use super::stream_record::StreamRecord;
use super::{Controller, TIMER_RETENTION};

impl StreamRecord {
    /// Segments whose ends a cut needs: those that are active, and those that were sealed since the
    /// last.
    fn to_measure(&self) -> Vec<SegmentId> {
        let active = self.epochs.active().into_iter().map(|owner| owner.segment);
        let sealed = self.epochs.sealed_before(self.epochs.epoch());
        let unknown = sealed.filter(|segment| !self.retained.sealed.contains_key(segment));
        active.chain(unknown).collect()
    }

    /// Puts down where the stream ends (`generateStreamCut`, `addStreamCutToRetentionSet`).
    fn cut(&mut self, now_ms: u64, infos: impl Iterator<Item = (SegmentId, SegmentInfo)>) {
        let active: Vec<_> = self.epochs.active().iter().map(|owner| owner.segment).collect();
        let mut places = Vec::new();
        for (segment, info) in infos {
            let end = Place::end_of(segment, &info);
            if active.contains(&segment) {
                places.push(end);
            } else {
                self.retained.sealed.insert(segment, end);
            }
        }
        let ends = places.iter().chain(self.retained.sealed.values());
        let size = ends.map(|place| place.offset).sum();
        let epoch = self.epochs.epoch();
        self.retained.cuts.push(Cut { at_ms: now_ms, size, epoch, places });
    }

    /// Whether a truncation at a cut of the set leaves what the policy wants, by what the stores
    /// say: when what goes was written, and how much is left of each segment.
    fn leaves_enough(&self, cut: &Cut, policy: &RetentionPolicy, now_ms: u64) -> bool {
        let latest = self.retained.cuts.last();
        let young = |place: &Place| place.newest_ns / 1_000_000 + policy.duration_ms_min > now_ms;
        let gone: Vec<_> = self.epochs.sealed_before(cut.epoch).collect();
        let left = |place: &Place| match cut.place(place.segment) {
            Some(before) => place.offset.saturating_sub(before.offset),
            None if gone.contains(&place.segment) => 0,
            None => place.offset,
        };
        let ends = latest.into_iter().flat_map(|latest| &latest.places);
        let ends = ends.chain(self.retained.sealed.values());
        match policy.retention_type {
            RetentionType::Time => !cut.places.iter().any(young),
            RetentionType::Size => ends.map(left).sum::<u64>() >= policy.size_bytes_min,
            RetentionType::None => false,
        }
    }
}

impl Controller {
    /// The next look is due a period from now.
    pub(super) fn rest(&mut self, ctx: &mut Ctx<'_>) {
        if self.cluster.retention_policy.retains() {
            let minutes = self.cluster.controller.retention_frequency_minutes;
            ctx.timer(Duration::from_secs(60 * minutes), TIMER_RETENTION + self.starts);
        }
    }

    /// It is due.
    pub(super) fn look_for_expired(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(kept) = self.kept.as_mut().filter(|one| one.is_loaded()) {
            kept.look = true;
            self.next_task(ctx);
        }
    }

    /// Asks the stores where segments end, if that is due and nothing else is done with them.
    pub(super) fn begin_look(&mut self, ctx: &mut Ctx<'_>) {
        let Some(kept) = self.kept.as_mut().filter(|one| one.look && !one.is_busy()) else {
            return;
        };
        kept.look = false;
        let measured = kept.record.to_measure();
        self.start_step(ctx, Running::new(Step::Measuring, measured));
    }

    /// A store has said where a segment ends, or can't.
    pub(super) fn on_info(
        &mut self,
        ctx: &mut Ctx<'_>,
        request: u64,
        info: Result<Box<SegmentInfo>, CloseReason>,
    ) {
        let Some(kept) = &mut self.kept else { return };
        let Some(running) = &mut kept.running else { return };
        let Some(segment) = running.of_request(request) else { return };
        let done = info.is_ok();
        match info {
            Ok(info) => {
                let told = kept.record.retained.truncated_at(segment);
                properties::RETAINS.note(ctx, segment.into(), info.start <= told);
                running.infos.insert(segment, *info);
            }
            // There is no stream: the next look may find one.
            Err(CloseReason::NoSuchSegment) => {
                kept.running = None;
                self.rest(ctx);
                return self.next_task(ctx);
            }
            Err(_) => {}
        }
        self.on_step(ctx, request, done);
    }

    /// A reader of a group that holds truncation up says how far it is.
    pub(super) fn consumed(&mut self, ctx: &mut Ctx<'_>, places: &[Consumed]) {
        let Some(kept) = self.kept.as_mut().filter(|one| one.is_loaded()) else { return };
        let mut further = false;
        for place in places {
            further |= kept.record.retained.consumed(place);
        }
        if further {
            self.keep(ctx, Then::Nothing);
        }
    }

    /// All segments have been asked.
    pub(super) fn measured(&mut self, ctx: &mut Ctx<'_>) {
        let now_ms = ctx.now().as_nanos() / 1_000_000;
        let policy = self.cluster.retention_policy;
        let kept = self.kept.as_mut().expect("it was measured");
        let running = kept.running.as_mut().expect("it was measured");
        let infos = std::mem::take(&mut running.infos);
        let record = &mut kept.record;
        record.cut(now_ms, infos.into_iter());
        if let Some(cut) = record.retained.truncates_at(&policy, now_ms) {
            let enough = record.leaves_enough(&cut, &policy, now_ms);
            properties::RETAINS.note(ctx, 0, enough);
            record.retained.begin(cut, &record.epochs);
        }
        self.keep(ctx, Then::Rest);
    }
}
