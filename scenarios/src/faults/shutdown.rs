//! `shutdown`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::units::NodeId;

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shutdown {
    #[serde(default = "grace")]
    grace: Duration,
}

impl FaultKind for Shutdown {
    const ENTRY: Entry = Entry {
        name: "shutdown",
        family: Family::Process,
        what: "The process is asked to stop, killed after the grace period, and started again \
               at the end.",
        parameters: &[("grace", "how long it may take; 30s")],
        cause: "A deployment, a rolling restart.",
        live: Live::Signal("SIGTERM, later SIGKILL, and start"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Process,
        swarm: InSwarms { for_good: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |stream| Self { grace: Duration::from_secs(stream.random_range(1..=30)) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let stop = hit.nodes.iter().map(|n| (Duration::ZERO, Fault::Shutdown { node: *n }));
        let kill = hit.nodes.iter().map(|n| (self.grace, Fault::Crash { node: *n }));
        stop.chain(kill.filter(|(after, _)| *after < hit.lasts)).collect()
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        // A node that has not exited yet is killed first.
        let again = |node: &NodeId| [Fault::Crash { node: *node }, Fault::Restart { node: *node }];
        hit.nodes.iter().flat_map(again).collect()
    }
}

/// As long as Kubernetes waits between SIGTERM and SIGKILL (`terminationGracePeriodSeconds`).
const fn grace() -> Duration {
    Duration::from_secs(30)
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'shutdown'\ngrace = '300ms'");
        assert_eq!(seen.times("a", "asked to stop", 0..3_000), [1_000]);
        assert!(seen.count("a", "tick", 1_000..1_300) >= 29, "it may act before it goes");
        assert_eq!(seen.count("a", "tick", 1_301..2_000), 0, "killed after its grace");
        assert_eq!(seen.times("a", "started", 1..3_000), [2_000]);
        assert_eq!(seen.count("a", "tick", AFTER), 50);
    }
}
