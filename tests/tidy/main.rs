//! Limits on files, functions and lines, and marks that must not be left in the tree.
//!
//! `planted` feeds the checker one violation per rule, so that each is known to be able to fail.

mod adding;
mod documents;
mod planted;
mod rules;

use headwater_tests::workspace;

#[test]
fn the_workspace_is_tidy() {
    let files = workspace::files(&["rs", "toml", "md", "html", "js", "css", "sh"]);
    assert!(files.len() > 40, "only {} files found", files.len());
    let violations: Vec<_> = files.iter().flat_map(rules::check).map(|(_, what)| what).collect();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn the_median_rust_file_is_short() {
    let files = workspace::files(&["rs"]);
    let mut lines: Vec<_> = files.iter().map(|file| file.text.lines().count()).collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    println!(
        "{} Rust files, median {median} lines, longest {}",
        lines.len(),
        lines.last().unwrap()
    );
    assert!(median <= rules::FILE_LINES_MEDIAN_MAX, "the median file has {median} lines");
}
