//! `reorder`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::distribution::Distribution;
use headwater_sim::impairment::Impairment;

use super::draw::{latency, rate};
use super::parameters::{Extra, PEERS, Probability};
use super::prelude::*;
use super::shapes::impair;
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reorder {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
    rate: Probability,
    by: Extra,
}

impl FaultKind for Reorder {
    const ENTRY: Entry = Entry {
        name: "reorder",
        family: Family::Network,
        what: "Packets are overtaken: datagrams come out of order, connections wait.",
        parameters: &[
            PEERS,
            ("rate", "part of the packets, 0 to 1"),
            ("by", "how long they are held back"),
        ],
        cause: "Routes of several lengths in use at once.",
        live: Live::Never,
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self { peers: None, rate: rate(stream, 100_000), by: latency(stream) }.into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let by = self.by.0.clone();
        at_once(impair(hit, &Impairment::Reorder { ppm: self.rate.ppm(), by }, true))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        let by = Distribution::constant(Duration::ZERO);
        impair(hit, &Impairment::Reorder { ppm: 0, by }, true)
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
        let seen = hit("kind = 'reorder'\nrate = 0.3\nby = '35ms'");
        let overtaken = |within| {
            let order = seen.datagrams("b", "a", within);
            order.windows(2).filter(|pair| pair[0].0 > pair[1].0).count()
        };
        assert_eq!(overtaken(BEFORE), 0);
        assert!((10..40).contains(&overtaken(DURING)), "{} of 97", overtaken(DURING));
        assert_eq!(overtaken(AFTER), 0);
    }
}
