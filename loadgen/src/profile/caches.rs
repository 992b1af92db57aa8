//! What a thread loses while its core is idle: how long it takes to fetch its memory again, by how
//! long the core has idled.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use rand::seq::SliceRandom;

use headwater_sim::random::Seed;
use headwater_sim::scheduling::{IdleCost, IdlePoint};
use headwater_sim::time;

use crate::clock::cpu_time;
use crate::placement::{allowed, keep_to};

/// Memory that is gone through, KiB: well within a second-level cache.
const KIB: usize = 128;

/// Words in a cache line of 64 bytes.
const LINE: usize = 16;

/// Sleeps after which it is gone through again; the core idles for longer, as timers are late.
const SLEEPS: [Duration; 6] = [
    Duration::from_nanos(1),
    Duration::from_micros(200),
    Duration::from_micros(600),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(12),
];

/// Share of the times, the longest, that are left out: in them something interrupted.
const LEFT_OUT: f64 = 0.02;

/// What was measured.
pub(crate) struct Caches {
    /// How long the core was idle and what a KiB then took besides, means.
    points: Vec<(Duration, Duration)>,
    /// What a KiB takes that is in the caches.
    warm: Duration,
}

impl Caches {
    /// For the profile.
    pub(crate) fn refill(&self) -> IdleCost {
        let simulated = |real: Duration| time::Duration(real.as_nanos() as u64);
        let mut points = vec![IdlePoint::new(time::Duration::ZERO, time::Duration::ZERO)];
        for (idle, cost) in &self.points {
            let point = IdlePoint::new(simulated(*idle), simulated(*cost));
            // Two sleeps may have taken as long.
            if points.last().is_some_and(|last| last.idle < point.idle) {
                points.push(point);
            }
        }
        IdleCost { points }
    }

    /// In a line.
    pub(crate) fn tell(&self) -> String {
        let point = |(idle, cost): &(Duration, Duration)| {
            format!("{} ns after {:.2} ms", cost.as_nanos(), idle.as_secs_f64() * 1e3)
        };
        let points: Vec<String> = self.points.iter().map(point).collect();
        format!(
            "a KiB in the caches is gone through in {} ns; besides, when the core has idled: {}",
            self.warm.as_nanos(),
            points.join(", ")
        )
    }
}

/// Measures for about `time`.
pub(crate) fn measure(time: Duration) -> Caches {
    // A thread of its own: the calling one keeps all its cores.
    let measured = thread::spawn(move || {
        keep_to(&allowed()[..1]);
        let chain = chain();
        let share = time / (SLEEPS.len() as u32 + 1);
        let (_, warm) = passes(&chain, None, share);
        let points = SLEEPS.map(|sleep| {
            let (idle, taken) = passes(&chain, Some(sleep), share);
            (idle, taken.saturating_sub(warm))
        });
        Caches { points: points.to_vec(), warm }
    });
    measured.join().unwrap_or_else(|_| Caches { points: Vec::new(), warm: Duration::ZERO })
}

/// A word in each line that says where the next one is: in an order that no prefetcher knows.
fn chain() -> Vec<u32> {
    let lines = KIB * 1024 / (LINE * size_of::<u32>());
    let mut order: Vec<usize> = (0..lines).collect();
    order.shuffle(&mut Seed(1).stream("caches", 0));
    let mut chain = vec![0; lines * LINE];
    for (at, line) in order.iter().enumerate() {
        chain[line * LINE] = (order[(at + 1) % lines] * LINE) as u32;
    }
    chain
}

/// Goes through the chain again and again for `time`, each time after a sleep if there is one: for
/// how long it was idle, and the CPU time of a KiB, means.
fn passes(chain: &[u32], sleep: Option<Duration>, time: Duration) -> (Duration, Duration) {
    let (mut idle, mut times, started) = (Duration::ZERO, Vec::new(), Instant::now());
    while times.len() < 20 || started.elapsed() < time {
        let before = Instant::now();
        if let Some(sleep) = sleep {
            thread::sleep(sleep);
        }
        idle += before.elapsed();
        let from = cpu_time();
        let mut at = 0_usize;
        for _ in 0..chain.len() / LINE {
            at = chain[at] as usize;
        }
        black_box(at);
        times.push(cpu_time().saturating_sub(from));
    }
    let count = times.len();
    times.sort_unstable();
    times.truncate(count - (count as f64 * LEFT_OUT) as usize);
    let sum: Duration = times.iter().sum();
    (idle / count as u32, sum / (times.len() * KIB) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_goes_through_every_line_once() {
        let chain = chain();
        let lines = chain.len() / LINE;
        let mut seen = vec![false; lines];
        let mut at = 0;
        for _ in 0..lines {
            assert!(!std::mem::replace(&mut seen[at / LINE], true));
            at = chain[at] as usize;
        }
        assert_eq!((at, lines), (0, 2_048));
    }

    #[test]
    fn what_is_measured_is_what_a_scheduler_may_have() {
        let measured = measure(Duration::from_millis(200));
        let refill = measured.refill();
        refill.check().unwrap();
        assert_eq!(refill.after(time::Duration::ZERO), time::Duration::ZERO);
        assert!(refill.points.len() > SLEEPS.len() / 2, "{refill:?}");
        assert!(measured.warm > Duration::ZERO, "{}", measured.tell());
    }
}
