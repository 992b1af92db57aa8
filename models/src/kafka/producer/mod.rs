//! A producer.
//!
//! Stands for the Java client's `KafkaProducer` and `Sender` @ 3.9.0, and for librdkafka @ 2.x by
//! its defaults. The caller's thread takes what is due, event by event, and blocks when the memory
//! is used up (so that events start later than intended). One sender thread takes responses and
//! builds requests: for a broker with a ready partition it drains at most one batch a partition,
//! from a rotating start, up to `max.request.size`. Started again it has a new producer id, and
//! takes what is due from then on.
//!
//! Parameters: [`crate::kafka::config::Producer`], [`crate::kafka::costs::Costs`].
//! Left out: compression, transactions, message splitting, the request for the producer id;
//! librdkafka has one sender thread in all, not one a broker; metadata is refreshed on errors, not
//! every five minutes.

pub mod accumulator;
pub mod partitioner;

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use self::accumulator::{Accumulator, Sendable};
use self::partitioner::{Sticky, partition_for_key};
use super::config::{ClientLibrary, Cluster};
use super::message::{ErrorCode, Message, Produce, ProduceResult};
use super::reconnect::{MetadataRefresher, RefreshTags};
use super::record::{ProducerId, batch_bytes};
use crate::arrival::Arrival;
use crate::batch::{Lane, SharedBatch};
use crate::collections::SortedVecMap;
use crate::feed::Feed;
use crate::intake::Intake;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::signals;
use crate::protocol::{self, Record, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The caller's thread.
const CALLER: PoolId = PoolId(0);
/// The sender thread.
const SENDER: PoolId = PoolId(1);
/// Threads of a producer's pools.
pub const POOLS: [u32; 2] = [1, 1];

const TAKEN: u64 = 1;
const BUILT: u64 = 2;
const HANDLED: u64 = 3;
const REFRESH: RefreshTags = RefreshTags { late: 4, reconnect: 6 };
const TIMEOUT: u64 = 5;
const WAKE: u64 = 7;

/// Events that the caller takes between two looks at the clock.
const CHUNK: usize = 256;

struct InFlight {
    broker: BrokerId,
    sent: Time,
    batches: Vec<Sendable>,
}

/// The sender thread's next tasks.
enum Work {
    Response(u64, Vec<ProduceResult>),
    Lost(u64),
}

/// A producer node.
pub struct Producer {
    config: Rc<Cluster>,
    brokers: Vec<NodeId>,
    writer: u32,
    intake: Intake,
    accumulator: Accumulator,
    /// Only of a producer without keys, once it has started.
    sticky: Option<Sticky>,
    /// Leader of each partition, as far as known.
    leaders: Vec<Option<BrokerId>>,
    in_flight: SortedVecMap<u64, InFlight>,
    per_broker: Vec<u32>,
    work: VecDeque<Work>,
    building: Option<u64>,
    correlation: u64,
    drain_from: u32,
    caller_busy: bool,
    blocked: bool,
    sender_busy: bool,
    woken_at: Time,
    refresher: MetadataRefresher,
    timeout_armed: bool,
    /// A batch that is ready waits for a request in flight to be answered.
    held: bool,
}

impl Producer {
    /// A producer, number `writer`, of the brokers' cluster.
    pub fn new(config: Rc<Cluster>, brokers: Vec<NodeId>, writer: u32, feed: &Feed) -> Self {
        let java = config.client == ClientLibrary::Java;
        let leaders = TopicPartition::all(config.partitions)
            .map(|partition| Some(partition.first_leader(config.brokers)))
            .collect();
        let retry_backoff = Duration::from_millis(config.producer.retry_backoff_ms);
        let refresher = MetadataRefresher::new(brokers.clone(), REFRESH, retry_backoff);
        let intake = feed.intake(writer, config.producers);
        let (owner, partitions) = (intake.writer(), config.partitions);
        Self {
            accumulator: Accumulator::new(owner, partitions, &config.producer, java),
            sticky: None,
            per_broker: vec![0; brokers.len()],
            leaders,
            brokers,
            writer,
            intake,
            in_flight: SortedVecMap::default(),
            work: VecDeque::new(),
            building: None,
            correlation: 0,
            drain_from: 0,
            caller_busy: false,
            blocked: false,
            sender_busy: false,
            woken_at: Time::MAX,
            refresher,
            timeout_armed: false,
            held: false,
            config,
        }
    }

    /// The caller's thread: takes what is due, or sleeps until something is.
    fn take_due(&mut self, ctx: &mut Ctx<'_>) {
        if self.caller_busy {
            return;
        }
        let mut taken = 0;
        self.blocked = false;
        while let Some(arrival) = self.intake.due(ctx.now()) {
            let partition = match &mut self.sticky {
                Some(sticky) => sticky.next(u64::from(arrival.bytes), self.accumulator.queued()),
                None => partition_for_key(arrival.key, self.config.partitions),
            };
            let lane = Lane(partition);
            let sequence = self.intake.next_number(lane);
            if !self.accumulator.append(ctx.now(), lane, sequence, &arrival) {
                self.blocked = true;
                break;
            }
            self.intake.take();
            self.intake.number(lane, 1);
            taken += 1;
            if taken == CHUNK {
                break;
            }
        }
        if taken > 0 {
            self.caller_busy = true;
            let cost = Duration(self.config.costs.client_record_ns * taken as u64);
            ctx.compute(CALLER, cost, TAKEN);
        } else if let (Some(next), false) = (self.intake.next_due(ctx.now()), self.blocked) {
            self.wake_at(ctx, next);
        }
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
        let cost = Duration(self.config.costs.client_request_ns);
        if !self.work.is_empty() {
            self.sender_busy = true;
            return ctx.compute(SENDER, cost, HANDLED);
        }
        self.expire(ctx);
        if let Some(correlation) = self.build(ctx) {
            self.building = Some(correlation);
            self.sender_busy = true;
            ctx.compute(SENDER, cost, BUILT);
        }
    }

    /// Drains a request for a broker with a ready partition, if there is any.
    fn build(&mut self, ctx: &mut Ctx<'_>) -> Option<u64> {
        let partitions = self.config.partitions;
        let (mut earliest, mut unknown, mut broker) = (Time::MAX, false, None);
        self.held = false;
        for offset in 0..partitions {
            let partition = TopicPartition::of_events((self.drain_from + offset) % partitions);
            let ready = self.accumulator.ready_at(ctx.now(), partition, self.blocked);
            let Some(ready) = ready else { continue };
            let Some(leader) = self.leaders[partition.index()] else {
                unknown = true;
                continue;
            };
            if self.per_broker[leader.index()] >= self.config.producer.max_in_flight {
                self.held |= ready <= ctx.now();
                continue;
            }
            if ready <= ctx.now() {
                broker = Some(leader);
                break;
            }
            earliest = earliest.min(ready);
        }
        if unknown {
            self.refresher.refresh(ctx);
        }
        let Some(broker) = broker else {
            if earliest < Time::MAX {
                self.wake_at(ctx, earliest);
            }
            return None;
        };
        let (mut batches, mut room) = (Vec::new(), self.config.producer.max_request_size);
        for offset in 0..partitions {
            let partition = TopicPartition::of_events((self.drain_from + offset) % partitions);
            if self.leaders[partition.index()] != Some(broker) {
                continue;
            }
            // The first batch is sent whatever its size.
            let limit = if batches.is_empty() { u64::MAX } else { room };
            if let Some(sendable) = self.accumulator.drain(ctx.now(), partition, limit) {
                room = room.saturating_sub(batch_bytes(&sendable.batch));
                batches.push(sendable);
            }
        }
        self.drain_from = (self.drain_from + 1) % partitions;
        if batches.is_empty() {
            return None;
        }
        self.correlation += 1;
        self.per_broker[broker.index()] += 1;
        let in_flight = InFlight { broker, sent: ctx.now(), batches };
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
        let to = self.brokers[request.broker.index()];
        ctx.send(to, protocol::Message::Kafka(Message::Produce(Box::new(produce))));
        if config.acks == 0 {
            let result = |sendable: &Sendable| ProduceResult {
                partition: sendable.batch.lane.into(),
                error: ErrorCode::None,
            };
            let results: Vec<_> = request.batches.iter().map(result).collect();
            return self.settle(ctx, correlation, &results);
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
        for sendable in request.batches {
            self.accumulator.landed(&sendable.batch);
            let partition = sendable.batch.lane.into();
            let found = results.iter().find(|result| result.partition == partition);
            match found.map(|result| result.error) {
                Some(ErrorCode::None) => {
                    self.accumulator.acked(&sendable.batch);
                    self.intake.acked(ctx, sendable.batch);
                }
                error => {
                    if matches!(error, None | Some(ErrorCode::NotLeader)) {
                        self.refresher.refresh(ctx);
                    }
                    if error == Some(ErrorCode::OutOfOrderSequence) {
                        self.accumulator.out_of_order(&sendable);
                    }
                    let backoff = Duration::from_millis(self.config.producer.retry_backoff_ms);
                    let not_before = ctx.now() + backoff;
                    self.accumulator.retry(Sendable { not_before, ..sendable });
                }
            }
        }
    }

    /// Gives up batches that have waited for too long.
    fn expire(&mut self, ctx: &mut Ctx<'_>) {
        let timeout = Duration::from_millis(self.config.producer.delivery_timeout_ms);
        let limit = Time(ctx.now().0.saturating_sub(timeout.0));
        if self.accumulator.oldest().is_none_or(|oldest| oldest >= limit) {
            return;
        }
        for sendable in self.accumulator.expired(limit) {
            self.fail(ctx, sendable.batch);
        }
    }

    fn fail(&mut self, ctx: &mut Ctx<'_>, batch: SharedBatch) {
        self.accumulator.release(&batch);
        self.intake.failed(ctx, batch, "DELIVERY_TIMEOUT");
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
    }

    fn proceed(&mut self, ctx: &mut Ctx<'_>) {
        self.take_due(ctx);
        self.run_sender(ctx);
        signals::PRODUCER_BUFFER.set(ctx, self.accumulator.used());
        signals::MAX_IN_FLIGHT.set(ctx, u64::from(self.held) * 1_000);
        signals::BUFFER_MEMORY.set(ctx, u64::from(self.blocked) * 1_000);
    }
}

impl Node<Streaming> for Producer {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let (partitions, keyed) = (self.config.partitions, self.config.keyed);
        if !keyed {
            let batch_size = self.config.producer.batch_size;
            self.sticky = Some(Sticky::new(partitions, batch_size, ctx.stream("sticky")));
        }
        self.intake.start(ctx.now(), |missed: Arrival| {
            let partition = partition_for_key(missed.key, partitions);
            // Without a key, an earlier life may have sent it to any.
            let any = if keyed { partition..partition + 1 } else { 0..partitions };
            any.map(Lane)
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
        match message {
            Message::ProduceResponse { correlation, results } => {
                self.work.push_back(Work::Response(correlation, results));
            }
            Message::Refused => return self.on_disconnect(ctx, from),
            Message::MetadataResponse { leaders } => {
                self.refresher.answered();
                self.leaders = leaders.into_iter().map(|(leader, _)| leader).collect();
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
                self.refresher.timer(ctx, tag);
            }
        }
        self.proceed(ctx);
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _: Completion<Record>) {
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
            }
        }
        self.proceed(ctx);
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        if let Some(broker) = self.brokers.iter().position(|broker| *broker == peer) {
            self.lose(BrokerId(broker as u32));
            self.refresher.disconnected(ctx);
            self.proceed(ctx);
        }
    }
}
