//! `loadgen swarm`: cases of a swarm on real clusters, and beside each the simulation of the same
//! file. Both keep a promise, or both break it, or one of the two worlds is wrong.
//!
//! ```text
//! seed ──> case ──> without what can't be done live ──> case.toml ──┬──> simulated ──┐
//!                        │ nothing remains                          └──> live ───────┤
//!                        v                                               ^ again      v
//!                     skipped                                            └── either fails
//! ```
//!
//! Each live run is a program of its own, on a cluster of its own: what a run leaves behind is
//! nothing to the next. (Clusters that are kept between cases would save their launch.)

mod asked;
mod case;
mod draw;
mod shrink;
mod store;
mod tell;
#[cfg(test)]
mod tests;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::child;
use crate::failure::{Failure, Result};
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::progress::Bar;
use crate::run::{INTERRUPTED, Interrupt};
use crate::terminal;
use case::{Live, Ran, Runner, arguments};
use draw::{Dealer, Draw};
use store::Store;
use tell::Found;

pub(crate) use asked::Swarm;

/// Seeds that a dry run draws, unless it is said how many.
const DRY_SEEDS: u64 = 20;

/// Seeds in a row of which nothing can be run: no other will do.
const SKIPPED_MAX: u64 = 500;

/// Runs a live swarm, and tells what came out.
pub(crate) fn run(asked: &Swarm) -> Result<ExitCode> {
    let dealer = Dealer::new(asked)?;
    let placement = Placement::find(asked.cores, true)?;
    dealer.doubts.iter().for_each(|doubt| terminal::note(format_args!("warning: {doubt}")));
    dealer.bounds.iter().for_each(terminal::note);
    if asked.dry_run {
        return rehearse(&dealer, asked);
    }
    let store = Store::open(&asked.out)?;
    let interrupt = Interrupt::listen()?;
    interrupt.measuring();
    let bar = match asked.seeds {
        Some(seeds) => Bar::new(seeds, "seeds"),
        None => Bar::new(asked.lasts.0 / 1_000_000_000, "s"),
    };
    let (store, placement, stop) = (&store, &placement, &*interrupt.stop);
    let runner = Runner { asked, dealer: &dealer, store, placement, stop, bar: &bar };
    let mut live = |plan: &RunPlan, file: &Path, folder: &Path| {
        let mut all = arguments(file, asked);
        all.extend(["--history".into(), folder.join("history.jsonl").display().to_string()]);
        child::run(&all, folder, child::longest(&plan.scenario), stop)
    };
    let found = gather(&runner, &mut live)?;
    drop(bar);
    found.write(store, asked)?;
    let text = if asked.json { found.to_json() } else { found.text(asked) };
    terminal::result(text.trim_end()).map_err(|error| Failure::io("standard output", &error))?;
    Ok(match found.interrupted {
        true => ExitCode::from(INTERRUPTED),
        false if found.cases.iter().any(world::Told::fails) => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Says which cases would be run, and what they lack.
fn rehearse(dealer: &Dealer<'_>, asked: &Swarm) -> Result<ExitCode> {
    let seeds = asked.seeds.unwrap_or(DRY_SEEDS);
    let lines = (0..seeds).map(|number| {
        let seed = asked.seed.wrapping_add(number);
        match dealer.draw(seed) {
            Draw::Case(drawn) => {
                let more = |what: &str, all: Vec<&str>| match all.is_empty() {
                    true => String::new(),
                    false => format!("\n    {what}: {}", all.join("; ")),
                };
                let left_out = drawn.left_out.iter().map(|one| one.kind.as_str()).collect();
                let changed = drawn.changed.iter().map(String::as_str).collect();
                let faults = match drawn.faults.is_empty() {
                    true => "no fault".to_owned(),
                    false => drawn.faults.join("; "),
                };
                let (left_out, changed) = (more("left out", left_out), more("changed", changed));
                format!("seed {seed}: {faults}{left_out}{changed}")
            }
            Draw::Skipped(why, _) => format!("seed {seed} is skipped: {why}"),
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    terminal::result(&text).map_err(|error| Failure::io("standard output", &error))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs cases until the time is over, or all seeds are done, or it is stopped.
///
/// # Errors
/// If nothing can be run.
fn gather(runner: &Runner<'_>, live: &mut Live<'_>) -> Result<Found> {
    let Runner { asked, dealer, bar, .. } = *runner;
    let (since, within) = (Instant::now(), Duration::from_nanos(asked.lasts.0));
    let mut found = Found::new(asked, dealer);
    let mut in_a_row = 0;
    for number in 0..asked.seeds.unwrap_or(u64::MAX) {
        if runner.is_stopped() || since.elapsed() > within || in_a_row >= SKIPPED_MAX {
            break;
        }
        bar.set(if asked.seeds.is_some() { number } else { since.elapsed().as_secs() });
        let seed = asked.seed.wrapping_add(number);
        in_a_row += 1;
        match dealer.draw(seed) {
            Draw::Skipped(why, left_out) => found.skip(why, &left_out),
            Draw::Case(drawn) => match runner.case(&drawn, live)? {
                Ran::Skipped(why) => found.skip(why, &drawn.left_out),
                Ran::Stopped => break,
                Ran::Told(told) => {
                    in_a_row = 0;
                    found.add(*told);
                    nothing_runs(&found)?;
                }
            },
        }
    }
    found.interrupted = runner.is_stopped();
    if found.cases.is_empty() && !found.interrupted {
        return Err(Failure::new(format!("nothing was run: {}", found.skipped_in_words())));
    }
    Ok(found)
}

/// Ends a swarm of which the first case has no run that comes to its end: the next would not
/// either.
fn nothing_runs(found: &Found) -> Result<()> {
    let [first] = &found.cases[..] else { return Ok(()) };
    if first.stopped || first.runs.iter().any(|run| run.world.is_some()) {
        return Ok(());
    }
    let why = first.runs.iter().rev().find_map(|run| run.failed.as_deref()).unwrap_or_default();
    Err(Failure::new(format!("no live run of seed {} comes to its end: {why}", first.seed)))
}
