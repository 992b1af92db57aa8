//! Swarms: what a guided one finds is a file that is run and shrunk as any other.

use crate::{errors, headwater, refused};

/// One copy, and servers that lose their disks; of what that breaks, the loss alone.
const FRAGILE: [&str; 7] = [
    "swarm.budget=beyond",
    "swarm.kinds=[\"wipe\"]",
    "system.replication.factor=1",
    "system.topic.min.insync.replicas=1",
    "promise.copies=1",
    "swarm.may_fail=[\"durable_replicas\", \"readers_agree\", \"watermarks_monotone\"]",
    "traffic.rate=20/s",
];

#[test]
fn a_variant_that_fails_is_written_as_a_scenario_that_fails_alike() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().to_str().expect("a plain path");
    let mut arguments = vec!["swarm", "swarm/kafka", "--guided", "--seeds", "32", "--out", out];
    FRAGILE.iter().for_each(|set| arguments.extend(["--set", set]));
    let output = headwater(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = std::fs::read_to_string(folder.path().join("kafka.json")).expect("it was written");
    let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let cases = found["cases"].as_object().expect("variants that failed");
    let (number, case) = cases.iter().next().expect("one at least");
    assert!(told.contains(&format!("  case {number}: ")), "{told}");
    let path = folder.path().join(format!("kafka-{number}.toml"));
    let written = std::fs::read_to_string(&path).expect("it was written");
    assert_eq!(Some(written.as_str()), case.as_str());
    assert!(written.starts_with("# A variant of what seed "), "{written}");
    let failures = found["failures"].as_array().expect("a list");
    let seed: u64 = number.parse().expect("a number");
    let of_it = failures.iter().find(|failure| failure["seed"] == seed);
    let verdict = of_it.expect("it failed")["verdict"].as_str().expect("a name");
    let again = headwater(&["run", path.to_str().expect("a plain path"), "--json"]);
    let outcome: serde_json::Value = serde_json::from_slice(&again.stdout).expect("an outcome");
    let verdicts = outcome["verdicts"].as_array().expect("a list");
    let of_it = verdicts.iter().find(|of| of["name"] == verdict).expect("it is judged");
    assert_eq!(of_it["status"], "fail", "{of_it}");
}

#[test]
fn a_part_of_a_guided_swarm_is_refused() {
    let part = headwater(&["swarm", "swarm/kafka", "--guided", "--shard", "1/2"]);
    refused(&part, &["a guided swarm has no shards", "a first seed of its own"]);
}
