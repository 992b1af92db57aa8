//! `clog`: what it is, how it begins and ends, and a test that it bites.

use super::parameters::{PEERS, SYMMETRIC, yes};
use super::prelude::*;
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clog {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
    #[serde(default = "yes")]
    symmetric: bool,
}

impl FaultKind for Clog {
    const ENTRY: Entry = Entry {
        name: "clog",
        family: Family::Network,
        what: "Messages stand still, and go on at once, in order, when it is over.",
        parameters: &[PEERS, SYMMETRIC],
        cause: "A paused link, a stalled middlebox (FoundationDB `clogging`).",
        live: Live::Proxy("what clients and the target send each other is held, both ways or one"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { peers: None, symmetric: stream.chance_ppm(700_000) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let (from, to) = (hit.peers.into(), hit.nodes.into());
        let back = self.symmetric.then_some(Fault::Clog { from, to });
        let (from, to) = (hit.nodes.into(), hit.peers.into());
        at_once(std::iter::once(Fault::Clog { from, to }).chain(back))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        let (from, to) = (hit.peers.into(), hit.nodes.into());
        let back = self.symmetric.then_some(Fault::Unclog { from, to });
        let (from, to) = (hit.nodes.into(), hit.peers.into());
        std::iter::once(Fault::Unclog { from, to }).chain(back).collect()
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
        let seen = hit("kind = 'clog'");
        assert_eq!(seen.datagrams("b", "a", DURING).len(), 0);
        let let_go = seen.datagrams("b", "a", 2_000..2_040);
        let ticks: Vec<u64> = let_go.iter().map(|(tick, _)| *tick).collect();
        assert!(ticks.len() >= 100 && ticks.is_sorted(), "nothing is lost: {ticks:?}");
        assert_eq!(seen.datagrams("b", "a", AFTER).len(), 50);
    }
}
