//! The file of a shrunk case: a scenario that expects to fail as it does, and so a test.

use toml::{Table, Value};

use super::{Shrunk, Size};
use crate::replay::story;

/// The verdicts that fail in the run, in the order of the checkers.
pub fn failing(shrunk: &Shrunk) -> Vec<&'static str> {
    let failed = shrunk.finished.verdicts.iter().filter(|verdict| !verdict.passed);
    failed.map(|verdict| verdict.name).collect()
}

/// The file's text. `origin` is the command line that failed first, `path` what the file is called.
pub fn text(shrunk: &Shrunk, origin: &str, path: &str) -> String {
    let found = &shrunk.violation;
    let mut text = format!("# Found: {} fails: {}\n", found.verdict, found.finding);
    text += &format!("# From: {origin}\n");
    let (before, after) = shrunk.sizes;
    text += &format!("# Before: {}\n# After:  {}\n", size(before), size(after));
    let short = if shrunk.cut_short { ", cut short" } else { "" };
    text += &format!("# Shrunk in {} runs{short}.\n", shrunk.runs);
    text += &format!("# Reproduce: headwater run {path}\n#\n");
    for line in story(&shrunk.finished) {
        text += &format!("# {}\n", line.trim_end());
    }
    text.push('\n');
    let mut table = shrunk.table.clone();
    let title = format!("Found: {} fails", found.verdict);
    table.insert("title".into(), Value::String(title));
    let verdicts = failing(shrunk).into_iter();
    let verdicts: Table =
        verdicts.map(|name| (name.into(), Value::String("fail".into()))).collect();
    let expect = [("verdict".to_owned(), Value::Table(verdicts))].into_iter().collect();
    table.insert("expect".into(), Value::Table(expect));
    text + &toml::to_string(&table).expect("a scenario is plain data")
}

/// A size in words.
pub(super) fn size(size: Size) -> String {
    let Size { faults, nodes, keys, events } = size;
    format!("{faults} faults, {nodes} nodes, {keys} keys, {events} events of the kernel")
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&size(*self))
    }
}
