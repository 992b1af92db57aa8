//! `headwater check`.

use std::process::ExitCode;

use headwater_scenarios::scenario::{Problem, Problems, Scenario};
use serde_json::{Value, json};

use crate::args::Check;
use crate::failure::{self, Failure};
use crate::say;

/// Reads a scenario and says what it is, or everything that is wrong with it.
pub fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    let read = Scenario::load(&arguments.chosen.scenario, &arguments.chosen.settings);
    if arguments.json {
        return json(read, &arguments.chosen.scenario);
    }
    let scenario = read?;
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

/// What it is, and what is doubtful or wrong with it: each with its place.
fn json(read: Result<Scenario, Problems>, name: &str) -> Result<ExitCode, Failure> {
    let told = |problems: &Problems| problems.0.iter().map(problem).collect::<Vec<_>>();
    let (ok, value) = match &read {
        Err(problems) => {
            (false, json!({ "name": name, "ok": false, "errors": told(problems), "warnings": [] }))
        }
        Ok(scenario) => (true, made_of(scenario, told(&scenario.warnings))),
    };
    say(&serde_json::to_string_pretty(&value).expect("plain data"))?;
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn made_of(scenario: &Scenario, warnings: Vec<Value>) -> Value {
    let (from, until) = scenario.window();
    let systems = scenario.systems.iter().map(|(_, part)| {
        let from = part.from.map(|from| &scenario.systems.part(from).name);
        let (kind, version) = (part.system.kind().name(), part.system.version());
        json!({ "name": part.name, "kind": kind, "version": version, "from": from })
    });
    let faults = scenario.faults.iter().map(|fault| {
        json!({
            "kind": fault.action.name(),
            "target": fault.target.to_string(),
            "at": fault.at,
            "until": fault.until,
        })
    });
    let expects = scenario.expect.iter().map(ToString::to_string);
    json!({
        "name": scenario.name,
        "ok": true,
        "errors": [],
        "warnings": warnings,
        "title": scenario.title,
        "hypothesis": scenario.hypothesis,
        "seed": scenario.seed,
        "profile": scenario.profile.name,
        "systems": systems.collect::<Vec<_>>(),
        "nodes": scenario.systems.node_names(),
        "traffic": scenario.traffic,
        "measured": { "from": from, "until": until },
        "faults": faults.collect::<Vec<_>>(),
        "expects": expects.collect::<Vec<_>>(),
        "configuration": scenario.configuration(),
    })
}

fn problem(problem: &Problem) -> Value {
    let (line, column) = problem.place().unzip();
    let file = problem.snippet().map(|snippet| snippet.name);
    json!({
        "message": problem.to_string(),
        "file": file,
        "line": line,
        "column": column,
        "help": problem.advice(),
    })
}
