//! The generator's own threads, as what takes cores beside the simulated clients.
//!
//! What writers and readers need is in the models of the clients. The pacer, the preparer and the
//! collector are this program's, and share the cores of the clients (or all cores with the cluster,
//! where both run on all).

use headwater_sim::distribution::Distribution;
use headwater_sim::other::{Activity, OtherSpec};
use headwater_sim::scheduling::Policy;
use headwater_sim::time::Duration;

/// CPU of a hand-over without the client: the timer, two switches, what is told of it. 7.7 % of a
/// core at 1,600/s of `--target null`, of which the share below is spun (docs/PERFORMANCE.md).
const HAND_OVER_NS: f64 = 29_000.0;

/// Share of a core that the pacer may spin ([`crate::early`]), and the least time between two
/// hand-overs, nanoseconds ([`crate::pacing`]).
const SPIN: f64 = 0.03;
const GAP_NS: f64 = 50_000.0;

/// CPU of an event in the preparer and in the collector, nanoseconds.
const PREPARE_NS: f64 = 1_500.0;
const COLLECT_NS: f64 = 1_500.0;

/// How often the preparer makes a slice, at the least ([`crate::prepare`]).
const SLICE: Duration = Duration::from_millis(10);

/// The names of these threads.
const PACER: &str = "pacer";
const PREPARER: &str = "preparer";
const COLLECTOR: &str = "collector";

/// Those that a run of `rate` events per second has.
pub(super) fn threads(rate: f64) -> Vec<OtherSpec> {
    let rate = rate.max(1.0);
    let ns = |ns: f64| Duration(ns.max(1.0) as u64);
    let apart = (1e9 / rate).max(GAP_NS);
    let pacing = HAND_OVER_NS.min(apart) + SPIN * apart;
    let fair = Policy::default();
    let bursts = |gap: Distribution, work: f64| Activity::Bursts {
        gap,
        work: Distribution::constant(ns(work)),
    };
    let slices = |each: f64| {
        let work = each * rate * SLICE.as_secs_f64();
        bursts(Distribution::constant(SLICE), work)
    };
    let idle = Distribution::Exponential {
        floor: Duration::ZERO,
        mean: ns(apart - pacing.min(apart * 0.9)),
    };
    vec![
        OtherSpec {
            name: PACER.into(),
            policy: Policy::RealTime { priority: 1 },
            activity: bursts(idle, pacing),
        },
        OtherSpec { name: PREPARER.into(), policy: fair, activity: slices(PREPARE_NS) },
        OtherSpec { name: COLLECTOR.into(), policy: fair, activity: slices(COLLECT_NS) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share of a core that a thread takes.
    fn share(thread: &OtherSpec) -> f64 {
        let Activity::Bursts { gap, work } = &thread.activity else { panic!("{thread:?}") };
        let (gap, work) = (gap.mean().0 as f64, work.mean().0 as f64);
        work / (gap + work)
    }

    #[test]
    fn the_pacer_takes_what_was_measured_and_never_the_whole_core() {
        let at = |rate: f64| share(&threads(rate)[0]);
        assert!((at(1_600.0) - 0.077).abs() < 0.004, "{}", at(1_600.0));
        assert!(at(100_000.0) < 0.7, "{}", at(100_000.0));
        assert!(threads(0.0).iter().all(|thread| thread.check().is_ok()));
    }
}
