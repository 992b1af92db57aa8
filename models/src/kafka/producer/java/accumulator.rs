//! Unsent batches by partition.
//!
//! Stands for `RecordAccumulator` and `BufferPool` of the Java client @ 3.9.0: batches of at most
//! `batch.size`, each ready when it is full, when a younger batch stands behind it, when it has
//! waited for `linger.ms`, or when the memory is used up; a retried batch when its backoff is over.
//! A batch that is compressed is full when it would be by the estimate of what it compresses to
//! (`MemoryRecordsBuilder.estimatedBytesWritten`), and has its memory whatever it grows to.
//! Parameters: those of [`crate::kafka::config::Producer`], bytes and milliseconds. Left out:
//! blocking of one thread by another for memory (there is one caller), that a compressed batch that
//! came out too large is split.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use headwater_sim::time::{Duration, Time};

use super::turns::Turns;
use crate::arrival::Arrival;
use crate::batch::{Batch, Lane, SharedBatch, StreamWriter};
use crate::collections::SortedVecMap;
use crate::kafka::compression::{Estimator, Figures};
use crate::kafka::config::Producer;
use crate::kafka::ids::BrokerId;
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
    /// The memory that it has.
    pub memory: u64,
}

/// A batch that still fills.
#[derive(Debug)]
struct Open {
    batch: Batch,
    created: Time,
    /// Bytes of its records.
    whole: u64,
    /// What it is taken to have on the wire.
    size: u64,
    memory: u64,
    /// What was known of compression when it was opened.
    estimator: Estimator,
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
    /// The partition's leader, as far as known.
    leader: Option<BrokerId>,
    /// When its next batch is ready, as it stands among the turns.
    placed: Option<Time>,
    /// When its oldest batch was opened, as it stands among the ages.
    aged: Option<Time>,
}

impl Queue {
    /// Retries are sent one at a time by an idempotent producer, as is the first batch of an epoch;
    /// every batch by one with a single request in flight, whichever broker that has gone to
    /// (`RecordAccumulator.mutePartition`).
    fn waits_for_flight(&self, ordered: bool, single: bool) -> bool {
        let one = single || ordered && (self.new_epoch || !self.retries.is_empty());
        one && !self.in_flight.is_empty()
    }

    /// When the next batch is ready, unless memory is short: at `Time::ZERO` if it waits for
    /// nothing. `None` if there is none, or it waits for what is in flight.
    fn ready_at(&self, ordered: bool, single: bool, linger: Duration) -> Option<Time> {
        if self.waits_for_flight(ordered, single) {
            return None;
        }
        if let Some((_, retry)) = self.retries.first() {
            return Some(retry.not_before);
        }
        if !self.closed.is_empty() {
            return Some(Time::ZERO);
        }
        self.open.as_ref().map(|open| open.created + linger)
    }

    /// When the oldest batch that waits was opened.
    fn oldest(&self) -> Option<Time> {
        let retry = self.retries.values().map(|sendable| sendable.created).min();
        let closed = self.closed.front().map(|sendable| sendable.created);
        let open = self.open.as_ref().map(|open| open.created);
        [retry, closed, open].into_iter().flatten().min()
    }
}

/// The queues of one producer.
#[derive(Debug)]
pub struct Accumulator {
    writer: StreamWriter,
    batch_size: u64,
    compression: Option<Figures>,
    estimator: Estimator,
    linger: Duration,
    memory: u64,
    used: u64,
    ordered: bool,
    single: bool,
    /// Planted: another leader is an epoch of the producer's.
    pub renews: bool,
    queues: Vec<Queue>,
    /// Batches that wait in each partition.
    queued: Vec<u32>,
    /// Which partitions have a leader, as far as known.
    led: Vec<bool>,
    /// By leader; behind them those of partitions without one.
    turns: Vec<Turns>,
    /// When the oldest batch of each partition was opened that has any.
    ages: BTreeSet<(Time, u32)>,
}

impl Accumulator {
    /// Empty queues of partitions with these leaders, of so many `brokers`.
    pub fn new(
        writer: StreamWriter,
        leaders: &[BrokerId],
        brokers: usize,
        config: &Producer,
        compression: Option<Figures>,
    ) -> Self {
        let queue = |leader: &BrokerId| Queue { leader: Some(*leader), ..Queue::default() };
        let queues: Vec<_> = leaders.iter().map(queue).collect();
        Self {
            writer,
            batch_size: config.batch_size,
            compression,
            estimator: Estimator::default(),
            linger: Duration::from_millis(config.linger_ms),
            memory: config.buffer_memory,
            used: 0,
            ordered: config.enable_idempotence,
            single: config.max_in_flight == 1,
            renews: false,
            queued: vec![0; queues.len()],
            led: vec![true; queues.len()],
            turns: (0..=brokers).map(|_| Turns::default()).collect(),
            ages: BTreeSet::new(),
            queues,
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
    pub fn queued(&self) -> &[u32] {
        &self.queued
    }

    /// Which partitions have a leader, as far as known.
    pub fn led(&self) -> &[bool] {
        &self.led
    }

    /// The turns of the partitions that a broker leads, or of those without a leader.
    pub fn turns(&self, leader: Option<BrokerId>) -> &Turns {
        &self.turns[self.place(leader)]
    }

    fn place(&self, leader: Option<BrokerId>) -> usize {
        leader.map_or(self.turns.len() - 1, BrokerId::index)
    }

    /// Puts a partition where it belongs among turns and ages.
    fn arrange(&mut self, lane: Lane) {
        let at = lane.0 as usize;
        let queue = &self.queues[at];
        self.queued[at] = queue.closed.len() as u32 + u32::from(queue.open.is_some());
        let ready = queue.ready_at(self.ordered, self.single, self.linger);
        let (oldest, placed, aged) = (queue.oldest(), queue.placed, queue.aged);
        let place = self.place(queue.leader);
        if ready != placed {
            self.turns[place].arrange(lane.0, placed, ready);
            self.queues[at].placed = ready;
        }
        if oldest != aged {
            if let Some(aged) = aged {
                self.ages.remove(&(aged, lane.0));
            }
            self.ages.extend(oldest.map(|oldest| (oldest, lane.0)));
            self.queues[at].aged = oldest;
        }
    }

    /// Takes an event with its sequence number, and says how many bytes it is taken to have on the
    /// wire; or refuses it: then the memory is used up.
    pub fn append(
        &mut self,
        now: Time,
        lane: Lane,
        sequence: u64,
        arrival: &Arrival,
    ) -> Option<u64> {
        let size = RECORD_OVERHEAD + u64::from(arrival.bytes);
        let queue = &mut self.queues[lane.0 as usize];
        let fits = queue.open.as_ref().is_some_and(|open| open.size + size <= self.batch_size);
        // A batch takes its memory at once.
        let memory = if fits { 0 } else { self.batch_size.max(BATCH_OVERHEAD + size) };
        if self.used + memory > self.memory {
            return None;
        }
        self.used += memory;
        if !fits {
            close(queue, self.compression, &mut self.estimator);
            queue.open = Some(Open {
                batch: Batch::empty(self.writer, lane, sequence),
                created: now,
                whole: 0,
                size: BATCH_OVERHEAD,
                memory,
                estimator: self.estimator,
            });
        }
        let open = queue.open.as_mut().expect("a batch is open");
        open.batch.push(arrival, now);
        open.whole += size;
        let records = match self.compression {
            Some(_) => open.estimator.size(open.whole),
            None => open.whole,
        };
        let grown = BATCH_OVERHEAD + records - open.size;
        open.size += grown;
        let least = if self.compression.is_some() { 0 } else { RECORD_OVERHEAD };
        let full = open.size + least >= self.batch_size;
        if full {
            close(queue, self.compression, &mut self.estimator);
        }
        if full || !fits {
            self.arrange(lane);
        }
        Some(grown)
    }

    /// A batch of the lane still fills.
    pub fn fills(&self, lane: Lane) -> bool {
        self.queues[lane.0 as usize].open.is_some()
    }

    /// A broker leads the lane's partition, or none. In a new epoch what is to be sent again goes
    /// there at once.
    pub fn lead(&mut self, lane: Lane, leader: Option<BrokerId>, new_epoch: bool, now: Time) {
        let queue = &mut self.queues[lane.0 as usize];
        let (old, placed) = (std::mem::replace(&mut queue.leader, leader), queue.placed.take());
        if new_epoch {
            for retry in queue.retries.values_mut() {
                retry.not_before = retry.not_before.min(now);
            }
            queue.new_epoch |= self.renews;
        }
        self.led[lane.0 as usize] = leader.is_some();
        let old = self.place(old);
        self.turns[old].arrange(lane.0, placed, None);
        self.arrange(lane);
    }

    /// A batch in flight is given up: whether it is stored is not known, which ends the epoch.
    pub fn unresolved(&mut self, batch: &SharedBatch) {
        self.queues[batch.lane.0 as usize].new_epoch = true;
        self.landed(batch);
    }

    /// The first of a leader's partitions from `start` on that has a batch ready; every batch is
    /// when memory is `exhausted`, but for those that back off.
    pub fn first_ready(
        &mut self,
        now: Time,
        leader: BrokerId,
        start: u32,
        exhausted: bool,
    ) -> Option<u32> {
        let turns = &mut self.turns[leader.index()];
        if turns.is_empty() {
            return None;
        }
        turns.ripen(now);
        if !exhausted {
            return turns.first_ready(start);
        }
        let backs_off = |partition: &u32| {
            let retry = self.queues[*partition as usize].retries.first();
            retry.is_some_and(|(_, retry)| retry.not_before > now)
        };
        turns.from(start).find(|partition| !backs_off(partition))
    }

    /// Takes the partition's next batch, whether it has lingered or not (a sibling that is ready
    /// drags it along); not one that backs off.
    pub fn drain(&mut self, now: Time, lane: Lane, room: u64) -> Option<Sendable> {
        let drained = self.drain_queue(now, lane, room);
        self.arrange(lane);
        drained
    }

    fn drain_queue(&mut self, now: Time, lane: Lane, room: u64) -> Option<Sendable> {
        let queue = &mut self.queues[lane.0 as usize];
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
                close(queue, self.compression, &mut self.estimator);
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
        self.arrange(batch.lane);
    }

    /// The batch is stored.
    pub fn acked(&mut self, sendable: &Sendable) {
        let batch = &sendable.batch;
        let queue = &mut self.queues[batch.lane.0 as usize];
        queue.acked = queue.acked.max(batch.first + batch.count());
        self.release(sendable);
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
        self.arrange(sendable.batch.lane);
    }

    /// The batch is done with: its memory is free again.
    pub const fn release(&mut self, sendable: &Sendable) {
        self.used = self.used.saturating_sub(sendable.memory);
    }

    /// The batch is to be sent again.
    pub fn retry(&mut self, sendable: Sendable) {
        let lane = sendable.batch.lane;
        self.queues[lane.0 as usize].retries.insert(sendable.batch.first, sendable);
        self.arrange(lane);
    }

    /// Takes out the waiting batches that were opened before `limit`. They leave a gap in the
    /// sequence numbers, which ends the epoch (`TransactionManager.maybeResolveSequences` @ 3.9.0).
    pub fn expired(&mut self, limit: Time) -> Vec<Sendable> {
        let mut gone = Vec::new();
        let old = self.ages.range(..(limit, 0));
        let mut old: Vec<_> = old.map(|(_, partition)| Lane(*partition)).collect();
        old.sort_unstable();
        for lane in old {
            let queue = &mut self.queues[lane.0 as usize];
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
                close(queue, self.compression, &mut self.estimator);
                gone.extend(queue.closed.pop_back());
            }
            queue.new_epoch |= gone.len() > before;
            self.arrange(lane);
        }
        gone
    }

    /// The opening time of the oldest batch that waits.
    pub fn oldest(&self) -> Option<Time> {
        self.ages.first().map(|(oldest, _)| *oldest)
    }

    /// Bytes of memory in use.
    pub const fn used(&self) -> u64 {
        self.used
    }
}

fn close(queue: &mut Queue, compression: Option<Figures>, estimator: &mut Estimator) {
    if let Some(Open { mut batch, created, whole, memory, .. }) = queue.open.take() {
        if let Some(figures) = compression {
            let packed = figures.packed(whole);
            batch.packed = Some(packed);
            estimator.saw(whole, packed.get().into());
        }
        let (batch, epoch) = (Rc::new(batch), queue.epoch);
        let fresh = Sendable { batch, created, not_before: created, attempts: 0, epoch, memory };
        queue.closed.push_back(fresh);
    }
}
