//! What `loadgen find` is asked.

use std::path::PathBuf;

use clap::Args;
use headwater_scenarios::find::{Amount, Objective};
use headwater_scenarios::plan;
use headwater_sim::time::Duration;

use crate::arguments::{Reach, Run, WarmUp, from_1_to, setting};
use crate::placement::Cores;
use crate::systems::SystemArguments;

/// Where an objective breaks on a real cluster.
#[derive(Clone, Debug, Args)]
pub(crate) struct Find {
    /// A scenario of the library, or a file; without one --target says what is driven
    #[arg(value_name = "NAME|FILE", required_unless_present = "target")]
    pub(crate) scenario: Option<String>,
    /// What to write to, as in a run
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) target: Option<String>,
    /// The setting whose highest value that keeps the objective is looked for, such as traffic.rate
    #[arg(long, value_name = "PATH", required_unless_present = "min", conflicts_with = "min")]
    pub(crate) max: Option<String>,
    /// The setting whose lowest such value is looked for
    #[arg(long, value_name = "PATH")]
    pub(crate) min: Option<String>,
    /// The objective: bounds on figures, separated by commas, as in a scenario's [expect]
    #[arg(long, value_name = "OBJECTIVE")]
    pub(crate) until: Objective,
    /// The objective holds in each phase on its own: before, during and after each fault
    #[arg(long)]
    pub(crate) per_phase: bool,
    /// Where to begin, in place of the scenario's own value
    #[arg(long, value_name = "VALUE")]
    pub(crate) from: Option<Amount>,
    /// The furthest value to try: the highest for --max, the lowest for --min
    #[arg(long, value_name = "VALUE")]
    pub(crate) limit: Option<Amount>,
    /// How far apart the ends may be
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = precision)]
    pub(crate) precision: f64,
    /// How often each value is run, each time with another seed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = from_1_to(100))]
    pub(crate) repeats: u64,
    /// No run is begun after this time
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = plan::time)]
    pub(crate) within: Duration,
    /// No more runs than these are made
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = from_1_to(10_000))]
    pub(crate) runs: u64,
    /// Length of each run's traffic, in place of the scenario's
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<Duration>,
    /// The first seed, in place of the scenario's
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Sets anything of the scenario; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) systems: SystemArguments,
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Which cores a launched cluster and the generator have, as in a run
    #[arg(long, value_enum)]
    pub(crate) cores: Option<Cores>,
    /// How long traffic warms a cluster up, as in a run
    #[arg(long, value_name = "auto|TIME", default_value = "auto")]
    pub(crate) warm_up: WarmUp,
    /// Writes find.json, find.txt and the outcome of every run there
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Prints the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Tries each value whatever it is estimated to take
    #[arg(long)]
    pub(crate) yes: bool,
}

impl Find {
    /// The setting that is changed.
    pub(crate) fn path(&self) -> &str {
        self.max.as_deref().or(self.min.as_deref()).unwrap_or_default()
    }

    /// The run that is made with a value, or none yet, and a seed.
    pub(crate) fn run(&self, value: Option<&str>, seed: Option<u64>) -> Run {
        let mut settings = self.settings.clone();
        settings.extend(value.map(|value| (self.path().to_owned(), value.to_owned())));
        Run {
            target: self.target.clone(),
            scenario: self.scenario.clone(),
            duration: self.duration,
            seed,
            settings,
            reach: self.reach,
            yes: self.yes,
            cores: self.cores,
            warm_up: self.warm_up,
            ..Run::of("", self.systems.clone())
        }
    }
}

fn precision(text: &str) -> Result<f64, String> {
    let share = text.parse::<headwater_scenarios::units::Share>();
    let share = share.map_err(|error| error.to_string())?.0;
    let sensible = (0.01..=0.5).contains(&share);
    sensible.then_some(share).ok_or_else(|| format!("`{text}`: expected 1% to 50%"))
}
