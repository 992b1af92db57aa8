//! `power-cut`: what it is, how it begins and ends, and that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PowerCut {}

impl FaultKind for PowerCut {
    const ENTRY: Entry = Entry {
        name: "power-cut",
        family: Family::Process,
        what: "The machine loses power, and with it what no sync has made durable; at the end \
               it is back.",
        parameters: &[],
        cause: "A blackout, a pulled plug.",
        live: Live::ByHand("a virtual machine's reset"),
        damage: Damage::Volatile,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Machine,
        swarm: InSwarms { for_good: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(hit.each_machine(|machine| Fault::PowerCut { machine }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_machine(|machine| Fault::PowerOn { machine })
    }
}
