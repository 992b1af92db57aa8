//! The event queue: a trait, and two structures that give the same order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// A pending event: when, in which order among equals, and where its payload lies.
pub type Entry = (u64, u64, u32);

/// Pending events, given back in order of (time, sequence number).
pub trait EventQueue: Default {
    /// Adds an event. `entry.0` is never earlier than the last popped time.
    fn push(&mut self, entry: Entry);
    /// Takes the earliest event if it is due at `until` or before.
    fn pop_until(&mut self, until: u64) -> Option<Entry>;
    /// Number of pending events.
    fn len(&self) -> usize;
    /// True if nothing is pending.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A binary heap.
#[derive(Debug, Default)]
pub struct HeapQueue(BinaryHeap<Reverse<Entry>>);

impl EventQueue for HeapQueue {
    #[inline]
    fn push(&mut self, entry: Entry) {
        self.0.push(Reverse(entry));
    }

    #[inline]
    fn pop_until(&mut self, until: u64) -> Option<Entry> {
        if self.0.peek()?.0.0 > until {
            return None;
        }
        self.0.pop().map(|entry| entry.0)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Buckets of a calendar; a power of two.
const BUCKETS: usize = 1024;
/// Width of a bucket: 2^15 ns = 33 us, so that one turn of the calendar covers 34 ms.
const WIDTH_BITS: u32 = 15;
/// Entries that an empty bucket keeps room for: 3 MB for all buckets. There are one or two at the
/// usual rates; but thousands of timers may be due at one instant, and each such burst lies in
/// another bucket, which would keep its room for good.
const KEPT: usize = 128;

/// A calendar queue: buckets of 33 us for the near future, a list for each turn of the calendar for
/// what lies further ahead.
#[derive(Debug)]
pub struct CalendarQueue {
    /// Entries of day `d` lie in bucket `d % BUCKETS`, unsorted unless it is today's.
    buckets: Vec<Vec<Entry>>,
    /// One bit a bucket: set if it holds anything.
    occupied: [u64; BUCKETS / 64],
    /// The day being served; its bucket is sorted, latest first.
    today: u64,
    near: usize,
    /// By turn, later than today's: what was further ahead than one turn when it was added.
    far: BTreeMap<u64, Vec<Entry>>,
}

impl Default for CalendarQueue {
    fn default() -> Self {
        Self {
            buckets: vec![Vec::new(); BUCKETS],
            occupied: [0; BUCKETS / 64],
            today: 0,
            near: 0,
            far: BTreeMap::new(),
        }
    }
}

impl CalendarQueue {
    #[inline(always)]
    fn put(&mut self, entry: Entry) {
        // An event before today (today may lie a little ahead of the clock) is served first today.
        let day = (entry.0 >> WIDTH_BITS).max(self.today);
        let index = day as usize % BUCKETS;
        let bucket = &mut self.buckets[index];
        if day == self.today {
            let at = bucket.partition_point(|other| *other > entry);
            bucket.insert(at, entry);
        } else {
            bucket.push(entry);
        }
        self.occupied[index / 64] |= 1 << (index % 64);
        self.near += 1;
    }

    /// The next day after `today`, within one turn, whose bucket holds anything.
    fn next_day(&self) -> Option<u64> {
        let start = (self.today as usize + 1) % BUCKETS;
        for step in 0..=BUCKETS / 64 {
            let word = (start / 64 + step) % (BUCKETS / 64);
            let mut bits = self.occupied[word];
            if step == 0 {
                bits &= !0 << (start % 64);
            } else if step == BUCKETS / 64 {
                bits &= !(!0 << (start % 64));
            }
            if bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                let ahead = (index + BUCKETS - start) % BUCKETS;
                return Some(self.today + 1 + ahead as u64);
            }
        }
        None
    }

    /// Moves on to the next day that has events; false if there is none by `until`.
    fn turn_page(&mut self, until: u64) -> bool {
        let near = if self.near > 0 { self.next_day() } else { None };
        // A turn begins with its first day, though that may have no events.
        let far = match near {
            Some(day) if day / BUCKETS as u64 == self.today / BUCKETS as u64 => None,
            _ => self.far.first_key_value().map(|(turn, _)| turn * BUCKETS as u64),
        };
        let day = match (near, far) {
            (Some(near), Some(far)) => near.min(far),
            (Some(day), None) | (None, Some(day)) => day,
            (None, None) => return false,
        };
        // Never pass `until`: what is pushed later may still be due before that day.
        if day > until >> WIDTH_BITS {
            return false;
        }
        self.today = day;
        if far == Some(day)
            && let Some((_, entries)) = self.far.pop_first()
        {
            self.near += entries.len();
            for entry in entries {
                let index = (entry.0 >> WIDTH_BITS) as usize % BUCKETS;
                self.buckets[index].push(entry);
                self.occupied[index / 64] |= 1 << (index % 64);
            }
        }
        let index = day as usize % BUCKETS;
        if self.buckets[index].len() > 1 {
            self.buckets[index].sort_unstable_by(|left, right| right.cmp(left));
        }
        true
    }
}

impl EventQueue for CalendarQueue {
    #[inline(always)]
    fn push(&mut self, entry: Entry) {
        let day = entry.0 >> WIDTH_BITS;
        if day < self.today + BUCKETS as u64 {
            self.put(entry);
        } else {
            self.far.entry(day / BUCKETS as u64).or_default().push(entry);
        }
    }

    #[inline]
    fn pop_until(&mut self, until: u64) -> Option<Entry> {
        loop {
            let index = self.today as usize % BUCKETS;
            if let Some(entry) = self.buckets[index].last() {
                if entry.0 > until {
                    return None;
                }
                self.near -= 1;
                let bucket = &mut self.buckets[index];
                let entry = bucket.pop();
                if bucket.is_empty() {
                    self.occupied[index / 64] &= !(1 << (index % 64));
                    if bucket.capacity() > KEPT {
                        bucket.shrink_to(KEPT);
                    }
                }
                return entry;
            }
            if !self.turn_page(until) {
                return None;
            }
        }
    }

    fn len(&self) -> usize {
        self.near + self.far.values().map(Vec::len).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;
    use rand::Rng;

    /// A mix of near, far and simultaneous events, popped in rising limits.
    fn order<Q: EventQueue>(seed: u64) -> Vec<Entry> {
        let (mut queue, mut popped) = (Q::default(), Vec::new());
        let mut stream = Seed(seed).stream("queue", 0);
        let mut sequence = 0;
        let mut push = |queue: &mut Q, now: u64, stream: &mut crate::random::Stream| {
            let ahead = match stream.random_range(0..4_u64) {
                0 => 0,
                1 => stream.random_range(0..50_000),
                2 => stream.random_range(0..20_000_000),
                _ => stream.random_range(0..3_000_000_000),
            };
            sequence += 1;
            queue.push((now + ahead, sequence, 0));
        };
        for _ in 0..50 {
            push(&mut queue, 0, &mut stream);
        }
        for step in 0..2_000_u64 {
            let until = step * 1_000_000;
            while let Some(entry) = queue.pop_until(until) {
                popped.push(entry);
                if popped.len() < 20_000 {
                    push(&mut queue, entry.0, &mut stream);
                }
            }
            if step % 10 == 0 {
                push(&mut queue, until, &mut stream);
            }
        }
        popped
    }

    #[test]
    fn bursts_that_are_over_leave_no_room_behind() {
        let mut queue = CalendarQueue::default();
        let mut day = 0;
        for burst in 0..500 {
            // Each in a bucket of its own: half of them within a turn of the calendar, half beyond.
            day += BUCKETS as u64 / 2 + 1 + BUCKETS as u64 * (burst % 2);
            let at = day << WIDTH_BITS;
            (0..1_000).for_each(|sequence| queue.push((at, sequence, 0)));
            while queue.pop_until(at).is_some() {}
        }
        let room: usize = queue.buckets.iter().map(Vec::capacity).sum();
        assert!(queue.is_empty() && room <= 500 * KEPT, "room for {room} entries");
    }

    #[test]
    fn both_queues_give_the_same_order() {
        for seed in 0..5 {
            let (heap, calendar) = (order::<HeapQueue>(seed), order::<CalendarQueue>(seed));
            assert!(heap.len() > 1_000 && heap.is_sorted_by_key(|entry| entry.0));
            assert_eq!(heap.len(), calendar.len());
            let differ = heap.iter().zip(&calendar).position(|(h, c)| h != c);
            assert_eq!(differ, None, "first difference");
        }
    }
}
