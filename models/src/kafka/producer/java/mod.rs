//! The Java client's producer.
//!
//! Stands for `KafkaProducer` and `Sender` @ 3.9.0. The caller's thread takes what is due, event by
//! event, and blocks when the memory is used up (so that events start later than intended); an
//! event that has waited for `max.block.ms` has failed (`BufferPool.allocate`). One sender thread
//! takes responses and builds requests: for a broker with a ready partition it drains at most one
//! batch a partition, from a rotating start, up to `max.request.size`. Started again it has a new
//! producer id, and takes what is due from then on.
//!
//! Parameters: [`crate::kafka::config::Producer`], [`crate::kafka::costs::Costs`]. Left out:
//! transactions, message splitting, the request for the producer id, `metadata.max.age.ms`.

pub mod accumulator;
mod passes;
mod socket;
mod turns;

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use self::accumulator::{Accumulator, Sendable};
use self::passes::Passes;
use self::socket::Socket;
use super::partitioner::{Sticky, draws_by_topic, partition_of_key, partitions_for, topic_of};
use crate::arrival::Arrival;
use crate::batch::{Batch, Lane};
use crate::bugs::{Bug, BugSet};
use crate::collections::SortedVecMap;
use crate::feed::Feed;
use crate::intake::Intake;
use crate::kafka::config::{ClientLibrary, Cluster};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{ErrorCode, Message, Produce, ProduceResult};
use crate::kafka::reconnect::{Connections, Pauses, TAGS};
use crate::kafka::record::{ProducerId, RECORD_OVERHEAD, batch_bytes};
use crate::kafka::signals;
use crate::protocol::{self, Record, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The caller's thread.
const CALLER: PoolId = PoolId(0);
/// The sender thread.
const SENDER: PoolId = PoolId(1);
/// A producer's pools.
pub fn pools(config: &Cluster) -> Vec<PoolSpec> {
    vec![
        PoolSpec::named("application", 1).role("application"),
        config
            .costs
            .client_pool(PoolSpec::named("kafka-producer-network-thread", 1).role("sender-thread")),
    ]
}

const TAKEN: u64 = TAGS.tag(1, 0);
const BUILT: u64 = TAGS.tag(2, 0);
const HANDLED: u64 = TAGS.tag(3, 0);
const TIMEOUT: u64 = TAGS.tag(5, 0);
/// The sender wakes up: a batch has lingered, or a pause is over.
pub(in crate::kafka) const WAKE: u64 = TAGS.tag(7, 0);

/// Events that the caller takes between two looks at the clock.
const CHUNK: usize = 256;

struct InFlight {
    broker: BrokerId,
    sent: Time,
    batches: Vec<Sendable>,
    /// When the oldest of them was opened.
    oldest: Time,
}

fn oldest(batches: &[Sendable]) -> Time {
    batches.iter().map(|sendable| sendable.created).min().unwrap_or(Time::MAX)
}

/// The sender thread's next tasks.
enum Work {
    Response(u64, Vec<ProduceResult>),
    Lost(u64),
}

/// A producer node.
pub struct Producer {
    config: Rc<Cluster>,
    writer: u32,
    intake: Intake,
    accumulator: Accumulator,
    /// By topic, of events without keys, once it has started.
    sticky: Option<Vec<Sticky>>,
    /// Leader of each partition and its epoch, as far as known.
    leaders: Vec<(Option<BrokerId>, u32)>,
    in_flight: SortedVecMap<u64, InFlight>,
    per_broker: Vec<u32>,
    sockets: Vec<Socket>,
    work: VecDeque<Work>,
    building: Option<u64>,
    correlation: u64,
    drain_from: u32,
    caller_busy: bool,
    /// Since when an event waits for memory.
    blocked: Option<Time>,
    sender_busy: bool,
    passes: Passes,
    /// The pass under way has found what is ready, and sends it.
    walked: bool,
    woken_at: Time,
    connections: Connections,
    timeout_armed: bool,
    /// A batch that is ready waits for a request in flight to be answered.
    held: bool,
    /// What its gauges were last set to.
    shown: [Option<u64>; 3],
    /// Bytes sent in batches that are compressed.
    compressed: u64,
}

impl Producer {
    /// The same with its planted bugs.
    #[must_use]
    pub const fn with_bugs(mut self, bugs: BugSet) -> Self {
        self.accumulator.renews = bugs.has(Bug::EpochPerLeader);
        self
    }

    /// A producer, number `writer`, of the brokers' cluster.
    pub fn new(config: Rc<Cluster>, brokers: Vec<NodeId>, writer: u32, feed: &Feed) -> Self {
        let first = |partition: TopicPartition| partition.first_leader(config.brokers);
        let leaders: Vec<_> = TopicPartition::all(config.event_partitions()).map(first).collect();
        let (intake, servers) = (feed.intake(writer, config.producers), brokers.len());
        let accumulator = Accumulator::new(
            intake.writer(),
            &leaders,
            servers,
            &config.producer,
            config.sent_compression(),
        );
        Self {
            accumulator,
            sticky: None,
            per_broker: vec![0; servers],
            sockets: std::iter::repeat_with(Socket::default).take(servers).collect(),
            leaders: leaders.into_iter().map(|leader| (Some(leader), 0)).collect(),
            connections: Connections::new(brokers, Pauses::of(&config)),
            writer,
            intake,
            in_flight: SortedVecMap::default(),
            work: VecDeque::new(),
            building: None,
            correlation: 0,
            drain_from: 0,
            caller_busy: false,
            blocked: None,
            sender_busy: false,
            passes: Passes::default(),
            walked: false,
            woken_at: Time::MAX,
            timeout_armed: false,
            held: false,
            shown: [None; 3],
            compressed: 0,
            config,
        }
    }

    /// The caller's thread: takes what is due, or sleeps until something is.
    fn take_due(&mut self, ctx: &mut Ctx<'_>) {
        if self.caller_busy {
            return;
        }
        let (mut taken, mut bytes) = (0, 0);
        let mut blocked = None;
        while taken < CHUNK
            && let Some(arrival) = self.intake.due(ctx.now())
        {
            let lane = Lane(self.partition(&arrival));
            let number = self.intake.next_number(lane);
            let fresh = !self.accumulator.fills(lane);
            if let Some(size) = self.accumulator.append(ctx.now(), lane, number, &arrival) {
                self.taken(lane);
                bytes += RECORD_OVERHEAD + u64::from(arrival.bytes);
                if fresh && !self.sender_busy {
                    self.passes.wake(ctx.now(), self.walk());
                }
                if let Some(sticky) = &mut self.sticky {
                    let topic = lane.0 / self.config.partitions;
                    sticky[topic as usize].appended(size, self.accumulator.fills(lane));
                }
            } else {
                let since = self.blocked.filter(|_| taken == 0).unwrap_or(ctx.now());
                let until = since + Duration::from_millis(self.config.producer.max_block_ms);
                if ctx.now() < until {
                    blocked = Some(since);
                    self.wake_at(ctx, until);
                    break;
                }
                // The next event waits from now on.
                self.blocked = None;
                self.refuse(ctx, &arrival);
            }
            taken += 1;
        }
        self.blocked = blocked;
        if taken > 0 {
            self.caller_busy = true;
            let packs = self.config.sent_compression().map_or(0, |of| of.compress_ns(bytes));
            let cost = Duration(self.config.costs.client_record_ns * taken as u64 + packs);
            ctx.compute(CALLER, cost, TAKEN);
        } else if let (Some(next), None) = (self.intake.next_due(ctx.now()), self.blocked) {
            self.wake_at(ctx, next);
        }
    }

    fn partition(&mut self, arrival: &Arrival) -> u32 {
        let Some(sticky) = &mut self.sticky else {
            return partition_of_key(&self.config, ClientLibrary::Java, arrival);
        };
        let (topic, each) = (topic_of(&self.config, arrival), self.config.partitions);
        let of = (topic * each) as usize..((topic + 1) * each) as usize;
        let (queued, led) = (self.accumulator.queued(), self.accumulator.led());
        topic * each + sticky[topic as usize].current(&queued[of.clone()], &led[of])
    }

    fn taken(&mut self, lane: Lane) {
        self.intake.take();
        self.intake.number(lane, 1);
    }

    /// An event has failed before it was in a batch. It has a number of the lane of those, so that
    /// none is missing in a batch of a partition.
    fn refuse(&mut self, ctx: &mut Ctx<'_>, arrival: &Arrival) {
        self.intake.take();
        let lane = Lane(self.config.event_partitions());
        let number = self.intake.number(lane, 1);
        let mut batch = Batch::empty(self.intake.writer(), lane, number);
        batch.push(arrival, ctx.now());
        self.intake.failed(ctx, Rc::new(batch), "BUFFER_EXHAUSTED");
    }

    fn wake_at(&mut self, ctx: &mut Ctx<'_>, at: Time) {
        if at < self.woken_at {
            self.woken_at = at;
            ctx.timer(at.since(ctx.now()), WAKE);
        }
    }

    /// The sender thread: one piece of work at a time.
    fn run_sender(&mut self, ctx: &mut Ctx<'_>) {
        if self.sender_busy {
            return;
        }
        let (walk, costs) = (self.walk(), &self.config.costs);
        let request = Duration(costs.client_request_ns);
        let drain = costs.client_partition_ns * u64::from(self.config.event_partitions())
            / u64::from(self.config.brokers);
        if !self.work.is_empty() {
            (self.sender_busy, self.walked) = (true, false);
            let cost = self.passes.rest(ctx.now(), walk) + request;
            return self.config.costs.work(ctx, SENDER, cost, HANDLED);
        }
        self.expire(ctx);
        if let Some(correlation) = self.build(ctx) {
            self.building = Some(correlation);
            self.sender_busy = true;
            // A pass under way finds what has become ready if it has yet to come there, or else the
            // next one does: from any place on that is a pass on average.
            let found = match std::mem::replace(&mut self.walked, true) {
                true => Duration::ZERO,
                false => walk,
            };
            let sends = Duration(drain + self.tls_ns(correlation));
            self.config.costs.work(ctx, SENDER, found + request + sends, BUILT);
        } else if std::mem::take(&mut self.walked) {
            self.passes.wake(ctx.now(), walk);
        }
    }

    /// What it takes to encrypt a request, if its connection is.
    fn tls_ns(&self, correlation: u64) -> u64 {
        let batches = self.in_flight.get(&correlation).map(|request| &request.batches);
        let bytes = batches.into_iter().flatten().map(|of| batch_bytes(&of.batch)).sum();
        self.config.client_tls_ns(bytes)
    }

    /// What a pass over all partitions takes: what is ready, and what has expired.
    fn walk(&self) -> Duration {
        Duration(
            2 * self.config.costs.client_partition_ns * u64::from(self.config.event_partitions()),
        )
    }

    /// The broker of the first partition whose turn it is. If there is none, the time at which the
    /// next batch is ready that could be sent.
    fn turn(&mut self, ctx: &mut Ctx<'_>) -> Result<BrokerId, Time> {
        let (now, start, exhausted) = (ctx.now(), self.drain_from, self.blocked.is_some());
        let partitions = self.config.event_partitions();
        let distance = |partition: u32| (partition + partitions - start) % partitions;
        let (mut chosen, mut held, mut next) = (None, u32::MAX, Time::MAX);
        for broker in BrokerId::all(self.per_broker.len() as u32) {
            // A broker that holds the client back wakes it when that is over.
            if !self.connections.ready(broker, now) {
                continue;
            }
            let first = self.accumulator.first_ready(now, broker, start, exhausted).map(distance);
            if self.per_broker[broker.index()] >= self.config.producer.max_in_flight {
                held = held.min(first.unwrap_or(u32::MAX));
                continue;
            }
            let ready = first.map(|first| (first, broker));
            chosen = ready.into_iter().chain(chosen).min();
            let later = self.accumulator.turns(Some(broker)).next_ready();
            next = next.min(later.unwrap_or(Time::MAX));
        }
        let before = chosen.map_or(u32::MAX, |(first, _)| first);
        self.held = held < before;
        let mut leaderless = self.accumulator.turns(None).from(start).map(distance);
        if leaderless.next().is_some_and(|first| first < before) {
            self.connections.refresh(ctx);
        }
        chosen.map(|(_, broker)| broker).ok_or(next)
    }

    /// Drains a request for a broker with a ready partition, if there is any.
    fn build(&mut self, ctx: &mut Ctx<'_>) -> Option<u64> {
        let broker = match self.turn(ctx) {
            Ok(broker) => broker,
            Err(next) => {
                let timeout = Duration::from_millis(self.config.producer.delivery_timeout_ms);
                let expires =
                    self.accumulator.oldest().map_or(Time::MAX, |oldest| oldest + timeout);
                let next = next.min(expires + Duration(1));
                if next < Time::MAX {
                    self.wake_at(ctx, next);
                }
                return None;
            }
        };
        let (mut batches, mut room) = (Vec::new(), self.config.producer.max_request_size);
        let turns: Vec<_> = self.accumulator.turns(Some(broker)).from(self.drain_from).collect();
        for lane in turns.into_iter().map(Lane) {
            // The first batch is sent whatever its size.
            let limit = if batches.is_empty() { u64::MAX } else { room };
            if let Some(sendable) = self.accumulator.drain(ctx.now(), lane, limit) {
                room = room.saturating_sub(batch_bytes(&sendable.batch));
                batches.push(sendable);
            }
        }
        self.drain_from = (self.drain_from + 1) % self.config.event_partitions();
        if batches.is_empty() {
            return None;
        }
        self.correlation += 1;
        self.per_broker[broker.index()] += 1;
        let in_flight = InFlight { broker, sent: ctx.now(), oldest: oldest(&batches), batches };
        self.in_flight.insert(self.correlation, in_flight);
        Some(self.correlation)
    }

    fn send(&mut self, ctx: &mut Ctx<'_>, correlation: u64) {
        let Some(request) = self.in_flight.get_mut(&correlation) else { return };
        request.sent = ctx.now();
        let config = &self.config.producer;
        let epoch = |sendable: &Sendable| config.enable_idempotence.then_some(sendable.epoch);
        let produce = Produce {
            correlation,
            acks: config.acks,
            producer_epochs: request.batches.iter().map(epoch).collect(),
            timeout_ms: config.request_timeout_ms,
            batches: request.batches.iter().map(|sendable| sendable.batch.clone()).collect(),
        };
        let packed = produce.batches.iter().filter_map(|batch| batch.packed);
        let packed: u64 = packed.map(|bytes| u64::from(bytes.get())).sum();
        if packed > 0 {
            self.compressed += packed;
            signals::COMPRESSED.set(ctx, self.compressed);
        }
        let (to, broker) = (self.connections.node(request.broker), request.broker);
        let (message, unanswered) = (Message::Produce(Box::new(produce)), config.acks == 0);
        let bytes = message.size_bytes();
        ctx.send(to, protocol::Message::Kafka(message));
        if unanswered && self.sockets[broker.index()].write(correlation, bytes) {
            return self.written(ctx, correlation);
        }
        if !self.timeout_armed {
            self.timeout_armed = true;
            ctx.timer(Duration::from_millis(config.request_timeout_ms), TIMEOUT);
        }
    }

    /// Takes a response in: acknowledges, or arranges for another try.
    fn settle(&mut self, ctx: &mut Ctx<'_>, correlation: u64, results: &[ProduceResult]) {
        let Some(request) = self.in_flight.remove(&correlation) else { return };
        self.per_broker[request.broker.index()] -= 1;
        for (at, sendable) in request.batches.into_iter().enumerate() {
            self.accumulator.landed(&sendable.batch);
            let partition = sendable.batch.lane.into();
            // A broker answers in the order of the request, of which some may have been given up.
            let same = |result: &&ProduceResult| result.partition == partition;
            let found = results.get(at).filter(same).or_else(|| results.iter().find(same));
            match found.map(|result| result.error) {
                Some(ErrorCode::None) => {
                    self.accumulator.acked(&sendable);
                    self.intake.acked(ctx, sendable.batch);
                }
                error => {
                    if matches!(error, None | Some(ErrorCode::NotLeader)) {
                        self.connections.refresh(ctx);
                    }
                    if error == Some(ErrorCode::OutOfOrderSequence) {
                        self.accumulator.out_of_order(&sendable);
                    }
                    let pause =
                        Pauses::of(&self.config).retry.pause(sendable.attempts, ctx.random());
                    let (not_before, attempts) = (ctx.now() + pause, sendable.attempts + 1);
                    self.accumulator.retry(Sendable { not_before, attempts, ..sendable });
                }
            }
        }
    }

    /// Gives up batches that have waited for too long, those in flight too
    /// (`Sender.getExpiredInflightBatches`).
    fn expire(&mut self, ctx: &mut Ctx<'_>) {
        let timeout = Duration::from_millis(self.config.producer.delivery_timeout_ms);
        let limit = Time(ctx.now().0.saturating_sub(timeout.0));
        let old = |sendable: &Sendable| sendable.created < limit;
        if self.in_flight.values().any(|request| request.oldest < limit) {
            let mut gone = Vec::new();
            for request in self.in_flight.values_mut() {
                gone.extend(request.batches.extract_if(.., |one| old(one)));
                request.oldest = oldest(&request.batches);
            }
            for sendable in gone {
                self.accumulator.unresolved(&sendable.batch);
                self.fail(ctx, sendable);
            }
        }
        if self.accumulator.oldest().is_none_or(|oldest| oldest >= limit) {
            return;
        }
        for sendable in self.accumulator.expired(limit) {
            self.fail(ctx, sendable);
        }
    }

    fn fail(&mut self, ctx: &mut Ctx<'_>, sendable: Sendable) {
        self.accumulator.release(&sendable);
        self.intake.failed(ctx, sendable.batch, "DELIVERY_TIMEOUT");
    }

    /// Requests without a response for `request.timeout.ms` are taken as lost with their
    /// connection.
    fn time_out(&mut self, ctx: &mut Ctx<'_>) {
        let timeout = Duration::from_millis(self.config.producer.request_timeout_ms);
        let now = ctx.now();
        let late = |request: &&InFlight| now.since(request.sent) >= timeout;
        let late = self.in_flight.values().filter(late);
        let stuck: SortedVecMap<_, ()> = late.map(|request| (request.broker, ())).collect();
        for (broker, ()) in stuck {
            self.lose(broker);
            self.connections.broken(ctx, broker);
        }
        self.timeout_armed = false;
        if let Some(oldest) = self.in_flight.values().map(|request| request.sent).min() {
            self.timeout_armed = true;
            ctx.timer((oldest + timeout).since(now).max(Duration::from_millis(1)), TIMEOUT);
        }
    }

    fn lose(&mut self, broker: BrokerId) {
        let lost = self.in_flight.iter().filter(|(_, request)| request.broker == broker);
        let lost: Vec<_> = lost.map(|(correlation, _)| *correlation).collect();
        self.work.extend(lost.into_iter().map(Work::Lost));
        self.sockets[broker.index()] = Socket::default();
    }

    /// The leaders have been heard of from a broker. A batch need not wait to be sent again where
    /// another leads now (`RecordAccumulator.shouldBackoff`).
    fn learn(&mut self, ctx: &mut Ctx<'_>, from: NodeId, leaders: Vec<(Option<BrokerId>, u32)>) {
        self.connections.answered(from, leaders != self.leaders);
        let changes = leaders.iter().zip(&self.leaders);
        for (lane, (new @ (leader, epoch), old @ (_, before))) in (0..).map(Lane).zip(changes) {
            if new != old {
                self.accumulator.lead(lane, *leader, epoch > before, ctx.now());
            }
        }
        self.leaders = leaders;
    }

    fn proceed(&mut self, ctx: &mut Ctx<'_>) {
        self.take_due(ctx);
        self.run_sender(ctx);
        let levels = [
            (&signals::PRODUCER_BUFFER, self.accumulator.used()),
            (&signals::MAX_IN_FLIGHT, u64::from(self.held) * 1_000),
            (&signals::BUFFER_MEMORY, u64::from(self.blocked.is_some()) * 1_000),
        ];
        for ((gauge, value), shown) in levels.into_iter().zip(&mut self.shown) {
            if shown.replace(value) != Some(value) {
                gauge.set(ctx, value);
            }
        }
    }
}

impl Node<Streaming> for Producer {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let config = &self.config;
        if !config.keyed {
            let sticky = |draws| Sticky::new(config.producer.batch_size, draws);
            self.sticky = Some(draws_by_topic(ctx, config).map(sticky).collect());
        }
        self.intake.start(ctx.now(), |missed: Arrival| {
            let any = partitions_for(config, ClientLibrary::Java, &missed);
            any.chain([config.event_partitions()]).map(Lane)
        });
        let id = ctx.now().0 * u64::from(self.config.producers) + u64::from(self.writer);
        self.accumulator.identify(ProducerId::new(id), |lane| self.intake.next_number(lane));
        self.proceed(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        let message = match message {
            protocol::Message::Kafka(message) => message,
            protocol::Message::Handover(_) => return self.proceed(ctx),
            _ => return,
        };
        match self.connections.opened(ctx, from, message) {
            Message::ProduceResponse { correlation, results } => {
                self.work.push_back(Work::Response(correlation, results));
            }
            Message::Refused => return self.on_disconnect(ctx, from),
            Message::Received { bytes } => self.received(ctx, from, bytes),
            Message::HelloAnswer => return self.connections.greeted(ctx, SENDER, from),
            Message::MetadataResponse { leaders } => {
                self.learn(ctx, from, leaders);
            }
            _ => return,
        }
        self.proceed(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        match tag {
            // An earlier one may have been set since.
            WAKE if self.woken_at <= ctx.now() => self.woken_at = Time::MAX,
            WAKE => {}
            TIMEOUT => self.time_out(ctx),
            _ => {
                self.connections.timer(ctx, tag);
            }
        }
        self.proceed(ctx);
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _: Completion<Record>) {
        if self.connections.worked(ctx, tag) {
            return;
        }
        match tag {
            TAKEN => self.caller_busy = false,
            BUILT => {
                self.sender_busy = false;
                if let Some(correlation) = self.building.take() {
                    self.send(ctx, correlation);
                }
            }
            _ => {
                self.sender_busy = false;
                match self.work.pop_front() {
                    Some(Work::Response(correlation, results)) => {
                        self.settle(ctx, correlation, &results);
                    }
                    Some(Work::Lost(correlation)) => self.settle(ctx, correlation, &[]),
                    None => {}
                }
                if self.work.is_empty() {
                    self.passes.wake(ctx.now(), self.walk());
                }
            }
        }
        self.proceed(ctx);
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        if let Some(broker) = self.connections.broker(peer) {
            self.lose(broker);
            self.connections.broken(ctx, broker);
            self.connections.refresh(ctx);
            self.proceed(ctx);
        }
    }
}
