//! `slow-pairs`: what it is, how it begins and ends, and a test that it bites.

use super::draw::latency;
use super::parameters::{Extra, PEERS};
use super::prelude::*;
use super::shapes::{restored, slow};
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowPairs {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
    extra: Extra,
}

impl FaultKind for SlowPairs {
    const ENTRY: Entry = Entry {
        name: "slow-pairs",
        family: Family::Network,
        what: "Each pair of target and peer is slow by an amount of its own, drawn once.",
        parameters: &[PEERS, ("extra", "what is drawn for each pair")],
        cause: "Bad placement: pairs with more hops than others (FoundationDB's slow pairs).",
        live: Live::Proxy("each connection by a draw for each way"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { peers: None, extra: latency(stream) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(slow(hit, &self.extra, true))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        restored(hit)
    }

    fn peers(&self) -> Option<&Target> {
        self.peers.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, DURING, MS, hit};

    #[test]
    fn bites() {
        let extra = "{ shape = 'uniform', low = '10ms', high = '30ms' }";
        let seen = hit(&format!("kind = 'slow-pairs'\nextra = {extra}"));
        let took = |by, within| -> Vec<u64> {
            seen.datagrams(by, "a", within).iter().map(|(_, took)| *took).collect()
        };
        let spread = |took: &[u64]| took.iter().max().unwrap() - took.iter().min().unwrap();
        let (b, c) = (took("b", DURING), took("c", DURING));
        assert!(b[5] > 11 * MS && spread(&b) < MS / 10, "one draw for the pair: {b:?}");
        assert!(b[5].abs_diff(c[5]) > MS / 2, "another for another: {} and {} us", b[5], c[5]);
        assert!(took("b", AFTER)[0] < 2 * MS);
    }
}
