//! `slow-disk`: what it is, how it begins and ends, and a test that it bites.

use super::draw::factor;
use super::parameters::{DISK, Factor};
use super::prelude::*;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlowDisk {
    #[serde(default)]
    disk: u8,
    factor: Factor,
}

impl FaultKind for SlowDisk {
    const ENTRY: Entry = Entry {
        name: "slow-disk",
        family: Family::Storage,
        what: "Each operation of a disk takes longer.",
        parameters: &[DISK, ("factor", "how many times as long")],
        cause: "A disk about to fail, a rebuilding array.",
        live: Live::ByHand("cgroup io.max"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| Self { disk: 0, factor: factor(stream, 50) }.into(),
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let (disk, percent) = (self.disk, self.factor.percent());
        at_once(hit.each_machine(|machine| Fault::SlowDisk { machine, disk, percent }))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        let (disk, percent) = (self.disk, 100);
        hit.each_machine(|machine| Fault::SlowDisk { machine, disk, percent })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, MS, hit};

    #[test]
    fn bites() {
        let seen = hit("kind = 'slow-disk'\nfactor = 5");
        assert!(seen.took("a", "synced", BEFORE).1 < 2 * MS);
        let (least, most) = seen.took("a", "synced", DURING);
        assert!(least >= 5 * MS && most < 6 * MS, "{least} to {most} us of 1 ms, 5 times as slow");
        assert!(seen.took("a", "synced", AFTER).1 < 2 * MS);
        assert!(seen.took("b", "synced", DURING).1 < 2 * MS);
    }
}
