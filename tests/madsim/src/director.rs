//! The director: madsim's main task, which moves a run on as the kernel's stage does.

use std::rc::Rc;
use std::sync::Arc;

use headwater_check::{Events, History, Promises, Replica, Stored, Suite, Verdict};
use headwater_models::bugs::BugSet;
use headwater_models::deployment::Environment;
use headwater_models::role::{Capability, Role};
use headwater_reports::outcome::Mark;
use headwater_scenarios::observe::{Observed, ObservedSpec};
use headwater_scenarios::scenario::Scenario;
use headwater_scenarios::targets::Roster;
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use madsim::runtime::{Handle, Runtime};
use madsim::time::{Instant, sleep_until};

use crate::faults::Faults;
use crate::process::{live, real};
use crate::world::World;

/// Nothing delivered for this long at the end of a run: the readers have read all they will (as
/// `scenarios/src/run/stage.rs` has it).
const QUIET: Duration = Duration::from_secs(2);

/// What a run on madsim shows.
#[derive(Clone, Debug)]
pub struct Report {
    /// Of the checkers.
    pub verdicts: Vec<Verdict>,
    /// Events acknowledged.
    pub acked: u64,
    /// Events given up.
    pub failed: u64,
    /// Events acknowledged when the first fault struck.
    pub acked_before: u64,
    /// Events delivered, repetitions included.
    pub delivered: u64,
    /// When it ended.
    pub end: Time,
    /// Faults, one line for each beginning and end.
    pub faults: Vec<String>,
    /// What happened, by the models' own account.
    pub marks: Vec<Mark>,
    /// A hash of every note and its time.
    pub digest: u64,
}

/// Runs a scenario on madsim, whose scheduler and network draw from the same seed as the traffic.
///
/// On a thread of its own: madsim seeds the thread's hash maps with the first run on it.
pub fn run(scenario: &Scenario, seed: u64) -> Report {
    run_with(scenario, seed, BugSet::default())
}

/// [`run`] with these bugs planted.
pub fn run_with(scenario: &Scenario, seed: u64, bugs: BugSet) -> Report {
    let scenario = scenario.clone();
    let thread = std::thread::spawn(move || {
        let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
        let report = runtime.block_on(direct(&scenario, seed, bugs));
        drop(runtime);
        World::leave();
        report
    });
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn direct(scenario: &Scenario, seed: u64, bugs: BugSet) -> Report {
    assert!(!scenario.systems.is_several(), "one system is hosted at a time");
    let plan = Arc::new(scenario.traffic.plan(Seed(seed)).expect("traffic was checked when read"));
    let environment = Environment { bugs, ..scenario.profile.environment() };
    let deployment = scenario.systems.deployed(&environment, &plan.source(), &plan.topics());
    let roster = scenario.systems.roster_of(&deployment);
    let observed = Observed::new(ObservedSpec::of(scenario, &deployment));
    let world = World::enter(deployment, Seed(seed), observed, scenario.profile.cpu_percent);
    let tasks = (0..).take(world.nodes.len()).map(|number| start(&world, NodeId(number)));
    let faults = Faults::new(&scenario.faults, &roster, Rc::clone(&world), tasks.collect());
    let mut schedule = plan.schedule().peekable();
    let mut run = Run {
        scenario,
        roster: &roster,
        world,
        faults,
        delivered: (0, Time::ZERO),
        acked_before: None,
    };
    let end = Time::ZERO + scenario.traffic.duration;
    let bound = end + scenario.measure.drain;
    World::curtain().await;
    let mut until = Time::ZERO;
    while until < end || (until < bound && !run.settled(until)) {
        until += scenario.measure.interval;
        while let Some(arrival) = schedule.next_if(|arrival| arrival.at < until) {
            run.world.observed.borrow_mut().offered(&arrival);
        }
        run.advance(until).await;
    }
    run.report(until)
}

/// Starts a node's first process.
pub(crate) fn start(world: &World, node: NodeId) -> madsim::task::NodeId {
    let hosted = world.node(node);
    hosted.up.set(true);
    let handle = Handle::current();
    let builder = handle.create_node().name(hosted.name.clone());
    builder.ip(World::address(node).ip()).init(move || live(node)).build().id()
}

/// A run on its way.
struct Run<'a> {
    scenario: &'a Scenario,
    roster: &'a Roster,
    world: Rc<World>,
    faults: Faults<'a>,
    /// Deliveries so far, and when their number last rose.
    delivered: (u64, Time),
    /// Acknowledgements when the first fault struck.
    acked_before: Option<u64>,
}

impl Run<'_> {
    async fn advance(&mut self, until: Time) {
        while let Some(at) = self.faults.next().filter(|at| *at <= until) {
            self.sleep_until(at).await;
            let acked = self.world.observed.borrow().recorder().counts().acked;
            self.acked_before.get_or_insert(acked);
            self.faults.fire();
        }
        self.sleep_until(until).await;
        let delivered = self.world.observed.borrow().recorder().counts().delivered;
        if delivered != self.delivered.0 {
            self.delivered = (delivered, until);
        }
    }

    async fn sleep_until(&self, at: Time) {
        let now = self.world.now();
        if at > now {
            sleep_until(Instant::now() + real(at.since(now))).await;
        }
    }

    fn has_readers(&self) -> bool {
        self.roster.with(Capability::Reads).next().is_some()
    }

    /// Everything that was due is resolved, and what was acknowledged is read.
    fn settled(&self, now: Time) -> bool {
        let observed = self.world.observed.borrow();
        let counts = observed.recorder().counts();
        if observed.outstanding() > 0 || self.faults.next().is_some() {
            return false;
        }
        let quiet = now.since(self.delivered.1);
        !self.has_readers()
            || counts.delivered >= counts.acked
                && (quiet == Duration::ZERO || quiet >= QUIET)
                && nothing_is_lost(&observed.streams[0].history)
    }

    fn report(self, now: Time) -> Report {
        let drained = self.settled(now) || now.since(self.delivered.1) >= QUIET;
        let mut observed = self.world.observed.borrow_mut();
        replicas(self.scenario, self.roster, &self.world, now)
            .for_each(|replica| observed.streams[0].history.replica(replica));
        let mut promises = self.scenario.promise.promises(self.scenario.system(), false, drained);
        promises.no_acked_loss &= self.has_readers();
        let counts = observed.recorder().counts();
        Report {
            verdicts: Suite::from(promises).run(&observed.streams[0].history),
            acked: counts.acked,
            failed: counts.failed,
            acked_before: self.acked_before.unwrap_or(counts.acked),
            delivered: counts.delivered,
            end: now,
            faults: self.faults.done().to_vec(),
            marks: observed.timeline.marks(|node| self.roster.name(node).to_owned()),
            digest: self.world.digest(),
        }
    }
}

/// What the disks hold at the end, where the scenario promises copies. Tiered storage keeps copies
/// of its own.
fn replicas(
    scenario: &Scenario,
    roster: &Roster,
    world: &World,
    now: Time,
) -> impl Iterator<Item = Replica> {
    let (copies, durable) = (scenario.promise.copies, scenario.promise.durable);
    let tiered = |role: &Role| role.can(Capability::TieredStorage);
    let keeps = move |role: &Role| role.can(Capability::KeepsData) || tiered(role);
    let nodes = roster.iter().filter(move |(_, role)| copies > 0 && keeps(role));
    nodes.map(move |(node, role)| {
        let mut stored = Stored::default();
        for disk in world.node(node).disks.borrow().iter() {
            for record in disk.records(durable) {
                record.for_each_range(&mut |range| stored.insert(Events::from(range), now));
            }
        }
        let copies = if tiered(role) { copies } else { 1 };
        Replica { name: world.node(node).name.clone(), copies, stored }
    })
}

fn nothing_is_lost(history: &History) -> bool {
    Suite::from(loss_only()).run(history).iter().all(|it| it.passed)
}

fn loss_only() -> Promises {
    Promises { no_acked_loss: true, ..Promises::none() }
}
