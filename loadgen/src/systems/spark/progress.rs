//! What `Job.java` tells of its queries: a JSON object a line, of which the batches' are
//! `StreamingQueryProgress.json` (`progress.scala` @ apache/spark v3.5.1).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::{Failure, Result};
use crate::launch::log_line::unix_ms;
use crate::systems::engine::{Batch, Progress, WHOLE};

/// The parts of a batch's time, by Spark's names, and the gauges of the model.
const PARTS: [(&str, &str); 6] = [
    ("triggerExecution", WHOLE),
    ("latestOffset", "latest_offset_ms"),
    ("walCommit", "wal_commit_ms"),
    ("queryPlanning", "query_planning_ms"),
    ("addBatch", "add_batch_ms"),
    ("commitOffsets", "commit_offsets_ms"),
];

/// A line.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    Ready { query: u32 },
    Repeats { query: u32, batch: u64 },
    Progress { query: u32, progress: Told },
}

/// A batch, as Spark reports it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    batch_id: u64,
    /// Such as `2026-11-30T21:43:32.000Z`.
    timestamp: String,
    num_input_rows: u64,
    duration_ms: BTreeMap<String, u64>,
    #[serde(default)]
    observed_metrics: BTreeMap<String, Observed>,
}

/// What was counted on the way.
#[derive(Deserialize)]
struct Observed {
    rows: u64,
    parsed: u64,
}

/// What is told of a query.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    /// It has begun, and waits for data.
    pub(super) ready: bool,
    /// Its batches.
    pub(super) progress: Progress,
}

/// Reads what is told of the query of this number. A last line that is not whole is being written.
///
/// # Errors
/// The first line that is none of its own, with its number.
pub(super) fn read(text: &str, query: u32) -> Result<Account> {
    let mut account = Account::default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    for (number, line) in (1..).zip(whole.lines()) {
        let wrong = |why: String| Failure::new(format!("line {number} of the progress: {why}"));
        let line = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        let of = |number: u32| number == query;
        match line {
            Line::Ready { query } if of(query) => account.ready = true,
            Line::Repeats { query, batch } if of(query) => account.progress.repeated.push(batch),
            Line::Progress { query, progress } if of(query) => {
                account.progress.batches.extend(batch(progress).map_err(wrong)?);
            }
            _ => {}
        }
    }
    Ok(account)
}

/// A trigger that took nothing is none: what Spark reports of it is that it looked.
fn batch(told: Told) -> std::result::Result<Option<Batch>, String> {
    if told.num_input_rows == 0 && !told.duration_ms.contains_key("addBatch") {
        return Ok(None);
    }
    let unreadable =
        told.observed_metrics.values().map(|of| of.rows.saturating_sub(of.parsed)).sum();
    let part = |(name, gauge): &(&str, &'static str)| {
        told.duration_ms.get(*name).map(|took| (*gauge, *took))
    };
    Ok(Some(Batch {
        number: told.batch_id,
        began_unix_us: unix_us(&told.timestamp)?,
        rows: told.num_input_rows,
        unreadable,
        took_ms: PARTS.iter().filter_map(part).collect(),
    }))
}

/// Microseconds since 1970 of a time such as `2026-11-30T21:43:32.000Z`.
fn unix_us(text: &str) -> std::result::Result<u64, String> {
    let ms = text.strip_suffix('Z').and_then(|time| unix_ms(time, [b'T', b'.']));
    ms.map(|ms| ms * 1_000)
        .ok_or_else(|| format!("`{text}` is no time such as 2026-11-30T21:43:32.000Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a query has told it, shortened by what is not read.
    fn told() -> String {
        let line = r#"{"event":"progress","query":2,"progress":{
            "id":"b9c2","runId":"5f2e","name":"query-2","timestamp":"2026-11-30T21:43:32.250Z",
            "batchId":7,"batchDuration":2264,"numInputRows":327,
            "durationMs":{"addBatch":193,"commitOffsets":12,"getBatch":1,"latestOffset":17,
                "queryPlanning":6,"triggerExecution":226,"walCommit":11},
            "stateOperators":[],"sources":[],"sink":{"numOutputRows":-1},
            "observedMetrics":{"tweets":{"rows":327,"parsed":325}}}}"#;
        line.replace('\n', "")
    }

    #[test]
    fn a_batch_is_read_with_its_parts_and_its_time() {
        let account = read(&format!("{}\n", told()), 2).unwrap();
        let batch = &account.progress.batches[0];
        assert_eq!((batch.number, batch.rows, batch.unreadable), (7, 327, 2));
        assert_eq!(batch.began_unix_us, 1_796_075_012_250_000);
        assert_eq!(batch.ended_unix_us(), 1_796_075_012_476_000);
        assert_eq!(batch.took_ms["add_batch_ms"], 193);
        assert_eq!(batch.took_ms.len(), PARTS.len());
        assert!(!account.ready);
    }

    #[test]
    fn other_queries_idle_triggers_and_half_a_line_are_passed_over() {
        let other = told().replace("\"query\":2", "\"query\":1");
        let idle = r#"{"event":"progress","query":2,"progress":{
            "timestamp":"2026-11-30T21:43:42.000Z","batchId":8,"numInputRows":0,
            "durationMs":{"latestOffset":2,"triggerExecution":2}}}"#;
        let (this, idle) = (told(), idle.replace('\n', ""));
        let lines = [
            &*other,
            r#"{"event":"ready","query":2}"#,
            r#"{"event":"repeats","query":2,"batch":7}"#,
            &this,
            &idle,
            "{\"event\":\"pro",
        ];
        let account = read(&lines.join("\n"), 2).unwrap();
        assert!(account.ready);
        assert_eq!((account.progress.batches.len(), &*account.progress.repeated), (1, &[7][..]));
    }

    #[test]
    fn a_line_that_is_none_is_an_error_with_its_number() {
        let said = |line: &str| read(&format!("{}\n{line}\n", told()), 2).unwrap_err().to_string();
        let text = said("Exception in thread");
        assert!(text.starts_with("line 2 of the progress: "), "{text}");
        let text = said(&told().replace("2026-11-30T", "2026-13 "));
        assert!(text.contains("is no time such as"), "{text}");
    }
}
