//! The documents: what they point to is there.

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
