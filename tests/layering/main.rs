//! The arrows of the design, and the names that `sim` and `models` must not know.
//!
//! The checker is a function of the dependency graph and the sources; `planted` feeds it one
//! violation per rule, so that each is known to be able to fail.

mod graph;
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
