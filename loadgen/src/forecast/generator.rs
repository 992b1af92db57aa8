//! The generator's own threads, as what takes cores beside the simulated clients.
//!
//! What writers and readers need is in the models of the clients. The pacer, the preparer and the
//! collector are this program's, and share the cores of the clients (or all cores with the cluster,
//! where both run on all).

use headwater_models::deployment::Pacer;
use headwater_sim::distribution::Distribution;
use headwater_sim::other::{Activity, OtherSpec};
use headwater_sim::random::Seed;
use headwater_sim::scheduling::{Policy, SchedulerSpec};
use headwater_sim::time::Duration;

use crate::early;
use crate::pacing::GAP_NS;

/// A thread of the generator: how often it is dispatched, and the CPU that it takes for it, by the
/// rate of the run.
struct Thread {
    name: &'static str,
    policy: Policy,
    /// Dispatches per second and CPU (share of a core, per cent) at each of [`RATES`].
    measured: [(f64, f64); RATES.len()],
}

/// Rates at which the threads were measured, events per second.
const RATES: [f64; 4] = [300.0, 1_600.0, 5_000.0, 20_000.0];

/// As "CPU by thread" of an optimised build had them on two virtual cores, 2026-11-28:
/// `loadgen --target null --duration 6s --rate R`. The pacer hands over what is due by then, and
/// spins a little before each time; the collector looks at `/proc` as well.
const THREADS: [Thread; 3] = [
    Thread {
        name: PACER,
        policy: Policy::RealTime { priority: 1 },
        measured: [(281.0, 1.8), (1_240.0, 8.4), (3_098.0, 21.8), (10_974.0, 31.0)],
    },
    Thread {
        name: "preparer",
        policy: Policy::Fair { nice: 0 },
        measured: [(20.0, 0.1), (46.0, 0.2), (189.0, 0.7), (681.0, 2.5)],
    },
    Thread {
        name: "collector",
        policy: Policy::Fair { nice: 0 },
        measured: [(291.0, 1.4), (1_044.0, 3.5), (3_266.0, 6.3), (11_156.0, 8.7)],
    },
];

/// What the generator's core has to do for an event that is sent alone, seconds of all threads:
/// measured at 5,000 and 9,000 events a second, 80 to 120 us.
const WORK: f64 = 90e-6;

/// Draws of how late sleeps end.
const DRAWS: usize = 2_000;

/// The pacer's name.
pub(super) const PACER: &str = "pacer";

/// CPU time of a sleep, where the profile does not say it: what a dispatch takes at the highest of
/// [`RATES`], where next to nothing of it is spun.
const SLEEP: Duration = Duration::from_micros(25);

/// The most that a thread takes of its core: the pacer's last rates are handed over in bulk.
const SHARE_MAX: f64 = 0.9;

impl Thread {
    /// Dispatches per second and the share of a core at this rate: between two measured rates in
    /// proportion, beyond them in proportion to the rate.
    fn at(&self, rate: f64) -> (f64, f64) {
        let scaled = |(dispatches, percent): (f64, f64), by: f64| (dispatches * by, percent * by);
        let above = RATES.iter().position(|measured| *measured >= rate);
        let (dispatches, percent) = match above {
            Some(0) => scaled(self.measured[0], rate / RATES[0]),
            None => scaled(self.measured[RATES.len() - 1], rate / RATES[RATES.len() - 1]),
            Some(next) => {
                let (low, high) = (self.measured[next - 1], self.measured[next]);
                let part = (rate - RATES[next - 1]) / (RATES[next] - RATES[next - 1]);
                let between = |low: f64, high: f64| low + (high - low) * part;
                (between(low.0, high.0), between(low.1, high.1))
            }
        };
        (dispatches, (percent / 100.0).min(SHARE_MAX))
    }

    fn spec(&self, rate: f64) -> OtherSpec {
        let (dispatches, share) = self.at(rate);
        let ns = |seconds: f64| Duration((seconds * 1e9).max(1.0) as u64);
        let gap = Distribution::Exponential {
            floor: Duration::ZERO,
            mean: ns((1.0 - share) / dispatches),
        };
        let work = Distribution::constant(ns(share / dispatches));
        let activity = Activity::Bursts { gap, work };
        OtherSpec { name: self.name.into(), policy: self.policy, activity }
    }
}

/// The pacer of a run of `rate` events per second. It ends its sleeps early by what nine in ten of
/// them are late by, or by less where it could not afford what it would spin then ([`early`]). Gaps
/// that are shorter it spins through, which nobody counts. `sleep`: CPU times of one; zero
/// where they are not known.
pub(super) fn pacer(rate: f64, scheduler: &SchedulerSpec, sleep: Pacer) -> Pacer {
    let rate = rate.max(1.0);
    let (sleeps, _) = THREADS[0].at(rate);
    let mut draws = Seed(1).stream("pacer", 0);
    // A core that works has no need to wake up.
    let busy = DRAWS as f64 * rate * WORK;
    let idle = |draw: usize| if (draw as f64) < busy { 0 } else { (1e9 / rate) as u64 };
    let late = |draw| scheduler.wake_up.draw(Duration(idle(draw)), &mut draws).0;
    let mut late: Vec<u64> = (0..DRAWS).map(late).collect();
    late.sort_unstable();
    let often = late[DRAWS - DRAWS / early::ONE_IN as usize].min(early::EARLY_NS_MAX);
    let affordable = 1e9 / 100.0 * early::SPIN_PERCENT as f64 / sleeps;
    let spun = |lead: u64| {
        late.iter().map(|late| lead.saturating_sub(*late)).sum::<u64>() as f64 / DRAWS as f64
    };
    let (mut low, mut high) = (0, often);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if spun(middle) <= affordable { low = middle } else { high = middle - 1 }
    }
    let work = if sleep.work == Duration::ZERO { SLEEP } else { sleep.work };
    Pacer { lead: Duration(low.max(1)), gap: Duration(GAP_NS), work, ..sleep }
}

/// Those that a run of `rate` events per second has.
pub(super) fn threads(rate: f64) -> Vec<OtherSpec> {
    THREADS.iter().map(|thread| thread.spec(rate.max(1.0))).collect()
}

#[cfg(test)]
mod tests {
    use headwater_sim::scheduling::{IdleCost, IdlePoint};

    use super::*;

    /// Share of a core that a thread takes.
    fn share(thread: &OtherSpec) -> f64 {
        let Activity::Bursts { gap, work } = &thread.activity else { panic!("{thread:?}") };
        let (gap, work) = (gap.mean().0 as f64, work.mean().0 as f64);
        work / (gap + work)
    }

    #[test]
    fn the_pacer_ends_sleeps_early_by_what_it_can_afford() {
        let us = Duration::from_micros;
        let varies = Some(Distribution::uniform(us(20), us(120)));
        let point = IdlePoint { varies, ..IdlePoint::new(Duration::ZERO, us(70)) };
        let wake_up = IdleCost { points: vec![point] };
        let scheduler = SchedulerSpec { wake_up, ..SchedulerSpec::default() };
        let leads = [300.0, 1_600.0, 5_000.0, 20_000.0]
            .map(|rate| pacer(rate, &scheduler, Pacer::default()).lead);
        // Nine in ten are late by no more than 110 us; 3 % of a core are 24, 9.7 and 2.7 us for
        // each of 1,240, 3,098 and 10,974 sleeps, and x us beyond the least cost x^2 / 200.
        let expected = [110, 90, 64, 43];
        for (lead, expected) in leads.into_iter().zip(expected) {
            assert!(lead.0.abs_diff(expected * 1_000) < 3_000, "{leads:?}, not {expected} us");
        }
    }

    #[test]
    fn threads_take_what_was_measured_and_between_two_rates_what_lies_between() {
        let pacer = |rate: f64| share(&threads(rate)[0]);
        for (rate, want) in [(150.0, 0.009), (1_600.0, 0.084), (3_300.0, 0.151), (40_000.0, 0.62)] {
            let got = pacer(rate);
            assert!((got - want).abs() < 0.001, "{got} of a core at {rate}/s, not {want}");
        }
        assert!(pacer(10e6) < 0.91);
        assert!(threads(0.0).iter().all(|thread| thread.check().is_ok()));
    }
}
