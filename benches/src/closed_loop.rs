//! The scenario on this kernel: 100 clients call one server, each its next request on the reply.
//!
//! ```text
//!              request 100 B      (1 to 10 ms one way, uniform, per message)
//!  client 0..99 ------------> server
//!              <------------
//!               reply 100 B
//! ```
//!
//! The fingerprint is on, as always, and so are the metrics: every round trip goes to a histogram,
//! the kernel's totals and the event log are kept.

use hdrhistogram::Histogram;
use headwater_sim::context::Context;
use headwater_sim::distribution::Distribution;
use headwater_sim::fingerprint::mix;
use headwater_sim::machine::{MachineSpec, NodeSpec};
use headwater_sim::network::NetworkSpec;
use headwater_sim::node::{Completion, Message, Node, Note, Observer, Protocol, Record};
use headwater_sim::queue::EventQueue;
use headwater_sim::random::Seed;
use headwater_sim::scheduling::Policy;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

/// Clients, each with one request in flight.
pub const CLIENTS: u32 = 100;
/// Size of a request and of a reply in bytes.
pub const BODY_BYTES: u64 = 100;

/// Request and reply.
#[derive(Clone, Copy, Debug)]
pub struct Call;

/// A request or its reply, with the time at which the request was sent.
#[derive(Debug)]
pub struct Body {
    sent: Time,
    reply: bool,
}

impl Message for Body {
    fn size_bytes(&self) -> u64 {
        BODY_BYTES
    }

    fn kind(&self) -> &'static str {
        if self.reply { "reply" } else { "request" }
    }

    fn digest(&self) -> u64 {
        mix(self.sent.0, u64::from(self.reply))
    }
}

/// A round trip.
#[derive(Debug)]
pub struct RoundTrip(Duration);

impl Note for RoundTrip {
    fn digest(&self) -> u64 {
        self.0.0
    }
}

/// Nothing is kept on disk.
#[derive(Clone, Debug)]
pub enum Nothing {}

impl Record for Nothing {
    fn size_bytes(&self) -> u64 {
        0
    }

    fn digest(&self) -> u64 {
        0
    }
}

impl Protocol for Call {
    type Message = Body;
    type Record = Nothing;
    type Note = RoundTrip;
}

struct Server;

impl Node<Call> for Server {
    fn on_start(&mut self, _ctx: &mut Context<'_, Call>) {}

    fn on_message(&mut self, ctx: &mut Context<'_, Call>, from: NodeId, request: Body) {
        ctx.send(from, Body { reply: true, ..request });
    }

    fn on_timer(&mut self, _ctx: &mut Context<'_, Call>, _tag: u64) {}

    fn on_completion(&mut self, _: &mut Context<'_, Call>, _: u64, _: Completion<Nothing>) {}
}

struct Client;

const SERVER: NodeId = NodeId(0);

impl Client {
    fn call(ctx: &mut Context<'_, Call>) {
        ctx.send(SERVER, Body { sent: ctx.now(), reply: false });
    }
}

impl Node<Call> for Client {
    fn on_start(&mut self, ctx: &mut Context<'_, Call>) {
        Self::call(ctx);
    }

    fn on_message(&mut self, ctx: &mut Context<'_, Call>, _from: NodeId, reply: Body) {
        ctx.note(RoundTrip(ctx.now() - reply.sent));
        Self::call(ctx);
    }

    fn on_timer(&mut self, _ctx: &mut Context<'_, Call>, _tag: u64) {}

    fn on_completion(&mut self, _: &mut Context<'_, Call>, _: u64, _: Completion<Nothing>) {}
}

/// Round trips in a histogram of three digits.
pub struct Metrics(pub Histogram<u64>);

impl Observer<Call> for Metrics {
    fn note(&mut self, _at: Time, _node: NodeId, note: RoundTrip) {
        self.0.saturating_record(note.0.0);
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Messages handed to their receiver.
    pub messages: u64,
    /// The kernel's fingerprint.
    pub fingerprint: u64,
    /// Median round trip in nanoseconds.
    pub round_trip_p50: u64,
    /// 99th percentile of the round trip in nanoseconds.
    pub round_trip_p99: u64,
}

/// Runs the scenario on queue `Q` until at least `messages` messages have arrived.
///
/// # Panics
/// If the histogram can't be made, which its constant bounds exclude.
pub fn run<Q: EventQueue>(seed: Seed, messages: u64) -> Figures {
    let (low, high) = (Duration::from_millis(1), Duration::from_millis(10));
    let network =
        NetworkSpec { latency: Distribution::uniform(low, high), ..NetworkSpec::default() };
    let spec = SimulationSpec { seed, network, ..SimulationSpec::default() };
    let bounds = Histogram::new_with_bounds(1_000, 1_000_000_000, 3).expect("the bounds are sound");
    let mut sim = Simulation::<Call, Metrics, Q>::new(spec, Metrics(bounds));
    let machine = sim.add_machine(MachineSpec::named("server"));
    let factory = Box::new(|_| Box::new(Server) as Box<dyn Node<Call>>);
    sim.add_node(NodeSpec {
        name: "server".into(),
        machine,
        pools: vec![],
        background: vec![],
        policy: Policy::default(),
        factory,
    });
    for client in 0..CLIENTS {
        let name = format!("client-{client}");
        let machine = sim.add_machine(MachineSpec::named(name.clone()));
        let factory = Box::new(|_| Box::new(Client) as Box<dyn Node<Call>>);
        let (pools, background, policy) = (vec![], vec![], Policy::default());
        sim.add_node(NodeSpec { name, machine, pools, background, policy, factory });
    }
    while sim.totals().messages < messages {
        sim.run_until(sim.now() + Duration::from_millis(100));
    }
    let round_trips = &sim.observer().0;
    Figures {
        messages: sim.totals().messages,
        fingerprint: sim.fingerprint(),
        round_trip_p50: round_trips.value_at_quantile(0.50),
        round_trip_p99: round_trips.value_at_quantile(0.99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::queue::{CalendarQueue, HeapQueue};

    #[test]
    fn the_scenario_is_what_it_says_on_either_queue() {
        let calendar = run::<CalendarQueue>(Seed(7), 200_000);
        assert_eq!(calendar, run::<HeapQueue>(Seed(7), 200_000));
        // The sum of two uniforms from 1 to 10 ms: median 11 ms, 99th percentile
        // 20 - 9 * sqrt(0.02) = 18.73 ms.
        let near = |have: u64, want: u64| have.abs_diff(want) < want / 100;
        assert!(near(calendar.round_trip_p50, 11_000_000), "{calendar:?}");
        assert!(near(calendar.round_trip_p99, 18_727_000), "{calendar:?}");
    }
}
