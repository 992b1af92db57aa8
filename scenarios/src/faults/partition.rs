//! `partition`: what it is, how it begins and ends, and a test that it bites.

use super::parameters::{PEERS, yes};
use super::prelude::*;
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Partition {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
    #[serde(default = "yes")]
    symmetric: bool,
}

impl FaultKind for Partition {
    const ENTRY: Entry = Entry {
        name: "partition",
        family: Family::Network,
        what: "Nothing passes between the target and the peers; connections hold and \
               retransmit, datagrams are lost.",
        parameters: &[
            PEERS,
            ("symmetric", "both ways, or only nothing from the target to the peers; true"),
        ],
        cause: "A failed switch, a wrong firewall rule, a cut cable.",
        live: Live::Proxy("what clients and the target send each other is held, both ways or one"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms { for_good: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |stream| Self { peers: None, symmetric: stream.chance_ppm(700_000) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once([Fault::Partition {
            from: hit.nodes.into(),
            to: hit.peers.into(),
            symmetric: self.symmetric,
        }])
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        vec![Fault::Rejoin {
            from: hit.nodes.into(),
            to: hit.peers.into(),
            symmetric: self.symmetric,
        }]
    }

    fn peers(&self) -> Option<&Target> {
        self.peers.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'partition'");
        assert_eq!(seen.datagrams("b", "a", BEFORE).len(), 50);
        assert_eq!(seen.datagrams("b", "a", DURING).len(), 0);
        assert_eq!(seen.datagrams("a", "b", DURING).len(), 0);
        assert_eq!(seen.datagrams("c", "b", DURING).len(), 97, "the others talk");
        assert_eq!(seen.datagrams("b", "a", AFTER).len(), 50);
        let one_way = hit("kind = 'partition'\nsymmetric = false\npeers = 'b'");
        assert!(!one_way.hears("b", "a") && one_way.hears("a", "b") && one_way.hears("c", "a"));
    }
}
