//! `write-errors`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;

use super::parameters::DISK;
use super::prelude::*;
use super::shapes::PartOfDisk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct WriteErrors(PartOfDisk);

impl FaultKind for WriteErrors {
    const ENTRY: Entry = Entry {
        name: "write-errors",
        family: Family::Storage,
        what: "Writes fail with EIO.",
        parameters: &[DISK, ("rate", "part of the writes, 0 to 1")],
        cause: "A path that is lost.",
        live: Live::ByHand("dm-error"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self(PartOfDisk::draw(stream, 50_000)).into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(self.0.begin(hit, DiskFault::WriteErrors))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        self.0.end(hit, DiskFault::WriteErrors)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'write-errors'\nrate = 1");
        assert_eq!(seen.count("a", "refused", BEFORE), 0);
        assert_eq!(seen.count("a", "refused", 1_001..2_001), 100);
        assert_eq!(seen.count("a", "refused", AFTER), 0);
    }
}
