//! What `loadgen swarm` is asked.

use std::path::PathBuf;

use clap::Args;
use headwater_scenarios::plan;
use headwater_sim::time::Duration;
use headwater_traffic::Rate;

use crate::arguments::{WarmUp, from_1_to, rate, setting};
use crate::placement::Cores;

/// A swarm whose cases are run on real clusters.
#[derive(Clone, Debug, Args)]
pub(crate) struct Swarm {
    /// A scenario of the library, or a file, that a swarm draws from
    #[arg(value_name = "NAME|FILE")]
    pub(crate) scenario: String,
    /// What to write to, where that is not the scenario's own system: log
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) target: Option<String>,
    /// No case is begun after this time
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = plan::time)]
    pub(crate) lasts: Duration,
    /// No more seeds than these are drawn; 20 with --dry-run, else as many as there is time for
    #[arg(long, value_name = "N", value_parser = from_1_to(1_000_000))]
    pub(crate) seeds: Option<u64>,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where cases, runs and what was found are kept; what is there and still holds is not run
    /// again
    #[arg(long, value_name = "DIR", default_value = "live-swarm")]
    pub(crate) out: PathBuf,
    /// How often a case that fails, live or simulated, is run again
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) again: u32,
    /// Leaves out the faults of a case that fails live, one by one, as long as one of --again runs
    /// still fails
    #[arg(long)]
    pub(crate) shrink: bool,
    /// Longest traffic of a case: a scenario's own is cut down to it
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = plan::time)]
    pub(crate) longest: Duration,
    /// Highest rate of a case, bursts included: one above it is lowered to it
    #[arg(long = "rate", value_name = "RATE", default_value = "200/s", value_parser = rate)]
    pub(crate) rate_max: Rate,
    /// Most processes of a cluster: a case with more is skipped
    #[arg(long = "servers", value_name = "N", default_value_t = 9, value_parser = from_1_to(1_000))]
    pub(crate) servers_max: u64,
    /// The machine profile that is simulated, such as the one that `loadgen profile` has written;
    /// without it the scenario's
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) profile: Option<String>,
    /// Sets anything of the scenario, such as 'swarm.kinds=["crash","pause"]'; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// Which cores cluster and generator have, as in a run
    #[arg(long, value_enum)]
    pub(crate) cores: Option<Cores>,
    /// How long traffic warms each cluster up, as in a run: promises hold of a cold one as well
    #[arg(long, value_name = "auto|TIME", default_value = "0s")]
    pub(crate) warm_up: WarmUp,
    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Says which cases would be run and what is left out of them; runs and writes nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
