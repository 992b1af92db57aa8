//! `crash`: what it is, how it begins and ends, and that it bites.

use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Crash {}

impl FaultKind for Crash {
    const ENTRY: Entry = Entry {
        name: "crash",
        family: Family::Process,
        what: "The process is killed; at the end it is started again.",
        parameters: &[],
        cause: "The OOM killer, a bug.",
        live: Live::Signal("SIGKILL and start"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Separate,
        stops: Stops::Process,
        swarm: InSwarms { for_good: true, ..InSwarms::USUAL },
        read: read::<Self>,
        draw: |_| Self {}.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(hit.each_node(|node| Fault::Crash { node }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        hit.each_node(|node| Fault::Restart { node })
    }
}
