//! What a node of this host may rely on, and that its faults happen: two nodes and a fault.

use std::rc::Rc;

use headwater_check::Positions;
use headwater_models::deployment::Deployment;
use headwater_models::kafka::ids::BrokerId;
use headwater_models::kafka::message::Message as Kafka;
use headwater_models::kafka::system::BROKER;
use headwater_models::protocol::{Message, Record, Streaming};
use headwater_models::signal;
use headwater_reports::outcome::{Mark, Window};
use headwater_scenarios::faults::{FaultSpec, Target};
use headwater_scenarios::observe::{Observed, ObservedSpec, StreamSpec};
use headwater_scenarios::targets::{Roster, SystemNames};
use headwater_sim::context::Context;
use headwater_sim::machine::MachineSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use madsim::runtime::Runtime;
use madsim::time::{Instant, sleep_until};

use crate::director::start;
use crate::faults::Faults;
use crate::process::real;
use crate::world::World;

type Ctx<'a> = Context<'a, Streaming>;

const GOT: signal::Mark = signal::Mark::new("got");
const TOLD: signal::Mark = signal::Mark::new("told");

/// How often the sender sends.
const PERIOD: Duration = Duration::from_millis(20);

/// Sends numbers to its peer until it hears that the peer is gone.
struct Sender {
    next: u64,
    stopped: bool,
}

/// Notes what it is sent.
struct Receiver;

impl Node<Streaming> for Sender {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.on_timer(ctx, 0);
    }

    fn on_message(&mut self, _: &mut Ctx<'_>, _: NodeId, _: Message) {}

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, _: u64) {
        if !self.stopped {
            self.next += 1;
            let (broker, incarnation, metadata_offset) = (BrokerId(0), self.next, 0);
            let (want_fence, want_shut_down) = (false, false);
            let beat = Kafka::Heartbeat {
                broker,
                incarnation,
                metadata_offset,
                want_fence,
                want_shut_down,
            };
            ctx.send(NodeId(1), Message::Kafka(beat));
            ctx.timer(PERIOD, 0);
        }
    }

    fn on_completion(&mut self, _: &mut Ctx<'_>, _: u64, _: Completion<Record>) {}

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, _: NodeId) {
        self.stopped = true;
        TOLD.note(ctx, 0, self.next);
    }
}

impl Node<Streaming> for Receiver {
    fn on_start(&mut self, _: &mut Ctx<'_>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) {
        let Message::Kafka(Kafka::Heartbeat { incarnation, .. }) = message else { return };
        GOT.note(ctx, 0, incarnation);
        // An answer, so that there is a connection each way.
        ctx.send(from, Message::Kafka(Kafka::MetadataRequest));
    }

    fn on_timer(&mut self, _: &mut Ctx<'_>, _: u64) {}

    fn on_completion(&mut self, _: &mut Ctx<'_>, _: u64, _: Completion<Record>) {}
}

/// Three seconds of `a` that sends to `b`, which is hit after a second for another.
fn marks(seed: u64, kind: Option<&'static str>) -> Vec<Mark> {
    let secs = Duration::from_secs;
    let fault = move |kind| {
        let action = format!("kind = '{kind}'").parse().expect("it is a kind");
        let target = Target(vec!["b".into()]);
        FaultSpec { action, target, at: secs(1), until: Some(secs(2)) }
    };
    let run = move || {
        let faults: Vec<_> = kind.map(fault).into_iter().collect();
        Runtime::with_seed_and_config(seed, madsim::Config::default()).block_on(async {
            let observed = Observed::new(ObservedSpec {
                phases: vec![],
                window: Window { from_ns: 0, until_ns: secs(3).0 },
                interval: secs(1),
                streams: vec![StreamSpec::only(Positions::Events)],
                stream_of: Vec::new(),
            });
            let mut deployment = Deployment::default();
            for name in ["a", "b"] {
                let machine = deployment.machine(MachineSpec::named(name));
                let build = move |node| -> Box<dyn Node<Streaming>> {
                    match node {
                        NodeId(0) => Box::new(Sender { next: 0, stopped: false }),
                        _ => Box::new(Receiver),
                    }
                };
                deployment.node(BROKER, name, machine, vec![], Box::new(build));
            }
            let roster =
                Roster::new(&deployment, vec![SystemNames { prefix: String::new(), copies: 1 }]);
            let world = World::enter(deployment, Seed(seed), observed, 100);
            let tasks = [start(&world, NodeId(0)), start(&world, NodeId(1))];
            let mut faults = Faults::new(&faults, &roster, Rc::clone(&world), tasks.to_vec());
            World::curtain().await;
            let zero = Instant::now();
            while let Some(at) = faults.next() {
                sleep_until(zero + real(at.since(Time::ZERO))).await;
                faults.fire();
            }
            sleep_until(zero + real(secs(3))).await;
            world.observed.borrow().timeline.marks(|node| roster.name(node).to_owned())
        })
    };
    std::thread::spawn(run).join().expect("the run ends")
}

/// When each mark of this name was made, in ms, and its number.
fn of(marks: &[Mark], name: &str) -> Vec<(u64, u64)> {
    let number = |mark: &Mark| {
        let number = mark.detail.rsplit(", ").next().and_then(|number| number.parse().ok());
        (mark.at_ns / 1_000_000, number.expect("marks end with their number"))
    };
    marks.iter().filter(|mark| mark.name == name).map(number).collect()
}

fn numbers(of: &[(u64, u64)]) -> Vec<u64> {
    of.iter().map(|(_, number)| *number).collect()
}

#[test]
fn a_connection_keeps_order_and_loses_nothing_also_across_a_cut_or_a_pause() {
    for (seed, kind) in [(1, None), (2, Some("partition")), (3, Some("pause"))] {
        let hit = kind.is_some();
        let marks = marks(seed, kind);
        let got = of(&marks, "got");
        assert!(got.len() > 120, "{} messages", got.len());
        assert_eq!(numbers(&got), (1..=got.len() as u64).collect::<Vec<_>>());
        assert_eq!(of(&marks, "told"), [], "nobody is gone");
        let meanwhile = got.iter().filter(|(at, _)| (1_020..2_000).contains(at)).count();
        assert_eq!(meanwhile == 0, hit, "{meanwhile} messages while {hit}");
    }
}

#[test]
fn a_killed_peer_is_told_once_and_at_once() {
    let told = of(&marks(4, Some("crash")), "told");
    assert!(matches!(told[..], [(1_000..1_030, _)]), "{told:?}");
}

#[test]
fn a_peer_without_power_is_not_missed_before_its_machine_can_answer() {
    let told = of(&marks(5, Some("power-cut")), "told");
    assert!(matches!(told[..], [(2_000..2_900, _)]), "{told:?}");
}
