//! `headwater test`: a folder of scenario files as tests, without Rust.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::{GOOD, command, errors, headwater, refused};

/// A folder with the good scenario under these names, each with a text put behind it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, more) in files {
        std::fs::write(folder.path().join(name), format!("{GOOD}{more}")).expect("a file");
    }
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().expect("a plain path")
}

#[test]
fn a_folder_passes_fails_or_is_refused_by_exit_code() {
    let good = folder(&[("a.toml", "[expect]\nlost = 0\n"), ("b.toml", "")]);
    let output = headwater(&["test", path(&good), "--seeds", "2"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(told.contains("a.toml  2 seeds"), "{told}");
    assert!(told.ends_with("2 files, 4 runs: 2 passed, 0 failed\n"), "{told}");

    let bad = folder(&[("a.toml", "[expect]\nfailed = 1\n"), ("b.toml", "")]);
    let output = headwater(&["test", path(&bad), "--seeds", "2"]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    for want in ["FAIL  ", "not met  failed = 1: 0", "a.toml --seed 1", "headwater shrink"] {
        assert!(told.contains(want), "{want:?} is not in:\n{told}");
    }
    let seeds = std::fs::read_to_string(bad.path().join("a.seeds")).expect("what failed is kept");
    assert!(seeds.contains("\n2  # not met failed = 1: 0\n"), "{seeds}");

    let wrong = folder(&[("a.toml", "[expect]\nfaild = 1\n"), ("b.toml", "[mesure]\n")]);
    refused(&headwater(&["test", path(&wrong)]), &["a.toml:", "b.toml:", "`failed`", "[measure]"]);
    refused(&headwater(&["test", "/nowhere"]), &["can't read the folder /nowhere"]);
    refused(&headwater(&["test", path(&good), "--seeds", "0"]), &["--seeds"]);
}

#[test]
fn json_has_every_file_with_its_seeds_and_failures_on_any_number_of_threads() {
    let files = folder(&[("a.toml", "[expect]\nfailed = 1\n"), ("b.toml", "")]);
    let run = |threads: &str| {
        let arguments = ["test", path(&files), "--seeds", "3", "--no-keep", "--json"];
        let output = command(&arguments).env("RAYON_NUM_THREADS", threads).output();
        let output = output.expect("headwater can be started");
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let (one, two) = (run("1"), run("2"));
    assert_eq!(one, two);
    assert_eq!(one["schema"], "headwater-test/1");
    assert_eq!((&one["runs"], &one["passed"]), (&6.into(), &false.into()));
    let [a, b] = [0, 1].map(|index| &one["files"][index]);
    assert_eq!((a["failures"].as_array().map(Vec::len), &b["passed"]), (Some(3), &true.into()));
    assert!(b["outcome"]["fingerprint"].is_string(), "{b}");
    assert!(!Path::new(path(&files)).join("a.seeds").exists(), "--no-keep writes nothing");
}

#[test]
fn an_interrupted_test_tells_what_it_has() {
    let files = folder(&[("quick.toml", ""), ("slow.toml", "")]);
    let slow = files.path().join("slow.toml");
    let text = GOOD.replace("\"2s\"", "\"1000h\"");
    std::fs::write(&slow, text).expect("a file");
    let mut test = command(&["test", path(&files), "--json"]);
    let test = test.env("RAYON_NUM_THREADS", "1").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = test.spawn().expect("headwater can be started");
    let id = child.id();
    // The signal's listener is a thread of its own: once there are more than the workers', it is.
    let tasks = format!("/proc/{id}/task");
    while std::fs::read_dir(&tasks).expect("a process").count() < 3 {
        std::thread::yield_now();
    }
    let kill = Command::new("kill").args(["-INT", &id.to_string()]).status();
    assert!(kill.expect("kill is there").success());
    let output = child.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&told["interrupted"], &told["files"][1]["interrupted"]),
        (&true.into(), &true.into())
    );
    assert!(errors(&output).contains("interrupted: what is told"), "{}", errors(&output));
}
