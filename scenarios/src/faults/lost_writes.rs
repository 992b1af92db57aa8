//! `lost-writes`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;

use super::parameters::DISK;
use super::prelude::*;
use super::shapes::PartOfDisk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LostWrites(PartOfDisk);

impl FaultKind for LostWrites {
    const ENTRY: Entry = Entry {
        name: "lost-writes",
        family: Family::Storage,
        what: "Writes never reach the medium: the page cache shows them until it is cold.",
        parameters: &[DISK, ("rate", "part of the writes, 0 to 1")],
        cause: "Firmware that drops writes.",
        live: Live::Never,
        damage: Damage::Durable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self(PartOfDisk::draw(stream, 20_000)).into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(self.0.begin(hit, DiskFault::LostWrites))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        self.0.end(hit, DiskFault::LostWrites)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{fault, run};

    #[test]
    fn bites() {
        let lost = fault("'a'", "1s", "1s", "kind = 'lost-writes'\nrate = 1");
        let seen = run(1, &[&lost, &fault("'a'", "2500ms", "100ms", "kind = 'power-cut'")]);
        assert_eq!(seen.count("a", "synced", 1_010..2_000), 99, "the disk says yes");
        let found = seen.numbers("a", "found", 2_000..3_000);
        let kept =
            |ticks: std::ops::Range<u64>| found.iter().filter(|tick| ticks.contains(tick)).count();
        assert_eq!((kept(50..100), kept(102..198)), (50, 0));
    }
}
