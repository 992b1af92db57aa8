//! A first model: a server that writes what it is sent to its disk and answers, and what a power
//! cut costs if it answers before it has synced.
//!
//! ```text
//!             Put(n)                     write, sync
//!  +--------+ -------->  +--------+  ------------->  +------+
//!  | client |            | server |                  | disk |   power cut at 1 s,
//!  +--------+ <--------  +--------+  <-------------  +------+   back at 1.5 s
//!   every 5 ms  Done(n)               written, synced
//! ```
//!
//! The server is a state machine: an input, a change, effects. It does not know that power can
//! fail. What the disk still has afterwards is the kernel's to decide; the observer sees the notes
//! and says what was answered and is gone. `cargo run -p headwater-sim --example first_model`
//! prints:
//!
//! ```text
//! answers            answered by 1 s   found at 1.5 s   answered and gone
//! when written                   199              114                  85
//! when synced                    199              199                   0
//! ```

use std::collections::BTreeSet;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskId, FileId};
use headwater_sim::fault::Fault;
use headwater_sim::fingerprint::mix;
use headwater_sim::machine::{MachineSpec, NodeSpec};
use headwater_sim::node::{Completion, Message, Node, Note, Observer, Protocol, Record};
use headwater_sim::random::Seed;
use headwater_sim::scheduling::Policy;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

/// The protocol: what is sent, what is stored, what is noted.
struct Puts;

impl Protocol for Puts {
    type Message = Put;
    type Record = Stored;
    type Note = Saw;
}

/// A request, and its answer.
#[derive(Debug)]
enum Put {
    Put(u64),
    Done(u64),
}

impl Message for Put {
    fn size_bytes(&self) -> u64 {
        100
    }
    fn kind(&self) -> &'static str {
        match self {
            Self::Put(_) => "put",
            Self::Done(_) => "done",
        }
    }
    fn digest(&self) -> u64 {
        match self {
            Self::Put(number) => mix(1, *number),
            Self::Done(number) => mix(2, *number),
        }
    }
}

/// A record of the server's file.
#[derive(Clone, Debug)]
struct Stored(u64);

impl Record for Stored {
    fn size_bytes(&self) -> u64 {
        100
    }
    fn digest(&self) -> u64 {
        self.0
    }
}

/// What the observer sees.
#[derive(Clone, Debug)]
enum Saw {
    /// The client has the answer to this request.
    Answered(u64),
    /// The server has started and found this record.
    Found(u64),
}

impl Note for Saw {
    fn digest(&self) -> u64 {
        match self {
            Self::Answered(number) => mix(1, *number),
            Self::Found(number) => mix(2, *number),
        }
    }
}

type Ctx<'a> = Context<'a, Puts>;

const CLIENT: NodeId = NodeId(0);
const SERVER: NodeId = NodeId(1);
const EVERY: Duration = Duration::from_millis(5);

/// Sends a request every 5 ms, whether the last one was answered or not.
struct Client {
    next: u64,
}

impl Node<Puts> for Client {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        ctx.timer(EVERY, 0);
    }
    fn on_timer(&mut self, ctx: &mut Ctx<'_>, _: u64) {
        ctx.send(SERVER, Put::Put(self.next));
        self.next += 1;
        ctx.timer(EVERY, 0);
    }
    fn on_message(&mut self, ctx: &mut Ctx<'_>, _: NodeId, message: Put) {
        if let Put::Done(number) = message {
            ctx.note(Saw::Answered(number));
        }
    }
    fn on_completion(&mut self, _: &mut Ctx<'_>, _: u64, _: Completion<Stored>) {}
}

const DISK: DiskId = DiskId(0);
const FILE: FileId = FileId(0);

/// Tag of the read at the start; requests have their number.
const AT_START: u64 = u64::MAX;

/// Writes, syncs if told to, and answers.
struct Server {
    syncs: bool,
}

impl Node<Puts> for Server {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        // A process that starts has its configuration and its disk, nothing else.
        ctx.read(DISK, FILE, 0, 1_000_000, AT_START);
    }
    fn on_message(&mut self, ctx: &mut Ctx<'_>, _: NodeId, message: Put) {
        if let Put::Put(number) = message {
            ctx.write(DISK, FILE, Stored(number), number);
        }
    }
    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, done: Completion<Stored>) {
        match done {
            Completion::Read { records, .. } => {
                records.into_iter().for_each(|record| ctx.note(Saw::Found(record.0)));
            }
            Completion::Written { .. } if self.syncs => ctx.sync(DISK, FILE, tag),
            Completion::Written { .. } | Completion::Synced => ctx.send(CLIENT, Put::Done(tag)),
            _ => {}
        }
    }
    fn on_timer(&mut self, _: &mut Ctx<'_>, _: u64) {}
}

/// Sees the notes, and compares what was answered to the client with what the disk gave back.
#[derive(Default)]
struct Judge {
    answered: BTreeSet<u64>,
    found: BTreeSet<u64>,
}

const CUT: Time = Time(1_000_000_000);
const BACK: Time = Time(1_500_000_000);

impl Observer<Puts> for Judge {
    fn note(&mut self, at: Time, _: NodeId, note: Saw) {
        match note {
            Saw::Answered(number) if at < CUT => _ = self.answered.insert(number),
            Saw::Answered(_) => {}
            Saw::Found(number) => _ = self.found.insert(number),
        }
    }
}

/// Runs the bench for two seconds: how many were answered before the cut, found after it, and
/// answered but not found.
fn run(syncs: bool) -> [usize; 3] {
    let spec = SimulationSpec { seed: Seed(7), ..SimulationSpec::default() };
    let mut sim: Simulation<Puts, Judge> = Simulation::new(spec, Judge::default());
    for name in ["client", "server"] {
        let machine = sim.add_machine(MachineSpec::named(name));
        sim.add_node(NodeSpec {
            name: name.into(),
            machine,
            pools: vec![],
            background: vec![],
            policy: Policy::default(),
            factory: Box::new(move |me| match me {
                CLIENT => Box::new(Client { next: 0 }),
                _ => Box::new(Server { syncs }),
            }),
        });
        if name == "server" {
            sim.schedule(CUT, Fault::PowerCut { machine });
            sim.schedule(BACK, Fault::PowerOn { machine });
        }
    }
    sim.run_until(Time(2_000_000_000));
    let judge = sim.into_observer();
    let gone = judge.answered.difference(&judge.found).count();
    [judge.answered.len(), judge.found.len(), gone]
}

/// Both ways to answer, as a table.
pub fn table() -> String {
    let mut table =
        String::from("answers            answered by 1 s   found at 1.5 s   answered and gone\n");
    for (name, syncs) in [("when written", false), ("when synced", true)] {
        let [answered, found, gone] = run(syncs);
        table += &format!("{name:<16}{answered:>18}{found:>17}{gone:>20}\n");
    }
    table
}

fn main() {
    print!("{}", table());
}
