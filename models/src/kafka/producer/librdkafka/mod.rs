//! A producer of librdkafka.
//!
//! Stands for librdkafka @ 2.12.1 under an application that does not wait. The application's thread
//! hands over what is due, event by event; an event that finds the queue full is refused, and has
//! failed. A thread for each broker makes requests of one partition each and takes answers; another
//! thread hands the application what became of its messages, and makes room for more. An idempotent
//! producer has one epoch for all partitions (`idempotence.rs`). Started again it has a new
//! producer id, and takes what is due from then on.
//!
//! Parameters: [`crate::kafka::config::Producer`], [`crate::kafka::costs::Costs`]. Left out:
//! transactions, the request for the producer id, the acknowledgement of messages that
//! a later one's acknowledgement implies, metadata refreshed every five minutes, how much a socket
//! takes of requests that nobody answers (`acks=0`: all of them).

mod broker_thread;
mod idempotence;
mod partition_queue;
mod requests;

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::scheduling::Policy;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use self::broker_thread::BrokerThread;
use self::idempotence::Idempotence;
use self::partition_queue::{Limits, PartitionQueue, Queued};
use super::partitioner::{
    StickyForAWhile, draws_by_topic, partition_of_key, partitions_for, topic_of,
};
use crate::arrival::Arrival;
use crate::batch::{Batch, Lane};
use crate::deployment::Pacer;
use crate::feed::Feed;
use crate::intake::Intake;
use crate::kafka::config::{ClientLibrary, Cluster};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::Message;
use crate::kafka::reconnect::{Connections, Pauses, SCAN_EVERY, TAGS};
use crate::kafka::record::ProducerId;
use crate::kafka::signals;
use crate::protocol::{self, Record, Streaming};

type Ctx<'a> = Context<'a, Streaming>;

/// The application's thread.
const APPLICATION: PoolId = PoolId(0);
/// `rdk:brokerN`, one for each broker.
const BROKERS: PoolId = PoolId(1);
/// The application's thread that polls for delivery reports.
const POLLER: PoolId = PoolId(2);

/// A producer's pools.
pub fn pools(config: &Cluster, pacer: Pacer) -> Vec<PoolSpec> {
    let costs = &config.costs;
    let application = PoolSpec::named("application", 1).role("application");
    let in_real_time = Policy::RealTime { priority: 1 };
    let paced = PoolSpec::named("pacer", 1)
        .role("application")
        .scheduled(in_real_time)
        .from_idle(pacer.from_idle);
    vec![
        if pacer.is_there() { paced } else { application },
        costs.client_pool(PoolSpec::named("rdk:broker", config.brokers).role("broker-threads")),
        PoolSpec::named("deliveries", 1)
            .role("delivery-reports")
            .through(costs.client_poll_working_set_kib),
    ]
}

/// Kinds of tags; the number below is that of the broker, or 0.
pub(in crate::kafka) mod kind {
    /// Events are handed over.
    pub const TAKEN: u64 = 1;
    /// The next event is due.
    pub const DUE: u64 = 2;
    /// A broker's thread was woken.
    pub const WOKEN: u64 = 3;
    /// Its sleep is over.
    pub const ALARM: u64 = 4;
    /// It has made a request.
    pub const BUILT: u64 = 5;
    /// It has taken an answer.
    pub const HANDLED: u64 = 6;
    /// A report is handed to the application.
    pub const REPORTED: u64 = 7;
    /// Time to look for what has waited for too long.
    pub const SCAN: u64 = 8;
    /// The application has spun until the next event was due.
    pub const SPUN: u64 = 9;
}

/// Events that the application hands over between two looks at the clock.
const CHUNK: usize = 256;

/// What became of messages, on its way to the application.
enum Report {
    Acked(Queued),
    Failed(Queued, &'static str),
}

/// Messages that the client holds, and what it may hold (`rd_kafka_curr_msgs_add`,
/// `rdkafka_int.h:793`).
#[derive(Debug)]
struct Held {
    messages: u64,
    messages_max: u64,
    bytes: u64,
    bytes_max: u64,
}

impl Held {
    fn add(&mut self, bytes: u64) -> bool {
        let counted = self.messages_max > 0;
        if counted && self.messages >= self.messages_max || self.bytes + bytes > self.bytes_max {
            return false;
        }
        self.messages += 1;
        self.bytes += bytes;
        true
    }
}

/// A producer node.
pub struct Producer {
    config: Rc<Cluster>,
    writer: u32,
    intake: Intake,
    limits: Limits,
    held: Held,
    queues: Vec<PartitionQueue>,
    /// Only of a producer without keys, once it has started.
    /// By topic, of events without keys.
    sticky: Option<Vec<StickyForAWhile>>,
    /// Leader of each partition and its epoch, as far as known.
    leaders: Vec<(Option<BrokerId>, u32)>,
    threads: Vec<BrokerThread>,
    connections: Connections,
    idempotence: Idempotence,
    reports: VecDeque<Report>,
    correlation: u64,
    taking: bool,
    due_at: Time,
    pacer: Pacer,
    /// The pacer spins; it has slept since it handed over; it has woken up for what is due; it
    /// handed over last.
    spinning: bool,
    slept: bool,
    awake: bool,
    handed_at: Time,
    scanning: bool,
    /// Something was refused when events were last handed over.
    refuses: bool,
    /// Bytes sent in batches that are compressed.
    compressed: u64,
}

impl Producer {
    /// A producer, number `writer`, of the brokers' cluster.
    pub fn new(
        config: Rc<Cluster>,
        brokers: Vec<NodeId>,
        writer: u32,
        feed: &Feed,
        pacer: Pacer,
    ) -> Self {
        let options = &config.producer;
        let leaders = TopicPartition::all(config.event_partitions())
            .map(|partition| (Some(partition.first_leader(config.brokers)), 0))
            .collect();
        Self {
            intake: feed.intake(writer, config.producers),
            limits: Limits::new(options),
            held: Held {
                messages: 0,
                messages_max: options.queue_buffering_max_messages,
                bytes: 0,
                bytes_max: options.buffer_memory,
            },
            queues: (0..config.event_partitions()).map(|_| PartitionQueue::default()).collect(),
            sticky: None,
            leaders,
            threads: brokers.iter().map(|_| BrokerThread::default()).collect(),
            connections: Connections::new(brokers, Pauses::of(&config)),
            idempotence: Idempotence::new(options.enable_idempotence),
            reports: VecDeque::new(),
            correlation: 0,
            taking: false,
            due_at: Time::MAX,
            pacer,
            spinning: false,
            slept: false,
            awake: false,
            handed_at: Time::ZERO,
            scanning: false,
            refuses: false,
            compressed: 0,
            writer,
            config,
        }
    }

    /// The application hands over what is due, or sleeps until something is.
    fn take_due(&mut self, ctx: &mut Ctx<'_>) {
        if self.taking || self.spinning {
            return;
        }
        if self.pacer.is_there()
            && !self.awake
            && let Some(next) = self.intake.next_due(ctx.now())
        {
            return self.sleep_until(ctx, next);
        }
        let (mut taken, mut refused, mut wakes) = (0, None, Vec::new());
        while taken < CHUNK
            && let Some(arrival) = self.intake.due(ctx.now())
        {
            self.intake.take();
            taken += 1;
            if self.idempotence.failed || !self.held.add(arrival.bytes.into()) {
                self.refuse(ctx.now(), &arrival, &mut refused);
                continue;
            }
            let lane = Lane(self.partition(ctx.now(), &arrival));
            let numbered = (self.intake.writer(), lane, self.intake.number(lane, 1));
            let queue = &mut self.queues[lane.0 as usize];
            let woken = queue.append((ctx.now(), &self.limits), numbered, &arrival);
            let Some(leader) = self.freshen(lane.0) else { continue };
            if woken && !wakes.contains(&leader) {
                wakes.push(leader);
            }
        }
        self.awake = taken == CHUNK;
        self.refuses = refused.is_some();
        if let Some(batch) = refused {
            let error = if self.idempotence.failed { "FATAL" } else { "QUEUE_FULL" };
            self.intake.failed(ctx, Rc::new(batch), error);
        }
        wakes.into_iter().for_each(|leader| self.wake(ctx, leader));
        if taken > 0 {
            (self.taking, self.handed_at) = (true, ctx.now());
            let records = Duration(self.config.costs.client_record_ns * taken as u64);
            let slept = std::mem::take(&mut self.slept);
            let cost = if slept { records + self.pacer.work } else { records };
            ctx.compute(APPLICATION, cost, TAGS.tag(kind::TAKEN, 0));
            self.scan_later(ctx);
        } else if let Some(next) = self.intake.next_due(ctx.now()) {
            self.sleep_until(ctx, next);
        }
    }

    /// The application has nothing to hand over until then.
    fn sleep_until(&mut self, ctx: &mut Ctx<'_>, next: Time) {
        let at = next.max(self.handed_at + self.pacer.gap);
        if at >= self.due_at {
            return;
        }
        let time = at.since(ctx.now());
        if time > Duration::ZERO && time <= self.pacer.lead {
            return self.spin(ctx, time);
        }
        self.due_at = at;
        let (until, tag) = (time.saturating_sub(self.pacer.lead), TAGS.tag(kind::DUE, 0));
        if self.pacer.is_there() { ctx.exact_timer(until, tag) } else { ctx.timer(until, tag) }
    }

    /// An event will be due so soon that it is not slept for.
    fn spin(&mut self, ctx: &mut Ctx<'_>, time: Duration) {
        self.spinning = true;
        ctx.spin(APPLICATION, time, TAGS.tag(kind::SPUN, 0));
    }

    /// The application wakes up: an event is due, or will be and is spun for.
    fn due(&mut self, ctx: &mut Ctx<'_>) {
        let early = std::mem::replace(&mut self.due_at, Time::MAX).since(ctx.now());
        self.slept = true;
        if early == Duration::ZERO {
            self.awake = true;
        } else if !self.taking && !self.spinning {
            self.spin(ctx, early);
        }
    }

    fn partition(&mut self, now: Time, arrival: &Arrival) -> u32 {
        let leaders = &self.leaders;
        let available = |partition: u32| leaders[partition as usize].0.is_some();
        match &mut self.sticky {
            Some(sticky) => {
                let topic = topic_of(&self.config, arrival);
                let first = topic * self.config.partitions;
                first + sticky[topic as usize].next(now, |at| available(first + at))
            }
            None => partition_of_key(&self.config, ClientLibrary::Librdkafka, arrival),
        }
    }

    /// An event is refused. It has a number of the lane of those, so that none is missing in a
    /// batch of a partition.
    fn refuse(&mut self, now: Time, arrival: &Arrival, refused: &mut Option<Batch>) {
        let lane = Lane(self.config.event_partitions());
        let number = self.intake.number(lane, 1);
        let empty = || Batch::empty(self.intake.writer(), lane, number);
        refused.get_or_insert_with(empty).push(arrival, now);
    }

    /// Has the thread of a partition's leader look at it in its next pass.
    fn freshen(&mut self, partition: u32) -> Option<BrokerId> {
        let leader = self.leaders[partition as usize].0?;
        let queue = &mut self.queues[partition as usize];
        if !std::mem::replace(&mut queue.fresh, true) {
            self.threads[leader.index()].add_fresh(partition);
        }
        Some(leader)
    }

    /// The leaders have been heard of from a broker.
    fn learn(&mut self, ctx: &mut Ctx<'_>, from: NodeId, leaders: Vec<(Option<BrokerId>, u32)>) {
        let known = leaders.iter().all(|(leader, _)| leader.is_some());
        let news = known || leaders != self.leaders;
        if self.connections.answered(from, news)
            && let Some(broker) = self.connections.broker(from)
        {
            self.wake(ctx, broker);
        }
        let before = std::mem::replace(&mut self.leaders, leaders);
        for (partition, (old, _)) in (0..).zip(before) {
            let new = self.leaders[partition as usize].0;
            if old == new {
                continue;
            }
            let queue = &mut self.queues[partition as usize];
            if let Some(old) = old {
                self.threads[old.index()].forget(partition, queue.scheduled.take());
            }
            queue.fresh = false;
            if let Some(leader) = self.freshen(partition) {
                self.wake(ctx, leader);
            }
        }
        if !known {
            self.connections.refresh(ctx);
        }
    }

    fn report(&mut self, ctx: &mut Ctx<'_>, report: Report) {
        let (Report::Acked(queued) | Report::Failed(queued, _)) = &report;
        let costs = &self.config.costs;
        let cost = Duration(costs.client_poll_ns + costs.client_report_ns * queued.batch.count());
        self.reports.push_back(report);
        costs.work(ctx, POLLER, cost, TAGS.tag(kind::REPORTED, 0));
    }

    /// The application is told what became of messages: there is room for others.
    fn reported(&mut self, ctx: &mut Ctx<'_>) {
        let report = self.reports.pop_front().expect("a report is handed over");
        let (Report::Acked(queued) | Report::Failed(queued, _)) = &report;
        self.held.messages -= queued.batch.count();
        self.held.bytes -= queued.batch.bytes;
        match report {
            Report::Acked(queued) => self.intake.acked(ctx, queued.batch),
            Report::Failed(queued, error) => self.intake.failed(ctx, queued.batch, error),
        }
    }

    fn scan_later(&mut self, ctx: &mut Ctx<'_>) {
        if !self.scanning && self.held.messages > 0 {
            self.scanning = true;
            ctx.timer(SCAN_EVERY, TAGS.tag(kind::SCAN, 0));
        }
    }

    fn tell_gauges(&self, ctx: &mut Ctx<'_>) {
        let most = self.config.producer.max_in_flight as usize;
        let waits = |sender: &BrokerThread| {
            sender.unsent.is_some() && !sender.busy && sender.in_flight.len() >= most
        };
        signals::PRODUCER_BUFFER.set(ctx, self.held.bytes);
        signals::MAX_IN_FLIGHT.set(ctx, u64::from(self.threads.iter().any(waits)) * 1_000);
        signals::BUFFER_MEMORY.set(ctx, u64::from(self.refuses) * 1_000);
    }
}

impl Node<Streaming> for Producer {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        let config = &self.config;
        if !config.keyed {
            let linger = config.producer.sticky_linger();
            let sticky = |draws| StickyForAWhile::new(config.partitions, linger, draws);
            self.sticky = Some(draws_by_topic(ctx, config).map(sticky).collect());
        }
        self.intake.start(ctx.now(), |missed: Arrival| {
            let any = partitions_for(config, ClientLibrary::Librdkafka, &missed);
            any.chain([config.event_partitions()]).map(Lane)
        });
        let id = ctx.now().0 * u64::from(self.config.producers) + u64::from(self.writer);
        for (lane, queue) in (0..).map(Lane).zip(&mut self.queues) {
            queue.epoch.producer = ProducerId::new(id);
            queue.epoch.first = self.intake.next_number(lane);
            queue.next_ack = queue.epoch.first;
        }
        self.take_due(ctx);
        self.tell_gauges(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        let message = match message {
            protocol::Message::Kafka(message) => {
                protocol::Message::Kafka(self.connections.opened(ctx, from, message))
            }
            other => other,
        };
        match message {
            protocol::Message::Kafka(Message::ProduceResponse { correlation, results }) => {
                let Some(broker) = self.connections.broker(from) else { return };
                // One partition a request.
                let Some(result) = results.first() else { return };
                self.threads[broker.index()].inbox.push_back((correlation, result.error));
                self.proceed(ctx, broker);
            }
            protocol::Message::Kafka(Message::MetadataResponse { leaders }) => {
                self.learn(ctx, from, leaders);
            }
            protocol::Message::Kafka(Message::Refused) => return self.on_disconnect(ctx, from),
            protocol::Message::Kafka(Message::HelloAnswer) => {
                return self.connections.greeted(ctx, BROKERS, from);
            }
            protocol::Message::Handover(_) => {}
            _ => return,
        }
        self.take_due(ctx);
        self.tell_gauges(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        let (kind, which) = TAGS.split(tag);
        match kind {
            kind::DUE if self.due_at <= ctx.now() + self.pacer.lead => self.due(ctx),
            kind::DUE => {}
            kind::ALARM => {
                let broker = BrokerId(which as u32);
                let sender = &mut self.threads[broker.index()];
                // Woken since, it sleeps until another time.
                if sender.alarm.take_if(|alarm| *alarm <= ctx.now()).is_some() {
                    self.wake(ctx, broker);
                }
            }
            kind::SCAN => self.scan(ctx),
            _ => {
                self.connections.timer(ctx, tag);
            }
        }
        self.take_due(ctx);
        self.tell_gauges(ctx);
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _: Completion<Record>) {
        if self.connections.worked(ctx, tag) {
            return;
        }
        let (kind, which) = TAGS.split(tag);
        let broker = BrokerId(which as u32);
        match kind {
            kind::TAKEN => self.taking = false,
            kind::SPUN => (self.spinning, self.awake) = (false, true),
            kind::REPORTED => self.reported(ctx),
            kind => {
                self.threads[broker.index()].busy = false;
                if kind == kind::HANDLED {
                    self.handle(ctx, broker);
                }
                self.proceed(ctx, broker);
            }
        }
        self.take_due(ctx);
        self.tell_gauges(ctx);
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        if let Some(broker) = self.connections.broker(peer) {
            self.lose(ctx, broker);
            self.take_due(ctx);
            self.tell_gauges(ctx);
        }
    }
}
