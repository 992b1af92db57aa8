//! `read-errors`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;

use super::parameters::DISK;
use super::prelude::*;
use super::shapes::PartOfDisk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ReadErrors(PartOfDisk);

impl FaultKind for ReadErrors {
    const ENTRY: Entry = Entry {
        name: "read-errors",
        family: Family::Storage,
        what: "Reads that the page cache does not answer fail with EIO.",
        parameters: &[DISK, ("rate", "part of the reads, 0 to 1")],
        cause: "Unreadable sectors.",
        live: Live::ByHand("dm-error"),
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self(PartOfDisk::draw(stream, 200_000)).into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(self.0.begin(hit, DiskFault::ReadErrors))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        self.0.end(hit, DiskFault::ReadErrors)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'read-errors'\nrate = 1");
        assert_eq!(seen.count("a", "unreadable", BEFORE), 0);
        assert_eq!(
            (seen.count("a", "unreadable", DURING), seen.count("a", "read", DURING)),
            (97, 0)
        );
        assert_eq!(seen.count("a", "unreadable", AFTER), 0);
        let some = hit("kind = 'read-errors'\nrate = 0.3").count("a", "unreadable", DURING);
        assert!((15..45).contains(&some), "{some} of 97 at 30 %");
    }
}
