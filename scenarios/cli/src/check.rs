//! `headwater check`.

use std::process::ExitCode;

use headwater_scenarios::scenario::Scenario;

use crate::args::Check;
use crate::failure::{self, Failure};
use crate::say;

/// Reads a scenario and says what it is, or everything that is wrong with it.
pub fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    let scenario = Scenario::load(&arguments.chosen.scenario, &arguments.chosen.settings)?;
    failure::warn(&scenario);
    let (from, until) = scenario.window();
    say(&format!("{}: ok", scenario.name))?;
    say(&format!("  {}", scenario.title))?;
    say(&format!("  hypothesis  {}", scenario.hypothesis))?;
    let (kind, version) = (scenario.system.kind().name(), scenario.system.version());
    say(&format!("  system      {kind} {version} on {}", scenario.profile.name))?;
    let nodes = headwater_scenarios::targets::node_names(&*scenario.system);
    say(&format!("  nodes       {}", nodes.join(", ")))?;
    let traffic = &scenario.traffic;
    say(&format!(
        "  traffic     {} for {}, measured {from} to {until}",
        traffic.rate, traffic.duration
    ))?;
    for fault in &scenario.faults {
        let until = fault.until.map_or("the end".into(), |until| until.to_string());
        let name = fault.action.name();
        say(&format!("  fault       {name} {} from {} to {until}", fault.target, fault.at))?;
    }
    for expectation in &scenario.expect {
        say(&format!("  expects     {expectation}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
