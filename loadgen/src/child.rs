//! A live run as a program of its own: this one once more, as a user would start it, so that
//! nothing of a run is left for the next.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headwater_reports::Outcome;
use headwater_scenarios::scenario::Scenario;
use rustix::process::{Pid, Signal, kill_process};

/// How a run ended.
pub(crate) enum Ended {
    /// It has an outcome, whatever that is worth.
    Ran(Box<Outcome>),
    /// It has none, and why.
    Failed(String),
    /// It was stopped by the user.
    Stopped,
}

/// How long a run may take beyond its traffic and its drain: launching, warming up, reading back.
const BESIDES: Duration = Duration::from_secs(360);

/// How long it may take to end once it is told to.
const ENDS: Duration = Duration::from_secs(40);

const POLL: Duration = Duration::from_millis(50);

/// How long a run of a scenario may take.
pub(crate) fn longest(scenario: &Scenario) -> Duration {
    let measure = &scenario.measure;
    Duration::from_nanos(scenario.traffic.duration.0 + measure.drain.0 + measure.audit.0) + BESIDES
}

/// Runs what the arguments say into `folder`, and what it says into a file there.
pub(crate) fn run(
    arguments: &[String],
    folder: &Path,
    longest: Duration,
    stop: &AtomicBool,
) -> Ended {
    let started = std::fs::create_dir_all(folder).and_then(|()| {
        let said = File::create(folder.join("log.txt"))?;
        Command::new(std::env::current_exe()?)
            .args(arguments)
            .arg("--out")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said)
            // An interruption is handed on, once: the terminal would send another.
            .process_group(0)
            .spawn()
    });
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ended::Failed(format!("can't start this program again: {error}")),
    };
    let ended = wait(&mut child, longest, stop);
    match ended {
        Err(why) => Ended::Failed(why),
        Ok(()) if stop.load(Ordering::Relaxed) => Ended::Stopped,
        Ok(()) => match Outcome::read(&folder.join("outcome.json")) {
            Ok(outcome) => Ended::Ran(Box::new(outcome)),
            Err(_) => Ended::Failed(last_words(&folder.join("log.txt"))),
        },
    }
}

/// Waits for its end, which is asked for when `stop` is raised or its time is over.
fn wait(child: &mut Child, longest: Duration, stop: &AtomicBool) -> Result<(), String> {
    let since = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        match child.try_wait() {
            Ok(Some(_)) if told.is_some() && !stop.load(Ordering::Relaxed) => {
                return Err(format!("it did not end within {} s", longest.as_secs()));
            }
            Ok(Some(_)) => return Ok(()),
            Ok(None) => {}
            Err(error) => return Err(error.to_string()),
        }
        let over = stop.load(Ordering::Relaxed) || since.elapsed() > longest;
        match told {
            None if over => {
                // It may have ended just now.
                let _ = kill_process(Pid::from_child(child), Signal::INT);
                told = Some(Instant::now());
            }
            Some(at) if at.elapsed() > ENDS => {
                let _ = child.kill();
            }
            _ => {}
        }
        std::thread::sleep(POLL);
    }
}

/// Why a run that wrote nothing failed: its last line.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    last.trim_start_matches("error: ").to_owned()
}
