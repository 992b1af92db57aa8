//! docs/ADDING.md: the files that it lists are those that name its examples, and no others.

use std::collections::BTreeSet;

use headwater_tests::workspace::{self, SourceFile};

/// A section: its title, the example's words, the files listed.
#[derive(Debug, PartialEq, Eq)]
struct Section {
    title: String,
    words: Vec<String>,
    files: BTreeSet<String>,
}

fn backticked(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

fn sections(document: &str) -> Vec<Section> {
    let section = |text: &str| {
        let (title, body) = text.split_once('\n').unwrap_or((text, ""));
        let words = body.split_once("Words:").map_or("", |(_, rest)| rest);
        let words = words.split("\n\n").next().unwrap_or_default();
        let listed = body.lines().filter_map(|line| line.strip_prefix("- `"));
        let files = listed.filter_map(|line| line.split_once("`:")).map(|(file, _)| file.into());
        Section { title: title.into(), words: backticked(words).collect(), files: files.collect() }
    };
    document.split("\n## ").skip(1).map(section).collect()
}

/// The files of the sources that have one of the words, tests apart.
fn naming(words: &[String], sources: &[SourceFile]) -> BTreeSet<String> {
    let says = |file: &&SourceFile| {
        let text = file.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        words.iter().any(|word| text.contains(word.as_str()))
    };
    let tests = |file: &&SourceFile| file.path.contains("/tests/") || file.folder() == "tests";
    let sources = sources.iter().filter(|file| !tests(file));
    sources.filter(says).map(|file| file.path.clone()).collect()
}

fn document() -> String {
    let path = workspace::root().join("docs/ADDING.md");
    std::fs::read_to_string(path).expect("the document is there")
}

#[test]
fn the_files_listed_for_a_thing_are_those_that_name_it() {
    let sources = workspace::files(&["rs"]);
    let sections = sections(&document());
    let titles: Vec<_> = sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["A system", "A fault", "A metric", "A checker", "A live target"]);
    for Section { title, words, files } in &sections {
        assert!(!words.is_empty() && !files.is_empty(), "{title}: nothing to hold it by");
        assert_eq!(*files, naming(words, &sources), "{title}, by {words:?}");
    }
}

#[test]
fn every_path_that_is_named_is_there() {
    let document = document();
    let paths = backticked(&document).filter(|word| word.contains('/') && !word.contains(' '));
    let missing: Vec<_> = paths.filter(|path| !workspace::root().join(path).exists()).collect();
    assert!(missing.is_empty(), "not there: {missing:?}");
}

#[test]
fn a_file_too_few_or_too_many_is_found() {
    let text = "\n## A thing\n\nWords: `thing`.\n\n- `a.rs`: its own.\n- `b.rs`: its line.\n";
    let [section] = &sections(text)[..] else { panic!("one section") };
    let file = |path: &str, text: &str| SourceFile::planted(path, text);
    let right = [file("a.rs", "struct X; // thing"), file("b.rs", "thing")];
    assert_eq!(section.files, naming(&section.words, &right));
    let more = [right.clone().to_vec(), vec![file("c.rs", "if thing {}")]].concat();
    assert_ne!(section.files, naming(&section.words, &more));
    assert_ne!(section.files, naming(&section.words, &right[..1]));
    let tested = [&right[..], &[file("d.rs", "#[cfg(test)]\nmod tests { thing }")]].concat();
    assert_eq!(section.files, naming(&section.words, &tested));
}
