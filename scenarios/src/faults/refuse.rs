//! `refuse`: what it is, how it begins and ends, and that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refuse {}

impl FaultKind for Refuse {
    const ENTRY: Entry = Entry {
        name: "refuse",
        family: Family::Network,
        what: "New connections to the target are refused; those that stand go on.",
        parameters: &[],
        cause: "A full backlog, no file descriptors left.",
        live: Live::Proxy("a proxy on loopback that does not listen"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(hit.each_node(|node| Fault::Refuse { node, refuse: true }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_node(|node| Fault::Refuse { node, refuse: false })
    }
}
