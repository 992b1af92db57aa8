//! Segments that a broker removes: by age, by size, and because the log begins behind them.
//!
//! Stands for `LogManager.cleanupLogs` and `UnifiedLog.deleteOldSegments` of apache/kafka @ 3.9.0,
//! which every broker does for every log that it has, whether it leads or follows: from 30 s after
//! its start on, at each `log.retention.check.interval.ms`. A look at which nothing can go happens
//! without an event: what is armed is the next at which something may. Where the log begins then is
//! written down at once, as the names of the files are; these go `file.delete.delay.ms` later.
//! Parameters: those, and [`crate::kafka::segments::Retention`]'s. Left out: the look's own CPU
//! time, compaction.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::disk::DiskOp;
use headwater_sim::time::{Duration, Time};

use super::{Broker, Ctx, TAGS, kind};
use crate::batch::Lane;
use crate::bugs::Bug;
use crate::kafka::ids::TopicPartition;
use crate::kafka::partition_log::{Deleted, PartitionLog};
use crate::kafka::properties;
use crate::kafka::record::{LOG_START_FILE, Record, log_file};
use crate::kafka::replica::Replica;
use crate::kafka::segments::{Retention, Rolling};
use crate::kafka::signals;
use crate::note::Note;
use crate::protocol;

/// `log.initial.task.delay.ms` at its default.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// What a broker is about to remove.
#[derive(Debug, Default)]
pub(super) struct Removing {
    /// A timer runs for the next look.
    armed: bool,
    /// Files that go, and when.
    files: VecDeque<(Time, TopicPartition, Deleted)>,
}

impl Removing {
    /// Files of a log are about to go.
    pub fn is_about(&self, partition: TopicPartition) -> bool {
        self.files.iter().any(|(_, of, _)| *of == partition)
    }
}

impl Broker {
    /// Tells how much there is of the logs, where that matters.
    pub(super) fn gauge_logs(&self, ctx: &mut Ctx<'_>) {
        if self.config.topic.removes_soon() {
            let logs = self.replicas.iter().map(|replica| &replica.log);
            signals::LOG_BYTES.set(ctx, logs.map(|log| log.segments().bytes()).sum());
            self.gauge_remote(ctx);
        }
    }

    /// What retention asks of a log.
    fn retention(&self, replica: &Replica) -> Retention {
        let (partition, log) = (replica.partition, &replica.log);
        let (topic, start) = (self.topic(partition), log.start_offset());
        match self.copied(partition) {
            Some(copied) => topic.local_retention((start, log.local_start()), copied),
            None => topic.retention(start),
        }
    }

    /// Sets a timer for the first look at which something may go, if that is before `until`.
    pub(super) fn arm_retention(&mut self, ctx: &mut Ctx<'_>, until: Time) {
        if self.removing.armed {
            return;
        }
        let (first, now) = (Time(self.incarnation) + FIRST_LOOK, ctx.now());
        let every = Duration::from_millis(self.config.broker.log_retention_check_interval_ms);
        let look_at = |due: Time| {
            let looks = due.since(first).0.div_ceil(every.0);
            first + every * looks
        };
        // The look that would be now has been.
        let soonest = look_at(now + Duration(1));
        if soonest > until {
            return;
        }
        let due = self.replicas.iter().filter_map(|of| self.may_expire(of, soonest)).min();
        if let Some(due) = due.map(|due| look_at(due.max(soonest))).filter(|due| *due <= until) {
            self.removing.armed = true;
            ctx.timer(due.since(now), TAGS.tag(kind::RETENTION, 0));
        }
    }

    /// From when on a segment of a log may go; nothing if none ever does.
    fn may_expire(&self, replica: &Replica, soonest: Time) -> Option<Time> {
        let retention = self.retention(replica);
        let oldest = replica.log.segments().iter().next()?;
        let large = retention.bytes.is_some_and(|limit| replica.log.segments().bytes() >= limit);
        if large || oldest.first < retention.floor {
            return Some(soonest);
        }
        // Strictly older than that.
        retention.time.map(|time| oldest.largest + time + Duration(1))
    }

    /// It is time for a look.
    pub(super) fn look_for_expired(&mut self, ctx: &mut Ctx<'_>) {
        self.removing.armed = false;
        self.gauge_logs(ctx);
        let all: Vec<_> = self.replicas.iter().map(|replica| replica.partition).collect();
        let mut any = false;
        for partition in all {
            any |= self.remove_expired(ctx, partition);
        }
        if any {
            self.write_log_starts(ctx);
            self.gauge_logs(ctx);
        }
        let until = ctx.now() + self.sight();
        self.arm_retention(ctx, until);
    }

    /// How far ahead a look is armed: until after the next chance to do so.
    pub(super) fn sight(&self) -> Duration {
        Duration::from_millis(2 * self.config.broker.high_watermark_checkpoint_interval_ms.max(1))
    }

    fn remove_expired(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) -> bool {
        let topic = self.topic(partition);
        let Some(replica) = self.replicas.get(partition) else { return false };
        let retention = self.retention(replica);
        let high_watermark = replica.high_watermark;
        let (limits, until) = self.planted_limits(&retention, replica);
        let (to, rolls) = replica.log.retained(&limits, until, ctx.now());
        if rolls {
            self.roll(ctx, partition);
        }
        let Some(replica) = self.replicas.get(partition) else { return false };
        if replica.log.segments().iter().next().is_none_or(|oldest| to <= oldest.first) {
            return false;
        }
        let Some(replica) = self.replicas.get_mut(partition) else { return false };
        let before = replica.log.segments().iter().len();
        let mut deleted = replica.log.delete_before(to, Rolling::from(&topic));
        let gone = before - replica.log.segments().iter().len();
        properties::REMOVES_COMMITTED.note(ctx, partition.into(), to <= high_watermark);
        signals::SEGMENTS_DELETED.note(ctx, partition.into(), gone as u64);
        if let Some(copied) = retention.tiered {
            let there = to <= copied.max(retention.start);
            properties::REMOVES_COPIED.note(ctx, partition.into(), there);
            // They are in remote storage, and count there.
            deleted.folded.ranges.clear();
        } else {
            replica.log.raise_start(to);
        }
        if retention.tiered.is_none() && self.config.is_of_events(partition) {
            let ranges = deleted.folded.ranges.iter().copied().collect();
            let lane = Lane::from(partition);
            ctx.note(Note::Expired { lane, position: to, ranges });
        }
        let delay = Duration::from_millis(topic.file_delete_delay_ms);
        self.removing.files.push_back((ctx.now() + delay, partition, deleted));
        ctx.timer(delay, TAGS.tag(kind::DELETE_FILES, 0));
        true
    }

    /// What retention asks of a log, and up to where anything may go, with the defects that are
    /// planted.
    fn planted_limits(&self, retention: &Retention, replica: &Replica) -> (Retention, u64) {
        let all = replica.log.end_offset();
        let copied = self.bugs.has(Bug::RemovesUncopied).then_some(all);
        let until = match self.bugs.has(Bug::RemovesUncommitted) {
            true => all,
            false => replica.high_watermark,
        };
        let tiered = retention.tiered.map(|there| copied.unwrap_or(there));
        (Retention { tiered, ..*retention }, until)
    }

    /// The active segment is old enough to go, once it is in remote storage: another begins.
    fn roll(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        if replica.log.roll() {
            replica.recovery_point = replica.log.end_offset();
            let ignored = TAGS.tag(kind::IGNORED, 0);
            ctx.sync(self.dirs.of(partition), log_file(partition), ignored);
        }
    }

    /// Files of removed segments have been kept for long enough.
    pub(super) fn delete_files(&mut self, ctx: &mut Ctx<'_>) {
        while let Some((due, ..)) = self.removing.files.front()
            && *due <= ctx.now()
            && let Some((_, partition, deleted)) = self.removing.files.pop_front()
        {
            self.discard(ctx, partition, deleted);
        }
    }

    fn discard(&self, ctx: &mut Ctx<'_>, partition: TopicPartition, deleted: Deleted) {
        let Deleted { records, folded } = deleted;
        let record = protocol::Record::Kafka(Record::Folded(Rc::new(folded)));
        let op = DiskOp::Discard { file: log_file(partition), records, record: Box::new(record) };
        ctx.disk(self.dirs.of(partition), op, TAGS.tag(kind::IGNORED, 0));
    }

    /// Writes `log-start-offset-checkpoint`.
    pub(super) fn write_log_starts(&self, ctx: &mut Ctx<'_>) {
        let start = |partition| {
            let log = self.replicas.get(partition).map(|replica| &replica.log);
            log.map_or((0, 0), |log| (log.start_offset(), log.local_start()))
        };
        let all = TopicPartition::all(self.image.partitions.len() as u32);
        self.write_down(ctx, LOG_START_FILE, Record::LogStarts(all.map(start).collect()));
    }

    /// A log that was read from disk begins where it was said to: what lies before is deleted, as
    /// files whose names say so are when the broker starts.
    pub(super) fn begin_log(
        &self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        log: &mut PartitionLog,
        (start, local): (u64, u64),
    ) {
        if local > log.end_offset() {
            // Its end was lost with the power: the log is empty, and begins there.
            self.forget_file(ctx, partition);
            *log = PartitionLog::starting_at(local);
        } else if local > 0 {
            let deleted = log.delete_before(local, Rolling::from(&self.topic(partition)));
            self.discard(ctx, partition, deleted);
        }
        log.begins(start);
    }

    fn forget_file(&self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let delete = DiskOp::Delete { file: log_file(partition) };
        ctx.disk(self.dirs.of(partition), delete, TAGS.tag(kind::IGNORED, 0));
    }

    /// `UnifiedLog.truncateFullyAndStartAt`: the log is given up, and goes on at an offset.
    pub(super) fn restart_log(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        offset: u64,
    ) {
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        replica.log = PartitionLog::starting_at(offset);
        (replica.high_watermark, replica.recovery_point) = (offset, offset);
        self.removing.files.retain(|(_, of, _)| *of != partition);
        self.forget_file(ctx, partition);
        self.write_log_starts(ctx);
        signals::LOG_RESTARTED.note(ctx, partition.into(), offset);
    }
}
