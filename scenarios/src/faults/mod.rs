//! Faults: one file for each kind, and what they have in common.
//!
//! A kind's file has its parameters as they stand in a scenario file, its entry in the catalogue
//! ([`Entry`]: what it does, what causes it, what it may cost, how it is done live), how it begins
//! and ends as faults of the kernel, and a test that it bites. It is registered here: its module,
//! and a line of `KINDS`. docs/FAULTS.md is made from the entries.
//!
//! The [`Planner`] resolves targets and times; a [`World`] (the simulation, launched processes, the
//! host on madsim) applies what comes out.

mod bandwidth;
#[cfg(test)]
mod bench;
mod bridge;
mod clock_drift;
mod clock_jitter;
mod clock_offset;
mod clock_step;
mod clog;
mod corrupt;
mod crash;
mod crash_loop;
mod draw;
mod duplicate;
mod entry;
mod fill_disk;
mod gc_pauses;
mod half_open;
mod isolate;
mod kind;
mod limp;
mod loss;
mod lost_syncs;
mod lost_writes;
mod misdirected_reads;
mod misdirected_writes;
mod page;
mod parameters;
mod partition;
mod pause;
mod planner;
mod power_cut;
mod prelude;
mod read_errors;
mod refuse;
mod reorder;
mod ring;
mod shapes;
mod short_reads;
mod shutdown;
mod situation;
mod slow_cpu;
mod slow_disk;
mod slow_link;
mod slow_nic;
mod slow_pairs;
mod spec;
mod stall_disk;
mod swap_disks;
mod swizzle_clog;
mod sync_errors;
mod throttle_cpu;
mod throttle_disk;
mod tier_delay;
mod tier_errors;
mod tier_full;
mod tier_partial_uploads;
mod tier_stale_list;
mod torn_writes;
mod wipe;
mod wipe_identity;
mod world;
mod write_errors;

pub use crate::targets::Target;
pub use entry::{Damage, Entry, Family, InSwarms, Live, Overlap, Stops};
pub use kind::Action;
pub use page::page;
pub use planner::{NOBODY, Planner};
pub use spec::FaultSpec;
pub(crate) use spec::Occasion;
pub use world::{Agenda, World};

use kind::FaultKind;

/// Every kind, by family: the order in which swarms draw them. A new one goes to the end.
const KINDS: &[Entry] = &[
    partition::Partition::ENTRY,
    isolate::Isolate::ENTRY,
    bridge::Bridge::ENTRY,
    ring::Ring::ENTRY,
    slow_link::SlowLink::ENTRY,
    slow_pairs::SlowPairs::ENTRY,
    loss::Loss::ENTRY,
    duplicate::Duplicate::ENTRY,
    reorder::Reorder::ENTRY,
    bandwidth::Bandwidth::ENTRY,
    clog::Clog::ENTRY,
    swizzle_clog::SwizzleClog::ENTRY,
    half_open::HalfOpen::ENTRY,
    refuse::Refuse::ENTRY,
    slow_nic::SlowNic::ENTRY,
    slow_disk::SlowDisk::ENTRY,
    stall_disk::StallDisk::ENTRY,
    throttle_disk::ThrottleDisk::ENTRY,
    fill_disk::FillDisk::ENTRY,
    read_errors::ReadErrors::ENTRY,
    write_errors::WriteErrors::ENTRY,
    sync_errors::SyncErrors::ENTRY,
    short_reads::ShortReads::ENTRY,
    lost_writes::LostWrites::ENTRY,
    lost_syncs::LostSyncs::ENTRY,
    misdirected_writes::MisdirectedWrites::ENTRY,
    misdirected_reads::MisdirectedReads::ENTRY,
    torn_writes::TornWrites::ENTRY,
    corrupt::Corrupt::ENTRY,
    wipe_identity::WipeIdentity::ENTRY,
    swap_disks::SwapDisks::ENTRY,
    tier_errors::TierErrors::ENTRY,
    tier_delay::TierDelay::ENTRY,
    tier_partial_uploads::TierPartialUploads::ENTRY,
    tier_stale_list::TierStaleList::ENTRY,
    tier_full::TierFull::ENTRY,
    clock_offset::ClockOffset::ENTRY,
    clock_drift::ClockDrift::ENTRY,
    clock_step::ClockStep::ENTRY,
    clock_jitter::ClockJitter::ENTRY,
    crash::Crash::ENTRY,
    crash_loop::CrashLoop::ENTRY,
    shutdown::Shutdown::ENTRY,
    pause::Pause::ENTRY,
    gc_pauses::GcPauses::ENTRY,
    slow_cpu::SlowCpu::ENTRY,
    throttle_cpu::ThrottleCpu::ENTRY,
    power_cut::PowerCut::ENTRY,
    wipe::Wipe::ENTRY,
    limp::Limp::ENTRY,
];

/// The catalogue: the entry of every kind.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    KINDS.iter()
}

/// The entry of this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use headwater_sim::random::Seed;

    use super::*;

    #[test]
    fn an_entry_names_the_parameters_that_its_kind_has() {
        for entry in entries() {
            let table = (entry.draw)(&mut Seed(1).stream("draw", 0)).to_table();
            let optional = ["peers", "disk"];
            for (name, _) in entry.parameters {
                let there = table.contains_key(*name) || optional.contains(name);
                assert!(there, "{}: no parameter {name}", entry.name);
            }
            for name in table.keys().filter(|name| *name != "kind") {
                let told = entry.parameters.iter().any(|(have, _)| have == name);
                assert!(told, "{}: parameter {name} is not in the catalogue", entry.name);
            }
        }
    }

    #[test]
    fn a_kind_with_peers_says_who_they_are() {
        for entry in entries() {
            let has = entry.parameters.iter().any(|(name, _)| *name == "peers");
            let mut table = (entry.draw)(&mut Seed(1).stream("draw", 0)).to_table();
            assert!(!table.contains_key("peers"), "{}", entry.name);
            table.insert("peers".into(), toml::Value::String("a".into()));
            let action = table.to_string().parse::<Action>();
            let peers = action.map(|action| action.peers().cloned());
            let expected = has.then(|| Target(vec!["a".into()]));
            assert_eq!(peers.ok().flatten(), expected, "{}", entry.name);
        }
    }

    #[test]
    fn every_file_here_that_has_a_kind_is_registered_and_has_the_test_that_the_page_names() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/faults");
        let mut files = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            if text.contains("\nimpl FaultKind for ") {
                let name = path.file_stem().unwrap().to_str().unwrap().replace('_', "-");
                assert!(find(&name).is_some(), "{name} is not registered");
                assert!(text.contains("    #[test]\n    fn bites() {\n"), "{name}: nothing bites");
                files += 1;
            }
        }
        assert_eq!(files, KINDS.len());
    }

    #[test]
    fn the_page_in_docs_is_the_one_made_from_the_catalogue() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/FAULTS.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, page()).unwrap();
        }
        let kept = std::fs::read_to_string(file).unwrap();
        assert!(kept == page(), "docs/FAULTS.md is old: run this test with UPDATE_DOCS=1");
    }
}
