//! Each resource when more is asked of it than it can do: what it does is its capacity, it is busy
//! all of the time, and 5 % less or more of it is told.

use headwater_sim::disk::{DiskId, DiskSpec, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond};
use headwater_sim::usage::{ResourceKind, Usage};
use headwater_tests::bench::{Bench, Ctx, Entry, Event, Saw, Sim, actor, add, simulation};

use crate::law::holds;

const DISK: DiskId = DiskId(0);
const WRITE: f64 = 100e6;
const READ: f64 = 200e6;
const ENTRY_BYTES: u64 = 10_000;
const SYNC: Duration = Duration::from_millis(1);
/// How long is measured, and after how long that begins.
const LENGTH: Duration = Duration::from_secs(4);
const FROM: Time = Time(1_000_000_000);

/// A disk that writes, reads and flushes at `speed` times what is stated here.
fn disk(speed: f64) -> DiskSpec {
    let rate = |rate: f64| BytesPerSecond((rate * speed) as u64);
    DiskSpec {
        write: rate(WRITE),
        read: rate(READ),
        sync: Distribution::constant(Duration((SYNC.0 as f64 / speed) as u64)),
        seek: Distribution::constant(Duration::ZERO),
        dirty_max: Bytes(40_000_000),
        cache: Bytes(0),
        ..DiskSpec::default()
    }
}

fn usage(sim: &Sim, kind: ResourceKind) -> Usage {
    let mut all = sim.usage().into_iter();
    all.find(|usage| usage.kind == kind).expect("the machine has it")
}

/// What `kind` did in a second, by the notes called `done`, after it was given time to fill. Fails
/// if it idled meanwhile, or was busier than all of the time.
fn rate(kind: ResourceKind, machine: MachineSpec, pools: &[u32], factory: Factory<Bench>) -> f64 {
    let mut sim = simulation(1, SimulationSpec::default());
    add(&mut sim, machine, pools, factory);
    sim.run_until(FROM);
    let before = usage(&sim, kind);
    sim.run_until(FROM + LENGTH);
    let busy = usage(&sim, kind).busy.saturating_sub(before.busy).as_secs_f64();
    let all = LENGTH.as_secs_f64() * f64::from(before.servers.max(1));
    assert!((0.999..=1.000_000_1).contains(&(busy / all)), "{kind:?} is busy {busy} of {all} s");
    let done = sim.observer().about("done").filter(|line| line.at > FROM).count();
    done as f64 / LENGTH.as_secs_f64()
}

/// Jobs of `cost` on so many threads at once, each followed by the next.
fn jobs(threads: u64, cost: f64) -> Factory<Bench> {
    let cost = Duration(cost as u64);
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => (0..threads).for_each(|id| ctx.compute(PoolId(0), cost, id)),
            Event::Done(id, _) => {
                ctx.note(Saw { what: "done", id, since: Time::ZERO });
                ctx.compute(PoolId(0), cost, id);
            }
            _ => {}
        }
    })
}

/// Cores without and with more threads than there are, and a pool without a limit of cores.
#[test]
fn cores_and_pools_do_as_much_as_they_have_servers_for() {
    const COST: f64 = 1e6;
    for servers in [1_u32, 8, 64] {
        let want = f64::from(servers) * 1e9 / COST;
        let cores = MachineSpec { cores: servers, ..MachineSpec::named("cores") };
        for threads in [u64::from(servers), 3 * u64::from(servers)] {
            holds(&format!("{threads} threads on {servers} cores"), want, 0.002, |speed| {
                rate(ResourceKind::Cpu, cores.clone(), &[0], jobs(threads, COST / speed))
            });
        }
        holds(&format!("a pool of {servers} threads"), want, 0.002, |speed| {
            let asked = jobs(2 * u64::from(servers), COST / speed);
            rate(ResourceKind::ThreadPool, MachineSpec::named("pool"), &[servers], asked)
        });
    }
}

/// A pool that has fewer threads than its machine has cores, and one that has more.
#[test]
fn the_lesser_of_threads_and_cores_is_the_capacity() {
    const COST: f64 = 1e6;
    for (threads, cores, kind) in
        [(5, 16, ResourceKind::ThreadPool), (16, 5, ResourceKind::Cpu), (9, 8, ResourceKind::Cpu)]
    {
        let machine = MachineSpec { cores, ..MachineSpec::named("machine") };
        let want = f64::from(threads.min(cores)) * 1e9 / COST;
        holds(&format!("{threads} threads on {cores} cores"), want, 0.002, |speed| {
            rate(kind, machine.clone(), &[threads], jobs(64, COST / speed))
        });
    }
}

fn disks(speed: f64) -> MachineSpec {
    MachineSpec { disks: vec![disk(speed)], ..MachineSpec::named("disks") }
}

/// Sixteen files, each of which is written and synced again as soon as it was.
fn syncs() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| {
            let write = |ctx: &mut Ctx<'_>, id: u64| {
                ctx.write(DISK, FileId(id), Entry { id, bytes: ENTRY_BYTES }, 100);
                ctx.sync(DISK, FileId(id), id);
            };
            match event {
                Event::Start => (0..16).for_each(|id| write(ctx, id)),
                Event::Done(id, _) if id < 16 => {
                    ctx.note(Saw { what: "done", id, since: Time::ZERO });
                    write(ctx, id);
                }
                _ => {}
            }
        }
    })
}

#[test]
fn a_disk_does_as_many_syncs_as_their_flushes_and_bytes_take() {
    let each = SYNC.as_secs_f64() + ENTRY_BYTES as f64 / WRITE;
    holds("syncs a second", 1.0 / each, 0.002, |speed| {
        rate(ResourceKind::Disk, disks(speed), &[], syncs())
    });
}

/// Eight records that no page cache has, each of which is read again as soon as it was.
fn reads() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                for id in 0..8 {
                    ctx.write(DISK, FileId(99), Entry { id, bytes: ENTRY_BYTES }, 100);
                }
                ctx.sync(DISK, FileId(99), 101);
            }
            Event::Done(101, _) => (0..8).for_each(|id| ctx.read(DISK, FileId(99), id, 1, id)),
            Event::Done(id, _) if id < 8 => {
                ctx.note(Saw { what: "done", id, since: Time::ZERO });
                ctx.read(DISK, FileId(99), id, 1, id);
            }
            _ => {}
        }
    })
}

#[test]
fn a_disk_reads_as_much_as_its_bandwidth_says() {
    holds("reads a second", READ / ENTRY_BYTES as f64, 0.002, |speed| {
        rate(ResourceKind::Disk, disks(speed), &[], reads())
    });
}

/// Reads a file that is larger than the cache from one end to the other, round and round, with so
/// many reads at a time.
fn scan(records: u64) -> Factory<Bench> {
    actor(move || {
        let mut next = 0;
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                for id in 0..records {
                    ctx.write(DISK, FileId(1), Entry { id, bytes: ENTRY_BYTES }, 100);
                }
                ctx.sync(DISK, FileId(1), 101);
            }
            Event::Done(101, _) => {
                (0..4).for_each(|id| ctx.read(DISK, FileId(1), id, 1, id));
                next = 4;
            }
            Event::Done(id, _) if id < 4 => {
                ctx.note(Saw { what: "done", id, since: Time::ZERO });
                ctx.read(DISK, FileId(1), next % records, 1, id);
                next += 1;
            }
            _ => {}
        }
    })
}

/// What the page cache just misses comes from the device, all of it.
#[test]
fn a_scan_of_more_than_the_page_cache_holds_goes_at_the_speed_of_the_disk() {
    let machine = |speed: f64| {
        let page_cache = Bytes(200 * ENTRY_BYTES);
        MachineSpec { page_cache, ..disks(speed) }
    };
    holds("a scan", READ / ENTRY_BYTES as f64, 0.002, |speed| {
        rate(ResourceKind::Disk, machine(speed), &[], scan(210))
    });
}

/// Ten threads that write as fast as they are let, to a file each, and reads of cold records, each
/// of which comes after so long whatever became of those before.
fn writers(read_every: Option<Duration>) -> Factory<Bench> {
    const READ_AGAIN: u64 = 50;
    const COLD: FileId = FileId(99);
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| {
            let write = |ctx: &mut Ctx<'_>, id: u64| {
                ctx.write(DISK, FileId(id), Entry { id, bytes: ENTRY_BYTES }, id);
            };
            match event {
                Event::Start => {
                    ctx.write(DISK, COLD, Entry { id: 0, bytes: ENTRY_BYTES }, 100);
                    (0..10).for_each(|id| write(ctx, id));
                    read_every.into_iter().for_each(|every| ctx.timer(every, READ_AGAIN));
                }
                Event::Timer(READ_AGAIN) => {
                    ctx.read(DISK, COLD, 0, 1, 100);
                    ctx.timer(read_every.expect("it reads"), READ_AGAIN);
                }
                Event::Done(id, _) if id < 10 => {
                    ctx.note(Saw { what: "done", id, since: Time::ZERO });
                    // A write that is not throttled takes no time: 20 us for the call.
                    ctx.timer(Duration::from_micros(20), id);
                }
                Event::Timer(id) => write(ctx, id),
                _ => {}
            }
        }
    })
}

/// What writers are let is what the disk writes back, in the long run.
#[test]
fn writers_of_the_page_cache_go_at_the_speed_of_writeback() {
    holds("written back a second", WRITE / ENTRY_BYTES as f64, 0.02, |speed| {
        rate(ResourceKind::Disk, disks(speed), &[], writers(None))
    });
}

/// A read of 50 us every 125 us is 40 % of the disk's time, and writeback has what is left.
#[test]
fn writeback_has_what_reads_leave_of_a_disk() {
    let every = Duration::from_micros(125);
    let left = 1.0 - ENTRY_BYTES as f64 / READ / every.as_secs_f64();
    holds("written beside reads", left * WRITE / ENTRY_BYTES as f64, 0.03, |speed| {
        rate(ResourceKind::Disk, disks(speed), &[], writers(Some(every)))
    });
}
