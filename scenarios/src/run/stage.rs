//! The stage: a simulation of one scenario, moved on interval by interval.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::sync::Arc;

use headwater_models::batch::StreamId;
use headwater_models::deployment as models;
use headwater_models::protocol::Streaming;
use headwater_models::role::Capability;
use headwater_reports::outcome::{Environment, Source};
use headwater_sim::fault::Fault;
use headwater_sim::fingerprint::Checkpoint;
use headwater_sim::random::Seed;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::units::MachineId;

use super::account::{Account, StreamAccount};
use super::sampler::Sampler;
use super::{Options, replicas};
use crate::faults::Planner;
use crate::follow::{Followed, Follower};
use crate::observe::{Measured, Observed, ObservedSpec, ObservedStream, ScheduleDigest};
use crate::outside::{self, Outside};
use crate::scenario::Scenario;
use crate::scenario::promise::audience;
use crate::targets::Roster;
use crate::trace::Trace;
use crate::units::{Duration, Time};
use headwater_check::{Audience, Promises, Suite, Verdict};
use headwater_traffic::{Plan, Schedule};

/// Nothing delivered for this long at the end of a run: the readers have read everything.
const QUIET: Duration = Duration::from_secs(2);

/// Events between checks whether the run is to stop.
const LOOK_UP: u64 = 1_024;

/// What nobody needs is folded this often.
const FOLD_EVERY: Duration = Duration::from_secs(10);

/// What is as old as that is folded in the history: by then a client has given up what it could
/// retry, at its defaults (`delivery.timeout.ms`: 2 min).
const FOLDED_AFTER: Duration = Duration::from_secs(120);

/// A scenario on its way.
pub(super) struct Stage<'a> {
    scenario: &'a Scenario,
    sim: Simulation<Streaming, Observed>,
    roster: Roster,
    plan: Arc<Plan>,
    schedule: Peekable<Schedule>,
    digest: ScheduleDigest,
    planner: Planner<'a>,
    sampler: Sampler,
    intervals: u64,
    /// Deliveries of each stream so far, and when their number last rose.
    delivered: Vec<(u64, Time)>,
    /// Whether nodes fold what nobody needs, and when everything is next folded.
    nodes_fold: bool,
    next_fold: Time,
    outside: Outside,
}

/// A system whose faults are over should accept events again this long before the end of the
/// traffic; those that are due later may not be given up.
const HEALED: Duration = Duration::from_secs(5);

impl<'a> Stage<'a> {
    /// At its beginning; its nodes may `fold` what nobody needs.
    pub(super) fn new(
        scenario: &'a Scenario,
        seed: u64,
        options: &Options<'_>,
        fold: bool,
    ) -> Self {
        let plan = scenario.traffic.plan(Seed(seed)).expect("traffic was checked when read");
        let plan = Arc::new(plan);
        let environment =
            models::Environment { bugs: scenario.bugs, ..scenario.profile.environment() };
        let audit = Time::ZERO + scenario.measure.audit;
        let environment =
            models::Environment { audit: scenario.audits().then_some(audit), ..environment };
        let mut deployment =
            scenario.systems.deployed(&environment, &plan.source(), &plan.topics());
        scenario.profile.schedule(&mut deployment, |stream| scenario.systems.kind_of(stream));
        let roster = scenario.systems.roster_of(&deployment);
        let mut observed = Observed::new(ObservedSpec::of(scenario, &deployment));
        let over = scenario.faults.iter().map(|fault| fault.until.unwrap_or(fault.at)).max();
        let last = scenario.traffic.duration.saturating_sub(HEALED);
        observed.healed_from = Time::ZERO + over.unwrap_or(Duration::ZERO).max(last);
        let spec = SimulationSpec {
            seed: Seed(seed),
            network: scenario.profile.network(),
            buggify: scenario.buggify,
            defects: outside::planted(scenario.bugs),
            ..SimulationSpec::default()
        };
        observed.acks.want();
        observed.trace = Trace::new(options.watch.clone());
        let (from, until) = scenario.window();
        let follower = Follower::new(&options.follow, Time(from.0)..Time(until.0));
        observed.follower = follower.map(Box::new);
        observed.trace.name_nodes(deployment.nodes.iter().map(|node| node.name.clone()).collect());
        let machine_of = deployment.nodes.iter().map(|node| node.machine).collect();
        let mut sim = Simulation::new(spec, observed);
        if let Some(windows) = options.follow.windows() {
            sim.keep_causes(windows);
        }
        let machines = deployment.machines.len() as u32;
        for machine in deployment.machines {
            sim.add_machine(machine);
        }
        for node in deployment.nodes {
            sim.add_node(node);
        }
        let percent = scenario.profile.cpu_percent;
        for machine in (0..machines).map(MachineId).filter(|_| percent != 100) {
            sim.schedule(Time::ZERO, Fault::SlowCpu { machine, percent });
        }
        Self {
            outside: Outside::new((scenario, Seed(seed)), &sim, &roster, &plan),
            planner: Planner::new(Seed(seed), &scenario.faults, machine_of, &roster, percent),
            sampler: Sampler::new(&scenario.systems),
            schedule: plan.schedule().peekable(),
            plan,
            digest: ScheduleDigest::default(),
            intervals: 0,
            delivered: vec![(0, Time::ZERO); scenario.systems.count()],
            nodes_fold: fold,
            next_fold: Time::ZERO + FOLD_EVERY,
            scenario,
            sim,
            roster,
        }
    }

    /// Why the traffic ended before its time, if it did.
    pub(super) fn trouble(&self) -> Option<String> {
        self.plan.trouble().map(str::to_owned)
    }

    pub(super) fn now(&self) -> Time {
        self.sim.now()
    }

    pub(super) fn events(&self) -> u64 {
        self.sim.totals().events
    }

    pub(super) fn fingerprint(&self) -> u64 {
        self.sim.fingerprint()
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.sim.log().entries().map(ToString::to_string).collect()
    }

    pub(super) fn checkpoints(&self) -> Vec<Checkpoint> {
        self.sim.checkpoints().to_vec()
    }

    pub(super) fn turning(&self) -> BTreeSet<&'static str> {
        self.sim.observer().timeline.turning()
    }

    pub(super) fn take_trace(&mut self) -> Trace {
        std::mem::take(&mut self.sim.observer_mut().trace)
    }

    pub(super) fn take_followed(&mut self) -> Followed {
        let causes = self.sim.take_causes();
        let follower = self.sim.observer_mut().follower.take();
        let followed = follower.map_or_else(Followed::default, |follower| follower.finish());
        Followed { causes, ..followed }
    }

    /// Moves on by one interval; false if `stopped` said so before its end, or a limit was met.
    pub(super) fn advance(&mut self, stopped: &dyn Fn() -> bool) -> bool {
        self.intervals += 1;
        let until = Time::ZERO + self.scenario.measure.interval * self.intervals;
        while let Some(arrival) = self.schedule.next_if(|arrival| arrival.at < until) {
            self.digest.add(&arrival);
            self.outside.offer(&arrival);
            self.sim.observer_mut().offered(&arrival);
            if arrival.index.is_multiple_of(LOOK_UP) && stopped() {
                return false;
            }
        }
        let (nodes, due) = (self.roster.iter().count(), self.outside.offered());
        self.sim.allow_events(outside::events_by(self.scenario, nodes, due, until));
        while let Some(at) = self.planner.next().filter(|at| *at <= until) {
            if !self.run_until(at, stopped) {
                return false;
            }
            let holders = self.sim.observer().timeline.holders().clone();
            self.planner.fire(&self.roster, &holders, &mut self.sim);
            self.sim.observer_mut().hurt_for_good.extend(self.planner.hurt_for_good());
        }
        if !self.run_until(until, stopped) {
            return false;
        }
        self.sampler.sample(&self.sim, &self.roster);
        for (have, stream) in self.delivered.iter_mut().zip(&self.sim.observer().streams) {
            let delivered = stream.history.delivered_events();
            if delivered != have.0 {
                *have = (delivered, until);
            }
        }
        self.fold();
        true
    }

    /// Folds what is long over, if it is time to.
    fn fold(&mut self) {
        let now = self.now();
        if now < self.next_fold {
            return;
        }
        self.next_fold = now + FOLD_EVERY;
        if self.nodes_fold {
            let (roster, systems) = (&self.roster, &self.scenario.systems);
            self.sim.fold_while_down(|node| {
                let system = &systems.part(roster.stream(node)).system;
                system.speaks_for(roster.role(node))
            });
        }
        let before = Time(now.0.saturating_sub(FOLDED_AFTER.0));
        for stream in &mut self.sim.observer_mut().streams {
            stream.history.fold(before);
        }
    }

    /// Somebody asked for what had been folded: the run is not what it would have been.
    pub(super) fn asked_for_folded(&self) -> bool {
        self.sim.observer().asked_for_folded
    }

    /// It has taken more than a run may.
    pub(super) fn exceeded(&self) -> bool {
        self.sim.exceeded().is_some()
    }

    /// Moves on to `until`; false if `stopped` said so before, or a limit was met.
    fn run_until(&mut self, until: Time, stopped: &dyn Fn() -> bool) -> bool {
        let mut events: u64 = 0;
        while self.sim.step(until) {
            events += 1;
            if !self.sim.observer().acks.is_empty() {
                self.outside.look(&mut self.sim);
            }
            if events.is_multiple_of(LOOK_UP) && stopped() {
                return false;
            }
        }
        if self.exceeded() {
            return false;
        }
        // No event is left, but the clock has to get there.
        self.sim.run_until(until);
        true
    }

    /// Everything that was due is resolved, and what was acknowledged is read, of every stream.
    pub(super) fn settled(&self) -> bool {
        let streams = &self.sim.observer().streams;
        self.planner.next().is_none()
            && streams.iter().zip(&self.delivered).all(|(of, (_, rose))| self.read(of, *rose))
    }

    /// Everything of a stream that was due is resolved, and what was acknowledged is read;
    /// deliveries last rose at `rose`.
    fn read(&self, stream: &ObservedStream, rose: Time) -> bool {
        if stream.outstanding() > 0 {
            return false;
        }
        if !has_readers(&self.roster, stream.history.stream()) {
            return true;
        }
        // The counts only hint at it: repeated deliveries may stand in for missing ones. The check
        // is costly, so it is made when something has just been delivered, or nothing will be any
        // more.
        let counts = stream.measured.recorder.counts();
        let quiet = self.now().since(rose);
        let system = &*self.scenario.systems.part(stream.history.stream()).system;
        let audience = audience(system, self.scenario.audits());
        stream.history.delivered_events() >= counts.acked * u64::from(audience.count(1))
            && (quiet == Duration::ZERO || quiet >= QUIET)
            && loss_only(audience).run(&stream.history).iter().all(|verdict| verdict.passed)
    }

    /// What is promised for the end has come about, if anything is.
    pub(super) fn healed(&self) -> bool {
        let heals = |stream: &ObservedStream| {
            let eventually = stream.history.eventually();
            eventually.is_none_or(|verdict| verdict.passed) && self.has_copies(stream)
        };
        !self.scenario.promise.converges || self.sim.observer().streams.iter().all(heals)
    }

    fn has_copies(&self, stream: &ObservedStream) -> bool {
        let promise = &self.scenario.promise;
        if promise.copies == 0 {
            return true;
        }
        let mut history = stream.history.clone();
        let (copies, id) = (promise.copies, history.stream());
        let replicas = replicas::read(&self.sim, &self.roster, id, copies, promise.durable);
        replicas.into_iter().for_each(|replica| history.replica(replica));
        let copies = Promises { copies, ..Promises::none() };
        Suite::from(copies).run(&history).iter().all(|verdict| verdict.passed)
    }

    /// Ends the run and hands over what was observed.
    pub(super) fn end(self, settled: bool, environment: Environment) -> Account {
        let now = self.now();
        let Self { scenario, sim, roster, sampler, planner, delivered, mut outside, .. } = self;
        outside.end(&scenario.systems, &sim, &roster);
        let exceeded = sim.exceeded();
        let of_run = of_run(&sim, &roster);
        let promise = &scenario.promise;
        let replicas: Vec<_> = (0..delivered.len() as u32)
            .map(|id| replicas::read(&sim, &roster, StreamId(id), promise.copies, promise.durable))
            .collect();
        let resources =
            sampler.resources(&sim, &roster, scenario.window(), scenario.measure.interval);
        let threads = sampler.threads(&roster, scenario.window(), scenario.measure.interval);
        let disks_outrun = sampler.outrun(&sim, scenario.window(), scenario.measure.interval);
        let observed = sim.into_observer();
        let parts = observed.streams.into_iter().zip(replicas).zip(delivered);
        let streams = parts.map(|((stream, replicas), (_, rose))| {
            let passage = (stream.passage.count() > 0).then_some(stream.passage);
            let ObservedStream { measured, mut history, given_up, handed_again, .. } = stream;
            replicas.into_iter().for_each(|replica| history.replica(replica));
            let Measured { recorder, started } = measured;
            let id = history.stream();
            let part = scenario.systems.part(id);
            StreamAccount {
                name: part.name.clone(),
                system: part.system.kind().name().to_owned(),
                from: part.from.map(|from| scenario.systems.part(from).name.clone()),
                recorder,
                started: Some(started),
                history,
                readers: has_readers(&roster, id),
                audited: scenario.audits(),
                drained: exceeded.is_none() && (settled || now.since(rose) >= QUIET),
                given_up,
                handed_again,
                passage,
                outside: outside.verdicts(id),
            }
        });
        Account {
            source: Source::Simulated,
            environment,
            digest: self.digest.to_string(),
            marks: observed.timeline.marks(|node| roster.name(node).to_owned()),
            streams: streams.collect(),
            total: observed.total,
            end: now,
            resources,
            gauges: sampler.gauges(&roster),
            faults: planner.windows(now),
            faults_amiss: planner.amiss(now),
            disks_outrun,
            threads,
            generator: None,
            outside: of_run,
        }
    }
}

/// What was found of the run itself.
fn of_run(sim: &Simulation<Streaming, Observed>, roster: &Roster) -> Vec<Verdict> {
    let name = |node| roster.name(node).to_owned();
    let over = sim.exceeded().map(|of| outside::exceeded(of, sim.log().entries(), name));
    over.into_iter().chain([outside::kept(sim.kept(), name)]).collect()
}

fn has_readers(roster: &Roster, stream: StreamId) -> bool {
    roster.with_in(stream, Capability::Reads).next().is_some()
}

fn loss_only(audience: Audience) -> Suite {
    Suite::from(Promises { no_acked_loss: true, audience, ..Promises::none() })
}
