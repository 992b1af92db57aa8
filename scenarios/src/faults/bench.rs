//! A bench for the kinds: four nodes on the kernel, hit through the planner, and what they saw.
//!
//! ```text
//!  a --- b   every 10 ms each node sends every other a letter over a connection and a datagram,
//!  | \ / |   works for 1 ms on its only core, writes a record of 1 kB, syncs, and reads the first
//!  | / \ |   four records of its file, which no page cache keeps; faults come at 1 s, go at 2 s,
//!  c --- d   and the run ends at 3 s
//! ```

use std::ops::Range;

use headwater_models::deployment::Deployment;
use headwater_models::role::{Capability, Role};
use headwater_sim::disk::{DiskError, DiskId, DiskOp, DiskSpec, FileId};
use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::{Factory, MachineSpec, PoolSpec};
use headwater_sim::network::NetworkSpec;
use headwater_sim::node::Completion;
use headwater_sim::random::Seed;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond, MachineId, NodeId};
use headwater_tests::bench::{Bench, Ctx, Entry, Event, Letter, Saw, Sim, actor, add, simulation};

use super::planner::Planner;
use super::spec::FaultSpec;
use crate::targets::{Holders, Roster, SystemNames};
use headwater_reading::tree::Tree;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Microseconds of virtual time, as tests write them.
pub(super) const MS: u64 = 1_000;

/// One way, for everything.
const LATENCY: Duration = Duration::from_millis(1);

const TICK: Duration = Duration::from_millis(10);
const DISK: DiskId = DiskId(0);
/// Says whose directory it is.
const IDENTITY: FileId = FileId(1);
const DATA: FileId = FileId(2);
const BYTES: u64 = 1_000;

/// A letter's number is that of its sender times this, and the tick at which it was sent.
const SENDER: u64 = 1_000_000;
/// Added to the number of a datagram.
const DATAGRAM: u64 = 500_000;

const TESTER: &Role = &Role {
    name: "tester",
    group: "testers",
    who: "every node of the bench",
    capabilities: &[Capability::Serves, Capability::KeepsData],
    identity_file: Some(IDENTITY),
};

const WROTE: u64 = 1;
const LISTED: u64 = 2;
const READ: u64 = 3;
const FOUND: u64 = 4;
/// Records that are looked at when a node starts again: all.
const FOUND_MAX: u64 = 1_000;
/// Tags from here on are those of syncs and of work, with the time of the request.
const SYNCED: u64 = 1 << 40;
const WORKED: u64 = 1 << 50;

/// The conditions that services have.
const CONDITIONS: [&str; 7] = [
    "too_many_requests_ppm",
    "internal_error_ppm",
    "unavailable_ppm",
    "delay_ns",
    "partial_upload_ppm",
    "stale_list_ns",
    "full",
];

fn saw(ctx: &mut Ctx<'_>, what: &'static str, id: u64, since: Time) {
    ctx.note(Saw { what, id, since });
}

fn micros(since: u64) -> Time {
    Time(since * 1_000)
}

/// What a node does at a tick.
fn tick(ctx: &mut Ctx<'_>) {
    let (me, now) = (ctx.me(), ctx.now());
    let number = now.0 / TICK.0;
    saw(ctx, "tick", ctx.wall().0 / 1_000, now);
    for peer in (0..NAMES.len() as u32).map(NodeId).filter(|peer| *peer != me) {
        let id = u64::from(me.0) * SENDER + number;
        ctx.send(peer, Letter { id, bytes: BYTES });
        ctx.datagram(peer, Letter { id: id + DATAGRAM, bytes: BYTES });
    }
    let micro = now.0 / 1_000;
    ctx.compute(PoolId(0), Duration::from_millis(1), WORKED + micro);
    ctx.write(DISK, DATA, Entry { id: u64::from(me.0) * SENDER + number, bytes: BYTES }, WROTE);
    ctx.sync(DISK, DATA, SYNCED + micro);
    ctx.disk(DISK, DiskOp::ReadOnce { file: DATA, from: 0, count: 4 }, READ);
    ctx.timer(TICK, 0);
}

fn done(ctx: &mut Ctx<'_>, tag: u64, completion: Completion<Entry>) {
    let now = ctx.now();
    match (tag, completion) {
        (LISTED, Completion::Listed { files }) if files.is_empty() => {
            saw(ctx, "fresh", 0, now);
            ctx.write(DISK, IDENTITY, Entry { id: 0, bytes: 1 }, WROTE);
            ctx.sync(DISK, IDENTITY, WROTE);
        }
        (LISTED, Completion::Listed { files }) => {
            if files.iter().any(|(file, _)| *file == IDENTITY) {
                saw(ctx, "known", 0, now);
                return ctx.read(DISK, DATA, 0, FOUND_MAX, FOUND);
            }
            saw(ctx, "stranger", 0, now);
            ctx.exit();
        }
        (READ, Completion::Read { records, damaged }) => {
            let first = records.first().map_or(0, |record| record.id % SENDER);
            saw(ctx, "first", first, now);
            saw(ctx, if damaged { "damaged" } else { "read" }, records.len() as u64, now);
        }
        (FOUND, Completion::Read { records, .. }) => {
            records.iter().for_each(|record| saw(ctx, "found", record.id % SENDER, now));
        }
        (READ, Completion::Failed(DiskError::Io)) => saw(ctx, "unreadable", 0, now),
        (WROTE, Completion::Failed(_)) => saw(ctx, "refused", 0, now),
        (tag, Completion::Computed) => saw(ctx, "worked", 0, micros(tag - WORKED)),
        (tag, Completion::Synced) if tag > SYNCED => saw(ctx, "synced", 0, micros(tag - SYNCED)),
        (tag, Completion::Failed(_)) if tag > SYNCED => saw(ctx, "not synced", 0, now),
        _ => {}
    }
}

fn tester() -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, event| {
            let now = ctx.now();
            match event {
                Event::Start => {
                    saw(ctx, "started", 0, now);
                    ctx.disk(DISK, DiskOp::List, LISTED);
                    ctx.timer(TICK, 0);
                }
                Event::Timer(_) => tick(ctx),
                Event::Letter(_, letter) => {
                    let sent = Time(letter.id % DATAGRAM * TICK.0);
                    saw(ctx, "letter", letter.id, sent);
                }
                Event::Done(tag, completion) => done(ctx, tag, completion),
                Event::Broken(peer) => saw(ctx, "broken", u64::from(peer.0), now),
                // It takes longer to stop than anybody waits.
                Event::Stop => saw(ctx, "asked to stop", 0, now),
                Event::Condition(condition) => {
                    let name = CONDITIONS.iter().find(|name| **name == condition.name);
                    let name = name.copied().expect("a condition that there is");
                    saw(ctx, name, condition.value, now);
                }
            }
        }
    })
}

fn machine(name: &str) -> MachineSpec {
    let constant = |ms| Distribution::constant(Duration::from_millis(ms));
    let disk =
        DiskSpec { sync: constant(1), seek: constant(1), cache: Bytes(0), ..DiskSpec::default() };
    let nic = BytesPerSecond(10_000_000);
    MachineSpec { cores: 1, disks: vec![disk], nic, ..MachineSpec::named(name) }
}

/// What was seen under faults.
pub(super) struct Seen(Sim);

/// One fault of this kind (`kind = "..."` and its parameters) on `a`.
pub(super) fn hit(kind: &str) -> Seen {
    hit_on("'a'", kind)
}

/// One fault on these targets, from 1 s to 2 s.
pub(super) fn hit_on(target: &str, kind: &str) -> Seen {
    run(1, &[&fault(target, "1s", "1s", kind)])
}

/// A fault as written in a file.
pub(super) fn fault(target: &str, at: &str, lasts: &str, kind: &str) -> String {
    format!("target = {target}\nat = '{at}'\nfor = '{lasts}'\n{kind}")
}

/// A run with these faults.
pub(super) fn run(seed: u64, faults: &[&str]) -> Seen {
    let network =
        NetworkSpec { latency: Distribution::constant(LATENCY), ..NetworkSpec::default() };
    let mut sim = simulation(seed, SimulationSpec { network, ..SimulationSpec::default() });
    let mut deployment = Deployment::default();
    for name in NAMES {
        add(&mut sim, machine(name), &[1], tester());
        let machine = deployment.machine(machine(name));
        let never = Box::new(|_| unreachable!("only its name and role are of interest"));
        deployment.node(TESTER, name, machine, PoolSpec::plain([1]), never);
    }
    let systems = vec![SystemNames { prefix: String::new(), copies: 3 }];
    let roster = Roster::new(&deployment, systems);
    let faults: Vec<FaultSpec> = faults.iter().map(|text| read(text)).collect();
    let machines = (0..NAMES.len() as u32).map(MachineId).collect();
    let mut planner = Planner::new(Seed(seed), &faults, machines, &roster, 100);
    while let Some(at) = planner.next() {
        sim.run_until(at);
        planner.fire(&roster, &Holders::default(), &mut sim);
    }
    sim.run_until(micros(3_000 * MS));
    Seen(sim)
}

fn read(text: &str) -> FaultSpec {
    let mut findings = Vec::new();
    let tree = Tree::parse(text).expect("TOML");
    let read = FaultSpec::read(&tree, "fault", &mut findings);
    read.unwrap_or_else(|| panic!("{text}: {findings:?}"))
}

fn node(name: &str) -> NodeId {
    let at = NAMES.iter().position(|have| *have == name).expect("a node of the bench");
    NodeId(at as u32)
}

/// Milliseconds that a fault lasts, without its edges.
pub(super) const DURING: Range<u64> = 1_030..2_000;
/// Milliseconds before it.
pub(super) const BEFORE: Range<u64> = 500..1_000;
/// Milliseconds when all is well again.
pub(super) const AFTER: Range<u64> = 2_500..3_000;

impl Seen {
    /// What a node noted in these milliseconds: when (in microseconds), its number, and how long
    /// it took (in microseconds).
    fn noted(
        &self,
        name: &str,
        what: &str,
        within: Range<u64>,
    ) -> impl Iterator<Item = (u64, u64, u64)> {
        let node = node(name);
        let lines = self.0.observer().about(what).filter(move |line| line.node == node);
        let noted = lines.map(|line| {
            let took = line.at.0.saturating_sub(line.saw.since.0);
            (line.at.0 / 1_000, line.saw.id, took / 1_000)
        });
        noted.filter(move |(at, ..)| within.contains(&(at / MS)))
    }

    /// How often.
    pub(super) fn count(&self, name: &str, what: &str, within: Range<u64>) -> usize {
        self.noted(name, what, within).count()
    }

    /// When, in milliseconds.
    pub(super) fn times(&self, name: &str, what: &str, within: Range<u64>) -> Vec<u64> {
        self.noted(name, what, within).map(|(at, ..)| at / MS).collect()
    }

    /// Which numbers.
    pub(super) fn numbers(&self, name: &str, what: &str, within: Range<u64>) -> Vec<u64> {
        self.noted(name, what, within).map(|(_, number, _)| number).collect()
    }

    /// The shortest and the longest that it took, in microseconds.
    pub(super) fn took(&self, name: &str, what: &str, within: Range<u64>) -> (u64, u64) {
        let took = || self.noted(name, what, within.clone()).map(|(.., took)| took);
        (took().min().expect("it happened"), took().max().expect("it happened"))
    }

    /// What `by` heard of `from`: the ticks at which it was sent and how long it was under way, in
    /// microseconds.
    fn heard(&self, by: &str, from: &str, datagrams: bool, within: Range<u64>) -> Vec<(u64, u64)> {
        let from = u64::from(node(from).0);
        let letters = self.noted(by, "letter", within);
        let its = letters
            .filter(|(_, id, _)| id / SENDER == from && (id % SENDER >= DATAGRAM) == datagrams);
        its.map(|(_, id, took)| (id % DATAGRAM, took)).collect()
    }

    /// Letters of connections.
    pub(super) fn letters(&self, by: &str, from: &str, within: Range<u64>) -> Vec<(u64, u64)> {
        self.heard(by, from, false, within)
    }

    /// Datagrams.
    pub(super) fn datagrams(&self, by: &str, from: &str, within: Range<u64>) -> Vec<(u64, u64)> {
        self.heard(by, from, true, within)
    }

    /// Whether datagrams of `from` reach `by` while the fault lasts.
    pub(super) fn hears(&self, by: &str, from: &str) -> bool {
        !self.datagrams(by, from, DURING).is_empty()
    }

    /// How far the wall clock is off at each tick, in microseconds, either way.
    pub(super) fn clock_errors(&self, name: &str, within: Range<u64>) -> Vec<i64> {
        let error = |(at, wall, _): (u64, u64, u64)| wall.cast_signed() - at.cast_signed();
        self.noted(name, "tick", within).map(error).collect()
    }

    /// What a node's file holds in the end: whose records, written at which tick.
    pub(super) fn records(&self, name: &str) -> Vec<(u64, u64)> {
        let records = self.0.disk_records(node(name));
        let data = records.filter(|(_, file, ..)| *file == DATA);
        data.map(|(_, _, _, entry, _)| (entry.id / SENDER, entry.id % SENDER)).collect()
    }
}
