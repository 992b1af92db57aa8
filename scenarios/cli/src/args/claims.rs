//! Arguments of `headwater paper`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use headwater_scenarios::paper::SetUp;

use crate::offers::claims;
use crate::parsers::whole;
use clap_complete::ArgValueCompleter;

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater paper
  headwater paper --only C4 --only U1 --seeds 10
  headwater paper --profile three-servers-2020 --json
  headwater paper --out out/paper
  headwater paper --only U2 --live paper-live
      what `loadgen paper --out paper-live` has measured beside what is simulated
  headwater paper --check

A claim holds if every one of its conditions (docs/PAPER.md has them) holds in every seed, and \
does not if one holds in none. What is claimed, run and asked of the runs: \
scenarios/paper/claims.toml. RAYON_NUM_THREADS limits the cores; results do not depend on it.

Exit codes:
  0  every claim that was asked for has a verdict, whichever
  1  it was interrupted, or with --check: the page is not as computed
  2  wrong usage, or an explanation does not hold of the runs any more")]
pub struct Paper {
    /// Only claims of these machines
    #[arg(long, value_enum, value_name = "MACHINES")]
    pub profile: Option<Machines>,
    /// Only this claim, such as C4 or U1; may be given many times
    #[arg(long, value_name = "CLAIM", add = ArgValueCompleter::new(claims))]
    pub only: Vec<String>,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole)]
    pub seed: u64,
    /// Writes paper.html (claims, the paper's figures redrawn, its pipeline), paper.json and
    /// paper.txt there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Fills the live column with what `loadgen paper --out DIR` has measured; of the page, without
    /// it, with what is in paper-live beside it
    #[arg(long, value_name = "DIR")]
    pub live: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Writes the page of the documentation
    #[arg(long, conflicts_with_all = ["only", "profile", "out", "json"])]
    pub write: bool,
    /// Compares that page with what is computed now, and writes nothing
    #[arg(long, conflicts_with_all = ["write", "only", "profile", "out", "json"])]
    pub check: bool,
    /// The page
    #[arg(long, value_name = "FILE", default_value = "docs/PAPER.md")]
    pub file: PathBuf,
}

/// The machines of a claim.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Machines {
    /// The paper's laptop, where everything is standalone
    Laptop,
    /// The cluster of the published benchmarks of 2020
    #[value(name = "three-servers-2020")]
    ThreeServers2020,
}

impl From<Machines> for SetUp {
    fn from(machines: Machines) -> Self {
        match machines {
            Machines::Laptop => Self::Laptop,
            Machines::ThreeServers2020 => Self::ThreeServers2020,
        }
    }
}
