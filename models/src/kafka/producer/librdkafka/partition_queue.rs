//! One partition's messages that wait for their request.
//!
//! Stands for `rd_kafka_toppar_t` with its two queues and the rules of waking its broker's thread:
//! `rd_kafka_msgq_allow_wakeup_at` and `rd_kafka_msgq_may_wakeup` (`rdkafka_msg.c:1779`,
//! `rdkafka_msg.h:429`), `rd_kafka_toppar_enq_msg` (`rdkafka_partition.c:695`), and the limits of a
//! batch (`rdkafka_msgset_writer.c:814-912`) of librdkafka @ 2.12.1. The first message into an
//! empty queue wakes the thread, then what fills a batch, then what comes once the linger is over.
//!
//! Parameters: `linger.ms`, `batch.size`, `batch.num.messages`, `message.max.bytes` (as
//! `max.request.size`). Left out: messages sent again are not packed anew together with others,
//! which only a producer without idempotence does.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::time::{Duration, Time};

use crate::arrival::Arrival;
use crate::batch::{Batch, Lane, SharedBatch, StreamWriter};
use crate::kafka::config::Producer;
use crate::kafka::record::{BATCH_OVERHEAD, ProducerEpoch, RECORD_OVERHEAD};

/// When a queue is to be sent, and how it is cut.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    linger: Duration,
    /// Messages of a batch.
    messages: u64,
    /// Bytes of messages that make a queue ready.
    ready_bytes: u64,
    /// Bytes of a batch on the wire.
    wire_bytes: u64,
}

impl Limits {
    /// Of a producer's options.
    pub fn new(config: &Producer) -> Self {
        Self {
            linger: Duration::from_millis(config.linger_ms),
            messages: config.batch_num_messages,
            ready_bytes: config.batch_size,
            wire_bytes: config.batch_size.min(config.max_request_size),
        }
    }
}

/// Messages that go as one batch.
#[derive(Clone, Debug)]
pub struct Queued {
    /// The messages.
    pub batch: SharedBatch,
    /// Not before then.
    pub not_before: Time,
    /// How often they were sent in vain, where that counts.
    pub retries: u32,
    /// The producer's epoch when they were last sent.
    pub epoch: ProducerEpoch,
}

impl Queued {
    /// When the first message was taken.
    pub fn taken_at(&self) -> Time {
        self.batch.started[0]
    }
}

/// What the writer of a message needs to know to wake the broker's thread or not.
#[derive(Clone, Copy, Debug, Default)]
struct Wakeup {
    signalled: bool,
    on_first: bool,
    at: Time,
    messages: u64,
    bytes: u64,
}

/// Messages and their bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    messages: u64,
    bytes: u64,
}

/// A partition's queue.
#[derive(Debug, Default)]
pub struct PartitionQueue {
    waiting: VecDeque<Queued>,
    /// The batch that still fills, with its size on the wire.
    open: Option<(Batch, u64)>,
    all: Amount,
    /// What the broker's thread knows of.
    seen: Amount,
    wakeup: Wakeup,
    /// Messages that await their response.
    pub in_flight: u64,
    /// Nothing is sent until nothing is in flight.
    pub drains: bool,
    /// The producer's epoch on the partition.
    pub epoch: ProducerEpoch,
    /// The sequence number that is acknowledged next.
    pub next_ack: u64,
    /// The thread has it among those to look at.
    pub fresh: bool,
    /// When the thread means to look at it again.
    pub scheduled: Option<Time>,
}

impl PartitionQueue {
    /// Takes a message with its number. True if the broker's thread is to be woken.
    pub fn append(
        &mut self,
        (now, limits): (Time, &Limits),
        (writer, lane, number): (StreamWriter, Lane, u64),
        arrival: &Arrival,
    ) -> bool {
        let (bytes, size) = (u64::from(arrival.bytes), RECORD_OVERHEAD + u64::from(arrival.bytes));
        let full = self.open.as_ref().is_some_and(|(batch, wire)| {
            batch.count() >= limits.messages || wire + size > limits.wire_bytes
        });
        if full {
            self.close();
        }
        let (batch, wire) =
            self.open.get_or_insert_with(|| (Batch::empty(writer, lane, number), BATCH_OVERHEAD));
        batch.push(arrival, now);
        *wire += size;
        self.all.messages += 1;
        self.all.bytes += bytes;
        self.may_wake(now)
    }

    fn close(&mut self) {
        if let Some((batch, _)) = self.open.take() {
            self.waiting.push_back(Queued {
                batch: Rc::new(batch),
                not_before: Time::ZERO,
                retries: 0,
                epoch: self.epoch,
            });
        }
    }

    fn may_wake(&mut self, now: Time) -> bool {
        let wakeup = &mut self.wakeup;
        let messages = self.all.messages - self.seen.messages;
        let bytes = self.all.bytes - self.seen.bytes;
        let wakes = !wakeup.signalled
            && (now >= wakeup.at
                || messages == 1 && wakeup.on_first
                || messages >= wakeup.messages
                || bytes > wakeup.bytes);
        wakeup.signalled |= wakes;
        wakes
    }

    /// The broker's thread takes over what has come, and sets when it is to be woken. When the next
    /// batch may be sent, if there is any.
    pub fn look(&mut self, now: Time, limits: &Limits) -> Option<Time> {
        self.seen = self.all;
        let first = match (self.waiting.front(), &self.open) {
            (Some(first), _) => Some((first.taken_at(), first.not_before)),
            (None, Some((open, _))) => Some((open.started[0], Time::ZERO)),
            (None, None) => None,
        };
        let Some((taken_at, not_before)) = first else {
            let (messages, bytes) = (limits.messages, limits.ready_bytes);
            let at = now + limits.linger;
            self.wakeup = Wakeup { signalled: false, on_first: true, at, messages, bytes };
            return None;
        };
        let backs_off = not_before > now;
        let at = if backs_off { not_before } else { (taken_at + limits.linger).max(now) };
        let full = self.all.messages >= limits.messages || self.all.bytes >= limits.ready_bytes;
        self.wakeup = Wakeup {
            signalled: full || at <= now,
            on_first: false,
            at,
            messages: limits.messages.saturating_sub(self.all.messages),
            bytes: limits.ready_bytes.saturating_sub(self.all.bytes),
        };
        Some(if full && !backs_off { now } else { at })
    }

    /// Takes out the next batch.
    pub fn take(&mut self) -> Option<Queued> {
        if self.waiting.is_empty() {
            self.close();
        }
        let next = self.waiting.pop_front()?;
        self.removed(&next.batch);
        Some(next)
    }

    fn removed(&mut self, batch: &Batch) {
        self.all.messages -= batch.count();
        self.all.bytes -= batch.bytes;
        self.seen.messages = self.seen.messages.saturating_sub(batch.count());
        self.seen.bytes = self.seen.bytes.saturating_sub(batch.bytes);
    }

    /// Messages come back to be sent again, in the order in which they were taken.
    pub fn put_back(&mut self, queued: Queued) {
        self.all.messages += queued.batch.count();
        self.all.bytes += queued.batch.bytes;
        let at = self.waiting.partition_point(|other| other.batch.first < queued.batch.first);
        self.waiting.insert(at, queued);
    }

    /// Sequence number of the next message to be sent.
    pub fn first_sequence(&self) -> Option<u64> {
        match (self.waiting.front(), &self.open) {
            (Some(first), _) => Some(first.batch.first),
            (None, Some((open, _))) => Some(open.first),
            (None, None) => None,
        }
    }

    /// Takes out the messages that were taken before `limit`, oldest first.
    pub fn expired(&mut self, limit: Time) -> Vec<Queued> {
        let mut gone = Vec::new();
        let opened = self.open.as_ref().is_some_and(|(open, _)| open.started[0] < limit);
        if opened && self.waiting.iter().all(|queued| queued.taken_at() < limit) {
            self.close();
        }
        while self.waiting.front().is_some_and(|first| first.taken_at() < limit) {
            let Some(mut queued) = self.waiting.pop_front() else { break };
            let old = queued.batch.started.partition_point(|started| *started < limit);
            if old < queued.batch.started.len() {
                let (gone, kept) = split(&queued.batch, old);
                self.waiting.push_front(Queued { batch: Rc::new(kept), ..queued.clone() });
                queued.batch = Rc::new(gone);
            }
            self.removed(&queued.batch);
            gone.push(queued);
        }
        gone
    }

    /// Takes out all that waits.
    pub fn purge(&mut self) -> Vec<Queued> {
        self.expired(Time::MAX)
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.all.messages == 0
    }
}

/// A batch in two, of which the first has `count` events. Their bytes are shared out evenly.
fn split(batch: &Batch, count: usize) -> (Batch, Batch) {
    let (mut first, mut rest) = (batch.clone(), batch.clone());
    first.intended.truncate(count);
    first.started.truncate(count);
    first.bytes = batch.bytes * count as u64 / batch.count();
    rest.intended.drain(..count);
    rest.started.drain(..count);
    rest.first += count as u64;
    rest.bytes -= first.bytes;
    (first, rest)
}
