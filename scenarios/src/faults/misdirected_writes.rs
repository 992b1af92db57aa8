//! `misdirected-writes`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;

use super::parameters::DISK;
use super::prelude::*;
use super::shapes::PartOfDisk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct MisdirectedWrites(PartOfDisk);

impl FaultKind for MisdirectedWrites {
    const ENTRY: Entry = Entry {
        name: "misdirected-writes",
        family: Family::Storage,
        what: "Writes land on another record of the file.",
        parameters: &[DISK, ("rate", "part of the writes, 0 to 1")],
        cause: "Firmware errors.",
        live: Live::Never,
        damage: Damage::Durable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self(PartOfDisk::draw(stream, 10_000)).into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(self.0.begin(hit, DiskFault::MisdirectedWrites))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        self.0.end(hit, DiskFault::MisdirectedWrites)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{fault, run};

    #[test]
    fn bites() {
        let cut = fault("'a'", "2500ms", "100ms", "kind = 'power-cut'");
        let in_order = |kind: &str| {
            let seen = run(1, &[&fault("'a'", "1s", "1s", kind), &cut]);
            let found = seen.numbers("a", "found", 2_000..3_000);
            assert!(found.len() > 90, "{found:?}");
            (1..).zip(&found).all(|(tick, found)| tick == *found)
        };
        assert!(in_order("kind = 'misdirected-writes'\nrate = 0"));
        assert!(!in_order("kind = 'misdirected-writes'\nrate = 1"));
    }
}
