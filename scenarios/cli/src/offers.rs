//! What a shell is offered for an argument: scenarios that ship, files, paths for `--set`.

use std::ffi::OsStr;

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use headwater_scenarios::paper::Paper;
use headwater_scenarios::{library, schema};

/// Scenarios of the library, and TOML files.
pub fn names(current: &OsStr) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy();
    let shipped = library::SCENARIOS.iter().map(|(name, _)| *name);
    let shipped = shipped.filter(|name| name.starts_with(&*begun)).map(CompletionCandidate::new);
    let toml = PathCompleter::any()
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    shipped.chain(toml.complete(current)).collect()
}

/// The paper's claims.
pub fn claims(current: &OsStr) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy().to_uppercase();
    let paper = Paper::shipped();
    paper.ids().filter(|id| id.starts_with(&begun)).map(CompletionCandidate::new).collect()
}

/// Any file, or standard input.
pub fn files(current: &OsStr) -> Vec<CompletionCandidate> {
    PathCompleter::any().stdio().complete(current)
}

/// What `--set` may set, up to the `=`.
pub fn paths(current: &OsStr) -> Vec<CompletionCandidate> {
    let begun = current.to_string_lossy();
    let mut paths: Vec<String> = library::systems()
        .iter()
        .filter_map(|system| library::options(system))
        .flat_map(|options| options.options)
        .map(|option| format!("system.{}=", option.name))
        .collect();
    let others = schema::paths(&schema::of_scenario(&library::standard()));
    paths.extend(others.into_iter().map(|path| format!("{path}=")));
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter(|path| path.starts_with(&*begun))
        .map(CompletionCandidate::new)
        .collect()
}
