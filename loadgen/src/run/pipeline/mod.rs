//! A pipeline for real: a scenario's streams and the engine between them, launched here, driven
//! with the scenario's traffic, and held to the audit of what comes out behind.
//!
//! ```text
//! pacer ──> writers ──> stream 1 ──> engine, in batches ──> stream 2 ──> reader ──> audit
//!                          │                 │                             by number
//!                          └──> reader       └──> its own account of the batches
//! ```
//!
//! The engine's process is warmed up by a query of its own between two streams of its own, whose
//! batches follow one another at once; the query that counts then runs in the same process. Which
//! systems are which, is found in `parts`; `course` is the run behind the first stream, `timeline`
//! what the figures are made of, `told` what is said besides.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use headwater_reports::{Outcome, outcome};
use headwater_scenarios::scenario::Scenario;
use headwater_sim::time::Duration;
use headwater_traffic::SizeModel;

use super::account::{self, Beyond, Setting};
use super::drive::{self, Asked, Driven};
use super::{INTERRUPTED, Interrupt, warm_up};
use crate::arguments::{Run, WarmUp};
use crate::failure::{Failure, Result};
use crate::followed::Way;
use crate::launch::Places;
use crate::output::{self, Folder};
use crate::placement::{Cores, Placement};
use crate::plan::RunPlan;
use crate::systems::departure::Departure;
use crate::systems::engine::{Batch, Engine};
use crate::systems::system::{Cluster, Source};
use crate::{speed, terminal};
use arrived::Audit;
use course::{Came, Course, Turn};
use parts::Parts;
use timeline::Timeline;
use told::Stages;

mod arrived;
pub(crate) mod beside;
mod course;
mod parts;
mod serving;
mod timeline;
mod told;

/// How long it is warmed up where nothing else is asked: with batches that follow one another at
/// once, what they take has come down by then on two cores.
const WARM_UP: Duration = Duration::from_secs(40);

/// Whether the command line asks for a scenario of several systems.
///
/// # Errors
/// If the scenario can't be read.
pub(crate) fn is_asked(arguments: &Run) -> Result<bool> {
    let Some(name) = &arguments.scenario else { return no_pipeline(arguments) };
    let written = headwater_scenarios::scenario::Source::find(name)?;
    let several = written.read(&arguments.settings)?.systems.is_several();
    if several { Ok(true) } else { no_pipeline(arguments) }
}

/// What only a pipeline takes has no effect elsewhere.
fn no_pipeline(arguments: &Run) -> Result<bool> {
    if !arguments.without.is_empty() {
        return Err(Failure::new(
            "--without has no effect where there is one system: it leaves out systems of a \
             scenario that has several",
        ));
    }
    let page = match (arguments.page, arguments.hold) {
        (true, _) => "--page",
        (false, Some(_)) => "--hold",
        (false, None) => return Ok(false),
    };
    Err(Failure::new(format!(
        "{page} has no effect where there is one system: the page shows the services of a scenario \
         that has several, such as --scenario pipeline/twitter-full"
    )))
}

/// What a pipeline can't be asked for.
fn check(arguments: &Run) -> Result<()> {
    let asked = [
        (arguments.target.is_some(), "--target"),
        (arguments.reach.no_launch, "--no-launch"),
        (arguments.forecast, "--forecast"),
        (arguments.history.is_some(), "--history"),
    ];
    match asked.iter().find(|(asked, _)| *asked) {
        None => Ok(()),
        Some((_, option)) => Err(Failure::new(format!(
            "{option} can't be had of a scenario of several systems: all of them are launched, \
             and what comes out behind them is checked by itself"
        ))),
    }
}

/// The least event that the engine can read: a JSON object.
const JSON_BYTES: u64 = 200;

/// Whether events have room for what the engine parses.
fn check_tweets(scenario: &Scenario) -> Result<()> {
    let size = &scenario.traffic.size;
    if size.model == SizeModel::Fixed && size.mean.0 < JSON_BYTES {
        return Err(Failure::new(format!(
            "events of {} have no room for a tweet's JSON, which the engine parses: give \
             traffic.size.mean = \"{JSON_BYTES}B\" at least",
            size.mean
        )));
    }
    Ok(())
}

/// Runs what the command line asks for.
pub(crate) fn run(arguments: &Run) -> Result<ExitCode> {
    check(arguments)?;
    let plan = RunPlan::of_several(arguments)?;
    super::warn(&plan.scenario.warnings);
    let parts = Parts::find(&plan.scenario, plan.system, &arguments.without)?;
    let holds = arguments.hold.is_some();
    let parts = parts.with_page(arguments.page || holds, holds)?;
    let departures = checked(&plan, &parts, arguments.reach.accept_differences)?;
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let interrupt = Interrupt::listen()?;
    parts.left_out().for_each(terminal::note);
    let mut launched = Launched::start(&plan, &parts, arguments.keep, arguments.cores)?;
    interrupt.measuring();
    let warm_up = launched.warm(&plan, &parts, &interrupt)?;
    let asked = Measuring { departures, warm_up, last: true };
    let (outcome, stages) = launched.measure(&plan, &parts, asked, &interrupt)?;
    if let Some(folder) = &folder {
        keep(folder.path(), launched.engine.as_ref(), &stages)?;
    }
    let interrupted = interrupt.raised();
    let held = arguments.hold.filter(|_| !interrupted);
    // The cluster is removed before the results are printed, so that they come last; unless it is
    // to be looked at with them.
    let launched = held.map(|time| (time, launched));
    output::tell(&outcome, folder.as_ref(), arguments.json)?;
    terminal::note(format_args!("where events waited, and what batches took:\n{}", stages.text()));
    if let Some((time, launched)) = launched {
        hold(time, &interrupt);
        drop(launched);
    }
    Ok(match (interrupted, outcome.ok()) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => {
            terminal::note(format_args!("reproduce: {}", outcome.reproduce));
            ExitCode::FAILURE
        }
    })
}

/// How often it is looked whether what is held is to end.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);

/// Waits for so long, or until it is interrupted, while all that was launched runs on.
fn hold(time: Duration, interrupt: &Interrupt) {
    interrupt.holding();
    terminal::note(format_args!(
        "everything that was launched stays for {time}, the page with it; Ctrl-C ends it before"
    ));
    let since = std::time::Instant::now();
    let time = std::time::Duration::from_nanos(time.0);
    while !interrupt.raised() && since.elapsed() < time {
        std::thread::sleep(LOOK);
    }
}

/// How a run differs from what is asked, if it can be made at all.
fn checked(plan: &RunPlan, parts: &Parts<'_>, accepted: bool) -> Result<Vec<Departure>> {
    check_tweets(&plan.scenario)?;
    parts.servers(plan.system).check(&plan.scenario)?;
    let mut departures = parts.departures(plan.system);
    departures.extend(plan.adapted.iter().cloned());
    if !accepted {
        super::check(&departures)?;
    }
    Ok(departures)
}

/// What was launched. The engine goes before what its process belongs to.
struct Launched {
    engine: Box<dyn Engine>,
    cluster: Cluster,
    placement: Placement,
    keep: bool,
}

/// How a run is measured.
struct Measuring {
    departures: Vec<Departure>,
    warm_up: Option<outcome::WarmUp>,
    /// It is the engine's last: it ends with it.
    last: bool,
}

impl Launched {
    /// Launches the streams' cluster, and the engine beside it.
    fn start(plan: &RunPlan, parts: &Parts<'_>, keep: bool, cores: Option<Cores>) -> Result<Self> {
        let placement = Placement::find(cores.or(Some(Cores::Shared)), true)?;
        let places = Places::find(keep, placement.clone())?;
        // Before anything runs: what is missing is told with nothing to clear away.
        parts.engine.live.prepare(&places)?;
        placement.keep_generator();
        let cluster = Cluster::launched(plan.system.launch(&plan.scenario, &places)?);
        let launched = cluster.launched.as_ref().expect("it was launched");
        let system = &*parts.engine.part.system;
        let engine = parts.engine.live.launch(system, launched, &places)?;
        Ok(Self { engine, cluster, placement, keep })
    }

    /// Warms the engine up: nothing of it is in the figures.
    fn warm(
        &mut self,
        plan: &RunPlan,
        parts: &Parts<'_>,
        interrupt: &Interrupt,
    ) -> Result<Option<outcome::WarmUp>> {
        let length = match plan.warm_up {
            WarmUp::Auto => WARM_UP,
            WarmUp::For(time) if time == Duration::ZERO => return Ok(None),
            WarmUp::For(time) => time,
        };
        terminal::note(format_args!("warming up for {length}, with batches that follow at once"));
        let traffic = warm_up::plain(&plan.scenario, std::time::Duration::from_nanos(length.0));
        let plan = plan.with(traffic);
        let mut course = Course::new(parts, &self.cluster, self.engine.as_mut(), Turn::WarmsUp);
        let asked = Asked { follows: true, onlooker: Some(&mut course), ..Asked::default() };
        let mut driven = drive::drive(&plan, &self.cluster, interrupt, true, asked)?;
        let ways = ways(&mut driven);
        let came = course.finish(&acked(&ways), interrupt)?;
        let took: Vec<u64> = came.progress.batches.iter().map(Batch::whole_ms).collect();
        let [first, last] = [took.first(), took.last()].map(|ms| ms.copied().unwrap_or(0));
        let stationary = stays(&took);
        terminal::note(format_args!(
            "warmed up: {} batches, {first} ms at first, {last} ms at last; {}",
            took.len(),
            if stationary { "it stays" } else { "it did not stay by then" }
        ));
        Ok(Some(outcome::WarmUp {
            duration_ns: driven.collected.end,
            stationary,
            compilers_percent: None,
            medians_ns: driven.collected.recorder.series().response_p50_ns.clone(),
        }))
    }

    /// Makes a run that counts.
    fn measure(
        &mut self,
        plan: &RunPlan,
        parts: &Parts<'_>,
        asked: Measuring,
        interrupt: &Interrupt,
    ) -> Result<(Outcome, Stages)> {
        let Measuring { departures, warm_up, last } = asked;
        let turn = if last { Turn::Last } else { Turn::Counts };
        let mut course = Course::new(parts, &self.cluster, self.engine.as_mut(), turn);
        let servers = Some(parts.servers(plan.system));
        let onlooker: Option<&mut dyn drive::Onlooker> = Some(&mut course);
        let asked = Asked { follows: true, onlooker, servers, ..Asked::default() };
        let run = || drive::drive(plan, &self.cluster, interrupt, self.keep, asked);
        let (driven, speed) = speed::around(&Source::Launch, &self.placement, run);
        let mut driven = driven?;
        let ways = ways(&mut driven);
        let came = course.finish(&acked(&ways), interrupt)?;
        let interrupted = interrupt.raised();
        let (beyond, stages) = beyond(plan, parts, &driven, &ways, &came);
        let placement = self.placement.clone();
        let setting = Setting { cluster: &self.cluster, placement, warm_up, departures, speed };
        let judged = plan.with(parts.judged());
        Ok((account::account(&judged, setting, driven, interrupted, beyond), stages))
    }
}

/// Batches that are looked at for whether what they take stays, and how far the means of their two
/// halves may lie apart, as a share.
const LOOKED_AT: usize = 30;
const DRIFT: f64 = 0.1;

/// Whether what batches took (milliseconds) stays at the end.
fn stays(took: &[u64]) -> bool {
    let Some(from) = took.len().checked_sub(LOOKED_AT) else { return false };
    let (before, after) = took[from..].split_at(LOOKED_AT / 2);
    let mean = |half: &[u64]| half.iter().sum::<u64>() as f64 / half.len() as f64;
    (mean(before) - mean(after)).abs() <= mean(before) * DRIFT
}

/// What became of each event in the first stream, by their numbers.
fn ways(driven: &mut Driven) -> BTreeMap<u64, Way> {
    driven.collected.followed.take().unwrap_or_default().ways()
}

/// The events that were acknowledged there, by their numbers.
fn acked(ways: &BTreeMap<u64, Way>) -> Vec<u64> {
    ways.iter().filter(|(_, way)| way.acked.is_some()).map(|(number, _)| *number).collect()
}

/// What is known of the systems behind the first, and where events waited.
fn beyond(
    plan: &RunPlan,
    parts: &Parts<'_>,
    driven: &Driven,
    ways: &BTreeMap<u64, Way>,
    came: &Came,
) -> (Beyond, Stages) {
    let last = came.arrived.records.iter().map(|record| record.at).max();
    let timeline = Timeline {
        scenario: &plan.scenario,
        parts,
        ways,
        came,
        firsts: timeline::firsts(&came.arrived),
        batches: came.progress.batches.iter().map(|batch| (batch.number, batch)).collect(),
        epoch_us: driven.started_unix_us,
        end: driven.collected.end.max(last.unwrap_or(0)),
    };
    let acked = acked(ways).into_iter();
    let audit = Audit::of(&came.arrived, acked, &|number| ways.contains_key(&number));
    let stages = Stages::of(&timeline);
    let unhurt = plan.scenario.faults.is_empty();
    let beyond = Beyond {
        first: Some((parts.first.name.clone(), timeline.first_passage())),
        streams: vec![timeline.engine(), timeline.behind()],
        total: Some(timeline.total()),
        gauges: timeline.gauges().into_iter().chain(timeline.of_services()).collect(),
        verdicts: told::verdicts(&timeline, &audit, &stages, unhurt)
            .into_iter()
            .chain(came.served.verdicts())
            .collect(),
        lost: audit.lost,
        end: timeline.end,
        systems: Some(plan.scenario.systems.kinds()),
        engine: Some(parts.engine.live.version()),
        configuration: BTreeMap::from([(
            "live.engine".to_owned(),
            format!("{} {}", parts.engine.live.name(), parts.engine.live.version()),
        )]),
    };
    (beyond, stages)
}

/// Keeps the engine's own account of its batches, and where events waited.
fn keep(folder: &Path, engine: &dyn Engine, stages: &Stages) -> Result<()> {
    let fail = |error: std::io::Error| Failure::after_run(format!("{}: {error}", folder.display()));
    std::fs::copy(engine.account(), folder.join("batches.jsonl")).map_err(fail)?;
    let text = serde_json::to_string_pretty(stages).expect("every key is a string");
    std::fs::write(folder.join("stages.json"), text + "\n").map_err(fail)
}
