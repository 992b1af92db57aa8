//! `loadgen paper`: the paper's claims put to the test on this machine, by the tools that the paper
//! used where there are such.
//!
//! ```text
//! claims.toml ──> jobs ──> runs that are not there yet: a load test or a run of this program,
//!                          each on a cluster of its own ──> a file each (--out)
//!                                                                │
//!                 simulations of the claims (--seeds) ──> table <┘
//! ```
//!
//! What is asked, of which runs, and by which rule a claim holds is that of `headwater paper`
//! (`headwater_scenarios::paper`); this adds the runs.

pub(crate) mod arguments;
mod jobs;
mod measure;

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use headwater_reports::text;
use headwater_scenarios::paper::{Answer, Asked, Gathered, Measured, Paper};

use crate::estimate::shown;
use crate::failure::{Failure, Result};
use crate::output::Folder;
use crate::placement::{Cores, Placement};
use crate::progress::Bar;
use crate::run::{INTERRUPTED, Interrupt};
use crate::{launch, terminal};
use jobs::Job;
use measure::{Bench, Made};

/// Measures, and tells.
pub(crate) fn run(asked: &arguments::Paper) -> Result<ExitCode> {
    check(asked)?;
    let claims = Asked {
        profile: None,
        only: asked.only.clone(),
        seeds: (1, asked.seeds),
        quick: asked.quick,
        figures: false,
    };
    let paper = Paper::shipped().asked(&claims);
    let jobs = jobs::all(&paper, asked.quick, asked.repeats)?;
    if asked.dry_run {
        terminal::note(beforehand(&jobs, asked));
        return say(jobs::list(&paper, &jobs).trim_end()).map(|()| ExitCode::SUCCESS);
    }
    let folder = Folder::open(&asked.out)?;
    let left: Vec<Job> = jobs.iter().filter(|job| !is_there(job, folder.path())).cloned().collect();
    let interrupt = Interrupt::listen()?;
    interrupt.measuring();
    let missing = gather(&left, asked, folder.path(), &interrupt)?;
    let all = jobs.iter().filter_map(|job| found(job, folder.path())).collect();
    let answer = answer(&claims, &Gathered::of(all), &interrupt)?;
    tell(&answer, asked)?;
    Ok(match interrupt.raised() {
        true => ExitCode::from(INTERRUPTED),
        false if missing > 0 => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// What is wrong with what is asked for, before anything is run.
fn check(asked: &arguments::Paper) -> Result<()> {
    let paper = Paper::shipped();
    for id in &asked.only {
        if !paper.ids().any(|known| known.eq_ignore_ascii_case(id)) {
            let all = paper.ids().collect::<Vec<_>>().join(", ");
            return Err(Failure::new(format!("there is no claim {id}; there are {all}")));
        }
    }
    match &asked.write {
        Some(_) if asked.seeds == 0 => Err(Failure::new(
            "--write: the page has what is simulated beside what is measured; leave out --seeds 0",
        )),
        Some(file) if file.is_dir() => {
            Err(Failure::new(format!("--write {}: it is a folder", file.display())))
        }
        _ => Ok(()),
    }
}

/// The run of a job, if it was made.
fn found(job: &Job, folder: &Path) -> Option<Measured> {
    let path = folder.join(job.spec.file(job.repeat));
    Measured::read(&path).ok().filter(|found| found.stands_for(&job.spec))
}

/// Whether it need not be made again: one that is in doubt is.
fn is_there(job: &Job, folder: &Path) -> bool {
    found(job, folder).is_some_and(|found| found.doubt.is_none())
}

/// What is to be expected, in a line.
fn beforehand(left: &[Job], asked: &arguments::Paper) -> String {
    let quick = if asked.quick { " (short ones)" } else { "" };
    format!(
        "{} runs{quick}: about {}; none is begun after {} (--within)",
        left.len(),
        shown(jobs::seconds(left)),
        asked.within
    )
}

/// Makes runs until all are made, or it is stopped, or its time is over. How many are missing.
fn gather(
    left: &[Job],
    asked: &arguments::Paper,
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<usize> {
    if left.is_empty() {
        return Ok(0);
    }
    launch::java_or(", or see what is simulated with `headwater paper`")?;
    let placement = Placement::find(Some(Cores::Shared), true)?;
    terminal::note(beforehand(left, asked));
    let bench = Bench { placement: &placement, folder, interrupt };
    let (since, within) = (Instant::now(), Duration::from_nanos(asked.within.0));
    let bar = Bar::new(left.len() as u64, "runs").ticking();
    let mut missing = 0;
    for (number, job) in (0_u64..).zip(left) {
        bar.set(number);
        if interrupt.raised() || since.elapsed() > within {
            missing += 1;
            continue;
        }
        let (name, passed) = (job.spec.name(), since.elapsed().as_secs());
        let note = |what: &str| bar.note(format_args!("{passed:>6} s  {name}, {what}"));
        match bench.make(&job.spec, job.repeat) {
            Made::Measured(measured) => {
                measured.write(folder).map_err(|error| {
                    Failure::after_run(format!("{}: {error}", folder.display()))
                })?;
                note(&told(&measured));
            }
            Made::Failed(why) => {
                missing += 1;
                note(&format!("repeat {}, failed: {why}", job.repeat));
            }
            Made::Stopped => missing += 1,
        }
    }
    if missing > 0 && since.elapsed() > within {
        bar.note(format_args!(
            "{missing} runs are missing after {} (--within); the same line goes on",
            asked.within
        ));
    }
    Ok(missing)
}

/// A run in a few words.
fn told(measured: &Measured) -> String {
    let figures = &measured.figures;
    let rate = figures.get("acked_rate").map(|rate| text::per_second(*rate));
    let p95 = figures.get("service.p95").map(|p95| text::duration(*p95 * 1e9));
    let lost = figures.get("lost").map(|lost| format!("{lost} lost"));
    let shown = [rate, p95.map(|p95| format!("p95 {p95}")), lost];
    let shown = shown.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let doubt = measured.doubt.as_ref().map(|why| format!("; in doubt: {why}"));
    format!("repeat {}: {shown}{}", measured.repeat, doubt.unwrap_or_default())
}

/// The claims with both columns: what is simulated is so after everything was measured.
fn answer(claims: &Asked, gathered: &Gathered, interrupt: &Interrupt) -> Result<Answer> {
    let mut answer = if claims.seeds.1 == 0 || interrupt.stop.load(Ordering::Relaxed) {
        claims.unsimulated()
    } else {
        let bar = Bar::new(1, "simulations").ticking();
        let done = |done: usize, total: usize, _: &str| bar.set_of(done as u64, total as u64);
        claims.run(&interrupt.stop, &done)?
    };
    answer.set_live(gathered);
    Ok(answer)
}

/// Prints the claims, and writes the page if it is asked for.
fn tell(answer: &Answer, asked: &arguments::Paper) -> Result<()> {
    if asked.json {
        say(&serde_json::to_string_pretty(answer).expect("every key is a string"))?;
    } else {
        say(answer.text().trim_end())?;
    }
    let Some(file) = &asked.write else { return Ok(()) };
    let unexplained = answer.claims.iter().chain(&answer.unseen).find(|claim| !claim.explained);
    if answer.interrupted || answer.seeds == 0 {
        return Err(Failure::after_run("interrupted: the page is not written"));
    }
    if let Some(claim) = unexplained {
        return Err(Failure::after_run(format!("{}: {}", claim.id, claim.because)));
    }
    std::fs::write(file, answer.page())
        .map_err(|error| Failure::after_run(format!("{}: {error}", file.display())))
}

fn say(text: &str) -> Result<()> {
    terminal::result(text).map_err(|error| Failure::io("standard output", &error))
}

#[cfg(test)]
mod tests;
