//! `loadgen find`, as a user runs it, against a target that acknowledges at once.

mod common;

use std::path::Path;

/// How many events are due in 400 ms breaks at a rate that the schedule alone decides.
const UNTIL: &str = "scheduled < 400";

fn find(more: &str, out: &Path) -> std::process::Output {
    let fixed = "find --target null --max traffic.rate --from 500 --duration 400ms --precision 30% \
                 --repeats 1 --seed 5";
    let mut command = common::loadgen(&format!("{fixed} {more}"));
    command.args(["--until", UNTIL]).arg("--out").arg(out);
    common::run(command)
}

#[test]
fn a_live_search_has_the_form_of_a_simulated_one_and_keeps_every_run() {
    let out = tempfile::tempdir().unwrap();
    let output = find("--json", out.path());
    let said = common::errors(&output);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&answer["schema"], &answer["live"]), (&"headwater-find/1".into(), &true.into()));
    assert!(said.contains("live: begins at traffic.rate = 500"), "{said}");
    assert!(said.contains("none is begun after 1800s (--within)"), "{said}");
    let number = |end: &str| answer[end].as_str().and_then(|of| of.parse::<u64>().ok());
    // 400 events in 400 ms are a thousand a second. On a machine that is busy with something else
    // the generator may be late, and says so.
    assert!((500..=1_100).contains(&number("kept").unwrap_or(0)), "{answer:#}\n{said}");
    match number("broken") {
        Some(broken) => {
            assert_eq!(output.status.code(), Some(0), "{said}");
            assert!((900..=1_500).contains(&broken), "{answer:#}");
        }
        None => {
            let why = answer["refused"].as_str().unwrap_or_default();
            assert!(why.contains("the generator"), "{answer:#}");
        }
    }
    let tried = answer["tried"].as_array().expect("values that were tried");
    let again = tried[0]["reproduce"].as_str().unwrap_or_default();
    assert!(again.contains("loadgen --target null --duration 0.4s") || again.contains("400ms"));
    assert!(again.ends_with("--seed 5") && again.contains("--set traffic.rate="), "{again}");
    assert!(out.path().join("find.txt").exists());
    assert!(out.path().join("500-seed-5.json").exists());
}

#[test]
fn time_and_runs_are_bounded_and_what_was_found_is_told() {
    let out = tempfile::tempdir().unwrap();
    let output = find("--runs 1", out.path());
    assert_eq!(output.status.code(), Some(1), "{}", common::errors(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("kept up to 500; where none keeps it was not found"), "{text}");
    assert!(text.contains("not tried: 1000: 1 runs were made (--runs)"), "{text}");
    let output = find("--within 1ns", out.path());
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1ns are over (--within), after 0 runs"), "{text}");
}

#[test]
fn an_interrupted_search_tells_what_was_found_until_then() {
    let out = tempfile::tempdir().unwrap();
    let said = out.path().join("said");
    let fixed = "find --target null --max traffic.rate --from 200 --limit 300 --duration 30s \
                 --repeats 5";
    let mut command = common::loadgen(fixed);
    command.args(["--until", "lost = 0", "--set", "measure.warm_up=1s"]);
    command.stderr(std::fs::File::create(&said).unwrap()).stdout(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    while !std::fs::read_to_string(&said).unwrap().contains("live: begins") {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    // Before the first run begins there is nothing to tell.
    assert_eq!(output.status.code(), Some(130), "{text}");
    let said = std::fs::read_to_string(&said).unwrap();
    let early = said.contains("before anything was measured");
    assert!(early || text.contains("traffic.rate not found"), "{text}\n{said}");
}

#[test]
fn what_can_not_be_looked_for_live_is_told() {
    let refused = |arguments: &str, until: &str| {
        let mut command = common::loadgen(arguments);
        command.args(["--until", until]);
        common::errors(&common::run(command))
    };
    let rate = "find --target null --max traffic.rate";
    assert!(refused(rate, "lots = 0").contains("unknown metric `lots`"));
    assert!(refused("find --max traffic.rate", "lost = 0").contains("<NAME|FILE>"));
    let limit = refused(&format!("{rate} --limit 5ms"), "lost = 0");
    assert!(limit.contains("such as 5000, 5000/s or 5k/s"), "{limit}");
    let phase = refused(&format!("{rate} --per-phase"), "response.p99 < 1s");
    assert!(phase.contains("no fault begins or ends"), "{phase}");
    let path = refused("find --target null --max traffic.rat", "lost = 0");
    assert!(path.contains("unknown key `rat`"), "{path}");
}
