//! Deleting segments from remote storage, of partitions that this broker leads.
//!
//! Stands for `RLMExpirationTask` of apache/kafka @ 1eb7644 (between 3.9.0 and 4.0): as often as
//! the copier looks, it takes the oldest segments by `retention.ms` and `retention.bytes`, of what
//! is there and what is not yet, moves the log start offset behind them, and then deletes them one
//! after the other, with those whose copy was given up. An error ends the look. Left out: its
//! thread pool (10), segments of epochs before the first of the leader's log.

use std::collections::VecDeque;

use headwater_sim::time::{Duration, Time};

use super::copier::of_epoch;
use super::remote::For;
use super::{Broker, Ctx, TAGS, kind};
use crate::batch::Lane;
use crate::bugs::Bug;
use crate::kafka::ids::TopicPartition;
use crate::kafka::remote::{OBJECTS, RemoteSegment, State};
use crate::kafka::signals;
use crate::note::Note;
use crate::tier::message::Operation;

/// Deletions of a partition.
#[derive(Debug)]
pub(super) struct Expire {
    epoch: u32,
    /// When it is looked at next.
    due: Time,
    /// What is to go; the first is under way.
    segments: VecDeque<RemoteSegment>,
    /// Objects of it that are gone.
    gone: usize,
}

impl Expire {
    /// Of a partition that the broker leads since an epoch.
    pub const fn new(epoch: u32) -> Self {
        Self { epoch, due: Time::ZERO, segments: VecDeque::new(), gone: 0 }
    }
}

impl Broker {
    pub(super) fn expire_later(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        after: Duration,
    ) {
        let Some(remote) = &mut self.remote else { return };
        if let Some(expire) = remote.expires.get_mut(&partition) {
            expire.due = ctx.now() + after;
            ctx.timer(after, TAGS.tag(kind::EXPIRE, of_epoch(partition, expire.epoch)));
        }
    }

    /// It is time to see what is to be deleted.
    pub(super) fn expire_due(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, epoch: u32) {
        self.gauge_remote(ctx);
        let Some(remote) = &self.remote else { return };
        let Some(expire) = remote.expires.get(&partition) else { return };
        let early = ctx.now() < expire.due;
        if expire.epoch != epoch || early || !expire.segments.is_empty() {
            return;
        }
        let (expired, start) = self.expired_there(ctx, partition);
        if let Some(replica) = self.replicas.get_mut(partition)
            && start > replica.log.start_offset()
            && !self.bugs.has(Bug::DeletedBeforeItsStart)
        {
            replica.log.raise_start(start);
            let ranges = expired.iter().flat_map(|of| of.ranges.iter().copied()).collect();
            let lane = Lane::from(partition);
            ctx.note(Note::Expired { lane, position: start, ranges });
            signals::REMOTE_EXPIRED.note(ctx, partition.into(), expired.len() as u64);
            self.write_log_starts(ctx);
        }
        let Some(remote) = &mut self.remote else { return };
        let Some(expire) = remote.expires.get_mut(&partition) else { return };
        (expire.segments, expire.gone) = (expired.into(), 0);
        self.delete_next(ctx, partition);
    }

    /// The segments that are to go, and where the log then begins
    /// (`cleanupExpiredRemoteLogSegments`).
    fn expired_there(&self, ctx: &Ctx<'_>, partition: TopicPartition) -> (Vec<RemoteSegment>, u64) {
        let nothing = (Vec::new(), 0);
        let Some(remote) = self.remote.as_ref().filter(|remote| remote.ready) else {
            return nothing;
        };
        let Some(replica) = self.replicas.get(partition) else { return nothing };
        let retention = self.topic(partition).retention(replica.log.start_offset());
        let copied = remote.logs.copied(partition, &replica.log);
        let here = replica.log.segments().iter().filter(|of| of.first >= copied);
        let size: u64 = here.map(|of| of.bytes).sum::<u64>() + remote.logs.bytes(partition);
        let mut over = retention.bytes.map_or(0, |limit| size.saturating_sub(limit));
        let copy = remote.copies.get(&partition);
        let (mut gone, mut start, mut goes_on) = (Vec::new(), 0, true);
        for segment in remote.logs.of(partition) {
            if copy.is_some_and(|copy| copy.has(segment.id)) {
                break;
            }
            if segment.state == State::DeleteStarted {
                gone.push(segment.clone());
                continue;
            }
            let old = retention.time.is_some_and(|time| segment.largest + time <= ctx.now());
            let large = over > 0 && over >= segment.bytes;
            let below = segment.end <= replica.log.start_offset();
            goes_on &= old || large || below;
            if goes_on {
                over = over.saturating_sub(segment.bytes);
                start = start.max(segment.end);
                gone.push(segment.clone());
            }
        }
        (gone, start.min(replica.high_watermark))
    }

    /// Announces that the next segment goes.
    fn delete_next(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let Some(remote) = &self.remote else { return };
        let Some(expire) = remote.expires.get(&partition) else { return };
        match expire.segments.front().cloned() {
            Some(segment) => self.announce(ctx, segment.now(State::DeleteStarted)),
            None => {
                let interval = self.task_interval();
                self.expire_later(ctx, partition, interval);
            }
        }
    }

    /// This broker has read of a segment in the metadata: its deletion goes on.
    pub(super) fn deletion_announced(&mut self, ctx: &mut Ctx<'_>, segment: &RemoteSegment) {
        let partition = segment.partition;
        let Some(remote) = &mut self.remote else { return };
        remote.indexes.forget(segment);
        let Some(expire) = remote.expires.get_mut(&partition) else { return };
        if expire.segments.front().is_none_or(|first| first.id != segment.id) {
            return;
        }
        match segment.state {
            State::DeleteStarted if expire.gone == 0 => self.delete_object(ctx, partition, 0),
            State::DeleteFinished => {
                expire.segments.pop_front();
                expire.gone = 0;
                self.gauge_remote(ctx);
                self.delete_next(ctx, partition);
            }
            _ => {}
        }
    }

    fn delete_object(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, number: usize) {
        let Some(remote) = &self.remote else { return };
        let first = remote.expires.get(&partition).and_then(|expire| expire.segments.front());
        let Some(chunk) = first.map(|segment| segment.chunk(OBJECTS[number])) else { return };
        self.ask_tier(ctx, For::Expire(partition), Operation::Delete { chunk });
    }

    /// An object is gone, or could not be deleted.
    pub(super) fn object_deleted(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        ok: bool,
    ) {
        let Some(remote) = &mut self.remote else { return };
        let Some(expire) = remote.expires.get_mut(&partition) else { return };
        if !ok {
            *expire = Expire::new(expire.epoch);
            let interval = self.task_interval();
            return self.expire_later(ctx, partition, interval);
        }
        expire.gone += 1;
        let gone = expire.gone;
        if gone < OBJECTS.len() {
            return self.delete_object(ctx, partition, gone);
        }
        if let Some(segment) = expire.segments.front().cloned() {
            self.announce(ctx, segment.now(State::DeleteFinished));
        }
    }
}
