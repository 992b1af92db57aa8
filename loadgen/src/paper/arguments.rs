//! Arguments of `loadgen paper`.

use std::path::PathBuf;

use clap::Args;
use headwater_sim::time::Duration;

use crate::arguments::from_1_to;

/// What `loadgen paper` is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct Paper {
    /// Only this claim, such as C4 or U1; may be repeated, or several with commas
    #[arg(long, value_name = "CLAIM,...", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Short runs: a tenth of the events, little warming up; the table says so
    #[arg(long)]
    pub(crate) quick: bool,
    /// Where the figures are kept, a file for each run: what is there and still holds is not
    /// measured again
    #[arg(long, value_name = "DIR", default_value = "paper-live")]
    pub(crate) out: PathBuf,
    /// How often each run is made, each time on a cluster of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = from_1_to(100))]
    pub(crate) repeats: u64,
    /// No run is begun after this time
    #[arg(long, value_name = "TIME", default_value = "30m")]
    pub(crate) within: Duration,
    /// Seeds of the simulations that stand beside, made after the runs; 0 for none
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) seeds: u64,
    /// Writes the page of the documentation, with both columns, there
    #[arg(long, value_name = "FILE", conflicts_with_all = ["only", "quick"])]
    pub(crate) write: Option<PathBuf>,
    /// Prints the claims as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Says what would be run for which claim, and about how long it takes; runs nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
