//! Remote storage of a broker: what it knows of segments there, and its requests.
//!
//! Stands for `RemoteLogManager`, `TopicBasedRemoteLogMetadataManager` and a `RemoteStorageManager`
//! of apache/kafka @ 1eb7644 (between 3.9.0 and 4.0). [`super::copier`] copies and
//! [`super::expiration`] deletes segments of partitions that the broker leads; what they announce
//! goes to the leader of the metadata partition, and they go on once this broker has read it there.
//! [`super::remote_reads`] serves fetches. An announcement that is not taken is made again a second
//! later. Parameters: `remote.*` of [`crate::kafka::config::Broker`]. Left out: quotas of copies
//! and fetches (unlimited by default), `remote.log.manager.task.retry.*`, which nothing uses.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::copier::Copy;
use super::expiration::Expire;
use super::groups::NO_STREAM;
use super::produce::By;
use super::remote_reads::{IndexCache, RemoteRead};
use super::{Broker, Ctx, TAGS, kind};
use crate::batch::{Batch, SharedBatch, StreamWriter};
use crate::collections::SortedVecMap;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{ErrorCode, Message, Produce, ProduceResult};
use crate::kafka::record::BATCH_OVERHEAD;
use crate::kafka::remote::{self, METADATA_BYTES, RemoteLogs, RemoteSegment};
use crate::kafka::signals;
use crate::protocol;
use crate::tier;
use crate::tier::message::{Operation, TierError, TierResponse};

/// A request without an answer for this long has failed (`socketTimeout` of the Apache HTTP client
/// of the AWS SDK for Java 2).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before an announcement is made again (`retry.backoff.max.ms` of its producer).
const ANNOUNCE_AGAIN: Duration = Duration::from_secs(1);

/// What a request to remote storage is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// A copy of a segment of this partition.
    Copy(TopicPartition),
    /// A deletion.
    Expire(TopicPartition),
    /// A fetch of a consumer.
    Read(u64),
    /// What a follower needs that begins behind what was copied.
    Follow(TopicPartition),
}

/// What goes on with remote storage.
#[derive(Debug)]
pub(super) struct Remote {
    tier: NodeId,
    /// Where its metadata are.
    pub(super) metadata: TopicPartition,
    /// What is known of segments, as of this offset of the metadata.
    pub(super) logs: RemoteLogs,
    applied: u64,
    /// The metadata were read up to their end once.
    pub(super) ready: bool,
    /// Numbers of requests and announcements.
    next: u64,
    asked: SortedVecMap<u64, For>,
    announced: SortedVecMap<u64, (RemoteSegment, Option<BrokerId>)>,
    /// Of partitions that the broker leads.
    pub(super) copies: SortedVecMap<TopicPartition, Copy>,
    pub(super) expires: SortedVecMap<TopicPartition, Expire>,
    /// Copies under way, and those that wait for one of the copiers.
    pub(super) copying: u32,
    pub(super) to_copy: VecDeque<TopicPartition>,
    pub(super) reads: SortedVecMap<u64, RemoteRead>,
    pub(super) reading: u32,
    pub(super) to_read: VecDeque<u64>,
    pub(super) indexes: IndexCache,
    /// Partitions whose followers' state is being built.
    pub(super) building: SortedVecMap<TopicPartition, (u64, u64, u32)>,
    /// Requests made: writes, reads, deletions.
    made: [u64; 3],
    /// Ids of segments given out.
    segments: u64,
}

impl Remote {
    /// Nothing known yet.
    pub fn new(tier: NodeId, metadata: TopicPartition, index_cache: u64) -> Self {
        Self {
            tier,
            metadata,
            logs: RemoteLogs::default(),
            applied: 0,
            ready: false,
            next: 0,
            asked: SortedVecMap::default(),
            announced: SortedVecMap::default(),
            copies: SortedVecMap::default(),
            expires: SortedVecMap::default(),
            copying: 0,
            to_copy: VecDeque::new(),
            reads: SortedVecMap::default(),
            reading: 0,
            to_read: VecDeque::new(),
            indexes: IndexCache::new(index_cache),
            building: SortedVecMap::default(),
            made: [0; 3],
            segments: 0,
        }
    }

    /// A number for something new.
    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A number of a segment that this life of the broker has not given out.
    pub fn segment(&mut self) -> u64 {
        self.segments += 1;
        self.segments
    }
}

impl Broker {
    /// The same with remote storage on this node, if there is one.
    pub fn with_tier(mut self, tier: Option<NodeId>) -> Self {
        let cache = self.config.broker.remote_index_cache_bytes;
        let metadata = remote::metadata_partition(&self.config);
        let both = tier.zip(metadata);
        self.remote = both.map(|(tier, metadata)| Box::new(Remote::new(tier, metadata, cache)));
        self
    }

    /// A partition of the events, while there is remote storage.
    pub(super) fn is_tiered(&self, partition: TopicPartition) -> bool {
        self.remote.is_some() && self.config.is_of_events(partition)
    }

    /// What of a log before this offset is in remote storage; nothing without such.
    pub(super) fn copied(&self, partition: TopicPartition) -> Option<u64> {
        let remote = self.remote.as_ref().filter(|_| self.is_tiered(partition))?;
        let log = &self.replicas.get(partition)?.log;
        Some(remote.logs.copied(partition, log))
    }

    /// Asks remote storage for something.
    pub(super) fn ask_tier(&mut self, ctx: &mut Ctx<'_>, what: For, operation: Operation) {
        let Some(remote) = &mut self.remote else { return };
        let kind = match operation {
            Operation::Write { .. } | Operation::Concat { .. } => 0,
            Operation::Read { .. } | Operation::Stat { .. } => 1,
            Operation::Delete { .. } => 2,
        };
        remote.made[kind] += 1;
        let gauges = [&signals::REMOTE_PUTS, &signals::REMOTE_GETS, &signals::REMOTE_DELETES];
        gauges[kind].set(ctx, remote.made[kind]);
        let request = remote.number();
        remote.asked.insert(request, what);
        let message = tier::message::Message::Request { request, operation };
        ctx.send(remote.tier, protocol::Message::Tier(message));
        ctx.timer(REQUEST_TIMEOUT, TAGS.tag(kind::TIER_LATE, request));
    }

    /// Remote storage has answered, or has not for too long.
    pub(super) fn tier_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        request: u64,
        result: Result<TierResponse, TierError>,
    ) {
        let Some(remote) = &mut self.remote else { return };
        match remote.asked.remove(&request) {
            Some(For::Copy(partition)) => self.object_copied(ctx, partition, result.is_ok()),
            Some(For::Expire(partition)) => {
                // What is not there is deleted.
                let gone = matches!(result, Ok(_) | Err(TierError::NoSuchChunk));
                self.object_deleted(ctx, partition, gone);
            }
            Some(For::Read(read)) => self.remote_was_read(ctx, read, result),
            Some(For::Follow(partition)) => self.aux_state_read(ctx, partition, result.is_ok()),
            None => {}
        }
    }

    /// The connection with remote storage has broken, or that with another broker.
    pub(super) fn remote_lost(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        let broker = self.number_of(peer);
        let Some(remote) = &mut self.remote else { return };
        if peer == remote.tier {
            for request in remote.asked.keys().copied().collect::<Vec<_>>() {
                self.tier_answered(ctx, request, Err(TierError::Io));
            }
        } else if broker.is_some() {
            let there = remote.announced.iter().filter(|(_, (_, at))| *at == broker);
            for number in there.map(|(number, _)| *number).collect::<Vec<_>>() {
                self.announce_later(ctx, number);
            }
        }
    }

    /// Tells all brokers of a segment, by way of the metadata topic.
    pub(super) fn announce(&mut self, ctx: &mut Ctx<'_>, segment: RemoteSegment) {
        let Some(remote) = &mut self.remote else { return };
        let number = remote.number();
        remote.announced.insert(number, (segment, None));
        self.announce_now(ctx, number);
    }

    fn announce_later(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        let Some(remote) = &mut self.remote else { return };
        if let Some((_, at)) = remote.announced.get_mut(&number) {
            *at = None;
            ctx.timer(ANNOUNCE_AGAIN, TAGS.tag(kind::ANNOUNCE, number));
        }
    }

    /// It is time to make an announcement, or to make it again.
    pub(super) fn announce_now(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        let Some(remote) = &mut self.remote else { return };
        let leader = self.image.partitions[remote.metadata.index()].leader;
        let Some((segment, at)) = remote.announced.get_mut(&number) else { return };
        *at = leader;
        let words = segment.words();
        let batch = self.metadata_batch(ctx, words);
        match leader {
            None => self.announce_later(ctx, number),
            Some(leader) if leader == self.me => {
                self.append_own(ctx, batch, By::Announcement(number));
            }
            Some(leader) => {
                let timeout_ms = self.config.producer.request_timeout_ms;
                let produce = Produce {
                    correlation: number,
                    acks: -1,
                    producer_epochs: vec![None],
                    timeout_ms,
                    batches: vec![batch],
                };
                self.send(ctx, leader, Message::Produce(Box::new(produce)));
            }
        }
    }

    fn metadata_batch(&self, ctx: &Ctx<'_>, words: Vec<u64>) -> SharedBatch {
        let lane = self.remote.as_ref().map(|remote| remote.metadata.into()).unwrap_or_default();
        let now = ctx.now();
        Rc::new(Batch {
            bytes: METADATA_BYTES.saturating_sub(BATCH_OVERHEAD),
            intended: vec![now],
            started: vec![now],
            words: Some(Rc::new(words)),
            ..Batch::empty(StreamWriter { stream: NO_STREAM, number: self.me.0 }, lane, 0)
        })
    }

    /// The leader of the metadata has answered an announcement.
    pub(super) fn announced(&mut self, ctx: &mut Ctx<'_>, number: u64, results: &[ProduceResult]) {
        let taken = results.iter().all(|of| of.error == ErrorCode::None);
        let Some(remote) = &mut self.remote else { return };
        if taken {
            remote.announced.remove(&number);
        } else {
            self.announce_later(ctx, number);
        }
    }

    /// A partition's log or high watermark has moved: of the metadata, what is new is read.
    pub(super) fn metadata_moved(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        at_its_end: bool,
    ) {
        let Some(remote) = self.remote.as_mut().filter(|of| of.metadata == partition) else {
            return;
        };
        let Some(replica) = self.replicas.get(remote.metadata) else { return };
        let mark = replica.high_watermark.min(replica.log.end_offset());
        let leads = replica.state.leader == Some(self.me);
        remote.ready |= at_its_end || (leads && mark >= replica.epoch_start);
        if mark <= remote.applied {
            return;
        }
        let batches = replica.log.read(remote.applied, mark, u64::MAX);
        remote.applied = mark;
        let words = batches.iter().filter_map(|of| of.batch.words.as_deref());
        for segment in words.filter_map(|words| RemoteSegment::of(words)).collect::<Vec<_>>() {
            if let Some(remote) = &mut self.remote {
                remote.logs.apply(segment.clone());
            }
            self.copy_announced(ctx, &segment);
            self.deletion_announced(ctx, &segment);
        }
        self.gauge_logs(ctx);
    }

    /// This broker leads a partition from now on, or another does.
    pub(super) fn take_up_remote(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        if !self.is_tiered(partition) {
            return;
        }
        let replica = self.replicas.get(partition);
        let epoch = replica
            .filter(|replica| replica.state.leader == Some(self.me))
            .map(|replica| replica.state.leader_epoch);
        self.stop_copying(ctx, partition);
        let Some(remote) = &mut self.remote else { return };
        remote.expires.remove(&partition);
        if let Some(epoch) = epoch {
            remote.copies.insert(partition, Copy::new(epoch));
            remote.expires.insert(partition, Expire::new(epoch));
            self.copy_later(ctx, partition, Duration::ZERO);
            self.expire_later(ctx, partition, Duration::ZERO);
        }
    }

    /// Period of what is done for each partition.
    pub(super) fn task_interval(&self) -> Duration {
        Duration::from_millis(self.config.broker.remote_task_interval_ms)
    }

    /// Tells what is in remote storage, and what is not yet, of partitions that this broker leads.
    pub(super) fn gauge_remote(&self, ctx: &mut Ctx<'_>) {
        let Some(remote) = &self.remote else { return };
        let (mut there, mut bytes, mut segments) = (0, 0, 0);
        let led = self.replicas.iter().filter(|replica| replica.state.leader == Some(self.me));
        for replica in led.filter(|replica| self.is_tiered(replica.partition)) {
            there += remote.logs.bytes(replica.partition);
            let copied = remote.logs.copied(replica.partition, &replica.log);
            let only_here = replica.log.segments().iter().rev().skip(1);
            for segment in only_here.take_while(|segment| segment.first >= copied) {
                (bytes, segments) = (bytes + segment.bytes, segments + 1);
            }
        }
        signals::REMOTE_LOG_BYTES.set(ctx, there);
        signals::REMOTE_COPY_LAG_BYTES.set(ctx, bytes);
        signals::REMOTE_COPY_LAG_SEGMENTS.set(ctx, segments);
    }
}
