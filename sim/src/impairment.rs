//! What can be wrong with one direction of a link besides being cut or slow.
//!
//! A datagram may be lost, duplicated or overtaken. A connection hides all of that, as TCP does, at
//! the price of time: a lost segment is sent again after a loss probe (Linux
//! `tcp_schedule_loss_probe`, when others are under way behind it) or the retransmission timeout,
//! and what was sent after it waits.

use rand::distr::Distribution as _;
use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::random::Stream;
use crate::time::{Duration, Time};
use crate::units::{Bytes, BytesPerSecond};

/// One thing that is wrong; each kind is set on its own, and lifted by its neutral value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Impairment {
    /// Packets lost, in a million; zero lifts it.
    Loss(u32),
    /// Datagrams that arrive twice, in a million; zero lifts it. A connection drops the second.
    Duplicate(u32),
    /// Packets, in a million, that are held back by a draw and overtaken by others; zero lifts it.
    /// On a connection those that came early wait for them.
    Reorder {
        /// How many in a million.
        ppm: u32,
        /// How long they are held back.
        by: Distribution,
    },
    /// No more than `rate` passes, and no more than `queue` waits: what comes to a full queue is
    /// lost. An unlimited rate lifts it.
    Bandwidth {
        /// What passes.
        rate: BytesPerSecond,
        /// What may wait.
        queue: Bytes,
    },
}

/// Time after which a lost segment is sent again when later ones are under way: twice the round
/// trip and two jiffies (`tcp_schedule_loss_probe`, `TCP_TIMEOUT_MIN` at 250 Hz, Linux 6.6). The
/// round trips that are modelled here vanish beside the jiffies.
const LOSS_PROBE: Duration = Duration::from_millis(8);

/// Longest run of losses of one segment that is drawn: later ones change nothing any more.
const LOSSES_MAX: u32 = 9;

/// Everything that is wrong with one direction of a link.
#[derive(Debug)]
pub struct Impaired {
    loss: u32,
    duplicate: u32,
    reorder: Option<(u32, Distribution)>,
    cap: Option<Cap>,
    stream: Stream,
}

#[derive(Debug)]
struct Cap {
    rate: BytesPerSecond,
    queue: u64,
    free_at: Time,
}

impl Cap {
    /// When there is room in the queue for so many bytes; nothing if there is.
    fn room(&self, at: Time, bytes: u64) -> Option<Time> {
        let waiting = u128::from(self.free_at.since(at).0) * u128::from(self.rate.0);
        let waiting = (waiting / 1_000_000_000) as u64;
        let full = waiting + bytes > self.queue && waiting > 0;
        let drained = self.rate.transfer(self.queue.saturating_sub(bytes));
        full.then(|| Time(self.free_at.0.saturating_sub(drained.0)).max(at))
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone.
    Lost,
    /// It leaves at this time, and (`twice`) once more.
    Leaves {
        /// When.
        at: Time,
        /// Doubled on the way.
        twice: bool,
        /// What it is held back on the way.
        held_back: Duration,
    },
}

impl Impaired {
    /// Nothing wrong yet; draws come from `stream`.
    pub const fn new(stream: Stream) -> Self {
        Self { loss: 0, duplicate: 0, reorder: None, cap: None, stream }
    }

    /// Sets or lifts one thing.
    pub fn set(&mut self, impairment: Impairment) {
        match impairment {
            Impairment::Loss(ppm) => self.loss = ppm,
            Impairment::Duplicate(ppm) => self.duplicate = ppm,
            Impairment::Reorder { ppm, by } => self.reorder = (ppm > 0).then_some((ppm, by)),
            Impairment::Bandwidth { rate, queue } => {
                let free_at = self.cap.as_ref().map_or(Time::ZERO, |cap| cap.free_at);
                self.cap = (rate.0 != 0).then_some(Cap { rate, queue: queue.0, free_at });
            }
        }
    }

    /// What becomes of a datagram that leaves the sender at `departs`.
    pub fn datagram(&mut self, departs: Time, bytes: u64) -> Fate {
        if self.stream.chance_ppm(self.loss) {
            return Fate::Lost;
        }
        let Some(at) = self.through_cap(departs, bytes) else { return Fate::Lost };
        let twice = self.stream.chance_ppm(self.duplicate);
        Fate::Leaves { at, twice, held_back: self.held_back() }
    }

    /// When a segment of a connection has left for good. `behind`: others are under way.
    pub fn segment(&mut self, departs: Time, bytes: u64, behind: bool, rto_min: Duration) -> Time {
        let mut at = departs;
        let mut losses = 0;
        while losses < LOSSES_MAX && self.stream.chance_ppm(self.loss) {
            at += match losses {
                0 if behind => LOSS_PROBE,
                losses => rto_min * (1 << losses),
            };
            losses += 1;
        }
        if let Some(room) = self.cap.as_ref().and_then(|cap| cap.room(at, bytes)) {
            // The queue is full of packets under way, so the loss is noticed soon; and the sender's
            // congestion window opens as the queue drains.
            at = room + LOSS_PROBE;
        }
        self.through_cap(at, bytes);
        let queued = self.cap.as_ref().map_or(at, |cap| cap.free_at.max(at));
        queued + self.held_back()
    }

    /// When a packet is through the bottleneck; nothing if its queue is full.
    fn through_cap(&mut self, at: Time, bytes: u64) -> Option<Time> {
        let Some(cap) = &mut self.cap else { return Some(at) };
        if cap.room(at, bytes).is_some() {
            return None;
        }
        cap.free_at = cap.free_at.max(at) + cap.rate.transfer(bytes);
        Some(cap.free_at)
    }

    fn held_back(&mut self) -> Duration {
        match &self.reorder {
            Some((ppm, by)) if self.stream.chance_ppm(*ppm) => by.sample(&mut self.stream),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seed;

    fn impaired(by: Impairment) -> Impaired {
        let mut impaired = Impaired::new(Seed(5).stream("impairment", 0));
        impaired.set(by);
        impaired
    }

    #[test]
    fn a_lost_segment_costs_a_probe_or_a_timeout_that_doubles() {
        let rto = Duration::from_millis(200);
        let mut always = impaired(Impairment::Loss(1_000_000));
        let nine: u64 = (1..LOSSES_MAX).map(|loss| 200 << loss).sum();
        assert_eq!(always.segment(Time::ZERO, 1, true, rto).0, (8 + nine) * 1_000_000);
        assert_eq!(always.segment(Time::ZERO, 1, false, rto).0, (200 + nine) * 1_000_000);
        let mut some = impaired(Impairment::Loss(100_000));
        let hit = (0..10_000).filter(|_| some.segment(Time::ZERO, 1, true, rto) > Time::ZERO);
        let hit = hit.count();
        assert!((850..1_150).contains(&hit), "{hit} of 10,000 delayed at 10 % loss");
    }

    #[test]
    fn a_full_queue_drops_datagrams_and_delays_segments() {
        let cap = Impairment::Bandwidth { rate: BytesPerSecond(1_000_000), queue: Bytes(3_000) };
        let mut narrow = impaired(cap.clone());
        let fates: Vec<_> = (0..5).map(|_| narrow.datagram(Time::ZERO, 1_000)).collect();
        let leaves = |ms: u64| Fate::Leaves {
            at: Time(ms * 1_000_000),
            twice: false,
            held_back: Duration::ZERO,
        };
        assert_eq!(fates, [leaves(1), leaves(2), leaves(3), Fate::Lost, Fate::Lost]);
        let mut narrow = impaired(cap);
        let rto = Duration::from_millis(200);
        let last = (0..4).map(|_| narrow.segment(Time::ZERO, 1_000, true, rto)).last();
        // Dropped once; there is room after 1 ms.
        assert_eq!(last, Some(Time(10_000_000)));
    }

    #[test]
    fn a_burst_on_a_connection_goes_through_a_narrow_place_at_its_pace() {
        let (rate, queue) = (BytesPerSecond(1_000_000), Bytes(30_000));
        let mut narrow = impaired(Impairment::Bandwidth { rate, queue });
        let rto = Duration::from_millis(200);
        let last = (0..1_000).map(|_| narrow.segment(Time::ZERO, 1_000, true, rto)).last();
        assert_eq!(last, Some(Time(1_000_000_000)));
    }
}
