//! The part of an Outcome that a golden snapshot holds: short, and free of floating point.

use serde_json::{Map, Value, json};

use crate::latency::Latency;
use crate::outcome::{Outcome, Status};

impl Outcome {
    /// A small JSON value for snapshots: counts, fingerprint, verdicts, expectations, percentiles
    /// in whole microseconds and rates in whole events per second.
    pub fn compact(&self) -> Value {
        let status = match &self.status {
            Status::Completed => "completed".to_owned(),
            Status::Interrupted { why } => format!("interrupted: {why}"),
        };
        let latency: Map<String, Value> = self
            .latency
            .named()
            .into_iter()
            .filter(|(_, latency)| latency.count() > 0)
            .map(|(name, latency)| (format!("{name} us"), percentiles(latency)))
            .collect();
        let rates: Map<String, Value> = self
            .rates
            .named()
            .into_iter()
            .map(|(name, rate)| (name.to_owned(), json!(rate.events_per_second.round() as u64)))
            .collect();
        let verdicts: Vec<String> = self
            .verdicts
            .iter()
            .map(|verdict| {
                let stream = verdict.stream.as_ref().map(|name| format!("{name}: "));
                let stream = stream.unwrap_or_default();
                format!("{} {stream}{}: {}", verdict.status, verdict.name, verdict.measured)
            })
            .collect();
        let expectations: Vec<String> = self
            .expectations
            .iter()
            .map(|expectation| {
                let word = if expectation.ok { "met" } else { "not met" };
                format!("{word} {}: {}", expectation.expression, expectation.measured)
            })
            .collect();
        let faults: Vec<String> = self
            .faults
            .iter()
            .map(|fault| {
                format!("{} {} at {} ms", fault.name, fault.target, fault.from_ns / 1_000_000)
            })
            .collect();
        let streams: Map<String, Value> = self
            .several()
            .into_iter()
            .map(|(name, _, view)| {
                let latency = percentiles(&view.latency.end_to_end);
                (name.to_owned(), json!({ "counts": view.counts, "end to end us": latency }))
            })
            .collect();
        let mut compact = json!({
            "scenario": self.scenario.name,
            "source": self.source,
            "seed": self.seed,
            "fingerprint": self.fingerprint,
            "status": status,
            "traffic": self.traffic.digest,
            "counts": self.counts,
            "rates": rates,
            "latency": latency,
            "binding": self.resources.binding().map(|binding| binding.to_string()),
            "faults": faults,
            "verdicts": verdicts,
            "expectations": expectations,
        });
        if !streams.is_empty() {
            compact["streams"] = Value::Object(streams);
        }
        compact
    }
}

/// Percentiles in whole microseconds, those that may be read.
fn percentiles(latency: &Latency) -> Value {
    let summary = latency.summary();
    let mut all: Map<String, Value> = summary
        .percentiles()
        .into_iter()
        .filter_map(|(name, ns)| Some((name.to_owned(), json!((ns? + 500) / 1_000))))
        .collect();
    all.insert("count".to_owned(), json!(summary.count));
    all.insert("max".to_owned(), json!((summary.max_ns + 500) / 1_000));
    Value::Object(all)
}
