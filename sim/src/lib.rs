//! The deterministic kernel: time, randomness, machines, faults, fingerprint.
//!
//! A simulation holds *machines* (cores, disks, a network card) and *nodes* (processes) on them. A
//! node is a state machine: it takes an input, changes its state and records *effects* in a
//! [`context::Context`]: send, timer, CPU work, disk write, sync or read, note. The kernel carries
//! the effects out in virtual time, with queueing where the machine has a limit, and hands the
//! results back as inputs. An *observer* sees the notes. *Faults* change the environment; a node
//! never knows that they exist.
//!
//! ```
//! use headwater_sim::context::Context;
//! use headwater_sim::machine::{MachineSpec, NodeSpec};
//! use headwater_sim::node::{Completion, Message, Node, Note, Protocol, Record};
//! use headwater_sim::scheduling::Policy;
//! use headwater_sim::simulation::{Simulation, SimulationSpec};
//! use headwater_sim::time::Time;
//! use headwater_sim::units::NodeId;
//!
//! /// A greeting that is answered until it has gone back and forth often enough.
//! #[derive(Debug)]
//! struct Greeting(u64);
//! impl Message for Greeting {
//!     fn size_bytes(&self) -> u64 { 100 }
//!     fn kind(&self) -> &'static str { "greeting" }
//!     fn digest(&self) -> u64 { self.0 }
//! }
//! #[derive(Clone, Debug)]
//! struct Nothing;
//! impl Record for Nothing {
//!     fn size_bytes(&self) -> u64 { 0 }
//!     fn digest(&self) -> u64 { 0 }
//! }
//! impl Note for Nothing {
//!     fn digest(&self) -> u64 { 0 }
//! }
//! struct Greetings;
//! impl Protocol for Greetings {
//!     type Message = Greeting;
//!     type Record = Nothing;
//!     type Note = Nothing;
//! }
//!
//! struct Peer { other: NodeId, opens: bool }
//! impl Node<Greetings> for Peer {
//!     fn on_start(&mut self, ctx: &mut Context<'_, Greetings>) {
//!         if self.opens { ctx.send(self.other, Greeting(0)); }
//!     }
//!     fn on_message(&mut self, ctx: &mut Context<'_, Greetings>, from: NodeId, was: Greeting) {
//!         if was.0 < 9 { ctx.send(from, Greeting(was.0 + 1)); }
//!     }
//!     fn on_timer(&mut self, _: &mut Context<'_, Greetings>, _: u64) {}
//!     fn on_completion(
//!         &mut self,
//!         _: &mut Context<'_, Greetings>,
//!         _: u64,
//!         _: Completion<Nothing>,
//!     ) {
//!     }
//! }
//!
//! let mut sim: Simulation<Greetings, ()> = Simulation::new(SimulationSpec::default(), ());
//! for opens in [true, false] {
//!     let machine = sim.add_machine(MachineSpec::named(if opens { "a" } else { "b" }));
//!     let other = NodeId(u32::from(opens));
//!     sim.add_node(NodeSpec {
//!         name: machine.0.to_string(),
//!         machine,
//!         pools: vec![],
//!         background: vec![],
//!         policy: Policy::default(),
//!         factory: Box::new(move |_| Box::new(Peer { other, opens })),
//!     });
//! }
//! sim.run_until(Time(1_000_000_000));
//! assert_eq!(sim.totals().messages, 10);
//! ```
//!
//! The same seed gives the same [`fingerprint`] on every run, build profile and machine: time is
//! integer nanoseconds, nothing iterates a hash map, floats go through `libm`, and randomness is
//! drawn from one [`random::Stream`] per purpose and entity.

pub mod buggify;
pub mod causes;
pub mod clock;
pub mod condition;
pub mod context;
pub mod cores;
pub mod cpu;
pub mod defect;
pub mod device;
pub mod disk;
pub mod distribution;
pub mod effect;
pub mod fault;
pub mod files;
pub mod fingerprint;
pub mod fold;
pub mod gauge;
pub mod impairment;
pub mod inversion;
pub mod kept;
pub mod limits;
pub mod log;
pub mod machine;
pub mod meter;
pub mod network;
pub mod node;
pub mod other;
pub mod pace;
pub mod page_cache;
pub mod queue;
pub mod random;
pub mod scheduling;
pub mod simulation;
pub mod text;
pub mod time;
pub mod units;
pub mod usage;
pub mod writeback;
