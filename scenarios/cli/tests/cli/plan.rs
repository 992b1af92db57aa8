//! `headwater plan`.

use crate::{errors, headwater, refused};

/// A question that takes seconds: everything is fixed but how many brokers there are.
const QUICK: &[&str] = &[
    "plan",
    "--system",
    "kafka",
    "--rate",
    "200",
    "--event-bytes",
    "1000",
    "--peak",
    "2x",
    "--peak-for",
    "2s",
    "--retention",
    "1h",
    "--recover",
    "25s",
    "--seeds",
    "1",
    "--servers-max",
    "4",
    "--partitions",
    "6",
    "--set",
    "system.producer.linger.ms=5",
    "--set",
    "system.producer.batch.size=16384",
    "--no-knee",
];

fn plan(more: &[&str]) -> std::process::Output {
    headwater(&[QUICK, more].concat())
}

#[test]
fn a_plan_is_found_and_its_files_repeat_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let path = |name: &str| out.join(name).display().to_string();
    let output = plan(&["--out", &out.display().to_string(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(errors(&output).contains("candidates"), "{}", errors(&output));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["schema"], "headwater-plan/1");
    assert_eq!(found["pick"]["name"], "3 brokers, 3 copies, 2 in sync", "{found:#}");
    let text = std::fs::read_to_string(path("plan.txt")).unwrap();
    for want in ["take 3 brokers", "USD a month", "rejected", "AWS right-sizing"] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let run = headwater(&["run", &path("down-leader.toml")]);
    assert_eq!(run.status.code(), Some(0), "{}", errors(&run));
}

#[test]
fn nothing_keeps_what_nothing_can_keep() {
    let output = plan(&["--p99", "10us"]);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("nothing that was tried keeps it"), "{text}");
    assert!(text.contains("response.p99 < 10us: "), "{text}");
}

#[test]
fn a_wrong_question_is_told_before_anything_is_run() {
    refused(&headwater(&["plan", "--system", "kafak"]), &["did you mean `kafka`?"]);
    refused(&headwater(&["plan"]), &["--system"]);
    refused(&plan(&["--p99", "50"]), &["20ms"]);
    refused(&plan(&["--profile", "laptop"]), &["share one machine", "one_machine = false"]);
    refused(&plan(&["--set", "system.producer.lingr.ms=5"]), &["lingr", "linger"]);
    refused(&plan(&["--bookies", "3"]), &["--bookies", "kafka has none", "brokers"]);
    let rate = ["plan", "--system", "kafka", "--rate", "1/2"];
    refused(&headwater(&rate), &["low/mid/high"]);
    let which = ["plan", "--system", "kafka", "--max-rate"];
    refused(&headwater(&which), &["which cluster?", "--brokers"]);
    let folder = tempfile::tempdir().unwrap();
    let prices = folder.path().join("mine.toml");
    let example = headwater(&["plan", "--example-prices"]);
    let text = String::from_utf8_lossy(&example.stdout).replacen("nvme-10gbe", "big", 1);
    std::fs::write(&prices, text).unwrap();
    let unknown = plan(&["--prices", &prices.display().to_string()]);
    refused(&unknown, &["no price of a server `nvme-10gbe`"]);
}
