//! What is asked for on the command line: a run, or a measurement of the machine.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Command, FromArgMatches as _};
use headwater_sim::time::Duration;
use headwater_sim::units::Bytes;
use headwater_traffic::Rate;

use crate::placement::Cores;
use crate::systems::SystemArguments;

/// How a run comes by its cluster.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Reach {
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
}

/// A run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Run {
    /// What to write to: kafka, pravega, bookkeeper, log (a file behind a socket, no more) or null
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
    /// Leaves a system of a scenario with several out, by its name or kind; may be repeated
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) without: Vec<String>,
    /// Serves a page over the services of a scenario with several systems, and says where
    #[arg(long)]
    pub(crate) page: bool,
    /// Keeps everything that was launched up when the results are written, with the page, until
    /// Ctrl-C or for so long (30m where no time is given)
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "30m")]
    pub(crate) hold: Option<Duration>,
    #[command(flatten)]
    pub(crate) systems: SystemArguments,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Runs whatever it is estimated to take
    #[arg(long)]
    pub(crate) yes: bool,
    /// Writes outcome.json, report.html and latency.hlog there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Writes all that was sent, acknowledged and read there, for `loadgen check`
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,
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
    /// Simulates the run first, over several seeds, and writes what it will show; runs; then tells
    /// which figures lay inside and which outside, and by how much
    #[arg(long)]
    pub(crate) forecast: bool,
    /// Seeds of the forecast
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = from_1_to(1_000))]
    pub(crate) seeds: u64,
    /// The machine profile that is simulated, such as the one that `loadgen profile` has written;
    /// without it the scenario's
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) profile: Option<String>,
    /// How long traffic warms the cluster up before the run: until the median of a second stays
    /// where a cluster is launched (auto), or a time such as 20s, or 0s
    #[arg(long, value_name = "auto|TIME", default_value = "auto")]
    pub(crate) warm_up: WarmUp,
}

impl Run {
    /// A run as it is without an option.
    pub(crate) fn plain() -> Self {
        let nothing = Self::augment_args(Command::new("none").no_binary_name(true));
        let nothing = nothing.get_matches_from([""; 0]);
        Self::from_arg_matches(&nothing).expect("a run needs no option")
    }

    /// A run of a command other than to run: on this system, whatever it takes and whatever it
    /// departs from, with nothing left behind.
    pub(crate) fn of(target: &str, systems: SystemArguments) -> Self {
        Self {
            target: Some(target.to_owned()),
            rate: None,
            duration: None,
            size: None,
            seed: None,
            scenario: None,
            settings: vec![],
            without: vec![],
            page: false,
            hold: None,
            systems,
            reach: Reach { accept_differences: true, ..Reach::default() },
            yes: true,
            out: None,
            history: None,
            json: false,
            keep: false,
            cores: None,
            forecast: false,
            seeds: 1,
            profile: None,
            warm_up: WarmUp::Auto,
        }
    }
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

/// A folder of cases, each to be forecast and run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Validate {
    /// The folder: each scenario file below it is a case; files whose names differ only behind an @
    /// are configurations of which the better one is to be named (small@linger-0.toml,
    /// small@linger-5.toml)
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// How often each case is run, each time on a cluster of its own
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = from_1_to(100))]
    pub(crate) repeats: u64,
    /// The machine profile that is simulated, such as the one that `loadgen profile` has written;
    /// without it each scenario's
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) profile: Option<String>,
    /// Seeds of each forecast; the repeats have the first of them
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = from_1_to(1_000))]
    pub(crate) seeds: u64,
    /// Only cases with this in their name; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Where everything is kept; what is there and still holds is not run again
    #[arg(long, value_name = "DIR", default_value = "validation")]
    pub(crate) out: PathBuf,
    /// Writes the tables into this document, between its two markers of validation
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Prints the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Shuffles the order and draws for the intervals
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub(crate) shuffle: u64,
    /// How often a run is repeated that was late or disturbed
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) again: u32,
    /// No run is begun after this time
    #[arg(long, value_name = "TIME", default_value = "6h")]
    pub(crate) within: Duration,
    /// Keeps live runs that were made before another forecast, such as that of an older model: what
    /// is told of them is no forecast then, and says so
    #[arg(long)]
    pub(crate) hindcast: bool,
    /// Says what would be run, in which order, and about how long it takes; runs nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Length of each case's traffic, in place of its own
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<Duration>,
    /// Sets anything of each scenario, such as measure.warm_up=1s; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    /// Which cores cluster and generator have, as in a run
    #[arg(long, value_enum)]
    pub(crate) cores: Option<Cores>,
    /// How long traffic warms each cluster up, as in a run
    #[arg(long, value_name = "auto|TIME", default_value = "auto")]
    pub(crate) warm_up: WarmUp,
}

/// The costs of a system's model, to be measured on the system.
#[derive(Clone, Debug, Args)]
pub(crate) struct Calibrate {
    /// What to measure, such as kafka
    #[arg(value_name = "SYSTEM")]
    pub(crate) target: String,
    /// The machine profile that the costs are added to, shipped or a file; without it the machine
    /// is measured first
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) profile: Option<String>,
    /// Writes the profile there; without it, prints it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How long each case is counted; each is run twice
    #[arg(long, default_value = "10s")]
    pub(crate) time: Duration,
    /// A further case to run, to tell apart what the others leave together; may be repeated
    #[arg(long, value_name = "CASE")]
    pub(crate) also: Vec<String>,
    /// Prints the costs as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) systems: SystemArguments,
    /// Launches a cluster, even if one answers at the default address
    #[arg(long)]
    pub(crate) launch: bool,
    /// Which cores a launched cluster and the generator have: as in a run
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

pub(crate) fn from_1_to(most: u64) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=most)
}

pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let text = if text.contains('/') { text.to_owned() } else { format!("{text}/s") };
    text.parse::<Rate>().map_err(|error| error.to_string())
}

pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
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
