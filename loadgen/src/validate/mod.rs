//! `loadgen validate`: every scenario of a folder forecast and then run, several times, and how
//! wrong the forecasts were.
//!
//! ```text
//! cases ──> forecasts of all, written and hashed ──> live runs, shuffled, each a program of its
//!                                                    own on a cluster of its own
//!                                                          │ late, disturbed: again, at the end
//!                                                          v
//!           tables <── medians, intervals, targets <── figures of the runs that count
//! ```

mod case;
mod estimate;
mod gathered;
mod live;
mod markdown;
mod order;
mod statistics;
mod store;
mod summary;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headwater_reports::Outcome;
use headwater_reports::outcome::Speed;

use crate::arguments::Validate;
use crate::child::Ended;
use crate::clock::{date, unix_ms};
use crate::failure::{Failure, Result};
use crate::forecast::{self, Asked, Made};
use crate::output::write_score;
use crate::placement::Placement;
use crate::profile::kernel;
use crate::run::{INTERRUPTED, Interrupt};
use crate::systems::system::Source;
use crate::{terminal, utilisation};
use case::Case;
use gathered::Gathered;
use order::{Turn, Turns};
use store::Store;
use summary::{About, Summary};

/// Validates, and writes what came out.
pub(crate) fn run(asked: &Validate) -> Result<ExitCode> {
    let cases = case::read(asked)?;
    if let Some(document) = &asked.write {
        markdown::check(document)?;
    }
    let placement = Placement::find(asked.cores, true)?;
    terminal::note(estimate::tell(&cases, asked));
    let turns = Turns::new(cases.len(), asked.repeats, asked.shuffle, asked.again);
    if asked.dry_run {
        let lines = turns.left().map(|turn| {
            let name = &cases[turn.case].name;
            format!("{name}, repeat {}", turn.repeat + 1)
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        terminal::result(&text).map_err(|error| Failure::io("standard output", &error))?;
        return Ok(ExitCode::SUCCESS);
    }
    let store = Store::open(&asked.out)?;
    let interrupt = Interrupt::listen()?;
    interrupt.measuring();
    let speed = store.speed(&placement)?;
    let made = match forecasts(&cases, &placement, &store, asked, speed, &interrupt.stop) {
        Err(_) if interrupt.raised() => return Ok(ExitCode::from(INTERRUPTED)),
        made => made?,
    };
    let validation = Validation { cases: &cases, made: &made, store: &store, asked };
    let mut live = |case: &Case, seed: u64, folder: &Path| {
        live::run(case, seed, folder, asked, &interrupt.stop)
    };
    let gathered = validation.gather(turns, &placement, &interrupt.stop, &mut live)?;
    let summary = Summary::of(&gathered, about(asked, &placement, &gathered), asked.shuffle);
    tell(&summary, &store, asked)?;
    let wrong = |case: &Gathered| case.failed > 0 || !case.broken.is_empty();
    Ok(match interrupt.raised() {
        true => ExitCode::from(INTERRUPTED),
        // How wrong a forecast was is a finding; what is lost, or could not be run, a failure.
        false if gathered.iter().any(wrong) => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// The forecasts of all cases, before anything is launched.
fn forecasts(
    cases: &[Case],
    placement: &Placement,
    store: &Store,
    asked: &Validate,
    speed: Option<Speed>,
    stop: &AtomicBool,
) -> Result<Vec<Made>> {
    let mut all: Vec<Made> = Vec::new();
    for case in cases {
        let key = store::key(case, placement, asked, speed);
        let made = match store.forecast(case, &key, speed) {
            Some(made) => made,
            None => {
                let source = &Source::Launch;
                let (plan, seeds) = (&case.plan, asked.seeds);
                let asked = Asked { plan, source, placement, seeds, insist: false, speed };
                let made = forecast::make(&asked, stop)?;
                store.keep_forecast(case, &key, &made)?;
                made
            }
        };
        let (number, of, name) = (all.len() + 1, cases.len(), &case.name);
        let short = made.hash.get(..12).unwrap_or(&made.hash);
        terminal::note(format_args!("forecast {number}/{of}  {short}  {name}"));
        all.push(made);
    }
    let lines = cases.iter().zip(&all).map(|(case, made)| {
        let name = &case.name;
        format!("{}  {name}/forecast.json\n", made.hash)
    });
    let hashes: String = lines.collect();
    store.write("forecasts.sha256", &hashes)?;
    let hash = forecast::sha256(hashes.as_bytes());
    terminal::note(format_args!("all forecasts (forecasts.sha256): sha256 {hash}"));
    if let Some(made) = all.first() {
        made.forecast.notes.iter().skip(1).for_each(terminal::note);
    }
    Ok(all)
}

/// What is run, and against which forecasts.
struct Validation<'a> {
    cases: &'a [Case],
    made: &'a [Made],
    store: &'a Store,
    asked: &'a Validate,
}

/// Runs a case with a seed into a folder.
type Live<'a> = dyn FnMut(&Case, u64, &Path) -> Ended + 'a;

impl Validation<'_> {
    /// Makes the runs that are not there yet, until all are there, or it is stopped, or its time is
    /// over.
    fn gather(
        &self,
        mut turns: Turns,
        placement: &Placement,
        stop: &AtomicBool,
        live: &mut Live<'_>,
    ) -> Result<Vec<Gathered>> {
        let cores = placement.cluster.len();
        let of_case =
            |(case, made): (&Case, &Made)| Gathered::new(case, &made.forecast, &made.hash, cores);
        let mut all: Vec<Gathered> = self.cases.iter().zip(self.made).map(of_case).collect();
        let since = Instant::now();
        let (within, mut left) = (Duration::from_nanos(self.asked.within.0), 0_usize);
        while let Some(turn) = turns.next() {
            let (case, made) = (&self.cases[turn.case], &self.made[turn.case]);
            let gathered = &mut all[turn.case];
            if let Some(found) = self.store.run(case, turn.repeat, made, self.asked) {
                gathered.hindcast |= found.hindcast;
                gathered.hold(&found.outcome);
                gathered.add(case, &found.outcome);
                self.overlay(turn, &found.outcome)?;
                continue;
            }
            // Those that are there already count all the same.
            if stop.load(Ordering::Relaxed) || since.elapsed() > within {
                left += 1;
                continue;
            }
            terminal::note(format_args!("{}", self.line(turn, "begins", since.elapsed())));
            let folder = self.store.clear(case, turn.repeat)?;
            let why = match live(case, case.plan.seed + turn.repeat, &folder) {
                Ended::Stopped => continue,
                Ended::Failed(why) => {
                    gathered.failed += 1;
                    Some(format!("it failed: {why}"))
                }
                Ended::Ran(outcome) => {
                    gathered.hold(&outcome);
                    let why = made.withheld(&outcome);
                    if why.is_none() {
                        self.store.keep_run(case, turn.repeat, made, self.asked)?;
                        let inside = self.overlay(turn, &outcome)?;
                        terminal::note(self.line(turn, &inside, since.elapsed()));
                        gathered.add(case, &outcome);
                    }
                    why
                }
            };
            if let Some(why) = why {
                let again = turns.again(turn);
                let then = if again { "; it is made again at the end" } else { "" };
                let told = format!("is discarded: {why}{then}");
                terminal::note(self.line(turn, &told, since.elapsed()));
                self.store.set_aside(case, turn.repeat, turn.discarded)?;
                gathered.discarded.push(format!("repeat {}: {why}", turn.repeat + 1));
            }
        }
        if left > 0 && !stop.load(Ordering::Relaxed) {
            let within = self.asked.within;
            terminal::note(format_args!("{within} are over: {left} runs are not made (--within)"));
        }
        Ok(all)
    }

    fn line(&self, turn: Turn, what: &str, passed: Duration) -> String {
        let (name, repeat) = (&self.cases[turn.case].name, turn.repeat + 1);
        format!("{:>6} s  {name}, repeat {repeat}, {what}", passed.as_secs())
    }

    /// Lays a run over its forecast, in its folder. How that came out, in a few words.
    fn overlay(&self, turn: Turn, outcome: &Outcome) -> Result<String> {
        let (case, made) = (&self.cases[turn.case], &self.made[turn.case]);
        let score = made.score(&case.plan, outcome);
        write_score(made, &score, outcome, &self.store.repeat(case, turn.repeat))?;
        let (inside, all) = score.inside();
        let error = |row: &headwater_reports::forecast::Row| {
            row.error_percent.map(|percent| format!(", {} {percent:+.0} %", row.name))
        };
        let errors: String = score.rows.iter().filter_map(error).collect();
        Ok(format!("counts: {inside} of {all} inside{errors}"))
    }
}

fn about(asked: &Validate, placement: &Placement, cases: &[Gathered]) -> About {
    let runs: u64 = cases.iter().map(|case| case.runs).sum();
    About {
        machine: format!("{}, {} cores", kernel::release(), utilisation::cores()),
        profile: asked.profile.clone().unwrap_or_else(|| "of each scenario".into()),
        cores: placement.to_string(),
        date: date(unix_ms() / 1_000),
        seeds: asked.seeds,
        repeats: asked.repeats,
        discarded: cases.iter().map(|case| case.discarded.len()).sum(),
        missing: cases.len() as u64 * asked.repeats - runs,
        hindcast: cases.iter().any(|case| case.hindcast),
    }
}

/// Prints and writes the result.
fn tell(summary: &Summary, store: &Store, asked: &Validate) -> Result<()> {
    let (json, tables) = (summary.to_json(), markdown::tables(summary));
    let path = store.write("validation.json", &json)?;
    store.write("validation.md", &tables)?;
    terminal::note(format_args!("written to {}, validation.md beside it", path.display()));
    if let Some(document) = &asked.write {
        markdown::replace(document, &tables)?;
    }
    let text = if asked.json { json } else { tables };
    terminal::result(text.trim_end()).map_err(|error| Failure::io("standard output", &error))
}

#[cfg(test)]
mod tests;
