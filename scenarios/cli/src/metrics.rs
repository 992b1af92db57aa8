//! `headwater metrics`.

use std::process::ExitCode;

use headwater_reading::problem::nearest;
use headwater_scenarios::library;
use headwater_scenarios::scenario::metric_list::{Listed, list};

use crate::args;
use crate::failure::Failure;
use crate::say;

/// Lists the figures that there are.
pub fn metrics(arguments: &args::Metrics) -> Result<ExitCode, Failure> {
    let all = list(&library::standard());
    let matches = |of: &&Listed| {
        let text = format!("{} {}", of.name, of.system.unwrap_or_default()).to_lowercase();
        arguments.words.iter().all(|word| text.contains(&word.to_lowercase()))
    };
    let chosen: Vec<&Listed> = all.iter().filter(matches).collect();
    if chosen.is_empty() {
        let words = arguments.words.join(" ");
        let near = match nearest(&words, all.iter().map(|of| of.name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`headwater metrics` lists all of them".to_owned(),
        };
        return Err(Failure::Other(format!("no metric has `{words}` in its name; {near}")));
    }
    let json = || serde_json::to_string_pretty(&chosen).expect("plain data");
    say(&if arguments.json { json() } else { text(&chosen) })?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each, and below it what it means.
fn text(all: &[&Listed]) -> String {
    let one = |of: &&Listed| {
        let system = of.system.map(|system| format!(", {system}")).unwrap_or_default();
        format!("{} [{}{system}]\n    {}", of.name, of.unit, of.meaning)
    };
    all.iter().map(one).collect::<Vec<_>>().join("\n")
}
