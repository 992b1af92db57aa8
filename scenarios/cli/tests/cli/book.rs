//! The book of answers, one answer at a time.

use crate::{errors, headwater, refused};

/// What of a question is asked for: the cheapest.
const ONLY: [&str; 2] = ["--only", "Which timeout"];

#[test]
fn an_answer_is_computed_and_a_page_that_has_another_is_stale() {
    let printed = headwater(&[&["book"][..], &ONLY].concat());
    assert_eq!(printed.status.code(), Some(0), "{}", errors(&printed));
    let page = String::from_utf8_lossy(&printed.stdout);
    assert!(page.starts_with("## Which timeout shortens that?") && !page.contains('{'), "{page}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("ANSWERS.md");
    let path = path.to_str().expect("a plain path");
    let check = |text: &str| {
        std::fs::write(path, text).expect("a temporary file");
        headwater(&[&["book", "--check", "--file", path][..], &ONLY].concat())
    };
    let kept = check(&page);
    assert_eq!(kept.status.code(), Some(0), "{}", errors(&kept));
    let stale = check(&page.replacen(" s", " h", 1));
    assert_eq!(stale.status.code(), Some(1));
    assert!(errors(&stale).contains("Which timeout shortens that?"), "{}", errors(&stale));
    refused(&headwater(&["book", "--only", "nobody asks this"]), &["no question has that"]);
}

#[test]
fn the_page_in_the_tree_has_every_question() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/ANSWERS.md")).expect("it is there");
    let answers = std::fs::read_to_string(root.join("../answers.toml")).expect("it is");
    let answers: toml::Table = answers.parse().expect("TOML");
    let answers = answers["answer"].as_array().expect("a list");
    for answer in answers {
        let part = |key: &str| answer[key].as_str().expect("a text");
        let (question, command) = (part("question"), part("command"));
        assert!(page.contains(&format!("## {question}\n")), "{question}");
        assert!(page.contains(&format!("```sh\n{command}\n```")), "{command}");
    }
}
