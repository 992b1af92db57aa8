//! `slow-nic`: what it is, how it begins and ends, and that it bites.

use super::draw::factor;
use super::parameters::Factor;
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowNic {
    factor: Factor,
}

impl FaultKind for SlowNic {
    const ENTRY: Entry = Entry {
        name: "slow-nic",
        family: Family::Network,
        what: "Each message takes longer on the target's network card.",
        parameters: &[("factor", "how many times as long")],
        cause: "A card that fell back to a lower speed.",
        live: Live::ByHand("tc tbf on one interface"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { factor: factor(stream, 100) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let percent = self.factor.percent();
        at_once(hit.each_machine(|machine| Fault::SlowNic { machine, percent }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_machine(|machine| Fault::SlowNic { machine, percent: 100 })
    }
}
