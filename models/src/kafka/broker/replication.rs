//! Appending to partitions, high watermarks, in-sync replicas, and taking up roles.
//!
//! Stands for `ReplicaManager` and `Partition` of apache/kafka @ 3.9.0.
//! Parameters: `min.insync.replicas`, `flush.messages`, `segment.bytes`, `replica.lag.time.max.ms`
//! ([`crate::kafka::config`]).

use std::cmp::Ordering;

use headwater_sim::time::Duration;

use super::{Broker, Ctx, FETCHERS, HANDLERS, TAGS, kind};
use crate::bugs::Bug;
use crate::kafka::compression::{TopicCodec, packed};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{ErrorCode, FetchPartition, InSync};
use crate::kafka::metadata::PartitionState;
use crate::kafka::partition_log::Sequence;
use crate::kafka::properties;
use crate::kafka::record::{LogBatch, Record, log_file};
use crate::kafka::replica::Append;
use crate::kafka::segments::Rolling;
use crate::kafka::signals;
use crate::protocol;

impl Broker {
    /// Appends at once, if the partition's lock is free, or waits for it. What came of it, if that
    /// is known already: the error, or the end offset of a duplicate.
    pub(super) fn append_now(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        append: Append,
    ) -> Option<(ErrorCode, u64)> {
        let Some(replica) = self.replicas.get_mut(partition) else {
            return Some((ErrorCode::NotLeader, 0));
        };
        if replica.busy || !replica.appends.is_empty() {
            replica.appends.push_back(append);
            return None;
        }
        match self.admit(partition, &append) {
            Ok(batch) => {
                if let Some(replica) = self.replicas.get_mut(partition) {
                    replica.appends.push_back(append);
                }
                self.write_batch(ctx, partition, batch);
                None
            }
            Err(refused) => {
                Self::note_refused(ctx, refused.0);
                Some(refused)
            }
        }
    }

    /// Takes the partition's lock for the next append, if it is free.
    pub(super) fn next_append(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        loop {
            let Some(replica) = self.replicas.get(partition) else { return };
            if replica.busy {
                return;
            }
            let Some(append) = replica.appends.front() else { return };
            match self.admit(partition, append) {
                Ok(batch) => return self.write_batch(ctx, partition, batch),
                Err((error, end_offset)) => {
                    Self::note_refused(ctx, error);
                    self.finish(ctx, partition, error, end_offset);
                }
            }
        }
    }

    fn write_batch(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, batch: LogBatch) {
        if let Some(replica) = self.replicas.get_mut(partition) {
            (replica.busy, replica.writing) = (true, Some(batch.clone()));
        }
        let record = protocol::Record::Kafka(Record::Log(batch));
        let (disk, file) = (self.dirs.of(partition), log_file(partition));
        ctx.write(disk, file, record, TAGS.tag(kind::APPENDED, partition.into()));
    }

    fn note_refused(ctx: &mut Ctx<'_>, error: ErrorCode) {
        match error {
            ErrorCode::None => properties::RETRY_RECOGNISED.reached(ctx),
            ErrorCode::NotEnoughReplicas => properties::TOO_FEW_IN_SYNC.reached(ctx),
            _ => {}
        }
    }

    /// The batch as it goes into the log, or why it does not, with the end offset of a duplicate.
    fn admit(
        &self,
        partition: TopicPartition,
        append: &Append,
    ) -> Result<LogBatch, (ErrorCode, u64)> {
        let Some(replica) = self.replicas.get(partition) else {
            return Err((ErrorCode::NotLeader, 0));
        };
        let leads = replica.state.leader == Some(self.me);
        match append {
            Append::Produced { .. } if !leads => Err((ErrorCode::NotLeader, 0)),
            Append::Produced { all: true, .. }
                if (replica.state.isr.len() as u32) < self.min_insync(partition) =>
            {
                Err((ErrorCode::NotEnoughReplicas, 0))
            }
            Append::Produced { batch, producer_epoch, .. } => {
                if let Some(epoch) = producer_epoch {
                    match replica.log.sequence(batch, *epoch) {
                        Sequence::InOrder => {}
                        // Only the last batch was known before five could be in flight.
                        Sequence::Duplicate { end_offset }
                            if self.bugs.has(Bug::OneBatchRemembered)
                                && end_offset < replica.log.end_offset() =>
                        {
                            return Err((ErrorCode::OutOfOrderSequence, 0));
                        }
                        Sequence::Duplicate { end_offset } => {
                            return Err((ErrorCode::None, end_offset));
                        }
                        Sequence::OutOfOrder => return Err((ErrorCode::OutOfOrderSequence, 0)),
                    }
                }
                Ok(LogBatch {
                    base_offset: replica.log.end_offset(),
                    leader_epoch: replica.state.leader_epoch,
                    producer_epoch: *producer_epoch,
                    batch: match self.topic(partition).compression {
                        TopicCodec::Producer => batch.clone(),
                        _ => packed(batch, self.config.stored_compression()),
                    },
                })
            }
            Append::Fetched { leader, batch } => {
                let follows = replica.state.leader == Some(*leader);
                if follows && batch.base_offset == replica.log.end_offset() {
                    Ok(batch.clone())
                } else {
                    Err((ErrorCode::NotLeader, 0))
                }
            }
        }
    }

    /// The batch is in the page cache: sync it if so configured.
    pub(super) fn appended(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        self.about_to_grow(partition);
        let (disk, topic) = (self.dirs.of(partition), self.topic(partition));
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        let Some(batch) = replica.writing.take() else { return };
        // A log that was cut meanwhile has cut the record off its file, too.
        if batch.base_offset != replica.log.end_offset() {
            replica.busy = false;
            self.finish(ctx, partition, ErrorCode::NotLeader, 0);
            return self.next_append(ctx, partition);
        }
        replica.unflushed += batch.batch.count();
        let rolled = replica.log.push(batch, Rolling::from(&topic));
        let flushes = replica.unflushed >= topic.flush_messages;
        replica.unflushed = if flushes { 0 } else { replica.unflushed };
        if rolled {
            replica.recovery_point = replica.log.active_segment();
            // The rolled segment is flushed in the background (`UnifiedLog.roll`).
            ctx.sync(disk, log_file(partition), TAGS.tag(kind::IGNORED, 0));
            self.gauge_logs(ctx);
        }
        if flushes {
            return ctx.sync(disk, log_file(partition), TAGS.tag(kind::SYNCED, partition.into()));
        }
        self.append_done(ctx, partition);
    }

    /// The log is synced: the thread that has waited for it has its work with that.
    pub(super) fn synced(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let appends = self.replicas.get(partition).and_then(|replica| replica.appends.front());
        let pool = if let Some(Append::Fetched { .. }) = appends { FETCHERS } else { HANDLERS };
        let cost = self.jvm.cost(Duration(self.config.costs.flush_ns));
        if cost == Duration::ZERO {
            return self.flushed(ctx, partition);
        }
        ctx.compute(pool, cost, TAGS.tag(kind::FLUSHED, partition.into()));
    }

    /// A flush is done.
    pub(super) fn flushed(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        if let Some(replica) = self.replicas.get_mut(partition) {
            replica.recovery_point = replica.log.end_offset();
        }
        self.append_done(ctx, partition);
    }

    /// The lock is free again.
    pub(super) fn append_done(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        replica.busy = false;
        let end_offset = replica.log.end_offset();
        self.finish(ctx, partition, ErrorCode::None, end_offset);
        self.advance(ctx, partition);
        self.metadata_moved(ctx, partition, false);
        self.check_waiting_fetches(ctx, partition);
        self.next_append(ctx, partition);
    }

    /// Takes the first append off the queue and tells who waits for it.
    pub(super) fn finish(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        error: ErrorCode,
        end_offset: u64,
    ) {
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        match replica.appends.pop_front() {
            Some(Append::Produced { request, .. }) => {
                self.batch_done(ctx, request, partition, error, end_offset);
            }
            Some(Append::Fetched { leader, .. }) => self.fetched_batch_done(ctx, leader),
            None => {}
        }
    }

    /// `min.insync.replicas` of a partition.
    pub(super) fn min_insync(&self, partition: TopicPartition) -> u32 {
        match self.bugs.has(Bug::MinInsyncIgnored) {
            true => 1,
            false => self.topic(partition).min_insync_replicas,
        }
    }

    /// Moves the high watermark of a partition that this broker leads.
    pub(super) fn advance(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let (me, min_isr) = (self.me, self.min_insync(partition));
        let lag_max = Duration::from_millis(self.config.broker.replica_lag_time_max_ms);
        let (image, known) = (&self.image, self.bugs.has(Bug::JoiningNotWaitedFor));
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        let joining = if known { replica.proposed_isr.take() } else { None };
        let joins = |broker| !known && image.is_active(broker);
        let moved = replica.state.leader == Some(me)
            && replica.advance(min_isr, (ctx.now(), lag_max), joins);
        replica.proposed_isr = replica.proposed_isr.take().or(joining);
        if moved {
            let value = replica.high_watermark;
            signals::HIGH_WATERMARK.note(ctx, u64::from(partition), value);
            self.metadata_moved(ctx, partition, false);
            self.check_waiting_produce(ctx, partition);
            self.check_waiting_fetches(ctx, partition);
        }
    }

    /// A follower's fetch tells how far it is.
    pub(super) fn follower_fetched(
        &mut self,
        ctx: &mut Ctx<'_>,
        InSync { broker: follower, incarnation }: InSync,
        wanted: &FetchPartition,
    ) {
        let Some(replica) = self.replicas.get_mut(wanted.partition) else { return };
        let state = &replica.state;
        if state.leader != Some(self.me) || state.leader_epoch != wanted.leader_epoch {
            return;
        }
        if replica.log.diverges(wanted.last_fetched_epoch, wanted.offset, self.bugs).is_some() {
            return;
        }
        replica.fetched(follower, wanted.offset, ctx.now());
        // What an earlier incarnation of the follower had says nothing about this one (KIP-903).
        let at = follower.index();
        let known = self.image.incarnations[at] == incarnation;
        let eligible = self.image.is_active(follower) && known;
        if let Some(isr) = replica.expanded(follower).filter(|_| eligible) {
            let isr = self.in_sync(isr);
            self.propose_isr(ctx, wanted.partition, isr);
        }
        self.advance(ctx, wanted.partition);
    }

    /// Every half `replica.lag.time.max.ms`: removes followers that have fallen behind.
    pub(super) fn check_isr(&mut self, ctx: &mut Ctx<'_>) {
        let lag_max = Duration::from_millis(self.config.broker.replica_lag_time_max_ms);
        let led = self.replicas.iter().filter(|replica| replica.state.leader == Some(self.me));
        let wanted = led.filter(|replica| replica.proposed_isr.is_none()).filter_map(|replica| {
            let isr = replica.shrunk(self.me, ctx.now(), lag_max)?;
            Some((replica.partition, self.in_sync(isr)))
        });
        for (partition, isr) in wanted.collect::<Vec<_>>() {
            self.propose_isr(ctx, partition, isr);
        }
        ctx.timer(Duration((lag_max.0 / 2).max(1_000_000)), TAGS.tag(kind::ISR_CHECK, 0));
    }

    /// Brokers with the incarnations that the metadata knows.
    fn in_sync(&self, brokers: Vec<BrokerId>) -> Vec<InSync> {
        let life = |broker| InSync { broker, incarnation: self.image.incarnations[broker.index()] };
        brokers.into_iter().map(life).collect()
    }

    /// The ISR of a partition that this broker leads has changed in size.
    pub(super) fn note_isr(ctx: &mut Ctx<'_>, partition: TopicPartition, old: usize, new: usize) {
        match new.cmp(&old) {
            Ordering::Less => {
                signals::ISR_SHRUNK.note(ctx, u64::from(partition), new as u64);
                properties::ISR_SHRUNK.reached(ctx);
            }
            Ordering::Greater => {
                signals::ISR_EXPANDED.note(ctx, u64::from(partition), new as u64);
                properties::ISR_EXPANDED.reached(ctx);
            }
            Ordering::Equal => {}
        }
    }

    /// This broker leads a partition from now on, in a new epoch.
    fn begin_to_lead(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        old: &PartitionState,
        anew: bool,
    ) {
        let me = self.me;
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        if self.bugs.has(Bug::ProducerStateLost) {
            replica.log.forget_producers();
        }
        let epoch = replica.log.last_epoch();
        let rises = epoch.is_none_or(|last| last <= replica.state.leader_epoch);
        properties::EPOCHS_RISE.note(ctx, partition.into(), rises);
        replica.lead(me, ctx.now());
        if !anew {
            // A replica that was added joins and may lead with one change.
            let joins = old.adding.contains(&me) && replica.state.adding.is_empty();
            let in_sync = old.isr.contains(&me) || joins;
            let eligible = old.elr.contains(&me);
            let unclean = !in_sync && !eligible;
            let mark = match unclean {
                true => &signals::UNCLEAN_ELECTION,
                false => &signals::LEADER_ELECTED,
            };
            mark.note(ctx, u64::from(partition), u64::from(replica.state.leader_epoch));
            if in_sync {
                properties::LEADER_MOVED.reached(ctx);
            } else if eligible {
                properties::ELIGIBLE_LED.reached(ctx);
            }
        }
    }

    /// The metadata log has a new state for a partition. Fetchers are told when all is taken in.
    pub(super) fn take_up(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        state: PartitionState,
        anew: bool,
    ) {
        let me = self.me;
        let mine = state.replicas.contains(&me);
        let added = mine && self.replicas.get(partition).is_none();
        if added {
            self.add_replica(ctx, partition, &state);
        }
        let anew = anew || added;
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        // The controller's answer to a change of the ISR may have come first.
        if !anew && state.partition_epoch < replica.state.partition_epoch {
            return;
        }
        let (old, moved) = (replica.state.clone(), anew || replica.state.leader != state.leader);
        let new_epoch = anew || replica.state.leader_epoch != state.leader_epoch;
        replica.state = state.clone();
        replica.proposed_isr = None;
        replica.failed &= !new_epoch;
        if state.leader == Some(me) {
            if new_epoch {
                self.begin_to_lead(ctx, partition, &old, anew);
            } else {
                Self::note_isr(ctx, partition, old.isr.len(), state.isr.len());
                if let Some(replica) = self.replicas.get_mut(partition) {
                    Self::follow_added(replica);
                }
            }
            self.advance(ctx, partition);
        } else if new_epoch && state.leader.is_some() && self.bugs.has(Bug::TruncateToHighWatermark)
        {
            let high_watermark = replica.high_watermark;
            self.truncate(ctx, partition, high_watermark);
        }
        if new_epoch {
            self.coordinate(ctx, partition);
            self.take_up_remote(ctx, partition);
            self.metadata_moved(ctx, partition, false);
        }
        self.check_waiting_produce(ctx, partition);
        // Who has left the ISR joins again by a fetch that is looked at.
        let left = old.isr.iter().any(|replica| !state.isr.contains(replica));
        if moved || new_epoch || left {
            self.check_waiting_fetches(ctx, partition);
        }
        if moved || new_epoch {
            self.touch(partition, old.leader);
            self.touch(partition, state.leader);
        }
        if old.adding.contains(&me) && mine && state.adding.is_empty() {
            signals::REASSIGNED.note(ctx, u64::from(partition), 0);
        }
        if !mine {
            self.touch(partition, old.leader);
            self.drop_replica(ctx, partition);
        }
    }
}
