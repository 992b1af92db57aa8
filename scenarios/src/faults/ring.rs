//! `ring`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;
use super::shapes::{Sides, cut, rejoin};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ring {}

impl FaultKind for Ring {
    const ENTRY: Entry = Entry {
        name: "ring",
        family: Family::Network,
        what: "Each node of the target hears a majority of it, itself included, and no two the \
               same one.",
        parameters: &[],
        cause: "Asymmetric routes (Jepsen `majorities-ring`).",
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
        at_once(cut(Self::sides(hit), false))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        rejoin(Self::sides(hit), false)
    }
}

impl Ring {
    /// Whom each does not hear: all but those that follow it, as many as make a majority with it.
    fn sides(hit: &Situation<'_>) -> Sides {
        let (nodes, count) = (hit.nodes, hit.nodes.len());
        let hears = |a: usize, b: usize| (b + count - a) % count <= count / 2;
        let deaf = |a: usize| {
            let others = (0..count).filter(move |b| !hears(a, *b)).map(|b| nodes[b]);
            (others.collect(), vec![nodes[a]])
        };
        (0..count).map(deaf).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, hit_on};

    #[test]
    fn bites() {
        let seen = hit_on("['a', 'b', 'c']", "kind = 'ring'");
        for (by, hears, deaf_to) in [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b")] {
            assert!(seen.hears(by, hears) && !seen.hears(by, deaf_to), "{by}");
            assert_eq!(seen.datagrams(by, deaf_to, AFTER).len(), 50);
        }
    }
}
