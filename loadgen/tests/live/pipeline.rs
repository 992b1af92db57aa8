//! The paper's pipeline: Kafka, Spark, Kafka.

use headwater_reports::Outcome;
use headwater_reports::outcome::VerdictStatus;

use super::{common, turn};

fn verdict<'a>(outcome: &'a Outcome, name: &str, stream: &str) -> (VerdictStatus, &'a str) {
    let of = |stream: &str| Some(stream.to_owned());
    let found = outcome.verdicts.iter().find(|it| it.name == name && it.stream == of(stream));
    let found = found.unwrap_or_else(|| panic!("no {name} of {stream}: {:?}", outcome.verdicts));
    (found.status, &found.measured)
}

#[test]
fn each_tweet_comes_out_of_spark_once_and_batches_are_reported() {
    let Some(_turn) = turn("each_tweet_comes_out_of_spark_once") else { return };
    let out = tempfile::tempdir().unwrap();
    let mut command = common::loadgen(
        "--scenario pipeline/twitter-1600 --rate 200 --duration 15s --warm-up 5s --out",
    );
    command.arg(out.path());
    let output = common::run(command);
    let text = common::errors(&output);
    assert_ne!(output.status.code(), Some(2), "{text}");
    let outcome = common::outcome(out.path());

    let counts = outcome.counts;
    assert!((2_500..3_500).contains(&counts.scheduled), "{counts:?}");
    assert_eq!((counts.failed, counts.lost), (0, 0), "{counts:?}");
    assert_eq!((counts.acked, counts.delivered), (counts.scheduled, counts.scheduled));
    for (name, stream) in
        [("each_once", "trends"), ("events_parse", "trends"), ("handed_on", "trends")]
    {
        let (status, measured) = verdict(&outcome, name, stream);
        assert_eq!(status, VerdictStatus::Pass, "{name} of {stream}: {measured}");
    }
    let streams: Vec<_> = outcome.streams.keys().map(String::as_str).collect();
    assert_eq!(streams, ["engine", "trends", "tweets"]);
    assert!(outcome.streams.values().all(|stream| stream.passage.is_some()));

    // Spark's own account, and what is made of it.
    let told = std::fs::read_to_string(out.path().join("batches.jsonl")).unwrap();
    let batches = told.lines().filter(|line| line.contains("\"numInputRows\"")).count();
    assert!(batches >= 5, "{told}");
    let gauge = |name: &str| outcome.series.gauges.iter().find(|gauge| gauge.name == name);
    let took = gauge("engine.driver-1/trigger_execution_ms").expect("it is told");
    assert!(took.values.iter().flatten().any(|ms| *ms > 0.0), "{took:?}");
    let stages = std::fs::read_to_string(out.path().join("stages.json")).unwrap();
    let stages: serde_json::Value = serde_json::from_str(&stages).unwrap();
    assert!(stages["end_to_end_ms"]["p50"].as_f64().is_some_and(|ms| ms > 0.0), "{stages}");
    assert!(common::differences(&outcome).contains(&"system.1.version"));
}

/// Spark is killed while batches are made, and started again.
const KILLED: &str = "title = 'Spark is killed, and goes on from its checkpoint'
hypothesis = 'A batch is made again at the most: nothing is lost.'
profile = 'small-vm'
[[system]]
name = 'tweets'
kind = 'kafka'
partitions = 2
[[system]]
name = 'engine'
kind = 'spark'
from = 'tweets'
trigger = '500ms'
cores = 2
[[system]]
name = 'trends'
kind = 'kafka'
from = 'engine'
partitions = 2
[traffic]
rate = '200/s'
duration = '12s'
[[fault]]
kind = 'crash'
target = 'engine.driver-1'
at = '6250ms'
for = '500ms'
[expect]
lost = 0
";

#[test]
fn spark_that_is_killed_goes_on_from_its_checkpoint_and_loses_nothing() {
    let Some(_turn) = turn("spark_that_is_killed_goes_on") else { return };
    let (out, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::with_suffix(".toml"));
    let file = file.unwrap();
    std::fs::write(file.path(), KILLED).unwrap();
    let mut command = common::loadgen("--warm-up 0s --scenario");
    command.arg(file.path()).arg("--out").arg(out.path());
    let output = common::run(command);
    assert_ne!(output.status.code(), Some(2), "{}", common::errors(&output));
    let outcome = common::outcome(out.path());
    assert_eq!(outcome.faults.len(), 1, "{:?}", outcome.faults);
    assert_eq!((outcome.counts.failed, outcome.counts.lost), (0, 0), "{:?}", outcome.counts);
    let (status, measured) = verdict(&outcome, "each_once", "trends");
    assert_eq!(status, VerdictStatus::Pass, "{measured}");
}
