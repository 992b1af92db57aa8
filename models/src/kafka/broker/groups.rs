//! The coordinator of the groups that are kept in partitions that this broker leads.
//!
//! Stands for `GroupCoordinatorService` and `CoordinatorRuntime` of apache/kafka @ 4.0 (1eb7644). A
//! group is read from its partition when the broker begins to lead that, and forgotten when another
//! does. A request that changes it is answered once the change is on all replicas in sync.
//! Parameters: [`crate::kafka::config::Broker`]. Left out: the coordinator's own threads, as a
//! handler does its work; what reading a group takes; `__consumer_offsets` is made beforehand.

use std::rc::Rc;

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::connections::{State, of_group};
use super::{Broker, Ctx, TAGS, kind};
use crate::batch::{Batch, StreamId, StreamWriter};
use crate::kafka::config::Topic;
use crate::kafka::group::message::{Answer, Ask, Asked, GroupError, Told};
use crate::kafka::group::state::{Effects, Group, Happened, Limits, Waiter};
use crate::kafka::group::{self, GroupId};
use crate::kafka::ids::TopicPartition;
use crate::kafka::message::{ErrorCode, Message};
use crate::kafka::properties;
use crate::kafka::signals;

/// `offsets.topic.segment.bytes` at its default.
const SEGMENT_BYTES: u64 = 100 << 20;
/// The stream of what no client wrote.
pub(super) const NO_STREAM: StreamId = StreamId(u32::MAX);

/// A group that this broker coordinates.
#[derive(Debug)]
pub(super) struct Coordinated {
    group: Group,
    /// When its timer fires next.
    armed: Time,
}

/// A group that is being written.
#[derive(Debug)]
pub(super) struct Written {
    /// Who waits for that.
    after: Vec<(Waiter, Answer)>,
    /// A handler does it.
    pub(super) holds_handler: bool,
}

impl Broker {
    /// The options of a partition's topic.
    pub(super) fn topic(&self, partition: TopicPartition) -> Topic {
        let of_events = &self.config.topic;
        match self.config.is_of_events(partition) {
            true => of_events.clone(),
            // It is compacted, and nothing of it is removed.
            false => Topic { segment_bytes: SEGMENT_BYTES, retention_ms: -1, ..Topic::default() },
        }
    }

    /// A consumer asks for something: of the coordinator on a connection of its own.
    pub(super) fn asks(&mut self, ctx: &mut Ctx<'_>, from: NodeId, ask: Box<Ask>) {
        let from = match ask.what {
            Asked::ListOffsets { .. } => from,
            _ => of_group(from),
        };
        self.request(ctx, from, Message::Ask(ask));
    }

    /// A handler has what a consumer asks.
    pub(super) fn asked(&mut self, ctx: &mut Ctx<'_>, from: NodeId, ask: Ask) {
        let Some(connection) = self.connections.get_mut(&from) else {
            return self.handler_free(ctx);
        };
        connection.state = State::Asking;
        let Ask { correlation, group, what } = ask;
        let waiter = Waiter { connection: from, serial: connection.serial, correlation };
        let answer = match what {
            Asked::FindCoordinator => {
                let partition = group::partition_of(&self.config, group);
                let leader = self.image.partitions[partition.index()].leader;
                let none = Answer::Error(GroupError::CoordinatorNotAvailable);
                leader.map_or(none, Answer::Coordinator)
            }
            Asked::ListOffsets { partitions, latest } => self.list_offsets(&partitions, latest),
            what => match self.groups.get_mut(&group) {
                Some(coordinated) => {
                    let limits = Limits::of(&self.config);
                    let effects = coordinated.group.ask((ctx.now(), &limits), what, waiter);
                    return self.settle(ctx, group, effects, true);
                }
                None => Answer::Error(GroupError::NotCoordinator),
            },
        };
        self.tell(ctx, waiter, answer);
        self.handler_free(ctx);
    }

    /// `KafkaApis.handleListOffsetRequest`: the high watermark is the end for consumers.
    fn list_offsets(&self, partitions: &[u32], latest: bool) -> Answer {
        let led = |at: &u32| {
            let replica = self.replicas.get(TopicPartition::of_events(*at))?;
            let leads = replica.state.leader == Some(self.me);
            let start = replica.log.start_offset();
            leads.then_some((*at, if latest { replica.high_watermark } else { start }))
        };
        Answer::Listed(partitions.iter().filter_map(led).collect())
    }

    /// Answers a request, if its connection still stands.
    fn tell(&mut self, ctx: &mut Ctx<'_>, to: Waiter, what: Answer) {
        let Waiter { connection: peer, serial, correlation } = to;
        let waits =
            |of: &super::Connection| of.serial == serial && matches!(of.state, State::Asking);
        if self.connections.get(&peer).is_some_and(waits) {
            let told = Message::Told(Box::new(Told { correlation, what }));
            self.respond_within_quota(ctx, peer, Some(told));
        }
    }

    fn settle(&mut self, ctx: &mut Ctx<'_>, id: GroupId, effects: Effects, handler: bool) {
        let Some(coordinated) = self.groups.get(&id) else { return };
        let (members, words) = (coordinated.group.member_count() as u64, coordinated.group.words());
        let entity = u64::from(id.0);
        for happened in effects.happened {
            match happened {
                Happened::Stable(generation) => {
                    signals::GROUP_STABLE.note(ctx, entity, generation.into());
                }
                Happened::Expired => {
                    properties::MEMBER_EXPIRED.reached(ctx);
                    signals::MEMBER_EXPIRED.note(ctx, entity, members);
                }
                Happened::Left => signals::MEMBER_LEFT.note(ctx, entity, members),
                Happened::Returned => {
                    properties::MEMBER_RETURNED.reached(ctx);
                    signals::MEMBER_RETURNED.note(ctx, entity, members);
                }
                Happened::CommitRefused => properties::COMMIT_REFUSED.reached(ctx),
            }
        }
        for (waiter, answer) in effects.answers {
            self.tell(ctx, waiter, answer);
        }
        match effects.store {
            Some(bytes) => {
                let written = Written { after: effects.after, holds_handler: handler };
                self.store_group(ctx, id, (bytes, words), written);
            }
            None if handler => self.handler_free(ctx),
            None => {}
        }
        self.watch_group(ctx, id);
    }

    fn store_group(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: GroupId,
        (bytes, words): (u64, Vec<u64>),
        written: Written,
    ) {
        let partition = group::partition_of(&self.config, id);
        let first = self.replicas.get(partition).map_or(0, |replica| replica.log.end_offset());
        let now = ctx.now();
        let batch = Batch {
            bytes,
            intended: vec![now],
            started: vec![now],
            words: Some(Rc::new(words)),
            ..Batch::empty(
                StreamWriter { stream: NO_STREAM, number: id.0 },
                partition.into(),
                first,
            )
        };
        self.write_down_group(ctx, Rc::new(batch), written);
    }

    /// How far the groups that this broker coordinates have come.
    pub(super) fn offsets_of_groups(&self) -> impl Iterator<Item = (TopicPartition, u64)> {
        let all = TopicPartition::all(self.config.event_partitions());
        let groups = self.groups.values();
        groups.flat_map(move |of| all.clone().map(|at| (at, of.group.offset(at.partition.0))))
    }

    /// A group is written, or could not be.
    pub(super) fn group_written(&mut self, ctx: &mut Ctx<'_>, written: Written, error: ErrorCode) {
        for (waiter, answer) in written.after {
            // `appendGroupMetadataErrorToResponseError`.
            let answer = match error {
                ErrorCode::None => answer,
                ErrorCode::NotLeader => Answer::Error(GroupError::NotCoordinator),
                _ => Answer::Error(GroupError::CoordinatorNotAvailable),
            };
            self.tell(ctx, waiter, answer);
        }
    }

    /// Sets a timer for what is due of a group next, unless one fires before.
    fn watch_group(&mut self, ctx: &mut Ctx<'_>, id: GroupId) {
        let limits = Limits::of(&self.config);
        let Some(coordinated) = self.groups.get_mut(&id) else { return };
        let Some(due) = coordinated.group.deadline(&limits) else { return };
        if due < coordinated.armed {
            coordinated.armed = due;
            let wait = due.since(ctx.now()).max(Duration(1));
            ctx.timer(wait, TAGS.tag(kind::GROUP, id.0.into()));
        }
    }

    /// Something may be due of a group.
    pub(super) fn group_due(&mut self, ctx: &mut Ctx<'_>, id: GroupId) {
        let limits = Limits::of(&self.config);
        let Some(coordinated) = self.groups.get_mut(&id) else { return };
        coordinated.armed = Time::MAX;
        let effects = coordinated.group.on_time(ctx.now(), &limits);
        self.settle(ctx, id, effects, false);
    }

    /// The leader of a partition has changed: groups that are kept in it are read, or forgotten.
    pub(super) fn coordinate(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        if self.config.is_of_events(partition) {
            return;
        }
        let config = self.config.clone();
        let all = (0..config.groups).map(GroupId);
        let kept: Vec<_> =
            all.filter(|of| group::partition_of(&config, *of) == partition).collect();
        for id in &kept {
            let gone = self.groups.remove(id).map(|of| of.group.abandon()).unwrap_or_default();
            for waiter in gone {
                self.tell(ctx, waiter, Answer::Error(GroupError::NotCoordinator));
            }
        }
        let Some(replica) = self.replicas.get(partition) else { return };
        if replica.state.leader != Some(self.me) {
            return;
        }
        let batches = replica.log.read(0, replica.log.end_offset(), u64::MAX);
        let now = ctx.now();
        for id in kept {
            let words = batches.iter().rev().filter_map(|of| of.batch.words.as_deref());
            let last = words.into_iter().find(|words| Group::id_in(words) == id);
            if last.is_some() {
                properties::COORDINATOR_MOVED.reached(ctx);
            }
            let fresh = || Group::new(&config, id);
            let group = last.map_or_else(fresh, |words| Group::load(&config, words, now));
            self.groups.insert(id, Coordinated { group, armed: Time::MAX });
            self.watch_group(ctx, id);
        }
    }
}
