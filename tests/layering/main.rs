//! The arrows of the design, and the names that `sim` and `models` must not know.
//!
//! The checker is a function of the dependency graph and the sources; `planted` feeds it one
//! violation per rule, so that each is known to be able to fail.

mod circles;
mod graph;
mod live;
mod modules;
mod names;
mod planted;
mod rules;

use headwater_tests::workspace;

use graph::Graph;

#[test]
fn the_workspace_keeps_every_rule() {
    let graph = Graph::of_workspace();
    let sources = workspace::files(&["rs"]);
    assert!(graph.members.len() >= 7, "cargo names {} members", graph.members.len());
    assert!(sources.len() > 20, "only {} sources found", sources.len());
    let violations: Vec<_> =
        rules::check(&graph, &sources).iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn every_dependency_has_a_line_on_why_in_the_architecture() {
    let graph = Graph::of_workspace();
    let document = workspace::root().join("docs/ARCHITECTURE.md");
    let document = std::fs::read_to_string(document).expect("the document is there");
    let rows: Vec<_> = document.lines().filter(|line| line.starts_with("| `")).collect();
    let mut missing = vec![];
    for member in &graph.members {
        let foreign = graph.direct(member).into_keys().filter(|to| !graph.members.contains(to));
        missing
            .extend(foreign.filter(|to| !rows.iter().any(|row| row.contains(&format!("`{to}`")))));
    }
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "no line on why in docs/ARCHITECTURE.md: {missing:?}");
}
