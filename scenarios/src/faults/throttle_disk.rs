//! `throttle-disk`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;
use headwater_sim::units::BytesPerSecond;

use super::parameters::DISK;
use super::prelude::*;
use super::shapes::on_disk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThrottleDisk {
    #[serde(default)]
    disk: u8,
    rate: BytesPerSecond,
}

impl FaultKind for ThrottleDisk {
    const ENTRY: Entry = Entry {
        name: "throttle-disk",
        family: Family::Storage,
        what: "A disk passes no more than a rate.",
        parameters: &[DISK, ("rate", "bytes a second, reads and writes each")],
        cause: "Burst credits of a cloud volume are used up.",
        live: Live::ByHand("cgroup io.max"),
        damage: Damage::Slow,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self { disk: 0, rate: BytesPerSecond(stream.random_range(500_000..=20_000_000)) }.into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        at_once(on_disk(hit, self.disk, DiskFault::Throttle(self.rate)))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        on_disk(hit, self.disk, DiskFault::Throttle(BytesPerSecond::UNLIMITED))
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, MS, hit};

    #[test]
    fn bites() {
        // 1 kB at 800 kB/s is 1.25 ms, and the flush 1 ms; what is read takes most of the rest.
        let seen = hit("kind = 'throttle-disk'\nrate = '800KB/s'");
        assert!(seen.took("a", "synced", BEFORE).1 < 2 * MS);
        let (least, most) = seen.took("a", "synced", DURING);
        assert!(least >= 2_200 && most < 2_500, "{least} to {most} us");
        assert!(seen.took("a", "synced", AFTER).1 < 2 * MS);
    }
}
