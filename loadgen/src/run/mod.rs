//! A run: reach a cluster, connect, send, drain, read back, check, account.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle};

use headwater_scenarios::scenario::Problems;

use crate::failure::{Failure, Result};
use crate::forecast::{self, Asked, Made};
use crate::history::Recording;
use crate::launch::Places;
use crate::output::{self, Folder};
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::systems::departure::Departure;
use crate::systems::system::Source;
use crate::{arguments, fault, speed, terminal};
use account::{Beyond, Setting};

mod account;
pub(crate) mod calibrate;
pub(crate) mod ceiling;
mod drive;
pub(crate) mod find;
pub(crate) mod find_arguments;
pub(crate) mod pipeline;
mod reach;
mod recorded;
mod warm_up;

/// Runs what the command line asks for.
pub(crate) fn run(arguments: &arguments::Run) -> Result<ExitCode> {
    let plan = RunPlan::new(arguments)?;
    warn(&plan.scenario.warnings);
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let recording = arguments
        .history
        .as_deref()
        .map(|path| Recording::open(path, &plan.scenario.title, plan.system.name(), plan.seed));
    let recording = recording.transpose()?;
    let interrupt = Interrupt::listen()?;
    let source = reach::find(&plan, arguments)?;
    if source == Source::Launch {
        fault::check(&plan.scenario, plan.system)?;
    }
    let departures = plan.departures(&source);
    if !arguments.reach.accept_differences {
        check(&departures)?;
    }
    let placement = Placement::find(arguments.cores, source == Source::Launch)?;
    let forecast = match arguments.forecast {
        true => Some(foretell(&plan, arguments, &source, &placement, folder.as_ref())?),
        false => None,
    };
    placement.keep_generator();
    let places = || Places::find(arguments.keep, placement.clone());
    let cluster = reach::reach(&plan, &source, places)?;
    interrupt.measuring();
    let warm_up = warm_up::warm_up(&plan, &cluster, &source, &placement, &interrupt)?;
    let asked = drive::Asked { recording, ..drive::Asked::default() };
    let run = || drive::drive(&plan, &cluster, &interrupt, arguments.keep, asked);
    let (driven, speed) = speed::around(&source, &placement, run);
    let mut driven = driven?;
    let interrupted = interrupt.raised();
    let recorded = driven
        .collected
        .recording
        .take()
        .map(|recording| recording.end(account::promised(&plan, &driven.read_back)));
    let setting = Setting { cluster: &cluster, placement, warm_up, departures, speed };
    let outcome = account::account(&plan, setting, driven, interrupted, Beyond::default());
    // The cluster is removed before the results are printed, so that they come last.
    drop(cluster);
    output::tell(&outcome, folder.as_ref(), arguments.json)?;
    recorded.transpose()?;
    if let Some(made) = &forecast {
        let score = made.score(&plan, &outcome);
        output::tell_score(made, &score, &outcome, folder.as_ref(), arguments.json)?;
    }
    if interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let passed = outcome.ok();
    if !passed {
        terminal::note(format_args!("reproduce: {}", outcome.reproduce));
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Forecasts the run, and says and writes what, before anything is launched.
fn foretell(
    plan: &RunPlan,
    arguments: &arguments::Run,
    source: &Source,
    placement: &Placement,
    folder: Option<&Folder>,
) -> Result<Made> {
    let (seeds, insist) = (arguments.seeds, arguments.yes);
    let speed = speed::of_launched(source, placement, speed::FORECAST);
    let asked = Asked { plan, source, placement, seeds, insist, speed };
    let made = forecast::make(&asked, &AtomicBool::new(false))?;
    if let Some(folder) = folder {
        made.write(folder.path())?;
    }
    terminal::note(made.tell());
    Ok(made)
}

/// Tells what a scenario has been read with doubts about.
fn warn(doubts: &Problems) {
    for doubt in &doubts.0 {
        let advice = doubt.advice().map(|advice| format!("; {advice}")).unwrap_or_default();
        terminal::note(format_args!("warning: {doubt}{advice}"));
    }
}

/// Whether the run is the experiment that the scenario describes.
pub(crate) fn check(departures: &[Departure]) -> Result<()> {
    let refused = |departure: &Departure| {
        let (difference, remedy) = (&departure.difference, departure.remedy.as_ref()?);
        Some(format!(
            "{} is {} and would be {}. {} {remedy}",
            difference.option, difference.asked, difference.done, difference.why
        ))
    };
    let refused: Vec<String> = departures.iter().filter_map(refused).collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the run would be another experiment than the scenario: {}; or give --accept-differences, \
         and the outcome tells of them",
        refused.join("; ")
    )))
}

/// A thread of its own, of this name in the accounts of the machine.
fn named<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    run: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let thread = std::thread::Builder::new().name(name.into());
    thread.spawn_scoped(scope, run).expect("a thread can be started")
}

/// Exit code of an interrupted run: 128 plus SIGINT's number, as in shells.
pub(crate) const INTERRUPTED: u8 = 130;

/// Ctrl-C and SIGTERM: the first one ends the measurement, or the program where there is none yet;
/// the second one the program.
pub(crate) struct Interrupt {
    /// Raised by the first.
    pub(crate) stop: Arc<AtomicBool>,
    measuring: Arc<AtomicBool>,
    /// Everything is written.
    holding: Arc<AtomicBool>,
}

impl Interrupt {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let flag = || Arc::new(AtomicBool::new(false));
        let this = Self { stop: flag(), measuring: flag(), holding: flag() };
        let (stop, measuring) = (Arc::clone(&this.stop), Arc::clone(&this.measuring));
        let holding = Arc::clone(&this.holding);
        ctrlc::set_handler(move || {
            let first = !stop.swap(true, Ordering::Relaxed);
            // The guard sees the pipe close, and clears away.
            let end = |why: &str| {
                terminal::note(why);
                std::process::exit(INTERRUPTED.into());
            };
            if holding.load(Ordering::Relaxed) {
                return;
            }
            match (first, measuring.load(Ordering::Relaxed)) {
                (true, true) => terminal::note("interrupted: what was measured is being written"),
                (true, false) => end("interrupted before anything was measured"),
                (false, _) => end("interrupted again: nothing is written"),
            }
        })
        .map_err(|error| Failure::new(format!("can't listen for Ctrl-C: {error}")))?;
        Ok(this)
    }

    /// From now on there is something to write, or to remove.
    pub(crate) fn measuring(&self) {
        self.measuring.store(true, Ordering::Relaxed);
    }

    /// From now on everything is written, and there is only what was launched to be removed.
    pub(crate) fn holding(&self) {
        self.holding.store(true, Ordering::Relaxed);
    }

    /// Whether the run was interrupted.
    pub(crate) fn raised(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
