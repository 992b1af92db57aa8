//! Faults drawn from the seed: whatever comes within the budget, nothing acknowledged is lost.

use headwater_check::{Once, Promises};
use headwater_models::role::PRODUCER;
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::random::{Seed, Stream};
use headwater_sim::time::{Duration, Time};
use rand::Rng;

use crate::cluster::{self, at, config, machine_of, node, nodes, steady};

/// Five bookies hold 3 copies, 2 acknowledged: every fault heals, and no disk is lost.
const BOOKIES: u32 = 5;
const FIRST_FAULT_MS: u64 = 2_000;
const LAST_FAULT_MS: u64 = 20_000;

/// Draws one fault and what ends it.
fn draw(random: &mut Stream, servers: u32, clients: u32) -> Vec<(Time, Fault)> {
    let begin = random.random_range(FIRST_FAULT_MS..=LAST_FAULT_MS);
    let end = begin + random.random_range(50..=15_000);
    let (begin, end) = (at(begin), at(end));
    let server = node(random.random_range(0..u64::from(servers)) as u32);
    let any = node(random.random_range(0..u64::from(servers + clients)) as u32);
    let machine = machine_of(server);
    let side = |random: &mut Stream| -> Vec<_> {
        (0..servers + clients).filter(|_| random.chance_ppm(400_000)).map(node).collect()
    };
    let pair = match random.random_range(0..10_u64) {
        0 => [(begin, Fault::Crash { node: server }), (end, Fault::Restart { node: server })],
        1 => [(begin, Fault::Pause { node: any }), (end, Fault::Resume { node: any })],
        2 => [(begin, Fault::PowerCut { machine }), (end, Fault::PowerOn { machine })],
        3 => {
            let (from, to) = (side(random), side(random));
            let symmetric = random.chance_ppm(500_000);
            [(begin, Fault::Partition { from, to, symmetric }), (end, Fault::Heal)]
        }
        4 => {
            let slow = |percent| Fault::SlowDisk { machine, disk: 0, percent };
            [(begin, slow(random.random_range(500..=20_000_u64) as u32)), (end, slow(100))]
        }
        5 => {
            let (from, to) = (side(random), side(random));
            let extra = Distribution::uniform(Duration::ZERO, Duration::from_millis(200));
            [
                (
                    begin,
                    Fault::SlowLink { from: from.clone(), to: to.clone(), extra, lasting: false },
                ),
                (end, Fault::RestoreLink { from, to }),
            ]
        }
        // The metadata service's own disk stays as it is: with it full, nobody would do anything.
        6 if server != node(0) => {
            let fill = |full| Fault::FillDisk { machine, disk: 0, full };
            [(begin, fill(true)), (end, fill(false))]
        }
        7 => {
            // Long enough for the writer's session to end while it still reaches the bookies.
            let (from, to) = (vec![node(servers)], vec![node(0)]);
            let end = begin + Duration::from_millis(random.random_range(12_000..=18_000));
            [(begin, Fault::Partition { from, to, symmetric: true }), (end, Fault::Heal)]
        }
        8 => {
            let all = |fault: fn(_) -> Fault, when| {
                (1..servers).map(move |bookie| (when, fault(machine_of(node(bookie)))))
            };
            let cut = all(|machine| Fault::PowerCut { machine }, begin);
            return cut.chain(all(|machine| Fault::PowerOn { machine }, end)).collect();
        }
        _ => {
            let writer = node(servers);
            [(begin, Fault::Crash { node: writer }), (end, Fault::Restart { node: writer })]
        }
    };
    pair.into()
}

fn run(seed: u64) {
    let config = config(BOOKIES, (3, 3, 2));
    let source = steady(at(1_000), Duration::from_millis(4), 6_000, 500);
    let mut sim = cluster::cluster(seed, &config, &source);
    assert_eq!(nodes(&config, PRODUCER), [node(BOOKIES + 1)]);
    let mut random = Seed(seed).stream("swarm", 0);
    let mut faults = Vec::new();
    for _ in 0..random.random_range(1..=5_u64) {
        faults.extend(draw(&mut random, BOOKIES + 1, 1));
    }
    for (when, fault) in &faults {
        sim.schedule(*when, fault.clone());
    }
    sim.run_until(at(120_000));
    let seen = sim.observer();
    let said = || format!("seed {seed}: {faults:#?}");
    let promises = Promises { once: Once::Delivered, ..Promises::default() };
    assert_eq!(seen.broken(promises), [], "of {}; {}", seen.acked(), said());
    assert_eq!(seen.times("writer_finished").len(), 1, "the writer is stuck; {}", said());
    assert!(seen.acks.len() > 150, "{} acked; {}", seen.acks.len(), said());
}

#[test]
fn whatever_faults_are_drawn_nothing_acknowledged_is_lost() {
    let seeds = std::env::var("SWARM_SEEDS").ok();
    let seeds = seeds.map_or(10, |seeds| seeds.parse().expect("SWARM_SEEDS is a number"));
    for seed in 0..seeds {
        run(seed);
    }
}
