//! `crash-loop`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;
use super::situation::Turn;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CrashLoop {
    #[serde(default = "runs_for")]
    up: Duration,
    #[serde(default = "down_for")]
    down: Duration,
}

impl FaultKind for CrashLoop {
    const ENTRY: Entry = Entry {
        name: "crash-loop",
        family: Family::Process,
        what: "The process is killed and started again and again.",
        parameters: &[("up", "how long it runs; 2s"), ("down", "how long it is down; 1s")],
        cause: "A bad deployment under a supervisor.",
        live: Live::Signal("SIGKILL and start, repeated"),
        damage: Damage::Unavailable,
        needs_end: true,
        overlap: Overlap::Separate,
        stops: Stops::Process,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self {
                up: Duration::from_millis(stream.random_range(500..=5_000)),
                down: Duration::from_millis(stream.random_range(100..=2_000)),
            }
            .into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        hit.repeated(|node, _| {
            let (on, off) = (Fault::Crash { node }, Fault::Restart { node });
            Turn { on, lasts: self.down, off, rests: self.up }
        })
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_node(|node| Fault::Restart { node })
    }
}

const fn runs_for() -> Duration {
    Duration::from_secs(2)
}

const fn down_for() -> Duration {
    Duration::from_secs(1)
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'crash-loop'\nup = '200ms'\ndown = '100ms'");
        let started = seen.times("a", "started", 1_000..3_000);
        assert_eq!(started, [1_100, 1_400, 1_700, 2_000]);
        let ticks = seen.count("a", "tick", 1_000..2_000);
        assert!((57..=62).contains(&ticks), "up for six tenths: {ticks} of 100");
        assert_eq!(seen.count("a", "tick", AFTER), 50);
    }
}
