//! `headwater shrink`.

use crate::{errors, headwater};

#[test]
fn what_does_not_fail_is_refused_and_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("case.toml");
    let path = out.to_str().expect("a plain path");
    let refused = |arguments: &[&str], want: &str| {
        let output = headwater(&[&["shrink"], arguments, &["--out", path]].concat());
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(want), "{want} is not in {errors}");
        assert!(!out.exists(), "an empty file was left");
    };
    refused(&["live/stress-1600-kafka", "--set", "traffic.duration=3s"], "nothing to shrink");
    let other = ["planted/acks-1-leader-killed", "--keep", "readers_agree"];
    refused(&other, "what fails there: no_acked_loss");
}

#[test]
fn the_command_writes_a_case_and_tells_its_story() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("case.toml");
    let path = out.to_str().expect("a plain path");
    let name = "planted/acks-1-leader-killed";
    let output = headwater(&["shrink", name, "--budget", "20", "--out", path]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(told.contains("no_acked_loss fails: lost") && told.contains("fault F1"), "{told}");
    assert!(told.lines().count() <= 45, "the story fits one screen:\n{told}");
    assert_eq!(headwater(&["run", path]).status.code(), Some(0), "the case is a test that passes");
}
