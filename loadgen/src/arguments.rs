//! What is asked for on the command line: a run, or a measurement of the machine.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use headwater_sim::time::Duration;
use headwater_sim::units::Bytes;
use headwater_traffic::Rate;

use crate::placement::Cores;
use crate::systems::SystemArguments;

/// A run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    /// What to write to: kafka, pravega, log (a file behind a socket, no more) or null
    /// (acknowledges at once)
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) target: Option<String>,
    /// Events per second, such as 1600 or 1600/s (1600/s is the default without a scenario)
    #[arg(long, value_parser = rate)]
    pub(crate) rate: Option<Rate>,
    /// How long, such as 30s (the default without a scenario)
    #[arg(long)]
    pub(crate) duration: Option<Duration>,
    /// Size of every event, such as 1KiB; without it sizes are those of tweets
    #[arg(long)]
    pub(crate) size: Option<Bytes>,
    /// The root of all randomness
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// A scenario of the library, or a file
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,
    /// Sets anything of the scenario, such as system.topic.flush.messages=1; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) systems: SystemArguments,
    /// Launches a cluster, even if one answers at the default address
    #[arg(long, conflicts_with = "no_launch")]
    pub(crate) launch: bool,
    /// Never launches a cluster
    #[arg(long)]
    pub(crate) no_launch: bool,
    /// Runs although the run would not be the experiment that the scenario describes; the outcome
    /// tells in what
    #[arg(long)]
    pub(crate) accept_differences: bool,
    /// Runs whatever it is estimated to take
    #[arg(long)]
    pub(crate) yes: bool,
    /// Writes outcome.json, report.html and latency.hlog there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Prints the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Keeps the topic or stream, and the data of a launched cluster
    #[arg(long)]
    pub(crate) keep: bool,
    /// Which cores a launched cluster and the generator have: each its own (the default where there
    /// are two or more), or both all
    #[arg(long, value_enum)]
    pub(crate) cores: Option<Cores>,
    /// How long traffic warms the cluster up before the run: until the median of a second stays
    /// where a cluster is launched (auto), or a time such as 20s, or 0s
    #[arg(long, value_name = "auto|TIME", default_value = "auto")]
    pub(crate) warm_up: WarmUp,
}

/// How long to warm up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarmUp {
    /// Until medians stay, where a cluster is launched.
    Auto,
    /// So long, also none.
    For(Duration),
}

impl FromStr for WarmUp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            time => time.parse().map(Self::For).map_err(|_| {
                format!("`{time}` is neither a time such as 20s, or 0s for none, nor auto")
            }),
        }
    }
}

/// The generator's highest rate, to be measured beside the system's own load test.
#[derive(Clone, Debug, Args)]
pub(crate) struct Ceiling {
    /// What to write to, as in a run
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) target: String,
    /// Sizes of the events, one after the other
    #[arg(
        long = "size",
        value_name = "SIZE,...",
        value_delimiter = ',',
        default_value = "100B,1KiB"
    )]
    pub(crate) sizes: Vec<Bytes>,
    /// How long each side is counted, in steps of 5 s where the other is a load test
    #[arg(long, default_value = "10s")]
    pub(crate) time: Duration,
    /// How often each side has its turn
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) pairs: u32,
    /// Sets anything of the scenario, such as system.producer.batch.size=16384; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) systems: SystemArguments,
    /// Launches a cluster, even if one answers at the default address
    #[arg(long)]
    pub(crate) launch: bool,
    /// Which cores a launched cluster and the generator, or the load test, have: as in a run
    #[arg(long, value_enum)]
    pub(crate) cores: Option<Cores>,
}

/// A machine to be measured.
#[derive(Clone, Debug, Args)]
pub(crate) struct Profile {
    /// The disk to measure is that of this directory
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) data: PathBuf,
    /// Writes the profile there; without it, prints it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The profile's name
    #[arg(long, default_value = "measured")]
    pub(crate) name: String,
    /// How long each of the measurements may take
    #[arg(long, default_value = "3s")]
    pub(crate) time: Duration,
}

fn rate(text: &str) -> Result<Rate, String> {
    let text = if text.contains('/') { text.to_owned() } else { format!("{text}/s") };
    text.parse::<Rate>().map_err(|error| error.to_string())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (path, value) = text.split_once('=').ok_or("expected PATH=VALUE")?;
    Ok((path.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_is_a_time_or_auto() {
        assert_eq!("auto".parse(), Ok(WarmUp::Auto));
        assert_eq!("20s".parse(), Ok(WarmUp::For(Duration::from_secs(20))));
        assert!("long".parse::<WarmUp>().is_err());
    }

    #[test]
    fn a_rate_may_be_a_plain_number() {
        assert_eq!(rate("1600").unwrap(), rate("1600/s").unwrap());
        assert!(rate("fast").is_err());
    }
}
