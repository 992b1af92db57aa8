//! `short-reads`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;

use super::parameters::DISK;
use super::prelude::*;
use super::shapes::PartOfDisk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ShortReads(PartOfDisk);

impl FaultKind for ShortReads {
    const ENTRY: Entry = Entry {
        name: "short-reads",
        family: Family::Storage,
        what: "Reads give fewer records than are there, and are repeated for the rest.",
        parameters: &[DISK, ("rate", "part of the reads, 0 to 1")],
        cause: "Signals, network file systems.",
        live: Live::ByHand("LD_PRELOAD"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self(PartOfDisk::draw(stream, 500_000)).into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(self.0.begin(hit, DiskFault::ShortReads))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        self.0.end(hit, DiskFault::ShortReads)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'short-reads'\nrate = 1");
        let whole = |within| seen.numbers("a", "read", within).iter().all(|count| *count == 4);
        assert!(whole(BEFORE) && whole(AFTER));
        let short = seen.numbers("a", "read", DURING);
        assert!(short.iter().all(|count| (1..4).contains(count)), "{short:?}");
    }
}
