//! `stall-disk`: what it is, how it begins and ends, and a test that it bites.

use super::parameters::DISK;
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StallDisk {
    #[serde(default)]
    disk: u8,
}

impl FaultKind for StallDisk {
    const ENTRY: Entry = Entry {
        name: "stall-disk",
        family: Family::Storage,
        what: "A disk serves nothing for a while.",
        parameters: &[DISK],
        cause: "Firmware garbage collection, a path failover.",
        live: Live::ByHand("fsfreeze"),
        damage: Damage::Unavailable,
        needs_end: true,
        overlap: Overlap::Separate,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |_| Self { disk: 0 }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let (disk, time) = (self.disk, hit.lasts);
        at_once(hit.each_machine(|machine| Fault::StallDisk { machine, disk, time }))
    }

    fn end(&self, _: &Situation<'_>) -> Vec<Fault> {
        // It is stalled for as long as this lasts.
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'stall-disk'");
        assert_eq!(seen.count("a", "synced", BEFORE), 50);
        assert_eq!(seen.count("a", "synced", DURING), 0);
        assert!(seen.count("a", "synced", AFTER) >= 50, "what waited is served");
    }
}
