//! Events a second of one core: a bare remote call, and the whole models at the paper's rate.

use std::process::ExitCode;

use clap::Parser;
use headwater_benches::closed_loop;
use headwater_benches::measure::Run;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Source;
use headwater_sim::queue::CalendarQueue;
use headwater_sim::random::Seed;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages of the bare remote call.
const MESSAGES: u64 = 5_000_000;

/// What is laid over a swarm's scenario: the rate of the paper's pipeline, and nothing that is
/// looked at while the run goes on.
const SETTINGS: [(&str, &str); 4] = [
    ("traffic.rate", "1600/s"),
    ("traffic.duration", "60s"),
    ("promise.converges", "false"),
    ("promise.copies", "0"),
];

/// Each model by its name here, and its scenario.
const MODELS: [(&str, &str); 3] =
    [("kafka", "swarm/kafka"), ("bookkeeper", "swarm/bookkeeper"), ("pravega", "swarm/pravega")];

/// Events a second of one core, fingerprint and checkers on: a bare remote call, three Kafka
/// brokers, four bookies, and a whole Pravega, at 1,600 events of traffic a second for a minute.
#[derive(Parser)]
struct Arguments {
    /// One of them alone (for a profiler).
    #[arg(long, value_parser = ["rpc", "kafka", "bookkeeper", "pravega"])]
    only: Option<String>,
    /// Times that each is run; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn rpc() -> Run {
    Run::measure(|| {
        let done = closed_loop::run::<CalendarQueue>(Seed(7), MESSAGES);
        (done.messages, done.fingerprint)
    })
}

fn model(name: &str) -> Result<Run, String> {
    let settings: Vec<_> =
        SETTINGS.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    let source = Source::find(name).map_err(|problems| problems.to_string())?;
    let scenario = source.read(&settings).map_err(|problems| problems.to_string())?;
    Ok(Run::measure(|| {
        let done = run::run(&scenario, &Options::default());
        let fingerprint = done.outcome.fingerprint.as_deref().unwrap_or_default();
        (done.events, u64::from_str_radix(fingerprint, 16).unwrap_or_default())
    }))
}

fn measure(name: &str) -> Result<Run, String> {
    match MODELS.iter().find(|(have, _)| *have == name) {
        Some((_, scenario)) => model(scenario),
        None => Ok(rpc()),
    }
}

fn all(arguments: &Arguments) -> Result<(), String> {
    let names = ["rpc"].into_iter().chain(MODELS.iter().map(|(name, _)| *name));
    let wanted = |name: &&str| arguments.only.as_deref().is_none_or(|only| only == *name);
    if !arguments.json {
        println!("median of {}, one thread", arguments.repetitions);
        println!("{:<12} {:>22} {:>12}  fingerprint", "what", "events/s of one core", "events");
    }
    for name in names.filter(wanted) {
        let mut runs = Vec::new();
        for _ in 0..arguments.repetitions {
            runs.push(measure(name)?);
        }
        let rate = |run: &Run| run.messages as f64 / run.core_seconds;
        runs.sort_by(|left, right| rate(left).total_cmp(&rate(right)));
        let run = runs[runs.len() / 2];
        if arguments.json {
            let fingerprint = format!("{:016x}", run.fingerprint);
            println!(
                "{}",
                json!({"what": name, "events_per_core_second": rate(&run),
                "events": run.messages, "fingerprint": fingerprint})
            );
            continue;
        }
        println!("{name:<12} {:>22.0} {:>12}  {:016x}", rate(&run), run.messages, run.fingerprint);
    }
    Ok(())
}

fn main() -> ExitCode {
    match all(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("models: {error}");
            ExitCode::FAILURE
        }
    }
}
