//! Start of a broker: reading back what the disk holds.
//!
//! Stands for `LogManager.loadLogs`, `LogLoader` and `ProducerStateManager` of apache/kafka @
//! 3.9.0: torn and corrupt ends are cut off, epochs and producers' sequence numbers are rebuilt
//! from the batches. A directory without its `meta.properties` is refused; an empty one is
//! formatted before the broker starts.
//!
//! Parameter: `replica.high.watermark.checkpoint.interval.ms`. Left out: recovery points and
//! producer snapshots, which only shorten the start, and the CPU time of checking segments.

use headwater_sim::disk::{DiskOp, FileId};
use headwater_sim::node::Completion;

use super::{Broker, Ctx, DISK, TAGS, kind};
use crate::collections::SortedVecMap;
use crate::kafka::controller::raft::Raft;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::metadata::MetadataRecord;
use crate::kafka::partition_log::PartitionLog;
use crate::kafka::properties;
use crate::kafka::record::{
    HIGH_WATERMARK_FILE, LogBatch, META_PROPERTIES_FILE, METADATA_FILE, QUORUM_STATE_FILE, Record,
    log_file, log_partition,
};
use crate::kafka::replica::Replica;
use crate::kafka::signals;
use crate::protocol;

/// What has been read so far.
#[derive(Default)]
pub struct Recovery {
    files: Vec<FileId>,
    next: usize,
    logs: SortedVecMap<TopicPartition, Vec<LogBatch>>,
    metadata: Vec<(u32, MetadataRecord)>,
    vote: (u32, Option<BrokerId>),
    high_watermarks: Vec<u64>,
    /// Whose directory it is.
    node_id: Option<BrokerId>,
}

impl Broker {
    pub(super) fn begin_recovery(&mut self, ctx: &mut Ctx<'_>) {
        self.recovery = Some(Recovery::default());
        ctx.disk(DISK, DiskOp::List, TAGS.tag(kind::RECOVER, 0));
    }

    /// One step: the list of files, or one file's records.
    pub(super) fn recover(
        &mut self,
        ctx: &mut Ctx<'_>,
        which: u64,
        completion: Completion<protocol::Record>,
    ) {
        let Some(recovery) = &mut self.recovery else { return };
        match completion {
            Completion::Listed { files } => {
                recovery.files = files.into_iter().map(|(file, _)| file).collect();
            }
            Completion::Read { records, damaged } => {
                let file = recovery.files[which as usize - 1];
                let kept = records.len() as u64;
                recovery.take(file, records);
                if damaged {
                    // The torn end is cut off, as the check of the last segment does.
                    ctx.disk(
                        DISK,
                        DiskOp::Truncate { file, keep: kept },
                        TAGS.tag(kind::IGNORED, 0),
                    );
                }
                recovery.next += 1;
            }
            _ => recovery.next += 1,
        }
        match recovery.files.get(recovery.next) {
            Some(file) => {
                let tag = TAGS.tag(kind::RECOVER, recovery.next as u64 + 1);
                ctx.read(DISK, *file, 0, u64::MAX, tag);
            }
            None => self.recovered(ctx),
        }
    }

    fn recovered(&mut self, ctx: &mut Ctx<'_>) {
        let Some(mut recovery) = self.recovery.take() else { return };
        match recovery.node_id {
            Some(node_id) if node_id == self.me => {}
            None if recovery.may_be_formatted() => self.format(ctx),
            _ => return self.refuse(ctx),
        }
        for (partition, state) in
            TopicPartition::all(self.config.partitions).zip(&self.image.partitions)
        {
            if !state.replicas.contains(&self.me) {
                continue;
            }
            let batches = recovery.logs.remove(&partition).unwrap_or_default();
            let read = batches.len() as u64;
            let log = PartitionLog::recover(batches);
            if log.len() < read {
                let (file, keep) = (log_file(partition), log.len());
                ctx.disk(DISK, DiskOp::Truncate { file, keep }, TAGS.tag(kind::IGNORED, 0));
            }
            let checkpoint = recovery.high_watermarks.get(partition.index()).copied();
            let replica = Replica::new(partition, state.clone(), log, checkpoint.unwrap_or(0));
            self.replicas.insert(partition, replica);
        }
        let draws = ctx.stream("raft");
        let (voters, quorum) = (self.config.brokers, self.config.quorum.clone());
        self.registered = self.incarnation == 0;
        let raft = Raft::new(self.me, voters, quorum, recovery.vote, recovery.metadata, draws);
        self.raft = Some(raft);
        self.with_raft(ctx, |raft, now, _| raft.start(now));
        self.start_timers(ctx);
        if self.registered {
            // A cluster that is new has settled already: see `Image::new`. A broker that comes back
            // waits until it is registered anew.
            self.take_up_roles(ctx);
        } else {
            let idle = self.replicas.values_mut();
            idle.for_each(|replica| (replica.state.leader, replica.state.leader_epoch) = (None, 0));
        }
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

    /// Writes `replication-offset-checkpoint` from time to time.
    pub(super) fn checkpoint(&mut self, ctx: &mut Ctx<'_>) {
        let mark = |partition: TopicPartition| {
            self.replicas.get(&partition).map_or(0, |replica| replica.high_watermark)
        };
        let marks = TopicPartition::all(self.config.partitions).map(mark).collect();
        ctx.disk(
            DISK,
            DiskOp::Truncate { file: HIGH_WATERMARK_FILE, keep: 0 },
            TAGS.tag(kind::IGNORED, 0),
        );
        let record = protocol::Record::Kafka(Record::HighWatermarks(marks));
        ctx.write(DISK, HIGH_WATERMARK_FILE, record, TAGS.tag(kind::IGNORED, 0));
        ctx.sync(DISK, HIGH_WATERMARK_FILE, TAGS.tag(kind::IGNORED, 0));
        let millis = self.config.broker.high_watermark_checkpoint_interval_ms.max(1);
        ctx.timer(
            headwater_sim::time::Duration::from_millis(millis),
            TAGS.tag(kind::CHECKPOINT, 0),
        );
    }

    /// Cuts a replica's log and its file.
    pub(super) fn truncate(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, offset: u64) {
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        if offset >= replica.log.end_offset() {
            return;
        }
        properties::TRUNCATED.reached(ctx);
        let uncommitted = offset >= replica.high_watermark;
        properties::TRUNCATES_UNCOMMITTED.note(ctx, partition.into(), uncommitted);
        let lost = replica.log.end_offset() - offset;
        let keep = replica.log.truncate(offset);
        replica.high_watermark = replica.high_watermark.min(replica.log.end_offset());
        let file = log_file(partition);
        ctx.disk(DISK, DiskOp::Truncate { file, keep }, TAGS.tag(kind::IGNORED, 0));
        signals::TRUNCATED.note(ctx, u64::from(partition), lost);
    }
}

impl Recovery {
    /// The directory is empty, or its `meta.properties` can't be read.
    fn may_be_formatted(&self) -> bool {
        self.files.is_empty() || self.files.contains(&META_PROPERTIES_FILE)
    }

    fn take(&mut self, file: FileId, records: Vec<protocol::Record>) {
        let records = records.into_iter().filter_map(|record| match record {
            protocol::Record::Kafka(record) => Some(record),
            _ => None,
        });
        for record in records {
            match record {
                Record::Log(batch) => {
                    if let Some(partition) = log_partition(file) {
                        self.logs.entry_or_default(partition).push(batch);
                    }
                }
                Record::Metadata { epoch, record } if file == METADATA_FILE => {
                    self.metadata.push((epoch, *record));
                }
                Record::QuorumState { epoch, voted_for } if file == QUORUM_STATE_FILE => {
                    self.vote = (epoch, voted_for);
                }
                Record::MetaProperties { node_id } if file == META_PROPERTIES_FILE => {
                    self.node_id = Some(node_id);
                }
                Record::HighWatermarks(marks) => self.high_watermarks = marks,
                _ => {}
            }
        }
    }
}
