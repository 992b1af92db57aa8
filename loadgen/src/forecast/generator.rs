//! The generator's own threads, as what takes cores beside the simulated clients.
//!
//! What writers and readers need is in the models of the clients. The pacer, the preparer and the
//! collector are this program's, and share the cores of the clients (or all cores with the cluster,
//! where both run on all).

use headwater_models::deployment::Pacer;
use headwater_sim::distribution::Distribution;
use headwater_sim::other::{Activity, OtherSpec};
use headwater_sim::scheduling::{Policy, SchedulerSpec};
use headwater_sim::time::Duration;

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

/// The pacer's name.
pub(super) const PACER: &str = "pacer";

/// Longest lead, seconds.
const LEAD_MAX: f64 = 1e-3;

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

/// The pacer of a run of `rate` events per second, Poisson arrivals. It spins through gaps that are
/// shorter than its lead, and else for what of the lead is left when it has woken up: late by the
/// slack of timers and by what waking up takes. The lead is the one that makes up the share of a
/// core that was measured.
pub(super) fn pacer(rate: f64, scheduler: &SchedulerSpec) -> Pacer {
    let rate = rate.max(1.0);
    let (_, share) = THREADS[0].at(rate);
    let late = scheduler.wake_up.after(Duration((1e9 / rate) as u64)) + scheduler.timer_slack;
    let spun = |lead: f64| {
        let longer = (-lead * rate).exp();
        let through = 1.0 - longer * (1.0 + lead * rate);
        through + longer * rate * (lead - late.as_secs_f64()).max(0.0)
    };
    let (mut low, mut high) = (0.0, LEAD_MAX);
    for _ in 0..30 {
        let middle = (low + high) / 2.0;
        if spun(middle) < share { low = middle } else { high = middle }
    }
    Pacer { lead: Duration((low * 1e9) as u64), gap: Duration(GAP_NS) }
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
    fn the_pacer_spins_for_the_share_that_was_measured() {
        let point = IdlePoint::new(Duration::ZERO, Duration::from_micros(40));
        let wake_up = IdleCost { points: vec![point] };
        let timer_slack = Duration::from_micros(50);
        let scheduler = SchedulerSpec { wake_up, timer_slack, ..SchedulerSpec::default() };
        let lead = |rate| pacer(rate, &scheduler).lead.0 / 1_000;
        // Late by 90 us, it spins for some 60 at low rates, and through most gaps at high ones.
        let leads = [300.0, 1_600.0, 5_000.0, 20_000.0].map(lead);
        assert!((130..170).contains(&leads[0]) && (110..160).contains(&leads[1]), "{leads:?}");
        assert!(leads[1] >= leads[2] && leads[2] > leads[3] && leads[3] > 40, "{leads:?}");
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
