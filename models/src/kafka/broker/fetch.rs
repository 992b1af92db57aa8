//! Fetch requests of followers and consumers: sessions, reading, waiting for data.
//!
//! Stands for `FetchSession`, `ReplicaManager.fetchMessages` and `DelayedFetch` of apache/kafka @
//! 3.9.0. A session holds what is wanted of each partition (KIP-227). The broker looks at all of
//! its partitions when a fetch comes, and again when a waiting fetch has become answerable: that is
//! CPU time of a handler by partition ([`crate::kafka::costs::Costs::fetch`]). Here only those are
//! looked at in which something may be to be sent, in turns, as a session's partitions take turns.
//! A fetcher without sessions (librdkafka) has one here all the same; its answers list every
//! partition. Parameters: those of the request. Left out: `fetch.min.bytes` (1), the limit on
//! sessions.

use std::collections::VecDeque;

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::connections::State;
use super::log_reads::Answer;
use super::remote_reads::Remotely;
use super::{Broker, Ctx, HANDLERS, kind};
use crate::bugs::Bug;
use crate::collections::SortedVecMap;
use crate::kafka::ids::TopicPartition;
use crate::kafka::message::{ErrorCode, Fetch, FetchPartition, FetchedPartition, InSync, Message};

/// What a broker remembers of a fetcher.
#[derive(Debug, Default)]
pub struct Session {
    follower: Option<InSync>,
    wanted: SortedVecMap<TopicPartition, Wanted>,
    /// Partitions in which something may be to be sent.
    active: VecDeque<TopicPartition>,
    /// When the last fetch came.
    fetched_at: Time,
    /// What the last look at the active partitions gave, if that was not worth an answer: room for
    /// the next.
    reads: Vec<FetchedPartition>,
}

#[derive(Debug)]
struct Wanted {
    asked: FetchPartition,
    /// The high watermark that the fetcher was told.
    told: Option<u64>,
    /// It is among the active ones.
    active: bool,
    /// There was more than was last read, or might be at the next fetch.
    more: bool,
}

/// What a fetch may have.
#[derive(Clone, Copy)]
struct Limits {
    bytes: u64,
    /// A replica that is being added gets nothing.
    throttled: bool,
}

/// What there is to say of one partition.
struct Read {
    fetched: FetchedPartition,
    /// There is more than was read, or might be at the next fetch.
    more: bool,
    /// It is in remote storage.
    remote: Option<Remotely>,
}

/// What a session gives.
struct Given {
    partitions: Vec<FetchedPartition>,
    /// Which of them is to be read from remote storage.
    remote: Option<(usize, Remotely)>,
}

impl Session {
    /// How many partitions it has.
    pub const fn len(&self) -> usize {
        self.wanted.len()
    }

    fn want(&mut self, asked: FetchPartition) {
        let fresh = || Wanted { asked, told: None, active: false, more: false };
        let wanted = self.wanted.get_or_insert_with(asked.partition, fresh);
        wanted.asked = asked;
        if !std::mem::replace(&mut wanted.active, true) {
            self.active.push_back(asked.partition);
        }
    }

    /// What was found of these partitions is not sent after all.
    pub fn untell(&mut self, partitions: impl Iterator<Item = TopicPartition>) {
        for partition in partitions {
            let Some(wanted) = self.wanted.get_mut(&partition) else { continue };
            wanted.told = None;
            if !std::mem::replace(&mut wanted.active, true) {
                self.active.push_back(partition);
            }
        }
    }
}

impl Broker {
    pub(super) fn fetch(&mut self, ctx: &mut Ctx<'_>, from: NodeId, mut fetch: Box<Fetch>) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        if fetch.full {
            connection.session = Some(Box::default());
        }
        let Some(session) = &mut connection.session else {
            let lost = Message::FetchResponse {
                correlation: fetch.correlation,
                error: ErrorCode::FetchSessionIdNotFound,
                partitions: Vec::new(),
                listed: 0,
            };
            return self.respond(ctx, from, Some(lost));
        };
        (session.follower, session.fetched_at) = (fetch.replica, ctx.now());
        for gone in fetch.forgotten.drain(..) {
            session.wanted.remove(&gone);
        }
        for asked in fetch.partitions.drain(..) {
            session.want(asked);
            let Some(replica) = self.replicas.get_mut(asked.partition) else { continue };
            Self::asked_for(ctx, replica, asked.offset);
            if !replica.watchers.contains(&from) {
                replica.watchers.push(from);
            }
        }
        if let Some(follower) = fetch.replica {
            let asked = |partition| session.wanted.get(partition).map(|wanted| wanted.asked);
            let news: Vec<_> = session.active.iter().filter_map(asked).collect();
            for asked in news {
                self.follower_fetched(ctx, follower, &asked);
            }
        }
        let wait = Duration::from_millis(fetch.max_wait_ms);
        let Some(connection) = self.connections.get_mut(&from) else { return };
        let tag = connection.tag(kind::WAIT_OVER, from);
        connection.state = State::Fetching { fetch, deadline: ctx.now() + wait };
        if !self.answer_fetch(ctx, from, false) {
            self.handler_left(ctx, from);
            ctx.timer(wait, tag);
        }
    }

    /// The longest wait of a fetch is over.
    pub(super) fn wait_over(&mut self, ctx: &mut Ctx<'_>, which: u64) {
        let Some(from) = self.current(which) else { return };
        let Some(connection) = self.connections.get(&from) else { return };
        if matches!(connection.state, State::Fetching { deadline, .. } if deadline <= ctx.now()) {
            self.complete_fetch(ctx, from);
        }
    }

    /// A waiting fetch is to be answered: a handler reads its session.
    fn complete_fetch(&mut self, ctx: &mut Ctx<'_>, from: NodeId) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        let sessions = connection.session.as_ref().map_or(0, |session| session.len() as u64);
        match std::mem::take(&mut connection.state) {
            State::Fetching { fetch, .. } => {
                connection.state = State::Completing(fetch);
                let cost = self.jvm.cost(Duration(self.config.costs.fetch(sessions)));
                self.config.costs.work(ctx, HANDLERS, cost, connection.tag(kind::COMPLETED, from));
            }
            other => connection.state = other,
        }
    }

    /// The session of a fetch that had to wait has been read.
    pub(super) fn completed(&mut self, ctx: &mut Ctx<'_>, from: NodeId) {
        self.answer_fetch(ctx, from, true);
    }

    /// Answers a fetch if there is anything to return, or unconditionally. False if it goes on
    /// waiting.
    fn answer_fetch(&mut self, ctx: &mut Ctx<'_>, from: NodeId, in_any_case: bool) -> bool {
        let throttled = self.leader_is_throttled(ctx.now());
        let Some(connection) = self.connections.get_mut(&from) else { return true };
        let Some(mut session) = connection.session.take() else { return true };
        let Some(connection) = self.connections.get(&from) else { return true };
        let (State::Fetching { fetch, .. } | State::Completing(fetch)) = &connection.state else {
            return true;
        };
        let bytes = self.fetch_max(from, fetch.max_bytes);
        let limits = Limits { bytes, throttled };
        let answer = self.read_session(&mut session, (fetch, limits), in_any_case);
        let (correlation, listed) = (fetch.correlation, fetch.listed);
        let follower = fetch.replica.is_some();
        if let Some(connection) = self.connections.get_mut(&from) {
            connection.session = Some(session);
        }
        let Some(Given { partitions, remote }) = answer else { return false };
        let listed = listed.unwrap_or(partitions.len() as u64);
        let answer = Answer { correlation, partitions, listed };
        if follower {
            self.count_led(ctx.now(), &answer);
        }
        match remote {
            Some(remote) => self.fetch_remotely(ctx, from, answer, remote),
            None => self.send_fetched(ctx, from, answer),
        }
        true
    }

    /// What a session's active partitions give. Nothing if that is not worth an answer.
    fn read_session(
        &self,
        session: &mut Session,
        (fetch, limits): (&Fetch, Limits),
        in_any_case: bool,
    ) -> Option<Given> {
        let (mut room, mut worth, mut remote) = (limits.bytes, false, None);
        let Session { wanted, active, reads, .. } = session;
        reads.clear();
        for partition in active.iter() {
            let Some(wanted) = wanted.get_mut(partition) else { continue };
            let read = self.read((fetch, limits), &wanted.asked, room);
            room = room.saturating_sub(read.fetched.size_bytes());
            worth |= read.fetched.is_worth_an_answer() || read.remote.is_some();
            // Of those in remote storage the first is read, the others by later fetches.
            remote = remote.or(read.remote.map(|of| (*partition, of)));
            wanted.more = read.more;
            reads.push(read.fetched);
        }
        if !worth && !in_any_case {
            return None;
        }
        active.clear();
        let chosen = remote.map(|(partition, _)| partition);
        let tells = |fetched: &FetchedPartition| {
            fetched.is_worth_an_answer() || chosen == Some(fetched.partition)
        };
        let mut answer = std::mem::take(reads);
        answer.retain(|fetched| {
            let Some(wanted) = wanted.get_mut(&fetched.partition) else { return false };
            let tells = tells(fetched);
            let told = wanted.told.replace(fetched.high_watermark);
            wanted.active = wanted.more;
            if wanted.more && !tells {
                active.push_back(fetched.partition);
            }
            // Those without news are not in the answer (`maybeUpdateResponseData`).
            tells || told != Some(fetched.high_watermark)
        });
        // What has got data goes behind the others.
        let served = answer.iter().filter(|fetched| tells(fetched));
        let more = |partition: &TopicPartition| wanted.get(partition).is_some_and(|of| of.more);
        active.extend(served.map(|fetched| fetched.partition).filter(more));
        let at = |partition| answer.iter().position(|fetched| fetched.partition == partition);
        let remote = remote.and_then(|(partition, wanted)| Some((at(partition)?, wanted)));
        Some(Given { partitions: answer, remote })
    }

    fn read(&self, (fetch, limits): (&Fetch, Limits), wanted: &FetchPartition, room: u64) -> Read {
        let mut fetched = FetchedPartition {
            partition: wanted.partition,
            error: ErrorCode::None,
            high_watermark: 0,
            log_start: 0,
            local_start: 0,
            diverging: None,
            batches: Vec::new(),
        };
        let replica = self.replicas.get(wanted.partition);
        let Some(replica) = replica.filter(|replica| replica.state.leader == Some(self.me)) else {
            fetched.error = ErrorCode::NotLeader;
            return Read { fetched, more: true, remote: None };
        };
        if wanted.leader_epoch != replica.state.leader_epoch && fetch.replica.is_some() {
            fetched.error = ErrorCode::FencedLeaderEpoch;
            return Read { fetched, more: true, remote: None };
        }
        fetched.high_watermark = replica.high_watermark;
        let log = &replica.log;
        (fetched.log_start, fetched.local_start) = (log.start_offset(), log.local_start());
        if fetch.replica.is_some() || wanted.last_fetched_epoch.is_some() {
            let (epoch, offset) = (wanted.last_fetched_epoch, wanted.offset);
            fetched.diverging = replica.log.diverges(epoch, offset, self.bugs);
            if fetched.diverging.is_some() {
                return Read { fetched, more: true, remote: None };
            }
        }
        if self.is_tiered(wanted.partition)
            && (log.start_offset()..log.local_start()).contains(&wanted.offset)
        {
            let bytes = fetch.partition_max_bytes.min(room);
            let there = Remotely { offset: wanted.offset, bytes };
            let remote = Some(there).filter(|_| fetch.replica.is_none() && room > 0);
            if fetch.replica.is_some() {
                fetched.error = ErrorCode::OffsetMovedToTieredStorage;
            }
            return Read { fetched, more: true, remote };
        }
        if wanted.offset > log.end_offset() || wanted.offset < log.local_start() {
            fetched.error = ErrorCode::OffsetOutOfRange;
            return Read { fetched, more: true, remote: None };
        }
        let whole = fetch.replica.is_some() || self.bugs.has(Bug::ReadsPastHighWatermark);
        let limit = if whole { replica.log.end_offset() } else { replica.high_watermark };
        // `shouldLeaderThrottle`: then there is nothing for it.
        let held = limits.throttled && self.awaited(wanted.partition, fetch.replica);
        if room > 0 && wanted.offset < limit && !held {
            let bytes = fetch.partition_max_bytes.min(room);
            fetched.batches = replica.log.read(wanted.offset, limit, bytes);
        }
        // A follower that is not in sync is looked at with every fetch: it may join.
        let joins = |follower: InSync| !replica.state.isr.contains(&follower.broker);
        let more = wanted.offset < limit || fetch.replica.is_some_and(joins);
        Read { fetched, more, remote: None }
    }

    /// A partition has news for followers (its log has grown) or for all (its high watermark or
    /// leadership has moved).
    pub(super) fn check_waiting_fetches(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let throttled = self.leader_is_throttled(ctx.now());
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        if replica.watchers.is_empty() {
            return;
        }
        let (adding, isr) = match throttled {
            true => (replica.state.adding.clone(), replica.state.isr.clone()),
            false => (Vec::new(), Vec::new()),
        };
        let leads = replica.state.leader == Some(self.me);
        let past = self.bugs.has(Bug::ReadsPastHighWatermark);
        let (end, high_watermark) = (replica.log.end_offset(), replica.high_watermark);
        let mut watchers = std::mem::take(&mut replica.watchers);
        watchers.retain(|from| {
            let connection = self.connections.get_mut(from);
            let Some(session) = connection.and_then(|of| of.session.as_mut()) else { return false };
            let Some(wanted) = session.wanted.get_mut(&partition) else { return false };
            let whole = past || session.follower.is_some();
            let limit = if whole { end } else { high_watermark };
            let held = |follower: InSync| {
                adding.contains(&follower.broker) && !isr.contains(&follower.broker)
            };
            let held = session.follower.is_some_and(held);
            let answerable = !leads || wanted.asked.offset < limit && !held;
            if !std::mem::replace(&mut wanted.active, true) {
                session.active.push_back(partition);
            }
            if answerable {
                self.complete_fetch(ctx, *from);
            }
            true
        });
        if let Some(replica) = self.replicas.get_mut(partition) {
            replica.watchers = watchers;
        }
    }

    /// A partition's log is about to grow: its followers had everything when they last fetched.
    pub(super) fn about_to_grow(&mut self, partition: TopicPartition) {
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        for at in 0..replica.watchers.len() {
            let connection = self.connections.get(&replica.watchers[at]);
            let Some(session) = connection.and_then(|of| of.session.as_ref()) else { continue };
            if let Some(follower) = session.follower
                && session.wanted.contains_key(&partition)
            {
                replica.about_to_grow(follower.broker, session.fetched_at);
            }
        }
    }
}

impl FetchedPartition {
    /// Bytes of its batches.
    pub(super) fn size_bytes(&self) -> u64 {
        self.batches.iter().map(|batch| batch.size_bytes()).sum()
    }

    /// It ends the wait of a fetch.
    fn is_worth_an_answer(&self) -> bool {
        !self.batches.is_empty() || self.error != ErrorCode::None || self.diverging.is_some()
    }
}
