//! Pools and machines of many servers: M/M/c and M/D/c close to saturation, and each job's wait.
//!
//! Of c servers a wrong one more or less is 1/c of the capacity: 1.6 % at 64. Close to saturation
//! the wait shows that many times over, which is why these laws are held at 95 % of the capacity.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use headwater_sim::distribution::Distribution;
use headwater_sim::machine::MachineSpec;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_tests::bench::{Ctx, Event, Saw, Sim, actor, add, simulation};
use rand::distr::Distribution as _;

use crate::law::{Speeds, assert_near, holds, refuses};
use crate::queueing::{SERVICE, constant_at, exponential_at, m_d_c_wait, station};

const LOAD: f64 = 0.95;
const POOLS: [u32; 3] = [8, 16, 64];
const JOBS: u64 = 240_000;
/// A pool forgets what it began with in about 1 / (1 - sqrt(load))^2 jobs: 1,560 here.
const WARM_UP: usize = 10_000;
const SEEDS: u64 = 2;

/// What was measured of a station: the mean wait in service times, and how many waited at all.
#[derive(Clone, Copy, Debug)]
struct Waits {
    mean: f64,
    probability: f64,
}

/// How a station is built.
#[derive(Clone, Copy)]
struct Servers {
    threads: u32,
    cores: u32,
}

impl Servers {
    const fn pool(threads: u32) -> Self {
        Self { threads, cores: 0 }
    }

    const fn cores(cores: u32) -> Self {
        Self { threads: 0, cores }
    }
}

/// Poisson arrivals that `of` servers would be busy with for 95 % of the time, at `servers`.
fn waits(of: u32, servers: Servers, service: &Distribution) -> Waits {
    let load = LOAD * f64::from(of);
    let (mut sum, mut waited, mut count) = (0.0, 0, 0);
    for seed in 0..SEEDS {
        let mut sim = simulation(seed, SimulationSpec::default());
        let machine = MachineSpec { cores: servers.cores, ..MachineSpec::named("station") };
        add(&mut sim, machine, &[servers.threads], station(load, service.clone()));
        sim.run_until(Time((SERVICE.0 as f64 / load * JOBS as f64) as u64));
        for line in sim.observer().about("waited").skip(WARM_UP) {
            let wait = line.at.since(line.saw.since).0;
            sum += wait as f64 / SERVICE.0 as f64;
            waited += u64::from(wait > 0);
            count += 1;
        }
    }
    Waits { mean: sum / f64::from(count), probability: waited as f64 / f64::from(count) }
}

/// The part of the jobs that find all servers busy (Erlang 1917), for `offered` Erlangs: of his
/// loss formula, by its recursion.
fn erlang_c(servers: u32, offered: f64) -> f64 {
    let loss = (1..=servers).fold(1.0, |b, k| offered * b / (f64::from(k) + offered * b));
    let load = offered / f64::from(servers);
    loss / (1.0 - load * (1.0 - loss))
}

/// The mean wait of M/M/c in service times.
pub(super) fn m_m_c_wait(servers: u32, offered: f64) -> f64 {
    erlang_c(servers, offered) / (f64::from(servers) - offered)
}

#[test]
fn the_formula_of_erlang_is_that_of_m_m_1_at_one_server_and_of_the_tables_at_more() {
    assert_near("one server", erlang_c(1, 0.7), 0.7, 1e-12);
    assert_near("two servers", erlang_c(2, 1.0), 1.0 / 3.0, 1e-12);
    assert_near("ten servers, eight Erlangs", erlang_c(10, 8.0), 0.409_2, 1e-3);
}

/// Mean wait C / (c - a) and probability C of waiting. The mean of so many jobs has a standard
/// error of about sqrt(8 / ((1 - load)^2 jobs)) (Whitt 1989), 8 % here, and the band is two of it;
/// a server's speed that is 5 % off moves it by half.
#[test]
fn pools_of_many_threads_wait_as_erlang_says_close_to_saturation() {
    for servers in POOLS {
        let offered = LOAD * f64::from(servers);
        let (mean, probability) = (m_m_c_wait(servers, offered), erlang_c(servers, offered));
        let of = |speed| waits(servers, Servers::pool(servers), &exponential_at(speed));
        let what = format!("M/M/{servers} on threads");
        let all = Speeds::run(of);
        holds(&format!("{what}: wait"), mean, 0.16, |speed| all.at(speed).mean);
        holds(&format!("{what}: who waits"), probability, 0.05, |speed| all.at(speed).probability);
    }
}

/// The same of cores, whose run queue is another piece of the kernel.
#[test]
fn machines_of_many_cores_wait_as_erlang_says_close_to_saturation() {
    for cores in [8, 64] {
        let offered = LOAD * f64::from(cores);
        let wait = m_m_c_wait(cores, offered);
        let what = format!("M/M/{cores} on cores");
        holds(&what, wait, 0.16, |speed| {
            waits(cores, Servers::cores(cores), &exponential_at(speed)).mean
        });
    }
}

/// Service times that don't vary: less than half the wait, and half the standard error.
#[test]
fn pools_of_many_threads_wait_as_m_d_c_says_close_to_saturation() {
    for servers in POOLS {
        let wait = m_d_c_wait(servers as usize, LOAD);
        holds(&format!("M/D/{servers} on threads"), wait, 0.12, |speed| {
            waits(servers, Servers::pool(servers), &constant_at(speed)).mean
        });
    }
}

/// A thread more or less is an error of a few percent of the capacity, or of less than two.
#[test]
fn a_pool_with_a_thread_more_or_less_is_not_one_of_its_size() {
    for servers in POOLS {
        let wait = m_m_c_wait(servers, LOAD * f64::from(servers));
        for other in [servers - 1, servers + 1] {
            let have = waits(servers, Servers::pool(other), &exponential_at(1.0)).mean;
            refuses(&format!("{other} threads for {servers}"), have, wait, 0.16);
        }
    }
}

/// When each job of a station starts and what it costs, and when it should be done: by the
/// recursion of Kiefer and Wolfowitz (1955), in which a job takes the server that is free first.
#[derive(Default)]
struct Recursion {
    free: BinaryHeap<Reverse<Time>>,
}

impl Recursion {
    fn of(servers: u32) -> Self {
        Self { free: (0..servers).map(|_| Reverse(Time::ZERO)).collect() }
    }

    fn done(&mut self, now: Time, cost: Duration) -> Time {
        let Reverse(free) = self.free.pop().expect("there is a server");
        let done = free.max(now) + cost;
        self.free.push(Reverse(done));
        done
    }
}

/// A bursty station on `threads`: what each of `jobs` should be done at with `servers`, and is.
fn against_recursion(threads: u32, servers: u32, jobs: u64) -> Vec<(Time, Time)> {
    let factory = actor(move || {
        let mut recursion = Recursion::of(servers);
        let mean = Duration(SERVICE.0 * 10 / u64::from(servers));
        let gap = Distribution::Exponential { floor: Duration::ZERO, mean };
        let mut should = Vec::new();
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(Duration(1), 0),
            Event::Timer(burst) => {
                for _ in 0..10 {
                    let cost = exponential_at(1.0).sample(ctx.random());
                    should.push(recursion.done(ctx.now(), cost));
                    ctx.compute(headwater_sim::effect::PoolId(0), cost, should.len() as u64 - 1);
                }
                let next = gap.sample(ctx.random());
                if should.len() < jobs as usize {
                    ctx.timer(next, burst + 1);
                }
            }
            Event::Done(id, _) => {
                ctx.note(Saw { what: "done", id, since: should[id as usize] });
            }
            _ => unreachable!("nobody writes"),
        }
    });
    let mut sim: Sim = simulation(7, SimulationSpec::default());
    add(&mut sim, MachineSpec::named("station"), &[threads], factory);
    sim.run_until(Time::ZERO + Duration::from_secs(3_600));
    sim.observer().about("done").map(|line| (line.at, line.saw.since)).collect()
}

/// No statistics: every job in bursts of ten at full load, to the nanosecond.
#[test]
fn every_job_of_a_pool_is_done_when_the_recursion_says() {
    for servers in [1, 4, 5, 8, 16, 64, 200] {
        let jobs = 4_000;
        let off = |of: Vec<(Time, Time)>| of.iter().filter(|(at, should)| at != should).count();
        let right = against_recursion(servers, servers, jobs);
        assert_eq!(right.len(), jobs as usize);
        assert_eq!(off(right), 0, "{servers} threads");
        let other = off(against_recursion(servers + 1, servers, jobs));
        assert!(other > 100, "{servers} threads and one more: {other} jobs were otherwise");
    }
}
