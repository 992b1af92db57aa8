//! What takes a core from a thread that would use all of it: the host that the machine runs on,
//! interrupts, the kernel's own threads.

use std::time::{Duration, Instant};

use headwater_scenarios::profile::Machine;
use headwater_sim::distribution::Distribution;
use headwater_sim::other::{Activity, OtherSpec};
use headwater_sim::scheduling::Policy;
use headwater_sim::time;

use super::quantiles::Times;

/// Longer than two looks at the clock are apart, unless something came between.
const GAP: Duration = Duration::from_micros(10);

/// The name of what interrupts, among the other processes of a machine.
const NAME: &str = "interruptions";

/// What was measured of one core.
pub(crate) struct Interruptions {
    /// How long they took.
    lengths: Times,
    /// Their sum, and how long was looked.
    taken: Duration,
    looked: Duration,
}

impl Interruptions {
    /// As a process of a machine of so many cores, which takes cores from all others. Nothing where
    /// nothing was seen.
    pub(crate) fn on(&self, cores: u32) -> Option<OtherSpec> {
        let count = self.lengths.count() * u64::from(cores);
        let free = self.looked.saturating_sub(self.taken).as_nanos() as u64;
        let mean = time::Duration(free.checked_div(count)?);
        let gap = Distribution::Exponential { floor: time::Duration::ZERO, mean };
        let activity = Activity::Bursts { gap, work: self.lengths.distribution() };
        let policy = Policy::RealTime { priority: 99 };
        Some(OtherSpec { name: NAME.into(), policy, activity })
    }

    /// In a line.
    pub(crate) fn tell(&self) -> String {
        let looked = self.looked.as_secs_f64().max(1e-9);
        let share = self.taken.as_secs_f64() / looked;
        format!(
            "a thread that computes is interrupted {:.0} times a second, for {:.2} % of the time: \
             {}",
            self.lengths.count() as f64 / looked,
            share * 100.0,
            self.lengths.tell()
        )
    }
}

/// For which share of the time each core of a profile's machine is interrupted.
pub(crate) fn usual(machine: &Machine) -> f64 {
    let interruptions = machine.others.iter().filter(|other| other.name == NAME);
    let cores: f64 = interruptions.map(|other| other.activity.mean_cores()).sum();
    cores / f64::from(machine.cores.max(1))
}

/// Looks at the clock for `time`.
pub(crate) fn measure(time: Duration) -> Interruptions {
    let (mut lengths, mut taken) = (Times::new(), Duration::ZERO);
    let start = Instant::now();
    let mut last = start;
    loop {
        let now = Instant::now();
        let between = now - last;
        if between >= GAP {
            lengths.add(between);
            taken += between;
        }
        last = now;
        if now - start >= time {
            return Interruptions { lengths, taken, looked: now - start };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_interrupts_a_core_is_a_process_of_the_machine() {
        let mut lengths = Times::new();
        (0..10).for_each(|_| lengths.add(Duration::from_millis(2)));
        let (taken, looked) = (Duration::from_millis(20), Duration::from_secs(1));
        let seen = Interruptions { lengths, taken, looked };
        let Activity::Bursts { gap, work } = seen.on(2).unwrap().activity else { panic!() };
        assert_eq!(gap.mean(), time::Duration::from_millis(49));
        assert!(work.mean().0.abs_diff(2_000_000) < 10_000, "{:?}", work.mean());
        assert!(seen.tell().contains("10 times a second, for 2.00 %"), "{}", seen.tell());
        let none = Interruptions { lengths: Times::new(), taken: Duration::ZERO, looked };
        assert!(none.on(2).is_none());
    }
}
