//! What `headwater plan` is asked.

use std::path::PathBuf;

use clap::Args;
use headwater_scenarios::plan::{self, Guess, Survive};
use headwater_scenarios::units::Duration;

use crate::parsers::{setting, share};

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater plan --system kafka --rate 1600 --event-bytes 2500 --peak 25x --p99 50ms \\
    --retention 7d --survive 1-node --recover 5m --out plan/
  headwater plan --system pravega --rate 1200/1600/2400 --peak 10x/25x/40x --share 90%
  headwater plan --system kafka --max-rate --brokers 3 --partitions 12
  headwater plan --system kafka --rate 50000 --event-bytes 1000 --prices mine.toml --json
  headwater plan --system kafka --rate 1600 --survive 1-zone --zone-latency 500us
  headwater plan --system kafka --rate 50000 --profile small.toml --profile large.toml \\
    --prices mine.toml
  headwater plan --example-prices > mine.toml

A figure as low/mid/high is a guess: its 10th, 50th and 90th percentile. Each guess with each \
other makes a world, and the plan keeps everything in the share of the worlds asked for, with the \
least regret over them. Each candidate is run as ordinary scenarios: the peak, the peak with a \
server away, and the recovery from losing one in the peak; --out writes those of what is taken. \
RAYON_NUM_THREADS limits the cores; results do not depend on it. docs/PLANNING.md has the details.

Exit codes:
  0  a cluster was found that keeps everything
  1  none was, or it was interrupted
  2  wrong usage or bad input: nothing was run, or nothing could be written")]
pub struct Plan {
    /// Which system
    #[arg(long, value_name = "KIND", required_unless_present = "example_prices")]
    pub system: Option<String>,
    /// Events a second on average; with --max-rate where the search begins
    #[arg(long, value_name = "N", default_value = "1600", value_parser = Guess::rate)]
    pub rate: Guess,
    /// Bytes of an event
    #[arg(long, value_name = "BYTES", default_value = "2500", value_parser = Guess::bytes)]
    pub event_bytes: Guess,
    /// The peak, as a multiple of the average
    #[arg(long, value_name = "TIMES", default_value = "1x", value_parser = Guess::times)]
    pub peak: Guess,
    /// How long the peak lasts; more than 10 s matters to the recovery alone
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = plan::time)]
    pub peak_for: Duration,
    /// Response time that 99 of 100 events are to keep below
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = plan::time)]
    pub p99: Duration,
    /// How long events are kept
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = plan::time)]
    pub retention: Duration,
    /// What may be away: none, 1-node, 2-nodes, or 1-zone
    #[arg(long, value_name = "WHAT", default_value = "1-node")]
    pub survive: Survive,
    /// After a server was lost in the peak, the response time is kept again after this
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = plan::time)]
    pub recover: Duration,
    /// Machine profile of the servers: a name (see `headwater profile list`), or a file; several to
    /// choose from
    #[arg(long = "profile", value_name = "PROFILE", default_value = "nvme-10gbe")]
    pub profiles: Vec<String>,
    /// Unit prices (TOML; --example-prices prints one), in place of the example that ships
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
    /// Prints the example of a file of prices
    #[arg(long)]
    pub example_prices: bool,
    /// Share of the worlds, by weight, in which everything is to be kept
    #[arg(long, value_name = "SHARE", default_value = "90%", value_parser = share)]
    pub share: f64,
    /// Availability zones that servers and clients are spread over
    #[arg(long, value_name = "N", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10))]
    pub zones: u32,
    /// What a message from one zone to another takes longer than one within, each way: 500us
    #[arg(long, value_name = "TIME", value_parser = plan::time)]
    pub zone_latency: Option<Duration>,
    /// Writers, and as many readers, in place of one for each 20 MB/s of the peak, two at least
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub clients: Option<u32>,
    /// Servers of a kind at the most
    #[arg(long, value_name = "N", default_value_t = 9)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    pub servers_max: u32,
    /// How many seeds each run is repeated on
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The reverse: the highest rate that a given cluster takes
    #[arg(long)]
    pub max_rate: bool,
    /// Fixes how many brokers, or segment stores, there are
    #[arg(long, alias = "stores", value_name = "N")]
    pub brokers: Option<u32>,
    /// Fixes how many bookies there are
    #[arg(long, value_name = "N")]
    pub bookies: Option<u32>,
    /// Fixes how many partitions, or segments, there are
    #[arg(long, alias = "segments", value_name = "N")]
    pub partitions: Option<u32>,
    /// Fixes an option of the system, or another value of the scenarios; may be given many times
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub settings: Vec<(String, String)>,
    /// Tries every candidate in every world, also those that arithmetic refuses
    #[arg(long)]
    pub exhaustive: bool,
    /// Does not look for the rate at which what is taken breaks
    #[arg(long)]
    pub no_knee: bool,
    /// Writes plan.json, plan.txt and the scenarios of what is taken there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Runs whatever it is estimated to take
    #[arg(long)]
    pub yes: bool,
}
