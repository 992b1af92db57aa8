//! `headwater merge`, and which part of a swarm or sweep a job does.

use std::path::PathBuf;
use std::process::ExitCode;

use headwater_scenarios::swarm::{Shard, Swarm};
use headwater_scenarios::sweep::Sweep;

use crate::args::Merge;
use crate::failure::Failure;
use crate::input;
use crate::output;
use crate::say;

/// The part that is asked for: `I/N`, or what the scheduler says.
pub fn shard(text: &str) -> Result<Shard, Failure> {
    let shard = match text {
        "auto" => Shard::of_job(|name| std::env::var(name).ok()),
        text => text.parse(),
    };
    shard.map_err(Failure::Other)
}

/// Puts the parts of a swarm, or of a sweep, together.
pub fn merge(arguments: &Merge) -> Result<ExitCode, Failure> {
    let read = |path: &PathBuf| Ok((path.clone(), input::text(path)?));
    let parts = arguments.parts.iter().map(read).collect::<Result<Vec<Part>, Failure>>()?;
    let is_sweep = parts.first().is_some_and(|(_, text)| Sweep::parse(text).is_ok());
    if is_sweep { sweeps(arguments, &parts) } else { swarms(arguments, &parts) }
}

/// A file, and what is in it.
type Part = (PathBuf, String);

fn swarms(arguments: &Merge, parts: &[Part]) -> Result<ExitCode, Failure> {
    let whole = whole(parts, Swarm::parse, Swarm::merge)?;
    let json = serde_json::to_string_pretty(&whole).expect("plain data") + "\n";
    if let Some(path) = &arguments.html {
        output::page(path, &headwater_reports::swarm::swarm_page(&[whole.shown()]))?;
    }
    told(arguments, &json, &whole.text())?;
    let complete = whole.missing().is_empty() && !whole.interrupted;
    let clean = whole.is_clean() && complete;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn sweeps(arguments: &Merge, parts: &[Part]) -> Result<ExitCode, Failure> {
    let whole = whole(parts, Sweep::parse, Sweep::merge)?;
    let json = serde_json::to_string_pretty(&whole).expect("plain data");
    if let Some(path) = &arguments.html {
        output::page(path, &whole.shown().to_html())?;
    }
    let missing = whole.missing();
    let lines = missing.iter().map(|shard| format!("missing: shard {shard}\n"));
    told(arguments, &json, &(whole.table() + &lines.collect::<String>()))?;
    let complete = missing.is_empty() && !whole.interrupted;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All parts, read and added to the first.
fn whole<T>(
    parts: &[Part],
    parse: impl Fn(&str) -> Result<T, String>,
    merge: impl Fn(&mut T, T) -> Result<(), String>,
) -> Result<T, Failure> {
    let mut whole: Option<T> = None;
    for (path, text) in parts {
        let wrong = |why: String| Failure::Other(format!("{}: {why}", path.display()));
        let part = parse(text).map_err(wrong)?;
        match &mut whole {
            None => whole = Some(part),
            Some(whole) => merge(whole, part).map_err(wrong)?,
        }
    }
    Ok(whole.expect("clap asks for one at least"))
}

/// Writes the whole where it is asked for, and prints it.
fn told(arguments: &Merge, json: &str, text: &str) -> Result<(), Failure> {
    if let Some(out) = &arguments.out {
        std::fs::write(out, json).map_err(|error| Failure::output(out.display(), &error))?;
    }
    say(if arguments.json { json } else { text }.trim_end())
}
