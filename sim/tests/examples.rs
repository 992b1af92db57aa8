//! The examples print what they claim to print.

#[allow(dead_code)]
#[path = "../examples/first_model.rs"]
mod first_model;

/// The table in an example's header: the lines from the one that begins like `first` on.
fn promised(source: &str, first: &str) -> String {
    let header = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = header.map(str::trim).skip_while(|line| !line.starts_with(first));
    lines.take_while(|line| !line.starts_with("```")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_first_model_prints_the_table_of_its_header() {
    let promised = promised(include_str!("../examples/first_model.rs"), "answers");
    assert_eq!(first_model::table(), promised);
}
