//! `duplicate`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::impairment::Impairment;

use super::draw::rate;
use super::parameters::{PEERS, Probability};
use super::prelude::*;
use super::shapes::impair;
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Duplicate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
    rate: Probability,
}

impl FaultKind for Duplicate {
    const ENTRY: Entry = Entry {
        name: "duplicate",
        family: Family::Network,
        what: "Datagrams come twice; a connection drops the second.",
        parameters: &[PEERS, ("rate", "part of the datagrams, 0 to 1")],
        cause: "A switch loop, a retransmission that was not needed.",
        live: Live::Never,
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { peers: None, rate: rate(stream, 100_000) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(impair(hit, &Impairment::Duplicate(self.rate.ppm()), true))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        impair(hit, &Impairment::Duplicate(0), true)
    }

    fn peers(&self) -> Option<&Target> {
        self.peers.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'duplicate'\nrate = 0.5");
        assert_eq!(seen.datagrams("b", "a", BEFORE).len(), 50);
        let copies = seen.datagrams("b", "a", 1_000..2_000).len() - 100;
        assert!((35..65).contains(&copies), "{copies} copies of 100 at 50 %");
        assert_eq!(seen.letters("b", "a", 1_000..2_000).len(), 100, "a connection drops them");
        assert_eq!(seen.datagrams("b", "a", AFTER).len(), 50);
    }
}
