//! Folders of scenario files as tests: what passes, what fails and how that is reported, what is
//! kept.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use headwater::{Control, Folder, Golden, scenario};
use tempfile::TempDir;

headwater::test_folder!("tests/scenarios", |folder| folder.seeds(2).snapshots());

/// A folder with the good scenario under these names, each with a text put behind it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let good = include_str!("scenarios/quiet.toml");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, more) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        std::fs::write(path, format!("{good}{more}")).expect("it can be written");
    }
    folder
}

/// An expectation that seed 3 meets and seed 4 does not: the number of events is drawn.
fn only_seed_3() -> String {
    let run = scenario("tests/scenarios/quiet.toml").run().expect("a good file");
    let scheduled = run.outcome.expect("it was run").counts.scheduled;
    format!("scheduled = {scheduled}\n")
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn a_seed_that_fails_is_told_with_its_replay_line_and_run_first_the_next_time() {
    let folder = folder(&[("quiet.toml", &only_seed_3())]);
    let path = folder.path().join("quiet.toml");
    let tested = scenario(&path).seeds(2).run().expect("a good file");
    assert_eq!((tested.seeds.clone(), tested.failures.len()), (vec![3, 4], 1), "{tested}");
    let told = tested.to_string();
    let replay = format!("headwater replay {} --seed 4", path.display());
    for want in ["1 of 2 seeds failed", "not met  scheduled = ", &replay, "kept in "] {
        assert!(told.contains(want), "{want:?} is not in:\n{told}");
    }
    let kept = read(folder.path().join("quiet.seeds"));
    assert!(kept.contains("\n4  # not met scheduled"), "{kept}");
    let again = scenario(&path).run().expect("a good file");
    assert_eq!(again.seeds, [4, 3], "the seed that failed comes first");
    assert_eq!((again.failures.len(), again.kept.clone()), (1, None), "{again}");
}

#[test]
#[should_panic(expected = "headwater replay")]
fn a_check_that_fails_panics_with_the_line_that_shows_it_again() {
    let folder = folder(&[("quiet.toml", "response.p99 = \"< 1ns\"\n")]);
    scenario(folder.path().join("quiet.toml")).check();
}

#[test]
fn nothing_is_written_where_nothing_is_to_be_kept() {
    let folder = folder(&[("quiet.toml", &only_seed_3())]);
    let tested = scenario(folder.path().join("quiet.toml")).seeds(2).keep_failures(false).run();
    assert_eq!(tested.expect("a good file").kept, None);
    assert!(!folder.path().join("quiet.seeds").exists());
}

#[test]
fn the_seeds_of_a_swarm_draw_their_cases_and_one_that_fails_is_a_file() {
    // Nothing may fail within the budget; a promise of more copies than there are disks does.
    let swarm = "[promise]\ncopies = 9\n[swarm]\nfaults = 1\ncalm = \"1s\"\n";
    let folder = folder(&[("drawn.toml", swarm)]);
    let tested = scenario(folder.path().join("drawn.toml")).seeds(2).run().expect("a good file");
    assert_eq!(tested.failures.len(), 2, "{tested}");
    let case = folder.path().join("regressions/drawn-4.toml");
    assert!(tested.failures[1].replay.ends_with(&case.display().to_string()), "{tested}");
    let again = scenario(&case).run().expect("a case is a scenario file");
    assert_eq!((again.seeds.clone(), again.failures.len()), (vec![4], 1), "{again}");
    let files = Folder::new(folder.path()).files().expect("it can be read");
    assert_eq!(files, ["drawn.toml", "regressions/drawn-4.toml"]);
}

#[test]
fn a_folder_is_run_file_by_file_and_every_wrong_file_is_told_before_any_run() {
    let good = folder(&[
        ("a.toml", ""),
        ("below/b.toml", "failed = 1\n"),
        ("profiles/p.toml", "not a scenario"),
        ("snapshots/s.toml", "not a scenario"),
    ]);
    let report = Folder::new(good.path()).run(&Control::default()).expect("good files");
    assert_eq!(report.files.iter().map(|file| file.passed()).collect::<Vec<_>>(), [true, false]);
    assert!(report.to_string().ends_with("2 files, 2 runs: 1 passed, 1 failed"), "{report}");

    let wrong = folder(&[("a.toml", "lots = 0\n"), ("b.toml", ""), ("c.toml", "faild = 0\n")]);
    let problems = Folder::new(wrong.path()).run(&Control::default()).unwrap_err().to_string();
    for want in ["a.toml:", "c.toml:", "`failed`"] {
        assert!(problems.contains(want), "{want:?} is not in:\n{problems}");
    }
    let empty = tempfile::tempdir().expect("a temporary folder");
    let problems = Folder::new(empty.path()).run(&Control::default()).unwrap_err().to_string();
    assert!(problems.contains("no scenario files (*.toml) in"), "{problems}");
}

#[test]
fn a_test_that_is_stopped_has_not_passed() {
    let folder = folder(&[("a.toml", ""), ("b.toml", "")]);
    let stop = AtomicBool::new(true);
    let control = Control { stop: Some(&stop), progress: None };
    let report = Folder::new(folder.path()).run(&control).expect("good files");
    assert!(report.interrupted && !report.passed());
    assert!(report.to_string().contains("0 passed, 0 failed, 2 not run to the end"), "{report}");
}

#[test]
fn a_file_that_came_after_the_build_is_run_as_well() {
    let folder = folder(&[("old.toml", "failed = 1\n"), ("new.toml", "failed = 1\n")]);
    let folder = Folder::new(folder.path()).keep_failures(false);
    headwater::check_added(&folder, &["new.toml", "old.toml"]);
    let panic = std::panic::catch_unwind(|| headwater::check_added(&folder, &["old.toml"]));
    let panic = panic.expect_err("the new file fails");
    let text = panic.downcast_ref::<String>().expect("a message");
    assert!(text.contains("new.toml"), "{text}");
}

#[test]
fn settings_are_laid_over_every_file() {
    let folder = Folder::new("tests/scenarios").set("system.brokers", "2").set("seed", "9");
    let problems = folder.run(&Control::default()).unwrap_err().to_string();
    assert!(problems.contains("broker-3") || problems.contains("2 brokers"), "{problems}");
    assert!(Path::new("tests/scenarios/snapshots/quiet.snap").is_file(), "the golden outcome");
}

#[test]
fn golden_outcomes_of_the_command_line_are_those_of_insta() {
    let files = folder(&[("quiet.toml", "")]);
    let with = |golden| Folder::new(files.path()).golden(golden).run(&Control::default());
    let ran = |golden| with(golden).unwrap_or_else(|problems| panic!("{problems}"));
    let missing = ran(Golden::Check).to_string();
    assert!(missing.contains("quiet.snap; --update-snapshots writes it"), "{missing}");
    assert!(ran(Golden::Update).passed() && ran(Golden::Check).passed());
    // As `cargo test` looks at it.
    scenario(files.path().join("quiet.toml")).snapshot().check();
    let path = files.path().join("snapshots/quiet.snap");
    std::fs::write(&path, read(path.clone()).replace("\"acked\": ", "\"acked\": 1"))
        .expect("written");
    let changed = ran(Golden::Check);
    let told = changed.to_string();
    assert!(!changed.passed() && told.contains("counts.acked was 1"), "{told}");
}
