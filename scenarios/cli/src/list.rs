//! `headwater list`.

use std::process::ExitCode;

use headwater_scenarios::library;
use headwater_scenarios::scenario::Scenario;

use crate::args::List;
use crate::failure::Failure;
use crate::say;

/// Lists the library.
pub fn list(arguments: &List) -> Result<ExitCode, Failure> {
    let read = |(name, _): &(&str, &str)| Scenario::load(name, &[]);
    let scenarios = library::SCENARIOS.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if arguments.json {
        let one = |scenario: &Scenario| {
            serde_json::json!({
                "name": scenario.name,
                "title": scenario.title,
                "hypothesis": scenario.hypothesis,
                "system": scenario.systems.kinds(),
                "version": scenario.systems.versions(),
                "profile": scenario.profile.name,
                "seed": scenario.seed,
                "reproduce": scenario.reproduce("headwater run", scenario.seed),
            })
        };
        let all: Vec<_> = scenarios.iter().map(one).collect();
        say(&serde_json::to_string_pretty(&all).expect("plain data"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    for scenario in &scenarios {
        say(&format!("{:<width$}  {}", scenario.name, scenario.title))?;
    }
    say("\nheadwater run NAME runs one; headwater check NAME shows what it is made of")?;
    Ok(ExitCode::SUCCESS)
}
