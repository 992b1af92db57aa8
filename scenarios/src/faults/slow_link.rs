//! `slow-link`: what it is, how it begins and ends, and a test that it bites.

use super::draw::latency;
use super::parameters::{Extra, PEERS};
use super::prelude::*;
use super::shapes::{restored, slow};
use crate::targets::Target;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowLink {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peers: Option<Target>,
    extra: Extra,
}

impl FaultKind for SlowLink {
    const ENTRY: Entry = Entry {
        name: "slow-link",
        family: Family::Network,
        what: "What the target and the peers send each other takes longer, each message by a \
               draw: constant, uniform, exponential, lognormal, bimodal or measured.",
        parameters: &[PEERS, ("extra", "what is added: a time, or a distribution")],
        cause: "Congestion, a detour, a long queue.",
        live: Live::Proxy("each piece of up to 16 KiB by a draw"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { peers: None, extra: latency(stream) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(slow(hit, &self.extra, false))
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
    use crate::faults::bench::{AFTER, BEFORE, DURING, MS, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'slow-link'\nextra = '20ms'");
        let slowest = |within| seen.datagrams("b", "a", within).iter().map(|(_, took)| *took).max();
        let fastest = |within| seen.datagrams("b", "a", within).iter().map(|(_, took)| *took).min();
        assert!(slowest(BEFORE) < Some(2 * MS), "{:?} us", slowest(BEFORE));
        let during = fastest(DURING).zip(slowest(DURING)).expect("they came");
        assert!(during.0 >= 21 * MS && during.1 < 22 * MS, "{during:?} us");
        assert!(slowest(AFTER) < Some(2 * MS), "{:?} us", slowest(AFTER));
    }
}
