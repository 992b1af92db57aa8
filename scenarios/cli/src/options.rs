//! `headwater options` and `headwater schema`.

use std::process::ExitCode;

use headwater_scenarios::library;
use headwater_scenarios::options::{Options, SystemOption};
use headwater_scenarios::schema;

use crate::args;
use crate::failure::Failure;
use crate::say;

/// Lists what a system can be told.
pub fn options(arguments: &args::Options) -> Result<ExitCode, Failure> {
    let all = library::options(&arguments.system).expect("clap knows the systems");
    let chosen = all.clone().with(&arguments.words);
    if chosen.is_empty() {
        return Err(Failure::Other(none(&all, arguments)));
    }
    let json = || serde_json::to_string_pretty(&chosen).expect("plain data");
    say(if arguments.json { json() } else { chosen.text() }.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// That no option has such a name, with the nearest.
fn none(all: &Options, arguments: &args::Options) -> String {
    let words = arguments.words.join(" ");
    let short = |option: &'_ SystemOption| {
        let name = option.name.strip_prefix(&option.section).unwrap_or(&option.name);
        name.trim_start_matches('.').to_owned()
    };
    let short: Vec<String> = all.options.iter().map(short).collect();
    let names = short.iter().map(String::as_str).chain(all.not_modelled.iter().copied());
    let near = match headwater_reading::problem::nearest(&words, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`headwater options {}` lists all of them", arguments.system),
    };
    format!("no option of {} has `{words}` in its name; {near}", arguments.system)
}

/// Prints the schema of a scenario file.
pub fn schema() -> Result<ExitCode, Failure> {
    let schema = schema::of_scenario(&headwater_scenarios::library::standard());
    say(&serde_json::to_string_pretty(&schema).expect("plain data"))?;
    Ok(ExitCode::SUCCESS)
}
