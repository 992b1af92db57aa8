//! `headwater traffic`.

use std::process::ExitCode;

use headwater_scenarios::scenario::Scenario;
use headwater_sim::random::Seed;
use headwater_traffic::{TrafficSpec, describe};

use crate::args::Traffic;
use crate::failure::Failure;
use crate::say;

/// Describes and plots a schedule.
pub fn traffic(arguments: &Traffic) -> Result<ExitCode, Failure> {
    let (mut spec, seed) = match &arguments.scenario {
        Some(name) => {
            let scenario = Scenario::load(name, &arguments.settings)?;
            (scenario.traffic, scenario.seed)
        }
        None => (TrafficSpec::default(), 1),
    };
    spec.rate = arguments.rate.unwrap_or(spec.rate);
    spec.duration = arguments.duration.unwrap_or(spec.duration);
    let seed = arguments.seed.unwrap_or(seed);
    let described =
        describe(&spec, Seed(seed)).map_err(|error| Failure::Other(error.to_string()))?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&described).expect("plain data"))?;
    } else {
        say(described.to_text().trim_end())?;
    }
    if let Some(path) = &arguments.svg {
        std::fs::write(path, described.to_svg())
            .map_err(|error| Failure::output(path.display(), &error))?;
    }
    Ok(ExitCode::SUCCESS)
}
