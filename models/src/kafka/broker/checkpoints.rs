//! What a broker writes down of its logs from time to time, and when it stops.
//!
//! Stands for the checkpoints of `ReplicaManager` and `LogManager`, and for `LogManager.shutdown`,
//! of apache/kafka @ 3.9.0. A clean stop syncs every log, writes both checkpoints and then
//! `.kafka_cleanshutdown`, so that nothing is checked at the next start; the voter stops last
//! (`KafkaRaftServer.shutdown`). Parameters: `replica.high.watermark.checkpoint.interval.ms`,
//! `num.recovery.threads.per.data.dir`; `log.flush.offset.checkpoint.interval.ms` is at its
//! default. Left out: the end of the JVM, which takes a second or so more.

use std::collections::VecDeque;

use headwater_sim::disk::{DiskOp, FileId};
use headwater_sim::time::Duration;

use super::lifecycle::Phase;
use super::quorum::Input;
use super::{Broker, Ctx, DISK, TAGS, kind};
use crate::kafka::ids::TopicPartition;
use crate::kafka::record::{
    CLEAN_SHUTDOWN_FILE, HIGH_WATERMARK_FILE, RECOVERY_POINT_FILE, Record, log_file,
};
use crate::kafka::replica::Replica;
use crate::protocol;

/// `log.flush.offset.checkpoint.interval.ms`.
const RECOVERY_POINT_INTERVAL: Duration = Duration::from_secs(60);
/// How long a voter that stops waits for another leader (`KafkaRaftManager.shutdown`).
const VOTER_GRACE: Duration = Duration::from_secs(5);

/// How far a stop has come.
#[derive(Debug, Default)]
pub enum Stop {
    /// It runs.
    #[default]
    No,
    /// Logs that are to be synced, and how many are being synced.
    Flushing(VecDeque<TopicPartition>, u32),
    /// The marker is being written.
    Marking,
    /// The voter hands over.
    Leaving,
}

impl Broker {
    /// The timers that every broker runs from its start.
    pub(super) fn start_timers(&self, ctx: &mut Ctx<'_>) {
        let config = &self.config.broker;
        let half_lag = Duration::from_millis((config.replica_lag_time_max_ms / 2).max(1));
        ctx.timer(half_lag, TAGS.tag(kind::ISR_CHECK, 0));
        let checkpoint = Duration::from_millis(config.high_watermark_checkpoint_interval_ms);
        ctx.timer(checkpoint, TAGS.tag(kind::CHECKPOINT, 0));
        ctx.timer(RECOVERY_POINT_INTERVAL, TAGS.tag(kind::RECOVERY_POINTS, 0));
    }

    /// Writes `replication-offset-checkpoint` from time to time.
    pub(super) fn checkpoint(&mut self, ctx: &mut Ctx<'_>) {
        let marks = self.points(|replica| replica.high_watermark);
        self.write_down(ctx, HIGH_WATERMARK_FILE, Record::HighWatermarks(marks));
        let millis = self.config.broker.high_watermark_checkpoint_interval_ms.max(1);
        ctx.timer(Duration::from_millis(millis), TAGS.tag(kind::CHECKPOINT, 0));
        let until = ctx.now() + self.sight();
        self.arm_retention(ctx, until);
    }

    /// Writes `recovery-point-offset-checkpoint` from time to time.
    pub(super) fn checkpoint_recovery_points(&self, ctx: &mut Ctx<'_>) {
        let points = self.points(|replica| replica.recovery_point);
        self.write_down(ctx, RECOVERY_POINT_FILE, Record::RecoveryPoints(points));
        ctx.timer(RECOVERY_POINT_INTERVAL, TAGS.tag(kind::RECOVERY_POINTS, 0));
    }

    fn points(&self, of: impl Fn(&Replica) -> u64) -> Vec<u64> {
        let point = |partition| self.replicas.get(partition).map_or(0, &of);
        TopicPartition::all(self.image.partitions.len() as u32).map(point).collect()
    }

    /// Puts a record in the place of what a file held.
    pub(super) fn write_down(&self, ctx: &mut Ctx<'_>, file: FileId, record: Record) {
        let ignored = TAGS.tag(kind::IGNORED, 0);
        ctx.disk(DISK, DiskOp::Truncate { file, keep: 0 }, ignored);
        ctx.write(DISK, file, protocol::Record::Kafka(record), ignored);
        ctx.sync(DISK, file, ignored);
    }

    /// The broker stops: it serves nobody any more, and syncs its logs.
    pub(super) fn begin_stop(&mut self, ctx: &mut Ctx<'_>) {
        self.life.phase = Phase::ShuttingDown;
        let dirty = |replica: &&Replica| replica.log.end_offset() > replica.recovery_point;
        let dirty = self.replicas.iter().filter(dirty).map(|replica| replica.partition);
        self.stop = Stop::Flushing(dirty.collect(), 0);
        self.flush_next(ctx);
    }

    fn flush_next(&mut self, ctx: &mut Ctx<'_>) {
        let Stop::Flushing(todo, under_way) = &mut self.stop else { return };
        while *under_way < self.config.broker.recovery_threads
            && let Some(partition) = todo.pop_front()
        {
            *under_way += 1;
            let (disk, file) = (self.dirs.of(partition), log_file(partition));
            ctx.sync(disk, file, TAGS.tag(kind::STOP_FLUSHED, partition.into()));
        }
        if *under_way > 0 {
            return;
        }
        let marks = self.points(|replica| replica.high_watermark);
        self.write_down(ctx, HIGH_WATERMARK_FILE, Record::HighWatermarks(marks));
        let points = self.points(|replica| replica.recovery_point);
        self.write_down(ctx, RECOVERY_POINT_FILE, Record::RecoveryPoints(points));
        self.stop = Stop::Marking;
        // Logs that were never checked stay so.
        if self.loaded {
            let marker = Record::CleanShutdown { incarnation: self.incarnation };
            let marker = protocol::Record::Kafka(marker);
            ctx.write(DISK, CLEAN_SHUTDOWN_FILE, marker, TAGS.tag(kind::IGNORED, 0));
        }
        ctx.sync(DISK, CLEAN_SHUTDOWN_FILE, TAGS.tag(kind::STOP_MARKED, 0));
    }

    /// A log is synced.
    pub(super) fn stop_flushed(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        if let Some(replica) = self.replicas.get_mut(partition) {
            replica.recovery_point = replica.log.end_offset();
        }
        if let Stop::Flushing(_, under_way) = &mut self.stop {
            *under_way -= 1;
        }
        self.flush_next(ctx);
    }

    /// The marker is written: the voter hands over.
    pub(super) fn stop_marked(&mut self, ctx: &mut Ctx<'_>) {
        self.stop = Stop::Leaving;
        ctx.timer(VOTER_GRACE, TAGS.tag(kind::STOP_LATE, 0));
        self.tell_voter(ctx, Input::Stop);
    }

    /// The process ends once another leads the quorum.
    pub(super) fn try_to_exit(&mut self, ctx: &mut Ctx<'_>) {
        let may_stop = self.quorum.as_ref().is_none_or(|of| of.has_stopped());
        if matches!(self.stop, Stop::Leaving) && may_stop {
            ctx.exit();
        }
    }
}
