//! The simulation: machines, nodes and the loop that carries out their effects in virtual time.

mod connections;
mod disks;
mod dispatch;
mod effects;
mod faults;
mod folding;
mod names;
mod watching;
mod work;

use std::collections::VecDeque;
use std::ops::Range;

use crate::buggify::{Buggify, Site};
use crate::causes::{self, Causes};
use crate::clock::Clock;
use crate::condition::Condition;
use crate::cores::{CoreEvent, Cores};
use crate::cpu::{Job, Ran, Servers};
use crate::defect::Defects;
use crate::device::Device;
use crate::disk::{DiskId, FileId};
use crate::effect::Effect;
use crate::fault::Fault;
use crate::files::Files;
use crate::fingerprint::{Checkpoint, Fingerprint};
use crate::gauge::{Gauge, Gauges};
use crate::kept::Kept;
use crate::limits::{LOOK, Limits, Watch};
use crate::log::EventLog;
use crate::machine::{MachineSpec, NodeSpec, PoolSpec};
use crate::network::{Network, NetworkSpec, Nic};
use crate::node::{Completion, Node, Observer, Protocol};
use crate::other::{BackgroundSpec, OtherSpec};
use crate::page_cache::PageCache;
use crate::queue::{CalendarQueue, EventQueue};
use crate::random::{Seed, Stream};
use crate::time::{Duration, Time};
use crate::units::{BytesPerSecond, MachineId, NodeId};
use crate::usage::{ResourceKind, Usage};
use crate::writeback::Flusher;

use self::disks::{Piece, Syncing};

/// What a simulation is made from.
#[derive(Clone, Debug)]
pub struct SimulationSpec {
    /// The root of all randomness.
    pub seed: Seed,
    /// The network between the machines.
    pub network: NetworkSpec,
    /// Entries that the event log keeps.
    pub log_capacity: usize,
    /// Rare delays of the environment, at sites that the seed draws.
    pub buggify: bool,
    /// How much it may take.
    pub limits: Limits,
    /// Defects of the kernel; none without the feature `planted-bugs`.
    pub defects: Defects,
}

impl Default for SimulationSpec {
    fn default() -> Self {
        Self {
            seed: Seed(0),
            network: NetworkSpec::default(),
            log_capacity: 512,
            buggify: false,
            limits: Limits::default(),
            defects: Defects::default(),
        }
    }
}

/// An input that waits for a paused node.
#[derive(Debug)]
enum Input<P: Protocol> {
    Start,
    Message(NodeId, P::Message),
    Timer(u64),
    Done(u64, Completion<P::Record>),
    Disconnect(NodeId),
    Shutdown,
    Condition(Condition),
}

/// An event that is pending in the queue.
enum Pending<P: Protocol> {
    Free,
    /// A message that has reached the receiver's machine.
    Arrive {
        link: u32,
        incarnation: u32,
        taken_in: bool,
        datagram: bool,
        message: P::Message,
    },
    Timer {
        node: NodeId,
        incarnation: u32,
        tag: u64,
        /// Due by the node's clock.
        due: Time,
    },
    /// Work that needs no core is done.
    Computed {
        job: Job,
    },
    /// Work, or a slice, is over on a core.
    Core {
        machine: MachineId,
        core: u32,
        turn: u32,
        done: bool,
    },
    /// A process that is not of the system has work to do.
    Other {
        machine: MachineId,
        other: u32,
        work: Duration,
    },
    Background {
        node: NodeId,
        incarnation: u32,
        number: u32,
        work: Duration,
    },
    Done {
        node: NodeId,
        incarnation: u32,
        tag: u64,
        completion: Completion<P::Record>,
    },
    Synced(Box<Syncing>),
    Disconnect {
        node: NodeId,
        incarnation: u32,
        peer: NodeId,
    },
    Retransmit {
        link: u32,
        timer: u32,
    },
    WriteBack {
        machine: MachineId,
    },
    WrittenBack(Box<Piece>),
    Fault(Box<Fault>),
    /// A message that was under way on a connection that has broken since.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Running,
    /// By a signal, or because its world stands still.
    Paused,
    Down,
}

struct NodeState<P: Protocol> {
    spec: NodeSpec<P>,
    node: Option<Box<dyn Node<P>>>,
    status: Status,
    incarnation: u32,
    random: Stream,
    pools: Vec<Servers>,
    /// Threads apart from the pools: [`work::APART`].
    apart: [Servers; 2],
    background: Vec<(BackgroundSpec, Stream)>,
    /// By disk.
    files: Vec<Files<P::Record>>,
    /// With what led to each.
    waiting: VecDeque<(u32, Input<P>)>,
    parked: Vec<Job>,
    /// Stopped by a signal.
    signalled: bool,
    /// Threads that work while the world of this node stands still.
    collectors: u32,
    gauges: Gauges,
    /// New connections to it are refused.
    refuses: bool,
    /// CPU time that it has had.
    cpu: Duration,
    /// Its clock, where that is not the world's, and the draws of its jitter.
    clock: Option<Box<(Clock, Stream)>>,
}

struct MachineState {
    spec: MachineSpec,
    cores: Cores,
    /// The processes that are not of the system, and their draws.
    others: Vec<(OtherSpec, Stream)>,
    devices: Vec<Device>,
    /// By disk.
    flushers: Vec<Flusher>,
    cache: PageCache,
    nic: Nic,
    powered: bool,
    power: u32,
    writeback_armed: bool,
    /// Nodes that ran when the power went.
    interrupted: Vec<NodeId>,
}

/// A thread that has a core and no work, for as long as its node is told that the work is done.
#[derive(Clone, Copy)]
struct Holder {
    machine: MachineId,
    core: u32,
    node: NodeId,
    pool: u8,
}

/// Messages and events so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events processed.
    pub events: u64,
    /// Messages handed to a node.
    pub messages: u64,
    /// Bytes of these messages.
    pub message_bytes: u64,
    /// Datagrams lost and messages that broke with their connection.
    pub messages_lost: u64,
}

/// A deterministic simulation of nodes of one protocol, seen by one observer.
pub struct Simulation<P: Protocol, O: Observer<P>, Q: EventQueue = CalendarQueue> {
    seed: Seed,
    now: Time,
    sequence: u64,
    started: bool,
    queue: Q,
    pending: Vec<Pending<P>>,
    free: Vec<u32>,
    nodes: Vec<NodeState<P>>,
    machines: Vec<MachineState>,
    network: Network<P::Message>,
    effects: Vec<Effect<P>>,
    /// What a scheduler has just decided.
    core_events: Vec<CoreEvent>,
    /// The thread whose work is being reported: it goes on, if its node gives it more to do.
    holder: Option<Holder>,
    fingerprint: Fingerprint,
    log: EventLog,
    totals: Totals,
    faults: Stream,
    buggify: Option<Buggify>,
    /// What led to what, in a run that is to be explained.
    causes: Option<Box<Causes>>,
    watch: Watch,
    kept: Kept,
    defects: Defects,
    observer: O,
}

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// An empty simulation.
    pub fn new(spec: SimulationSpec, observer: O) -> Self {
        Self {
            seed: spec.seed,
            now: Time::ZERO,
            sequence: 0,
            started: false,
            queue: Q::default(),
            pending: Vec::new(),
            free: Vec::new(),
            nodes: Vec::new(),
            machines: Vec::new(),
            network: Network::new(spec.network),
            effects: Vec::new(),
            core_events: Vec::new(),
            holder: None,
            fingerprint: Fingerprint::new(spec.seed.0),
            log: EventLog::new(spec.log_capacity),
            totals: Totals::default(),
            faults: spec.seed.stream("fault", 0),
            buggify: spec.buggify.then(|| Buggify::new(spec.seed)),
            causes: None,
            watch: Watch::new(spec.limits),
            kept: Kept::default(),
            defects: spec.defects,
            observer,
        }
    }

    /// Adds a machine; before the first [`Self::run_until`].
    pub fn add_machine(&mut self, spec: MachineSpec) -> MachineId {
        assert!(!self.started, "machines are added before the run");
        let id = MachineId(self.machines.len() as u32);
        let device = |(disk, spec): (usize, &crate::disk::DiskSpec)| {
            let entity = u64::from(id.0) << 8 | disk as u64;
            let stream = |purpose| self.seed.stream(purpose, entity);
            Device::new(spec.clone(), ["sync", "seek", "disk fault"].map(stream))
        };
        let other = |(number, other): (usize, &OtherSpec)| {
            let entity = u64::from(id.0) << 8 | number as u64;
            (other.clone(), self.seed.stream("other process", entity))
        };
        self.machines.push(MachineState {
            cores: Cores::new(
                spec.cores,
                spec.scheduler.clone(),
                ["scheduler", "pace"].map(|purpose| self.seed.stream(purpose, id.0.into())),
            ),
            others: spec.others.iter().enumerate().map(other).collect(),
            devices: spec.disks.iter().enumerate().map(device).collect(),
            flushers: spec.disks.iter().map(|_| Flusher::default()).collect(),
            cache: PageCache::new(spec.page_cache()),
            nic: Nic::new(spec.nic),
            powered: true,
            power: 0,
            writeback_armed: false,
            interrupted: Vec::new(),
            spec,
        });
        id
    }

    /// Adds a node, which starts with the first [`Self::run_until`]; before that.
    pub fn add_node(&mut self, spec: NodeSpec<P>) -> NodeId {
        assert!(!self.started, "nodes are added before the run");
        let machine = &self.machines[spec.machine.index()];
        let disks = machine.devices.len();
        // Where no memory is ever lost, nobody keeps account of it.
        let forgets = !machine.spec.scheduler.refill.points.is_empty();
        let pool = |pool: &PoolSpec| if forgets { *pool } else { pool.through(0) };
        let id = NodeId(self.nodes.len() as u32);
        let background = |(number, spec): (usize, &BackgroundSpec)| {
            let entity = u64::from(id.0) << 8 | number as u64;
            (spec.clone(), self.seed.stream("background", entity))
        };
        self.nodes.push(NodeState {
            pools: spec.pools.iter().map(|of| Servers::new(pool(of))).collect(),
            apart: work::APART.map(|(_, name)| Servers::new(PoolSpec::named(name, 0))),
            background: spec.background.iter().enumerate().map(background).collect(),
            node: None,
            status: Status::Down,
            incarnation: 0,
            random: self.seed.stream("node", u64::from(id.0)),
            files: (0..disks).map(|_| Files::new()).collect(),
            waiting: VecDeque::new(),
            parked: Vec::new(),
            signalled: false,
            collectors: 0,
            gauges: Gauges::default(),
            refuses: false,
            cpu: Duration::ZERO,
            clock: None,
            spec,
        });
        id
    }

    /// Makes a fault happen at `at`, which must not lie in the past.
    pub fn schedule(&mut self, at: Time, fault: Fault) {
        assert!(at >= self.now, "a fault can't happen in the past");
        self.push(at, Pending::Fault(Box::new(fault)));
    }

    /// Processes every event up to and including `until`, and moves the clock there.
    pub fn run_until(&mut self, until: Time) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Processes the next event that is due by `until`; false if there is none.
    pub fn step(&mut self, until: Time) -> bool {
        if !self.started {
            self.start();
        }
        let Some((at, _, slot)) = self.queue.pop_until(until.0) else { return false };
        debug_assert!(at >= self.now.0, "time runs forward: {at} after {}", self.now.0);
        self.now = Time(at);
        self.free.push(slot);
        if let Some(causes) = &mut self.causes {
            causes.due(self.now, slot);
        }
        self.totals.events += 1;
        // What would be done now would only set more going.
        if self.totals.events.is_multiple_of(LOOK) && self.look() {
            return false;
        }
        let pending = &mut self.pending[slot as usize];
        // More than half of all events: there is nothing to move out.
        if let Pending::Core { machine, core, turn, done: true } = *pending {
            self.ran(machine, core, turn);
            return true;
        }
        let event = std::mem::replace(pending, Pending::Free);
        self.process(event);
        true
    }

    #[cold]
    fn start(&mut self) {
        self.started = true;
        if let Some(causes) = &mut self.causes {
            causes.begin(self.now);
        }
        self.network.resize(self.nodes.len());
        for index in 0..self.nodes.len() {
            self.boot(NodeId(index as u32));
        }
        for machine in 0..self.machines.len() {
            for other in 0..self.machines[machine].others.len() {
                self.next_of_other(MachineId(machine as u32), other as u32);
            }
        }
    }

    #[inline]
    fn link_id(&mut self, from: NodeId, to: NodeId) -> u32 {
        match self.network.find(from, to) {
            Some(id) => id,
            None => {
                let end = |node: NodeId| (node, self.nodes[node.index()].spec.machine);
                self.network.add(end(from), end(to), self.seed)
            }
        }
    }

    /// The true time.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The fingerprint of everything so far.
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint.value()
    }

    /// The fingerprint's checkpoints, oldest first.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        self.fingerprint.checkpoints()
    }

    /// Events, messages and bytes so far.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// The sites at which the environment may be late: whether active, and how often they fired.
    pub fn buggified(&self) -> impl Iterator<Item = (Site, bool, u64)> + '_ {
        self.buggify.iter().flat_map(Buggify::sites)
    }

    /// Keeps what leads to what in these stretches of time; before the first [`Self::run_until`].
    /// The observer says which inputs are to be kept with all that led to them
    /// ([`Observer::keeps`]).
    pub fn keep_causes(&mut self, windows: Vec<Range<Time>>) {
        assert!(!self.started, "what is kept is said before the run");
        self.causes = Some(Box::new(Causes::new(windows)));
    }

    /// What was kept, if anything was to be; it is gone from here then.
    pub fn take_causes(&mut self) -> Option<Box<Causes>> {
        self.causes.take()
    }

    /// What leads to what is being asked for, for whoever carries it.
    #[inline]
    fn cause(&mut self) -> u32 {
        self.causes.as_mut().map_or(causes::NONE, |causes| causes.hold())
    }

    /// The last events.
    pub const fn log(&self) -> &EventLog {
        &self.log
    }

    /// The observer.
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// The observer, to change.
    pub const fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Ends the simulation and gives the observer back.
    pub fn into_observer(self) -> O {
        self.observer
    }

    /// The name of a node.
    pub fn node_name(&self, node: NodeId) -> &str {
        &self.nodes[node.index()].spec.name
    }

    /// True if the process of a node is up (it may be paused).
    pub fn is_up(&self, node: NodeId) -> bool {
        self.nodes[node.index()].status != Status::Down
    }

    /// Every record that a node has on its disks: disk, file, number, record, durable or not. A
    /// torn record is left out: it can't be read.
    pub fn disk_records(
        &self,
        node: NodeId,
    ) -> impl Iterator<Item = (DiskId, FileId, u64, &P::Record, bool)> {
        let disks = self.nodes[node.index()].files.iter().enumerate();
        disks.flat_map(|(disk, files)| {
            files.iter().flat_map(move |(id, file)| {
                let whole = file.records().filter(|(_, stored, _)| !stored.torn);
                whole.map(move |(at, stored, durable)| {
                    (DiskId(disk as u8), *id, at, &stored.record, durable)
                })
            })
        })
    }

    /// CPU time that a node has had.
    pub fn cpu_time(&self, node: NodeId) -> Duration {
        self.nodes[node.index()].cpu
    }

    /// The pools of a node's threads, and what they have had of cores; last the threads that
    /// collect garbage, and those of which its model knows nothing.
    pub fn pools(&self, node: NodeId) -> impl Iterator<Item = (PoolSpec, Ran)> + '_ {
        let state = &self.nodes[node.index()];
        let cores = &self.machines[state.spec.machine.index()].cores;
        let numbers = (0..state.pools.len() as u8).chain(work::APART.map(|(number, _)| number));
        state.pools.iter().chain(&state.apart).zip(numbers).map(move |(pool, number)| {
            let mut ran = pool.ran();
            ran.cpu += cores.under_way(self.now, node, number);
            (pool.spec(), ran)
        })
    }

    /// The named levels of a node.
    pub fn gauges(&self, node: NodeId) -> impl Iterator<Item = (&'static str, Gauge)> + '_ {
        self.nodes[node.index()].gauges.iter()
    }

    /// How busy everything has been since the start: machines first, in order, then thread pools.
    pub fn usage(&self) -> Vec<Usage> {
        let mut all = Vec::new();
        for (index, machine) in self.machines.iter().enumerate() {
            let id = MachineId(index as u32);
            let mut push = |kind, number, servers, busy, (queued, queued_max)| {
                let (machine, node) = (id, None);
                all.push(Usage { kind, number, machine, node, servers, busy, queued, queued_max });
            };
            let cores = &machine.cores;
            let queue = (cores.queued() as u64, cores.queued_max() as u64);
            push(ResourceKind::Cpu, 0, cores.count(), cores.busy_time(self.now), queue);
            for (disk, device) in machine.devices.iter().enumerate() {
                let dirty = (device.dirty(), device.dirty_max());
                push(ResourceKind::Disk, disk, 1, device.busy(self.now), dirty);
            }
            push(ResourceKind::NicOut, 0, 1, machine.nic.busy_out(self.now), (0, 0));
            push(ResourceKind::NicIn, 0, 1, machine.nic.busy_in(self.now), (0, 0));
        }
        for (index, node) in self.nodes.iter().enumerate() {
            all.extend(node.pools.iter().enumerate().map(|(number, threads)| Usage {
                kind: ResourceKind::ThreadPool,
                number,
                machine: node.spec.machine,
                node: Some(NodeId(index as u32)),
                servers: threads.servers(),
                busy: threads.busy_time(self.now),
                queued: threads.queued() as u64,
                queued_max: threads.queued_max() as u64,
            }));
        }
        all
    }

    /// What the files of every disk have taken in so far, bytes, and how fast the disk writes them
    /// at the best: in the order of the disks in [`Self::usage`].
    pub fn written(&self) -> impl Iterator<Item = (u64, BytesPerSecond)> + '_ {
        let devices = self.machines.iter().flat_map(|machine| &machine.devices);
        devices.map(|device| (device.written(), device.write_rate()))
    }
}
