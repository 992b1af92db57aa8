//! `misdirected-reads`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;

use super::parameters::DISK;
use super::prelude::*;
use super::shapes::PartOfDisk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct MisdirectedReads(PartOfDisk);

impl FaultKind for MisdirectedReads {
    const ENTRY: Entry = Entry {
        name: "misdirected-reads",
        family: Family::Storage,
        what: "Reads from the medium come from one record off.",
        parameters: &[DISK, ("rate", "part of the reads, 0 to 1")],
        cause: "Firmware errors.",
        live: Live::Never,
        damage: Damage::Unavailable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self(PartOfDisk::draw(stream, 100_000)).into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(self.0.begin(hit, DiskFault::MisdirectedReads))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        self.0.end(hit, DiskFault::MisdirectedReads)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'misdirected-reads'\nrate = 1");
        let first = |within| {
            let mut firsts = seen.numbers("a", "first", within);
            firsts.dedup();
            firsts
        };
        let right = first(BEFORE);
        assert_eq!(right, [1], "the record of the first tick");
        assert_eq!(first(DURING), [2], "one record off");
        assert_eq!(first(AFTER), right);
    }
}
