//! What `headwater sweep` is asked.

use std::path::PathBuf;

use clap::Args;
use headwater_scenarios::scenario::Metric;
use headwater_scenarios::sweep::{Settings, Vary};

use super::chosen::Chosen;
use crate::parsers::{combination, metric, variation, whole};

#[derive(Args)]
#[command(after_help = "\
Examples:
  headwater sweep what-if/segments --vary system.segments=1,4,16 --seeds 5
  headwater sweep burst/castle-kafka --vary system.producer.linger.ms=0,5 --vary \
system.partitions=1,4 --metric response.p99 --metric backlog.max --html sweep.html
  headwater sweep what-if/acks-power-cut --vary system.producer.acks=1,all --vary \
system.replication.factor=1,3 --vary fault.0.target=leader,brokers --across fault.0.target \
--skip system.producer.acks=all,system.replication.factor=1 --metric lost

Every variant of a seed is given the same traffic and the same faults; the first variant is the one
that the others are compared with. RAYON_NUM_THREADS limits the cores; results do not depend on
it.")]
pub struct Sweep {
    #[command(flatten)]
    pub chosen: Chosen,
    /// A path and the values that it takes, each a list in brackets where the setting is one; may
    /// be given many times
    #[arg(long, value_name = "PATH=A,B,C", value_parser = variation, required = true)]
    pub vary: Vec<Vary>,
    /// Leaves out the variants in which each of these paths has that value; may be given many times
    #[arg(long, value_name = "PATH=A,PATH=B", value_parser = combination)]
    pub skip: Vec<Settings>,
    /// A path that is varied: its values side by side, in a table for each figure
    #[arg(long, value_name = "PATH")]
    pub across: Option<String>,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub seeds: u64,
    /// The first seed, in place of the scenario's
    #[arg(long, value_name = "N", value_parser = whole)]
    pub seed: Option<u64>,
    /// A figure to compare, in place of the usual ones; may be given many times
    #[arg(long = "metric", value_name = "NAME", value_parser = metric)]
    pub metrics: Vec<Metric>,
    /// Runs part I (from 0) of N; `auto` asks the array variables of Slurm or Kubernetes
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    pub shard: String,
    /// Writes sweep.json and sweep.txt there
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Writes a page: curves with intervals, a heat map of two paths, the knee
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// As Markdown, for a pull request
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}
