//! Tiered storage: latency and bandwidth laws, errors, fullness, what survives.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use headwater_models::note::Note;
use headwater_models::protocol::{self, Streaming};
use headwater_models::signal::Mark;
use headwater_models::tier::config::{self, Kind};
use headwater_models::tier::message::{ChunkId, Data, Message, Operation, TierError, TierResponse};
use headwater_models::tier::node::Tier;
use headwater_sim::context::Context;
use headwater_sim::device::DiskFault;
use headwater_sim::disk::DiskSpec;
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{MachineSpec, NodeSpec};
use headwater_sim::network::NetworkSpec;
use headwater_sim::node::{Completion, Node, Observer};
use headwater_sim::random::Seed;
use headwater_sim::scheduling::Policy;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond, MachineId, NodeId};

const ONE_WAY: Duration = Duration::from_micros(50);
const SYNC: Duration = Duration::from_micros(500);

/// Sends each operation at its time, and again if its connection breaks; the answers are notes.
struct Client {
    script: Vec<(Time, Operation)>,
    unanswered: BTreeSet<u64>,
}

impl Node<Streaming> for Client {
    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        for (number, (at, _)) in self.script.iter().enumerate() {
            ctx.timer(*at - ctx.now(), number as u64);
        }
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        _from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::Tier(Message::Reply { request, result }) = message else { return };
        let (mark, value) = match result {
            Ok(TierResponse::Done { length }) => (const { &Mark::new("done") }, length),
            Ok(TierResponse::Pieces(pieces)) => {
                (const { &Mark::new("pieces") }, pieces.len() as u64)
            }
            Err(TierError::Full) => (const { &Mark::new("full") }, 0),
            Err(TierError::NoSuchChunk) => (const { &Mark::new("no_such_chunk") }, 0),
            Err(TierError::BadOffset) => (const { &Mark::new("bad_offset") }, 0),
            Err(TierError::NotAppendable) => (const { &Mark::new("not_appendable") }, 0),
            Err(TierError::Io) => (const { &Mark::new("io") }, 0),
            Err(TierError::TooManyRequests) => (const { &Mark::new("too_many_requests") }, 0),
            Err(TierError::Unavailable) => (const { &Mark::new("unavailable") }, 0),
        };
        self.unanswered.remove(&request);
        mark.note(ctx, request, value);
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        let operation = self.script[tag as usize].1.clone();
        self.unanswered.insert(tag);
        let message = Message::Request { request: tag, operation };
        ctx.send(NodeId(0), protocol::Message::Tier(message));
    }

    fn on_completion(
        &mut self,
        _ctx: &mut Context<'_, Streaming>,
        _tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
    }

    fn on_disconnect(&mut self, ctx: &mut Context<'_, Streaming>, _peer: NodeId) {
        self.unanswered.iter().for_each(|tag| ctx.timer(Duration::from_millis(1), *tag));
    }
}

/// Answers by request: when, what, with which figure.
#[derive(Default)]
struct Answers(BTreeMap<u64, (Time, &'static str, u64)>);

impl Observer<Streaming> for Answers {
    fn note(&mut self, at: Time, _node: NodeId, note: Note) {
        if let Note::Event { mark, entity, value, .. } = note {
            self.0.insert(entity, (at, mark.name, value));
        }
    }
}

type Sim = Simulation<Streaming, Answers>;

fn simulate(config: &config::Tier, script: Vec<(Time, Operation)>) -> Sim {
    let network =
        NetworkSpec { latency: Distribution::constant(ONE_WAY), ..NetworkSpec::default() };
    let spec = SimulationSpec { seed: Seed(3), network, ..SimulationSpec::default() };
    let mut sim = Sim::new(spec, Answers::default());
    let disk = DiskSpec { sync: Distribution::constant(SYNC), ..DiskSpec::default() };
    let tier = sim.add_machine(MachineSpec { disks: vec![disk], ..MachineSpec::named("tier") });
    let client = sim.add_machine(MachineSpec::named("client"));
    let config = config.clone();
    sim.add_node(NodeSpec {
        name: "tier".into(),
        machine: tier,
        pools: vec![],
        background: vec![],
        policy: Policy::default(),
        factory: Box::new(move |_| Box::new(Tier::new(config.clone()))),
    });
    sim.add_node(NodeSpec {
        name: "client".into(),
        machine: client,
        pools: vec![],
        background: vec![],
        policy: Policy::default(),
        factory: Box::new(move |_| {
            Box::new(Client { script: script.clone(), unanswered: BTreeSet::new() })
        }),
    });
    sim
}

/// `kind` with a write latency of `latency` and a read latency of half of it, always.
fn tier(kind: Kind, latency: Duration) -> config::Tier {
    config::Tier {
        write_latency: Distribution::constant(latency),
        read_latency: Distribution::constant(latency / 2),
        bandwidth: BytesPerSecond::UNLIMITED,
        request_bandwidth: BytesPerSecond::UNLIMITED,
        ..config::Tier::of(kind)
    }
}

fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

fn write(chunk: u64, offset: u64, bytes: u64) -> Operation {
    let data = Rc::new(Data { bytes, ..Data::default() });
    Operation::Write { chunk: ChunkId(chunk), offset, data }
}

fn stat(chunk: u64) -> Operation {
    Operation::Stat { chunk: ChunkId(chunk) }
}

fn outcomes(sim: &Sim) -> Vec<(&'static str, u64)> {
    sim.observer().0.values().map(|(_, name, value)| (*name, *value)).collect()
}

fn latency(sim: &Sim, request: u64, sent: Time) -> Duration {
    sim.observer().0[&request].0.since(sent)
}

#[test]
fn a_write_takes_the_latency_the_transfer_and_the_sync() {
    let bandwidth = BytesPerSecond(100_000_000);
    let request_bandwidth = BytesPerSecond(50_000_000);
    let latency_of = Duration::from_millis(3);
    let config = config::Tier { bandwidth, request_bandwidth, ..tier(Kind::Nfs, latency_of) };
    let mut sim = simulate(&config, vec![(at(10), write(1, 0, 1_000_000))]);
    sim.run_until(at(1_000));
    // One request alone gets 50 MB/s: 20 ms; its disk moves 1 MB at 1 GB/s: 1 ms.
    let expected = ONE_WAY * 2 + latency_of + Duration::from_millis(21) + SYNC;
    assert_eq!(latency(&sim, 0, at(10)), expected);
}

#[test]
fn requests_side_by_side_share_the_bandwidth() {
    let bandwidth = BytesPerSecond(100_000_000);
    let config = config::Tier { bandwidth, ..tier(Kind::Nfs, Duration::from_millis(1)) };
    let script = (0..20).map(|chunk| (at(0), write(chunk, 0, 1_000_000))).collect();
    let mut sim = simulate(&config, script);
    sim.run_until(at(1_000));
    let last = sim.observer().0.values().map(|(when, ..)| *when).max().expect("answers");
    let expected = Duration::from_millis(201);
    let span = last.since(Time::ZERO);
    assert!(span >= expected && span < expected + Duration::from_millis(3), "{span}");
}

#[test]
fn at_most_so_many_requests_are_served_at_a_time() {
    let config =
        config::Tier { requests_max: 2, ..tier(Kind::InMemory, Duration::from_millis(10)) };
    let script = (0..10).map(|chunk| (at(0), write(chunk, 0, 10))).collect();
    let mut sim = simulate(&config, script);
    sim.run_until(at(1_000));
    let last = sim.observer().0.values().map(|(when, ..)| *when).max().expect("answers");
    assert_eq!(last.since(Time::ZERO), ONE_WAY * 2 + Duration::from_millis(50));
}

#[test]
fn appends_go_to_the_end_only_and_an_object_takes_none() {
    let script = |second| {
        vec![(at(0), write(1, 0, 100)), (at(0), second), (at(50), stat(1)), (at(50), stat(2))]
    };
    for (kind, offset, expected) in [
        (Kind::FileSystem, 100, [("done", 100), ("done", 200), ("done", 200)]),
        (Kind::FileSystem, 50, [("done", 100), ("bad_offset", 0), ("done", 100)]),
        (Kind::FileSystem, 0, [("done", 100), ("bad_offset", 0), ("done", 100)]),
        (Kind::ObjectStore, 100, [("done", 100), ("not_appendable", 0), ("done", 100)]),
        (Kind::InMemory, 100, [("done", 100), ("done", 200), ("done", 200)]),
    ] {
        let config = tier(kind, Duration::from_millis(1));
        let mut sim = simulate(&config, script(write(1, offset, 100)));
        sim.run_until(at(1_000));
        let mut expected = expected.to_vec();
        expected.push(("no_such_chunk", 0));
        assert_eq!(outcomes(&sim), expected, "{kind:?} at offset {offset}");
    }
}

#[test]
fn full_storage_refuses_writes_until_something_is_deleted() {
    let config =
        config::Tier { capacity: Bytes(250), ..tier(Kind::FileSystem, Duration::from_millis(1)) };
    let script = vec![
        (at(0), write(1, 0, 100)),
        (at(10), write(2, 0, 100)),
        (at(20), write(3, 0, 100)),
        (at(30), Operation::Delete { chunk: ChunkId(1) }),
        (at(40), write(3, 0, 100)),
    ];
    let mut sim = simulate(&config, script);
    sim.run_until(at(1_000));
    let expected = [("done", 100), ("done", 100), ("full", 0), ("done", 0), ("done", 100)];
    assert_eq!(outcomes(&sim), expected);
}

#[test]
fn a_full_disk_is_reported_and_leaves_the_chunk_as_it_was() {
    let config = tier(Kind::FileSystem, Duration::from_millis(1));
    let script = vec![
        (at(0), write(1, 0, 100)),
        (at(20), write(1, 100, 100)),
        (at(40), stat(1)),
        (at(60), write(1, 100, 50)),
    ];
    let mut sim = simulate(&config, script);
    let full = |full| Fault::FillDisk { machine: MachineId(0), disk: 0, full };
    sim.schedule(at(10), full(true));
    sim.schedule(at(50), full(false));
    sim.run_until(at(1_000));
    assert_eq!(outcomes(&sim), [("done", 100), ("full", 0), ("done", 100), ("done", 150)]);
}

#[test]
fn errors_and_stalls_come_as_often_as_configured() {
    let config = config::Tier {
        error_ppm: 100_000,
        stall_ppm: 50_000,
        stall_time: Distribution::constant(Duration::from_millis(500)),
        ..tier(Kind::InMemory, Duration::from_millis(1))
    };
    let script = (0..4_000).map(|chunk| (at(chunk), write(chunk, 0, 10))).collect();
    let mut sim = simulate(&config, script);
    sim.run_until(at(10_000));
    let answers = &sim.observer().0;
    let errors = answers.values().filter(|(_, name, _)| *name == "io").count();
    let slow = answers
        .iter()
        .filter(|(request, (when, ..))| when.since(at(**request)) > Duration::from_millis(400));
    let stalls = slow.count();
    // Binomial with n = 4,000: four standard deviations are 76 and 55.
    assert!(errors.abs_diff(400) < 76, "{errors} errors of 4000 at 10 %");
    assert!(stalls.abs_diff(200) < 55, "{stalls} stalls of 4000 at 5 %");
}

#[test]
fn a_slow_disk_makes_writes_slow() {
    let config = tier(Kind::FileSystem, Duration::from_millis(1));
    let script = vec![(at(0), write(1, 0, 1_000_000)), (at(200), write(1, 1_000_000, 1_000_000))];
    let mut sim = simulate(&config, script);
    sim.schedule(at(100), Fault::SlowDisk { machine: MachineId(0), disk: 0, percent: 2_000 });
    sim.run_until(at(1_000));
    let (usual, slow) = (latency(&sim, 0, at(0)), latency(&sim, 1, at(200)));
    let disk = Duration::from_millis(1) + SYNC;
    assert_eq!(slow.saturating_sub(usual), disk * 19);
}

#[test]
fn what_was_answered_survives_a_power_cut_but_not_in_memory() {
    for (kind, expected) in
        [(Kind::FileSystem, ("done", 200)), (Kind::InMemory, ("no_such_chunk", 0))]
    {
        let config = tier(kind, Duration::from_millis(1));
        let script = vec![
            (at(0), write(1, 0, 100)),
            (at(10), write(2, 0, 100)),
            (at(20), Operation::Concat { target: ChunkId(1), source: ChunkId(2) }),
            (at(5_000), stat(1)),
            (at(5_010), stat(2)),
            (at(5_020), Operation::Read { chunk: ChunkId(1), offset: 150, bytes: 10 }),
        ];
        let mut sim = simulate(&config, script);
        sim.schedule(at(1_000), Fault::PowerCut { machine: MachineId(0) });
        sim.schedule(at(2_000), Fault::PowerOn { machine: MachineId(0) });
        sim.run_until(at(10_000));
        let found = outcomes(&sim);
        assert_eq!(found[..3], [("done", 100), ("done", 100), ("done", 200)]);
        assert_eq!(found[3], expected, "{kind:?}");
        assert_eq!(found[4], ("no_such_chunk", 0));
        if kind == Kind::FileSystem {
            assert_eq!(found[5], ("pieces", 1));
        }
    }
}

#[test]
fn what_a_failed_sync_left_in_the_file_is_not_found_after_a_restart() {
    for forgets in [false, true] {
        let config = tier(Kind::FileSystem, Duration::from_millis(1));
        let script = vec![
            (at(0), write(1, 0, 100)),
            (at(20), write(1, 100, 100)),
            (at(40), write(1, 100, 100)),
            (at(5_000), stat(1)),
            (at(5_010), Operation::Read { chunk: ChunkId(1), offset: 0, bytes: 200 }),
        ];
        let mut sim = simulate(&config, script);
        let errors = |ppm| Fault::Disk {
            machine: MachineId(0),
            disk: 0,
            how: DiskFault::SyncErrors { ppm, forgets },
        };
        sim.schedule(at(10), errors(1_000_000));
        sim.schedule(at(30), errors(0));
        sim.schedule(at(1_000), Fault::Crash { node: NodeId(0) });
        sim.schedule(at(2_000), Fault::Restart { node: NodeId(0) });
        sim.run_until(at(10_000));
        let expected = [("done", 100), ("io", 0), ("done", 200), ("done", 200), ("pieces", 2)];
        assert_eq!(outcomes(&sim), expected, "forgets {forgets}");
    }
}

#[test]
fn impossible_options_are_refused() {
    let bad = config::Tier { error_ppm: 2_000_000, ..config::Tier::default() };
    assert!(bad.check().unwrap_err().contains("error.ppm 2000000"));
    for kind in [Kind::FileSystem, Kind::Nfs, Kind::ObjectStore, Kind::InMemory] {
        assert_eq!(config::Tier::of(kind).check(), Ok(()));
    }
}
