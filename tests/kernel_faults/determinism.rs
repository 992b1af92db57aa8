//! The same seed gives the same run: twice, on either queue, in any build profile.

use headwater_sim::disk::{DiskId, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::queue::{CalendarQueue, EventQueue, HeapQueue};
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{BytesPerSecond, MachineId, NodeId};
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
            match ctx.random().below(4) {
                0 => ctx.send(peer, Letter { id, bytes: id % 4_000 }),
                1 => ctx.datagram(peer, Letter { id, bytes: 100 }),
                2 => ctx.compute(PoolId(0), Duration(id % 1_000_000), id),
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

/// One of each fault, with time to recover.
fn faults() -> Vec<(u64, Fault)> {
    let (node, machine) = (NodeId(1), MachineId(2));
    let (from, to) = (vec![NodeId(0)], vec![NodeId(3), NodeId(4)]);
    let extra = Distribution::Exponential { floor: Duration::ZERO, mean: Duration(2_000_000) };
    vec![
        (100, Fault::Crash { node }),
        (150, Fault::Restart { node }),
        (200, Fault::Pause { node }),
        (250, Fault::Resume { node }),
        (300, Fault::Partition { from: from.clone(), to: to.clone(), symmetric: true }),
        (350, Fault::Heal),
        (360, Fault::SlowLink { from: from.clone(), to: to.clone(), extra, lasting: false }),
        (400, Fault::SlowDisk { machine, disk: 0, percent: 900 }),
        (450, Fault::PowerCut { machine }),
        (500, Fault::PowerOn { machine }),
        (550, Fault::RestoreLink { from, to }),
    ]
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

/// The fingerprint of seed 7. It is the same in every build profile and on every machine; a change
/// of it changes results, and belongs into the changelog under "results change".
const GOLDEN: u64 = 0xcbfb_134f_f53e_7a50;

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
            let id = ctx.random().below(1_000);
            saw(ctx, "thought", id);
            ctx.timer(Duration::from_millis(3), 0);
        }
    })
}
