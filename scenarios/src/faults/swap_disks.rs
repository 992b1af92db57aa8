//! `swap-disks`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwapDisks {}

impl FaultKind for SwapDisks {
    const ENTRY: Entry = Entry {
        name: "swap-disks",
        family: Family::Storage,
        what: "The first two nodes of the target are stopped, get each other's files, and are \
               started at the end.",
        parameters: &[],
        cause: "Disks put back into the wrong machine.",
        live: Live::Never,
        damage: Damage::Durable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Process,
        swarm: InSwarms { together: true, targets_min: 2, beyond_repair: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let [node, other, ..] = *hit.nodes else { return Vec::new() };
        let crashes = [node, other].map(|node| Fault::Crash { node });
        at_once(crashes.into_iter().chain([Fault::SwapDisks { node, other }]))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_node(|node| Fault::Restart { node })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, DURING, hit_on};

    #[test]
    fn bites() {
        let seen = hit_on("['a', 'b']", "kind = 'swap-disks'");
        assert_eq!(seen.count("a", "tick", DURING) + seen.count("b", "tick", DURING), 0);
        assert_eq!((seen.records("a")[0], seen.records("b")[0]), ((1, 1), (0, 1)));
        assert_eq!((seen.count("a", "tick", AFTER), seen.count("b", "tick", AFTER)), (50, 50));
    }
}
