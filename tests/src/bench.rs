//! A protocol for tests of the kernel: letters, entries on disk, a diary, and nodes as closures.

use headwater_sim::condition::Condition;
use headwater_sim::context::Context;
use headwater_sim::fingerprint::mix;
use headwater_sim::machine::{Factory, MachineSpec, NodeSpec, PoolSpec};
use headwater_sim::node::{Completion, Message, Node, Note, Observer, Protocol, Record};
use headwater_sim::queue::{CalendarQueue, EventQueue};
use headwater_sim::random::Seed;
use headwater_sim::scheduling::Policy;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::Time;
use headwater_sim::units::{MachineId, NodeId};

/// The protocol.
#[derive(Debug)]
pub struct Bench;

impl Protocol for Bench {
    type Message = Letter;
    type Record = Entry;
    type Note = Saw;
}

/// A message.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its number.
    pub id: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Message for Letter {
    fn size_bytes(&self) -> u64 {
        self.bytes
    }
    fn kind(&self) -> &'static str {
        "letter"
    }
    fn digest(&self) -> u64 {
        mix(self.id, self.bytes)
    }
    fn duplicate(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// A record on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Record for Entry {
    fn size_bytes(&self) -> u64 {
        self.bytes
    }
    fn digest(&self) -> u64 {
        mix(self.id, self.bytes)
    }
}

/// A note: something happened to number `id`, which began at `since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saw {
    /// What happened.
    pub what: &'static str,
    /// To which letter, entry or job.
    pub id: u64,
    /// When it began.
    pub since: Time,
}

impl Note for Saw {
    fn digest(&self) -> u64 {
        mix(mix(self.what.len() as u64, self.id), self.since.0)
    }
}

/// A line of the diary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was noted, in true time.
    pub at: Time,
    /// By whom.
    pub node: NodeId,
    /// What.
    pub saw: Saw,
}

/// Every note, in order.
#[derive(Debug, Default)]
pub struct Diary(pub Vec<Line>);

impl Observer<Bench> for Diary {
    fn note(&mut self, at: Time, node: NodeId, saw: Saw) {
        self.0.push(Line { at, node, saw });
    }

    /// What `kept` is noted of.
    fn keeps(&mut self) -> bool {
        self.0.last().is_some_and(|line| line.saw.what == "kept")
    }
}

impl Diary {
    /// The lines about `what`.
    pub fn about(&self, what: &str) -> impl Iterator<Item = &Line> {
        self.0.iter().filter(move |line| line.saw.what == what)
    }

    /// The numbers of what happened, in order.
    pub fn ids(&self, what: &str) -> Vec<u64> {
        self.about(what).map(|line| line.saw.id).collect()
    }

    /// The times at which it happened, in order.
    pub fn times(&self, what: &str) -> Vec<Time> {
        self.about(what).map(|line| line.at).collect()
    }

    /// Mean of what passed from `since` to the note, in nanoseconds, without the first `skip`.
    pub fn mean_ns(&self, what: &str, skip: usize) -> f64 {
        let spans = self.about(what).skip(skip).map(|line| line.at.since(line.saw.since).0);
        let (sum, count) = spans.fold((0, 0), |(sum, count), span| (sum + span, count + 1));
        sum as f64 / f64::from(count)
    }
}

/// What a node is told.
#[derive(Debug)]
pub enum Event {
    /// It has started.
    Start,
    /// A letter has arrived.
    Letter(NodeId, Letter),
    /// A timer has run out.
    Timer(u64),
    /// Work is done.
    Done(u64, Completion<Entry>),
    /// A connection has broken.
    Broken(NodeId),
    /// It is asked to stop.
    Stop,
    /// The service that it stands for is in another condition.
    Condition(Condition),
}

/// The context of this protocol.
pub type Ctx<'a> = Context<'a, Bench>;

struct Actor<F>(F);

impl<F: FnMut(&mut Ctx<'_>, Event)> Node<Bench> for Actor<F> {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        (self.0)(ctx, Event::Start);
    }
    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, letter: Letter) {
        (self.0)(ctx, Event::Letter(from, letter));
    }
    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        (self.0)(ctx, Event::Timer(tag));
    }
    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, completion: Completion<Entry>) {
        (self.0)(ctx, Event::Done(tag, completion));
    }
    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        (self.0)(ctx, Event::Broken(peer));
    }
    fn on_shutdown(&mut self, ctx: &mut Ctx<'_>) {
        (self.0)(ctx, Event::Stop);
    }
    fn on_condition(&mut self, ctx: &mut Ctx<'_>, condition: &Condition) {
        (self.0)(ctx, Event::Condition(condition.clone()));
    }
}

/// A factory of nodes that behave as the closure that `make` gives; called at every start.
pub fn actor<F>(make: impl Fn() -> F + 'static) -> Factory<Bench>
where
    F: FnMut(&mut Ctx<'_>, Event) + 'static,
{
    Box::new(move |_| Box::new(Actor(make())))
}

/// A simulation of this protocol.
pub type Sim<Q = CalendarQueue> = Simulation<Bench, Diary, Q>;

/// An empty simulation with this seed.
pub fn simulation(seed: u64, spec: SimulationSpec) -> Sim {
    simulation_on(seed, spec)
}

/// The same on a queue of the caller's choice.
pub fn simulation_on<Q: EventQueue>(seed: u64, spec: SimulationSpec) -> Sim<Q> {
    Sim::new(SimulationSpec { seed: Seed(seed), ..spec }, Diary::default())
}

/// Adds a machine of its own and a node on it.
pub fn add<Q: EventQueue>(
    sim: &mut Sim<Q>,
    machine: MachineSpec,
    pools: &[u32],
    factory: Factory<Bench>,
) -> NodeId {
    let name = machine.name.clone();
    let machine = sim.add_machine(machine);
    add_on(sim, machine, &name, pools, factory)
}

/// Adds a node on a machine.
pub fn add_on<Q: EventQueue>(
    sim: &mut Sim<Q>,
    machine: MachineId,
    name: &str,
    pools: &[u32],
    factory: Factory<Bench>,
) -> NodeId {
    add_with(sim, machine, name, pools, Policy::default(), factory)
}

/// Adds a node whose threads are scheduled as `policy` says to a machine.
pub fn add_with<Q: EventQueue>(
    sim: &mut Sim<Q>,
    machine: MachineId,
    name: &str,
    pools: &[u32],
    policy: Policy,
    factory: Factory<Bench>,
) -> NodeId {
    let pools = PoolSpec::plain(pools.iter().copied());
    let (name, background) = (name.into(), vec![]);
    sim.add_node(NodeSpec { name, machine, pools, background, policy, factory })
}
