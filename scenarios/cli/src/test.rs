//! `headwater test`.

use std::process::ExitCode;

use headwater::{Control, Failure as Failed, Folder, Golden, Report, Tested};
use headwater_scenarios::scenario::shell_word;
use serde_json::{Value, json};

use crate::args::Test;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::run::interrupt;
use crate::say;

/// Runs every scenario file of a folder.
pub fn test(arguments: &Test) -> Result<ExitCode, Failure> {
    let mut folder = Folder::new(&arguments.folder).seeds(arguments.seeds);
    folder = folder.keep_failures(!arguments.no_keep).golden(golden(arguments));
    for (path, value) in &arguments.settings {
        folder = folder.set(path, value);
    }
    let stop = interrupt()?;
    let bar = Bar::new(folder.files()?.len() as u64 * arguments.seeds, "runs");
    let progress = |done: usize, total: usize| bar.set_of(done as u64, total as u64, "");
    let report = folder.run(&Control { stop: Some(&stop), progress: Some(&progress) })?;
    drop(bar);
    if arguments.json {
        say(&serde_json::to_string_pretty(&as_json(&report)).expect("plain data"))?;
    } else {
        say(&report.to_string())?;
        advise(&report)?;
    }
    if report.interrupted {
        eprintln!("interrupted: what is told is of the runs that were done");
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const fn golden(arguments: &Test) -> Golden {
    match (arguments.snapshots, arguments.update_snapshots) {
        (true, _) => Golden::Check,
        (_, true) => Golden::Update,
        _ => Golden::Ignore,
    }
}

/// What to do about the first failure.
fn advise(report: &Report) -> Result<(), Failure> {
    let of_run = |failure: &&Failed| !failure.what.iter().all(|what| what.starts_with("snapshot"));
    let failed = |file: &'_ Tested| file.failures.iter().find(of_run).cloned();
    let failed = report.files.iter().find_map(|file| Some((file, failed(file)?)));
    let Some((file, failure)) = failed else { return Ok(()) };
    say(&format!("headwater shrink {} --seed {}", shell_word(&file.file), failure.seed))
}

fn as_json(report: &Report) -> Value {
    json!({
        "schema": "headwater-test/1",
        "passed": report.passed(),
        "interrupted": report.interrupted,
        "runs": report.runs(),
        "files": report.files.iter().map(file).collect::<Vec<_>>(),
    })
}

fn file(tested: &Tested) -> Value {
    json!({
        "file": tested.file,
        "title": tested.title,
        "passed": tested.passed(),
        "interrupted": tested.interrupted,
        "seeds": tested.seeds,
        "failures": tested.failures.iter().map(failure).collect::<Vec<_>>(),
        "kept": tested.kept,
        "outcome": tested.outcome.as_ref().map(headwater::Outcome::compact),
    })
}

fn failure(failed: &Failed) -> Value {
    json!({ "seed": failed.seed, "what": failed.what, "replay": failed.replay })
}
