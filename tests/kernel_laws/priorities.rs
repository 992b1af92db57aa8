//! Priorities: what each class has of the cores, and how long it waits, whatever the others want.

use headwater_sim::effect::PoolId;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::scheduling::Policy;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use headwater_tests::bench::{Bench, Ctx, Event, Sim, actor, add_with, simulation};

use crate::law::{Speeds, holds};
use crate::pools::m_m_c_wait;
use crate::queueing::{SERVICE, exponential_at, station};

const SEEDS: u64 = 2;

fn real_time(priority: u8) -> Policy {
    Policy::RealTime { priority }
}

/// A machine of so many cores with a station for each load, the first of the highest priority.
fn stations(seed: u64, cores: u32, loads: &[f64], speed: f64) -> Sim {
    let mut sim = simulation(seed, SimulationSpec::default());
    let machine = sim.add_machine(MachineSpec { cores, ..MachineSpec::named("machine") });
    for (number, load) in (0..).zip(loads) {
        let (name, policy) = (format!("class-{number}"), real_time(90 - number));
        let factory = station(*load, exponential_at(speed));
        add_with(&mut sim, machine, &name, &[], policy, factory);
    }
    sim
}

/// Mean times from arrival to the end, of each class, in service times.
fn responses(cores: u32, loads: &[f64], speed: f64, length: Duration) -> Vec<f64> {
    let mut sums = vec![(0.0, 0_u32); loads.len()];
    for seed in 0..SEEDS {
        let mut sim = stations(seed, cores, loads, speed);
        sim.run_until(Time::ZERO + length);
        for line in sim.observer().about("waited").skip(2_000) {
            let (sum, count) = &mut sums[line.node.index()];
            *sum += line.at.since(line.saw.since).0 as f64 / SERVICE.0 as f64;
            *count += 1;
        }
    }
    // Waits are told without a job's own cost.
    sums.into_iter().map(|(sum, count)| sum / f64::from(count) + 1.0 / speed).collect()
}

/// Three classes on a core, each of which pre-empts the next: a class waits for its own work and
/// for that before it, and its own is stretched by what comes meanwhile (White and Christie 1958).
#[test]
fn three_priorities_on_a_core_wait_as_theory_says() {
    let loads = [0.2, 0.25, 0.3];
    let length = Duration::from_secs(30);
    let all = Speeds::run(|speed| responses(1, &loads, speed, length));
    let before = |class: usize| loads[..class].iter().sum::<f64>();
    for (class, tolerance) in [(0, 0.03), (1, 0.03), (2, 0.05)] {
        let (above, through) = (before(class), before(class + 1));
        let want = 1.0 / (1.0 - above) + through / ((1.0 - above) * (1.0 - through));
        let what = format!("response of class {class}");
        holds(&what, want, tolerance, |speed| all.at(speed)[class]);
    }
}

/// Exponential jobs of one mean on c cores: the first class has them as if it were alone, and both
/// together are in the system as many as without priorities, since no core idles while one waits.
#[test]
fn priorities_on_many_cores_wait_as_erlang_says() {
    let (cores, first, second) = (8, 4.8, 2.4);
    let all =
        Speeds::run(|speed| responses(cores, &[first, second], speed, Duration::from_secs(6)));
    let alone = 1.0 + m_m_c_wait(cores, first);
    holds("the first class of two on eight cores", alone, 0.02, |speed| all.at(speed)[0]);
    let offered = first + second;
    let number = offered * (1.0 + m_m_c_wait(cores, offered));
    holds("jobs of both classes on eight cores", number, 0.06, |speed| {
        all.at(speed)[0] * first + all.at(speed)[1] * second
    });
}

/// Computes without a pause on so many threads.
fn busy(threads: u64) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                let cost = Duration::from_millis(2);
                (0..threads).for_each(|thread| ctx.compute(PoolId(0), cost, thread));
            }
            Event::Done(thread, _) => ctx.compute(PoolId(0), Duration::from_millis(2), thread),
            _ => {}
        }
    })
}

/// What real time does not take of the cores, all of which the others would have.
#[test]
fn the_others_have_what_real_time_leaves_and_all_of_it() {
    for (cores, load) in [(1, 0.6), (4, 2.4), (16, 9.6)] {
        let left = |speed: f64| {
            let mut sim = stations(3, cores, &[load], speed);
            let machine = headwater_sim::units::MachineId(0);
            let fair = Policy::Fair { nice: 0 };
            add_with(&mut sim, machine, "others", &[], fair, busy(2 * u64::from(cores)));
            sim.run_until(Time::ZERO + Duration::from_secs(3));
            let (real, rest) = (sim.cpu_time(NodeId(0)), sim.cpu_time(NodeId(1)));
            let all = (real + rest).as_secs_f64() / 3.0;
            assert!((all / f64::from(cores) - 1.0).abs() < 0.002, "{cores} cores idled: {all}");
            rest.as_secs_f64() / 3.0
        };
        let want = f64::from(cores) - load;
        holds(&format!("left on {cores} cores"), want, 0.025, left);
    }
}

/// Threads that always want a core have it by their weights (`sched_prio_to_weight`). The planted
/// error: the lighter is kept from the cores for a twentieth of the time.
#[test]
fn shares_by_weight_hold_on_many_cores() {
    for (cores, nice, weight) in [(1, 5, 335.0), (8, 3, 526.0), (8, -5, 3_121.0)] {
        let share = |kept_back: bool| {
            let mut sim = simulation(1, SimulationSpec::default());
            let machine = MachineSpec { cores, ..MachineSpec::named("machine") };
            let machine = sim.add_machine(machine);
            for (name, nice) in [("one", 0), ("other", nice)] {
                let threads = busy(u64::from(cores) * 4);
                add_with(&mut sim, machine, name, &[], Policy::Fair { nice }, threads);
            }
            let (length, node) = (Duration::from_secs(12), NodeId(1));
            for at in (0..12).filter(|_| kept_back) {
                let at = Time::ZERO + Duration::from_secs(at);
                sim.schedule(at, Fault::Pause { node });
                sim.schedule(at + Duration::from_millis(50), Fault::Resume { node });
            }
            sim.run_until(Time::ZERO + length);
            let cpu = [0, 1].map(|node| sim.cpu_time(NodeId(node)).as_secs_f64());
            cpu[1] / cpu[0]
        };
        let what = format!("nice {nice} against 0 on {cores} cores");
        crate::law::assert_near(&what, share(false), weight / 1_024.0, 0.02);
        crate::law::refuses(&what, share(true), weight / 1_024.0, 0.02);
    }
}
