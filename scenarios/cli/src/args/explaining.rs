//! The arguments of `headwater explain`.

use std::path::PathBuf;

use clap::Args;

use super::chosen::Chosen;

/// What is asked for.
#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater explain burst/castle-kafka
  headwater explain faults/slow-tier2 --seed 7 --out out/why
  headwater explain my.toml --set system.producer.linger.ms=20 --json

The events at p50, p99 and the maximum are followed from when they were due until they were
acknowledged, and until a reader was handed them. What each of them waited for adds up to its
latency. Then the scenario is run with the same seed without one mechanism or fault at a time.

Exit codes:
  0  it is explained
  1  it was interrupted: what was run until then is told
  2  wrong usage or bad input: nothing was run, or nothing could be written")]
pub struct Explain {
    #[command(flatten)]
    pub chosen: Chosen,
    /// In place of the scenario's seed
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Follows events only: two runs, and none without a mechanism
    #[arg(long)]
    pub no_without: bool,
    /// Writes explain.json and explain.txt there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// As JSON, with every step of each event's way
    #[arg(long)]
    pub json: bool,
    /// Runs it whatever it is estimated to take
    #[arg(long)]
    pub yes: bool,
}
