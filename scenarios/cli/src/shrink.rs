//! `headwater shrink`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use headwater_scenarios::replay::story;
use headwater_scenarios::scenario::{Source, shell_word};
use headwater_scenarios::shrink::{self, Refused, ShrinkSpec, Shrunk, Size};

use crate::args::Shrink;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::run::interrupt;
use crate::say;

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Input(problems) => Self::Input(problems),
            Refused::Passes(why) => Self::Other(why),
        }
    }
}

/// Shrinks a scenario that fails.
pub fn shrink(arguments: &Shrink) -> Result<ExitCode, Failure> {
    let source = Source::find(&arguments.chosen.scenario)?;
    let path = arguments.out.clone().unwrap_or_else(|| name_of(&source.name));
    // Before the runs: a file that can't be written should not cost any. One that is there is not
    // emptied.
    let probe = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    probe.map_err(|error| Failure::output(path.display(), &error))?;
    let stop = interrupt()?;
    let bar = Mutex::new(Bar::new(arguments.budget, "runs"));
    let progress = |runs, size: Size| {
        let bar = bar.lock().expect("no run panics with it");
        bar.set(
            runs,
            &format!("({} faults, {} nodes, {} keys)", size.faults, size.nodes, size.keys),
        );
    };
    let spec = ShrinkSpec {
        source,
        settings: arguments.chosen.settings.clone(),
        seed: arguments.seed,
        keep: arguments.keep.clone(),
        budget: arguments.budget,
        stop: &stop,
        progress: &progress,
    };
    let shrunk = shrink::shrink(&spec).inspect_err(|_| forget(&path))?;
    drop(bar);
    let text = shrink::text(&shrunk, &origin(arguments), &shell_word(&path.to_string_lossy()));
    std::fs::write(&path, text).map_err(|error| Failure::output(path.display(), &error))?;
    tell(&shrunk, &path)?;
    let stopped = stop.load(Ordering::Relaxed);
    Ok(if stopped { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Takes away the empty file that the probe has made.
fn forget(path: &Path) {
    if std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        // What can't be removed stays: it is empty.
        let _ = std::fs::remove_file(path);
    }
}

/// In the current folder: `shrunk-` and the last part of the scenario's name.
fn name_of(name: &str) -> PathBuf {
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    PathBuf::from(format!("shrunk-{stem}.toml"))
}

/// The line that failed first.
fn origin(arguments: &Shrink) -> String {
    let mut line = format!("headwater run {}", shell_word(&arguments.chosen.scenario));
    if let Some(seed) = arguments.seed {
        line += &format!(" --seed {seed}");
    }
    for (path, value) in &arguments.chosen.settings {
        line += &format!(" --set {}", shell_word(&format!("{path}={value}")));
    }
    line
}

fn tell(shrunk: &Shrunk, path: &Path) -> Result<(), Failure> {
    let (before, after) = shrunk.sizes;
    let found = &shrunk.violation;
    say(&format!("{} fails: {}", found.verdict, found.finding))?;
    say(&format!("before  {before}\nafter   {after}"))?;
    let short = if shrunk.cut_short { ", cut short: more runs may find less" } else { "" };
    say(&format!("{} runs{short}\n", shrunk.runs))?;
    story(&shrunk.finished).iter().try_for_each(|line| say(line))?;
    let shown = path.display();
    say(&format!("\nwritten to {shown}; in scenarios/tests/found/ it is a test of `cargo test`"))?;
    say(&format!("headwater replay {}", shell_word(&path.to_string_lossy())))
}
