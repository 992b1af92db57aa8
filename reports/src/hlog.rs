//! Histograms as an HdrHistogram interval log, for the tools that read one.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::error::OutcomeError;
use crate::file;
use crate::outcome::Outcome;

/// The measurement window's four histograms as an interval log (`.hlog`), in nanoseconds with the
/// maximum in milliseconds: response time untagged, because the Java `HistogramLogProcessor` wants
/// an untagged series, the others tagged `service`, `schedule-lag` and `end-to-end`. There is no
/// blank line, which Java calls malformed. One interval: the window. Where there are several
/// streams these are the totals, and those of each stream follow, tagged with its name
/// (`ingest.response`).
pub fn hlog(outcome: &Outcome) -> String {
    let start = UNIX_EPOCH + Duration::from_millis(outcome.started_unix_ms);
    let mut serializer = V2DeflateSerializer::new();
    let mut bytes = vec![];
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!(
            "[headwater {}: {}, {}, seed {}; nanoseconds]",
            outcome.version,
            one_line(&outcome.scenario.name),
            outcome.source,
            outcome.seed
        ))
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(1e6)
        .begin_log_with(&mut bytes, &mut serializer)
        .expect("writing to memory does not fail");
    writer
        .write_comment(
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
             \"Interval_Compressed_Histogram\"",
        )
        .expect("writing to memory does not fail");
    let from = Duration::from_nanos(outcome.window.from_ns);
    let length = Duration::from_nanos(outcome.window.until_ns - outcome.window.from_ns);
    let latency = &outcome.latency;
    let series = [
        (&latency.response, None),
        (&latency.service, Some("service")),
        (&latency.schedule_lag, Some("schedule-lag")),
        (&latency.end_to_end, Some("end-to-end")),
    ];
    for (latency, tag) in series {
        if latency.count() > 0 {
            writer
                .write_histogram(latency.histogram(), from, length, tag.and_then(Tag::new))
                .expect("writing to memory does not fail");
        }
    }
    for (name, _, view) in outcome.several() {
        let latency = view.latency;
        let series = [
            (&latency.response, "response"),
            (&latency.service, "service"),
            (&latency.schedule_lag, "schedule-lag"),
            (&latency.end_to_end, "end-to-end"),
        ];
        for (latency, what) in series.into_iter().filter(|(latency, _)| latency.count() > 0) {
            let tag = format!("{name}.{what}");
            writer
                .write_histogram(latency.histogram(), from, length, Tag::new(&tag))
                .expect("writing to memory does not fail");
        }
    }
    String::from_utf8(bytes).expect("a log is text")
}

/// Writes [`hlog`] to `path`.
pub fn write_hlog(outcome: &Outcome, path: &Path) -> Result<(), OutcomeError> {
    file::replace(path, hlog(outcome).as_bytes())
}

/// Line breaks would end the comment.
fn one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}
