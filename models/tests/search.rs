//! The laws that the parts of a search keep: the database as an M/M/c, and the index in a closed
//! loop. A probe asks them directly, over a network that takes nothing.

use std::cell::RefCell;
use std::rc::Rc;

use headwater_models::bugs::BugSet;
use headwater_models::deployment::{Deployment, Environment, Machines, Pacer};
use headwater_models::pipeline::search::config;
use headwater_models::pipeline::search::deploy::{add_database, add_index};
use headwater_models::pipeline::search::message::{Message, Status};
use headwater_models::pipeline::search::record::Row;
use headwater_models::protocol::{self, Streaming};
use headwater_models::queries::{Load, Queries};
use headwater_models::role::CONSUMER;
use headwater_sim::context::Context;
use headwater_sim::distribution::Distribution;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::network::NetworkSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::random::Seed;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

type Ctx<'a> = Context<'a, Streaming>;

/// How long each request took, in the order of the answers, and when that was.
type Took = Rc<RefCell<Vec<(Time, Duration)>>>;

/// The server that is asked.
const SERVER: NodeId = NodeId(0);

/// What a probe asks.
#[derive(Clone, Copy)]
enum Asks {
    /// The database, at times of a Poisson process.
    Open(Load),
    /// The index, once it has this many vectors: so many clients, each of which asks again once it
    /// has its answer.
    Closed { vectors: u64, clients: u64 },
}

struct Probe {
    asks: Asks,
    asked: Vec<Time>,
    queries: Option<Queries>,
    took: Took,
}

impl Probe {
    fn ask(&mut self, ctx: &mut Ctx<'_>) {
        let id = self.asked.len() as u64;
        self.asked.push(ctx.now());
        let message = match self.asks {
            Asks::Open(_) => Message::Select { id, tweets: Rc::new([1, 2]) },
            Asks::Closed { .. } => Message::Find { id, query: id, vector: 0 },
        };
        ctx.send(SERVER, protocol::Message::Search(message));
    }

    fn next(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(query) = self.queries.as_mut().and_then(Iterator::next) {
            ctx.exact_timer(query.at.since(ctx.now()), 0);
        }
    }
}

impl Node<Streaming> for Probe {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        match self.asks {
            Asks::Open(load) => {
                self.queries = Some(Queries::new(&load, Seed(17), ctx.me()));
                self.next(ctx);
            }
            Asks::Closed { .. } => ctx.timer(Duration::from_secs(1), 0),
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, _from: NodeId, message: protocol::Message) {
        let protocol::Message::Search(message) = message else { return };
        match message {
            Message::Inserted { status, .. } => {
                assert_eq!(status, Status::Done);
                let Asks::Closed { clients, .. } = self.asks else { return };
                (0..clients).for_each(|_| self.ask(ctx));
            }
            Message::Found { id, status, .. } | Message::Rows { id, status, .. } => {
                assert_eq!(status, Status::Done);
                let took = ctx.now().since(self.asked[id as usize]);
                self.took.borrow_mut().push((ctx.now(), took));
                if let Asks::Closed { .. } = self.asks {
                    self.ask(ctx);
                }
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, _tag: u64) {
        match self.asks {
            Asks::Open(_) => {
                self.ask(ctx);
                self.next(ctx);
            }
            Asks::Closed { vectors, .. } => {
                let rows = (0..vectors).map(|tweet| Row { tweet, bytes: 100 }).collect();
                let insert = Message::Insert { id: 0, rows, bytes: 0 };
                ctx.send(SERVER, protocol::Message::Search(insert));
            }
        }
    }

    fn on_completion(&mut self, _: &mut Ctx<'_>, _: u64, _: Completion<protocol::Record>) {}
}

/// A server that `add` adds, asked for so long.
fn asked(
    asks: Asks,
    seconds: u64,
    add: impl Fn(&mut Deployment, &Environment) -> NodeId,
) -> Vec<(Time, Duration)> {
    let loopback = Distribution::constant(Duration::ZERO);
    let machine = |name| MachineSpec { loopback: loopback.clone(), ..MachineSpec::named(name) };
    let environment = Environment {
        server: machine("server"),
        client: machine("client"),
        machines: Machines::Each,
        pacer: Pacer::default(),
        bugs: BugSet::default(),
        audit: None,
    };
    let mut deployment = Deployment::default();
    assert_eq!(add(&mut deployment, &environment), SERVER);
    let took = Took::default();
    let kept = took.clone();
    let factory: Factory<Streaming> = Box::new(move |_| {
        let took = kept.clone();
        Box::new(Probe { asks, asked: Vec::new(), queries: None, took })
    });
    let machine = environment.client_machine(&mut deployment, "probe");
    deployment.node(CONSUMER, "probe", machine, vec![], factory);
    let network =
        NetworkSpec { latency: Distribution::constant(Duration::ZERO), ..NetworkSpec::default() };
    let spec = SimulationSpec { seed: Seed(5), network, ..SimulationSpec::default() };
    let mut sim: Simulation<Streaming, ()> = Simulation::new(spec, ());
    deployment.machines.into_iter().for_each(|machine| _ = sim.add_machine(machine));
    deployment.nodes.into_iter().for_each(|node| _ = sim.add_node(node));
    sim.run_until(Time::ZERO + Duration::from_secs(seconds));
    took.take()
}

/// Erlang's C: how likely it is that all `c` are taken when `a` of them are on the average.
fn erlang_c(c: u32, a: f64) -> f64 {
    let lost = (1..=c).fold(1.0, |lost, of| a * lost / (f64::from(of) + a * lost));
    lost / (1.0 - a / f64::from(c) * (1.0 - lost))
}

/// Statements of 10 ms at a load of 0.8: the time until an answer has the mean of an M/M/c, within
/// four standard deviations of twenty means over a twentieth of the run.
#[test]
fn statements_wait_for_a_connection_as_in_an_mmc() {
    for connections in [1, 4, 20] {
        let rate = connections * 80;
        let second = Duration::from_secs(1);
        // The database has started by then.
        let load = Load { after: second, rate, queries: 1, alpha: 0.0, limit: second };
        let seconds = 40_000 / u64::from(rate) + 1;
        let took = asked(Asks::Open(load), seconds, |deployment, environment| {
            let config = config::Database {
                connections,
                select: Duration::from_millis(10),
                service: config::Service::Exponential,
                ..config::Database::default()
            };
            add_database(deployment, environment, &config)
        });
        let times: Vec<f64> = took.iter().map(|(_, took)| took.as_secs_f64() * 1e3).collect();
        let each = times.len() / 20;
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let means: Vec<f64> = times.chunks_exact(each).map(mean).collect();
        let found = mean(&means);
        let spread = means.iter().map(|of| (of - found).powi(2)).sum::<f64>() / 19.0;
        let error = (spread / 20.0).sqrt();
        let c = f64::from(connections);
        let law = 10.0 + erlang_c(connections, 0.8 * c) * 10.0 / (c * 0.2);
        assert!((found - law).abs() < 4.0 * error, "c = {c}: {found}, not {law} +- {error}");
        assert!(error / law < 0.1, "c = {c}: {error} of {law} says little");
    }
}

/// A published run of pgvector's HNSW, 150,000 vectors of 1,024 dimensions: 442, 447 and 427
/// queries a second of 1, 4 and 16 clients, with medians of 2.2, 8.9 and 37.1 ms. One core that
/// takes 1/442 s for a search gives that: X whatever N is, and N / X.
#[test]
fn clients_in_a_closed_loop_share_what_one_core_searches() {
    let published = [(1, 442.0, 2.2), (4, 447.0, 8.9), (16, 427.0, 37.1)];
    for (clients, rate, p50) in published {
        // A tenth of the vectors here, at what a search of all takes.
        let (vectors, ef) = (15_000, 40);
        let took = asked(Asks::Closed { vectors, clients }, 10, |deployment, environment| {
            let config = config::Index {
                ef,
                layer: Duration::ZERO,
                candidate: Duration::from_nanos(1_000_000_000 / 442 / u64::from(ef)),
                insert: Duration::from_nanos(1),
                ..config::Index::default()
            };
            add_index(deployment, environment, &config)
        });
        let measured: Vec<_> = took.iter().filter(|(at, _)| at.as_secs_f64() >= 5.0).collect();
        let found = measured.len() as f64 / 5.0;
        assert!((found / rate - 1.0).abs() < 0.04, "{clients}: {found}/s, published {rate}");
        let mut times: Vec<f64> = measured.iter().map(|of| of.1.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        assert!((median / p50 - 1.0).abs() < 0.04, "{clients}: {median} ms, published {p50}");
        let little = clients as f64 / found * 1e3;
        assert!((median / little - 1.0).abs() < 0.005, "{clients}: {median} ms, N / X {little}");
    }
}

/// Two workers answer twice as many, once there are as many clients.
#[test]
fn workers_of_the_index_add_up() {
    let rate = |workers, clients| {
        let asks = Asks::Closed { vectors: 1_000, clients };
        let took = asked(asks, 3, |deployment, environment| {
            let config = config::Index {
                workers,
                insert: Duration::from_nanos(1),
                ..config::Index::default()
            };
            add_index(deployment, environment, &config)
        });
        took.iter().filter(|(at, _)| at.as_secs_f64() >= 2.0).count() as f64
    };
    let one = rate(1, 1);
    assert!((rate(2, 2) / one - 2.0).abs() < 0.01 && (rate(2, 1) / one - 1.0).abs() < 0.01);
}
