//! `lost-syncs`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;

use super::parameters::DISK;
use super::prelude::*;
use super::shapes::PartOfDisk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LostSyncs(PartOfDisk);

impl FaultKind for LostSyncs {
    const ENTRY: Entry = Entry {
        name: "lost-syncs",
        family: Family::Storage,
        what: "Syncs return at once and make nothing durable.",
        parameters: &[DISK, ("rate", "part of the syncs, 0 to 1")],
        cause: "A drive that lies about its cache; `nobarrier`.",
        live: Live::Never,
        damage: Damage::Volatile,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self(PartOfDisk::draw(stream, 500_000)).into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(self.0.begin(hit, DiskFault::LostSyncs))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        self.0.end(hit, DiskFault::LostSyncs)
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{fault, run};

    #[test]
    fn bites() {
        let lost = fault("'a'", "1s", "1s", "kind = 'lost-syncs'\nrate = 1");
        let cut = fault("'a'", "1900ms", "50ms", "kind = 'power-cut'");
        let kept = |seed, faults: &[&str]| {
            let seen = run(seed, faults);
            assert!(seen.count("a", "synced", 1_020..1_890) >= 86, "the disk says yes");
            seen.records("a").iter().filter(|(_, tick)| (102..188).contains(tick)).count()
        };
        assert!((1..9).all(|seed| kept(seed, &[&cut]) == 86));
        let most = (1..9).filter(|seed| kept(*seed, &[&lost, &cut]) == 86).count();
        assert!(most < 8, "{most} of 8 power cuts spared what no sync had covered");
    }
}
