//! `headwater run`.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::outcome::Status;
use headwater_scenarios::determinism::{self, Checked};
use headwater_scenarios::estimate::Estimate;
use headwater_scenarios::explain;
use headwater_scenarios::replay;
use headwater_scenarios::run::{self, Finished, Options};
use headwater_scenarios::scenario::Scenario;

use crate::args::Run;
use crate::colour;
use crate::failure::{self, Failure};
use crate::output::Folder;
use crate::progress::Bar;
use crate::say;

/// Runs a scenario.
pub fn run(arguments: &Run) -> Result<ExitCode, Failure> {
    let scenario = Scenario::load(&arguments.chosen.scenario, &arguments.chosen.settings)?;
    failure::warn(&scenario);
    if !arguments.yes {
        Estimate::simulated(&scenario).check().map_err(Failure::Other)?;
    }
    let stop = interrupt()?;
    // Before the run: a folder that can't be written should not cost one.
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let bar = bar_of(&scenario);
    let show = |progress| bar.run(progress);
    let options = Options {
        seed: arguments.seed,
        stop: Some(&stop),
        progress: Some(&show),
        ..Options::default()
    };
    let mut finished = match arguments.explain {
        true => explain::run_explained(&scenario, options),
        false => run::run(&scenario, &options),
    };
    let failed = replay::violation(&finished.verdicts).is_some();
    if folder.is_some() && (failed || arguments.diagram) && !stopped(&finished) {
        replay::illustrate(&scenario, &mut finished);
    }
    drop(bar);
    let code = tell(&finished, folder.as_ref(), arguments.json)?;
    if !arguments.check || stopped(&finished) {
        return Ok(code);
    }
    let same = check(&scenario, finished, arguments, &stop)?;
    Ok(if same { code } else { ExitCode::FAILURE })
}

/// A bar for a run of this scenario.
pub fn bar_of(scenario: &Scenario) -> Bar {
    Bar::new((scenario.traffic.duration + scenario.measure.drain).as_millis(), "ms")
}

fn stopped(finished: &Finished) -> bool {
    finished.outcome.status != Status::Completed
}

/// Runs it three times more and says whether all came out the same.
fn check(
    scenario: &Scenario,
    finished: Finished,
    arguments: &Run,
    stop: &AtomicBool,
) -> Result<bool, Failure> {
    let bar = Bar::new(1, "checks");
    bar.set(0, "(running it three times more)");
    let run = determinism::scenario(scenario, finished.outcome.seed, Some(stop));
    let checked = determinism::check(&determinism::of_finished(finished), &run);
    drop(bar);
    if stop.load(Ordering::Relaxed) {
        eprintln!("interrupted: nothing is known about its determinism");
        return Ok(false);
    }
    match arguments.json {
        // The outcome alone is on standard output.
        true => eprintln!("{checked}"),
        false => say(&checked.to_string())?,
    }
    Ok(matches!(checked, Checked::Same { .. }))
}

fn tell(finished: &Finished, folder: Option<&Folder>, json: bool) -> Result<ExitCode, Failure> {
    let outcome = &finished.outcome;
    if let Some(folder) = folder {
        folder.outcome(outcome)?;
    }
    if json {
        say(outcome.to_json().trim_end())?;
    } else {
        let summary = headwater_reports::summary(outcome);
        let plain = summary.trim_end();
        say(&if colour::wanted() { colour::summary(plain) } else { plain.to_owned() })?;
        if let Some(folder) = folder {
            say(&format!("written to {}", folder.path().display()))?;
        }
    }
    if !outcome.ok() {
        eprintln!("the last events of the run:");
        finished.log.iter().rev().take(LOG_LINES).rev().for_each(|line| eprintln!("  {line}"));
        eprintln!("reproduce: {}", outcome.reproduce);
    }
    Ok(ExitCode::from(outcome.exit_code()))
}

/// Lines of the event log that a failing run prints.
const LOG_LINES: usize = 20;

/// A flag that Ctrl-C raises.
pub fn interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        // Once more ends the process at once.
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|error| Failure::Other(format!("can't listen for Ctrl-C: {error}")))?;
    Ok(stop)
}
