//! `loadgen pipeline`: a pipeline for real at several rates and in a burst, beside the simulation
//! of the same scenario on as many cores: what batches take, and from end to end.
//!
//! Everything is launched and warmed up once; each case is a query of its own in the same process.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::Args;
use headwater_reports::{Outcome, OutcomeError};
use headwater_sim::time::Duration;
use headwater_traffic::Rate;
use serde::Serialize;

use super::told::{Spread, Stages};
use super::{Launched, Measuring, Parts, checked, keep};
use crate::arguments::{self, Run, WarmUp};
use crate::failure::{Failure, Result};
use crate::forecast::{self, On};
use crate::output::Folder;
use crate::placement::{Cores, Placement};
use crate::plan::RunPlan;
use crate::run::{INTERRUPTED, Interrupt};
use crate::systems::engine::{Engine, WHOLE};
use crate::systems::system::Source;
use crate::terminal;

/// A pipeline at several rates, beside its simulation.
#[derive(Clone, Debug, Args)]
pub(crate) struct Pipeline {
    /// A scenario of the library with several systems, or a file
    #[arg(value_name = "NAME|FILE", default_value = "pipeline/twitter-1600")]
    scenario: String,
    /// Events per second, one case after the other
    #[arg(
        long,
        value_name = "RATE,...",
        value_delimiter = ',',
        default_value = "200,800,1600,3200",
        value_parser = arguments::rate
    )]
    rates: Vec<Rate>,
    /// One more case: the scenario's own rate with a burst to so many times that; 0 for none
    #[arg(long, value_name = "PEAK", default_value_t = 4.0)]
    burst: f64,
    /// Length of each case's traffic
    #[arg(long, value_name = "TIME", default_value = "30s")]
    duration: Duration,
    /// How long everything is warmed up before the first case
    #[arg(long, value_name = "TIME", default_value = "60s")]
    warm_up: Duration,
    /// The machine profile that is simulated, such as the one that `loadgen profile` has written;
    /// without it the scenario's
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Sets anything of the scenario; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = arguments::setting)]
    settings: Vec<(String, String)>,
    /// Where outcomes are written, a folder for each case
    #[arg(long, value_name = "DIR", default_value = "pipeline-live")]
    out: PathBuf,
    /// Which cores what is launched and the generator have: each its own, or both all (the default)
    #[arg(long, value_enum)]
    cores: Option<Cores>,
    /// Simulates again what was measured before into --out, and tells the errors; launches nothing
    #[arg(long)]
    hindcast: bool,
}

/// A case: its name, and what it sets.
struct Case {
    name: String,
    settings: Vec<(String, String)>,
}

/// Both sides of a figure, milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
struct Sides {
    simulated: f64,
    live: f64,
}

impl Sides {
    /// How far the simulation is off, as a share of what was measured.
    fn error(self) -> f64 {
        (self.simulated - self.live) / self.live
    }
}

/// What a case came to.
#[derive(Clone, Debug, Serialize)]
struct Compared {
    name: String,
    /// The median of what batches took.
    batch_ms: Option<Sides>,
    /// The median from end to end.
    end_to_end_ms: Option<Sides>,
    /// Broken promises of the live run.
    broken: usize,
}

/// How wrong the model may be, as shares.
const BATCH_TARGET: f64 = 0.15;
const END_TO_END_TARGET: f64 = 0.20;

/// How long a burst rises, stays and falls: an event of half a dozen batches.
const BURST: &str = "rise = '1s', hold = '3s', decay = '2s'";

impl Pipeline {
    fn cases(&self) -> Vec<Case> {
        let at = |rate: &Rate| Case {
            name: format!("{}-per-s", rate.as_per_second()),
            settings: vec![("traffic.rate".into(), rate.to_string())],
        };
        let mut all: Vec<Case> = self.rates.iter().map(at).collect();
        if self.burst > 1.0 {
            let from = self.duration.0 / 3;
            let shot = format!("[{{ at = '{}', peak = {}, {BURST} }}]", Duration(from), self.burst);
            let settings = vec![("traffic.shots".into(), shot)];
            all.push(Case { name: format!("burst-x{}", self.burst), settings });
        }
        all
    }

    fn run_of(&self, case: &Case) -> Run {
        let mut run = Run::plain();
        run.scenario = Some(self.scenario.clone());
        run.settings.clone_from(&self.settings);
        run.settings.extend_from_slice(&case.settings);
        run.duration = Some(self.duration);
        run.warm_up = WarmUp::For(self.warm_up);
        run.profile.clone_from(&self.profile);
        run
    }
}

/// Makes all cases, and tells.
///
/// # Errors
/// Why a case could not be made.
pub(crate) fn run(asked: &Pipeline) -> Result<ExitCode> {
    let cases = asked.cases();
    let plans: Vec<RunPlan> =
        cases.iter().map(|case| RunPlan::of_several(&asked.run_of(case))).collect::<Result<_>>()?;
    let Some(first) = plans.first() else { return Err(Failure::new("--rates names no rate")) };
    let out = Folder::open(&asked.out)?;
    let interrupt = Interrupt::listen()?;
    if !asked.hindcast {
        let parts = Parts::find(&first.scenario, first.system, &[])?;
        checked(first, &parts, false)?;
        let mut launched = Launched::start(first, &parts, false, asked.cores)?;
        interrupt.measuring();
        let warm_up = launched.warm(first, &parts, &interrupt)?;
        for (number, (case, plan)) in (1..).zip(cases.iter().zip(&plans)) {
            if interrupt.raised() {
                break;
            }
            terminal::note(format_args!("case {number} of {}: {}", cases.len(), case.name));
            let parts = Parts::find(&plan.scenario, plan.system, &[])?;
            let departures = checked(plan, &parts, false)?;
            let last = number == cases.len();
            let how = Measuring { departures, warm_up: warm_up.clone(), last };
            let (outcome, stages) = launched.measure(plan, &parts, how, &interrupt)?;
            write(&out.path().join(&case.name), &outcome, launched.engine.as_ref(), &stages)?;
        }
    }
    let compared: Vec<Compared> = cases
        .iter()
        .zip(&plans)
        .filter_map(|(case, plan)| compare(asked, case, plan, out.path()).transpose())
        .collect::<Result<_>>()?;
    let json = serde_json::to_string_pretty(&compared).expect("every key is a string");
    let fail = |error: std::io::Error| Failure::after_run(format!("compared.json: {error}"));
    std::fs::write(out.path().join("compared.json"), json + "\n").map_err(fail)?;
    terminal::result(table(&compared).trim_end())
        .map_err(|error| Failure::io("standard output", &error))?;
    let broken = compared.iter().any(|one| one.broken > 0) || compared.len() < cases.len();
    Ok(match interrupt.raised() {
        true => ExitCode::from(INTERRUPTED),
        false if broken => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn write(folder: &Path, outcome: &Outcome, engine: &dyn Engine, stages: &Stages) -> Result<()> {
    Folder::open(folder)?;
    let fail = |error: OutcomeError| Failure::after_run(error.to_string());
    outcome.write(&folder.join(LIVE)).map_err(fail)?;
    keep(folder, engine, stages)
}

const LIVE: &str = "live.json";

/// Simulates a case that was measured, and puts both side by side.
fn compare(asked: &Pipeline, case: &Case, plan: &RunPlan, out: &Path) -> Result<Option<Compared>> {
    let folder = out.join(&case.name);
    let Ok(live) = Outcome::read(&folder.join(LIVE)) else { return Ok(None) };
    let placement = Placement::find(asked.cores.or(Some(Cores::Shared)), true)?;
    let on = On {
        source: &Source::Launch,
        placement: &placement,
        profile: None,
        settings: &[],
        reads: true,
        slower: 1.0,
    };
    let simulated = forecast::simulate(plan, &on, &AtomicBool::new(false))?;
    let fail = |error: OutcomeError| Failure::after_run(error.to_string());
    simulated.write(&folder.join("simulated.json")).map_err(fail)?;
    let sides = |of: &dyn Fn(&Outcome) -> Option<f64>| {
        Some(Sides { simulated: of(&simulated)?, live: of(&live)? })
    };
    let end_to_end =
        |outcome: &Outcome| outcome.latency.end_to_end.quantile(0.5).map(|ns| ns as f64 / 1e6);
    let broken = live.verdicts.iter().filter(|verdict| verdict.status.found()).count();
    Ok(Some(Compared {
        name: case.name.clone(),
        batch_ms: sides(&batches),
        end_to_end_ms: sides(&end_to_end),
        broken,
    }))
}

/// The median of what batches took, as the gauge has it at the end of each interval of the window:
/// the same reading of both worlds.
fn batches(outcome: &Outcome) -> Option<f64> {
    let name = format!("/{WHOLE}");
    let gauge = outcome.series.gauges.iter().find(|gauge| gauge.name.ends_with(&name))?;
    let interval = outcome.series.interval_ns.max(1);
    let within = |at: usize| {
        let end = (at as u64 + 1) * interval;
        outcome.window.from_ns < end && end <= outcome.window.until_ns
    };
    let samples = gauge.values.iter().enumerate().filter(|(at, _)| within(*at));
    Spread::of(samples.filter_map(|(_, value)| *value).collect()).map(|of| of.p50())
}

/// What came out, for the documents as for the terminal.
fn table(compared: &[Compared]) -> String {
    let mut out = String::from(
        "| case | batch, simulated | live | error | end to end p50, simulated | live | error |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for Compared { name, batch_ms, end_to_end_ms, .. } in compared {
        let sides = |of: &Option<Sides>, target: f64| match of {
            None => "- | - | -".to_owned(),
            Some(of) => {
                let mark = if of.error().abs() > target { " **out**" } else { "" };
                let error = of.error() * 100.0;
                format!("{:.0} ms | {:.0} ms | {error:+.0} %{mark}", of.simulated, of.live)
            }
        };
        let batch = sides(batch_ms, BATCH_TARGET);
        let end_to_end = sides(end_to_end_ms, END_TO_END_TARGET);
        let _ = writeln!(out, "| {name} | {batch} | {end_to_end} |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_shares_of_what_was_measured_and_those_beyond_the_targets_are_marked() {
        let sides = |simulated, live| Some(Sides { simulated, live });
        let compared = Compared {
            name: "200-per-s".into(),
            batch_ms: sides(110.0, 100.0),
            end_to_end_ms: sides(390.0, 300.0),
            broken: 0,
        };
        let table = table(&[compared]);
        let row = "| 200-per-s | 110 ms | 100 ms | +10 % | 390 ms | 300 ms | +30 % **out** |";
        assert_eq!(table.lines().last(), Some(row));
    }
}
