//! `sync-errors`: what it is, how it begins and ends, and a test that it bites.

use headwater_sim::device::DiskFault;

use super::draw::rate;
use super::parameters::{DISK, Probability, yes};
use super::prelude::*;
use super::shapes::on_disk;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncErrors {
    #[serde(default)]
    disk: u8,
    rate: Probability,
    #[serde(default = "yes")]
    forgets: bool,
}

impl FaultKind for SyncErrors {
    const ENTRY: Entry = Entry {
        name: "sync-errors",
        family: Family::Storage,
        what: "Syncs fail with EIO; if the pages are then forgotten, a retry succeeds without \
               having written them.",
        parameters: &[
            DISK,
            ("rate", "part of the syncs, 0 to 1"),
            ("forgets", "pages are marked clean, as Linux does; true"),
        ],
        cause: "A lost path during writeback (PostgreSQL's fsyncgate, 2018).",
        live: Live::ByHand("dm-error"),
        damage: Damage::Durable,
        needs_end: false,
        overlap: Overlap::Level,
        stops: Stops::Nothing,
        swarm: InSwarms::USUAL,
        read: read::<Self>,
        draw: |stream| {
            Self { disk: 0, rate: rate(stream, 20_000), forgets: stream.chance_ppm(500_000) }.into()
        },
    };

    fn begin(&self, hit: &Situation<'_>) -> Vec<Timed> {
        let fails = DiskFault::SyncErrors { ppm: self.rate.ppm(), forgets: self.forgets };
        at_once(on_disk(hit, self.disk, fails))
    }

    fn end(&self, hit: &Situation<'_>) -> Vec<Fault> {
        on_disk(hit, self.disk, DiskFault::SyncErrors { ppm: 0, forgets: false })
    }
}

#[cfg(test)]
mod tests {
    use crate::faults::bench::{AFTER, BEFORE, DURING, fault, run};

    #[test]
    fn bites() {
        let left = |forgets: bool| {
            let kind = format!("kind = 'sync-errors'\nrate = 1\nforgets = {forgets}");
            let seen = run(1, &[&fault("'a'", "1s", "1s", &kind)]);
            assert_eq!(seen.count("a", "not synced", BEFORE), 0);
            assert_eq!(seen.count("a", "not synced", DURING), 97);
            assert_eq!(seen.count("a", "not synced", AFTER), 0);
            let cut = fault("'a'", "2900ms", "50ms", "kind = 'power-cut'");
            let seen = run(1, &[&fault("'a'", "1s", "1s", &kind), &cut]);
            let found = seen.numbers("a", "found", 2_000..3_000);
            found.iter().filter(|tick| (105..195).contains(*tick)).count()
        };
        // Later syncs say yes: to pages that were marked clean they do nothing.
        assert_eq!((left(false), left(true)), (90, 0));
    }
}
