//! `isolate`: what it is, how it begins and ends, and a test that it bites.

use rand::seq::IndexedRandom;

use super::prelude::*;
use super::shapes::{Sides, cut, rejoin};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Isolate {}

impl FaultKind for Isolate {
    const ENTRY: Entry = Entry {
        name: "isolate",
        family: Family::Network,
        what: "One node of the target, drawn, is cut off from everybody.",
        parameters: &[],
        cause: "A dead port of a switch.",
        live: Live::ByHand("iptables DROP on one namespace"),
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

impl Isolate {
    /// One node of the target, and all others.
    fn sides(hit: &Situation<'_>) -> Sides {
        let one = *hit.nodes.choose(&mut hit.stream()).expect("a fault hits somebody");
        let others = hit.nodes.iter().chain(hit.peers).copied();
        vec![(vec![one], others.filter(|node| *node != one).collect())]
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, hit_on};

    #[test]
    fn bites() {
        let seen = hit_on("['a', 'b', 'c']", "kind = 'isolate'");
        let deaf = ["a", "b", "c"].into_iter().filter(|name| !seen.hears(name, "d"));
        let deaf: Vec<&str> = deaf.collect();
        let [one] = deaf[..] else { panic!("{deaf:?}") };
        assert!(["a", "b", "c"].iter().all(|other| !seen.hears(other, one)));
        assert_eq!(seen.datagrams("d", one, AFTER).len(), 50);
    }
}
