//! Golden outcomes: the compact form of an outcome, kept by insta.

use std::path::{Path, absolute};

use headwater_reports::Outcome;

use crate::golden;

/// Holds the outcome of the scenario at `path` to `snapshots/NAME.snap` beside it.
///
/// # Panics
/// If it differs: insta says how, and leaves the new one as `NAME.snap.new`.
#[track_caller]
pub fn check(path: &Path, outcome: &Outcome) {
    let (folder, name) = golden::place(path);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(absolute(&folder).unwrap_or(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(golden::description(outcome));
    settings.bind(|| insta::assert_json_snapshot!(name, outcome.compact()));
}
