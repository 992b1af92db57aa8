//! `crash`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Crash {}

impl FaultKind for Crash {
    const ENTRY: Entry = Entry {
        name: "crash",
        family: Family::Process,
        what: "The process is killed; at the end it is started again.",
        parameters: &[],
        cause: "The OOM killer, a bug.",
        live: Live::Signal("SIGKILL and start"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Process,
        swarm: InSwarms { for_good: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(hit.each_node(|node| Fault::Crash { node }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_node(|node| Fault::Restart { node })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, DURING, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'crash'");
        assert_eq!(seen.count("a", "tick", DURING), 0);
        assert!(seen.times("b", "broken", 0..3_000).starts_with(&[1_001]), "peers are told");
        assert_eq!(seen.times("a", "started", 0..3_000), [0, 2_000]);
        assert_eq!(seen.times("a", "known", 0..3_000), [2_000], "its files are there");
        assert_eq!(seen.count("a", "tick", AFTER), 50);
    }
}
