//! What the brokers' threads do: requests, answers, and what is sent again.
//!
//! Stands for `rd_kafka_toppar_producer_serve` (`rdkafka_broker.c:3875`),
//! `rd_kafka_handle_Produce_error` (`rdkafka_request.c:4263`), `rd_kafka_broker_timeout_scan`
//! (`rdkafka_broker.c:1002`) and `rd_kafka_broker_fail` of librdkafka @ 2.12.1. Every error of a
//! broker's is one that is tried again until `message.timeout.ms`; a request without an answer
//! takes its connection with it (`socket.max.fails` 1).

use headwater_sim::time::{Duration, Time};

use super::broker_thread::InFlight;
use super::idempotence::Refusal;
use super::partition_queue::Queued;
use super::{BROKERS, Ctx, Producer, Report, kind};
use crate::kafka::compression::packed;
use crate::kafka::ids::BrokerId;
use crate::kafka::message::{ErrorCode, Message, Produce};
use crate::kafka::reconnect::{Pauses, TAGS};
use crate::kafka::record::{batch_bytes, record_bytes};
use crate::kafka::signals;
use crate::protocol;

/// What is left to a message that has timed out by the time its request is made
/// (`rdkafka_request.c:4899`).
const LAST_CHANCE: Duration = Duration::from_millis(100);

/// Why a batch comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The broker has answered.
    Answered(ErrorCode),
    /// The connection broke, or no answer came in time.
    Lost,
    /// It was not sent yet when the connection broke.
    Unsent,
}

impl Producer {
    /// A broker's thread has something to look at: it wakes, unless it works anyway.
    pub(super) fn wake(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let sender = &mut self.threads[broker.index()];
        if !sender.busy {
            sender.busy = true;
            let cost = Duration(self.config.costs.client_wakeup_ns + self.walk_ns());
            ctx.compute(BROKERS, cost, TAGS.tag(kind::WOKEN, broker.into()));
        }
    }

    /// A thread's pass over its partitions, which follows on whatever wakes it
    /// (`rd_kafka_broker_produce_toppars`).
    fn walk_ns(&self) -> u64 {
        let partitions = self.config.event_partitions() / self.config.brokers;
        self.config.costs.client_partition_ns * u64::from(partitions)
    }

    /// A broker's thread goes on: answers first, then one request after the other, then sleep.
    pub(super) fn proceed(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let most = self.config.producer.max_in_flight as usize;
        let sender = &mut self.threads[broker.index()];
        if sender.busy {
            return;
        }
        if !sender.inbox.is_empty() {
            sender.busy = true;
            // Answers that have come together are taken together.
            let walk = if sender.inbox.len() == 1 { self.walk_ns() } else { 0 };
            let cost = Duration(self.config.costs.client_request_ns + walk);
            return self.config.costs.work(
                ctx,
                BROKERS,
                cost,
                TAGS.tag(kind::HANDLED, broker.into()),
            );
        }
        if !self.connections.up(broker) || sender.in_flight.len() >= most && sender.unsent.is_some()
        {
            return;
        }
        if let Some(queued) = sender.unsent.take() {
            self.transmit(ctx, broker, queued);
        }
        if let Some(queued) = self.next_batch(ctx.now(), broker) {
            let sender = &mut self.threads[broker.index()];
            let compression = self.config.sent_compression();
            let batch = packed(&queued.batch, compression);
            let packs = compression.map_or(0, |of| of.compress_ns(record_bytes(&batch)));
            let cost = self.config.costs.build(batch.count(), batch_bytes(&batch))
                + packs
                + self.config.client_tls_ns(batch_bytes(&batch));
            let queued = Queued { batch, ..queued };
            (sender.busy, sender.unsent) = (true, Some(queued));
            return self.config.costs.work(
                ctx,
                BROKERS,
                Duration(cost),
                TAGS.tag(kind::BUILT, broker.into()),
            );
        }
        let sender = &mut self.threads[broker.index()];
        let pause = sender.sleep(ctx.now());
        let alarm = pause.map(|pause| ctx.now() + pause);
        if alarm != sender.alarm
            && let Some(pause) = pause
        {
            ctx.timer(pause, TAGS.tag(kind::ALARM, broker.into()));
        }
        sender.alarm = alarm;
    }

    /// The next batch for a broker, of the partition whose turn it is.
    fn next_batch(&mut self, now: Time, broker: BrokerId) -> Option<Queued> {
        for partition in self.threads[broker.index()].take_fresh() {
            self.look(now, broker, partition);
        }
        let leaders = &self.leaders;
        let sender = &mut self.threads[broker.index()];
        sender.ripen(now);
        let mine = |partition: u32| leaders[partition as usize].0 == Some(broker);
        sender.turn_on(self.config.event_partitions(), mine);
        if !self.idempotence.may_send() {
            return None;
        }
        let allows = |partition: &u32| self.idempotence.allows(&self.queues[*partition as usize]);
        let partition = sender.turns().find(allows)?;
        let queue = &mut self.queues[partition as usize];
        self.idempotence.enter(queue);
        let queued = queue.take()?;
        queue.in_flight += queued.batch.count();
        let queued = Queued { epoch: queue.epoch, ..queued };
        self.look(now, broker, partition);
        Some(queued)
    }

    /// A broker's thread looks at a partition.
    fn look(&mut self, now: Time, broker: BrokerId, partition: u32) {
        if self.leaders[partition as usize].0 != Some(broker) {
            return;
        }
        let queue = &mut self.queues[partition as usize];
        queue.fresh = false;
        let before = queue.scheduled;
        queue.scheduled = queue.look(now, &self.limits);
        self.threads[broker.index()].schedule(partition, before, queue.scheduled);
    }

    fn transmit(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId, queued: Queued) {
        let options = &self.config.producer;
        self.correlation += 1;
        let produce = Produce {
            correlation: self.correlation,
            acks: options.acks,
            producer_epochs: vec![self.idempotence.enabled.then_some(queued.epoch)],
            timeout_ms: options.request_timeout_ms,
            batches: vec![queued.batch.clone()],
        };
        if let Some(packed) = queued.batch.packed {
            self.compressed += u64::from(packed.get());
            signals::COMPRESSED.set(ctx, self.compressed);
        }
        let to = self.connections.node(broker);
        ctx.send(to, protocol::Message::Kafka(Message::Produce(Box::new(produce))));
        if options.acks == 0 {
            let answer = Outcome::Answered(ErrorCode::None);
            return self.settle(ctx, queued, answer);
        }
        let given_up = queued.taken_at() + Duration::from_millis(options.delivery_timeout_ms);
        let late = ctx.now() + Duration::from_millis(options.socket_timeout_ms);
        let deadline =
            if given_up <= ctx.now() { ctx.now() + LAST_CHANCE } else { late.min(given_up) };
        let request = InFlight { correlation: self.correlation, queued, deadline };
        self.threads[broker.index()].in_flight.push_back(request);
    }

    /// A broker's thread has taken an answer.
    pub(super) fn handle(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let sender = &mut self.threads[broker.index()];
        let Some((correlation, error)) = sender.inbox.pop_front() else { return };
        let found = sender.in_flight.binary_search_by_key(&correlation, |one| one.correlation);
        let Some(request) = found.ok().and_then(|at| sender.in_flight.remove(at)) else { return };
        self.settle(ctx, request.queued, Outcome::Answered(error));
    }

    /// It is known what became of a batch, or that it never will be.
    fn settle(&mut self, ctx: &mut Ctx<'_>, queued: Queued, outcome: Outcome) {
        let partition = queued.batch.lane.0;
        let queue = &mut self.queues[partition as usize];
        queue.in_flight -= queued.batch.count();
        match outcome {
            Outcome::Answered(ErrorCode::None) => {
                queue.next_ack = queue.next_ack.max(queued.batch.last() + 1);
                self.report(ctx, Report::Acked(queued));
            }
            Outcome::Answered(ErrorCode::OutOfOrderSequence) => self.refused(ctx, queued),
            Outcome::Answered(ErrorCode::NotLeader) | Outcome::Lost | Outcome::Unsent => {
                self.connections.refresh(ctx);
                let counts = u32::from(outcome == Outcome::Lost);
                self.again(ctx, Queued { retries: queued.retries + counts, ..queued });
            }
            Outcome::Answered(_) => {
                self.again(ctx, Queued { retries: queued.retries + 1, ..queued });
            }
        }
        self.check_drained(ctx);
        // Another of its requests may have waited for this one.
        if self.idempotence.enabled
            && let Some(leader) = self.freshen(partition)
            && !self.queues[partition as usize].is_empty()
        {
            self.wake(ctx, leader);
        }
    }

    fn refused(&mut self, ctx: &mut Ctx<'_>, queued: Queued) {
        match self.idempotence.refused(&self.queues[queued.batch.lane.0 as usize], &queued) {
            Refusal::Again => {
                self.idempotence.drains = true;
                self.again(ctx, queued);
            }
            Refusal::GivenUp => {
                self.idempotence.drains = true;
                self.report(ctx, Report::Failed(queued, "OUT_OF_ORDER_SEQUENCE_NUMBER"));
            }
            Refusal::Fatal => {
                self.idempotence.failed = true;
                self.report(ctx, Report::Failed(queued, "OUT_OF_ORDER_SEQUENCE_NUMBER"));
                for partition in 0..self.queues.len() {
                    for queued in self.queues[partition].purge() {
                        self.report(ctx, Report::Failed(queued, "PURGE_QUEUE"));
                    }
                }
            }
        }
    }

    /// A batch is to be sent again, before what its partition has taken since.
    fn again(&mut self, ctx: &mut Ctx<'_>, queued: Queued) {
        let partition = queued.batch.lane.0;
        let attempts = queued.retries.saturating_sub(1);
        let pause = Pauses::of(&self.config).retry.pause(attempts, ctx.random());
        let queue = &mut self.queues[partition as usize];
        queue.drains = self.idempotence.enabled;
        queue.put_back(Queued { not_before: ctx.now() + pause, ..queued });
        if let Some(leader) = self.freshen(partition) {
            self.wake(ctx, leader);
        }
    }

    /// The next epoch begins when nothing is in flight.
    fn check_drained(&mut self, ctx: &mut Ctx<'_>) {
        if self.idempotence.drains && self.queues.iter().all(|queue| queue.in_flight == 0) {
            self.idempotence.drained();
            for broker in BrokerId::all(self.threads.len() as u32) {
                self.wake(ctx, broker);
            }
        }
    }

    /// The connection with a broker has broken, or is closed.
    pub(super) fn lose(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        self.connections.broken(ctx, broker);
        self.connections.refresh(ctx);
        let sender = &mut self.threads[broker.index()];
        let answered = |one: &InFlight| sender.inbox.iter().any(|(of, _)| *of == one.correlation);
        let all = std::mem::take(&mut sender.in_flight);
        let (kept, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(answered);
        sender.in_flight = kept.into();
        let unsent = sender.unsent.take();
        for request in lost {
            self.settle(ctx, request.queued, Outcome::Lost);
        }
        if let Some(queued) = unsent {
            self.settle(ctx, queued, Outcome::Unsent);
        }
    }

    /// Gives up messages that have waited for too long, and connections that don't answer.
    pub(super) fn scan(&mut self, ctx: &mut Ctx<'_>) {
        self.scanning = false;
        let timeout = Duration::from_millis(self.config.producer.delivery_timeout_ms);
        let limit = Time(ctx.now().0.saturating_sub(timeout.0));
        for partition in 0..self.queues.len() {
            let gone = self.queues[partition].expired(limit);
            if gone.is_empty() {
                continue;
            }
            self.idempotence.drains |= self.idempotence.enabled;
            self.freshen(partition as u32);
            for queued in gone {
                self.report(ctx, Report::Failed(queued, "MSG_TIMED_OUT"));
            }
        }
        self.check_drained(ctx);
        for broker in BrokerId::all(self.threads.len() as u32) {
            let mut requests = self.threads[broker.index()].in_flight.iter();
            if requests.any(|request| request.deadline <= ctx.now()) {
                self.lose(ctx, broker);
            }
        }
        // `rd_kafka_topic_scan_all`, `rdkafka_topic.c:1782-1808`.
        let leaders = self.leaders.iter().filter_map(|(leader, _)| *leader);
        if leaders.into_iter().any(|leader| !self.connections.up(leader)) {
            self.connections.refresh(ctx);
        }
        self.scan_later(ctx);
    }
}
