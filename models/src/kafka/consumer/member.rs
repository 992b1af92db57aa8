//! A consumer's membership in its group: coordinator, commits, where reading begins.
//!
//! Stands for `AbstractCoordinator`, `ConsumerCoordinator` and `OffsetsRequestManager` of the Java
//! client @ 3.9.0; [`super::classic`] and [`super::modern`] are the two protocols. Requests to the
//! coordinator have a connection of their own. Parameters: [`crate::kafka::config::Consumer`].
//! Left out: commits by the application itself, the client's own session timeout, callbacks.

use headwater_sim::fingerprint::mix;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::{Consumer, Ctx, REQUEST_TIMEOUT, kind};
use crate::bugs::Bug;
use crate::collections::SortedVecMap;
use crate::kafka::backoff::ExponentialBackoff;
use crate::kafka::config::{ClientLibrary, Cluster, GroupProtocol, OffsetReset};
use crate::kafka::group::message::{Answer, Ask, Asked, GroupError, Told};
use crate::kafka::group::{GroupId, InstanceId, MemberId};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::Message;
use crate::kafka::reconnect::TAGS;
use crate::kafka::signals;
use crate::protocol;

/// Pauses between questions for the coordinator (`retry.backoff.ms` and its greatest value).
const RETRY: ExponentialBackoff = ExponentialBackoff::new(100, 1_000);
/// What a JoinGroup may take longer than a rebalance (`JOIN_GROUP_TIMEOUT_LAPSE`).
const JOIN_LAPSE: Duration = Duration::from_secs(5);
/// How long a consumer takes to close at the most (`ConsumerUtils.DEFAULT_CLOSE_TIMEOUT_MS`).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// In no group: it is to join.
    Outside,
    /// It commits what it has given up.
    Committing,
    /// It has asked to join.
    Joining,
    /// It has asked for its part.
    Syncing,
    /// It is a member.
    Member,
    /// It has left, because its application was too slow, and joins when that comes for more.
    Slow,
    /// The process is about to end.
    Closing,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Coordinator,
    Join,
    Sync,
    Heartbeat,
    Commit,
    Leave,
    Committed,
    Ends,
}

/// A partition in which reading has not begun yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begins {
    /// Where the group has come to is asked for.
    Committed,
    /// Nothing is committed: where the log begins or ends is asked for.
    Reset,
}

/// The membership.
#[derive(Debug)]
pub(super) struct Member {
    pub group: GroupId,
    pub id: MemberId,
    pub instance: Option<InstanceId>,
    pub stage: Stage,
    /// The generation, or the member's epoch.
    pub generation: u32,
    coordinator: Option<BrokerId>,
    /// Requests under way, and whom they were sent to.
    asked: SortedVecMap<u64, (About, BrokerId)>,
    starting: SortedVecMap<u32, Begins>,
    /// What it was told to have, while it gives other partitions up (KIP-848).
    pub next: Option<Vec<u32>>,
    /// What the coordinator was told that it has (KIP-848).
    pub told: Option<Vec<u32>>,
    /// Failures in a row to find the coordinator.
    failures: u32,
    waits: bool,
    /// Counts timers for heartbeats: only the last counts.
    pub beats: u64,
    /// When the application last came for records.
    polled_at: Time,
}

impl Member {
    /// The member of reader number `reader`.
    pub fn new(config: &Cluster, reader: u32) -> Self {
        let of = reader % config.consumers;
        Self {
            group: GroupId(reader / config.consumers),
            id: MemberId::default(),
            instance: (!config.consumer.group_instance_id.is_empty()).then_some(InstanceId(of)),
            stage: Stage::Outside,
            generation: 0,
            coordinator: None,
            asked: SortedVecMap::default(),
            starting: SortedVecMap::default(),
            next: None,
            told: None,
            failures: 0,
            waits: false,
            beats: 0,
            polled_at: Time::ZERO,
        }
    }

    pub fn asks(&self, about: About) -> bool {
        self.asked.values().any(|(of, _)| *of == about)
    }

    /// The next life begins, as far as the group is concerned.
    pub fn renew(&mut self) {
        self.id = MemberId(mix(self.id.0, 1));
    }
}

impl Consumer {
    pub(super) fn modern(&self) -> bool {
        self.config.consumer.group_protocol == GroupProtocol::Consumer
    }

    /// The process begins.
    pub(super) fn start_member(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &mut self.member else { return };
        member.id = MemberId(mix(ctx.now().0, u64::from(ctx.me().0)));
        let commit = Duration::from_millis(self.config.consumer.auto_commit_interval_ms);
        ctx.timer(commit, TAGS.tag(kind::COMMIT, 0));
        self.step(ctx);
    }

    /// Asks for whatever is missing.
    pub(super) fn step(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &self.member else { return };
        if member.coordinator.is_none() {
            self.find_coordinator(ctx);
        } else if member.stage == Stage::Outside {
            match self.modern() {
                true => self.beat_modern(ctx),
                false => self.join(ctx),
            }
        }
        self.begin_partitions(ctx);
    }

    fn find_coordinator(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &mut self.member else { return };
        if member.waits || member.asks(About::Coordinator) {
            return;
        }
        match self.connections.next_up() {
            Some(broker) => self.ask(ctx, broker, About::Coordinator, Asked::FindCoordinator),
            None => self.look_later(ctx),
        }
    }

    fn look_later(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &mut self.member else { return };
        if !std::mem::replace(&mut member.waits, true) {
            let pause = RETRY.pause(member.failures, ctx.random());
            member.failures += 1;
            ctx.timer(pause, TAGS.tag(kind::LOOK_UP, 0));
        }
    }

    /// A request to the coordinator, if it is known.
    pub(super) fn ask_coordinator(&mut self, ctx: &mut Ctx<'_>, about: About, what: Asked) {
        if let Some(coordinator) = self.member.as_ref().and_then(|member| member.coordinator) {
            self.ask(ctx, coordinator, about, what);
        }
    }

    fn ask(&mut self, ctx: &mut Ctx<'_>, to: BrokerId, about: About, what: Asked) {
        let Some(member) = &mut self.member else { return };
        self.correlation += 1;
        let (correlation, group) = (self.correlation, member.group);
        member.asked.insert(correlation, (about, to));
        let ask = Message::Ask(Box::new(Ask { correlation, group, what }));
        ctx.send(self.connections.node(to), protocol::Message::Kafka(ask));
        let late = match about {
            About::Join => {
                Duration::from_millis(self.config.consumer.max_poll_interval_ms) + JOIN_LAPSE
            }
            _ => REQUEST_TIMEOUT,
        };
        ctx.timer(late, TAGS.tag(kind::ASK_LATE, correlation));
    }

    /// An answer is late: its connection is closed (`NetworkClient.handleTimedOutRequests`), the
    /// coordinator's or the one by which records are read.
    pub(super) fn ask_late(&mut self, ctx: &mut Ctx<'_>, correlation: u64) {
        let Some(member) = &mut self.member else { return };
        let Some((about, broker)) = member.asked.remove(&correlation) else { return };
        match about {
            About::Ends => self.lose(ctx, broker),
            About::Coordinator => {
                self.lose(ctx, broker);
                self.coordinator_lost(ctx);
            }
            _ => self.coordinator_lost(ctx),
        }
    }

    /// The coordinator does not answer, or is another by now.
    pub(super) fn coordinator_lost(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &mut self.member else { return };
        member.asked.clear();
        member.coordinator = None;
        match member.stage {
            Stage::Joining | Stage::Syncing => member.stage = Stage::Outside,
            Stage::Committing => self.given_up(ctx),
            Stage::Closing => return ctx.exit(),
            Stage::Outside | Stage::Member | Stage::Slow => {}
        }
        if let Some(member) = &mut self.member {
            member.told = None;
        }
        self.look_later(ctx);
    }

    /// The connection with a broker has broken.
    pub(super) fn member_lost(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let Some(member) = &mut self.member else { return };
        if member.coordinator == Some(broker) || member.asks(About::Coordinator) {
            return self.coordinator_lost(ctx);
        }
        member.asked.retain(|_, of| *of != (About::Ends, broker));
    }

    /// A broker has answered.
    pub(super) fn told(&mut self, ctx: &mut Ctx<'_>, from: NodeId, told: Told) {
        let Some(member) = &mut self.member else { return };
        let Some((about, _)) = member.asked.remove(&told.correlation) else { return };
        match (about, told.what) {
            (About::Coordinator, Answer::Coordinator(broker)) if self.connections.up(broker) => {
                (member.coordinator, member.failures) = (Some(broker), 0);
                if member.stage == Stage::Member {
                    self.beat(ctx);
                }
            }
            (About::Coordinator, _) => self.look_later(ctx),
            (About::Ends, Answer::Listed(ends)) => self.listed(ctx, from, ends),
            (About::Committed, Answer::Offsets(offsets)) => self.committed(ctx, offsets),
            (
                _,
                Answer::Error(GroupError::NotCoordinator | GroupError::CoordinatorNotAvailable),
            ) => self.coordinator_lost(ctx),
            (_, Answer::Error(GroupError::UnreleasedInstanceId)) => {
                // `UnreleasedInstanceIdException` is thrown at the application.
                signals::MEMBER_REFUSED.note(ctx, 0, 0);
                return ctx.exit();
            }
            // A commit that fails while reading goes on is made again at its next turn.
            (About::Commit, _) => match member.stage {
                Stage::Committing => self.given_up(ctx),
                Stage::Closing => self.leave(ctx),
                _ => {}
            },
            (About::Leave, _) if member.stage == Stage::Closing => return ctx.exit(),
            (about, answer) => match self.modern() {
                true => self.told_modern(ctx, about, answer),
                false => self.told_classic(ctx, about, answer),
            },
        }
        self.step(ctx);
        self.fetch_all(ctx);
    }

    /// What was given up is committed.
    fn given_up(&mut self, ctx: &mut Ctx<'_>) {
        match self.modern() {
            true => self.reconciled(ctx),
            false => {
                if let Some(member) = &mut self.member {
                    member.stage = Stage::Outside;
                }
            }
        }
    }

    /// It is time for a heartbeat.
    pub(super) fn beat_due(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        let Some(member) = &self.member else { return };
        if member.beats != number {
            return;
        }
        let limit = Duration::from_millis(self.config.consumer.max_poll_interval_ms);
        let polls = self.queue.front().map_or(0, |queued| queued.records());
        let polls = polls.div_ceil(self.config.consumer.max_poll_records.max(1));
        if polls > 0 && ctx.now() > member.polled_at + limit * polls {
            return self.too_slow(ctx);
        }
        self.beat(ctx);
    }

    /// The application takes too long: the consumer leaves in its place
    /// (`AbstractCoordinator.HeartbeatThread`: `pollTimeoutExpired`).
    fn too_slow(&mut self, ctx: &mut Ctx<'_>) {
        signals::MEMBER_SLOW.note(ctx, 0, 0);
        self.leave(ctx);
        if let Some(member) = &mut self.member {
            member.stage = Stage::Slow;
        }
    }

    /// The application comes for records.
    pub(super) fn polled(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &mut self.member else { return };
        member.polled_at = ctx.now();
        if member.stage == Stage::Slow {
            member.renew();
            self.lose_all();
            self.step(ctx);
        }
    }

    /// Records are there again for an application that had none.
    pub(super) fn polls(&mut self, ctx: &Ctx<'_>) {
        if let Some(member) = &mut self.member {
            member.polled_at = ctx.now();
        }
    }

    fn beat(&mut self, ctx: &mut Ctx<'_>) {
        match self.modern() {
            true => self.beat_modern(ctx),
            false => self.beat_classic(ctx),
        }
    }

    /// The next heartbeat is due in `ms`.
    pub(super) fn beat_in(&mut self, ctx: &mut Ctx<'_>, ms: u64) {
        let Some(member) = &mut self.member else { return };
        member.beats += 1;
        ctx.timer(Duration::from_millis(ms), TAGS.tag(kind::BEAT, member.beats));
    }

    /// Leaves the group, if such a member does: a static one of a classic group stays in it until
    /// its session ends.
    fn leave(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &self.member else { return };
        let (id, fixed) = (member.id, member.instance.is_some());
        let closing = member.stage == Stage::Closing;
        let what = match self.modern() {
            true => self.leaving(),
            false if fixed && closing => return ctx.exit(),
            false => Asked::Leave { member: id },
        };
        self.ask_coordinator(ctx, About::Leave, what);
    }

    /// The process is asked to end.
    pub(super) fn close(&mut self, ctx: &mut Ctx<'_>) {
        let owned = self.owned();
        let offsets = self.give_up(&owned);
        let Some(member) = &mut self.member else { return ctx.exit() };
        let was = std::mem::replace(&mut member.stage, Stage::Closing);
        if was != Stage::Member || member.coordinator.is_none() {
            return ctx.exit();
        }
        ctx.timer(CLOSE_TIMEOUT, TAGS.tag(kind::CLOSED, 0));
        if !self.commit(ctx, offsets) {
            self.leave(ctx);
        }
    }

    /// Commits offsets, if there are any and it is the consumer's to do so. True if it does.
    pub(super) fn commit(&mut self, ctx: &mut Ctx<'_>, offsets: Vec<(u32, u64)>) -> bool {
        let Some(member) = &self.member else { return false };
        let commits = self.config.consumer.enable_auto_commit && member.coordinator.is_some();
        if offsets.is_empty() || !commits {
            return false;
        }
        let by = (member.id, member.generation);
        self.ask_coordinator(ctx, About::Commit, Asked::Commit { by, offsets });
        true
    }

    /// It is time to commit (`maybeAutoCommitOffsetsAsync`): the Java client commits everything,
    /// librdkafka what has changed.
    pub(super) fn commit_due(&mut self, ctx: &mut Ctx<'_>) {
        let pause = Duration::from_millis(self.config.consumer.auto_commit_interval_ms);
        ctx.timer(pause, TAGS.tag(kind::COMMIT, 0));
        let Some(member) = &self.member else { return };
        if member.stage != Stage::Member || member.asks(About::Commit) {
            return;
        }
        let all = self.config.client == ClientLibrary::Java;
        let mut offsets = Vec::new();
        for (partition, position) in self.positions.iter_mut() {
            let reached = match self.bugs.has(Bug::CommitsWhatWasFetched) {
                true => position.offset,
                false => position.delivered,
            };
            let was = position.committed.replace(reached);
            if all || was != position.committed {
                offsets.push((partition.partition.0, reached));
            }
        }
        self.commit(ctx, offsets);
    }

    /// The partitions that it has.
    pub(super) fn owned(&self) -> Vec<u32> {
        let starting = self.member.iter().flat_map(|member| member.starting.keys().copied());
        let mut all: Vec<_> =
            self.positions.keys().map(|of| of.partition.0).chain(starting).collect();
        all.sort_unstable();
        all
    }

    /// Partitions are its own from now on.
    pub(super) fn take_over(&mut self, partitions: &[u32]) {
        let Some(member) = &mut self.member else { return };
        for partition in partitions {
            member.starting.insert(*partition, Begins::Committed);
        }
    }

    /// Partitions are its own no longer; how far each had come.
    pub(super) fn give_up(&mut self, partitions: &[u32]) -> Vec<(u32, u64)> {
        let mut offsets = Vec::new();
        for partition in partitions {
            if let Some(member) = &mut self.member {
                member.starting.remove(partition);
            }
            if let Some(delivered) = self.unassign(TopicPartition::of_events(*partition)) {
                offsets.push((*partition, delivered));
            }
        }
        offsets
    }

    /// The group goes on without it: others may have its partitions by now.
    pub(super) fn lose_all(&mut self) {
        let owned = self.owned();
        self.give_up(&owned);
        if let Some(member) = &mut self.member {
            (member.stage, member.told, member.next) = (Stage::Outside, None, None);
        }
    }

    /// The group refuses it, which begins another life if it is not known any more.
    pub(super) fn refused(&mut self, error: GroupError) {
        let Some(member) = &mut self.member else { return };
        if error == GroupError::UnknownMemberId {
            member.renew();
        }
        if member.stage != Stage::Slow {
            self.lose_all();
        }
    }

    /// Asks where to begin in partitions that it was given.
    fn begin_partitions(&mut self, ctx: &mut Ctx<'_>) {
        let Some(member) = &self.member else { return };
        let of = |begins| {
            let starting = member.starting.iter().filter(move |(_, of)| **of == begins);
            starting.map(|(partition, _)| *partition).collect::<Vec<_>>()
        };
        let (unknown, reset) = (of(Begins::Committed), of(Begins::Reset));
        let lists = member.asks(About::Ends);
        if !unknown.is_empty() && !member.asks(About::Committed) {
            let what = Asked::FetchOffsets { partitions: unknown };
            self.ask_coordinator(ctx, About::Committed, what);
        }
        let Some(first) = reset.first().filter(|_| !lists) else { return };
        let leader_of = |partition: u32| self.leaders[partition as usize].0;
        let Some(leader) = leader_of(*first).filter(|leader| self.connections.up(*leader)) else {
            return self.connections.refresh(ctx);
        };
        let partitions = reset.into_iter().filter(|of| leader_of(*of) == Some(leader)).collect();
        let latest = self.config.consumer.auto_offset_reset == OffsetReset::Latest;
        self.ask(ctx, leader, About::Ends, Asked::ListOffsets { partitions, latest });
    }

    /// The coordinator tells how far the group has come.
    fn committed(&mut self, ctx: &mut Ctx<'_>, offsets: Vec<(u32, Option<u64>)>) {
        for (partition, offset) in offsets {
            let Some(member) = &mut self.member else { return };
            let Some(begins) = member.starting.get_mut(&partition) else { continue };
            match offset {
                Some(offset) => self.begin(ctx, partition, offset),
                None if self.config.consumer.auto_offset_reset == OffsetReset::None => {
                    // `NoOffsetForPartitionException` is thrown at the application.
                    signals::NO_OFFSET.note(ctx, partition.into(), 0);
                    return ctx.exit();
                }
                None => *begins = Begins::Reset,
            }
        }
    }

    /// A position is out of range: the leader is asked where to begin instead.
    pub(super) fn begin_anew(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        self.unassign(partition);
        if let Some(member) = &mut self.member {
            member.starting.insert(partition.partition.0, Begins::Reset);
        }
        self.begin_partitions(ctx);
    }

    /// A leader tells where partitions begin, or end.
    fn listed(&mut self, ctx: &mut Ctx<'_>, from: NodeId, ends: Vec<(u32, u64)>) {
        if ends.is_empty() {
            // It leads none of them.
            self.connections.refresh(ctx);
            if let Some(broker) = self.connections.broker(from) {
                let gone = self.leaders.iter_mut().filter(|(leader, _)| *leader == Some(broker));
                gone.for_each(|(leader, _)| *leader = None);
            }
        }
        for (partition, offset) in ends {
            self.begin(ctx, partition, offset);
        }
    }

    /// Reading begins in a partition.
    fn begin(&mut self, ctx: &mut Ctx<'_>, partition: u32, offset: u64) {
        let Some(member) = &mut self.member else { return };
        if member.starting.remove(&partition).is_some() {
            signals::PARTITION_ASSIGNED.note(ctx, partition.into(), offset);
            self.assign(TopicPartition::of_events(partition), offset);
        }
    }

    /// Time to look for the coordinator again.
    pub(super) fn look_up(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(member) = &mut self.member {
            member.waits = false;
        }
        self.step(ctx);
    }
}
