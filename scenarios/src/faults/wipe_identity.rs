//! `wipe-identity`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::units::NodeId;

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WipeIdentity {}

impl FaultKind for WipeIdentity {
    const ENTRY: Entry = Entry {
        name: "wipe-identity",
        family: Family::Storage,
        what: "The process is killed, the file that says whose directory it is put aside (a \
               bookie's cookie, a broker's meta.properties), and started: it has to refuse. At \
               the end the file is back, and it is started again.",
        parameters: &[],
        cause: "A volume mounted in the wrong place, a clean-up that was too thorough.",
        live: Live::ByHand("SIGKILL, mv, start"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let aside = |node: &NodeId| {
            let (node, (from, to)) = (*node, hit.identity(*node)?);
            let restart = (!hit.keeps_down(node)).then_some(Fault::Restart { node });
            let rename = Fault::RenameFile { node, from, to };
            Some([Fault::Crash { node }, rename].into_iter().chain(restart))
        };
        at_once(hit.nodes.iter().filter_map(aside).flatten())
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        // It may not have noticed yet that the file is missing.
        let back = |node: &NodeId| {
            let (node, (to, from)) = (*node, hit.identity(*node)?);
            let rename = Fault::RenameFile { node, from, to };
            Some([Fault::Crash { node }, rename, Fault::Restart { node }])
        };
        hit.nodes.iter().filter_map(back).flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'wipe-identity'");
        assert_eq!(seen.times("a", "stranger", 0..3_000), [1_000], "it refuses to start");
        assert_eq!(seen.count("a", "tick", 1_010..2_000), 0);
        assert_eq!(seen.times("a", "known", 0..3_000), [2_000], "the file is back");
        assert_eq!(seen.count("a", "tick", AFTER), 50);
    }
}
