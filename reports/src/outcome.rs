//! The Outcome: what a run says about itself, simulated or live, as versioned JSON.
//!
//! Times are integer nanoseconds since the start of the run unless a name says otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::latency::Latency;

/// The schema that this version writes and reads.
pub const SCHEMA: &str = "headwater-outcome/1";

/// A run's account of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was run.
    pub scenario: Scenario,
    /// Simulated or live; a label only.
    pub source: Source,
    /// Where it ran.
    pub environment: Environment,
    /// The root of the run's randomness.
    pub seed: u64,
    /// The fingerprint of a simulated run, in hexadecimal.
    pub fingerprint: Option<String>,
    /// One command line that runs it again.
    pub reproduce: String,
    /// Whether it came to its end.
    pub status: Status,
    /// When it ran, and the part of it that was measured.
    pub window: Window,
    /// Events, over the whole run.
    pub counts: Counts,
    /// Mean rates within the measured window.
    pub rates: Rates,
    /// Latencies of the events intended within the measured window.
    pub latency: Latencies,
    /// How things went over time.
    pub series: Series,
    /// How busy everything was within the measured window.
    pub resources: Vec<Resource>,
    /// What bound the run: the busiest resource, or a limit, in words. None if nothing came near.
    pub binding_constraint: Option<String>,
    /// Faults as they were injected, in order of time.
    pub faults: Vec<FaultWindow>,
    /// What happened that a reader of the timeline wants to see, in order of time.
    pub marks: Vec<Mark>,
    /// What the checkers found.
    pub verdicts: Vec<Verdict>,
    /// What the scenario expected, and whether it was met.
    pub expectations: Vec<Expectation>,
    /// How the generator itself did.
    pub generator: Generator,
    /// The configuration, flattened: option name to value.
    pub configuration: BTreeMap<String, String>,
}

/// What was run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name, such as `burst/castle-kafka`.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// What it sets out to show.
    pub hypothesis: String,
    /// A hash of the schedule of events: runs with different ones are not comparable.
    pub traffic: String,
}

/// Simulated or live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// In virtual time.
    Simulated,
    /// Against a cluster.
    Live,
}

/// Where it ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Version of Headwater.
    pub headwater: String,
    /// The system, such as `kafka`.
    pub system: String,
    /// Its version.
    pub system_version: String,
    /// The machine profile of a simulation, or the operating system and cores of a live run.
    pub machine: String,
}

/// Whether a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state", deny_unknown_fields)]
pub enum Status {
    /// To its end.
    Completed,
    /// Cut off; what was gathered is there.
    Interrupted {
        /// By what.
        why: String,
    },
}

/// The measured window, in nanoseconds since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Start of the measured part (what comes before is warm-up).
    pub from_ns: u64,
    /// End of the measured part.
    pub until_ns: u64,
    /// End of the run, drain included.
    pub end_ns: u64,
}

/// Numbers of events over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// In the schedule.
    pub scheduled: u64,
    /// Taken by a writer.
    pub sent: u64,
    /// Acknowledged.
    pub acked: u64,
    /// Given up with an error (stored or not: unknown).
    pub failed: u64,
    /// Handed to a reader, repetitions included.
    pub delivered: u64,
    /// Acknowledged and never delivered.
    pub lost: u64,
    /// Deliveries beyond the first.
    pub duplicated: u64,
    /// Deliveries out of order.
    pub reordered: u64,
}

/// Mean rates within the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Events per second due by the schedule.
    pub offered: f64,
    /// Events per second taken by writers.
    pub sent: f64,
    /// Events per second acknowledged.
    pub acked: f64,
    /// Events per second delivered.
    pub consumed: f64,
    /// Payload bytes per second acknowledged.
    pub acked_bytes: f64,
}

/// The four latencies of an event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Intended start to actual start: the generator's own lag.
    pub schedule_lag: Latency,
    /// Actual start to acknowledgement.
    pub service: Latency,
    /// Intended start to acknowledgement: the headline.
    pub response: Latency,
    /// Intended start to delivery.
    pub end_to_end: Latency,
}

/// How things went over time, in intervals of equal length from the start of the run. Every vector
/// has one entry an interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Length of an interval.
    pub interval_ns: u64,
    /// Events due, by intended time.
    pub offered: Vec<u64>,
    /// Events taken by writers.
    pub sent: Vec<u64>,
    /// Events acknowledged, by time of acknowledgement.
    pub acked: Vec<u64>,
    /// Events delivered, by time of delivery.
    pub consumed: Vec<u64>,
    /// Events due and neither acknowledged nor failed, at the end of the interval.
    pub backlog: Vec<u64>,
    /// Median response of the events intended in the interval, in nanoseconds; null without any.
    pub response_p50_ns: Vec<Option<u64>>,
    /// 99th percentile of the same.
    pub response_p99_ns: Vec<Option<u64>>,
    /// Maximum of the same.
    pub response_max_ns: Vec<Option<u64>>,
    /// 99th percentile of the schedule lag, by intended time.
    pub schedule_lag_p99_ns: Vec<Option<u64>>,
    /// Named levels (queue lengths, unflushed bytes), at the end of each interval.
    pub gauges: BTreeMap<String, Vec<u64>>,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Name, such as `broker-1/cpu`.
    pub name: String,
    /// `cpu`, `disk`, `nic`, `thread_pool` or `limit`.
    pub kind: String,
    /// Mean share of its capacity in use within the measured window, 0 to 1.
    pub utilisation: f64,
    /// Share in use in each interval of the series.
    pub series: Vec<f64>,
    /// Requests that waited at the most (bytes for a disk).
    pub queue_max: u64,
}

/// A fault as it was injected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultWindow {
    /// Its name, such as `crash`.
    pub name: String,
    /// What it hit.
    pub target: String,
    /// When it began.
    pub from_ns: u64,
    /// When it ended, if it did.
    pub until_ns: Option<u64>,
    /// Its parameters, in words.
    pub detail: String,
}

/// A point on the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// When.
    pub at_ns: u64,
    /// What, such as `leader_elected`.
    pub name: String,
    /// Where and how, in words.
    pub detail: String,
}

/// What a checker found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Its stable name, such as `no_acked_loss`.
    pub name: String,
    /// The finding.
    pub status: Finding,
    /// What was measured, in words.
    pub measured: String,
    /// What was demanded, in words.
    pub expected: String,
    /// The first few offences, or what it means.
    pub explanation: String,
}

/// The status of a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Holds.
    Pass,
    /// Does not hold.
    Fail,
    /// Holds, but look at it.
    Warn,
    /// Said for information.
    Info,
}

/// What a scenario expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// As written, such as `response.p99 < 20ms`.
    pub expression: String,
    /// What was measured, in words.
    pub measured: String,
    /// Whether it was met.
    pub met: bool,
}

/// How the generator itself did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Events started over events due, within the window; 1 when nothing was due.
    pub achieved: f64,
    /// True if the generator, not the system, limited the run.
    pub bottleneck: bool,
    /// True if the system fell behind and did not catch up within the window.
    pub overloaded: bool,
    /// Why, in words.
    pub explanation: String,
}

impl Outcome {
    /// An outcome with nothing in it yet.
    pub fn new(scenario: Scenario, source: Source, environment: Environment, seed: u64) -> Self {
        Self {
            schema: SCHEMA.into(),
            scenario,
            source,
            environment,
            seed,
            fingerprint: None,
            reproduce: String::new(),
            status: Status::Completed,
            window: Window::default(),
            counts: Counts::default(),
            rates: Rates::default(),
            latency: Latencies::default(),
            series: Series::default(),
            resources: Vec::new(),
            binding_constraint: None,
            faults: Vec::new(),
            marks: Vec::new(),
            verdicts: Vec::new(),
            expectations: Vec::new(),
            generator: Generator::default(),
            configuration: BTreeMap::new(),
        }
    }

    /// True if the run completed and every expectation was met. A failed verdict counts unless an
    /// expectation names it (`verdict.NAME = "fail"`), as a scenario with a planted fault does.
    pub fn ok(&self) -> bool {
        let expected = |verdict: &Verdict| {
            let name = format!("verdict.{} ", verdict.name);
            self.expectations.iter().any(|of| of.expression.starts_with(&name))
        };
        let failed = |verdict: &&Verdict| verdict.status == Finding::Fail && !expected(verdict);
        self.status == Status::Completed
            && self.expectations.iter().all(|expectation| expectation.met)
            && !self.verdicts.iter().any(|verdict| failed(&verdict))
    }

    /// A small stable digest for snapshot tests: whole numbers and names only.
    pub fn compact(&self) -> serde_json::Value {
        let verdicts: BTreeMap<_, _> =
            self.verdicts.iter().map(|verdict| (&verdict.name, verdict.status)).collect();
        let met: BTreeMap<_, _> =
            self.expectations.iter().map(|of| (&of.expression, of.met)).collect();
        let mut marks: BTreeMap<&str, u64> = BTreeMap::new();
        for mark in &self.marks {
            *marks.entry(&mark.name).or_default() += 1;
        }
        serde_json::json!({
            "scenario": self.scenario.name,
            "seed": self.seed,
            "fingerprint": self.fingerprint,
            "counts": self.counts,
            "schedule_lag_us": self.latency.schedule_lag.compact_us(),
            "response_us": self.latency.response.compact_us(),
            "end_to_end_us": self.latency.end_to_end.compact_us(),
            "binding_constraint": self.binding_constraint,
            "marks": marks,
            "verdicts": verdicts,
            "expectations": met,
        })
    }
}
