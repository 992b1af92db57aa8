//! `half-open`: what it is, how it begins and ends, and a test that it bites.

use super::parameters::PEERS;
use super::prelude::*;
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HalfOpen {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
}

impl FaultKind for HalfOpen {
    const ENTRY: Entry = Entry {
        name: "half-open",
        family: Family::Network,
        what: "Standing connections are forgotten half-way: what is sent vanishes. At the end \
               both ends see a reset.",
        parameters: &[PEERS],
        cause: "A firewall or NAT that drops an idle entry.",
        live: Live::Proxy("the standing connections of clients"),
        damage: Damage::Unavailable,
        needs_end: true,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |_| Self { peers: None }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once([Fault::HalfOpen { from: hit.nodes.into(), to: hit.peers.into() }])
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        vec![Fault::Reset { from: hit.nodes.into(), to: hit.peers.into() }]
    }

    fn peers(&self) -> Option<&Target> {
        self.peers.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, DURING, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'half-open'\npeers = 'b'");
        assert_eq!(seen.letters("b", "a", DURING).len(), 0);
        assert_eq!(seen.count("a", "broken", 0..2_000), 0, "nobody is told");
        assert_eq!(seen.datagrams("b", "a", DURING).len(), 97);
        assert_eq!(seen.times("a", "broken", 0..3_000), [2_001], "a reset at the end");
        assert_eq!(seen.letters("b", "a", AFTER).len(), 50);
    }
}
