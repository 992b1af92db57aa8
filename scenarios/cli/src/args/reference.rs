//! Arguments of the commands that tell something and run nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::ArgValueCompleter;

use crate::offers::{files, names};

#[derive(Args)]
pub struct List {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater show faults/broker-crash
  headwater show burst/castle-kafka > mine.toml")]
pub struct Show {
    /// Name in the library (see `headwater list`), path of a TOML file, or - for standard input
    #[arg(value_name = "NAME|FILE", add = ArgValueCompleter::new(names))]
    pub scenario: String,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater new mine.toml
  headwater new mine.toml --system pravega
  headwater new --system bookkeeper | headwater run -

A file that is there already is left as it is.")]
pub struct New {
    /// The file; without it the text goes to standard output
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Of which system; without it of the first
    #[arg(long, value_name = "SYSTEM", value_parser = starters())]
    pub system: Option<String>,
}

#[derive(Args)]
pub struct Profile {
    #[command(subcommand)]
    pub command: ProfileCommand,
}

#[derive(Subcommand)]
pub enum ProfileCommand {
    /// Lists the profiles that ship
    List,
    /// Prints a profile with its comments
    Show {
        /// Name, path of a TOML file, or - for standard input
        name: String,
    },
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater book --only 'power cut'
  headwater book
  headwater book --check

Exit code 1: the file is not as computed. Exit code 2: a finding does not hold any more.")]
pub struct Book {
    /// The page
    #[arg(long, value_name = "FILE", default_value = "docs/ANSWERS.md")]
    pub file: PathBuf,
    /// Compares the page with what is computed now, and writes nothing
    #[arg(long)]
    pub check: bool,
    /// Only the questions with this in them: prints the answers
    #[arg(long, value_name = "WORDS")]
    pub only: Option<String>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater options kafka
  headwater options kafka linger
  headwater options pravega writer. --json
  headwater run my.toml --set system.producer.linger.ms=5

An option is written in a file as it stands here, under [system]. Exit code 2: there is none of \
that name.")]
pub struct Options {
    /// Of which system
    #[arg(value_name = "SYSTEM", value_parser = systems())]
    pub system: String,
    /// Only those whose names contain all of these
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater metrics
  headwater metrics phase lost
  headwater metrics gauge kafka --json
  headwater find burst/castle-kafka --max traffic.rate --until 'response.p99 < 50ms, lost = 0'

Exit code 2: there is none of that name.")]
pub struct Metrics {
    /// Only those whose names, or whose system's, contain all of these
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater import workloads/1-topic-16-partitions-1kb.yaml --driver kafka-latency.yaml
  headwater import workload.yaml --driver pravega.yaml --servers 5 --out mine.toml
  headwater import workload.yaml --driver kafka.yaml | headwater run - --set traffic.duration=60s

What has no counterpart here, and keys that the benchmark has not, are told on standard error and \
in the file's comments.")]
pub struct Import {
    /// A workload file of the benchmark, or - for standard input
    #[arg(value_name = "WORKLOAD", add = ArgValueCompleter::new(files))]
    pub workload: String,
    /// A driver file: of Kafka or of Pravega
    #[arg(long, value_name = "DRIVER", add = ArgValueCompleter::new(files))]
    pub driver: String,
    /// Brokers, or segment stores, which no file of the benchmark says; in place of three
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub servers: Option<u32>,
    /// On which machines
    #[arg(long, value_name = "PROFILE", default_value = "nvme-10gbe")]
    pub profile: String,
    /// Writes the scenario there; without it the text goes to standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  source <(headwater completions bash)
  headwater completions zsh > ~/.zfunc/_headwater
  headwater completions fish > ~/.config/fish/completions/headwater.fish

The script asks `headwater` itself, which knows the scenarios of the library, profiles, and the \
options for --set.")]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater man | man -l -
  headwater man --out ~/.local/share/man/man1")]
pub struct Man {
    /// Writes a page for each command there; without it the first goes to standard output
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

fn starters() -> clap::builder::PossibleValuesParser {
    let starters = headwater_scenarios::library::starters();
    clap::builder::PossibleValuesParser::new(starters.into_iter().map(|(name, _)| name))
}

fn systems() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(headwater_scenarios::library::systems())
}
