//! Unsent batches by partition.
//!
//! Stands for `RecordAccumulator` and `BufferPool` of the Java client @ 3.9.0: batches of at most
//! `batch.size`, each ready when it is full, when a younger batch stands behind it, when it has
//! waited for `linger.ms`, or when the memory is used up; a retried batch when its backoff is over.
//! Parameters: those of [`crate::kafka::config::Producer`], bytes and milliseconds. Left out:
//! compression and its estimate of sizes, blocking of one thread by another for memory (there is
//! one caller).

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::time::{Duration, Time};

use crate::arrival::Arrival;
use crate::batch::{Batch, Lane, SharedBatch, StreamWriter};
use crate::collections::SortedVecMap;
use crate::kafka::config::Producer;
use crate::kafka::ids::TopicPartition;
use crate::kafka::record::{
    BATCH_OVERHEAD, ProducerEpoch, ProducerId, RECORD_OVERHEAD, batch_bytes,
};

/// A batch on its way, with what its retries need.
#[derive(Clone, Debug)]
pub struct Sendable {
    /// The batch.
    pub batch: SharedBatch,
    /// When it was opened: `delivery.timeout.ms` counts from here.
    pub created: Time,
    /// Not before then.
    pub not_before: Time,
    /// How often it was sent in vain.
    pub attempts: u32,
    /// The producer's epoch on the partition when it was last sent.
    pub epoch: ProducerEpoch,
}

/// A batch that still fills.
#[derive(Debug)]
struct Open {
    batch: Batch,
    created: Time,
    size: u64,
}

/// One partition's queue.
#[derive(Debug, Default)]
struct Queue {
    closed: VecDeque<Sendable>,
    open: Option<Open>,
    /// Batches to be sent again, by their first sequence number.
    retries: SortedVecMap<u64, Sendable>,
    /// First sequence numbers of the batches that await their response.
    in_flight: SortedVecMap<u64, ()>,
    epoch: ProducerEpoch,
    /// The next batch starts an epoch, once nothing is in flight.
    new_epoch: bool,
    /// The sequence number behind the last that was acknowledged.
    acked: u64,
}

impl Queue {
    /// Retries are sent one at a time by an idempotent producer, as is the first batch of an epoch;
    /// every batch by one with a single request in flight, whichever broker that has gone to
    /// (`RecordAccumulator.mutePartition`).
    fn waits_for_flight(&self, ordered: bool, single: bool) -> bool {
        let one = single || ordered && (self.new_epoch || !self.retries.is_empty());
        one && !self.in_flight.is_empty()
    }
}

/// The queues of one producer.
#[derive(Debug)]
pub struct Accumulator {
    writer: StreamWriter,
    batch_size: u64,
    linger: Duration,
    memory: u64,
    used: u64,
    ordered: bool,
    single: bool,
    queues: Vec<Queue>,
}

impl Accumulator {
    /// Empty queues.
    pub fn new(writer: StreamWriter, partitions: u32, config: &Producer) -> Self {
        Self {
            writer,
            batch_size: config.batch_size,
            linger: Duration::from_millis(config.linger_ms),
            memory: config.buffer_memory,
            used: 0,
            ordered: config.enable_idempotence,
            single: config.max_in_flight == 1,
            queues: (0..partitions).map(|_| Queue::default()).collect(),
        }
    }

    /// The brokers know the producer by this id from now on. Nothing has been taken yet, and the
    /// numbers of each partition begin where `first` says.
    pub fn identify(&mut self, producer: ProducerId, first: impl Fn(Lane) -> u64) {
        for (lane, queue) in (0..).map(Lane).zip(&mut self.queues) {
            queue.epoch = ProducerEpoch { producer, number: 0, first: first(lane) };
        }
    }

    /// Batches that wait in each partition.
    pub fn queued(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.queues.iter().map(|queue| queue.closed.len() + usize::from(queue.open.is_some()))
    }

    /// Takes an event with its sequence number, or refuses it: then the memory is used up.
    pub fn append(&mut self, now: Time, lane: Lane, sequence: u64, arrival: &Arrival) -> bool {
        let size = RECORD_OVERHEAD + u64::from(arrival.bytes);
        let queue = &mut self.queues[lane.0 as usize];
        let fits = queue.open.as_ref().is_some_and(|open| open.size + size <= self.batch_size);
        // A batch takes its memory at once.
        let memory = if fits { 0 } else { self.batch_size.max(BATCH_OVERHEAD + size) };
        if self.used + memory > self.memory {
            return false;
        }
        self.used += memory;
        if !fits {
            close(queue);
            queue.open = Some(Open {
                batch: Batch::empty(self.writer, lane, sequence),
                created: now,
                size: BATCH_OVERHEAD,
            });
        }
        let open = queue.open.as_mut().expect("a batch is open");
        open.batch.push(arrival, now);
        open.size += size;
        if open.size + RECORD_OVERHEAD >= self.batch_size {
            close(queue);
        }
        true
    }

    /// A batch of the lane still fills.
    pub fn fills(&self, lane: Lane) -> bool {
        self.queues[lane.0 as usize].open.is_some()
    }

    /// Another broker leads the lane's partition: what is to be sent again goes there at once.
    pub fn leader_changed(&mut self, lane: Lane, now: Time) {
        for retry in self.queues[lane.0 as usize].retries.values_mut() {
            retry.not_before = retry.not_before.min(now);
        }
    }

    /// A batch in flight is given up: whether it is stored is not known, which ends the epoch.
    pub fn unresolved(&mut self, batch: &SharedBatch) {
        self.landed(batch);
        self.queues[batch.lane.0 as usize].new_epoch = true;
    }

    /// When the partition's next batch is ready: `now` or before if it is.
    pub fn ready_at(&self, now: Time, partition: TopicPartition, exhausted: bool) -> Option<Time> {
        let queue = &self.queues[partition.index()];
        if queue.waits_for_flight(self.ordered, self.single) {
            return None;
        }
        if let Some((_, retry)) = queue.retries.first() {
            return Some(retry.not_before);
        }
        if !queue.closed.is_empty() || (exhausted && queue.open.is_some()) {
            return Some(now);
        }
        queue.open.as_ref().map(|open| open.created + self.linger)
    }

    /// Takes the partition's next batch, whether it has lingered or not (a sibling that is ready
    /// drags it along); not one that backs off.
    pub fn drain(&mut self, now: Time, partition: TopicPartition, room: u64) -> Option<Sendable> {
        let queue = &mut self.queues[partition.index()];
        if queue.waits_for_flight(self.ordered, self.single) {
            return None;
        }
        let fits = |sendable: &Sendable| batch_bytes(&sendable.batch) <= room;
        let mut next = if let Some((_, first)) = queue.retries.first() {
            if first.not_before > now || !fits(first) {
                return None;
            }
            queue.retries.pop_first()?.1
        } else {
            if queue.closed.is_empty() {
                close(queue);
            }
            if !queue.closed.front().is_some_and(fits) {
                return None;
            }
            queue.closed.pop_front()?
        };
        if std::mem::take(&mut queue.new_epoch) {
            let (number, first) = (queue.epoch.number + 1, next.batch.first);
            queue.epoch = ProducerEpoch { number, first, ..queue.epoch };
        }
        queue.in_flight.insert(next.batch.first, ());
        next.epoch = queue.epoch;
        Some(next)
    }

    /// The response has come, or never will: the batch is no longer in flight.
    pub fn landed(&mut self, batch: &SharedBatch) {
        self.queues[batch.lane.0 as usize].in_flight.remove(&batch.first);
    }

    /// The batch is stored.
    pub fn acked(&mut self, batch: &SharedBatch) {
        let queue = &mut self.queues[batch.lane.0 as usize];
        queue.acked = queue.acked.max(batch.first + batch.count());
        self.release(batch);
    }

    /// The broker has refused the batch's sequence number. If it is the next after what is
    /// acknowledged and nothing is outstanding before it, what it would follow on is lost there,
    /// and a new epoch begins with the next batch. A batch from before what is acknowledged may be
    /// stored already: it is tried until its delivery times out (`TransactionManager.canRetry`,
    /// `requestIdempotentEpochBumpForPartition` @ 3.9.0, KIP-360).
    pub fn out_of_order(&mut self, sendable: &Sendable) {
        let first = sendable.batch.first;
        let queue = &mut self.queues[sendable.batch.lane.0 as usize];
        let in_flight = queue.in_flight.first().is_some_and(|(oldest, ())| *oldest < first);
        let retried = queue.retries.first().is_some_and(|(of, _)| *of < first);
        let next = first >= queue.acked && !in_flight && !retried;
        queue.new_epoch |= next && sendable.epoch.number == queue.epoch.number;
    }

    /// The batch is done with: its memory is free again.
    pub fn release(&mut self, batch: &SharedBatch) {
        let size = RECORD_OVERHEAD * batch.count() + batch.bytes;
        let memory = self.batch_size.max(BATCH_OVERHEAD + size);
        self.used = self.used.saturating_sub(memory);
    }

    /// The batch is to be sent again.
    pub fn retry(&mut self, sendable: Sendable) {
        let queue = &mut self.queues[sendable.batch.lane.0 as usize];
        queue.retries.insert(sendable.batch.first, sendable);
    }

    /// Takes out the waiting batches that were opened before `limit`. They leave a gap in the
    /// sequence numbers, which ends the epoch (`TransactionManager.maybeResolveSequences` @ 3.9.0).
    pub fn expired(&mut self, limit: Time) -> Vec<Sendable> {
        let mut gone = Vec::new();
        for queue in &mut self.queues {
            let before = gone.len();
            queue.retries.retain(|_, sendable| {
                let keep = sendable.created >= limit;
                if !keep {
                    gone.push(sendable.clone());
                }
                keep
            });
            while queue.closed.front().is_some_and(|sendable| sendable.created < limit) {
                gone.extend(queue.closed.pop_front());
            }
            if queue.open.as_ref().is_some_and(|open| open.created < limit) {
                close(queue);
                gone.extend(queue.closed.pop_back());
            }
            queue.new_epoch |= gone.len() > before;
        }
        gone
    }

    /// The opening time of the oldest batch that waits.
    pub fn oldest(&self) -> Option<Time> {
        let times = self.queues.iter().filter_map(|queue| {
            let retry = queue.retries.values().map(|sendable| sendable.created).min();
            let closed = queue.closed.front().map(|sendable| sendable.created);
            let open = queue.open.as_ref().map(|open| open.created);
            [retry, closed, open].into_iter().flatten().min()
        });
        times.min()
    }

    /// Bytes of memory in use.
    pub const fn used(&self) -> u64 {
        self.used
    }
}

fn close(queue: &mut Queue) {
    if let Some(Open { batch, created, .. }) = queue.open.take() {
        let (batch, epoch) = (Rc::new(batch), queue.epoch);
        let fresh = Sendable { batch, created, not_before: created, attempts: 0, epoch };
        queue.closed.push_back(fresh);
    }
}
