//! The disk: group commit, and syncs as a queue.

use headwater_sim::disk::{DiskId, DiskOp, DiskSpec, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond};
use headwater_sim::usage::ResourceKind;
use headwater_tests::bench::{Bench, Ctx, Entry, Event, Saw, Sim, actor, add, simulation};
use rand::distr::Distribution as _;

use crate::law::{Speeds, holds};

/// Dirty bytes above which a write waits.
const DIRTY_MAX: u64 = 100 * ENTRY_BYTES;
const SYNC: Duration = Duration::from_millis(2);
/// 100 MB/s: an entry of 10,000 B takes 100 us.
const BANDWIDTH: BytesPerSecond = BytesPerSecond(100_000_000);
const ENTRY_BYTES: u64 = 10_000;
const TRANSFER: Duration = Duration(ENTRY_BYTES * 10);
const DISK: DiskId = DiskId(0);

fn machine() -> MachineSpec {
    faster(1.0)
}

/// With a disk of `speed` times the speed.
fn faster(speed: f64) -> MachineSpec {
    let disk = DiskSpec {
        sync: Distribution::constant(Duration((SYNC.0 as f64 / speed) as u64)),
        write: BytesPerSecond((BANDWIDTH.0 as f64 * speed) as u64),
        dirty_max: Bytes(DIRTY_MAX),
        ..DiskSpec::default()
    };
    MachineSpec { disks: vec![disk], ..MachineSpec::named("bench") }
}

fn run(factory: Factory<Bench>, length: Duration) -> Sim {
    run_on(machine(), factory, length)
}

fn run_on(machine: MachineSpec, factory: Factory<Bench>, length: Duration) -> Sim {
    let mut sim = simulation(1, SimulationSpec::default());
    add(&mut sim, machine, &[], factory);
    sim.run_until(Time::ZERO + length);
    sim
}

/// `writers` clients, each with one entry under way; entries written while a sync runs share the
/// next one.
fn group_commit(writers: u64) -> Factory<Bench> {
    actor(move || {
        let mut joined = 0;
        move |ctx: &mut Ctx<'_>, event| {
            match event {
                Event::Start => joined = writers,
                Event::Done(0, _) => {
                    for id in 0..joined {
                        ctx.note(Saw { what: "committed", id, since: Time::ZERO });
                    }
                }
                _ => return,
            }
            for id in 0..joined {
                let entry = Entry { id, bytes: ENTRY_BYTES };
                ctx.write(DISK, FileId(1), entry, 1);
            }
            ctx.sync(DISK, FileId(1), 0);
        }
    })
}

/// Entries per second = group / (sync + group * transfer): a sync costs the same for one or many.
#[test]
fn group_commit_pays_one_sync_for_the_whole_group() {
    let length = Duration::from_secs(20);
    for writers in [1, 8, 64] {
        let cycle = SYNC + TRANSFER * writers;
        let theory = writers as f64 / cycle.as_secs_f64();
        holds(&format!("group of {writers}"), theory, 0.005, |speed| {
            let sim = run_on(faster(speed), group_commit(writers), length);
            sim.observer().0.len() as f64 / length.as_secs_f64()
        });
    }
}

/// Poisson syncs, one entry each: the device is an M/D/1 queue.
fn poisson_syncs(load: f64) -> Factory<Bench> {
    let service = SYNC + TRANSFER;
    let mean = Duration((service.0 as f64 / load) as u64);
    let gap = Distribution::Exponential { floor: Duration::ZERO, mean };
    actor(move || {
        let gap = gap.clone();
        let mut asked = vec![Time::ZERO];
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                let first = gap.sample(ctx.random());
                ctx.timer(first, 1);
            }
            Event::Timer(id) => {
                asked.push(ctx.now());
                // A file each: two syncs of one file would share the bytes.
                let file = FileId(id % 512);
                ctx.write(DISK, file, Entry { id, bytes: ENTRY_BYTES }, 0);
                ctx.sync(DISK, file, id);
                let next = gap.sample(ctx.random());
                ctx.timer(next, id + 1);
            }
            Event::Done(id, _) if id > 0 => {
                ctx.note(Saw { what: "synced", id, since: asked[id as usize] });
            }
            _ => {}
        }
    })
}

#[test]
fn syncs_of_many_files_queue_as_m_d_1_says() {
    let load = 0.7;
    let service = (SYNC + TRANSFER).0 as f64;
    let run = |speed| run_on(faster(speed), poisson_syncs(load), Duration::from_secs(400));
    let runs = Speeds::run(run);
    holds("M/D/1 of syncs", 1.0 + load / (2.0 * (1.0 - load)), 0.02, |speed| {
        runs.at(speed).observer().mean_ns("synced", 1_000) / service
    });
    holds("utilisation of the disk", load, 0.01, |speed| {
        let mut all = runs.at(speed).usage().into_iter();
        let usage = all.find(|usage| usage.kind == ResourceKind::Disk).unwrap();
        usage.busy.0 as f64 / runs.at(speed).now().0 as f64
    });
}

#[test]
fn a_write_without_a_sync_costs_no_time_and_a_sync_pays_for_its_bytes() {
    let sim = run(
        actor(|| {
            |ctx: &mut Ctx<'_>, event| match event {
                Event::Start => {
                    (0..50).for_each(|id| {
                        ctx.write(DISK, FileId(0), Entry { id, bytes: ENTRY_BYTES }, 1);
                    });
                    ctx.sync(DISK, FileId(0), 2);
                }
                Event::Done(tag, _) => {
                    let what = if tag == 1 { "written" } else { "synced" };
                    ctx.note(Saw { what, id: tag, since: Time::ZERO });
                }
                _ => {}
            }
        }),
        Duration::from_secs(1),
    );
    assert!(sim.observer().times("written").iter().all(|at| *at == Time::ZERO));
    assert_eq!(sim.observer().times("synced"), [Time::ZERO + SYNC + TRANSFER * 50]);
}

/// Writes `entries` at once, and once more after `again`; when each write was done.
fn dirty(entries: u64, again: Option<DiskOp<Entry>>) -> Vec<Time> {
    let factory = actor(move || {
        let mut again = again.clone();
        move |ctx: &mut Ctx<'_>, event| {
            let write = |ctx: &mut Ctx<'_>| {
                let entry = |id| Entry { id, bytes: ENTRY_BYTES };
                (0..entries).for_each(|id| ctx.write(DISK, FileId(0), entry(id), 1));
            };
            match event {
                Event::Start => {
                    write(ctx);
                    if let Some(op) = again.take() {
                        ctx.disk(DISK, op, 2);
                        write(ctx);
                    }
                }
                Event::Done(1, _) => ctx.note(Saw { what: "written", id: 0, since: Time::ZERO }),
                _ => {}
            }
        }
    });
    run(factory, Duration::from_secs(1)).observer().times("written")
}

#[test]
fn writes_at_the_dirty_limit_wait_until_the_excess_is_on_the_device() {
    let times = dirty(130, None);
    // Nothing waits up to half way between the background limit, 50, and that of writers.
    assert!(times[..75].iter().all(|at| *at == Time::ZERO), "{times:?}");
    assert!(times[75..].is_sorted(), "{times:?}");
    // The last has to wait until the 30 beyond the limit are written.
    let last = *times.last().unwrap();
    assert!(last >= Time::ZERO + TRANSFER * 30, "{last:?}");
    assert!(last <= Time::ZERO + TRANSFER * 60, "{last:?}");
}

#[test]
fn an_ordered_journal_makes_a_sync_wait_for_what_is_dirty_of_other_files() {
    let synced = |ordered| {
        let disk = DiskSpec { ordered, ..machine().disks[0].clone() };
        let machine = MachineSpec { disks: vec![disk], ..machine() };
        let mut sim = simulation(1, SimulationSpec::default());
        let factory = actor(|| {
            |ctx: &mut Ctx<'_>, event| match event {
                Event::Start => {
                    let entry = |id| Entry { id, bytes: ENTRY_BYTES };
                    (0..40).for_each(|id| ctx.write(DISK, FileId(7), entry(id), 1));
                    ctx.write(DISK, FileId(0), entry(40), 1);
                    ctx.sync(DISK, FileId(0), 2);
                }
                Event::Done(2, _) => ctx.note(Saw { what: "synced", id: 0, since: Time::ZERO }),
                _ => {}
            }
        });
        add(&mut sim, machine, &[], factory);
        sim.run_until(Time::ZERO + Duration::from_secs(1));
        sim.observer().times("synced")[0]
    };
    assert_eq!(synced(false), Time::ZERO + SYNC + TRANSFER);
    assert_eq!(synced(true), Time::ZERO + SYNC + TRANSFER * 41);
}

#[test]
fn dirty_data_of_a_deleted_or_truncated_file_counts_no_longer() {
    let file = FileId(0);
    for op in [DiskOp::Delete { file }, DiskOp::Truncate { file, keep: 0 }] {
        // Of the first 54 the device has 20 already: it began at 50.
        let times = dirty(54, Some(op.clone()));
        assert_eq!(times.len(), 108);
        assert_eq!(times.last(), Some(&Time::ZERO), "{op:?}");
    }
}
