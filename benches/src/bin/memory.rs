//! CPU and memory of runs of 1, 10 and 100 million events of the kernel: whether either grows with
//! the length of a run.

use std::fs;
use std::process::{Command, ExitCode};

use clap::Parser;
use headwater_benches::measure::Run;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Source;
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is laid over a scenario, as (path, value).
type Settings = [(&'static str, &'static str)];

/// Each system by its name, its scenario, and what is laid over it: the paper's rate without
/// bursts. BookKeeper's reader reads ledgers that are closed, so that an open one is kept: these
/// are small.
const SYSTEMS: [(&str, &str, &Settings); 4] = [
    ("kafka, linger 0", "burst/castle-kafka", &[]),
    ("kafka, linger 5", "burst/castle-kafka", &[("system.producer.linger.ms", "5")]),
    (
        "bookkeeper",
        "swarm/bookkeeper",
        &[("promise.converges", "false"), ("system.writer.ledger.bytes.max", "67108864")],
    ),
    ("pravega", "swarm/pravega", &[("promise.converges", "false")]),
];

/// CPU-seconds for a million events of the kernel, and the most memory that a run had, over runs of
/// 1, 10 and 100 million events, each in a process of its own: 1,600 events of traffic a second,
/// checked, as `headwater run` does it.
#[derive(Parser)]
struct Arguments {
    /// Millions of events of the longest run.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    up_to: u64,
    /// Systems whose name has this in it.
    #[arg(long)]
    only: Option<String>,
    /// One run of a system: its number, and seconds of traffic. What the others are made of.
    #[arg(long, num_args = 2, hide = true)]
    one: Option<Vec<u64>>,
}

fn one(system: usize, seconds: u64) -> Result<Value, String> {
    let (_, scenario, over) = SYSTEMS[system];
    let mut settings: Vec<(String, String)> = vec![
        ("traffic.rate".into(), "1600/s".into()),
        ("traffic.shots".into(), "[]".into()),
        ("traffic.duration".into(), format!("{seconds}s")),
        // As many intervals as a run of an hour has, or fewer.
        ("measure.interval".into(), format!("{}s", (seconds / 720).max(5))),
    ];
    settings.extend(over.iter().map(|(path, value)| ((*path).into(), (*value).into())));
    let source = Source::find(scenario).map_err(|problems| problems.to_string())?;
    let scenario = source.read(&settings).map_err(|problems| problems.to_string())?;
    let mut tweets = 0;
    let ran = Run::measure(|| {
        let done = run::run(&scenario, &Options::default());
        tweets = done.outcome.counts.scheduled;
        (done.events, 0)
    });
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(json!({
        "events": ran.messages, "tweets": tweets, "core_seconds": ran.core_seconds,
        "peak_kib": kib,
    }))
}

/// One run in a process of its own.
fn apart(system: usize, seconds: u64) -> Result<Value, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let arguments = ["--one".to_owned(), system.to_string(), seconds.to_string()];
    let done = Command::new(this).args(arguments).output().map_err(|error| error.to_string())?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned());
    }
    serde_json::from_slice(&done.stdout).map_err(|error| error.to_string())
}

fn all(arguments: &Arguments) -> Result<(), String> {
    println!(
        "{:<16} {:>12} {:>12} {:>16} {:>16} {:>12}",
        "system", "events", "tweets", "core-s/M events", "core-us/tweet", "peak MiB"
    );
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap_or(f64::NAN);
    for (system, (name, ..)) in SYSTEMS.iter().enumerate() {
        if arguments.only.as_deref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        // How many seconds a million events are is what a short run says.
        const PROBE: u64 = 20;
        let a_second = number(&apart(system, PROBE)?, "events") / PROBE as f64;
        let lengths = [1, 10, 100].into_iter().filter(|millions| *millions <= arguments.up_to);
        for millions in lengths {
            let seconds = (millions as f64 * 1e6 / a_second).ceil().max(5.0) as u64;
            let ran = apart(system, seconds)?;
            let (events, tweets) = (number(&ran, "events"), number(&ran, "tweets"));
            let core = number(&ran, "core_seconds");
            println!(
                "{name:<16} {events:>12} {tweets:>12} {:>16.3} {:>16.2} {:>12.0}",
                core / events * 1e6,
                core / tweets * 1e6,
                number(&ran, "peak_kib") / 1_024.0
            );
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.one.as_deref() {
        Some([system, seconds]) => one(*system as usize, *seconds).map(|value| println!("{value}")),
        _ => all(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memory: {error}");
            ExitCode::FAILURE
        }
    }
}
