//! Start of a broker: reading back what the disk holds.
//!
//! Stands for `LogManager.loadLogs`, `LogLoader` and `ProducerStateManager` of apache/kafka @
//! 3.9.0. The quorum's files come first: the voter takes part while the logs are loaded, which is
//! once the broker knows of its registration. Torn and corrupt ends are cut off, epochs and
//! producers' sequence numbers are rebuilt from the batches. After an unclean stop every segment
//! from the one with the recovery point on is checked batch by batch, in as many logs at a time as
//! there are recovery threads. A directory without its `meta.properties` is refused; an empty one
//! is formatted before the broker starts.
//!
//! Parameters: `num.recovery.threads.per.data.dir`, `segment.bytes`,
//! [`crate::kafka::costs::Costs::recovery_mib_ns`]. Left out: that a cold start reads from disk
//! only what is checked (here the whole log, which is in memory afterwards), producer snapshots.

use std::collections::VecDeque;

use headwater_sim::disk::{DiskId, DiskOp, FileId};
use headwater_sim::node::{Completion, READ};
use headwater_sim::time::Duration;

use super::lifecycle::Phase;
use super::quorum::Quorum;
use super::{Broker, Ctx, DISK, RECOVERY, TAGS, kind};
use crate::bugs::Bug;
use crate::collections::SortedVecMap;
use crate::kafka::controller::metadata_log::MetadataLog;
use crate::kafka::controller::raft::Raft;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::partition_log::{PartitionLog, Summary};
use crate::kafka::properties;
use crate::kafka::record::{
    CLEAN_SHUTDOWN_FILE, HIGH_WATERMARK_FILE, LOG_START_FILE, LogBatch, META_PROPERTIES_FILE,
    METADATA_FILE, QUORUM_STATE_FILE, QuorumState, RECOVERY_POINT_FILE, Record, log_file,
    log_partition,
};
use crate::kafka::replica::Replica;
use crate::kafka::segments::Rolling;
use crate::kafka::signals;
use crate::protocol;

/// What has been read so far.
#[derive(Default)]
pub struct Recovery {
    /// Disks whose files are not listed yet.
    listing: usize,
    /// All but logs of partitions.
    files: Vec<FileId>,
    next: usize,
    /// Partitions whose logs are there.
    logs: Vec<TopicPartition>,
    metadata: MetadataLog,
    /// Entries of it that have been folded, and the hash of a read of them.
    folded: Option<(u64, u64)>,
    vote: QuorumState,
    high_watermarks: Vec<u64>,
    recovery_points: Vec<u64>,
    log_starts: Vec<(u64, u64)>,
    /// Whose directory it is.
    node_id: Option<BrokerId>,
    /// Which life was stopped cleanly, if the last one was.
    clean: Option<u64>,
    /// Logs to be loaded.
    todo: VecDeque<TopicPartition>,
    /// Logs that are being loaded.
    loading: u32,
    /// Logs that are read, and are being checked.
    read: SortedVecMap<TopicPartition, PartitionLog>,
}

impl Broker {
    pub(super) fn begin_recovery(&mut self, ctx: &mut Ctx<'_>) {
        let listing = self.dirs.disks().len();
        self.recovery = Some(Box::new(Recovery { listing, ..Recovery::default() }));
        for disk in self.dirs.disks() {
            ctx.disk(*disk, DiskOp::List, TAGS.tag(kind::RECOVER, 0));
        }
    }

    /// One step of what comes before the logs: the list of files, or one file's records.
    pub(super) fn recover(
        &mut self,
        ctx: &mut Ctx<'_>,
        which: u64,
        completion: Completion<protocol::Record>,
    ) {
        let Some(recovery) = &mut self.recovery else { return };
        match completion {
            Completion::Listed { files } => {
                for (file, _) in files {
                    match log_partition(file) {
                        Some(partition) => recovery.logs.push(partition),
                        None => recovery.files.push(file),
                    }
                }
                recovery.listing -= 1;
                if recovery.listing > 0 {
                    return;
                }
                recovery.logs.sort_unstable();
            }
            Completion::Read { records, damaged } => {
                let file = recovery.files[which as usize - 1];
                cut_torn_end(ctx, (DISK, file), numbers(&records), damaged);
                recovery.take(file, records);
                recovery.next += 1;
            }
            _ => recovery.next += 1,
        }
        match recovery.files.get(recovery.next) {
            Some(file) => {
                let tag = TAGS.tag(kind::RECOVER, recovery.next as u64 + 1);
                ctx.read(DISK, *file, 0, u64::MAX, tag);
            }
            None => self.start_voter(ctx),
        }
    }

    /// The quorum's files are read: the voter begins, and the broker's life with it.
    fn start_voter(&mut self, ctx: &mut Ctx<'_>) {
        let Some(recovery) = &mut self.recovery else { return };
        match recovery.node_id {
            Some(node_id) if node_id == self.me => {}
            None if recovery.may_be_formatted() => self.format(ctx),
            _ => return self.refuse(ctx),
        }
        let Some(recovery) = &mut self.recovery else { return };
        let (vote, metadata) = (recovery.vote, std::mem::take(&mut recovery.metadata));
        self.life.previous = recovery.clean;
        if recovery.clean.is_some() {
            let delete = DiskOp::Delete { file: CLEAN_SHUTDOWN_FILE };
            ctx.disk(DISK, delete, TAGS.tag(kind::IGNORED, 0));
        }
        let (voters, quorum) = (self.config.brokers, self.config.quorum.clone());
        let (draws, now) = (ctx.stream("raft"), ctx.now());
        self.metadata_folded = recovery.folded.unwrap_or((0, READ));
        let mut raft = Raft::new(self.me, voters, quorum, vote, metadata, draws, now);
        raft.votes_for_any = self.bugs.has(Bug::VotesForStaleLogs);
        if self.config.first_controller == Some(self.me) {
            raft.is_first(now);
        }
        self.quorum = Some(Box::new(Quorum::new(raft)));
        self.run_voter(ctx);
        self.begin_life(ctx);
        if self.life.phase == Phase::Running {
            // A cluster that is new has settled already: see `Image::new`.
            self.load_logs(ctx);
        }
    }

    /// Loads the logs, as many at a time as there are recovery threads.
    pub(super) fn load_logs(&mut self, ctx: &mut Ctx<'_>) {
        let Some(recovery) = &mut self.recovery else { return };
        let all =
            TopicPartition::all(self.image.partitions.len() as u32).zip(&self.image.partitions);
        let mine = all.filter(|(_, state)| state.replicas.contains(&self.me));
        recovery.todo = mine.map(|(partition, _)| partition).collect();
        self.load_next(ctx);
    }

    fn load_next(&mut self, ctx: &mut Ctx<'_>) {
        let threads = self.config.broker.recovery_threads;
        while let Some(recovery) = &mut self.recovery
            && recovery.loading < threads
            && let Some(partition) = recovery.todo.pop_front()
        {
            if recovery.logs.binary_search(&partition).is_ok() {
                recovery.loading += 1;
                let tag = TAGS.tag(kind::LOG_READ, partition.into());
                ctx.read(self.dirs.of(partition), log_file(partition), 0, u64::MAX, tag);
            } else {
                let log = recovery.empty_log(partition);
                self.log_ready(partition, log);
            }
        }
        let done = |recovery: &Recovery| recovery.loading == 0 && recovery.todo.is_empty();
        if self.recovery.as_deref().is_some_and(done) {
            self.recovery = None;
            self.logs_loaded(ctx);
        }
    }

    /// A log is read: what no sync is known to have covered is checked.
    pub(super) fn log_read(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        completion: Completion<protocol::Record>,
    ) {
        let rolling = Rolling::from(&self.topic(partition));
        let Some(recovery) = &mut self.recovery else { return };
        let Completion::Read { records, damaged } = completion else {
            recovery.loading -= 1;
            let log = recovery.empty_log(partition);
            self.log_ready(partition, log);
            return self.load_next(ctx);
        };
        let disk = self.dirs.of(partition);
        let read = numbers(&records);
        cut_torn_end(ctx, (disk, log_file(partition)), read, damaged);
        let known = recovery.recovery_points.get(partition.index()).copied().unwrap_or(0);
        let starts = recovery.log_starts.get(partition.index()).copied().unwrap_or_default();
        let first = records.first().and_then(log_start).filter(|first| *first <= starts.1);
        let empty = || PartitionLog::starting_at(first.unwrap_or(0));
        let mut log = folded(&records).map_or_else(empty, PartitionLog::behind);
        let mut batches = records.into_iter().filter_map(log_batch);
        log.load(&mut batches, rolling);
        let unchecked = log.unchecked(known);
        if log.len() < read {
            let (file, keep) = (log_file(partition), log.len());
            ctx.disk(disk, DiskOp::Truncate { file, keep }, TAGS.tag(kind::IGNORED, 0));
        }
        let unchecked = if recovery.clean.is_some() { 0 } else { unchecked };
        self.begin_log(ctx, partition, &mut log, starts);
        if let Some(recovery) = &mut self.recovery {
            recovery.read.insert(partition, log);
        }
        let cost = self.config.costs.check_log(unchecked);
        ctx.compute(RECOVERY, Duration(cost), TAGS.tag(kind::LOG_CHECKED, partition.into()));
    }

    /// A log is checked.
    pub(super) fn log_checked(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let Some(recovery) = &mut self.recovery else { return };
        recovery.loading -= 1;
        let log = recovery.read.remove(&partition).unwrap_or_default();
        self.log_ready(partition, log);
        self.load_next(ctx);
    }

    fn log_ready(&mut self, partition: TopicPartition, log: PartitionLog) {
        let Some(recovery) = &self.recovery else { return };
        let of = |points: &[u64]| points.get(partition.index()).copied().unwrap_or(0);
        let (checkpoint, known) = (of(&recovery.high_watermarks), of(&recovery.recovery_points));
        let mut state = self.image.partitions[partition.index()].clone();
        // It takes up its role with the others.
        (state.leader, state.leader_epoch) = (None, 0);
        let mut replica = Replica::new(partition, state, log, checkpoint);
        replica.recovery_point = known.min(replica.log.end_offset());
        self.replicas.insert(replica);
    }

    /// All logs are there: the broker takes up its roles.
    fn logs_loaded(&mut self, ctx: &mut Ctx<'_>) {
        self.start_timers(ctx);
        self.take_up_roles(ctx);
        self.ready_to_unfence(ctx);
    }

    /// What an operator does before a broker's first start (`kafka-storage format
    /// --ignore-formatted`).
    fn format(&self, ctx: &mut Ctx<'_>) {
        let record = protocol::Record::Kafka(Record::MetaProperties { node_id: self.me });
        ctx.write(DISK, META_PROPERTIES_FILE, record, TAGS.tag(kind::IGNORED, 0));
        ctx.sync(DISK, META_PROPERTIES_FILE, TAGS.tag(kind::IGNORED, 0));
    }

    /// The directory is unformatted or another broker's (`MetaPropertiesEnsemble.verify`).
    fn refuse(&mut self, ctx: &mut Ctx<'_>) {
        properties::REFUSED.reached(ctx);
        signals::BROKER_REFUSED.note(ctx, 0, 0);
        ctx.exit();
    }

    /// Cuts a replica's log and its file.
    pub(super) fn truncate(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, offset: u64) {
        let rolling = Rolling::from(&self.topic(partition));
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        if offset >= replica.log.end_offset() {
            return;
        }
        if offset < replica.log.local_start() {
            return self.restart_log(ctx, partition, offset);
        }
        properties::TRUNCATED.reached(ctx);
        let uncommitted = offset >= replica.high_watermark;
        properties::TRUNCATES_UNCOMMITTED.note(ctx, partition.into(), uncommitted);
        Self::asked_for(ctx, replica, offset);
        let lost = replica.log.end_offset() - offset;
        let keep = replica.log.truncate(offset, rolling);
        let end = replica.log.end_offset();
        replica.high_watermark = replica.high_watermark.min(end);
        replica.recovery_point = replica.recovery_point.min(end);
        let (disk, file) = (self.dirs.of(partition), log_file(partition));
        ctx.disk(disk, DiskOp::Truncate { file, keep }, TAGS.tag(kind::IGNORED, 0));
        signals::TRUNCATED.note(ctx, u64::from(partition), lost);
    }
}

/// The torn end of a file is cut off, as the check of the last segment does.
fn cut_torn_end(ctx: &mut Ctx<'_>, (disk, file): (DiskId, FileId), keep: u64, damaged: bool) {
    if damaged {
        ctx.disk(disk, DiskOp::Truncate { file, keep }, TAGS.tag(kind::IGNORED, 0));
    }
}

/// What is known of the batches that have been folded.
fn folded(records: &[protocol::Record]) -> Option<Summary> {
    records.iter().rev().find_map(|record| match record {
        protocol::Record::Kafka(Record::Folded(folded)) => Some(folded.before.clone()),
        _ => None,
    })
}

/// Where a log begins whose first record this is.
fn log_start(record: &protocol::Record) -> Option<u64> {
    match record {
        protocol::Record::Kafka(Record::Log(batch)) => Some(batch.base_offset),
        _ => None,
    }
}

/// How many records these are that were read from the beginning of a file.
fn numbers(records: &[protocol::Record]) -> u64 {
    records.iter().fold(0, |before, record| match record {
        protocol::Record::Kafka(record) => record.folded().unwrap_or(before + 1),
        _ => before + 1,
    })
}

fn log_batch(record: protocol::Record) -> Option<LogBatch> {
    match record {
        protocol::Record::Kafka(Record::Log(batch)) => Some(batch),
        _ => None,
    }
}

impl Recovery {
    /// The log of a partition of which nothing is there.
    fn empty_log(&self, partition: TopicPartition) -> PartitionLog {
        let (start, local) = self.log_starts.get(partition.index()).copied().unwrap_or_default();
        let mut log = PartitionLog::starting_at(local);
        log.begins(start);
        log
    }

    /// The directory is empty, or its `meta.properties` can't be read.
    fn may_be_formatted(&self) -> bool {
        let empty = self.files.is_empty() && self.logs.is_empty();
        empty || self.files.contains(&META_PROPERTIES_FILE)
    }

    fn take(&mut self, file: FileId, records: Vec<protocol::Record>) {
        for record in records {
            let protocol::Record::Kafka(record) = record else { continue };
            match record {
                Record::Metadata { epoch, record } if file == METADATA_FILE => {
                    self.metadata.append(epoch, *record);
                }
                Record::MetadataRuns(runs) if file == METADATA_FILE => {
                    runs.runs.iter().cloned().for_each(|run| self.metadata.push(run));
                    self.folded = Some((runs.before, runs.read));
                }
                Record::QuorumState(state) if file == QUORUM_STATE_FILE => self.vote = state,
                Record::MetaProperties { node_id } if file == META_PROPERTIES_FILE => {
                    self.node_id = Some(node_id);
                }
                Record::HighWatermarks(marks) if file == HIGH_WATERMARK_FILE => {
                    self.high_watermarks = marks;
                }
                Record::RecoveryPoints(points) if file == RECOVERY_POINT_FILE => {
                    self.recovery_points = points;
                }
                Record::LogStarts(starts) if file == LOG_START_FILE => self.log_starts = starts,
                Record::CleanShutdown { incarnation } if file == CLEAN_SHUTDOWN_FILE => {
                    self.clean = Some(incarnation);
                }
                _ => {}
            }
        }
    }
}
