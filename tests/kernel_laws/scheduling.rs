//! Threads on cores: processor sharing, weights, priorities, wake-ups, slack, and processes that
//! are not of the system.

use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{Factory, MachineSpec, NodeSpec, PoolSpec};
use headwater_sim::other::{Activity, BackgroundSpec, OtherSpec};
use headwater_sim::pace::PaceSpec;
use headwater_sim::scheduling::{IdleCost, IdlePoint, Policy, SchedulerSpec};
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use headwater_tests::bench::{Bench, Ctx, Event, Saw, Sim, actor, add_with, simulation};
use rand::distr::Distribution as _;

use crate::law::{Speeds, assert_near, holds};
use crate::queueing::{SERVICE, exponential, station};

const SECOND: u64 = 1_000_000_000;

fn machine(cores: u32, scheduler: SchedulerSpec) -> MachineSpec {
    MachineSpec { cores, scheduler, ..MachineSpec::named("machine") }
}

fn slices(slice: Duration) -> SchedulerSpec {
    SchedulerSpec { slice, ..SchedulerSpec::default() }
}

/// A simulation of one machine with a node for each factory, of the policy beside it.
fn on(machine: MachineSpec, seed: u64, nodes: Vec<(Policy, Factory<Bench>)>) -> Sim {
    let mut sim = simulation(seed, SimulationSpec::default());
    let machine = sim.add_machine(machine);
    for (number, (policy, factory)) in nodes.into_iter().enumerate() {
        add_with(&mut sim, machine, &format!("node-{number}"), &[], policy, factory);
    }
    sim
}

fn fair(nice: i8) -> Policy {
    Policy::Fair { nice }
}

fn real_time(priority: u8) -> Policy {
    Policy::RealTime { priority }
}

/// Computes from `from` on without a pause, in jobs of `cost`.
fn busy(from: Duration, cost: Duration) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => ctx.timer(from, 0),
            Event::Timer(job) | Event::Done(job, _) => ctx.compute(PoolId(0), cost, job + 1),
            _ => unreachable!("nobody writes"),
        }
    })
}

/// Computes for `cost` at each of `times`, and notes when each is done.
fn at_times(times: Vec<u64>, cost: Duration) -> Factory<Bench> {
    actor(move || {
        let times = times.clone();
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                times.iter().for_each(|time| ctx.timer(Duration::from_micros(*time), *time));
            }
            Event::Timer(time) => ctx.compute(PoolId(0), cost, time),
            Event::Done(id, _) => ctx.note(Saw { what: "done", id, since: ctx.now() }),
            _ => unreachable!("nobody writes"),
        }
    })
}

fn microseconds_done(sim: &Sim) -> Vec<u64> {
    sim.observer().times("done").iter().map(|time| time.0 / 1_000).collect()
}

/// Poisson arrivals of jobs of two sizes; each noted under its size in microseconds.
fn two_sizes(load: f64, sizes: [u64; 2]) -> Factory<Bench> {
    actor(move || {
        let mean_size = (sizes[0] + sizes[1]) as f64 / 2.0;
        let mean = Duration((mean_size / load * 1e3) as u64);
        let gap = Distribution::Exponential { floor: Duration::ZERO, mean };
        let mut arrived = Vec::new();
        let mut streams = None;
        move |ctx: &mut Ctx<'_>, event| {
            let gaps = streams.get_or_insert_with(|| ctx.stream("gaps"));
            match event {
                Event::Start => ctx.timer(gap.sample(gaps), 0),
                Event::Timer(job) => {
                    let coin = Distribution::Uniform { low: Duration(0), high: Duration(999) };
                    let size = sizes[usize::from(coin.sample(gaps).0 >= 500)];
                    arrived.push((ctx.now(), size));
                    ctx.compute(PoolId(0), Duration::from_micros(size), job);
                    ctx.timer(gap.sample(gaps), job + 1);
                }
                Event::Done(job, _) => {
                    let (since, size) = arrived[job as usize];
                    let what = if size == sizes[0] { "small" } else { "large" };
                    ctx.note(Saw { what, id: job, since });
                }
                _ => unreachable!("nobody writes"),
            }
        }
    })
}

/// M/G/1 with processor sharing: a job of size x is done after x / (1 - rho) on average, whatever
/// the distribution of sizes (Kleinrock 1967).
#[test]
fn short_slices_share_a_core_as_m_g_1_ps_says() {
    let (load, sizes) = (0.6, [100, 900]);
    let means = |slower: f64| {
        let mut means = [0.0; 2];
        for seed in 0..2 {
            let spec = machine(1, slices(Duration::from_micros(5)));
            // As much more often as they are larger: the same as a core that is slower.
            let mut sim = on(spec, seed, vec![(fair(0), two_sizes(load * slower, sizes))]);
            sim.run_until(Time(60 * SECOND));
            for (mean, what) in means.iter_mut().zip(["small", "large"]) {
                *mean += sim.observer().mean_ns(what, 500) / 2e3 * slower;
            }
        }
        means
    };
    let all = Speeds::run(means);
    for (number, size) in sizes.into_iter().enumerate() {
        let what = format!("M/G/1-PS, {size} us");
        holds(&what, size as f64 / (1.0 - load), 0.05, |slower| all.at(slower)[number]);
    }
}

/// Threads that always want a core have it by their weights: nice 0 against nice 5 is 1024 to 335.
#[test]
fn busy_threads_share_by_weight() {
    for (cores, threads) in [(1, 1), (2, 2)] {
        let job = Duration::from_millis(2);
        let nodes = [0, 5].iter().flat_map(|nice| {
            (0..threads).map(|_| (fair(*nice), busy(Duration::ZERO, job))).collect::<Vec<_>>()
        });
        let mut sim = on(machine(cores, SchedulerSpec::default()), 1, nodes.collect());
        sim.run_until(Time(20 * SECOND));
        let cpu: Vec<u64> = (0..2 * threads).map(|node| sim.cpu_time(NodeId(node)).0).collect();
        let (heavy, light) = cpu.split_at(threads as usize);
        let ratio = heavy.iter().sum::<u64>() as f64 / light.iter().sum::<u64>() as f64;
        assert_near(&format!("share on {cores} cores"), ratio, 1024.0 / 335.0, 0.02);
        let all = cpu.iter().sum::<u64>() as f64 / 1e9;
        assert_near("the cores are never idle", all, 20.0 * f64::from(cores), 0.001);
    }
}

/// What a thread ran while nobody else wanted the core is not held against it.
#[test]
fn a_thread_that_was_alone_shares_fairly_from_then_on() {
    let job = Duration::from_millis(1);
    let late = Duration::from_millis(1_000);
    let long = busy(Duration::ZERO, Duration::from_millis(5_000));
    for first in [busy(Duration::ZERO, job), long] {
        let nodes = vec![(fair(0), first), (fair(0), busy(late, job))];
        let mut sim = on(machine(1, SchedulerSpec::default()), 1, nodes);
        sim.run_until(Time(2 * SECOND));
        let share = sim.cpu_time(NodeId(1)).0 as f64 / 1e9;
        assert_near("share of the second", share, 0.5, 0.02);
    }
}

/// The mean response of two classes on a core of which the first pre-empts the second, which then
/// goes on where it was: Cobham's (1954) queue with priorities, in the form for pre-emption (White
/// and Christie 1958).
#[test]
fn real_time_priorities_wait_as_theory_says() {
    let (first, second) = (0.3, 0.4);
    let nodes = || {
        vec![
            (real_time(2), station(first, exponential())),
            (real_time(1), station(second, exponential())),
        ]
    };
    let (mut high, mut low) = (0.0, 0.0);
    for seed in 0..4 {
        let mut sim = on(machine(1, SchedulerSpec::default()), seed, nodes());
        sim.run_until(Time(40 * SECOND));
        // Waits are told without the service time.
        high += mean_wait_of(&sim, 0) / 4.0 + 0.25;
        low += mean_wait_of(&sim, 1) / 4.0 + 0.25;
    }
    // The mean residual work is half the second moment times the rate: rho for exponential jobs.
    let all = first + second;
    let expected = 1.0 / (1.0 - first) + all / ((1.0 - first) * (1.0 - all));
    assert_near("first class", high, 1.0 / (1.0 - first), 0.03);
    assert_near("second class", low, expected, 0.04);
}

/// The mean wait of a node's jobs in service times.
fn mean_wait_of(sim: &Sim, node: u32) -> f64 {
    let lines = sim.observer().about("waited").filter(|line| line.node == NodeId(node));
    let waits: Vec<u64> = lines.map(|line| line.at.since(line.saw.since).0).collect();
    waits.iter().sum::<u64>() as f64 / waits.len() as f64 / SERVICE.0 as f64
}

/// A pacer that spins for 150 us before each event of a Poisson stream has a core for 1 - exp(-150
/// us * rate) of the time.
#[test]
fn a_spinning_pacer_takes_the_share_that_theory_says() {
    for rate in [400.0_f64, 1_600.0, 9_600.0] {
        let lead = Duration::from_micros(150);
        let activity = Activity::Spin { lead, mean: Duration((1e9 / rate) as u64) };
        let pacer = OtherSpec { name: "pacer".into(), policy: real_time(1), activity };
        let others = vec![pacer];
        let spec = MachineSpec { others, ..machine(1, SchedulerSpec::default()) };
        let mut sim = on(spec, 3, vec![(fair(0), busy(Duration::ZERO, Duration::from_millis(1)))]);
        sim.run_until(Time(20 * SECOND));
        let left = sim.cpu_time(NodeId(0)).0 as f64 / 20e9;
        let spins = 1.0 - (-150e-6 * rate).exp();
        assert_near(&format!("spinning at {rate}/s"), 1.0 - left, spins, 0.02);
    }
}

#[test]
fn the_background_of_a_process_is_its_own_lives_with_it_and_yields_to_real_time() {
    let every = |us| Distribution::constant(Duration::from_micros(us));
    let activity = Activity::Bursts { gap: every(9_000), work: every(1_000) };
    let background = vec![BackgroundSpec { name: "compiler".into(), herd: 1, activity }];
    let mut sim = simulation(1, SimulationSpec::default());
    let one = sim.add_machine(machine(1, SchedulerSpec::default()));
    let (name, pools) = ("server".to_owned(), PoolSpec::plain([1]));
    let factory = at_times(vec![], Duration::ZERO);
    let server = NodeSpec { name, machine: one, pools, background, policy: fair(0), factory };
    let server = sim.add_node(server);
    let client = at_times(vec![9_500], Duration::from_micros(100));
    add_with(&mut sim, one, "client", &[1], real_time(1), client);
    let at = |ms: u64| Time(ms * 1_000_000);
    sim.schedule(at(1_000), Fault::Pause { node: server });
    sim.schedule(at(2_000), Fault::Resume { node: server });
    sim.schedule(at(3_000), Fault::Crash { node: server });
    sim.schedule(at(4_000), Fault::Restart { node: server });
    let used = [1_000, 2_000, 3_000, 4_000, 5_000].map(|ms| {
        sim.run_until(at(ms));
        sim.cpu_time(server).as_secs_f64()
    });
    for (used, expected) in used.into_iter().zip([0.1, 0.1, 0.2, 0.2, 0.3]) {
        assert_near("CPU of the server", used, expected, 0.02);
    }
    assert_eq!(microseconds_done(&sim), [9_600], "a compiler makes room");
    let (of, ran) = sim.pools(server).last().unwrap();
    assert_eq!((of.name, ran.cpu), ("background", sim.cpu_time(server)));
    assert!(ran.dispatches.abs_diff(300) <= 6, "{ran:?}");
}

/// Threads that wake at once keep a core until the last of them is done, and whoever comes
/// meanwhile waits behind them.
#[test]
fn a_herd_of_threads_wakes_at_once_and_others_wait_behind_it() {
    let waits = |herd, work| {
        let every = |us| Distribution::constant(Duration::from_micros(us));
        let activity = Activity::Bursts { gap: every(10_000), work: every(work) };
        let background = vec![BackgroundSpec { name: "pool".into(), herd, activity }];
        let mut sim = simulation(1, SimulationSpec::default());
        let one = sim.add_machine(machine(1, SchedulerSpec::default()));
        let (name, pools) = ("server".to_owned(), PoolSpec::plain([1]));
        let factory = at_times(vec![10_010], Duration::from_micros(10));
        let policy = fair(0);
        sim.add_node(NodeSpec { name, machine: one, pools, background, policy, factory });
        sim.run_until(Time(12 * SECOND));
        assert_near("CPU", sim.cpu_time(NodeId(0)).as_secs_f64(), 2.0, 0.002);
        microseconds_done(&sim)[0] - 10_010
    };
    assert_eq!(waits(20, 100), 2_000, "the rest of two milliseconds, and its own work");
    assert_eq!(waits(1, 2_000), 2_000, "one thread keeps its core as long, up to its slice");
}

#[test]
fn what_is_not_contended_costs_one_event() {
    let times: Vec<u64> = (0..100).map(|job| job * 1_000).collect();
    let node = || at_times(times.clone(), Duration::from_micros(300));
    let mut sim = on(machine(2, SchedulerSpec::default()), 1, vec![(fair(0), node())]);
    sim.run_until(Time(SECOND));
    assert_eq!(sim.totals().events, 200, "100 timers, 100 pieces of work");
}

#[test]
fn a_thread_waits_for_the_end_of_the_slice_and_real_time_does_not() {
    let hog = || busy(Duration::ZERO, Duration::from_millis(100));
    let short = || at_times(vec![10_500], Duration::from_micros(100));
    let switch = Duration::from_micros(2);
    let scheduler = SchedulerSpec { switch, ..SchedulerSpec::default() };
    for (policy, expected) in [(fair(0), 12_102), (real_time(1), 10_602)] {
        let nodes = vec![(fair(0), hog()), (policy, short())];
        let mut sim = on(machine(1, scheduler.clone()), 1, nodes);
        sim.run_until(Time(SECOND));
        assert_eq!(microseconds_done(&sim), [expected], "{policy:?}");
    }
}

#[test]
fn a_thread_that_has_more_to_do_goes_on_before_those_that_wait() {
    // Two jobs on one thread, and one of another node that arrives during the first.
    let mut sim = simulation(1, SimulationSpec::default());
    let one = sim.add_machine(machine(1, SchedulerSpec::default()));
    let first = at_times(vec![0, 10], Duration::from_micros(100));
    let second = at_times(vec![5], Duration::from_micros(100));
    add_with(&mut sim, one, "first", &[1], fair(0), first);
    add_with(&mut sim, one, "second", &[1], fair(0), second);
    sim.run_until(Time(SECOND));
    assert_eq!(sim.observer().ids("done"), [0, 10, 5]);
    assert_eq!(microseconds_done(&sim), [100, 200, 300]);
}

#[test]
fn waking_up_costs_what_the_idle_time_makes_it_cost_and_is_no_work() {
    let point = |idle, cost| {
        let [idle, cost] = [idle, cost].map(Duration::from_micros);
        IdlePoint::new(idle, cost)
    };
    let wake_up = IdleCost { points: vec![point(0, 0), point(1_000, 50)] };
    let scheduler = SchedulerSpec { wake_up, ..SchedulerSpec::default() };
    // Idle for 2 ms, 500 us, 5 ms.
    let times = vec![2_000, 2_650, 7_775];
    let node = at_times(times, Duration::from_micros(100));
    let mut sim = on(machine(1, scheduler), 1, vec![(fair(0), node)]);
    sim.run_until(Time(SECOND));
    assert_eq!(microseconds_done(&sim), [2_150, 2_775, 7_925]);
    let cpu = sim.usage().first().expect("a machine has cores").busy;
    assert_eq!(cpu, Duration::from_micros(300));
}

/// Two paces, each as often: work takes half of its cost, or one and a half times that.
fn two_paces(stretch: Duration) -> SchedulerSpec {
    let [low, high] = [500, 1_500].map(Duration::from_micros);
    let millisecond = Distribution::Bimodal {
        usual: Box::new(Distribution::constant(low)),
        tail: Box::new(Distribution::constant(high)),
        tail_ppm: 500_000,
    };
    SchedulerSpec { pace: vec![PaceSpec { stretch, millisecond }], ..SchedulerSpec::default() }
}

#[test]
fn a_core_has_a_pace_that_stays_for_a_stretch() {
    // 100 us of work, four times a stretch.
    let stretch = Duration::from_millis(4);
    let jobs = 40_000;
    let times: Vec<u64> = (1..=jobs).map(|job| 1_000 * job).collect();
    let node = at_times(times.clone(), Duration::from_micros(100));
    let mut sim = on(machine(1, two_paces(stretch)), 1, vec![(fair(0), node)]);
    sim.run_until(Time(jobs * 1_000_000 + SECOND));
    let took: Vec<f64> =
        microseconds_done(&sim).iter().zip(&times).map(|(done, at)| (done - at) as f64).collect();
    assert_eq!(took.len(), jobs as usize);
    let mean = took.iter().sum::<f64>() / jobs as f64;
    assert_near("what work takes on the average", mean, 100.0, 0.03);
    let cpu = sim.usage().first().expect("a machine has cores").busy;
    assert_near("CPU time", cpu.as_secs_f64() * 1e6, mean * jobs as f64, 0.01);
    let steady = took.iter().filter(|took| **took == 50.0 || **took == 150.0).count();
    assert!(steady as f64 > 0.95 * jobs as f64, "the pace stays: {steady}");
    // Stretches of exponential length: what two jobs have in common falls with the time between.
    let common = |lag: usize| {
        let pairs = took.windows(lag + 1).map(|pair| (pair[0] - mean) * (pair[lag] - mean));
        pairs.sum::<f64>() / (jobs as f64 * 2_500.0)
    };
    for lag in [1, 4, 8] {
        let expected = (-(lag as f64) / 4.0).exp();
        assert!((common(lag) - expected).abs() < 0.04, "{lag} ms: {} {expected}", common(lag));
    }
}

#[test]
fn long_work_goes_through_many_stretches() {
    let stretch = Duration::from_micros(100);
    let node = at_times(vec![1_000], Duration::from_millis(400));
    let mut sim = on(machine(1, two_paces(stretch)), 1, vec![(fair(0), node)]);
    sim.run_until(Time(SECOND));
    let done = microseconds_done(&sim);
    // Twice as fast half of the time, and two thirds as fast the other half: 4/3 as fast.
    assert_near("time", (done[0] - 1_000) as f64, 300_000.0, 0.05);
}

#[test]
fn a_thread_fetches_again_what_its_core_has_lost_since_it_ran() {
    let point = |idle, cost| IdlePoint::new(Duration::from_micros(idle), Duration(cost));
    let refill = IdleCost { points: vec![point(0, 0), point(1_000, 1_000)] };
    let scheduler = SchedulerSpec { refill, ..SchedulerSpec::default() };
    let mut sim = simulation(1, SimulationSpec::default());
    let one = sim.add_machine(machine(1, scheduler));
    // 50 KiB, for 50 us after a millisecond. The core idles for 2 ms, then for 500 us; for none
    // while another node has it; and for 200 us in two parts, of which one is before the other
    // node's work.
    let times = vec![2_000, 2_650, 2_900, 3_300];
    let factory = at_times(times, Duration::from_micros(100));
    let pools = vec![PoolSpec::named("threads", 1).through(50)];
    let (name, background) = ("first".to_owned(), vec![]);
    sim.add_node(NodeSpec { name, machine: one, pools, background, policy: fair(0), factory });
    let second = at_times(vec![2_700, 3_100], Duration::from_micros(100));
    add_with(&mut sim, one, "second", &[1], fair(0), second);
    sim.run_until(Time(SECOND));
    // The second's: from 2,775 to 2,875, and from 3,100 to 3,200.
    let done = [2_150, 2_775, 2_875, 3_001, 3_200, 3_409];
    assert_eq!(microseconds_done(&sim), done);
    let cpu = sim.usage().first().expect("a machine has cores").busy;
    assert_eq!(cpu, Duration(686_150), "it is work");
}

#[test]
fn the_time_of_work_counts_while_it_is_under_way() {
    let mut sim = simulation(1, SimulationSpec::default());
    let one = sim.add_machine(machine(1, SchedulerSpec::default()));
    for name in ["first", "second"] {
        let node = at_times(vec![1_000], Duration::from_secs(10));
        add_with(&mut sim, one, name, &[1], fair(0), node);
    }
    sim.run_until(Time(4 * SECOND));
    let cpu = |node| sim.pools(NodeId(node)).next().expect("it has a pool").1.cpu;
    // One runs and the other waits.
    assert_eq!(cpu(0) + cpu(1), Duration::from_millis(3_999));
    assert!(cpu(0) > Duration::from_secs(1) && cpu(1) > Duration::from_secs(1));
}

#[test]
fn a_thread_takes_more_where_it_wakes_up_on_a_core_that_idled() {
    let mut sim = simulation(1, SimulationSpec::default());
    let one = sim.add_machine(machine(1, SchedulerSpec::default()));
    // The second time the core is another's.
    let factory = at_times(vec![1_000, 2_050], Duration::from_micros(100));
    let pools = vec![PoolSpec::named("threads", 1).from_idle(Duration::from_micros(15))];
    let (name, background) = ("first".to_owned(), vec![]);
    sim.add_node(NodeSpec { name, machine: one, pools, background, policy: fair(0), factory });
    let second = at_times(vec![2_000], Duration::from_micros(100));
    add_with(&mut sim, one, "second", &[1], fair(0), second);
    sim.run_until(Time(SECOND));
    assert_eq!(microseconds_done(&sim), [1_115, 2_100, 2_200]);
    assert_eq!(sim.cpu_time(NodeId(0)), Duration::from_micros(100 + 15 + 100));
}

#[test]
fn what_follows_the_result_is_work_that_lets_others_go_first() {
    let mut sim = simulation(1, SimulationSpec::default());
    let one = sim.add_machine(machine(1, SchedulerSpec::default()));
    // 60 us, of which the result shows after 40. The first is on its own; another comes in the tail
    // of the second and goes first; the third and the fourth are of one thread, which does all of
    // the third before the fourth.
    let times = [1_000, 2_000, 3_000, 3_010];
    let node = actor(move || {
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                times.iter().for_each(|time| ctx.timer(Duration::from_micros(*time), *time));
            }
            Event::Timer(id) => {
                let [cost, tail] = [40, 20].map(Duration::from_micros);
                ctx.compute_with_tail(PoolId(0), cost, tail, id);
            }
            Event::Done(id, _) => ctx.note(Saw { what: "done", id, since: ctx.now() }),
            _ => unreachable!("nobody writes"),
        }
    });
    add_with(&mut sim, one, "node", &[1], fair(0), node);
    let other = at_times(vec![2_050], Duration::from_micros(100));
    add_with(&mut sim, one, "other", &[1], fair(0), other);
    sim.run_until(Time(SECOND));
    assert_eq!(microseconds_done(&sim), [1_040, 2_040, 2_150, 3_040, 3_100]);
    let cpu = sim.usage().first().expect("a machine has cores").busy;
    assert_eq!(cpu, Duration::from_micros(4 * 60 + 100));
    assert_eq!(sim.cpu_time(NodeId(0)), Duration::from_micros(4 * 60));
}

#[test]
fn a_thread_that_spins_is_done_on_time_and_has_a_core_meanwhile() {
    let wake_up =
        IdleCost { points: vec![IdlePoint::new(Duration::ZERO, Duration::from_micros(40))] };
    let scheduler = SchedulerSpec { wake_up, ..SchedulerSpec::default() };
    let mut sim = simulation(1, SimulationSpec::default());
    let one = sim.add_machine(machine(1, scheduler));
    // It wakes at 1,000 for what is due at 1,150, and again at 2,000 when the core is taken by
    // another, from which it takes it.
    let spinner = actor(|| {
        |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                let _ = [1_000, 2_000].map(|at| ctx.timer(Duration::from_micros(at), at));
            }
            Event::Timer(id) => ctx.spin(PoolId(0), Duration::from_micros(150), id),
            Event::Done(id, _) => ctx.note(Saw { what: "done", id, since: ctx.now() }),
            _ => unreachable!("nobody writes"),
        }
    });
    let pools = vec![PoolSpec::named("pacer", 1).scheduled(real_time(1))];
    let (name, background, factory) = ("spinner".to_owned(), vec![], spinner);
    sim.add_node(NodeSpec { name, machine: one, pools, background, policy: fair(0), factory });
    let other = at_times(vec![1_900], Duration::from_micros(300));
    add_with(&mut sim, one, "other", &[1], fair(0), other);
    sim.run_until(Time(SECOND));
    // The other wakes for 40 us, has 60 of its 300 us before and 240 after.
    assert_eq!(microseconds_done(&sim), [1_150, 2_150, 2_390]);
    let cpu = sim.usage().first().expect("a machine has cores").busy;
    assert_eq!(cpu, Duration::from_micros(110 + 150 + 300));
}

#[test]
fn timers_are_as_late_as_their_slack_but_in_real_time() {
    let timer_slack = Duration::from_micros(50);
    let scheduler = SchedulerSpec { timer_slack, ..SchedulerSpec::default() };
    for (policy, expected) in [(fair(0), 1_150), (real_time(1), 1_100)] {
        let node = at_times(vec![1_000], Duration::from_micros(100));
        let mut sim = on(machine(2, scheduler.clone()), 1, vec![(policy, node)]);
        sim.run_until(Time(SECOND));
        assert_eq!(microseconds_done(&sim), [expected], "{policy:?}");
    }
}

/// A process in bursts takes its share, and a system that is alone on the other core is not
/// touched.
#[test]
fn another_process_is_felt_only_where_it_takes_a_core() {
    let gap = Distribution::constant(Duration::from_micros(700));
    let work = Distribution::constant(Duration::from_micros(300));
    let activity = Activity::Bursts { gap, work };
    let others = vec![OtherSpec { name: "collector".into(), policy: fair(0), activity }];
    let node = || at_times((0..1_000).map(|job| job * 970).collect(), Duration::from_micros(60));
    let mean = |cores| {
        let spec =
            MachineSpec { others: others.clone(), ..machine(cores, SchedulerSpec::default()) };
        let mut sim = on(spec, 1, vec![(fair(0), node())]);
        sim.run_until(Time(2 * SECOND));
        let late = sim.observer().about("done").map(|line| line.at.0 / 1_000 - line.saw.id - 60);
        late.sum::<u64>() as f64 / 1e3
    };
    assert_eq!(mean(2), 0.0);
    // Uniform over the burst's cycle: 30 % of the jobs wait half a burst, less what they delay it.
    assert_near("mean wait", mean(1), 0.3 * 150.0, 0.15);
}

/// A node that takes its inputs every 100 us and stops its world once, for `work` on `threads`
/// threads.
fn stops_once(work: Duration, threads: u32) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| match event {
            Event::Start => {
                (1..400).for_each(|tick| ctx.timer(Duration::from_micros(tick * 100), tick));
            }
            Event::Timer(50) => ctx.stop_the_world(work, threads, 1_000),
            Event::Timer(tick) => ctx.compute(PoolId(0), Duration::from_micros(10), tick),
            Event::Done(id, _) => ctx.note(Saw { what: "done", id, since: ctx.now() }),
            _ => unreachable!("nobody writes"),
        }
    })
}

/// All threads of a node stand still while its collector works, on as many cores as it can get, and
/// nothing is lost.
#[test]
fn a_world_that_stops_takes_its_work_over_the_cores_it_gets() {
    let work = Duration::from_millis(12);
    for (cores, threads, pause) in [(4, 1, 12_000), (4, 4, 3_000), (2, 4, 6_000), (1, 4, 12_000)] {
        // Slices of half a millisecond: four threads on fewer cores end at about the same time.
        let scheduler = slices(Duration::from_micros(500));
        let mut sim = on(machine(cores, scheduler), 1, vec![(fair(0), stops_once(work, threads))]);
        sim.run_until(Time(SECOND));
        let (ids, times) = (sim.observer().ids("done"), microseconds_done(&sim));
        assert_eq!(ids.len(), 399, "{cores} cores, {threads} threads");
        let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        assert!(gap.abs_diff(pause) <= 120, "{cores} cores, {threads} threads: {gap} us");
    }
}

#[test]
fn a_node_stopped_by_a_signal_while_its_world_stands_still_waits_for_both() {
    use headwater_sim::fault::Fault;
    let node = NodeId(0);
    let ends = |pause: u64, resume: u64| {
        let nodes = vec![(fair(0), stops_once(Duration::from_millis(10), 1))];
        let mut sim = on(machine(1, SchedulerSpec::default()), 1, nodes);
        let at = |time: u64| Time(time * 1_000_000);
        sim.schedule(at(pause), Fault::Pause { node });
        sim.schedule(at(resume), Fault::Resume { node });
        sim.run_until(Time(SECOND));
        let times = microseconds_done(&sim);
        assert_eq!(times.len(), 399);
        let longest = times.windows(2).max_by_key(|pair| pair[1] - pair[0]).unwrap_or(&[0, 0]);
        longest[1] / 1_000
    };
    // The world stands still from 5 ms to 15 ms.
    assert_eq!(ends(7, 9), 15);
    assert_eq!(ends(7, 20), 20);
}
