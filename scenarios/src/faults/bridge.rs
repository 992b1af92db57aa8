//! `bridge`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;
use super::shapes::{Sides, cut, rejoin};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bridge {}

impl FaultKind for Bridge {
    const ENTRY: Entry = Entry {
        name: "bridge",
        family: Family::Network,
        what: "The target falls into two halves that see each other only through one node of it.",
        parameters: &[],
        cause: "Two data centres with one link left (Jepsen `bridge`).",
        live: Live::ByHand("iptables DROP between namespaces"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms { together: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(cut(Self::sides(hit), true))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        rejoin(Self::sides(hit), true)
    }
}

impl Bridge {
    /// The halves on either side of the bridging node.
    fn sides(hit: &Situation<'_>) -> Sides {
        let count = hit.nodes.len();
        let half = count / 2;
        vec![(hit.nodes[..half].to_vec(), hit.nodes[(half + 1).min(count)..].to_vec())]
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, hit_on};

    #[test]
    fn bites() {
        let seen = hit_on("['a', 'b', 'c']", "kind = 'bridge'");
        assert!(!seen.hears("a", "c") && !seen.hears("c", "a"));
        for (by, from) in [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"), ("d", "a")] {
            assert!(seen.hears(by, from), "{by} hears {from}");
        }
        assert_eq!(seen.datagrams("a", "c", AFTER).len(), 50);
    }
}
