//! A process: one life of a node, on a node of madsim.
//!
//! The node takes its inputs one at a time from an inbox. What it asks for is carried out by tasks
//! that put the result into the inbox; all of them die with madsim's node.

use std::rc::Rc;

use headwater_models::protocol::{Message, Record, Streaming};
use headwater_sim::context::Context;
use headwater_sim::effect::{Effect, PoolId, Transport};
use headwater_sim::node::{Completion, Node};
use headwater_sim::random::Stream;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use madsim::net::TcpListener;
use madsim::task::{spawn_local, yield_now};
use madsim::time::sleep;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::connection::{self, Connections};
use crate::work::{Disks, Pools};
use crate::world::World;

/// What a node is handed.
pub enum Input {
    /// A message and its sender.
    Message(NodeId, Message),
    /// The tag of a timer.
    Timer(u64),
    /// The tag of what was asked for, and how it went.
    Done(u64, Completion<Record>),
    /// Who is gone.
    Disconnect(NodeId),
}

/// What the tasks of a process share.
pub struct Process {
    /// Whose.
    pub me: NodeId,
    /// Its number, from 0.
    pub life: u32,
    /// The run's world.
    pub world: Rc<World>,
    /// Its connections.
    pub connections: Connections,
    inbox: UnboundedSender<Input>,
}

impl Process {
    /// Puts an input at the end of the inbox.
    pub fn hand(&self, input: Input) {
        // The inbox closes with the process, and so do the tasks that ask for this.
        let _ = self.inbox.send(input);
    }
}

/// A life of node `me`: to be run as the first task of a node of madsim.
pub async fn live(me: NodeId) {
    let world = World::current();
    let life = world.node(me).life.get();
    let listener = TcpListener::bind(World::address(me)).await.expect("the address is its own");
    if life == 0 {
        World::curtain().await;
    }
    let (inbox, mut inputs) = unbounded_channel();
    let connections = Connections::new(world.nodes.len());
    let process = Rc::new(Process { me, life, world: Rc::clone(&world), connections, inbox });
    spawn_local(connection::accept(Rc::clone(&process), listener));
    let mut hosted = Hosted {
        node: (world.node(me).factory)(me),
        random: world.seed.stream("node", u64::from(life) << 32 | u64::from(me.0)),
        effects: Vec::new(),
        pools: Pools::new(&process, &world.node(me).pools),
        disks: Disks::new(&process),
        process,
    };
    hosted.take(None);
    while let Some(input) = inputs.recv().await {
        hosted.take(Some(input));
        // Each input is a turn of its own for madsim's scheduler.
        yield_now().await;
    }
}

/// The node and what carries out its effects.
struct Hosted {
    node: Box<dyn Node<Streaming>>,
    random: Stream,
    effects: Vec<Effect<Streaming>>,
    process: Rc<Process>,
    pools: Pools,
    disks: Disks,
}

impl Hosted {
    /// Hands the node an input, or its start, and carries out what it asks for.
    fn take(&mut self, input: Option<Input>) {
        let Process { me, world, life, .. } = &*self.process;
        // The first processes start at zero, all of them, as they do on the kernel: Kafka's broker
        // tells its first life from later ones by that.
        let first = input.is_none() && *life == 0;
        let now = if first { Time::ZERO } else { world.now() };
        let (random, effects) = (&mut self.random, &mut self.effects);
        let mut ctx = Context::new(now, *me, world.seed, random, effects);
        match input {
            None => self.node.on_start(&mut ctx),
            Some(Input::Message(from, message)) => self.node.on_message(&mut ctx, from, message),
            Some(Input::Timer(tag)) => self.node.on_timer(&mut ctx, tag),
            Some(Input::Done(tag, how)) => self.node.on_completion(&mut ctx, tag, how),
            Some(Input::Disconnect(peer)) => self.node.on_disconnect(&mut ctx, peer),
        }
        for effect in std::mem::take(&mut self.effects) {
            let exits = matches!(effect, Effect::Exit);
            self.carry_out(effect);
            if exits {
                return;
            }
        }
    }

    fn carry_out(&mut self, effect: Effect<Streaming>) {
        let process = &self.process;
        match effect {
            Effect::Send { to, message, transport: Transport::Connection } => {
                connection::send(process, to, message);
            }
            Effect::Send { message, transport: Transport::Datagram, .. } => {
                panic!("no model sends datagrams, and this host has none: {message:?}");
            }
            Effect::Timer { delay, tag, .. } => {
                let process = Rc::clone(process);
                spawn_local(async move {
                    sleep(real(delay)).await;
                    process.hand(Input::Timer(tag));
                });
            }
            Effect::Compute { pool, cost, tail, tag } => {
                let cost = (cost + tail) * u64::from(process.world.cpu_percent) / 100;
                self.pools.compute(process, pool, cost, tag);
            }
            Effect::Spin { pool, time, tag } => self.pools.compute(process, pool, time, tag),
            // A pause changes when things happen, and never what: it is work like any other.
            Effect::StopTheWorld { work, threads, tag } => {
                let share = work / u64::from(threads);
                self.pools.compute(process, PoolId(u8::MAX), share, tag);
            }
            Effect::Disk { disk, op, tag } => self.disks.operate(process, disk, op, tag),
            Effect::Note(note) => process.world.note(process.me, note),
            Effect::Exit => process.world.kill(process.me),
            // Levels are the kernel's time series; no checker reads them.
            Effect::Gauge { .. } => {}
        }
    }
}

/// A duration as madsim writes it.
pub const fn real(duration: Duration) -> std::time::Duration {
    std::time::Duration::from_nanos(duration.0)
}
