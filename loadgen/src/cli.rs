//! The command line.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::arguments::{Calibrate, Ceiling, Profile, Run, Validate};
use crate::failure::Result;
use crate::run::find_arguments::Find;
use crate::swarm::Swarm;
use crate::{history, launch, paper, profile, run, swarm, systems, utilisation, validate};

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
  loadgen --scenario live/stress-1600-kafka --launch --forecast --profile mine.toml --out result
      simulates the run over 20 seeds, prints what it will show and a hash of that, runs, and says
      which figures lay inside and which outside; report.html has both
  loadgen validate scenarios/validation --repeats 3 --profile mine.toml --write docs/VALIDATION.md
      the same for every scenario file of a folder, each case three times: errors with intervals,
      and whether they are within the targets
  loadgen find live/stress-1600-kafka --max traffic.rate --until 'response.p99 < 50ms' --launch
      the highest rate that keeps an objective
  loadgen ceiling --target kafka --launch
      its highest rate on one broker, beside that of kafka-producer-perf-test
  loadgen swarm swarm/kafka --for 1h --out found
      cases of a swarm on clusters that it launches, beside their simulations: what one of the two
      breaks is run again and told
  loadgen --rate 1600 --target kafka --launch --history run.jsonl
  loadgen check run.jsonl
      writes down all that was sent, acknowledged and read; holds it to the same checkers again
  loadgen paper --out paper-live
      the claims of the paper that the project goes back to, put to the test on this machine by the
      tools that it used, beside what is simulated
  loadgen --scenario pipeline/twitter-1600 --out result
      the paper's pipeline: tweets in Kafka, Spark's micro-batches, Kafka again; each tweet is to
      come out once; stages.json has where it waited, batches.jsonl what Spark says of each batch
  loadgen --scenario pipeline/twitter-full --page --hold 10m --out result
      all of it, with backup, trending hashtags, search and the page over them, the address of which
      is printed before the traffic begins; everything stays for 10 minutes more, or until Ctrl-C
  loadgen profile --out mine.toml
      measures this machine, for the simulator
  loadgen calibrate kafka --profile mine.toml --out mine-kafka.toml
      measures what Kafka's requests cost on it, for the simulator

Exit codes: 0 all well; 1 a promise or an expectation was not kept; 2 nothing was run;
130 interrupted (what was measured is written all the same).";

const PROFILE_EXAMPLES: &str = "\
Examples:
  loadgen profile --out here.toml
      measures disks, cores and clocks for about 40 s
  headwater run burst/castle-kafka --set profile=here.toml
      simulates on this machine";

const CALIBRATE_EXAMPLES: &str = "\
Examples:
  loadgen calibrate kafka --launch --profile here.toml --out here-kafka.toml
      launches a broker, runs some ten short cases, and adds what their requests cost
  loadgen calibrate bookkeeper --launch --profile here.toml --out here-bookies.toml
  loadgen calibrate pravega --launch --profile here-bookies.toml --out here-pravega.toml
      stores, with the bookies below them
  loadgen calibrate kafka --bootstrap broker1:9092 --out mine.toml
      a cluster of your own, by what its clients see alone
  headwater run burst/castle-kafka --set profile=here-kafka.toml

Nothing else should take the machine meanwhile.";

const VALIDATE_EXAMPLES: &str = "\
Examples:
  loadgen validate scenarios/validation --dry-run
      which cases there are, in which order they would run, and about how long that takes
  loadgen profile --out here.toml
  loadgen validate scenarios/validation --profile here.toml --out out/validation
      all of them on this machine, three times each; after Ctrl-C the same line goes on
  loadgen validate scenarios/validation --profile here.toml --only one/ --only acks --repeats 5
      some of them
  loadgen validate scenarios/validation --profile new.toml --out out/validation --hindcast
      the runs that are there, against what another profile or model says of them

Exit codes: 0 everything was run; 1 a promise was not kept, or a run failed; 2 nothing was run;
130 interrupted (what was gathered is told all the same).";

const SWARM_EXAMPLES: &str = "\
Examples:
  loadgen swarm swarm/kafka --dry-run
      the cases of the first 20 seeds, and which of their faults can't be done to a real cluster
  loadgen swarm swarm/kafka --for 1h --out found
      runs them one after the other, each on a cluster of its own; found/found.md has what failed;
      after Ctrl-C the same line goes on
  loadgen swarm swarm/pravega --for 1h --set 'swarm.kinds=[\"crash\",\"pause\",\"clog\"]' --shrink
      draws from kinds that can be done, so that no seed is skipped; leaves faults out of a case
      that fails, as long as it fails in one of --again runs
  loadgen --scenario found/seed-7/case.toml --launch --warm-up 0s
  headwater run found/seed-7/case.toml
      a case is a scenario file like any other

A case is what `headwater swarm` draws of the same seed, without the faults that can't be done to a
launched cluster; a fault between servers becomes one between them and their clients. A case of
which no fault remains is skipped. What is left out is counted, and told in the case's file.
Each promise is held to in both worlds: both keep it, both break it, or one alone does, and then
one of the two is wrong. Where either fails, the live run is made again --again times.

Exit codes: 0 both keep everything; 1 one breaks a promise, or a run has no end; 2 nothing was run;
130 interrupted (what was gathered is told all the same).";

const PAPER_EXAMPLES: &str = "\
Examples:
  loadgen paper --dry-run
      what is run for which claim, about how long that takes, and what one machine can't tell
  loadgen paper --only U2,C1 --quick
      two claims by short runs
  loadgen paper --out paper-live
      all of them, in about a quarter of an hour; after Ctrl-C or --within the same line goes on
  loadgen paper --out paper-live --repeats 3 --within 2h
      with intervals
  headwater paper --live paper-live
      the same table again, from what was measured

Kafka is written to by kafka-producer-perf-test with the paper's options, the misspelt one among
them, and Pravega by its Java client, each on a cluster launched for the run. A run beside which
other processes took the machine is kept as in doubt, gives no verdict, and is made again by the
same line.

Exit codes: 0 everything was run, whatever came out; 1 a run is missing or failed; 2 nothing was
run; 130 interrupted (what was measured is told all the same).";

const PIPELINE_EXAMPLES: &str = "\
Examples:
  loadgen --scenario pipeline/twitter-1600 --out result
      once, at the scenario's own rate: tweets through Kafka, Spark and Kafka, all launched here
  loadgen pipeline --out pipeline-live
      200, 800, 1,600 and 3,200 tweets/s and a burst, one after the other on the same processes;
      then the same cases simulated: what batches take, and the median from end to end
  loadgen pipeline --out pipeline-live --hindcast --profile mine.toml
      simulates again what was measured, as another profile or model has it

Exit codes: 0 every promise was kept, whatever the errors; 1 one was not, or a case is missing; 2
nothing was run; 130 interrupted.";

const CHECK_EXAMPLES: &str = "\
Examples:
  loadgen --rate 1600 --target log --duration 10s --history run.jsonl
  loadgen check run.jsonl
      what every checker makes of the run; a broken promise has the events, and is named for what
      happened to them: lost, never read, never sent, stored twice, out of order, damaged, stale
      read, inconsistent positions
  loadgen check run.jsonl --json
      the same for programs

Exit codes: 0 every promise was kept; 1 one was not; 2 the file can't be read.";

const FIND_EXAMPLES: &str = "\
Examples:
  loadgen find live/stress-1600-kafka --max traffic.rate --until 'response.p99 < 50ms, lost = 0' \
--launch --within 20m
      the highest rate that one launched broker takes, and what binds above it
  loadgen find --target kafka --bootstrap broker1:9092 --max traffic.rate --until 'acked_share > \
99.9%' --duration 20s --out found
      that of a cluster of your own
  loadgen find --target null --max traffic.rate --from 10000 --until 'schedule_lag.p99 < 1ms'
      where the generator itself ends

The value is doubled until the objective is broken (or halved until it is kept), then what lies
between is halved, in proportion, until the ends are as near as --precision says; each value is run
--repeats times. The answer has two ends: the last value at which all runs keep the objective, and
the first at which none does. A search that can't go on (time, runs, a generator that is late) says
why, and what was found until then; so does one that is interrupted.

Exit codes: 0 both ends were found; 1 one was not; 2 nothing was run; 130 interrupted.";

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
    #[command(after_help = PROFILE_EXAMPLES)]
    Profile(Profile),
    /// Measures what a system's requests cost here, and writes it into a machine profile
    #[command(after_help = CALIBRATE_EXAMPLES)]
    Calibrate(Calibrate),
    /// Measures the highest rate of the generator beside that of the system's own load test
    Ceiling(Ceiling),
    /// Finds where an objective breaks on a real cluster, as `headwater find` does simulated
    #[command(after_help = FIND_EXAMPLES)]
    Find(Box<Find>),
    /// Forecasts and runs every scenario of a folder, and says how wrong the forecasts were
    #[command(after_help = VALIDATE_EXAMPLES)]
    Validate(Validate),
    /// Runs the cases of a swarm on real clusters, and the same cases simulated beside them
    #[command(after_help = SWARM_EXAMPLES)]
    Swarm(Box<Swarm>),
    /// Puts the paper's claims to the test on this machine, by the tools that the paper used
    #[command(after_help = PAPER_EXAMPLES)]
    Paper(paper::arguments::Paper),
    /// Runs a scenario of several systems at several rates, beside its simulation
    #[command(after_help = PIPELINE_EXAMPLES)]
    Pipeline(Box<run::pipeline::beside::Pipeline>),
    /// Checks the history of a run again, of which it was given the file with --history
    #[command(after_help = CHECK_EXAMPLES)]
    Check(history::Check),
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

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Counted before anything keeps to some of them.
    utilisation::cores();
    let result = match arguments.command {
        Some(Command::Guard) => return launch::guard::run(),
        Some(Command::LogServer(serve)) => serve.run(),
        Some(Command::Profile(arguments)) => profile::run(&arguments),
        Some(Command::Calibrate(arguments)) => run::calibrate::run(&arguments),
        Some(Command::Ceiling(arguments)) => run::ceiling::run(&arguments),
        Some(Command::Find(arguments)) => run::find::run(&arguments),
        Some(Command::Validate(arguments)) => validate::run(&arguments),
        Some(Command::Swarm(arguments)) => swarm::run(&arguments),
        Some(Command::Paper(arguments)) => paper::run(&arguments),
        Some(Command::Pipeline(arguments)) => run::pipeline::beside::run(&arguments),
        Some(Command::Check(arguments)) => history::check(&arguments),
        Some(Command::Completions { shell }) => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "loadgen",
                &mut std::io::stdout(),
            );
            return ExitCode::SUCCESS;
        }
        None => one_or_several(&arguments.run),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// Makes a run, of one system or of several.
fn one_or_several(asked: &Run) -> Result<ExitCode> {
    match run::pipeline::is_asked(asked)? {
        true => run::pipeline::run(asked),
        false => run::run(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
