//! What outlives a process: its disks, the network's condition, the observer.
//!
//! One world per run and thread. The tasks of a run all live on one thread, so that the world needs
//! no locks; madsim's closure that starts a process must be `Send`, so that it finds the world
//! through a thread-local.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use headwater_models::deployment::Deployment;
use headwater_models::note::Note;
use headwater_models::protocol::{Message, Record, Streaming};
use headwater_scenarios::observe::Observed;
use headwater_sim::distribution::Distribution;
use headwater_sim::fingerprint::mix;
use headwater_sim::machine::Factory;
use headwater_sim::node::{Note as _, Observer};
use headwater_sim::random::{Seed, Stream};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{MachineId, NodeId};
use madsim::runtime::Handle;
use madsim::time::{Instant, TimeHandle, sleep_until};
use rand::distr::Distribution as _;

use crate::disk::Disk;

thread_local! {
    static CURRENT: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

/// The port that every process listens on.
const PORT: u16 = 700;

/// When the first processes start, and the run's clock is at zero: every one has its socket by then
/// (madsim takes 1 ms to bind it), so that none is refused by another that is not there yet.
const CURTAIN: std::time::Duration = std::time::Duration::from_millis(10);

/// A node as its processes find it.
pub struct Hosted {
    /// Its name in the deployment.
    pub name: String,
    /// The machine it runs on.
    pub machine: MachineId,
    /// Threads of its pools; zero for no limit.
    pub pools: Vec<u32>,
    /// Builds it.
    pub factory: Factory<Streaming>,
    /// Its disks.
    pub disks: RefCell<Vec<Disk<Record>>>,
    /// Processes before the one that runs now.
    pub life: Cell<u32>,
    /// Lives below this ended with their machine's power.
    pub dark: Cell<u32>,
    /// A process runs.
    pub up: Cell<bool>,
}

/// A run's world.
pub struct World {
    /// The root of the randomness that nodes draw from.
    pub seed: Seed,
    /// By node.
    pub nodes: Vec<Hosted>,
    /// What the models have told.
    pub observed: RefCell<Observed>,
    /// CPU work takes this many percent of its cost.
    pub cpu_percent: u32,
    /// Machines, by their number, that have power.
    pub powered: RefCell<Vec<bool>>,
    /// Pairs that are cut, with the number of partitions that cut them.
    cuts: RefCell<BTreeMap<(NodeId, NodeId), u32>>,
    /// What slow links add.
    slow: RefCell<BTreeMap<(NodeId, NodeId), Distribution>>,
    delays: RefCell<Stream>,
    /// Messages on their way, by the ticket that travels in their place.
    post: RefCell<BTreeMap<u64, Message>>,
    tickets: Cell<u64>,
    digest: Cell<u64>,
}

impl World {
    /// The world of a deployment, for this thread from now on.
    pub fn enter(
        deployment: Deployment,
        seed: Seed,
        observed: Observed,
        cpu_percent: u32,
    ) -> Rc<Self> {
        let disks = deployment.machines.iter().map(|machine| machine.disks.len());
        let disks: Vec<_> = disks.collect();
        let host = |spec: headwater_sim::machine::NodeSpec<Streaming>| Hosted {
            disks: RefCell::new(
                (0..disks[spec.machine.index()]).map(|_| Disk::default()).collect(),
            ),
            name: spec.name,
            machine: spec.machine,
            pools: spec.pools.iter().map(|pool| pool.threads).collect(),
            factory: spec.factory,
            life: Cell::new(0),
            dark: Cell::new(0),
            up: Cell::new(false),
        };
        let world = Rc::new(Self {
            seed,
            nodes: deployment.nodes.into_iter().map(host).collect(),
            observed: RefCell::new(observed),
            cpu_percent,
            powered: RefCell::new(vec![true; disks.len()]),
            cuts: RefCell::default(),
            slow: RefCell::default(),
            delays: RefCell::new(seed.stream("madsim-slow-link", 0)),
            post: RefCell::default(),
            tickets: Cell::new(0),
            digest: Cell::new(seed.0),
        });
        CURRENT.set(Some(Rc::clone(&world)));
        world
    }

    /// The world of this thread.
    pub fn current() -> Rc<Self> {
        CURRENT.with_borrow(|world| world.clone()).expect("a run has entered its world")
    }

    /// This thread has no world any more.
    pub fn leave() {
        CURRENT.set(None);
    }

    /// Waits until the run's clock starts.
    pub async fn curtain() {
        sleep_until(Instant::now() + CURTAIN.saturating_sub(TimeHandle::current().elapsed())).await;
    }

    /// madsim's clock, from the start of the run.
    pub fn now(&self) -> Time {
        let elapsed = TimeHandle::current().elapsed().saturating_sub(CURTAIN);
        Time(u64::try_from(elapsed.as_nanos()).expect("a run ends within centuries"))
    }

    /// A node.
    pub fn node(&self, node: NodeId) -> &Hosted {
        &self.nodes[node.index()]
    }

    /// Where a node listens.
    pub fn address(node: NodeId) -> SocketAddr {
        let [high, low] =
            u16::try_from(node.0 + 1).expect("fewer nodes than addresses").to_be_bytes();
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 1, high, low)), PORT)
    }

    /// Who has this address.
    pub fn who(address: IpAddr) -> NodeId {
        let IpAddr::V4(address) = address else { unreachable!("all addresses are IPv4") };
        let [_, _, high, low] = address.octets();
        NodeId(u32::from(u16::from_be_bytes([high, low])) - 1)
    }

    /// Ends a node's process, if one runs.
    pub fn kill(&self, node: NodeId) {
        let hosted = self.node(node);
        if hosted.up.replace(false) {
            hosted.life.set(hosted.life.get() + 1);
            Handle::current().kill(hosted.name.as_str());
        }
    }

    /// Starts a node's next process, if none runs and its machine has power.
    pub fn restart(&self, node: NodeId) {
        let hosted = self.node(node);
        if self.powered.borrow()[hosted.machine.index()] && !hosted.up.replace(true) {
            Handle::current().restart(hosted.name.as_str());
        }
    }

    /// Cuts a direction once more, or once less. Whether it is cut then.
    pub fn cut(&self, from: NodeId, to: NodeId, more: bool) -> bool {
        let mut cuts = self.cuts.borrow_mut();
        let count = cuts.entry((from, to)).or_default();
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        *count > 0
    }

    /// What `other` does can't be seen at `node`: no reset, no end of a connection.
    pub fn silent(&self, node: NodeId, other: NodeId) -> bool {
        let cuts = self.cuts.borrow();
        let cut = |pair| cuts.get(&pair).is_some_and(|count| *count > 0);
        let powered = self.powered.borrow()[self.node(other).machine.index()];
        !powered || cut((node, other)) || cut((other, node))
    }

    /// Makes a direction slower by this, or as fast as before.
    pub fn slow(&self, from: NodeId, to: NodeId, extra: Option<&Distribution>) {
        let mut slow = self.slow.borrow_mut();
        match extra {
            Some(extra) => _ = slow.insert((from, to), extra.clone()),
            None => _ = slow.remove(&(from, to)),
        }
    }

    /// What a message sent now is late by.
    pub fn delay(&self, from: NodeId, to: NodeId) -> Duration {
        let extra = self.slow.borrow();
        let extra = extra.get(&(from, to));
        extra.map_or(Duration::ZERO, |extra| extra.sample(&mut self.delays.borrow_mut()))
    }

    /// Takes a message in charge. Messages share memory within the thread and so can't travel
    /// through madsim's network, which takes what is `Send`: a ticket does.
    pub fn post(&self, message: Message) -> u64 {
        let ticket = self.tickets.get();
        self.tickets.set(ticket + 1);
        self.post.borrow_mut().insert(ticket, message);
        ticket
    }

    /// Hands a message out for its ticket.
    pub fn collect(&self, ticket: u64) -> Message {
        self.post.borrow_mut().remove(&ticket).expect("a ticket is handed in once")
    }

    /// Tells the observer.
    pub fn note(&self, node: NodeId, note: Note) {
        let at = self.now();
        self.digest.set(mix(mix(self.digest.get(), at.0), note.digest() ^ u64::from(node.0)));
        self.observed.borrow_mut().note(at, node, note);
    }

    /// A hash of all notes so far and their times.
    pub fn digest(&self) -> u64 {
        self.digest.get()
    }
}
