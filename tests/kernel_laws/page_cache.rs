//! The page cache against closed forms, and reads of the device as a queue.

use headwater_sim::disk::{DiskId, DiskSpec, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::machine::MachineSpec;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond};
use headwater_sim::usage::ResourceKind;
use headwater_tests::bench::{Ctx, Entry, Event, Saw, Sim, actor, add, simulation};
use rand::Rng;
use rand::distr::Distribution as _;

use crate::law::{Speeds, holds};

const FILE: FileId = FileId(1);
/// 100 MB/s: an entry of 10,000 B takes 100 us.
const BANDWIDTH: BytesPerSecond = BytesPerSecond(100_000_000);
const ENTRY_BYTES: u64 = 10_000;
const TRANSFER: Duration = Duration(ENTRY_BYTES * 10);
/// Of those at random a tenth that hits is known to 1 %.
const READS: u64 = 90_000;
const SKIP: usize = 10_000;

/// Two disks and room for so many entries in the page cache.
fn machine(cached: u64) -> MachineSpec {
    faster(cached, 1.0)
}

/// With disks that read `speed` times as fast.
fn faster(cached: u64, speed: f64) -> MachineSpec {
    let none = Distribution::constant(Duration::ZERO);
    let page_cache = Bytes(cached * ENTRY_BYTES);
    let (sync, seek, cache) = (none.clone(), none, page_cache);
    let read = BytesPerSecond((BANDWIDTH.0 as f64 * speed) as u64);
    let disk = DiskSpec { read, sync, seek, cache, ..DiskSpec::default() };
    MachineSpec { disks: vec![disk.clone(), disk], page_cache, ..MachineSpec::named("bench") }
}

/// Writes `records` and reads one after the other, as `pick` says of (how many, a draw, which);
/// the part of the reads behind the first 10,000 that the cache answers.
fn hits(cached: u64, records: u64, pick: fn(u64, u64, u64) -> u64) -> f64 {
    let factory = actor(move || {
        move |ctx: &mut Ctx<'_>, event| {
            let next = |ctx: &mut Ctx<'_>, nth: u64| {
                let drawn = ctx.random().random_range(0..records);
                let record = pick(records, drawn, nth);
                // Half of the records lie on either disk: they share the cache.
                let disk = DiskId((record % 2) as u8);
                ctx.read(disk, FILE, record / 2, 1, nth << 40 | ctx.now().0);
            };
            match event {
                Event::Start => {
                    for id in 0..records {
                        let entry = Entry { id, bytes: ENTRY_BYTES };
                        ctx.write(DiskId((id % 2) as u8), FILE, entry, 0);
                    }
                    next(ctx, 1);
                }
                Event::Done(tag, _) if tag > 0 => {
                    let (nth, since) = (tag >> 40, Time(tag & ((1 << 40) - 1)));
                    ctx.note(Saw { what: "read", id: nth, since });
                    if nth < READS {
                        next(ctx, nth + 1);
                    }
                }
                _ => {}
            }
        }
    });
    let mut sim = simulation(1, SimulationSpec::default());
    add(&mut sim, machine(cached), &[], factory);
    sim.run_until(Time::ZERO + Duration::from_secs(100));
    let reads = sim.observer().about("read").skip(SKIP);
    let hit = reads.filter(|line| line.at == line.saw.since).count();
    hit as f64 / (READS as usize - SKIP) as f64
}

/// Least recently used: a loop larger than the cache finds nothing of what it left there.
#[test]
fn a_cyclic_scan_hits_always_or_never() {
    let cyclic = |records, _, nth| nth % records;
    assert_eq!([99, 100, 101].map(|records| hits(100, records, cyclic)), [1.0, 1.0, 0.0]);
}

/// Whatever is pushed out first: each record is as likely to be there as any.
#[test]
fn uniform_reads_hit_as_often_as_the_cache_is_large() {
    for cached in [100, 250, 900] {
        let want = cached as f64 / 1_000.0;
        // A cache of 5 % more or less room is not one of this size.
        holds(&format!("{cached} of 1,000"), want, 0.025, |room| {
            hits((cached as f64 * room).round() as u64, 1_000, |_, drawn, _| drawn)
        });
    }
}

/// Poisson reads of cold records, of one entry or of nine.
fn poisson_reads(load: f64, reads: u64, speed: f64) -> Sim {
    let service = 0.75 * TRANSFER.0 as f64 + 0.25 * 9.0 * TRANSFER.0 as f64;
    let mean = Duration((service / load) as u64);
    let gap = Distribution::Exponential { floor: Duration::ZERO, mean };
    let factory = actor(move || {
        let gap = gap.clone();
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                let small = Entry { id: 0, bytes: ENTRY_BYTES };
                let large = Entry { id: 1, bytes: 9 * ENTRY_BYTES };
                [small, large].into_iter().for_each(|entry| ctx.write(DiskId(0), FILE, entry, 0));
                ctx.timer(Duration::from_millis(1), 1);
            }
            Event::Timer(nth) => {
                let record = u64::from(ctx.random().random_ratio(1, 4));
                ctx.read(DiskId(0), FILE, record, 1, ctx.now().0);
                if nth < reads {
                    let next = gap.sample(ctx.random());
                    ctx.timer(next, nth + 1);
                }
            }
            Event::Done(since, _) if since > 0 => {
                ctx.note(Saw { what: "read", id: 0, since: Time(since) });
            }
            _ => {}
        }
    });
    let mut sim = simulation(1, SimulationSpec::default());
    add(&mut sim, faster(0, speed), &[], factory);
    sim.run_until(Time::ZERO + Duration(mean.0 * reads));
    sim
}

/// Mean wait = load / (1 - load) x E[S^2] / 2 E[S] (Pollaczek-Khinchine).
#[test]
fn reads_of_a_disk_queue_as_m_g_1_says() {
    let load = 0.7;
    let runs = Speeds::run(|speed| poisson_reads(load, 300_000, speed));
    let unit = TRANSFER.0 as f64;
    let (mean, square) = (0.75 + 0.25 * 9.0, 0.75 + 0.25 * 81.0);
    let theory = mean + load / (1.0 - load) * square / (2.0 * mean);
    holds("M/G/1 of reads", theory, 0.025, |speed| {
        runs.at(speed).observer().mean_ns("read", 1_000) / unit
    });
    holds("utilisation", load, 0.01, |speed| {
        let mut all = runs.at(speed).usage().into_iter();
        let usage = all.find(|usage| usage.kind == ResourceKind::Disk).unwrap();
        usage.busy.0 as f64 / runs.at(speed).now().0 as f64
    });
}
