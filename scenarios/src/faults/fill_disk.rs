//! `fill-disk`: what it is, how it begins and ends, and a test that it bites.

use super::parameters::DISK;
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FillDisk {
    #[serde(default)]
    disk: u8,
}

impl FaultKind for FillDisk {
    const ENTRY: Entry = Entry {
        name: "fill-disk",
        family: Family::Storage,
        what: "A disk has no space left (ENOSPC).",
        parameters: &[DISK],
        cause: "Retention that does not keep up, another tenant.",
        live: Live::ByHand("a file that fills a small tmpfs"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |_| Self { disk: 0 }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let (disk, full) = (self.disk, true);
        at_once(hit.each_machine(|machine| Fault::FillDisk { machine, disk, full }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        let (disk, full) = (self.disk, false);
        hit.each_machine(|machine| Fault::FillDisk { machine, disk, full })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'fill-disk'");
        assert_eq!(seen.count("a", "refused", BEFORE), 0);
        assert_eq!(seen.count("a", "refused", 1_001..2_001), 100);
        assert_eq!(seen.count("a", "refused", AFTER), 0);
    }
}
