//! Arguments of `headwater swarm` and `headwater merge`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::ArgValueCompleter;

use crate::offers::names;
use crate::parsers::{setting, whole};

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater swarm swarm/kafka --seeds 1000
  headwater swarm --all --for 10m --until-failure --out found/
  headwater swarm swarm/pravega --guided --seeds 2000 --until-failure --out found/
  headwater swarm my.toml --seeds 100000 --shard 3/16 --out part-3/
  headwater merge part-*/my.json --out my.json

A seed's case is a scenario file: with --out, those of seeds that fail are written, for `headwater \
replay` and `headwater shrink`. A guided swarm learns from case to case: those that reach \
something new breed variants of their faults. No seed names a variant: --out writes it. \
RAYON_NUM_THREADS limits the cores; results do not depend on it.")]
pub struct Swarm {
    /// Name in the library, path of a TOML file with a section `[swarm]`, or - for standard input
    #[arg(value_name = "NAME|FILE", required_unless_present = "all", conflicts_with = "all")]
    #[arg(add = ArgValueCompleter::new(names))]
    pub scenario: Option<String>,
    /// Every scenario of the library whose name begins with swarm/
    #[arg(long)]
    pub all: bool,
    /// Lays a value over the scenario; may be given many times
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Plants a bug (docs/BUGS.md); may be given many times
    #[arg(long = "bug", value_name = "NAME")]
    pub bugs: Vec<String>,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole)]
    pub seed: u64,
    /// Breeds variants of cases that reached something new, in place of three seeds in four
    #[arg(long)]
    pub guided: bool,
    /// Ends with the first seed that fails
    #[arg(long)]
    pub until_failure: bool,
    /// Ends after this long, such as 10m; each scenario of --all has as long
    #[arg(long = "for", value_name = "TIME")]
    pub lasts: Option<headwater_scenarios::units::Duration>,
    /// Runs part I (from 0) of N; `auto` asks the array variables of Slurm or Kubernetes
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    pub shard: String,
    /// Writes NAME.json, NAME.txt and the cases that failed there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Writes a page: verdicts, and how to run the seeds that failed again
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Prints what was found as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater merge part-*/kafka.json --out kafka.json
  headwater merge part-*/sweep.json --html sweep.html

Exits with 1 if a seed of a swarm failed, a part is missing, or one was interrupted.")]
pub struct Merge {
    /// What `headwater swarm`, or `sweep`, with --shard I/N --out DIR wrote
    #[arg(value_name = "PART", required = true)]
    pub parts: Vec<PathBuf>,
    /// Writes the whole there, as JSON
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Writes a page, as `headwater swarm` and `sweep` do
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Prints the whole as JSON
    #[arg(long)]
    pub json: bool,
}
