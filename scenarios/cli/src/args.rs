//! The command line.

use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::ArgValueCompleter;

use crate::offers::names;
use crate::parsers::{percent, setting, whole};

mod chosen;
mod claims;
mod explaining;
mod planning;
mod reference;
mod swarming;
mod sweeping;

pub use chosen::Chosen;
pub use claims::Paper;
pub use explaining::Explain;
pub use planning::Plan;
pub use reference::*;
pub use swarming::{Merge, Swarm};
pub use sweeping::Sweep;

/// What the exit codes mean; at the end of every help text.
const EXIT_CODES: &str = "\
Exit codes:
  0  the run did what its scenario expects
  1  an expectation was not met, a checker found a broken promise, or the run was interrupted
  2  wrong usage or bad input: nothing was run, or nothing could be written";

/// Simulates streaming storage (Pravega, Kafka, BookKeeper) under bursty traffic and faults: what
/// is lost, what is late, what is the bottleneck.
#[derive(Parser)]
#[command(name = "headwater", version, after_help = EXIT_CODES, after_long_help = LONG)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const LONG: &str = "\
Examples:
  headwater list
  headwater run burst/castle-kafka --out out/
  headwater run faults/broker-crash --seed 3 --set system.partitions=6
  headwater sweep what-if/segments --vary system.segments=1,4,16 --seeds 5
  headwater find paper/stress-1600-kafka --max traffic.rate --until 'response.p99 < 50ms, lost = 0'
  headwater plan --system kafka --rate 1600 --event-bytes 2500 --peak 25x --p99 50ms
  headwater swarm swarm/kafka --seeds 1000
  headwater paper --only C10 --out out/paper
  headwater test tests/scenarios --seeds 16
  headwater compare out/a/outcome.json out/b/outcome.json --html compare.html

Exit codes:
  0  the run did what its scenario expects
  1  an expectation was not met, a checker found a broken promise, or the run was interrupted
  2  wrong usage or bad input: nothing was run, or nothing could be written";

#[derive(Subcommand)]
pub enum Command {
    /// Runs a scenario of the library, or a file
    Run(Run),
    /// Runs every scenario file of a folder as a test, on one seed or many
    Test(Test),
    /// Runs it again with a closer look: event log, space-time diagram, trace for Perfetto
    Replay(Replay),
    /// Makes a scenario that fails as small as it can be while it fails
    Shrink(Shrink),
    /// Draws configuration and faults from many seeds, in search of one that breaks a promise
    Swarm(Swarm),
    /// Puts the parts of a swarm together
    Merge(Merge),
    /// Lists the scenarios of the library
    List(List),
    /// Prints the file of a scenario of the library
    Show(Show),
    /// Writes a scenario file to begin with
    New(New),
    /// Checks a scenario file and says everything that is wrong with it
    Check(Check),
    /// Runs variants of a scenario over many seeds and compares them, pair by pair
    Sweep(Sweep),
    /// Finds where an objective breaks: the highest or the lowest value of a setting that keeps it
    Find(Find),
    /// Estimates the percentiles of a long scenario, a day or a week, from stretches of it
    Sample(Sample),
    /// Says where single events of a run waited, and what each mechanism and fault is worth
    Explain(Explain),
    /// Plans a cluster: the cheapest that keeps an objective, or what a given one takes
    Plan(Plan),
    /// Puts outcomes side by side, simulated or live
    Compare(Compare),
    /// Prints an outcome in the format of another tool
    Export(Export),
    /// Describes and plots the traffic of a scenario
    Traffic(Traffic),
    /// Shows machine profiles
    Profile(Profile),
    /// Computes the book of answers, docs/ANSWERS.md, or checks it
    Book(Book),
    /// Puts the claims of the paper that Headwater goes back to to the test: which hold, and why
    Paper(Paper),
    /// Lists every option of a system: default, meaning, source, modelled or not
    Options(Options),
    /// Lists every figure that `[expect]`, `--until` and `--metric` take: unit and meaning
    Metrics(Metrics),
    /// Prints the JSON Schema of scenario files, for editors
    Schema,
    /// Makes a scenario of a workload and a driver of the OpenMessaging benchmark
    Import(Import),
    /// Prints completions for a shell
    Completions(Completions),
    /// Writes the man pages
    Man(Man),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater run paper/stress-1600-kafka
  headwater run burst/castle-pravega --seed 3 --out out/castle
  headwater run my.toml --set traffic.rate=3200/s --set system.producer.linger.ms=5 --json
  headwater run my.toml --set 'system.broker.log.dirs=[0, 1]' --set fault.0.at=20s

A value is TOML where it reads as TOML, else a word; a list is written as in TOML.")]
pub struct Run {
    #[command(flatten)]
    pub chosen: Chosen,
    /// In place of the scenario's seed
    #[arg(long, value_name = "N", value_parser = whole)]
    pub seed: Option<u64>,
    /// Writes outcome.json, report.html and latency.hlog there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Prints the outcome as JSON in place of the summary
    #[arg(long)]
    pub json: bool,
    /// Puts a space-time diagram into the report even if nothing failed
    #[arg(long, requires = "out")]
    pub diagram: bool,
    /// Runs it once more to say in the report where the events at p50, p99 and the maximum waited
    #[arg(long, requires = "out")]
    pub explain: bool,
    /// Runs it three times more, on other threads and with everything logged, and finds the first
    /// event that differs if they do not all come out the same
    #[arg(long)]
    pub check: bool,
    /// Runs it whatever it is estimated to take
    #[arg(long)]
    pub yes: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater test tests/scenarios
  headwater test tests/scenarios --seeds 16 --set system.brokers=5
  headwater test tests/scenarios --snapshots

A file passes if its [expect] is met and no checker finds a broken [promise]. Seeds that fail are \
written to NAME.seeds beside the file, and are run first from then on; of a file with a section \
[swarm], the case that the seed drew is written to regressions/. Folders named snapshots or \
profiles are left out. RAYON_NUM_THREADS limits the cores.")]
pub struct Test {
    /// A folder of scenario files (*.toml), with those below it
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// How many seeds, from each file's own on
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
    /// Lays a value over every file; may be given many times
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Keeps no seeds that fail
    #[arg(long)]
    pub no_keep: bool,
    /// Holds each file's own seed to its golden outcome, snapshots/NAME.snap
    #[arg(long)]
    pub snapshots: bool,
    /// Writes the golden outcomes
    #[arg(long, conflicts_with = "snapshots")]
    pub update_snapshots: bool,
    /// Prints what was found as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater replay planted/acks-1-leader-killed
  headwater replay planted/acks-1-leader-killed --svg loss.svg --perfetto loss.json
  headwater replay my.toml --from 6.9s --until 7.1s --node broker-1 --kind produce --kind fault

Without a time the log is of the 5 ms before and after what a checker found first, or else of the \
first fault. https://ui.perfetto.dev opens what --perfetto writes.")]
pub struct Replay {
    #[command(flatten)]
    pub chosen: Chosen,
    /// In place of the scenario's seed
    #[arg(long, value_name = "N", value_parser = whole)]
    pub seed: Option<u64>,
    /// Start of the log, from the start of the run, such as 6.9s
    #[arg(long, value_name = "TIME")]
    pub from: Option<headwater_scenarios::units::Duration>,
    /// End of the log
    #[arg(long, value_name = "TIME")]
    pub until: Option<headwater_scenarios::units::Duration>,
    /// Shows the events around this one, by number
    #[arg(long, value_name = "EVENT", conflicts_with_all = ["from", "until", "svg", "perfetto"])]
    pub around: Option<u64>,
    /// Shows only what happens at, or is sent to or by, this node; may be given many times
    #[arg(long = "node", value_name = "NAME")]
    pub nodes: Vec<String>,
    /// Shows only this kind (produce, acked, crash) or what (send, fault); may be given many times
    #[arg(long = "kind", value_name = "KIND")]
    pub kinds: Vec<String>,
    /// Writes a space-time diagram of what matters
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Messages in the diagram, about
    #[arg(long, value_name = "N", default_value_t = headwater_scenarios::replay::ARROWS)]
    pub arrows: usize,
    /// Writes a trace in Chrome's trace event format
    #[arg(long, value_name = "FILE")]
    pub perfetto: Option<PathBuf>,
    /// Prints the log as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater shrink planted/unclean-election
  headwater shrink my.toml --seed 42 --keep no_acked_loss --out scenarios/tests/found/lost.toml

Every step is run, and kept if the same verdict fails in the same way. Ctrl-C writes the best so \
far.")]
pub struct Shrink {
    #[command(flatten)]
    pub chosen: Chosen,
    /// In place of the scenario's seed
    #[arg(long, value_name = "N", value_parser = whole)]
    pub seed: Option<u64>,
    /// The verdict that has to keep failing, in place of the first that fails
    #[arg(long, value_name = "VERDICT")]
    pub keep: Option<String>,
    /// Runs that may be made, about
    #[arg(long, value_name = "RUNS", default_value_t = 500)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub budget: u64,
    /// Where the scenario is written, in place of shrunk-NAME.toml
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater check mine.toml
  headwater check - --json < mine.toml")]
pub struct Check {
    #[command(flatten)]
    pub chosen: Chosen,
    /// What it is made of, or what is wrong with it, as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater find paper/stress-1600-kafka --max traffic.rate --until 'response.p99 < 50ms, lost = 0'
  headwater find my.toml --min system.brokers --from 9 --until 'acked_rate > 1590/s'
  headwater find burst/castle-kafka --max system.producer.linger.ms --from 1 --limit 500 \\
    --until 'end_to_end.p99 < 100ms' --seeds 10 --within 2% --json
  headwater find faults/broker-crash --max traffic.rate --until 'response.p99 < 3s' --per-phase

The value is doubled until the objective is broken (or halved until it is kept), then what lies
between is halved, in proportion, until the two ends are as near as --within says. Every value is
run on the same seeds. The answer has two ends: the last value at which all seeds keep the
objective, and the first at which none does; then what is busiest beyond the first of them.
RAYON_NUM_THREADS limits the cores; results do not depend on it.

Exit codes:
  0  both ends were found
  1  one was not (the objective holds at all values, or at none), or it was interrupted
  2  wrong usage or bad input: nothing was run, or nothing could be written")]
pub struct Find {
    #[command(flatten)]
    pub chosen: Chosen,
    /// The setting whose highest value that keeps the objective is looked for
    #[arg(long, value_name = "PATH", required_unless_present = "min", conflicts_with = "min")]
    pub max: Option<String>,
    /// The setting whose lowest such value is looked for
    #[arg(long, value_name = "PATH")]
    pub min: Option<String>,
    /// The objective: bounds on figures, separated by commas, as in [expect]
    #[arg(long, value_name = "OBJECTIVE")]
    pub until: headwater_scenarios::find::Objective,
    /// The objective holds in each phase on its own: before, during and after each fault
    #[arg(long)]
    pub per_phase: bool,
    /// Where to begin, in place of the scenario's own value
    #[arg(long, value_name = "VALUE")]
    pub from: Option<headwater_scenarios::find::Amount>,
    /// The furthest value to try: the highest for --max, the lowest for --min; in the unit of the
    /// value or in another of its kind, a rate also without one (5000, 5000/s, 5k/s)
    #[arg(long, value_name = "VALUE")]
    pub limit: Option<headwater_scenarios::find::Amount>,
    /// How far apart the ends may be
    #[arg(long, value_name = "SHARE", default_value = "5%", value_parser = percent)]
    pub within: f64,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// The first seed, in place of the scenario's
    #[arg(long, value_name = "N", value_parser = whole)]
    pub seed: Option<u64>,
    /// Writes find.json and find.txt there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Tries each value whatever it is estimated to take
    #[arg(long)]
    pub yes: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater sample day.toml
  headwater sample burst/castle-kafka --set traffic.duration=24h --stretches 48 --out out/day \\
    --set traffic.diurnal.amplitude=0.5

Bursts and faults are simulated whole, with what follows them; of the calm rest, stretches of ten
seconds, each after 35 seconds that warm it up. What is rarer than that is not in a sample.
RAYON_NUM_THREADS limits the cores; results do not depend on it.

Exit codes:
  0  nothing was lost in what was simulated
  1  something was, or it was interrupted
  2  wrong usage or bad input: nothing was run, or nothing could be written")]
pub struct Sample {
    #[command(flatten)]
    pub chosen: Chosen,
    /// How many stretches of what is calm
    #[arg(long, value_name = "N", default_value_t = 24)]
    #[arg(value_parser = clap::value_parser!(u32).range(4..=10_000))]
    pub stretches: u32,
    /// The seed, in place of the scenario's
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Writes sample.json and sample.txt there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater compare out/kafka/outcome.json out/pravega/outcome.json
  headwater compare out/simulated out/live --html compare.html --markdown

Exit code 1: a run failed, or lost what it acknowledged (expected or not).")]
pub struct Compare {
    /// Outcome files, folders with an outcome.json, or - for one on standard input; the first is
    /// the one that the others are compared with
    #[arg(value_name = "OUTCOME", required = true, num_args = 2..)]
    pub outcomes: Vec<PathBuf>,
    /// Writes a report of all of them
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// As Markdown, for a pull request
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater export out/castle --format hgrm > castle.hgrm
  headwater export out/live --format hgrm --latency end-to-end
  headwater export out/castle --format prometheus > castle.prom
  headwater export out/castle --format openmessaging > castle.json")]
pub struct Export {
    /// An outcome.json, the folder that a run wrote it to, or - for standard input
    #[arg(value_name = "FILE|DIR")]
    pub outcome: PathBuf,
    /// Which format
    #[arg(long, value_enum)]
    pub format: Format,
    /// Of which latency, where the format has one
    #[arg(long, value_enum, default_value_t = Which::Response)]
    pub latency: Which,
}

/// A format of another tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// HdrHistogram's percentile distribution of one latency, in milliseconds
    Hgrm,
    /// HdrHistogram's interval log of all latencies, in nanoseconds
    Hlog,
    /// Prometheus' text format
    Prometheus,
    /// A result file of the OpenMessaging benchmark
    Openmessaging,
}

/// One of an event's latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Which {
    /// Acknowledged minus intended
    Response,
    /// Acknowledged minus taken by the writer
    Service,
    /// Taken by the writer minus intended
    ScheduleLag,
    /// Delivered to a reader minus intended
    EndToEnd,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater traffic burst/castle-kafka
  headwater traffic --rate 1600/s --duration 60s
  headwater traffic burst/castle-kafka --save castle.csv")]
pub struct Traffic {
    /// Name in the library, path of a TOML file, or - for standard input; without one --rate says
    /// what arrives
    #[arg(value_name = "NAME|FILE", required_unless_present = "rate")]
    #[arg(add = ArgValueCompleter::new(names))]
    pub scenario: Option<String>,
    /// Rate of the base, such as 1600/s
    #[arg(long, value_name = "RATE")]
    pub rate: Option<headwater_scenarios::units::Rate>,
    /// Length, such as 30s
    #[arg(long, value_name = "TIME")]
    pub duration: Option<headwater_scenarios::units::Duration>,
    /// Lays a value over the scenario; may be given many times
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// In place of the scenario's seed
    #[arg(long, value_name = "N", value_parser = whole)]
    pub seed: Option<u64>,
    /// Writes the plot of the rate as an SVG picture
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Saves the schedule as a trace (.csv, .ndjson), for traffic.trace.file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Reads the command line, or says what is wrong with it and ends.
pub fn parse() -> Arguments {
    let matches = with_negative_numbers(Arguments::command()).get_matches();
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// So that `--seed -1` is a value out of range, and not an option that there is not.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let allow = |argument: Arg| match argument.get_action().takes_values() {
        true => argument.allow_negative_numbers(true),
        false => argument,
    };
    command.mut_args(allow).mut_subcommands(with_negative_numbers)
}
