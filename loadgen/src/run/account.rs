//! The account of a live run: the simulator's, with the generator's own health.

use std::collections::BTreeMap;

use headwater_check::{History, Promises, Suite};
use headwater_models::batch::StreamId;
use headwater_reports::outcome::{self, Environment, Mark, Source, Speed, Status, VerdictStatus};
use headwater_reports::{Gauge, Latency, Outcome, Recorder};
use headwater_scenarios::observe::Measured;
use headwater_scenarios::run::account as simulated;
use headwater_scenarios::run::{Account, StreamAccount, account as of_account};
use headwater_scenarios::scenario::Scenario;
use headwater_sim::time::Time;

use super::drive::Driven;
use super::recorded::{self, Recorded};
use crate::health;
use crate::pacing::Paced;
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::profile::{interruptions, kernel};
use crate::systems;
use crate::systems::client::ReadBack;
use crate::systems::departure::Departure;
use crate::systems::system::Cluster;
use crate::utilisation;

/// What a run was made on.
pub(crate) struct Setting<'a> {
    /// The cluster.
    pub(crate) cluster: &'a Cluster,
    /// Who had which cores.
    pub(crate) placement: Placement,
    /// How it was warmed up.
    pub(crate) warm_up: Option<outcome::WarmUp>,
    /// What is otherwise than asked.
    pub(crate) departures: Vec<Departure>,
    /// How fast the machine was before and after it.
    pub(crate) speed: Option<(Speed, Speed)>,
}

/// What is known of a run beyond its first stream, where there are several; nothing of one.
#[derive(Default)]
pub(crate) struct Beyond {
    /// The name of the first stream, and how long events were in it.
    pub(crate) first: Option<(String, Latency)>,
    /// The streams behind it.
    pub(crate) streams: Vec<StreamAccount>,
    /// All of them together.
    pub(crate) total: Option<Measured>,
    /// Named levels.
    pub(crate) gauges: Vec<Gauge>,
    /// What was found.
    pub(crate) verdicts: Vec<outcome::Verdict>,
    /// Events that were acknowledged in the first stream and did not come out behind the last.
    pub(crate) lost: u64,
    /// When the last came, nanoseconds.
    pub(crate) end: u64,
    /// What the systems are.
    pub(crate) systems: Option<String>,
    /// The version of the engine between them.
    pub(crate) engine: Option<&'static str>,
    /// What they really had, beside the scenario's options.
    pub(crate) configuration: BTreeMap<String, String>,
}

/// Why a run ended before its time: it was stopped by the user after so many nanoseconds, it was
/// later than it may be, or its traffic had trouble.
fn ended_early(
    stopped: Option<u64>,
    late: Option<impl std::fmt::Display>,
    trouble: Option<String>,
) -> Option<String> {
    let user = stopped.map(|at| format!("stopped by the user after {:.1} s", at as f64 / 1e9));
    let late = || {
        late.map(|by| format!("the generator was more than {by} behind the schedule and gave up"))
    };
    user.or_else(late).or_else(|| trouble.map(|why| format!("the traffic ended early: {why}")))
}

/// Accounts for a run.
pub(crate) fn account(
    plan: &RunPlan,
    setting: Setting<'_>,
    driven: Driven,
    interrupted: bool,
    beyond: Beyond,
) -> Outcome {
    let Driven { collected, mut recorded, injected, read_back, paced, trouble, cpu, .. } = driven;
    let started_unix_ms = driven.started_unix_us / 1_000;
    let Beyond { first, streams: behind, total, gauges, verdicts, lost, systems, engine, .. } =
        beyond;
    let marks = by_time(collected.marks, std::mem::take(&mut recorded.marks));
    let threads = std::mem::take(&mut recorded.threads);
    let drained = drained(&read_back);
    let only_live = Suite::from(only_live(drained)).run(&collected.history);
    let reading = reading(&read_back, interrupted);
    let refused = collected.errors.get("queue_full").copied().unwrap_or(0);
    let name = first.as_ref().map(|(name, _)| name.clone());
    let mut environment = environment(plan, &setting);
    environment.system = systems.unwrap_or(environment.system);
    if let Some(engine) = engine {
        environment.system_version = versions(plan, &setting.cluster.version, engine);
    }
    let mut streams = vec![stream(plan, collected.recorder, collected.history, &read_back, first)];
    streams.extend(behind);
    let mut outcome = of_account(
        &without_disks(&plan.scenario),
        plan.seed,
        Account {
            source: Source::Live,
            environment,
            digest: collected.digest,
            streams,
            total,
            end: Time(collected.end.max(beyond.end)),
            resources: collected.resources,
            threads,
            gauges,
            faults: injected.faults,
            faults_amiss: injected.amiss,
            disks_outrun: Vec::new(),
            marks,
            generator: None,
            outside: Vec::new(),
        },
    );
    outcome.started_unix_ms = started_unix_ms;
    outcome.reproduce.clone_from(&plan.reproduce);
    let late = (paced == Paced::TooLate).then_some(plan.scenario.measure.drain);
    let stopped = interrupted.then_some(collected.end);
    if let Some(why) = ended_early(stopped, late, trouble) {
        outcome.status = Status::Interrupted { why };
    }
    let generator = health::judge(&outcome, cpu, refused);
    let of_first = only_live.iter().map(simulated::verdict).chain([reading, replicas()]);
    outcome.verdicts.extend(of_first.map(|of| outcome::Verdict { stream: name.clone(), ..of }));
    outcome.verdicts.extend(verdicts);
    outcome.counts.lost += lost;
    outcome.verdicts.extend(health::verdicts(&generator));
    outcome.verdicts.extend(fair(&outcome, &recorded, &setting, plan));
    outcome.verdicts.extend(errors(&collected.errors));
    outcome.generator = Some(generator);
    configuration(plan, &setting, &mut outcome);
    outcome.configuration.extend(beyond.configuration);
    outcome.differences =
        setting.departures.into_iter().map(|departure| departure.difference).collect();
    simulated::conclude(&plan.scenario, &mut outcome);
    outcome
}

/// The versions of a scenario's systems, one after the other: those of the streams, of the engine
/// between them, and what else there is of this program.
fn versions(plan: &RunPlan, streams: &str, engine: &str) -> String {
    let first = plan.system.name();
    let of = |kind: &str| match kind {
        kind if kind == first => streams,
        kind if systems::engine(kind).is_some() => engine,
        _ => env!("CARGO_PKG_VERSION"),
    };
    let parts = plan.scenario.systems.iter();
    parts.map(|(_, part)| of(part.system.kind().name())).collect::<Vec<_>>().join(", ")
}

/// A scenario as far as a live run can hold a system to it: the disks of the servers are not seen.
fn without_disks(scenario: &Scenario) -> Scenario {
    let mut seen = scenario.clone();
    seen.promise.copies = 0;
    seen
}

/// The stream that takes the schedule, the only one of most runs: with its name, and how long
/// events were in it, where others are behind it.
fn stream(
    plan: &RunPlan,
    recorder: Recorder,
    history: History,
    read_back: &Result<ReadBack, String>,
    named: Option<(String, Latency)>,
) -> StreamAccount {
    let (name, passage) = named.unzip();
    StreamAccount {
        name: name.unwrap_or_else(|| plan.system.name().into()),
        system: plan.system.name().into(),
        from: None,
        recorder,
        started: None,
        history,
        readers: true,
        audited: false,
        drained: drained(read_back),
        given_up: 0,
        handed_again: 0,
        passage,
        outside: Vec::new(),
    }
}

/// Whether machine and cluster were the run's.
fn fair(
    outcome: &Outcome,
    recorded: &Recorded,
    setting: &Setting<'_>,
    plan: &RunPlan,
) -> Vec<outcome::Verdict> {
    let Recorded { disturbance, pauses, others, .. } = recorded;
    let had = setting.placement.all().len().max(1) as u32;
    let mut all = vec![health::steady(&disturbance.steps)];
    let usual = interruptions::usual(&plan.scenario.profile.server);
    all.extend(health::undisturbed(outcome, disturbance, had, usual));
    all.extend(others.map(|others| health::alone(outcome, others)));
    all.extend(recorded::pauses(pauses));
    all.extend(setting.warm_up.as_ref().and_then(health::warm));
    all.extend(setting.speed.map(|(before, after)| health::as_fast(&before, &after)));
    all
}

/// The marks of both, by time.
fn by_time(mut some: Vec<Mark>, others: Vec<Mark>) -> Vec<Mark> {
    some.extend(others);
    some.sort_by_key(|mark| mark.at_ns);
    some
}

fn environment(plan: &RunPlan, setting: &Setting<'_>) -> Environment {
    Environment {
        profile: plan.scenario.profile.name.clone(),
        system: plan.system.name().into(),
        system_version: setting.cluster.version.clone(),
        operating_system: Some(kernel::release()),
        cores: Some(utilisation::cores()),
        placement: Some(setting.placement.told()),
        warm_up: setting.warm_up.clone(),
        host: Some(kernel::host()),
        speed: setting.speed.and_then(|(before, after)| Speed::mean([before, after])),
    }
}

/// The options that the clients and the cluster really had, beside the scenario's.
fn configuration(plan: &RunPlan, setting: &Setting<'_>, outcome: &mut Outcome) {
    let mut set = |key: String, value: String| outcome.configuration.insert(key, value);
    set("live.cluster".into(), setting.cluster.describes.clone());
    set("live.cores".into(), setting.placement.to_string());
    for (name, value) in plan.system.client_options(&plan.scenario) {
        set(format!("live.{name}"), value);
    }
}

/// Whether readers read until nothing more came.
fn drained(read_back: &Result<ReadBack, String>) -> bool {
    matches!(read_back, Ok(ReadBack::ToTheEnd | ReadBack::Quiet))
}

/// What only a live run can be held to: payloads, what was sent, and readings that went on to the
/// end.
fn only_live(drained: bool) -> Promises {
    Promises { intact: true, sent: true, fresh: drained, ..Promises::none() }
}

/// All that a run is held to by its history.
pub(crate) fn promised(plan: &RunPlan, read_back: &Result<ReadBack, String>) -> Promises {
    let drained = drained(read_back);
    let system = &plan.scenario.systems.part(StreamId(0)).system;
    let Promises { intact, sent, fresh, .. } = only_live(drained);
    let promised = plan.scenario.promise.promises(&**system, false, drained);
    // The disks of the servers are not seen.
    Promises { intact, sent, fresh, copies: 0, ..promised }
}

/// Whether everything could be read back: if not, nothing is known about the rest.
fn reading(read_back: &Result<ReadBack, String>, interrupted: bool) -> outcome::Verdict {
    let (status, measured) = match read_back {
        Ok(ReadBack::ToTheEnd) => (VerdictStatus::Pass, "read to the end offsets".to_owned()),
        Ok(ReadBack::Quiet) => (VerdictStatus::Pass, "read until nothing more came".to_owned()),
        Ok(ReadBack::Stopped) => (VerdictStatus::Fail, "stopped before the end".to_owned()),
        Err(why) => (VerdictStatus::Fail, why.clone()),
    };
    let status = if interrupted { status.max(VerdictStatus::Info) } else { status };
    outcome::Verdict {
        name: "read_back".into(),
        stream: None,
        status,
        measured,
        expected: "everything, within two minutes".into(),
        explanation: "Only what was read back can be checked.".into(),
    }
}

/// What a live run can't look at: the disks of the servers.
fn replicas() -> outcome::Verdict {
    outcome::Verdict {
        name: "durable_replicas".into(),
        stream: None,
        status: VerdictStatus::Info,
        measured: "not looked at".into(),
        expected: "not checked live".into(),
        explanation:
            "A live run reads back what its clients can read, and does not open the disks \
                      of the servers: on how many of them an event is only the simulation says."
                .into(),
    }
}

/// What the client gave up, by its reason.
fn errors(errors: &BTreeMap<&'static str, u64>) -> Option<outcome::Verdict> {
    if errors.is_empty() {
        return None;
    }
    let each = errors.iter().map(|(name, count)| format!("{name} {count}"));
    Some(outcome::Verdict {
        name: "events_given_up".into(),
        stream: None,
        status: VerdictStatus::Warn,
        measured: each.collect::<Vec<_>>().join(", "),
        expected: "none".into(),
        explanation: "Events that the client refused or gave up; whether they are stored is not \
                      known, and they are in no latency."
            .into(),
    })
}
