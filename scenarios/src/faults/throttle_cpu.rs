//! `throttle-cpu`: what it is, how it begins and ends, and a test that it bites.

use super::draw::share;
use super::parameters::Probability;
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleCpu {
    share: Probability,
    #[serde(default = "cfs_period")]
    period: Duration,
}

impl FaultKind for ThrottleCpu {
    const ENTRY: Entry = Entry {
        name: "throttle-cpu",
        family: Family::Process,
        what: "Cores of the target's machine stand still for the rest of each period.",
        parameters: &[
            ("share", "part of each period in which they work, 0 to 1"),
            ("period", "100ms, as Linux's cfs_period_us"),
        ],
        cause: "A CPU limit in Kubernetes.",
        live: Live::Signal("SIGSTOP for the rest of each period, then SIGCONT"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { share: share(stream), period: Duration::from_millis(100) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let (percent, period) = ((self.share.ppm() / 10_000).max(1), self.period);
        at_once(hit.each_machine(|machine| Fault::ThrottleCpu { machine, percent, period }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        let (percent, period) = (100, self.period);
        hit.each_machine(|machine| Fault::ThrottleCpu { machine, percent, period })
    }
}

/// Linux's `cpu.cfs_period_us`.
const fn cfs_period() -> Duration {
    Duration::from_millis(100)
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, MS, hit};

    #[test]
    fn bites() {
        // 10 ms of each 100 ms, and there is that much to do.
        let seen = hit("kind = 'throttle-cpu'\nshare = 0.1");
        assert_eq!(seen.took("a", "worked", BEFORE), (MS, MS));
        let (_, most) = seen.took("a", "worked", 1_000..2_000);
        assert!((50 * MS..200 * MS).contains(&most), "{most} us");
        assert_eq!(seen.took("a", "worked", AFTER), (MS, MS));
    }
}
