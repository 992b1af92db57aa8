//! Numbered letters from A to B: who just sends, who sends again, and who drops what came twice.

use std::collections::BTreeSet;

use headwater_sim::effect::Transport;
use headwater_sim::fault::Fault;
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{BytesPerSecond, NodeId};
use headwater_tests::bench::{Bench, Ctx, Event, Letter, Sim, actor, add};

use crate::{LATENCY, ms, saw, world};

pub const A: NodeId = NodeId(0);
pub const B: NodeId = NodeId(1);

/// Numbers from here on acknowledge.
const ACK: u64 = 1 << 32;
/// The tag of the timer that sends again.
const AGAIN: u64 = u64::MAX;
/// What is not acknowledged is sent again after this.
const PATIENCE: Duration = Duration::from_millis(40);

/// How far the two see to it that every letter is taken once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Sent, and that is that.
    None,
    /// Sent again until it is acknowledged.
    SendsAgain,
    /// That, and what comes twice is dropped: the correct model.
    TakesOnce,
}

/// A correspondence.
#[derive(Clone, Copy, Debug)]
pub struct Letters {
    pub transport: Transport,
    pub care: Care,
    pub count: u64,
    /// One letter each so many milliseconds.
    pub every_ms: u64,
    /// Size of each.
    pub bytes: u64,
    /// The network card of both machines.
    pub nic: BytesPerSecond,
}

pub const CONNECTION: Letters = Letters {
    transport: Transport::Connection,
    care: Care::None,
    count: 200,
    every_ms: 10,
    bytes: 0,
    nic: BytesPerSecond::UNLIMITED,
};

pub const DATAGRAMS: Letters = Letters { transport: Transport::Datagram, ..CONNECTION };

impl Letters {
    pub const fn care(self, care: Care) -> Self {
        Self { care, ..self }
    }

    /// Every number, once, in order.
    pub fn all(self) -> Vec<u64> {
        (1..=self.count).collect()
    }

    fn post(self, ctx: &mut Ctx<'_>, to: NodeId, id: u64) {
        let letter = Letter { id, bytes: self.bytes };
        match self.transport {
            Transport::Connection => ctx.send(to, letter),
            Transport::Datagram => ctx.datagram(to, letter),
        }
    }

    fn sender(self) -> Factory<Bench> {
        actor(move || {
            let mut open = BTreeSet::new();
            move |ctx: &mut Ctx<'_>, event| match event {
                Event::Start => {
                    ctx.timer(Duration::from_millis(self.every_ms), 1);
                    if self.care != Care::None && self.transport == Transport::Datagram {
                        ctx.timer(PATIENCE, AGAIN);
                    }
                }
                Event::Timer(AGAIN) => {
                    open.iter().for_each(|id| self.post(ctx, B, *id));
                    if self.transport == Transport::Datagram {
                        ctx.timer(PATIENCE, AGAIN);
                    }
                }
                Event::Timer(id) => {
                    self.post(ctx, B, id);
                    open.insert(id);
                    if id < self.count {
                        ctx.timer(Duration::from_millis(self.every_ms), id + 1);
                    }
                }
                Event::Letter(_, ack) => _ = open.remove(&(ack.id - ACK)),
                Event::Broken(_) => {
                    saw(ctx, "broken", 0);
                    if self.care != Care::None {
                        open.iter().for_each(|id| self.post(ctx, B, *id));
                    }
                }
                _ => {}
            }
        })
    }

    fn receiver(self) -> Factory<Bench> {
        actor(move || {
            let mut taken = BTreeSet::new();
            move |ctx: &mut Ctx<'_>, event| match event {
                Event::Letter(from, letter) => {
                    let connected = self.transport == Transport::Connection;
                    if connected && letter.id > 1 && !taken.contains(&(letter.id - 1)) {
                        saw(ctx, "gap", letter.id);
                    }
                    if taken.insert(letter.id) || self.care != Care::TakesOnce {
                        saw(ctx, "taken", letter.id);
                    }
                    if self.care != Care::None {
                        self.post(ctx, from, ACK + letter.id);
                    }
                }
                Event::Broken(_) => saw(ctx, "broken", 0),
                _ => {}
            }
        })
    }

    /// A writes to B while these faults happen, at so many milliseconds.
    pub fn run(self, seed: u64, faults: &[(u64, Fault)], until_ms: u64) -> Run {
        let mut sim = world(seed);
        for (name, behaviour) in [("a", self.sender()), ("b", self.receiver())] {
            let machine = MachineSpec { nic: self.nic, ..MachineSpec::named(name) };
            add(&mut sim, machine, &[], behaviour);
        }
        for (at, fault) in faults {
            sim.schedule(ms(*at), fault.clone());
        }
        sim.run_until(ms(until_ms));
        Run { sim, letters: self }
    }
}

/// What has happened.
pub struct Run {
    pub sim: Sim,
    letters: Letters,
}

impl Run {
    /// The numbers taken, in the order taken.
    pub fn taken(&self) -> Vec<u64> {
        self.sim.observer().ids("taken")
    }

    /// The same, ascending.
    pub fn sorted(&self) -> Vec<u64> {
        let mut taken = self.taken();
        taken.sort_unstable();
        taken
    }

    /// When letter `id` was taken first, in milliseconds.
    pub fn at_ms(&self, id: u64) -> Option<u64> {
        let mut lines = self.sim.observer().about("taken");
        lines.find(|line| line.saw.id == id).map(|line| line.at.0 / 1_000_000)
    }

    /// What each letter took beyond [`LATENCY`] from when it was due to be sent, in nanoseconds.
    pub fn delays(&self) -> Vec<u64> {
        let lines = self.sim.observer().about("taken");
        let sent = |id: u64| Time(id * self.letters.every_ms * 1_000_000);
        lines.map(|line| line.at.since(sent(line.saw.id) + LATENCY).0).collect()
    }

    /// When `node` was told that its connection broke, in milliseconds.
    pub fn told(&self, node: NodeId) -> Vec<u64> {
        let lines = self.sim.observer().about("broken").filter(|line| line.node == node);
        lines.map(|line| line.at.0 / 1_000_000).collect()
    }
}
