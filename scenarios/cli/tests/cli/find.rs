//! `headwater find`, as a user runs it.

use super::{GOOD, command, errors, headwater, refused};

/// A scenario in a file, and its path.
fn scenario() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, GOOD).expect("a temporary file");
    let path = path.to_str().expect("a plain path").to_owned();
    (folder, path)
}

const LINGER: [&str; 4] = ["--max", "system.producer.linger.ms", "--from", "1"];

#[test]
fn it_finds_where_an_objective_breaks_on_any_number_of_cores() {
    let (_folder, path) = scenario();
    let find = |threads: &str| {
        let until = ["--until", "response.p50 < 8ms, lost = 0", "--seeds", "3", "--json"];
        let arguments: Vec<&str> = ["find", &path].into_iter().chain(LINGER).chain(until).collect();
        let output = command(&arguments).env("RAYON_NUM_THREADS", threads).output();
        let output = output.expect("headwater can be started");
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let (one, two) = (find("1"), find("2"));
    assert_eq!(one, two);
    let tried = one["tried"].as_array().expect("values that were tried");
    let kept = |end: &str| {
        let at = tried.iter().find(|of| of["value"] == one[end]);
        at.and_then(|of| of["kept"].as_u64()).expect("the end was tried")
    };
    assert_eq!((kept("kept"), kept("broken")), (3, 0), "{one:#}");
    let number = |end: &str| one[end].as_str().and_then(|of| of.parse::<u64>().ok()).unwrap_or(0);
    // Half of the events wait longer than half of the linger.
    assert!((7..=16).contains(&number("kept")) && number("kept") < number("broken"), "{one:#}");
}

#[test]
fn an_objective_that_always_holds_has_no_end() {
    let (_folder, path) = scenario();
    let more = ["--until", "lost = 0", "--limit", "3", "--seeds", "1"];
    let arguments: Vec<&str> = ["find", &path].into_iter().chain(LINGER).chain(more).collect();
    let output = headwater(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("kept up to 3; where none keeps it was not found"), "{text}");
}

/// In the middle of what is measured, the way to every broker is longer.
const SLOW_LINK: &str = r#"
[[fault]]
kind = "slow-link"
target = "brokers"
peers = ["producers"]
extra = "5ms"
at = "1s"
for = "500ms"
"#;

#[test]
fn per_phase_the_fault_breaks_an_objective_first_that_the_whole_run_keeps_for_longer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, format!("{GOOD}{SLOW_LINK}")).expect("a temporary file");
    let path = path.to_str().expect("a plain path");
    let find = |more: &[&str]| {
        let until = ["--until", "response.p50 < 12ms", "--seeds", "2"];
        let arguments = ["find", path].into_iter().chain(LINGER).chain(until);
        headwater(&arguments.chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let json = |more: &[&str]| {
        let output = find(&[more, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let kept = |of: &serde_json::Value| of["kept"].as_str().and_then(|of| of.parse::<u64>().ok());
    let (whole, phased) = (json(&[]), json(&["--per-phase"]));
    assert!(kept(&phased).unwrap() + 3 < kept(&whole).unwrap(), "{phased:#}\n{whole:#}");
    let text = String::from_utf8(find(&["--per-phase"]).stdout).expect("text");
    let text = text.replace("\n  ", " ");
    for want in ["response.p50  before", "`during F1` breaks first: at", "; kept before in 2 of 2"]
    {
        assert!(text.contains(want), "{want}: {text}");
    }
}

#[test]
fn a_figure_of_a_phase_is_bounded_swept_and_refused_where_there_is_no_such_phase() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.toml");
    let text = |expect: &str| format!("{GOOD}{SLOW_LINK}[expect]\n{expect}\n");
    let run = |expect: &str| {
        std::fs::write(&path, text(expect)).expect("a temporary file");
        headwater(&["run", path.to_str().expect("a plain path")])
    };
    let good = "phase.before.response.max = \"< 15ms\"\nphase.during-1.response.p50 = \"> 9ms\"\n\
                phase.during.unanswered = 0\nphase.after.acked_share = \"100%\"";
    let output = run(good);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let broken = run("phase.during-1.response.p50 = \"< 5ms\"");
    assert_eq!(broken.status.code(), Some(1));
    let wanted = ["no phase `during-2`", "before, during-1, after", "scenario.toml:"];
    refused(&run("phase.during-2.response.p50 = \"< 5ms\""), &wanted);
    refused(&run("phase.durin-1.response.p50 = \"< 5ms\""), &["did you mean", "during-1"]);

    run(good);
    let path = path.to_str().expect("a plain path");
    let sweep = |metric: &str| {
        let vary = "system.producer.linger.ms=0,5";
        headwater(&["sweep", path, "--vary", vary, "--seeds", "2", "--metric", metric])
    };
    let output = sweep("phase.during-1.response.p50");
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("phase.during-1.response.p50") && table.contains(" ms"), "{table}");
    refused(&sweep("phase.during-7.due"), &["no phase `during-7`"]);
}

#[test]
fn what_can_not_be_looked_for_is_told() {
    let (_folder, path) = scenario();
    let find = |more: &[&str]| {
        let arguments: Vec<&str> = ["find", &path].iter().chain(more).copied().collect();
        headwater(&arguments)
    };
    let until = ["--until", "lost = 0"];
    refused(&find(&until), &["--max"]);
    let rate = ["--max", "traffic.rate"];
    refused(&find(&rate), &["--until"]);
    refused(&find(&[rate, ["--until", "lots = 0"]].concat()), &["unknown metric `lots`"]);
    refused(&find(&[rate, ["--until", "response.p99 < 5"]].concat()), &["20ms"]);
    let limit = [rate, until, ["--limit", "5ms"]].concat();
    refused(&find(&limit), &["--limit 5ms", "200/s", "such as 5000, 5000/s or 5k/s"]);
    let phased = [rate, until, ["--per-phase", "--json"]].concat();
    refused(&find(&phased), &["--per-phase", "no fault begins or ends"]);
    let brokers = [["--min", "system.brokers"], until].concat();
    refused(&find(&brokers), &["does not say system.brokers", "--from"]);
    for from in [&[][..], &["--from", "3"]] {
        let unknown = [&["--max", "system.brokrs"], &until[..], from].concat();
        refused(&find(&unknown), &["unknown key `brokrs`", "did you mean `brokers`?"]);
    }
}
