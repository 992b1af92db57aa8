//! CPU pools and cores as queues: M/M/1, M/D/c, Little's law, the utilisation law.

use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::usage::ResourceKind;
use headwater_tests::bench::{Bench, Ctx, Event, Saw, Sim, actor, add, simulation};
use rand::distr::Distribution as _;

use crate::law::{assert_near, holds};

/// Mean service time of every job here.
pub(super) const SERVICE: Duration = Duration::from_micros(100);
const SEEDS: u64 = 3;
const JOBS: u64 = 300_000;
/// Jobs before the queue counts as settled.
const WARM_UP: usize = 5_000;

/// Poisson arrivals at `load` times the rate of one server, each a job of a drawn cost on pool 0.
pub(super) fn station(load: f64, service: Distribution) -> Factory<Bench> {
    actor(move || {
        let service = service.clone();
        let mean = Duration((SERVICE.0 as f64 / load) as u64);
        let gap = Distribution::Exponential { floor: Duration::ZERO, mean };
        let mut arrived = Vec::new();
        let mut streams = None;
        move |ctx: &mut Ctx<'_>, event| {
            let (gaps, costs) =
                streams.get_or_insert_with(|| (ctx.stream("gaps"), ctx.stream("costs")));
            match event {
                Event::Start => ctx.timer(gap.sample(gaps), 0),
                Event::Timer(job) => {
                    let cost = service.sample(costs);
                    // Remember when the job would end if it never waited.
                    arrived.push(ctx.now() + cost);
                    ctx.compute(PoolId(0), cost, job);
                    ctx.timer(gap.sample(gaps), job + 1);
                }
                Event::Done(job, _) => {
                    let since = arrived[job as usize];
                    ctx.note(Saw { what: "waited", id: job, since });
                }
                _ => unreachable!("nobody writes"),
            }
        }
    })
}

/// Runs a station of `servers` threads (or cores) long enough for about [`JOBS`] jobs.
fn run(seed: u64, load: f64, service: Distribution, threads: u32, cores: u32) -> Sim {
    let mut sim = simulation(seed, SimulationSpec::default());
    let machine = MachineSpec { cores, ..MachineSpec::named("station") };
    add(&mut sim, machine, &[threads], station(load, service));
    sim.run_until(Time((SERVICE.0 as f64 / load * JOBS as f64) as u64));
    sim
}

pub(super) fn exponential() -> Distribution {
    exponential_at(1.0)
}

/// Jobs of a server that is faster by the factor `speed`.
pub(super) fn exponential_at(speed: f64) -> Distribution {
    let mean = Duration((SERVICE.0 as f64 / speed) as u64);
    Distribution::Exponential { floor: Duration::ZERO, mean }
}

/// The same without variation.
pub(super) fn constant_at(speed: f64) -> Distribution {
    Distribution::constant(Duration((SERVICE.0 as f64 / speed) as u64))
}

/// Mean waiting time over seeds, in units of the service time.
fn mean_wait(load: f64, service: &Distribution, threads: u32, cores: u32) -> f64 {
    let waits = (0..SEEDS).map(|seed| {
        let sim = run(seed, load, service.clone(), threads, cores);
        sim.observer().mean_ns("waited", WARM_UP) / SERVICE.0 as f64
    });
    waits.sum::<f64>() / SEEDS as f64
}

/// M/M/1: the mean wait is rho / (1 - rho) service times.
#[test]
fn a_pool_of_one_thread_waits_as_m_m_1_says() {
    for (load, tolerance) in [(0.5, 0.02), (0.8, 0.04)] {
        holds(&format!("M/M/1 on a thread at {load}"), load / (1.0 - load), tolerance, |speed| {
            mean_wait(load, &exponential_at(speed), 1, 0)
        });
    }
}

#[test]
fn a_machine_of_one_core_waits_as_m_m_1_says() {
    holds("M/M/1 on a core at 0.7", 0.7 / 0.3, 0.03, |speed| {
        mean_wait(0.7, &exponential_at(speed), 0, 1)
    });
}

/// M/M/1: a wait exceeds t with probability rho * exp(-(1 - rho) t / service).
#[test]
fn the_tail_of_the_wait_is_that_of_m_m_1() {
    let load: f64 = 0.7;
    for seed in 0..SEEDS {
        let theory = (load / 0.01).ln() / (1.0 - load);
        holds(&format!("p99 wait of M/M/1, seed {seed}"), theory, 0.06, |speed| {
            let sim = run(seed, load, exponential_at(speed), 1, 0);
            let waits = sim.observer().about("waited");
            let mut waits: Vec<_> = waits.map(|line| line.at.since(line.saw.since).0).collect();
            waits.sort_unstable();
            waits[waits.len() * 99 / 100] as f64 / SERVICE.0 as f64
        });
    }
}

/// The mean wait of M/D/c in units of the service time, exactly: the number in the system one
/// service time later is what arrived meanwhile plus all but the c that left (Crommelin 1932), so
/// its stationary distribution is the fixed point of that step, and Little's law gives the wait.
pub(super) fn m_d_c_wait(servers: usize, load: f64) -> f64 {
    const STATES: usize = 250;
    let arrivals = load * servers as f64;
    let mut poisson = vec![(-arrivals).exp()];
    for count in 1..STATES {
        poisson.push(poisson[count - 1] * arrivals / count as f64);
    }
    let mut stationary = vec![0.0; STATES];
    stationary[0] = 1.0;
    for _ in 0..3_000 {
        let mut next = vec![0.0; STATES];
        for (count, mass) in stationary.iter().enumerate() {
            let left = count.saturating_sub(servers);
            for (state, to) in next.iter_mut().enumerate().skip(left) {
                *to += mass * poisson[state - left];
            }
        }
        let moved: f64 = stationary.iter().zip(&next).map(|(a, b)| (a - b).abs()).sum();
        stationary = next;
        if moved < 1e-11 {
            break;
        }
    }
    let queue: f64 = stationary
        .iter()
        .enumerate()
        .map(|(count, mass)| count.saturating_sub(servers) as f64 * mass)
        .sum();
    queue / arrivals
}

/// Pollaczek-Khinchine for M/D/1: rho / (2 (1 - rho)); pins the computation above.
#[test]
fn the_computed_series_for_m_d_c_agrees_with_pollaczek_khinchine_at_one_server() {
    for load in [0.3, 0.5, 0.8] {
        assert_near("M/D/1", m_d_c_wait(1, load), load / (2.0 * (1.0 - load)), 1e-6);
    }
}

#[test]
fn a_pool_of_c_threads_waits_as_m_d_c_says() {
    for servers in [1, 2, 4] {
        let load = 0.8;
        let theory = m_d_c_wait(servers as usize, load);
        holds(&format!("M/D/{servers} at {load}"), theory, 0.03, |speed| {
            mean_wait(load * f64::from(servers), &constant_at(speed), servers, 0)
        });
    }
}

/// Little: the mean number waiting, polled from outside, is the arrival rate times the mean wait.
#[test]
fn the_queue_length_is_the_arrival_rate_times_the_wait() {
    let load = 0.7;
    for seed in 0..SEEDS {
        let mut sim = simulation(seed, SimulationSpec::default());
        add(&mut sim, MachineSpec::named("station"), &[1], station(load, exponential()));
        let (mut queued, polls) = (0, 60_000);
        for _ in 0..polls {
            sim.run_until(sim.now() + Duration::from_micros(477));
            let pool = sim.usage().into_iter().find(|usage| usage.kind == ResourceKind::ThreadPool);
            queued += pool.expect("the station has a pool").queued;
        }
        let length = queued as f64 / f64::from(polls);
        let rate = sim.observer().0.len() as f64 / sim.now().0 as f64;
        let wait = sim.observer().mean_ns("waited", 0);
        assert_near(&format!("Little, seed {seed}"), length, rate * wait, 0.03);
    }
}

/// The utilisation law: busy time is throughput times service time.
#[test]
fn busy_time_is_throughput_times_service_time() {
    use ResourceKind::{Cpu, ThreadPool};
    for (threads, cores, kind) in
        [(2, 0, ThreadPool), (0, 2, Cpu), (2, 2, Cpu), (16, 0, ThreadPool), (0, 16, Cpu)]
    {
        let servers = f64::from(threads.max(cores));
        holds(&format!("utilisation of {servers} servers"), 0.6, 0.01, |speed| {
            let sim = run(3, 0.6 * servers, constant_at(speed), threads, cores);
            let usage = sim.usage().into_iter().find(|usage| usage.kind == kind).expect("measured");
            let work = sim.observer().0.len() as f64 * SERVICE.0 as f64 / speed;
            assert_near("busy time", usage.busy.0 as f64, work, 0.000_1);
            usage.busy.0 as f64 / sim.now().0 as f64 / servers
        });
    }
}
