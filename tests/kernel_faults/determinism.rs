//! The same seed gives the same run: twice, on either queue, in any build profile.

use rand::Rng;
use rand::RngCore;
use rand::distr::Distribution as _;
use std::collections::BTreeSet;

use headwater_sim::clock::ClockChange;
use headwater_sim::condition::Condition;
use headwater_sim::device::DiskFault;
use headwater_sim::disk::{DiskId, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::fault::Fault;
use headwater_sim::files::Tearing;
use headwater_sim::impairment::Impairment;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::queue::{CalendarQueue, EventQueue, HeapQueue};
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond, MachineId, NodeId};
use headwater_tests::bench::simulation_on;
use headwater_tests::bench::{Bench, Ctx, Entry, Event, Letter, Line, Sim, actor, add};

use crate::{ms, saw};

/// Nodes that everything happens to.
const NODES: u32 = 5;

/// Draws its every step: writes to a peer, computes, writes to disk, syncs, waits.
fn restless() -> Factory<Bench> {
    actor(|| {
        let pause = Distribution::LogNormal {
            median: Duration::from_micros(300),
            p99: Duration::from_millis(5),
        };
        move |ctx: &mut Ctx<'_>, event| {
            if let Event::Letter(_, letter) = &event {
                saw(ctx, "got", letter.id);
            }
            if !matches!(event, Event::Start | Event::Timer(_)) {
                return;
            }
            let id = ctx.random().next_u64() >> 32;
            let peer = NodeId((ctx.me().0 + 1 + (id % u64::from(NODES - 1)) as u32) % NODES);
            let file = FileId(id % 3);
            match ctx.random().random_range(0..5_u64) {
                0 => ctx.send(peer, Letter { id, bytes: id % 4_000 }),
                1 => ctx.datagram(peer, Letter { id, bytes: 100 }),
                2 => ctx.compute(PoolId(0), Duration(id % 1_000_000), id),
                3 => ctx.read(DiskId(0), file, id % 8, 4, 2),
                _ => {
                    ctx.write(DiskId(0), file, Entry { id, bytes: id % 4_000 }, 0);
                    ctx.sync(DiskId(0), file, 1);
                }
            }
            let wait = pause.sample(ctx.random());
            ctx.timer(wait, 0);
        }
    })
}

const NODE: NodeId = NodeId(1);
const MACHINE: MachineId = MachineId(2);

/// Every fault that the kernel knows, one after another, with time to recover.
fn faults() -> Vec<(u64, Fault)> {
    let all = [lives(), links(), limps(), disks(), surroundings()].concat();
    (0..).zip(all).map(|(index, fault)| (100 + 12 * index, fault)).collect()
}

fn lives() -> Vec<Fault> {
    let node = NODE;
    vec![
        Fault::Crash { node },
        Fault::Restart { node },
        Fault::Pause { node },
        Fault::Resume { node },
    ]
}

fn links() -> Vec<Fault> {
    let (one, others) = (vec![NodeId(0)], vec![NodeId(3), NodeId(4)]);
    let ends = || (one.clone(), others.clone());
    let (from, to) = ends();
    let extra = Distribution::Exponential { floor: Duration::ZERO, mean: Duration(2_000_000) };
    let (rate, queue) = (BytesPerSecond(1_000_000), Bytes(10_000));
    let mut all = vec![];
    for symmetric in [true, false] {
        let (from, to) = ends();
        all.push(Fault::Partition { from, to, symmetric });
    }
    all.push(Fault::Rejoin { from, to, symmetric: false });
    all.push(Fault::Heal);
    for lasting in [true, false] {
        let ((from, to), extra) = (ends(), extra.clone());
        all.push(Fault::SlowLink { from, to, extra, lasting });
    }
    for by in [
        Impairment::Loss(50_000),
        Impairment::Duplicate(50_000),
        Impairment::Reorder { ppm: 50_000, by: extra },
        Impairment::Bandwidth { rate, queue },
    ] {
        let (from, to) = ends();
        all.push(Fault::Impair { from, to, by });
    }
    let ways = [(one.clone(), others.clone()), (others.clone(), one.clone())];
    all.extend(ways.clone().map(|(from, to)| Fault::Clog { from, to }));
    all.extend(ways.map(|(from, to)| Fault::Unclog { from, to }));
    let (from, to) = ends();
    all.push(Fault::HalfOpen { from, to });
    let (from, to) = ends();
    all.push(Fault::Reset { from, to });
    let (from, to) = ends();
    all.push(Fault::RestoreLink { from, to });
    all.extend([true, false].map(|refuse| Fault::Refuse { node: NODE, refuse }));
    all
}

fn limps() -> Vec<Fault> {
    let machine = MACHINE;
    let limp = |percent| {
        let disk = 0;
        [
            Fault::SlowNic { machine, percent },
            Fault::SlowDisk { machine, disk, percent },
            Fault::SlowCpu { machine, percent },
        ]
    };
    [700, 100].map(limp).concat()
}

/// Every way in which a disk can misbehave, and a power cut on top.
fn disks() -> Vec<Fault> {
    let (machine, disk, some) = (MACHINE, 0, 100_000);
    let how = [
        DiskFault::Tearing(Tearing::Subset),
        DiskFault::ReadErrors(some),
        DiskFault::WriteErrors(some),
        DiskFault::SyncErrors { ppm: some, forgets: true },
        DiskFault::ShortReads(some),
        DiskFault::LostWrites(some),
        DiskFault::LostSyncs(some),
        DiskFault::MisdirectedWrites(some),
        DiskFault::MisdirectedReads(some),
        DiskFault::Throttle(BytesPerSecond(20_000_000)),
    ];
    let mut all = vec![
        Fault::FillDisk { machine, disk, full: true },
        Fault::FillDisk { machine, disk, full: false },
        Fault::StallDisk { machine, disk, time: Duration::from_millis(5) },
    ];
    all.extend(how.map(|how| Fault::Disk { machine, disk, how }));
    all.push(Fault::PowerCut { machine });
    all.push(Fault::PowerOn { machine });
    all.push(Fault::Corrupt { machine, disk, ppm: some });
    all
}

/// Clocks, quotas, services outside; a shutdown, and disks that change hands while both are down.
fn surroundings() -> Vec<Fault> {
    let (node, other, machine) = (NODE, NodeId(2), MACHINE);
    let changes = [
        ClockChange::Step(-1_000_000),
        ClockChange::Drift(1_000_000),
        ClockChange::Jitter(Duration::from_micros(100)),
        ClockChange::Right,
    ];
    let mut all = changes.map(|change| Fault::Clock { node, change }).to_vec();
    let period = Duration::from_millis(3);
    all.extend([30, 100].map(|percent| Fault::ThrottleCpu { machine, percent, period }));
    let condition = Condition { name: "busy".into(), value: 3 };
    all.extend([
        Fault::Condition { node, condition },
        Fault::Shutdown { node },
        Fault::Crash { node: other },
        Fault::SwapDisks { node, other },
        Fault::RenameFile { node, from: FileId(0), to: FileId(1) },
        Fault::WipeDisk { node, disk: None },
        Fault::Restart { node },
        Fault::Restart { node: other },
    ]);
    all
}

fn world<Q: EventQueue>(seed: u64, faults: Vec<(u64, Fault)>) -> Sim<Q> {
    let mut sim = simulation_on::<Q>(seed, SimulationSpec::default());
    for number in 0..NODES {
        let nic = BytesPerSecond(50_000_000);
        let machine =
            MachineSpec { cores: 2, nic, ..MachineSpec::named(format!("machine-{number}")) };
        add(&mut sim, machine, &[1], restless());
    }
    for (at, fault) in faults {
        sim.schedule(ms(at), fault);
    }
    sim
}

const END: Time = ms(1_000);

fn run<Q: EventQueue>(seed: u64) -> Sim<Q> {
    let mut sim = world(seed, faults());
    sim.run_until(END);
    sim
}

#[test]
fn every_fault_of_the_kernel_is_among_them() {
    let names: BTreeSet<&str> = faults().iter().map(|(_, fault)| fault.name()).collect();
    assert_eq!(names.len(), 31, "{names:?}");
    let last = faults().iter().map(|(at, _)| *at).max();
    assert!(last.is_some_and(|last| ms(last + 50) < END), "the last is at {last:?} ms");
}

/// The fingerprint of seed 7. It is the same in every build profile and on every machine; a change
/// of it changes results, and belongs into the changelog under "results change".
const GOLDEN: u64 = 0x1d78_8478_f10e_8494;

#[test]
fn the_fingerprint_of_seed_7_is_golden_in_every_build_profile() {
    let sim = run::<CalendarQueue>(7);
    assert!(sim.totals().events > 5_000, "{:?}", sim.totals());
    let have = sim.fingerprint();
    assert_eq!(have, GOLDEN, "the fingerprint is {have:#018x}, not {GOLDEN:#018x}");
}

#[test]
fn a_seed_gives_the_same_run_twice_and_another_seed_another() {
    for seed in 0..10 {
        let (first, second) = (run::<CalendarQueue>(seed), run::<CalendarQueue>(seed));
        assert_eq!(first.fingerprint(), second.fingerprint(), "seed {seed}");
        assert_eq!(first.observer().0, second.observer().0, "seed {seed}");
        assert_ne!(first.fingerprint(), run::<CalendarQueue>(seed + 1).fingerprint());
    }
}

#[test]
fn both_queues_give_the_same_run() {
    for seed in 0..10 {
        let (heap, calendar) = (run::<HeapQueue>(seed), run::<CalendarQueue>(seed));
        assert_eq!(heap.fingerprint(), calendar.fingerprint(), "seed {seed}");
        assert_eq!(heap.totals(), calendar.totals(), "seed {seed}");
    }
}

#[test]
fn it_does_not_matter_in_how_many_pieces_a_run_is_run() {
    let mut pieces = world::<CalendarQueue>(7, faults());
    while pieces.now() < END {
        pieces.run_until(pieces.now() + Duration::from_micros(700));
    }
    pieces.run_until(END);
    let whole = {
        let mut sim = world::<CalendarQueue>(7, faults());
        sim.run_until(pieces.now());
        sim
    };
    assert_eq!(pieces.fingerprint(), whole.fingerprint());
}

#[test]
fn checkpoints_bracket_the_first_event_that_differs() {
    let with = run::<CalendarQueue>(7);
    let mut without = world::<CalendarQueue>(7, vec![]);
    without.run_until(END);
    let pairs = || with.checkpoints().iter().zip(without.checkpoints());
    let same = pairs().take_while(|(left, right)| left == right).count();
    assert!(same > 0, "nothing differs before the first fault at 100 ms");
    assert!(pairs().skip(same).all(|(left, right)| left.hash != right.hash));
}

/// Common random numbers: who comes last draws from streams of its own.
#[test]
fn a_node_more_shifts_no_draw_of_the_others() {
    let alone = run::<CalendarQueue>(7);
    let mut joined = world::<CalendarQueue>(7, faults());
    add(&mut joined, MachineSpec::named("hermit"), &[], restless_hermit());
    joined.run_until(END);
    let others: Vec<Line> =
        joined.observer().0.iter().filter(|line| line.node.0 < NODES).copied().collect();
    assert_eq!(alone.observer().0, others);
    assert!(joined.observer().0.len() > others.len(), "the hermit did something");
}

/// Draws and notes, and writes to nobody.
fn restless_hermit() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, _event| {
            let id = ctx.random().random_range(0..1_000_u64);
            saw(ctx, "thought", id);
            ctx.timer(Duration::from_millis(3), 0);
        }
    })
}
