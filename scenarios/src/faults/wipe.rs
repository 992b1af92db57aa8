//! `wipe`: what it is, how it begins and ends, and a test that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wipe {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk: Option<u8>,
}

impl FaultKind for Wipe {
    const ENTRY: Entry = Entry {
        name: "wipe",
        family: Family::Process,
        what: "The process is killed and its files are gone, and its identity with them; at the \
               end it is started, empty.",
        parameters: &[("disk", "which disk; all of them")],
        cause: "A replaced disk or machine under an old name.",
        live: Live::ByHand("SIGKILL, rm, start"),
        damage: Damage::Durable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Process,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |_| Self { disk: None }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let disk = self.disk;
        let wipe = |node| [Fault::Crash { node }, Fault::WipeDisk { node, disk }];
        at_once(hit.nodes.iter().copied().flat_map(wipe))
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
        let seen = hit("kind = 'wipe'");
        assert_eq!(seen.count("a", "tick", DURING), 0);
        assert_eq!(seen.times("a", "fresh", 0..3_000), [0, 2_000], "it starts with nothing");
        let oldest = seen.records("a")[0].1;
        assert!(oldest > 200, "a record of tick {oldest}");
        assert_eq!(seen.count("a", "tick", AFTER), 50);
    }
}
