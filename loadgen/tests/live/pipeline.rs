//! The paper's pipeline: Kafka, Spark, Kafka, and the services with their page.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

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
        "--scenario pipeline/twitter-full --rate 200 --duration 15s --warm-up 5s --out",
    );
    command.arg(out.path());
    let (code, text) = watched(command);
    assert_ne!(code, Some(2), "{text}");
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
    let differences = common::differences(&outcome);
    assert!(differences.iter().any(|of| of.ends_with(".version")), "{differences:?}");
    served(&outcome, &text);
}

/// What is told of the run by the services that it had.
fn served(outcome: &Outcome, text: &str) {
    let left_out = |kind: &str| text.contains(&format!("({kind}) is left out"));
    let of_services = [
        ("backup", &["served_backup", "archived"][..]),
        ("trending", &["served_trending", "ranked"]),
        ("search", &["served_search", "findable"]),
    ];
    for (kind, names) in of_services {
        for name in names {
            let found = outcome.verdicts.iter().find(|verdict| verdict.name == *name);
            assert_eq!(found.is_some(), !left_out(kind), "{name}: {text}");
            let passed = found.is_none_or(|it| it.status == VerdictStatus::Pass);
            assert!(passed, "{found:?}");
        }
    }
    let measured = outcome.expectations.iter().all(|it| it.measured != "not measured");
    assert!(measured, "{:?}", outcome.expectations);
}

/// Runs it to its end, with a page where the services' program is there, which is looked at
/// meanwhile: its exit code, and what it said.
fn watched(mut command: Command) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_loadgen")).with_file_name("headwater-pipeline");
    let has_page = program.is_file();
    if has_page {
        command.arg("--page");
    } else {
        eprintln!("NOT TESTED: the page: cargo build --bin headwater-pipeline");
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("loadgen starts");
    let errors = BufReader::new(child.stderr.take().expect("it is piped"));
    let (sender, lines) = channel();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        for line in errors.lines().map_while(Result::ok) {
            text += &format!("{line}\n");
            // Nobody may listen any more.
            let _ = sender.send(line);
        }
        text
    });
    // What is wrong with the page is told when the run has ended, and cleared away.
    let seen = has_page.then(|| look(&lines));
    let status = child.wait().expect("it ends");
    let text = reader.join().expect("it reads");
    if let Some(seen) = seen {
        let page = seen.unwrap_or_else(|why| panic!("{why}: {text}"));
        assert!(TcpStream::connect(page).is_err(), "the page at {page} is still there");
    }
    (status.code(), text)
}

/// Waits for the page, and asks it until it shows tweets in every service and finds one; where it
/// is.
fn look(lines: &Receiver<String>) -> Result<SocketAddr, String> {
    let mut has_search = true;
    let page: SocketAddr = loop {
        let line = lines.recv_timeout(Duration::from_secs(300)).map_err(|_| "it tells no page")?;
        has_search &= !line.contains("(search) is left out");
        if let Some(at) = line.strip_prefix("page: http://") {
            break at.parse().map_err(|_| line)?;
        }
    };
    let mut last = String::new();
    for _ in 0..600 {
        match shows(page, has_search) {
            Ok(()) => return Ok(page),
            Err(why) => last = why,
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Err(last)
}

/// What the page does not show yet, if anything.
fn shows(page: SocketAddr, has_search: bool) -> Result<(), String> {
    let told = asked(page, "/api/stats")?;
    let mut services = vec![&told["backup"], &told["trending"]];
    if has_search {
        services.push(&told["search"][0]);
    }
    if let Some(empty) = services.iter().find(|of| of["distinct"].as_u64().unwrap_or(0) == 0) {
        return Err(format!("no tweet yet: {empty}"));
    }
    if told["spark"]["progress"]["numInputRows"].as_u64().is_none() {
        return Err(format!("no batch yet: {}", told["spark"]));
    }
    let top = asked(page, "/api/top?k=5")?;
    let tag = top["top"][0]["hashtag"].as_str().ok_or("no hashtag yet")?;
    if !has_search {
        return Ok(());
    }
    let tag: String = tag.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let found = asked(page, &format!("/api/search?q={tag}"))?;
    match found["hits"].as_array().is_some_and(|hits| !hits.is_empty()) {
        true => Ok(()),
        false => Err(format!("nothing with #{tag} is found: {found}")),
    }
}

fn asked(page: SocketAddr, path: &str) -> Result<serde_json::Value, String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(page)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {page}\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(|error| format!("{path}: {error}"))?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).map_err(|error| format!("{path}: {error}: {answer}"))
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
