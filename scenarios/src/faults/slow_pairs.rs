//! `slow-pairs`: what it is, how it begins and ends, and that it bites.

use super::draw::latency;
use super::parameters::{Extra, PEERS};
use super::prelude::*;
use super::shapes::{restored, slow};
use super::target::Target;

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
        live: Live::Proxy("a proxy on loopback delays what passes, each server by its own draw"),
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
