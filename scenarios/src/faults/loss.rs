//! `loss`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::impairment::Impairment;

use super::draw::rate;
use super::parameters::{PEERS, Probability, SYMMETRIC, yes};
use super::prelude::*;
use super::shapes::impair;
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Loss {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
    rate: Probability,
    #[serde(default = "yes")]
    symmetric: bool,
}

impl FaultKind for Loss {
    const ENTRY: Entry = Entry {
        name: "loss",
        family: Family::Network,
        what: "Packets are lost: datagrams for good, segments of connections until they are \
               sent again.",
        parameters: &[PEERS, ("rate", "part of the packets, 0 to 1"), SYMMETRIC],
        cause: "A bad cable or transceiver, an overrun buffer.",
        live: Live::ByHand("iptables -m statistic"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self { peers: None, rate: rate(stream, 20_000), symmetric: stream.chance_ppm(500_000) }
                .into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(impair(hit, &Impairment::Loss(self.rate.ppm()), self.symmetric))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        impair(hit, &Impairment::Loss(0), true)
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
        let seen = hit("kind = 'loss'\nrate = 0.3\nsymmetric = false");
        assert_eq!(seen.datagrams("b", "a", BEFORE).len(), 50);
        let passed = seen.datagrams("b", "a", 1_000..2_000).len();
        assert!((55..85).contains(&passed), "{passed} of 100 at 30 % loss");
        assert_eq!(seen.datagrams("a", "b", 1_000..2_000).len(), 100, "the way back is sound");
        assert_eq!(seen.datagrams("b", "a", AFTER).len(), 50);
    }
}
