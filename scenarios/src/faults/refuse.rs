//! `refuse`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refuse {}

impl FaultKind for Refuse {
    const ENTRY: Entry = Entry {
        name: "refuse",
        family: Family::Network,
        what: "New connections to the target are refused; those that stand go on.",
        parameters: &[],
        cause: "A full backlog, no file descriptors left.",
        live: Live::Proxy("clients are refused, other servers are not"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(hit.each_node(|node| Fault::Refuse { node, refuse: true }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_node(|node| Fault::Refuse { node, refuse: false })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, fault, run};

    #[test]
    fn bites() {
        let refuse = fault("'a'", "1s", "1s", "kind = 'refuse'");
        // Who comes anew finds a closed door; who has a connection keeps it.
        let crash = fault("'b'", "1200ms", "100ms", "kind = 'crash'");
        let seen = run(1, &[&refuse, &crash]);
        assert_eq!(seen.letters("a", "b", 1_310..2_000).len(), 0);
        assert_eq!(seen.letters("a", "c", 1_310..2_000).len(), 69);
        assert!(seen.count("b", "broken", 1_310..2_000) > 10, "it is told each time");
        assert_eq!(seen.letters("a", "b", AFTER).len(), 50);
    }
}
