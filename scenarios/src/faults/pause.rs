//! `pause`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pause {}

impl FaultKind for Pause {
    const ENTRY: Entry = Entry {
        name: "pause",
        family: Family::Process,
        what: "The process stands still, and goes on at the end.",
        parameters: &[],
        cause: "Live migration, a debugger.",
        live: Live::Signal("SIGSTOP and SIGCONT"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Work,
        swarm: InSwarms { for_good: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(hit.each_node(|node| Fault::Pause { node }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_node(|node| Fault::Resume { node })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'pause'");
        assert_eq!(seen.count("a", "tick", 1_001..2_000), 0);
        assert!(seen.letters("a", "b", 2_000..2_005).len() >= 99, "what reached it has waited");
        assert_eq!(seen.count("b", "broken", 0..3_000), 0, "it keeps its connections");
        assert_eq!(seen.count("a", "started", 0..3_000), 1);
        assert_eq!(seen.count("a", "tick", AFTER), 50);
    }
}
