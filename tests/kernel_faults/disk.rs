//! Slow, stalled, full and wiped disks, and the power cut.

use std::collections::BTreeSet;

use headwater_sim::disk::{DiskError, DiskId, DiskSpec, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::node::Completion;
use headwater_sim::time::Duration;
use headwater_sim::units::{MachineId, NodeId};
use headwater_tests::bench::{Bench, Ctx, Entry, Event, Sim, actor, add};

use crate::{letter, ms, saw, world};

const DISK: DiskId = DiskId(0);
const FILE: FileId = FileId(1);
const KEEPER: NodeId = NodeId(0);
const MACHINE: MachineId = MachineId(0);

fn machine() -> MachineSpec {
    let sync = Distribution::constant(Duration::from_millis(2));
    let disk = DiskSpec { sync, ..DiskSpec::default() };
    MachineSpec { disks: vec![disk], ..MachineSpec::named("keeper") }
}

/// Every 10 ms writes an empty entry and syncs it; notes the milliseconds that the sync took.
fn syncer() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration::from_millis(10), 10),
            Event::Timer(at) => {
                ctx.write(DISK, FILE, Entry { id: at, bytes: 0 }, 0);
                ctx.sync(DISK, FILE, at);
                ctx.timer(Duration::from_millis(10), at + 10);
            }
            Event::Done(0, Completion::Failed(error)) => {
                assert_eq!(error, DiskError::Full);
                saw(ctx, "refused", ctx.now().0 / 1_000_000);
            }
            Event::Done(0, _) => saw(ctx, "written", ctx.now().0 / 1_000_000),
            Event::Done(at, _) => saw(ctx, "synced in ms", ctx.now().0 / 1_000_000 - at),
            _ => {}
        }
    })
}

fn with_faults(faults: &[(u64, Fault)], until: u64) -> Sim {
    let mut sim = world(1);
    add(&mut sim, machine(), &[], syncer());
    for (at, fault) in faults {
        sim.schedule(ms(*at), fault.clone());
    }
    sim.run_until(ms(until));
    sim
}

#[test]
fn a_slow_disk_stretches_every_sync_until_it_is_restored() {
    let slow = |percent| Fault::SlowDisk { machine: MACHINE, disk: 0, percent };
    let sim = with_faults(&[(15, slow(400)), (35, slow(100))], 60);
    assert_eq!(sim.observer().ids("synced in ms"), [2, 8, 8, 2, 2]);
}

#[test]
fn a_stalled_disk_serves_nothing_for_a_while() {
    let time = Duration::from_millis(30);
    let sim = with_faults(&[(15, Fault::StallDisk { machine: MACHINE, disk: 0, time })], 64);
    // It is back at 45 ms; the syncs of 20 to 50 ms then take 2 ms each, one after the other.
    assert_eq!(sim.observer().ids("synced in ms"), [2, 27, 19, 11, 3, 2]);
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_space() {
    let fill = |full| Fault::FillDisk { machine: MACHINE, disk: 0, full };
    let sim = with_faults(&[(15, fill(true)), (35, fill(false))], 55);
    assert_eq!(sim.observer().ids("refused"), [20, 30]);
    assert_eq!(sim.observer().ids("written"), [10, 40, 50]);
}

/// Writes 4 entries and syncs, then writes 4 more; on a later start reads back what is there.
fn keeper() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| {
            let write = |ctx: &mut Ctx<'_>, ids: std::ops::Range<u64>| {
                ids.for_each(|id| ctx.write(DISK, FILE, Entry { id, bytes: 100 }, 1));
            };
            match event {
                Event::Start => ctx.read(DISK, FILE, 0, 10, 2),
                Event::Done(2, Completion::Failed(error)) => {
                    assert_eq!(error, DiskError::NoSuchFile);
                    saw(ctx, "empty", 0);
                    write(ctx, 0..4);
                    ctx.sync(DISK, FILE, 3);
                }
                Event::Done(3, _) => write(ctx, 4..8),
                Event::Done(2, Completion::Read { records, damaged }) => {
                    records.iter().for_each(|record| saw(ctx, "found", record.id));
                    saw(ctx, if damaged { "torn" } else { "whole" }, records.len() as u64);
                }
                Event::Letter(_, letter) => saw(ctx, "got", letter.id),
                _ => {}
            }
        }
    })
}

/// Writes to the keeper every 10 ms.
fn caller() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration::from_millis(10), 1),
            Event::Timer(id) => {
                ctx.send(KEEPER, letter(id));
                ctx.timer(Duration::from_millis(10), id + 1);
            }
            Event::Broken(_) => saw(ctx, "broken", 0),
            _ => {}
        }
    })
}

fn power_cut(seed: u64) -> Sim {
    let mut sim = world(seed);
    add(&mut sim, machine(), &[], keeper());
    add(&mut sim, MachineSpec::named("caller"), &[], caller());
    sim.schedule(ms(32), Fault::PowerCut { machine: MACHINE });
    sim.schedule(ms(60), Fault::PowerOn { machine: MACHINE });
    sim.run_until(ms(400));
    sim
}

#[test]
fn a_power_cut_keeps_what_was_synced_and_a_seeded_prefix_of_the_rest() {
    let (mut lengths, mut torn) = (BTreeSet::new(), 0);
    for seed in 0..40 {
        let sim = power_cut(seed);
        let found = sim.observer().ids("found");
        assert!(found.len() >= 4, "seed {seed}: {found:?} lacks what was synced");
        assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>(), "seed {seed}: a prefix");
        let again = power_cut(seed).observer().ids("found");
        assert_eq!(found, again, "seed {seed} decides what survives");
        lengths.insert(found.len());
        torn += sim.observer().ids("torn").len();
    }
    assert_eq!(lengths, BTreeSet::from([4, 5, 6, 7, 8]), "everything between none and all");
    assert!((5..35).contains(&torn), "{torn} of 40 cuts tore a record");
}

#[test]
fn a_power_cut_says_nothing_to_the_peers() {
    let sim = power_cut(1);
    let got = sim.observer().ids("got");
    assert_eq!(got[..2], [1, 2], "3 was under way");
    // The caller hears of the death from the machine that came back, when it retransmits.
    let broken = sim.observer().times("broken");
    assert!(broken.first().is_none_or(|at| *at > ms(60)), "{broken:?}");
    assert!(sim.observer().times("got").iter().all(|at| *at < ms(32) || *at > ms(60)));
}

#[test]
fn a_renamed_file_is_found_under_its_new_name_alone() {
    let mut sim = world(1);
    add(&mut sim, machine(), &[], keeper());
    sim.run_until(ms(30));
    let files = |sim: &Sim| sim.disk_records(KEEPER).map(|(_, file, ..)| file).collect();
    let before: BTreeSet<FileId> = files(&sim);
    let (from, to) = (*before.first().unwrap(), FileId(77));
    sim.inject(&Fault::RenameFile { node: KEEPER, from, to });
    let renamed = before.iter().map(|file| if *file == from { to } else { *file });
    assert_eq!(files(&sim), renamed.collect());
    sim.inject(&Fault::RenameFile { node: KEEPER, from, to: FileId(78) });
    assert!(!files(&sim).contains(&FileId(78)), "there is nothing left under the old name");
}

#[test]
fn a_wiped_disk_is_empty_after_the_restart() {
    let mut sim = world(1);
    add(&mut sim, machine(), &[], keeper());
    sim.schedule(ms(30), Fault::Crash { node: KEEPER });
    sim.schedule(ms(31), Fault::WipeDisk { node: KEEPER, disk: None });
    sim.run_until(ms(32));
    assert_eq!(sim.disk_records(KEEPER).count(), 0);
    sim.schedule(ms(40), Fault::Restart { node: KEEPER });
    sim.run_until(ms(60));
    assert_eq!(sim.observer().ids("empty"), [0, 0]);
    assert_eq!(sim.observer().ids("found"), [0u64; 0]);
}
