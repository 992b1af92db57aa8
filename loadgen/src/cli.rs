//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use headwater_sim::time::Duration;
use headwater_sim::units::Bytes;
use headwater_traffic::Rate;

use crate::systems::SystemArguments;
use crate::{launch, profile, run, systems};

const EXAMPLES: &str = "\
Examples:
  loadgen --rate 1600 --target pravega
      1,600 tweets/s for 30 s on the Pravega at 127.0.0.1:9090; where there is none, on one
      that is launched from Maven artifacts and gone afterwards
  loadgen --rate 1600 --target kafka --partitions 4 --linger 1 --out result
      the same on Kafka (127.0.0.1:9092), with report.html, outcome.json and latency.hlog
  loadgen --bootstrap broker1:9092,broker2:9092
      a cluster of your own, at 1,600 tweets/s; never launches
  loadgen --scenario faults/broker-crash --launch --out result
      a scenario with its bursts and faults, on brokers launched for it
  loadgen --rate 1600 --target log
      a file behind a socket, synced for every batch: what this machine does with no cluster in
      the way
  loadgen --rate 100000 --target null
      what the generator itself can do
  loadgen profile --out mine.toml
      measures this machine, for the simulator

Exit codes: 0 all well; 1 a promise or an expectation was not kept; 2 nothing was run;
130 interrupted (what was measured is written all the same).";

/// Drives Kafka and Pravega with the simulator's traffic, open loop, and checks what they keep.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

/// What to do other than to run.
#[derive(Debug, Subcommand)]
enum Command {
    /// Measures this machine and writes a machine profile for the simulator
    Profile(Profile),
    /// Prints a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Keeps the processes of a launched cluster, and ends them when its starter is gone
    #[command(hide = true)]
    Guard,
    /// Serves the log that --target log writes to
    #[command(hide = true)]
    LogServer(systems::log::Serve),
}

/// A run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    /// What to write to: kafka, pravega, log (a file behind a socket, no more) or null
    /// (acknowledges at once)
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) target: Option<String>,
    /// Events per second, such as 1600 or 1600/s (1600/s is the default without a scenario)
    #[arg(long, value_parser = rate)]
    pub(crate) rate: Option<Rate>,
    /// How long, such as 30s (the default without a scenario)
    #[arg(long)]
    pub(crate) duration: Option<Duration>,
    /// Size of every event, such as 1KiB; without it sizes are those of tweets
    #[arg(long)]
    pub(crate) size: Option<Bytes>,
    /// The root of all randomness
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// A scenario of the library, or a file
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,
    /// Sets anything of the scenario, such as system.topic.flush.messages=1; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) systems: SystemArguments,
    /// Launches a cluster, even if one answers at the default address
    #[arg(long, conflicts_with = "no_launch")]
    pub(crate) launch: bool,
    /// Never launches a cluster
    #[arg(long)]
    pub(crate) no_launch: bool,
    /// Runs although the run would not be the experiment that the scenario describes; the outcome
    /// tells in what
    #[arg(long)]
    pub(crate) accept_differences: bool,
    /// Runs whatever it is estimated to take
    #[arg(long)]
    pub(crate) yes: bool,
    /// Writes outcome.json, report.html and latency.hlog there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Prints the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Keeps the topic or stream, and the data of a launched cluster
    #[arg(long)]
    pub(crate) keep: bool,
}

/// A machine to be measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct Profile {
    /// The disk to measure is that of this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data: PathBuf,
    /// Writes the profile there; without it, prints it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The profile's name
    #[arg(long, default_value = "measured")]
    pub(crate) name: String,
    /// How long each of the measurements may take
    #[arg(long, default_value = "3s")]
    pub(crate) time: Duration,
}

fn rate(text: &str) -> Result<Rate, String> {
    let text = if text.contains('/') { text.to_owned() } else { format!("{text}/s") };
    text.parse::<Rate>().map_err(|error| error.to_string())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("expected PATH=VALUE")?;
    Ok((path.to_owned(), value.to_owned()))
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Some(Command::Guard) => return launch::guard::run(),
        Some(Command::LogServer(serve)) => serve.run(),
        Some(Command::Profile(arguments)) => profile::run(&arguments),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "loadgen",
                &mut std::io::stdout(),
            );
            return ExitCode::SUCCESS;
        }
        None => run::run(&arguments.run),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_rate_may_be_a_plain_number() {
        assert_eq!(rate("1600").unwrap(), rate("1600/s").unwrap());
        assert!(rate("fast").is_err());
    }
}
