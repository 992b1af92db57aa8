//! The documents: what they point to is there.

use std::fs;

use headwater_tests::workspace::{self, SourceFile};

/// The targets of links to files, without anchors.
fn links(document: &SourceFile) -> Vec<String> {
    let targets = document.text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let files = targets.map(|(target, _)| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains("://")).map(str::to_string).collect()
}

#[test]
fn every_link_of_a_document_leads_to_a_file() {
    let documents = workspace::files(&["md"]);
    let mut broken = vec![];
    for document in &documents {
        let folder = workspace::root().join(&document.path);
        let folder = folder.parent().expect("a document lies in a folder");
        for link in links(document) {
            if !folder.join(&link).exists() {
                broken.push(format!("{}: {link}", document.path));
            }
        }
    }
    assert!(documents.len() >= 5, "only {} documents", documents.len());
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn links_are_found() {
    let text = "See [a](b.md#top), [c](https://example.org/d) and ![e](f/g.svg).";
    assert_eq!(links(&SourceFile::planted("docs/x.md", text)), ["b.md", "f/g.svg"]);
}

/// Every fault of the kernel has a row in `docs/FAULTS.md`, and every test named there exists.
#[test]
fn the_fault_reference_names_every_fault_and_tests_that_exist() {
    let root = workspace::root();
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("the file is there");
    let reference = read("docs/FAULTS.md");
    let faults = read("sim/src/fault.rs");
    let body = faults.split("pub enum Fault {").nth(1).expect("fault.rs holds the faults");
    let body = body.split("\n}").next().expect("the enum ends");
    let variants = body.lines().filter_map(|line| line.strip_prefix("    ")).filter_map(|line| {
        let name = line.trim_end_matches([' ', '{', ',']);
        name.chars().all(char::is_alphanumeric).then_some(name)
    });
    let variants: Vec<_> = variants.filter(|name| !name.is_empty()).collect();
    assert!(variants.len() >= 15, "{variants:?}");
    for variant in variants {
        assert!(reference.contains(&format!("`{variant}`")), "no row for {variant}");
    }
    let tests = reference.split('`').filter(|code| code.contains("::") && !code.contains('/'));
    let mut named = 0;
    for test in tests {
        let (file, name) = test.split_once("::").expect("a test is named file::name");
        let source = read(&format!("tests/kernel_faults/{file}.rs"));
        assert!(source.contains(&format!("fn {name}()")), "no test {test}");
        named += 1;
    }
    assert!(named >= 10, "only {named} tests named");
}
