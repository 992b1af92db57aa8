//! A JVM on a bench: how often it collects, for how long, what a cold start costs, a full heap.

use headwater_models::note::Note;
use headwater_models::protocol::{self, Streaming};
use headwater_models::runtime::jvm::{self, Collector, Config, Event, Jvm};
use headwater_models::signal::Mark;
use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::{MachineSpec, NodeSpec, PoolSpec};
use headwater_sim::node::{Completion, Node, Observer};
use headwater_sim::scheduling::Policy;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond, NodeId};

type Ctx<'a> = Context<'a, Streaming>;

const REQUEST: u64 = 1 << 32;
/// A request is served that was asked for at the time in the bits below.
const SERVED: u64 = 1 << 60;
const MIB: u64 = 1 << 20;

/// Serves a request every `every`, of `cost`, with `garbage`; each holds `held` for good.
#[derive(Clone)]
struct Server {
    config: Config,
    every: Duration,
    cost: Duration,
    garbage: u64,
    held: u64,
}

struct Running {
    server: Server,
    jvm: Jvm,
}

impl Node<Streaming> for Running {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        ctx.timer(self.server.every, REQUEST);
    }

    fn on_message(&mut self, _: &mut Ctx<'_>, _: NodeId, _: protocol::Message) {}

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        ctx.timer(self.server.every, tag);
        self.jvm.hold(self.server.held);
        self.jvm.request(ctx, self.server.garbage, |number| number);
        let asked = ctx.now().0 & (SERVED - 1);
        ctx.compute(PoolId(0), self.jvm.cost(self.server.cost), SERVED | asked);
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _: Completion<protocol::Record>) {
        if tag & SERVED != 0 {
            let took = (ctx.now().0 & (SERVED - 1)) - (tag & (SERVED - 1));
            return (const { &Mark::new("served") }).note(ctx, 0, took);
        }
        match self.jvm.done(ctx, tag, |number| number) {
            Some(Event::Paused(pause)) => {
                (const { &Mark::new("paused") }).note(ctx, self.jvm.in_use() / MIB, pause.0);
            }
            Some(Event::OutOfMemory) => {
                (const { &Mark::new("out_of_memory") }).note(ctx, 0, 0);
                ctx.exit();
            }
            None => {}
        }
    }
}

/// What was marked: when, what, about which number, with which figure.
#[derive(Default)]
struct Marks(Vec<(Time, &'static str, u64, u64)>);

impl Observer<Streaming> for Marks {
    fn note(&mut self, at: Time, _: NodeId, note: Note) {
        if let Note::Event { mark, entity, value, .. } = note {
            self.0.push((at, mark.name, entity, value));
        }
    }
}

impl Marks {
    fn named(&self, name: &str) -> Vec<(Time, u64, u64)> {
        let named = self.0.iter().filter(|mark| mark.1 == name);
        named.map(|(at, _, entity, value)| (*at, *entity, *value)).collect()
    }
}

/// Runs a server alone on two cores for so many seconds.
fn run(server: &Server, seconds: u64) -> Simulation<Streaming, Marks> {
    run_on(2, server, seconds)
}

fn run_on(cores: u32, server: &Server, seconds: u64) -> Simulation<Streaming, Marks> {
    let mut sim = Simulation::new(SimulationSpec::default(), Marks::default());
    let machine = sim.add_machine(MachineSpec { cores, ..MachineSpec::named("machine") });
    let server = server.clone();
    let pools = [PoolSpec::named("requests", 8)].into_iter().chain(jvm::pools(cores)).collect();
    sim.add_node(NodeSpec {
        name: "server".into(),
        machine,
        pools,
        background: vec![],
        policy: Policy::default(),
        factory: Box::new(move |_| {
            let jvm = Jvm::new(&server.config, cores, 1);
            Box::new(Running { server: server.clone(), jvm })
        }),
    });
    sim.run_until(Time(seconds * 1_000_000_000));
    sim
}

fn server() -> Server {
    Server {
        config: Config::default(),
        every: Duration::from_millis(1),
        cost: Duration::from_micros(300),
        garbage: 16 << 10,
        held: 0,
    }
}

/// 16 KiB a request and 1,000 requests a second fill 60 % of a GiB in 39 s, and half of the
/// collector's 16 ms on each of two cores is the pause.
#[test]
fn garbage_fills_eden_and_a_collection_stops_the_world() {
    let sim = run(&server(), 240);
    let pauses = sim.observer().named("paused");
    assert!((5..=6).contains(&pauses.len()), "{} collections in four minutes", pauses.len());
    let time = |pause: &(Time, u64, u64)| pause.2 as f64 / 1e6;
    assert!(pauses.iter().all(|pause| (8.0..8.4).contains(&time(pause))), "{pauses:?}");
    let worst = sim.observer().named("served").iter().map(|served| served.2).max().unwrap();
    assert!((8_000_000..9_500_000).contains(&worst), "{worst} ns");
}

/// Left to itself, HotSpot collects serially on one core: 16 KiB a request fill eight tenths of a
/// third of a GiB in 18 s. Of that 256 B a request are held, and copied five times until they are
/// old: each pause takes one thread 16 ms and 22 MiB.
#[test]
fn one_core_is_collected_serially_and_survivors_are_copied_until_they_are_old() {
    let config = Config { collector: Collector::Auto, ..Config::default() };
    let held = Server { config, held: 256, ..server() };
    let pauses = run_on(1, &held, 120).observer().named("paused");
    assert!((6..=7).contains(&pauses.len()), "{} collections in two minutes", pauses.len());
    let ms = |pause: &(Time, u64, u64)| pause.2 as f64 / 1e6;
    assert!(pauses.iter().all(|pause| (36.0..43.0).contains(&ms(pause))), "{pauses:?}");
    let collected = |collector, cores| {
        let config = Config { collector, ..Config::default() };
        let pauses = run_on(cores, &Server { config, ..server() }, 60).observer().named("paused");
        pauses.iter().map(ms).fold(0.0, f64::max)
    };
    assert!(collected(Collector::Serial, 2) > 15.9);
    assert!(collected(Collector::Auto, 2) < 8.5);
}

/// As much again comes by itself: twice as many collections.
#[test]
fn what_comes_by_itself_fills_eden_as_well() {
    let config = Config { background_garbage: BytesPerSecond(16_384_000), ..Config::default() };
    let pauses = run(&Server { config, ..server() }, 240).observer().named("paused").len();
    assert!((12..=13).contains(&pauses), "{pauses} collections in four minutes");
}

/// A pause that is longer than its target makes eden smaller, until it is as small as it gets.
#[test]
fn eden_is_as_large_as_the_target_of_a_pause_allows() {
    let config = Config { max_gc_pause_millis: 4, ..Config::default() };
    let pauses = run(&Server { config, ..server() }, 240).observer().named("paused").len();
    // 51 MiB every 3.3 s, once it has shrunk to that.
    assert!((45..=72).contains(&pauses), "{pauses} collections");
}

/// Collections that vary from 2 ms on, with a mean of 8: after one that took far too long eden is
/// as small as it gets, and it is as large as it gets after a few short ones.
#[test]
fn a_pause_that_takes_too_long_makes_the_next_come_soon() {
    let config =
        Config { max_gc_pause_millis: 10, young_collection_least_us: 4_000, ..Config::default() };
    let pauses = run(&Server { config, ..server() }, 2_000).observer().named("paused");
    let ms = |pause: &(Time, u64, u64)| pause.2 as f64 / 1e6;
    let mean = pauses.iter().map(ms).sum::<f64>() / pauses.len() as f64;
    assert!((7.0..9.5).contains(&mean), "{mean} ms");
    assert!(pauses.iter().all(|pause| ms(pause) >= 2.0), "{pauses:?}");
    let gaps = pauses.windows(2).map(|of| (ms(&of[0]), (of[1].0.0 - of[0].0.0) as f64 / 1e9));
    let gaps: Vec<(f64, f64)> = gaps.collect();
    let after_long: Vec<f64> = gaps.iter().filter(|of| of.0 > 16.0).map(|of| of.1).collect();
    assert!(!after_long.is_empty() && after_long.iter().all(|gap| *gap < 4.0), "{gaps:?}");
    let longest = gaps.iter().map(|of| of.1).fold(0.0, f64::max);
    assert!((38.0..41.0).contains(&longest), "{longest} s");
}

/// From nothing compiled to everything: a cold start is many times slower at first, and its
/// compilers take 16 s of processor time, and slow code some more.
#[test]
fn a_cold_start_becomes_faster_with_use() {
    let config = Config { warm: false, ..Config::default() };
    let cost = Duration::from_micros(150);
    let sim = run(&Server { config, cost, ..server() }, 90);
    let served = sim.observer().named("served");
    let mean = |from: u64, to: u64| {
        let within = |at: Time| (from..to).contains(&(at.0 / 1_000_000_000));
        let these: Vec<u64> =
            served.iter().filter(|line| within(line.0)).map(|line| line.2).collect();
        these.iter().sum::<u64>() as f64 / these.len() as f64 / 1e3
    };
    let (first, tenth, last) = (mean(0, 1), mean(10, 12), mean(80, 90));
    assert!(first > 700.0, "{first} us in the first second");
    assert!((155.0..450.0).contains(&tenth), "{tenth} us after ten");
    assert!((149.0..156.0).contains(&last), "{last} us in the end");
    let cpu = sim.cpu_time(NodeId(0)).0 as f64 / 1e9;
    let work = served.len() as f64 * 150e-6;
    let extra = cpu - work;
    assert!((17.0..25.0).contains(&extra), "{extra} s of compilers and slow code");
}

/// A tenth of a GiB more is held every second: marked at 45 %, compacted when it is full, then out
/// of memory.
#[test]
fn a_heap_that_is_full_of_what_lives_ends_the_process() {
    let held = Server { held: MIB / 10, ..server() };
    let sim = run(&held, 60);
    let ends = sim.observer().named("out_of_memory");
    assert_eq!(ends.len(), 1);
    let at = ends[0].0.0 as f64 / 1e9;
    assert!((7.0..10.5).contains(&at), "out of memory after {at} s");
    assert!(!sim.is_up(NodeId(0)));
    let longest = sim.observer().named("paused").iter().map(|pause| pause.2).max().unwrap();
    assert!(longest > 200_000_000, "compacting 0.9 GiB takes two cores {longest} ns");
}

#[test]
fn impossible_options_are_refused() {
    let small = Config { heap: Bytes::from_mib(8), ..Config::default() };
    assert_eq!(small.check().unwrap_err().0, "heap");
    let full = Config { resident: Bytes::from_gib(1), ..Config::default() };
    assert_eq!(full.check().unwrap_err().0, "resident");
    let never = Config { max_gc_pause_millis: 0, ..Config::default() };
    assert_eq!(never.check().unwrap_err().0, "max.gc.pause.millis");
    assert!(Config::default().check().is_ok());
}
