//! Compares the kernel with its peers: messages per second on one core, in one run.

use std::process::ExitCode;

use clap::Parser;
use headwater_benches::closed_loop;
use headwater_benches::engine::{Engine, build_peers, target_directory};
use headwater_benches::measure::Run;
use headwater_sim::queue::CalendarQueue;
use headwater_sim::random::Seed;
use serde_json::json;

/// 100 clients, closed loop, 100 B request and reply, 1-10 ms one way: messages per second of one
/// core on this kernel, nexosim, madsim and turmoil.
#[derive(Parser)]
struct Arguments {
    /// Run the scenario on this kernel alone, once (for a profiler).
    #[arg(long, value_parser = ["headwater"])]
    only: Option<String>,
    /// Messages of a run on this kernel.
    #[arg(long, default_value_t = 10_000_000)]
    messages: u64,
    /// Times that every engine is run, in turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.only.is_some() {
        ours(&arguments);
        return ExitCode::SUCCESS;
    }
    match compare(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kernel: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ours(arguments: &Arguments) {
    let mut outcome = None;
    let run = Run::measure(|| {
        let done = closed_loop::run::<CalendarQueue>(Seed(7), arguments.messages);
        outcome = Some(done);
        (done.messages, done.fingerprint)
    });
    if arguments.json {
        return run.print();
    }
    let outcome = outcome.expect("the scenario has run");
    println!("{} messages in {:.3} s of one core", run.messages, run.core_seconds);
    println!("{:.1} million messages/s", run.messages as f64 / run.core_seconds / 1e6);
    println!(
        "round trip p50 {:.3} ms, p99 {:.3} ms",
        outcome.round_trip_p50 as f64 / 1e6,
        outcome.round_trip_p99 as f64 / 1e6
    );
    println!("fingerprint {:016x}", outcome.fingerprint);
}

/// Runs of one engine.
struct Row {
    engine: Engine,
    runs: Vec<Run>,
}

impl Row {
    fn median(&self, of: impl Fn(&Run) -> f64) -> f64 {
        let mut values: Vec<f64> = self.runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    fn per_core_second(&self) -> f64 {
        self.median(|run| run.messages as f64 / run.core_seconds)
    }

    fn per_wall_second(&self) -> f64 {
        self.median(|run| run.messages as f64 / run.wall_seconds)
    }
}

fn compare(arguments: &Arguments) -> Result<(), String> {
    let target = target_directory();
    eprintln!("building the peers (once; a few minutes from cold)");
    build_peers(&target)?;
    let mut rows: Vec<Row> =
        Engine::ALL.into_iter().map(|engine| Row { engine, runs: vec![] }).collect();
    for repetition in 1..=arguments.repetitions {
        for row in &mut rows {
            eprintln!("run {repetition}/{}: {}", arguments.repetitions, row.engine.name());
            row.runs.push(row.engine.run(&target)?);
        }
    }
    if arguments.json {
        print_json(&rows)
    } else {
        print_table(&rows)
    }
    Ok(())
}

fn print_table(rows: &[Row]) {
    println!("median of {} interleaved runs, one thread each", rows[0].runs.len());
    println!(
        "{:<16} {:>20} {:>20} {:>12}",
        "engine", "messages/s, one core", "by wall clock", "messages"
    );
    for row in rows {
        println!(
            "{:<16} {:>20.0} {:>20.0} {:>12}",
            row.engine.name(),
            row.per_core_second(),
            row.per_wall_second(),
            row.runs[0].messages
        );
    }
    for peer in &rows[1..] {
        println!("ratio {} {:.1}", peer.engine.name(), ratio(rows, peer));
    }
    println!("fingerprint {:016x}", rows[0].runs[0].fingerprint);
}

fn ratio(rows: &[Row], peer: &Row) -> f64 {
    rows[0].per_core_second() / peer.per_core_second()
}

fn print_json(rows: &[Row]) {
    let engines = rows.iter().map(|row| {
        json!({
            "engine": row.engine.name(),
            "messages_per_core_second": row.per_core_second(),
            "messages_per_wall_second": row.per_wall_second(),
            "ratio": ratio(rows, row),
            "runs": row.runs.iter().map(|run| json!({
                "messages": run.messages,
                "core_seconds": run.core_seconds,
                "wall_seconds": run.wall_seconds,
                "fingerprint": format!("{:016x}", run.fingerprint),
            })).collect::<Vec<_>>(),
        })
    });
    println!("{:#}", json!({ "engines": engines.collect::<Vec<_>>() }));
}
