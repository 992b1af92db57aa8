//! `torn-writes`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;
use headwater_sim::files::Tearing;

use super::draw::tearing;
use super::parameters::DISK;
use super::prelude::*;
use super::shapes::on_disk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TornWrites {
    #[serde(default)]
    disk: u8,
    tearing: Tearing,
}

impl FaultKind for TornWrites {
    const ENTRY: Entry = Entry {
        name: "torn-writes",
        family: Family::Storage,
        what: "What a power cut in the meantime leaves of records that no sync has covered: a \
               prefix, a subset, or the last ones.",
        parameters: &[DISK, ("tearing", "prefix, subset or reordered")],
        cause: "Sectors written in the device's own order.",
        live: Live::Never,
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { disk: 0, tearing: tearing(stream) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(on_disk(hit, self.disk, DiskFault::Tearing(self.tearing)))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        on_disk(hit, self.disk, DiskFault::Tearing(Tearing::Prefix))
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{fault, run};

    #[test]
    fn bites() {
        // Syncs that take a second leave half a second of records to a power cut.
        let slow = fault("'a'", "1s", "1s", "kind = 'slow-disk'\nfactor = 1000");
        let cut = fault("'a'", "1500ms", "1s", "kind = 'power-cut'");
        let torn = fault("'a'", "1s", "1s", "kind = 'torn-writes'\ntearing = 'reordered'");
        let backwards = |seed, faults: &[&str]| {
            let ticks: Vec<u64> =
                run(seed, faults).records("a").iter().map(|(_, tick)| *tick).collect();
            ticks.contains(&149) && !ticks.contains(&105)
        };
        assert!((1..12).any(|seed| backwards(seed, &[&torn, &slow, &cut])));
        assert!(!(1..12).any(|seed| backwards(seed, &[&slow, &cut])), "a prefix, usually");
    }
}
