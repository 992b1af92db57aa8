//! One planted violation per rule: a rule that can't fail holds nothing.

use headwater_tests::workspace::SourceFile;

use crate::rules::{ALL, COLUMNS_MAX, FILE_LINES_MAX, FUNCTION_LINES_MAX, Rule, check};

/// A file that breaks the rule and no other, and one that just keeps it.
fn plants(rule: Rule) -> (SourceFile, SourceFile) {
    let rust = |text: String| SourceFile::planted("sim/src/planted.rs", &text);
    let lines = |count: usize| rust("// line\n".repeat(count));
    let columns = |count: usize| rust(format!("// {}\n", "x".repeat(count - 3)));
    let function =
        |count: usize| rust(format!("trait T {{ fn f() {{\n{}}} }}\n", "//\n".repeat(count - 2)));
    let scenario = |text: &str| SourceFile::planted("scenarios/library/burst/castle.toml", text);
    let model = |text: &str| SourceFile::planted("models/src/kafka/log.rs", text);
    match rule {
        Rule::FileLines => (lines(FILE_LINES_MAX + 1), lines(FILE_LINES_MAX)),
        Rule::FunctionLines => (function(FUNCTION_LINES_MAX + 1), function(FUNCTION_LINES_MAX)),
        Rule::Columns => (columns(COLUMNS_MAX + 1), columns(COLUMNS_MAX)),
        Rule::Unfinished => {
            (rust(format!("fn f() {{ {}!() }}", "todo")), rust("fn todo() { todo() }".into()))
        }
        Rule::ForbiddenWord => (
            SourceFile::planted("docs/a.md", &format!("See https://crates.{}/x.", "io")),
            SourceFile::planted("docs/a.md", "See https://docs.rs/x."),
        ),
        Rule::Reproduction => (
            scenario("# Reproduce: headwater run burst/castle-kafka\n\nseed = 1\n"),
            scenario("# Reproduce: headwater run burst/castle --seed 1\n\nseed = 1\n"),
        ),
        Rule::ModuleDoc => (model("use std::fmt;\n"), model("//! The log of a broker.\n")),
    }
}

#[test]
fn every_rule_finds_what_breaks_it_and_passes_what_just_keeps_it() {
    for rule in ALL {
        let (broken, kept) = plants(rule);
        let found: Vec<_> = check(&broken).into_iter().map(|(rule, _)| rule).collect();
        assert_eq!(found, [rule], "{}", broken.text.lines().next().unwrap_or_default());
        assert_eq!(check(&kept), [], "{rule:?} finds fault with what keeps it");
    }
}

#[test]
fn every_unfinished_mark_and_every_length_of_function_is_seen() {
    for mark in [concat!("unimplemented", "!()"), concat!("dbg", "!(1)")] {
        let file = SourceFile::planted("sim/src/a.rs", &format!("fn f() {{ {mark}; }}"));
        assert_eq!(check(&file).len(), 1, "{mark}");
    }
    let body = "//\n".repeat(FUNCTION_LINES_MAX);
    for function in [
        format!("fn f() {{\n{body}}}"),
        format!("impl A {{ fn f() {{\n{body}}} }}"),
        format!("mod m {{ fn g() {{ fn f() {{}} }}\nfn f() {{\n{body}}} }}"),
    ] {
        let found = check(&SourceFile::planted("sim/src/a.rs", &function));
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
