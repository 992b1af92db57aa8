//! What partitions cost the simulation: one rate over 100 and over 5,000 of them.

use std::process::ExitCode;

use clap::Parser;
use headwater_benches::measure::Run;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Scenario;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 200,000/s of 1 KB from four producers to three replicas.
const SCENARIO: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/published_kafka/row-04-partitions.toml");

/// Few and many.
const PARTITIONS: [&str; 2] = ["100", "5000"];

/// Processor time of the simulation by partitions, at 200,000 events a second.
#[derive(Parser)]
struct Arguments {
    /// Settings laid over the scenario (for instance `system.client=librdkafka`).
    #[arg(long)]
    set: Vec<String>,
}

fn measure(partitions: &str, settings: &[String]) -> Result<Run, String> {
    let mut all = vec![("system.partitions".to_owned(), partitions.to_owned())];
    for setting in settings {
        let (path, value) = setting.split_once('=').ok_or("--set takes PATH=VALUE")?;
        all.push((path.to_owned(), value.to_owned()));
    }
    let scenario = Scenario::load(SCENARIO, &all).map_err(|problems| problems.to_string())?;
    Ok(Run::measure(|| {
        let done = run::run(&scenario, &Options::default());
        let fingerprint = done.outcome.fingerprint.as_deref().unwrap_or_default();
        (done.events, u64::from_str_radix(fingerprint, 16).unwrap_or_default())
    }))
}

fn all(arguments: &Arguments) -> Result<(), String> {
    println!("{:<12} {:>16} {:>12}  fingerprint", "partitions", "core seconds", "events");
    let mut seconds = Vec::new();
    for partitions in PARTITIONS {
        let run = measure(partitions, &arguments.set)?;
        let Run { core_seconds, messages, fingerprint, .. } = run;
        println!("{partitions:<12} {core_seconds:>16.2} {messages:>12}  {fingerprint:016x}");
        seconds.push(core_seconds);
    }
    println!("ratio {:.2}; at most 5 is meant", seconds[1] / seconds[0]);
    Ok(())
}

fn main() -> ExitCode {
    match all(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("partitions: {error}");
            ExitCode::FAILURE
        }
    }
}
