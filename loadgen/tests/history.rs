//! The history of a live run, written down: it is checked again as the run was, and an anomaly of
//! each kind that is planted in it is told by its name, and by no other.

mod common;

use std::path::Path;

use headwater_reports::outcome::VerdictStatus;
use serde_json::{Value, json};

/// Runs on the log for a second, and gives its history's lines, and the outcome.
fn recorded(out: &Path) -> (Vec<Value>, headwater_reports::Outcome) {
    let mut command =
        common::loadgen("--target log --rate 400 --duration 1s --warm-up 0s --seed 5");
    command.args(["--set", "promise.once=stored"]);
    command.arg("--history").arg(out.join("run.jsonl")).arg("--out").arg(out.join("out"));
    let output = common::run({
        command.env("HEADWATER_CACHE", out.join("cache"));
        command
    });
    assert_eq!(output.status.code(), Some(0), "{}", common::errors(&output));
    let text = std::fs::read_to_string(out.join("run.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (lines, common::outcome(&out.join("out")))
}

/// What `loadgen check` says of these lines: its exit code, and its verdicts.
fn checked(out: &Path, lines: &[Value]) -> (Option<i32>, Vec<Value>) {
    let file = out.join("planted.jsonl");
    let text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    std::fs::write(&file, text.join("\n") + "\n").unwrap();
    let output = common::run({
        let mut command = common::loadgen("check --json");
        command.arg(&file);
        command
    });
    let verdicts = serde_json::from_slice(&output.stdout);
    (output.status.code(), verdicts.unwrap_or_else(|_| panic!("{}", common::errors(&output))))
}

/// The checkers that fail, each with what it calls what it found.
fn found(out: &Path, lines: &[Value]) -> Vec<(String, String)> {
    let (code, verdicts) = checked(out, lines);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let failed = verdicts.iter().filter(|verdict| verdict["passed"] == false);
    let all = failed.flat_map(|verdict| {
        let found = verdict["findings"].as_array().unwrap().iter();
        found.map(|finding| (text(&verdict["name"]), text(&finding["what"])))
    });
    let mut all: Vec<_> = all.collect();
    all.sort();
    all.dedup();
    assert_eq!(code, Some(i32::from(!all.is_empty())));
    all
}

/// A number of a read.
fn of(line: &Value, field: &str) -> u64 {
    line["read"][field].as_u64().unwrap()
}

fn is_read(line: &Value) -> bool {
    line.get("read").is_some()
}

/// A history in which everything was read a second time, by another reader, when all was over: what
/// was read only once can't be told from what is not there any more.
struct History {
    lines: Vec<Value>,
    /// The lane that has most events, and its events' number.
    lane: u64,
    events: u64,
}

impl History {
    fn read_twice(mut lines: Vec<Value>) -> Self {
        let end = lines.pop().unwrap();
        assert!(end.get("promised").is_some(), "{end}");
        let reads: Vec<Value> = lines.iter().filter(|line| is_read(line)).cloned().collect();
        let last = reads.iter().map(|line| of(line, "at")).max().unwrap();
        for (number, mut line) in (1..).zip(reads.clone()) {
            line["read"]["reader"] = json!(1);
            line["read"]["at"] = json!(last + 1_000_000 * number);
            lines.push(line);
        }
        lines.push(end);
        let count = |lane| reads.iter().filter(|line| of(line, "lane") == lane).count() as u64;
        let (events, lane) = (0..64).map(|lane| (count(lane), lane)).max().unwrap();
        assert!(events >= 10, "{events} events on lane {lane}");
        Self { lines, lane, events }
    }

    /// Whether a line is a read at this position of the lane.
    fn at(&self, line: &Value, position: u64) -> bool {
        self.in_lane(line) && of(line, "position") == position
    }

    fn in_lane(&self, line: &Value) -> bool {
        is_read(line) && of(line, "lane") == self.lane
    }

    /// The same with everything from a position on further by so many.
    fn shifted(&self, from: u64, by: i64) -> Vec<Value> {
        let mut lines = self.lines.clone();
        for line in lines.iter_mut().filter(|line| self.in_lane(line)) {
            let position = of(line, "position");
            if position >= from {
                line["read"]["position"] = json!(position.checked_add_signed(by).unwrap());
            }
        }
        lines
    }

    /// The event at a position is not there, and was never.
    fn lost(&self, position: u64) -> Vec<Value> {
        let mut lines = self.shifted(position + 1, -1);
        let mut gone = self.lines.iter().map(|line| self.at(line, position));
        lines.retain(|_| !gone.next().unwrap());
        lines
    }

    /// The last so many of the lane are not shown to these readers.
    fn without_tail(&self, count: u64, readers: &[u64]) -> Vec<Value> {
        let shown = |line: &&Value| {
            !self.in_lane(line)
                || of(line, "position") < self.events - count
                || !readers.contains(&of(line, "reader"))
        };
        self.lines.iter().filter(shown).cloned().collect()
    }

    /// Behind the event at a position stands a copy of `seq`.
    fn with_another(&self, position: u64, seq: u64) -> Vec<Value> {
        let mut lines = Vec::new();
        for line in self.shifted(position + 1, 1) {
            lines.push(line.clone());
            if self.at(&line, position) {
                let mut copy = line;
                copy["read"]["position"] = json!(position + 1);
                copy["read"]["seq"] = json!(seq);
                lines.push(copy);
            }
        }
        lines
    }

    /// The event at a position and the next stand the other way round.
    fn reordered(&self, position: u64) -> Vec<Value> {
        let seq = |position| {
            let line = self.lines.iter().find(|line| self.at(line, position)).unwrap();
            line["read"]["seq"].clone()
        };
        let (first, second) = (seq(position), seq(position + 1));
        let mut lines = self.lines.clone();
        for line in &mut lines {
            if self.at(line, position) {
                line["read"]["seq"] = second.clone();
            } else if self.at(line, position + 1) {
                line["read"]["seq"] = first.clone();
            }
        }
        lines
    }

    /// The payload at a position came back damaged to these readers.
    fn damaged(&self, position: u64, readers: &[u64]) -> Vec<Value> {
        let mut lines = self.lines.clone();
        for line in lines.iter_mut().filter(|line| self.at(line, position)) {
            let (at, reader) = (of(line, "at"), of(line, "reader"));
            if readers.contains(&reader) {
                let what = "checksum 00000000000000ff in the payload";
                *line = json!({ "damaged": { "at": at, "reader": reader, "what": what } });
            }
        }
        lines
    }

    /// The seq of the event at a position.
    fn seq(&self, position: u64) -> u64 {
        of(self.lines.iter().find(|line| self.at(line, position)).unwrap(), "seq")
    }
}

#[test]
fn an_anomaly_of_each_kind_in_a_recorded_history_is_told_by_its_name() {
    let out = tempfile::tempdir().unwrap();
    let (lines, outcome) = recorded(out.path());
    the_same_as_of_the_run(out.path(), &lines, &outcome);
    let history = History::read_twice(lines);
    assert_eq!(found(out.path(), &history.lines), [], "nothing is planted");
    let (middle, last) = (history.events / 2, history.events - 1);
    let planted = [
        ("no_acked_loss", "lost", history.lost(middle)),
        ("no_acked_loss", "never read", history.without_tail(1, &[0, 1])),
        ("no_duplicates", "stored twice", history.with_another(middle, history.seq(middle))),
        ("order_per_lane", "out of order", history.reordered(middle)),
        ("payloads_intact", "damaged", history.damaged(middle, &[1])),
        ("only_sent", "never sent", history.with_another(last, history.seq(last) + 7)),
        ("reads_fresh", "stale read", history.without_tail(2, &[1])),
    ];
    for (checker, what, lines) in &planted {
        let expected = [((*checker).to_owned(), (*what).to_owned())];
        assert_eq!(found(out.path(), lines), expected, "{what} was planted");
    }
    // What nobody has whole is damaged, and lost as well.
    let both = found(out.path(), &history.damaged(middle, &[0, 1]));
    let has = |what: &str| both.iter().any(|(_, have)| have == what);
    assert!(has("damaged") && has("lost"), "{both:?}");
    a_file_that_is_not_whole_is_refused(out.path(), &history.lines);
}

/// The verdicts of the run itself, in the same words.
fn the_same_as_of_the_run(out: &Path, lines: &[Value], outcome: &headwater_reports::Outcome) {
    let (code, verdicts) = checked(out, lines);
    assert_eq!(code, Some(0));
    let mut looked_at = 0;
    for verdict in &verdicts {
        let of_run = outcome.verdicts.iter().find(|of_run| verdict["name"] == of_run.name);
        let of_run = of_run.unwrap_or_else(|| panic!("{verdict} is not of the run"));
        if of_run.status == VerdictStatus::Pass {
            assert_eq!(verdict["summary"], of_run.measured, "{}", of_run.name);
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 8, "{verdicts:?}");
}

fn a_file_that_is_not_whole_is_refused(out: &Path, lines: &[Value]) {
    let refused = |lines: &[String]| {
        let file = out.join("broken.jsonl");
        std::fs::write(&file, lines.join("\n")).unwrap();
        let mut command = common::loadgen("check");
        command.arg(&file);
        common::failure(&common::run(command))
    };
    let mut text: Vec<String> = lines.iter().map(ToString::to_string).collect();
    let end = text.pop().unwrap();
    let cut = refused(&text);
    assert!(cut.contains("cut off; expected a last line of `promised`"), "{cut}");
    text[4] = text[4].replacen("{\"", "{\"not_", 1);
    text.push(end);
    let wrong = refused(&text);
    assert!(wrong.contains("broken.jsonl:5: ") && wrong.contains("expected one of"), "{wrong}");
    let none = refused(&["title = \"a scenario\"".to_owned()]);
    assert!(none.contains("broken.jsonl:1: "), "{none}");
}
