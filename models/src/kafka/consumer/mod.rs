//! A consumer of some of the partitions, from the beginning.
//!
//! Stands for the Java client's `Fetcher` @ 3.9.0 and for librdkafka's consumer @ 2.12.1
//! (`rdkafka_fetcher.c`) with partitions assigned by hand: one fetch at a time to each leader,
//! answered once there is a byte or after `fetch.max.wait.ms`. The Java client takes a response
//! apart and hands its records over on one thread. librdkafka takes it apart on a thread for each
//! broker, fetches again, and queues the records for the application's thread; with
//! `queued.min.messages` records or `queued.max.messages.kbytes` in that queue, which all
//! partitions are forwarded to (`rd_kafka_q_len`, `rdkafka_queue.h:638`), nothing is fetched for
//! `fetch.queue.backoff.ms` (`rd_kafka_toppar_fetch_decide`, `rdkafka_fetcher.c:1362-1381`).
//!
//! A reader whose log was cut behind where it has come to goes on from where it was cut (KIP-320:
//! `SubscriptionState.maybeCompleteValidation`, `rd_kafka_offset_validate`). Here the fetch asks
//! for that, not an OffsetsForLeaderEpoch of its own before it.
//!
//! The Java client has a fetch session with each broker (KIP-227). librdkafka has none
//! (`rdkafka_fetcher.c:1049`): its requests and the answers list every partition, which is what
//! they weigh; only what has changed is told here all the same.
//!
//! Parameters: [`crate::kafka::config::Consumer`], [`crate::kafka::costs::Costs`]; others at their
//! defaults. A member of a group has the partitions that it is given, and begins where the group
//! has come to (`member.rs`); any other consumer reads its own from the beginning. Left out: what
//! the application does with its records, besides the time that it takes.

mod classic;
mod member;
mod modern;
mod position;

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use self::member::Member;
use self::position::Position;
use crate::bugs::BugSet;
use crate::collections::SortedVecMap;
use crate::kafka::config::{ClientLibrary, Cluster, OffsetReset};
use crate::kafka::fetch_session::{FetchNews, FetchSession};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{ErrorCode, Fetch, FetchedPartition, Message};
use crate::kafka::reconnect::{Connections, Pauses, SCAN_EVERY, TAGS};
use crate::kafka::record::{LogBatch, record_bytes};
use crate::kafka::signals;
use crate::outlet::Outlet;
use crate::protocol::{self, Record, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The application's thread.
const APPLICATION: PoolId = PoolId(0);
/// `rdk:brokerN` of librdkafka, one for each broker.
const BROKERS: PoolId = PoolId(1);

/// A fetch without an answer for this long is taken as lost (`request.timeout.ms`; librdkafka: what
/// the fetch may wait and `socket.timeout.ms` on top, which is 60.5 s).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// `queued.min.messages` (`rdkafka_conf.c:1403`).
const QUEUED_RECORDS_MAX: u64 = 100_000;
/// `queued.max.messages.kbytes` (`rdkafka_conf.c:1408`), in bytes.
const QUEUED_BYTES_MAX: u64 = 65_536 << 10;
/// `fetch.queue.backoff.ms` (`rdkafka_conf.c:1424`).
const QUEUE_BACKOFF: Duration = Duration::from_secs(1);

/// Kinds of tags.
pub mod kind {
    /// A request is late; which.
    pub const LATE: u64 = 1;
    /// A response is taken apart; the broker's number.
    pub const PARSED: u64 = 2;
    /// Records are handed over.
    pub const DELIVERED: u64 = 3;
    /// A broker may be fetched from again; its number.
    pub const BACKOFF: u64 = 4;
    /// Leaders are looked at that may be down.
    pub const SCAN: u64 = 5;
    /// A member's heartbeat is due; which.
    pub const BEAT: u64 = 6;
    /// Offsets are to be committed.
    pub const COMMIT: u64 = 7;
    /// A member's request is late; which.
    pub const ASK_LATE: u64 = 8;
    /// The coordinator is to be looked for.
    pub const LOOK_UP: u64 = 9;
    /// Closing has taken long enough.
    pub const CLOSED: u64 = 10;
    /// A consumer that begins late does.
    pub const BEGIN: u64 = 11;
}

/// A consumer's pools.
pub fn pools(config: &Cluster) -> Vec<PoolSpec> {
    let costs = &config.costs;
    let application =
        PoolSpec::named("reader", 1).role("application").through(costs.client_poll_working_set_kib);
    match config.client {
        ClientLibrary::Java => vec![application],
        ClientLibrary::Librdkafka => {
            let brokers = PoolSpec::named("rdk:broker", config.brokers).role("broker-threads");
            vec![application, costs.client_pool(brokers)]
        }
    }
}

/// What goes on with a broker.
#[derive(Default)]
struct Fetching {
    /// Number of the fetch that is at it.
    correlation: Option<u64>,
    /// The response that is being taken apart.
    parsing: Option<Vec<FetchedPartition>>,
    /// What is wanted of it.
    session: FetchSession,
    /// Not before then.
    not_before: Time,
}

/// Records that wait for the application.
struct Queued {
    partition: TopicPartition,
    /// The assignment that they were fetched in.
    assignment: u64,
    batches: Vec<LogBatch>,
}

impl Queued {
    fn records(&self) -> u64 {
        self.batches.iter().map(|of| of.batch.count()).sum()
    }

    fn bytes(&self) -> u64 {
        self.batches.iter().map(LogBatch::size_bytes).sum()
    }
}

/// A consumer node.
pub struct Consumer {
    config: Rc<Cluster>,
    outlet: Outlet,
    positions: SortedVecMap<TopicPartition, Position>,
    /// Partitions of which the leader is not known.
    leaderless: usize,
    each: Vec<Fetching>,
    queue: VecDeque<Queued>,
    queued_records: u64,
    queued_bytes: u64,
    correlation: u64,
    connections: Connections,
    /// A timer runs until the next scan; librdkafka only.
    scanning: bool,
    /// Its membership, if it is in a group.
    member: Option<Box<Member>>,
    /// Leader and epoch of each partition, as far as is known.
    leaders: Vec<(Option<BrokerId>, u32)>,
    /// Counts assignments.
    assignments: u64,
    /// It begins late, and has not yet.
    late: bool,
    bugs: BugSet,
}

impl Consumer {
    /// The same with its planted bugs.
    #[must_use]
    pub const fn with_bugs(mut self, bugs: BugSet) -> Self {
        self.bugs = bugs;
        self
    }

    /// Consumer number `reader`: of every `consumers`th partition, or a member of a group.
    pub fn new(config: Rc<Cluster>, brokers: Vec<NodeId>, reader: u32, outlet: Outlet) -> Self {
        let (grouped, of) = (config.has_groups(), reader % config.consumers);
        let mine =
            (0..config.event_partitions()).filter(|at| !grouped && at % config.consumers == of);
        let mine = mine.map(TopicPartition::of_events);
        let first = |partition: TopicPartition| (Some(partition.first_leader(config.brokers)), 0);
        let leaders = TopicPartition::all(config.event_partitions()).map(first).collect();
        let mut each: Vec<_> = brokers.iter().map(|_| Fetching::default()).collect();
        let mut positions = SortedVecMap::default();
        for partition in mine {
            let leader = partition.first_leader(config.brokers);
            let position = Position {
                offset: 0,
                leader: Some(leader),
                leader_epoch: 0,
                last_fetched_epoch: None,
                delivered: 0,
                committed: None,
                assignment: 0,
            };
            each[leader.index()].session.want(position.asked(partition));
            positions.insert(partition, position);
        }
        Self {
            positions,
            leaderless: 0,
            each,
            connections: Connections::new(brokers, Pauses::of(&config)),
            outlet,
            queue: VecDeque::new(),
            queued_records: 0,
            queued_bytes: 0,
            correlation: 0,
            scanning: false,
            member: grouped.then(|| Box::new(Member::new(&config, reader))),
            leaders,
            assignments: 0,
            late: config.begins_late(reader),
            bugs: BugSet::default(),
            config,
        }
    }

    /// Whose threads take responses.
    fn fetching_pool(&self) -> PoolId {
        if self.librdkafka() { BROKERS } else { APPLICATION }
    }

    fn librdkafka(&self) -> bool {
        self.config.client == ClientLibrary::Librdkafka
    }

    fn fetch_all(&mut self, ctx: &mut Ctx<'_>) {
        if self.late {
            return;
        }
        for broker in 0..self.each.len() {
            self.fetch(ctx, BrokerId(broker as u32));
        }
        if self.leaderless > 0 {
            self.connections.refresh(ctx);
        }
        if self.librdkafka() && !self.scanning && self.waits_for_a_leader() {
            self.scanning = true;
            ctx.timer(SCAN_EVERY, TAGS.tag(kind::SCAN, 0));
        }
    }

    /// A leader is down, as far as is known: it may be another by now (`rd_kafka_topic_scan_all`,
    /// `rdkafka_topic.c:1782-1808`). The Java client asks after each attempt to connect.
    fn waits_for_a_leader(&self) -> bool {
        let down = |position: &Position| {
            position.leader.is_some_and(|leader| !self.connections.up(leader))
        };
        !self.connections.all_up() && self.positions.values().any(down)
    }

    fn fetch(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let fetching = &self.each[broker.index()];
        let busy = fetching.correlation.is_some() || fetching.parsing.is_some();
        if busy || fetching.session.is_empty() || !self.connections.ready(broker, ctx.now()) {
            return;
        }
        let whole = self.librdkafka();
        if whole && self.backs_off(ctx, broker) {
            return;
        }
        self.correlation += 1;
        let fetching = &mut self.each[broker.index()];
        fetching.correlation = Some(self.correlation);
        let FetchNews { full, partitions, forgotten } = fetching.session.tell();
        let config = &self.config.consumer;
        let fetch = Fetch {
            correlation: self.correlation,
            replica: None,
            max_wait_ms: config.fetch_max_wait_ms,
            partition_max_bytes: config.max_partition_fetch_bytes,
            max_bytes: config.fetch_max_bytes,
            full,
            listed: whole.then_some(fetching.session.len() as u64),
            partitions,
            forgotten,
        };
        let to = self.connections.node(broker);
        ctx.send(to, protocol::Message::Kafka(Message::Fetch(Box::new(fetch))));
        let wait = Duration::from_millis(config.fetch_max_wait_ms);
        let late = if whole { REQUEST_TIMEOUT * 2 + wait } else { REQUEST_TIMEOUT };
        ctx.timer(late, TAGS.tag(kind::LATE, self.correlation));
    }

    /// Enough is queued, or was not long ago.
    fn backs_off(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) -> bool {
        let full =
            self.queued_records >= QUEUED_RECORDS_MAX || self.queued_bytes >= QUEUED_BYTES_MAX;
        let fetching = &mut self.each[broker.index()];
        let waits = fetching.not_before > ctx.now();
        if full && !waits {
            fetching.not_before = ctx.now() + QUEUE_BACKOFF;
            ctx.timer(QUEUE_BACKOFF, TAGS.tag(kind::BACKOFF, broker.into()));
        }
        full || waits
    }

    /// A response has come: it is taken apart.
    fn received(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId, answer: Vec<FetchedPartition>) {
        let batches = answer.iter().flat_map(|fetched| &fetched.batches);
        let (mut records, mut bytes, mut whole) = (0, 0, 0);
        for of in batches {
            records += of.batch.count();
            bytes += of.size_bytes();
            whole += record_bytes(&of.batch);
        }
        let pool = self.fetching_pool();
        let fetching = &mut self.each[broker.index()];
        // The next fetch is made of a walk over the broker's partitions: which are to be fetched,
        // and what is told of them.
        let walk = Duration(self.config.costs.client_partition_ns) * fetching.session.len() as u64;
        let opens = self.config.stored_compression().map_or(0, |of| of.decompress_ns(whole));
        let cost = Duration(self.config.costs.parse(records, bytes))
            + walk * 2
            + Duration(opens)
            + Duration(self.config.client_tls_ns(bytes));
        (fetching.correlation, fetching.parsing) = (None, Some(answer));
        self.config.costs.work(ctx, pool, cost, TAGS.tag(kind::PARSED, broker.into()));
    }

    /// A partition's part of a response is taken apart: its records are for the application.
    fn take(&mut self, ctx: &mut Ctx<'_>, fetched: FetchedPartition) {
        let FetchedPartition {
            partition,
            error,
            high_watermark,
            diverging,
            log_start,
            mut batches,
            ..
        } = fetched;
        if error == ErrorCode::OffsetOutOfRange
            && let Some(position) = self.positions.get(&partition)
            && position.offset < log_start
        {
            return self.reset_offset(ctx, partition, (log_start, high_watermark));
        }
        let Some(position) = self.positions.get_mut(&partition) else { return };
        let (leader, epoch) = (position.leader, position.leader_epoch);
        let (assignment, at) = (position.assignment, position.offset);
        match batches.first_mut() {
            None => {}
            Some(first) if (first.base_offset..first.end_offset()).contains(&at) => {
                first.begin_at(at);
            }
            // It was asked for in another assignment.
            Some(_) => return,
        }
        if let Some((epoch, end)) = diverging {
            position.offset = position.offset.min(end);
            position.last_fetched_epoch = Some(epoch);
        }
        match error {
            ErrorCode::None => {}
            // `auto.offset.reset`: what was read is gone from the log; go on from its end.
            ErrorCode::OffsetOutOfRange => position.offset = position.offset.min(high_watermark),
            _ => self.led(partition, None, epoch),
        }
        if let Some(last) = batches.last()
            && let Some(position) = self.positions.get_mut(&partition)
        {
            position.offset = last.end_offset();
            position.last_fetched_epoch = Some(last.leader_epoch);
        }
        if matches!(error, ErrorCode::None | ErrorCode::OffsetOutOfRange) {
            self.led(partition, leader, epoch);
        }
        if batches.is_empty() {
            return;
        }
        let queued = Queued { partition, assignment, batches };
        if self.queue.is_empty() {
            self.polls(ctx);
        }
        self.queued_records += queued.records();
        self.queued_bytes += queued.bytes();
        let costs = &self.config.costs;
        let each = costs.client_deliver_record_ns * queued.records();
        // The Java client has taken the response apart on the same thread.
        let woken = if self.librdkafka() { costs.client_poll_ns } else { 0 };
        let cost = Duration(woken + each);
        self.queue.push_back(queued);
        costs.work(ctx, APPLICATION, cost, TAGS.tag(kind::DELIVERED, 0));
    }

    /// What it asks for was removed (`auto.offset.reset`). A member asks where to begin; who is in
    /// no group was told so with the error, here: its own request for that is left out.
    fn reset_offset(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        (start, end): (u64, u64),
    ) {
        let Some(position) = self.positions.get_mut(&partition) else { return };
        let behind = start - position.offset;
        signals::OFFSET_OUT_OF_RANGE.note(ctx, partition.partition.0.into(), behind);
        let to = match self.config.consumer.auto_offset_reset {
            // `OffsetOutOfRangeException` is thrown at the application.
            OffsetReset::None => return ctx.exit(),
            _ if self.member.is_some() => return self.begin_anew(ctx, partition),
            OffsetReset::Earliest => start,
            OffsetReset::Latest => end,
        };
        (position.offset, position.last_fetched_epoch) = (to, None);
        let (leader, epoch) = (position.leader, position.leader_epoch);
        self.led(partition, leader, epoch);
    }

    /// The application has its records.
    fn deliver(&mut self, ctx: &mut Ctx<'_>) {
        let queued = self.queue.pop_front().expect("records are handed over");
        self.queued_records -= queued.records();
        self.queued_bytes -= queued.bytes();
        let position = self.positions.get_mut(&queued.partition);
        if let Some(position) = position.filter(|of| of.assignment == queued.assignment) {
            position.delivered = queued.batches.last().map_or(0, LogBatch::end_offset);
            for of in queued.batches {
                self.outlet.deliver(ctx, of.batch, of.base_offset);
            }
        }
        self.polled(ctx);
    }

    /// The connection with a broker has broken, or is closed.
    fn lose(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let fetching = &mut self.each[broker.index()];
        fetching.correlation = None;
        fetching.session.lose();
        let here = self.positions.iter().filter(|(_, position)| position.leader == Some(broker));
        let here: Vec<_> = here.map(|(of, position)| (*of, position.leader_epoch)).collect();
        for (partition, epoch) in here {
            self.led(partition, None, epoch);
        }
        self.connections.broken(ctx, broker);
        self.member_lost(ctx, broker);
    }
}

impl Node<Streaming> for Consumer {
    fn needs(&self, _files: &Folding<'_, Record>, needs: &mut Needs) {
        for (partition, position) in self.positions.iter() {
            needs.from(u64::from(*partition), position.offset);
        }
    }

    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let begins = Time::ZERO + Duration::from_millis(self.config.catch_up.after_ms);
        if self.late && ctx.now() < begins {
            return ctx.timer(begins.since(ctx.now()), TAGS.tag(kind::BEGIN, 0));
        }
        self.late = false;
        self.start_member(ctx);
        self.fetch_all(ctx);
    }

    fn on_shutdown(&mut self, ctx: &mut Ctx<'_>) {
        self.close(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        let message = match message {
            protocol::Message::Kafka(message) => {
                protocol::Message::Kafka(self.connections.opened(ctx, from, message))
            }
            other => other,
        };
        match message {
            protocol::Message::Kafka(Message::FetchResponse {
                correlation,
                error,
                partitions,
                ..
            }) => {
                let Some(broker) = self.connections.broker(from) else { return };
                let fetching = &mut self.each[broker.index()];
                if fetching.correlation == Some(correlation) {
                    if error != ErrorCode::None {
                        fetching.session.lose();
                    }
                    self.received(ctx, broker, partitions);
                }
                return;
            }
            protocol::Message::Kafka(Message::MetadataResponse { leaders }) => {
                let mut news = false;
                let all: Vec<_> = self.positions.keys().copied().collect();
                for partition in all {
                    let (leader, epoch) = leaders[partition.index()];
                    let before = self.positions[&partition].leader;
                    news |= leader.is_some() && before != leader;
                    self.led(partition, leader, epoch);
                }
                self.connections.answered(from, news);
                self.leaders = leaders;
                self.step(ctx);
            }
            protocol::Message::Kafka(Message::Told(told)) => return self.told(ctx, from, *told),
            protocol::Message::Kafka(Message::Refused) => return self.on_disconnect(ctx, from),
            protocol::Message::Kafka(Message::HelloAnswer) => {
                return self.connections.greeted(ctx, self.fetching_pool(), from);
            }
            _ => return,
        }
        self.fetch_all(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        match TAGS.split(tag) {
            (kind::LATE, which) => {
                let late = self.each.iter().position(|one| one.correlation == Some(which));
                let Some(late) = late else { return };
                self.lose(ctx, BrokerId(late as u32));
            }
            (kind::BACKOFF, _) => {}
            (kind::BEAT, number) => self.beat_due(ctx, number),
            (kind::COMMIT, _) => self.commit_due(ctx),
            (kind::ASK_LATE, correlation) => self.ask_late(ctx, correlation),
            (kind::LOOK_UP, _) => self.look_up(ctx),
            (kind::CLOSED, _) => return ctx.exit(),
            (kind::BEGIN, _) => return self.on_start(ctx),
            (kind::SCAN, _) => {
                self.scanning = false;
                if self.waits_for_a_leader() {
                    self.connections.refresh(ctx);
                }
            }
            _ => {
                self.connections.timer(ctx, tag);
            }
        }
        self.fetch_all(ctx);
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _: Completion<Record>) {
        if self.connections.worked(ctx, tag) {
            return;
        }
        let (kind, which) = TAGS.split(tag);
        if kind == kind::DELIVERED {
            return self.deliver(ctx);
        }
        let parsed = self.each[which as usize].parsing.take();
        for fetched in parsed.into_iter().flatten() {
            self.take(ctx, fetched);
        }
        self.fetch_all(ctx);
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        if let Some(broker) = self.connections.broker(peer) {
            self.lose(ctx, broker);
            self.fetch_all(ctx);
        }
    }
}
