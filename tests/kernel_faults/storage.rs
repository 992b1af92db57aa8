//! Disks that fail, lie, mix things up and go bad: each fault of a disk bites.

use std::collections::BTreeSet;

use headwater_sim::device::DiskFault;
use headwater_sim::disk::{DiskError, DiskId, DiskOp, DiskSpec, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::files::Tearing;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::node::Completion;
use headwater_sim::time::Duration;
use headwater_sim::units::{BytesPerSecond, MachineId, NodeId};
use headwater_tests::bench::{Bench, Ctx, Entry, Event, Sim, actor, add};

use crate::{ms, saw, world};

const DISK: DiskId = DiskId(0);
const FILE: FileId = FileId(1);
const KEEPER: NodeId = NodeId(0);
const MACHINE: MachineId = MachineId(0);
/// Every time, in a million.
const ALWAYS: u32 = 1_000_000;
const COUNT: u64 = 8;
const BYTES: u64 = 1_000_000;

const LOOK: u64 = 1;
const WROTE: u64 = 2;
const SYNCED: u64 = 3;
const AGAIN: u64 = 4;

fn machine() -> MachineSpec {
    let none = Distribution::constant(Duration::ZERO);
    let disk = DiskSpec { sync: none.clone(), seek: none, ..DiskSpec::default() };
    MachineSpec { disks: vec![disk], ..MachineSpec::named("keeper") }
}

/// After 10 ms reads its file. If there is none it writes eight entries from `first` on and syncs,
/// once more 5 ms later if that fails; else it tells what it has found.
fn keeper(first: u64, syncs: bool) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration::from_millis(10), 0),
            Event::Timer(AGAIN) => ctx.sync(DISK, FILE, AGAIN),
            Event::Timer(_) => {
                let look = DiskOp::ReadOnce { file: FILE, from: 0, count: 20 };
                ctx.disk(DISK, look, LOOK);
            }
            Event::Done(LOOK, Completion::Failed(DiskError::NoSuchFile)) => {
                let entries = (first..first + COUNT).map(|id| Entry { id, bytes: BYTES });
                entries.for_each(|entry| ctx.write(DISK, FILE, entry, WROTE));
                if syncs {
                    ctx.sync(DISK, FILE, SYNCED);
                }
            }
            Event::Done(LOOK, Completion::Read { records, damaged }) => {
                records.iter().for_each(|record| saw(ctx, "found", record.id));
                saw(ctx, if damaged { "damaged" } else { "whole" }, records.len() as u64);
            }
            Event::Done(LOOK, Completion::Failed(_)) => saw(ctx, "unreadable", 0),
            Event::Done(WROTE, Completion::Failed(_)) => saw(ctx, "refused", 0),
            Event::Done(SYNCED, Completion::Failed(_)) => {
                saw(ctx, "not synced", 0);
                ctx.timer(Duration::from_millis(5), AGAIN);
            }
            Event::Done(SYNCED | AGAIN, Completion::Synced) => saw(ctx, "synced", 0),
            _ => {}
        }
    })
}

fn disk(how: DiskFault) -> Fault {
    Fault::Disk { machine: MACHINE, disk: 0, how }
}

/// Eight entries are written at 10 ms; the power is away from 100 to 200 ms, so that what is read
/// at 210 ms comes from the medium.
fn life(seed: u64, syncs: bool, faults: &[(u64, Fault)]) -> Sim {
    let mut sim = world(seed);
    add(&mut sim, machine(), &[], keeper(0, syncs));
    for (at, fault) in faults {
        sim.schedule(ms(*at), fault.clone());
    }
    sim.schedule(ms(100), Fault::PowerCut { machine: MACHINE });
    sim.schedule(ms(200), Fault::PowerOn { machine: MACHINE });
    sim.run_until(ms(1_000));
    sim
}

fn found(faults: &[(u64, Fault)]) -> Vec<u64> {
    life(1, true, faults).observer().ids("found")
}

const ALL: [u64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

#[test]
fn a_sound_disk_gives_back_what_was_synced() {
    let sim = life(1, true, &[]);
    assert_eq!(sim.observer().ids("found"), ALL);
    assert_eq!(sim.observer().ids("whole"), [COUNT]);
}

#[test]
fn reads_and_writes_fail_while_the_disk_refuses_them() {
    let sim = life(1, true, &[(150, disk(DiskFault::ReadErrors(ALWAYS)))]);
    assert_eq!(sim.observer().ids("unreadable"), [0]);
    let errors = |at, ppm| (at, disk(DiskFault::WriteErrors(ppm)));
    let sim = life(1, true, &[errors(1, ALWAYS), errors(150, 0)]);
    assert_eq!(sim.observer().ids("refused").len() as u64, COUNT);
}

#[test]
fn a_sync_after_one_that_failed_says_yes_and_has_lost_everything_where_pages_are_forgotten() {
    let failing = |forgets| {
        let errors = |at, ppm| (at, disk(DiskFault::SyncErrors { ppm, forgets }));
        // The sync at 10 ms fails within 8 ms, and the next comes 5 ms later.
        let sim = life(1, true, &[errors(1, ALWAYS), errors(11, 0)]);
        assert_eq!(sim.observer().ids("not synced"), [0]);
        assert_eq!(sim.observer().ids("synced"), [0]);
        sim.observer().ids("found")
    };
    assert_eq!(failing(false), ALL);
    assert_eq!(failing(true), [0u64; 0]);
}

#[test]
fn a_short_read_gives_less_than_is_there() {
    let found = found(&[(150, disk(DiskFault::ShortReads(ALWAYS)))]);
    assert!(!found.is_empty() && found.len() < ALL.len(), "{found:?}");
    assert_eq!(found[..], ALL[..found.len()]);
}

#[test]
fn what_a_disk_loses_was_synced_all_the_same() {
    let sim = life(1, true, &[(1, disk(DiskFault::LostWrites(ALWAYS)))]);
    assert_eq!(sim.observer().ids("synced"), [0]);
    assert_eq!(sim.observer().ids("found"), [0u64; 0]);
    let lost = |seed| {
        let sim = life(seed, true, &[(1, disk(DiskFault::LostSyncs(ALWAYS)))]);
        assert_eq!(sim.observer().ids("synced"), [0]);
        sim.observer().ids("found").len() < ALL.len()
    };
    assert!((1..20).any(lost), "every power cut spares what no sync has covered");
}

#[test]
fn what_is_misdirected_is_somewhere_else() {
    let written = found(&[(1, disk(DiskFault::MisdirectedWrites(ALWAYS)))]);
    assert_ne!(written, ALL);
    let read = found(&[(150, disk(DiskFault::MisdirectedReads(ALWAYS)))]);
    assert_ne!(read, ALL);
}

#[test]
fn a_throttled_disk_takes_its_time() {
    let synced = |rate| {
        let throttle = disk(DiskFault::Throttle(BytesPerSecond(rate)));
        let sim = life(1, true, &[(1, throttle)]);
        sim.observer().times("synced")[0]
    };
    // Eight megabytes.
    assert!(synced(1_000_000_000) < ms(19), "{:?}", synced(1_000_000_000));
    assert!(synced(100_000_000) >= ms(90), "{:?}", synced(100_000_000));
}

#[test]
fn a_power_cut_tears_as_it_is_told() {
    /// The entries that can still be read, whatever lies before them.
    fn left(sim: &Sim) -> Vec<u64> {
        sim.disk_records(KEEPER).map(|(_, _, index, _, _)| index).collect()
    }
    let seen = |tearing| -> BTreeSet<Vec<u64>> {
        let torn = |seed| left(&life(seed, false, &[(1, disk(DiskFault::Tearing(tearing)))]));
        (0..40).map(torn).collect()
    };
    let prefix = |left: &Vec<u64>| left[..] == ALL[..left.len()];
    let suffix = |left: &Vec<u64>| left[..] == ALL[ALL.len() - left.len()..];
    assert!(seen(Tearing::Prefix).iter().all(prefix));
    assert!(seen(Tearing::Reordered).iter().all(suffix));
    assert!(seen(Tearing::Reordered).iter().any(|left| !prefix(left)));
    assert!(seen(Tearing::Subset).iter().any(|left| !prefix(left) && !suffix(left)));
}

#[test]
fn what_goes_bad_on_the_medium_can_not_be_read() {
    let corrupt = Fault::Corrupt { machine: MACHINE, disk: 0, ppm: ALWAYS };
    let sim = life(1, true, &[(150, corrupt)]);
    assert_eq!(sim.observer().ids("found"), [0u64; 0]);
    assert_eq!(sim.observer().ids("damaged"), [0]);
}

#[test]
fn swapped_disks_come_up_with_each_others_files() {
    let mut sim = world(1);
    let other = add(&mut sim, machine(), &[], keeper(0, true));
    let one =
        add(&mut sim, MachineSpec { name: "other".into(), ..machine() }, &[], keeper(50, true));
    for node in [one, other] {
        sim.schedule(ms(100), Fault::Crash { node });
        sim.schedule(ms(200), Fault::Restart { node });
    }
    sim.schedule(ms(150), Fault::SwapDisks { node: one, other });
    sim.run_until(ms(1_000));
    let found =
        |node| -> Vec<u64> { sim.disk_records(node).map(|(_, _, _, entry, _)| entry.id).collect() };
    assert_eq!(found(one), ALL);
    assert_eq!(found(other), ALL.map(|id| id + 50));
}
