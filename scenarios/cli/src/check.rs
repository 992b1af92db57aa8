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
    for (_, part) in scenario.systems.iter() {
        let (kind, version) = (part.system.kind().name(), part.system.version());
        let named =
            if part.name == kind { String::new() } else { format!(", called {}", part.name) };
        let from = part.from.map(|from| format!(", from {}", scenario.systems.part(from).name));
        let from = from.unwrap_or_default();
        let profile = &scenario.profile.name;
        say(&format!("  system      {kind} {version} on {profile}{named}{from}"))?;
    }
    let nodes = scenario.systems.node_names();
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
