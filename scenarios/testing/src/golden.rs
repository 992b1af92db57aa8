//! Golden outcomes without insta, for the command line: the same files, `snapshots/NAME.snap`.

use std::path::{Path, PathBuf};

use headwater_reports::Outcome;
use headwater_scenarios::scenario::{Finding, Problems};
use serde_json::Value;

/// What [`crate::Folder::run`] does with golden outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Golden {
    /// Nothing.
    #[default]
    Ignore,
    /// Holds the compact outcome of each file's own seed to its snapshot.
    Check,
    /// Writes the snapshots.
    Update,
}

/// What divides the head of a snapshot from what it holds.
const RULE: &str = "---\n";

/// The folder of the snapshot of the scenario at `path`, and its name there.
pub(crate) fn place(path: &Path) -> (PathBuf, String) {
    let folder = path.parent().unwrap_or(Path::new("")).join("snapshots");
    (folder, path.file_stem().unwrap_or_default().to_string_lossy().into_owned())
}

/// What the head of a snapshot says.
pub(crate) fn description(outcome: &Outcome) -> String {
    format!("{}\n{}", outcome.scenario.hypothesis, outcome.reproduce)
}

fn path_of(path: &Path) -> PathBuf {
    let (folder, name) = place(path);
    folder.join(format!("{name}.snap"))
}

/// Holds an outcome to the snapshot of its file, or puts it there: how it differs, if it does.
pub(crate) fn check(
    golden: Golden,
    path: &Path,
    outcome: &Outcome,
) -> Result<Option<String>, Problems> {
    let compact = serde_json::to_value(outcome.compact()).expect("plain data");
    match golden {
        Golden::Ignore => Ok(None),
        Golden::Check => Ok(difference(&path_of(path), &compact)),
        Golden::Update => write(&path_of(path), outcome, &compact).map(|()| None),
    }
}

fn difference(path: &Path, compact: &Value) -> Option<String> {
    let shown = path.display();
    let Ok(text) = std::fs::read_to_string(path) else {
        return Some(format!("there is no {shown}; --update-snapshots writes it"));
    };
    let held = text.splitn(3, RULE).nth(2).and_then(|held| serde_json::from_str(held).ok());
    let Some(held) = held else { return Some(format!("{shown} holds no JSON behind its head")) };
    let (at, was, is) = first_difference("", &held, compact)?;
    Some(format!("{shown}: {at} was {was} and is {is}; --update-snapshots takes the new ones"))
}

/// The first place, by name, where two values differ.
fn first_difference(at: &str, was: &Value, is: &Value) -> Option<(String, Value, Value)> {
    match (was, is) {
        (Value::Object(old), Value::Object(new)) => {
            let names: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
            names.into_iter().find_map(|name| {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                let [was, is] = [old, new].map(|of| of.get(name).unwrap_or(&Value::Null));
                first_difference(&at, was, is)
            })
        }
        _ => (was != is).then(|| (at.to_owned(), was.clone(), is.clone())),
    }
}

/// As insta writes it, so that `cargo test` reads the same file.
fn write(path: &Path, outcome: &Outcome, compact: &Value) -> Result<(), Problems> {
    let description = serde_json::to_string(&description(outcome)).expect("plain data");
    let body = serde_json::to_string_pretty(compact).expect("plain data");
    let text = format!("{RULE}description: {description}\n{RULE}{body}\n");
    let folder = path.parent().expect("it lies in a folder");
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, text));
    written.map_err(|error| {
        let message = format!("can't write {}: {error}", path.display());
        Problems::one(Finding::new(message, None))
    })
}
