//! `--set`: values as people type them, and errors that point at the argument.

use crate::{GOOD, errors, headwater, refused};

/// Runs `command` on the good scenario with these settings.
fn set(command: &str, settings: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, GOOD).expect("a temporary file");
    let mut arguments = vec![command, path.to_str().expect("a plain path")];
    settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    headwater(&arguments)
}

/// What `headwater check` says of the good scenario with these settings.
#[track_caller]
fn checked(settings: &[&str]) -> String {
    let output = set("check", settings);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_version_and_a_rate_are_taken_as_they_are_typed() {
    assert!(checked(&["system.version=3.9"]).contains("kafka 3.9"));
    for (typed, rate) in
        [("1600", "1600/s"), ("50k/s", "50000/s"), ("1e4/s", "10000/s"), ("0.5", "30/min")]
    {
        let told = checked(&[&format!("traffic.rate={typed}")]);
        assert!(told.contains(&format!("traffic     {rate} for")), "{typed}: {told}");
    }
}

#[test]
fn a_version_that_reads_as_a_number_is_laid_over_the_cases_of_a_swarm_too() {
    let output = headwater(&[
        "swarm",
        "swarm/kafka",
        "--seeds",
        "1",
        "--set",
        "system.version=3.9",
        "--set",
        "traffic.duration=40s",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
}

#[test]
fn an_error_in_a_setting_points_at_the_setting() {
    let here = "--> the command line:1:";
    let wrong = [
        ("system.brokrs=3", "did you mean `brokers`?"),
        ("system.producer.linger.sm=3", "did you mean `linger.ms`?"),
        ("system.prodcer.linger.ms=3", "prodcer"),
        ("traffic.rate=fast", "1600/s"),
        ("traffic.duration=30", "20ms"),
        ("traffic.rate=9e99/s", "1600/s"),
        ("system.version=3.7", "3.7"),
        ("system.replication.factor=9", "only 1 brokers"),
        ("measure.warm_up=9s", "leaves nothing to measure"),
        ("expect.response.p99=5", "20ms"),
        ("sytem.brokers=3", "did you mean `[system]`?"),
        ("profile=nowhere", "nowhere"),
    ];
    for (setting, want) in wrong {
        let output = set("check", &[setting]);
        refused(&output, &[here, &format!("--set {setting}"), want]);
        assert!(!errors(&output).contains("scenario.toml"), "{setting}: {}", errors(&output));
    }
    let two = set("check", &["traffic.rate=fast", "system.brokrs=3"]);
    refused(&two, &["--set traffic.rate=fast", "--set system.brokrs=3", "2 errors"]);
    let file = set("check", &["system.brokers=5", "traffic.rate=fast"]);
    assert!(!errors(&file).contains("brokers=5"), "{}", errors(&file));
}

#[test]
fn acks_other_than_all_switch_the_default_idempotence_off_as_kafka_does() {
    let told = |setting: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("scenario.toml");
        std::fs::write(&path, GOOD).expect("a temporary file");
        let path = path.to_str().expect("a plain path");
        let output = headwater(&["check", path, "--json", "--set", setting]);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        told["configuration"]["producer.enable.idempotence"].clone()
    };
    assert_eq!(told("system.producer.acks=1"), "false");
    assert_eq!(told("system.producer.acks=all"), "true");
    assert_eq!(told("system.client=librdkafka"), "false");
    let both = set("check", &["system.producer.acks=1", "system.producer.enable.idempotence=true"]);
    refused(&both, &["enable.idempotence needs acks -1", "--set system.producer."]);
}

#[test]
fn a_number_below_zero_is_out_of_range_and_no_option() {
    refused(&headwater(&["run", "x", "--seed", "-1"]), &["value '-1' for '--seed", "from 0 to"]);
    let swarm = ["swarm", "x", "--seeds", "-5"];
    refused(&headwater(&swarm), &["invalid value '-5' for '--seeds"]);
}

#[test]
fn sizes_with_units_are_taken_where_bytes_are_asked_for_and_refused_elsewhere() {
    let set = |scenario: &str, setting: &str| headwater(&["check", scenario, "--set", setting]);
    for (scenario, setting) in [
        ("what-if/tier-out", "system.segment_store.pravegaservice.cache.size.max=64MiB"),
        ("what-if/tier-out", "system.bookkeeper.write.outstanding.bytes.max=16MiB"),
        ("what-if/tier-out", "system.bookie.journalMaxSizeMB=1GiB"),
        ("faults/broker-crash", "system.producer.buffer.memory=64MiB"),
        ("faults/broker-crash", "system.broker.replica.fetch.max.bytes=2MiB"),
    ] {
        let output = set(scenario, setting);
        assert_eq!(output.status.code(), Some(0), "{setting}: {}", errors(&output));
    }
    for setting in ["system.bookkeeper.ensemble.size=3KiB", "system.segments=4KiB"] {
        assert_eq!(set("what-if/tier-out", setting).status.code(), Some(2), "{setting}");
    }
}
