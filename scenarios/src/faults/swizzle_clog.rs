//! `swizzle-clog`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::units::NodeId;
use rand::seq::SliceRandom;

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwizzleClog {}

impl FaultKind for SwizzleClog {
    const ENTRY: Entry = Entry {
        name: "swizzle-clog",
        family: Family::Network,
        what: "The nodes of the target are clogged one after another, and freed one after \
               another in another order.",
        parameters: &[],
        cause: "Rolling trouble (FoundationDB `swizzle-clogging`).",
        live: Live::Never,
        damage: Damage::Unavailable,
        needs_end: true,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms { together: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let mut order = hit.nodes.to_vec();
        order.shuffle(&mut hit.stream());
        let step = hit.lasts / (2 * order.len() as u64).max(1);
        let everyone: Vec<NodeId> = hit.everyone().collect();
        let ways = |node: NodeId| {
            let others: Vec<_> = everyone.iter().copied().filter(|other| *other != node).collect();
            [(vec![node], others.clone()), (others, vec![node])]
        };
        let mut faults = Vec::new();
        for (turn, node) in (0_u64..).zip(hit.nodes) {
            let clogs = ways(*node).map(|(from, to)| Fault::Clog { from, to });
            faults.extend(clogs.map(|clog| (step * turn, clog)));
        }
        for (turn, node) in (hit.nodes.len() as u64..).zip(&order) {
            let frees = ways(*node).map(|(from, to)| Fault::Unclog { from, to });
            faults.extend(frees.map(|free| (step * turn, free)));
        }
        faults
    }

    fn end(&self, _: &Situation<'_>) -> Vec<Fault> {
        // Each was freed in its turn.
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, hit_on};

    #[test]
    fn bites() {
        let seen = hit_on("['a', 'b', 'c']", "kind = 'swizzle-clog'");
        let heard = |from, within| seen.datagrams("d", from, within).len();
        // One more each sixth of the second, then all, then one less each sixth.
        assert_eq!(heard("a", 1_010..1_490), 0);
        assert!(heard("b", 1_010..1_160) > 10 && heard("b", 1_180..1_490) == 0);
        assert!(heard("c", 1_010..1_330) > 25 && heard("c", 1_350..1_490) == 0);
        for from in ["a", "b", "c"] {
            assert_eq!(heard(from, AFTER), 50);
        }
    }
}
