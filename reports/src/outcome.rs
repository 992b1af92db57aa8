//! The Outcome: what a run says about itself, as versioned JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::diagram::Diagram;
use crate::error::OutcomeError;
use crate::latency::Latencies;
use crate::resource::Resources;
use crate::series::Series;
use crate::threads::Threads;

pub use crate::environment::{Environment, Host, Placement, Speed, WarmUp};
pub use crate::phase::Phase;
pub use crate::streams::{Figures, Stream, View};
pub use crate::verdict::{Conclusion, Ending, Expectation, Verdict, VerdictStatus};
pub use crate::waited::{Waited, WaitedPart};

/// The schema this build writes.
pub const SCHEMA: &str = "headwater-outcome/3";

/// The schema before it, which is still read: without `phases`, `defaults` and the scenario's
/// `text` and `digest`.
pub const SCHEMA_2: &str = "headwater-outcome/2";

/// The first schema, which is still read: one unnamed stream, planted failures counted as
/// failures, no `conclusion`.
pub const SCHEMA_1: &str = "headwater-outcome/1";

/// The name of a run's only stream, if it was given none.
const ONLY_STREAM: &str = "stream";

/// When virtual time starts, where a date is needed: 2020-01-01T00:00:00Z, milliseconds since the
/// Unix epoch. Fixed, so that a simulated run's files are the same bytes whenever it is run.
pub const VIRTUAL_EPOCH_UNIX_MS: u64 = 1_577_836_800_000;

/// What a run says about itself. Times are nanoseconds since the run's start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The scenario.
    pub scenario: Scenario,
    /// Whether it was simulated or live: for display only.
    pub source: Source,
    /// The seed of traffic, faults and every draw.
    pub seed: u64,
    /// The event chain's hash, 16 hexadecimal digits; absent for a live run.
    pub fingerprint: Option<String>,
    /// Version of headwater that ran it.
    pub version: String,
    /// What it ran on.
    pub environment: Environment,
    /// The traffic it was given.
    pub traffic: Traffic,
    /// Start of the run, milliseconds since the Unix epoch; [`VIRTUAL_EPOCH_UNIX_MS`] if simulated.
    pub started_unix_ms: u64,
    /// Length of the run, nanoseconds.
    pub duration_ns: u64,
    /// Events intended within the window are in the rates and latencies; warm-up is before it.
    pub window: Window,
    /// Whether it ran to its end.
    pub status: Status,
    /// How it came out: written for those who read only the file, and ignored when it is read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    conclusion: Option<Conclusion>,
    /// The one command line that reproduces it.
    pub reproduce: String,
    /// The streams by name. What follows are totals over them.
    #[serde(default)]
    pub streams: BTreeMap<String, Stream>,
    /// Events counted, over the whole run.
    pub counts: Counts,
    /// Mean rates, over the window.
    pub rates: Rates,
    /// Latency distributions, over the window.
    pub latency: Latencies,
    /// The window cut where faults begin and end, in order of time; none without faults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    /// Where the events at p50, p99 and the maximum waited; none unless they were followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waited: Vec<Waited>,
    /// What happened in each interval, over the whole run.
    pub series: Series,
    /// Utilisation of the resources, over the window.
    pub resources: Resources,
    /// CPU of the processes' threads, over the window; simulated threads are not told apart.
    #[serde(default, skip_serializing_if = "Threads::is_empty")]
    pub threads: Threads,
    /// Faults, as injected.
    pub faults: Vec<Fault>,
    /// Moments worth marking on the time axis.
    pub marks: Vec<Mark>,
    /// What the checkers found.
    pub verdicts: Vec<Verdict>,
    /// The scenario's expectations.
    pub expectations: Vec<Expectation>,
    /// The load generator's own health; absent where traffic costs nothing to generate.
    pub generator: Option<Generator>,
    /// The effective configuration: dotted key to value.
    pub configuration: BTreeMap<String, String>,
    /// The system's own default of each option of `configuration` that has another value, whether
    /// the scenario set it or the machine profile.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<String, String>,
    /// Where the run differs from the one that the scenario asks for; none for a simulated run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// A space-time diagram of what matters in it; absent where none was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagram: Option<Diagram>,
}

/// The scenario a run was made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name, such as `burst/castle-kafka`.
    pub name: String,
    /// File it was read from; the name again for a built-in one.
    pub file: String,
    /// One line that describes it.
    pub title: String,
    /// What its author expects to be true; the run tests it.
    pub hypothesis: String,
    /// The file's text, without what the command line laid over it (`reproduce` has that); empty
    /// where it was not recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// SHA-256 of the text, hexadecimal: what `sha256sum FILE` prints.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// Where an Outcome comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Virtual time.
    Simulated,
    /// A real cluster.
    Live,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Simulated => "simulated",
            Self::Live => "live",
        })
    }
}

/// The traffic a run was given. Two runs with the same digest had the same events at the same
/// intended times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// One line, such as `1600/s for 30 s, burst x25 at 10 s`.
    pub describes: String,
    /// Hash of the schedule, hexadecimal.
    pub digest: String,
}

/// The measurement window, nanoseconds since the run's start: `[from_ns, until_ns)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// End of the warm-up.
    pub from_ns: u64,
    /// End of the measurement.
    pub until_ns: u64,
}

impl Window {
    /// Whether an event intended at `ns` is measured.
    #[inline]
    pub const fn contains(&self, ns: u64) -> bool {
        self.from_ns <= ns && ns < self.until_ns
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.until_ns.saturating_sub(self.from_ns) as f64 / 1e9
    }
}

/// Whether a run came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Status {
    /// It did.
    Completed,
    /// It did not; the Outcome has what was measured by then.
    Interrupted {
        /// By what.
        why: String,
    },
}

/// Events counted over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Intended by the schedule.
    pub scheduled: u64,
    /// Taken by a producer.
    pub sent: u64,
    /// Acknowledged to a producer.
    pub acked: u64,
    /// Given up by a producer with an error.
    pub failed: u64,
    /// Delivered to a reader, repeats included.
    pub delivered: u64,
    /// Acknowledged and not found when everything was read back.
    pub lost: u64,
    /// Acknowledged, and removed by retention before it was read: not among the lost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expired: u64,
    /// Found more than once: the surplus.
    pub duplicated: u64,
    /// Found behind a later event of the same key and writer.
    pub reordered: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    /// Each with its name and what it counts.
    pub fn named(&self) -> [(&'static str, u64, &'static str); 8] {
        [
            ("scheduled", self.scheduled, "intended by the schedule"),
            ("sent", self.sent, "taken by a producer"),
            ("acked", self.acked, "acknowledged"),
            ("failed", self.failed, "given up with an error"),
            ("delivered", self.delivered, "handed to a reader, repeats included"),
            ("lost", self.lost, "acknowledged, yet not found when everything was read back"),
            ("duplicated", self.duplicated, "found more than once: the surplus"),
            ("reordered", self.reordered, "found behind a later event of the same key"),
        ]
    }
}

/// A mean rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Events per second.
    pub events_per_second: f64,
    /// Payload bytes per second.
    pub bytes_per_second: f64,
}

/// Mean rates over the measurement window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// Intended by the schedule.
    pub offered: Rate,
    /// Taken by producers.
    pub sent: Rate,
    /// Acknowledged.
    pub acked: Rate,
    /// Delivered to readers.
    pub consumed: Rate,
}

impl Rates {
    /// The four with their names.
    pub fn named(&self) -> [(&'static str, Rate); 4] {
        [
            ("offered", self.offered),
            ("sent", self.sent),
            ("acked", self.acked),
            ("consumed", self.consumed),
        ]
    }

    /// JSON has no NaN and no infinity: names a rate that is one.
    pub(crate) fn check(&self) -> Result<(), String> {
        let both = |(name, rate): (_, Rate)| {
            [(name, rate.events_per_second), (name, rate.bytes_per_second)]
        };
        match self.named().into_iter().flat_map(both).find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(format!("{name} is {value}")),
            None => Ok(()),
        }
    }
}

/// A fault as it was injected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Name, such as `crash` or `slow_disk`.
    pub name: String,
    /// What it hit.
    pub target: String,
    /// From, nanoseconds.
    pub from_ns: u64,
    /// When it was lifted, nanoseconds; absent if never.
    pub until_ns: Option<u64>,
    /// Its parameters, name to value with unit.
    pub parameters: BTreeMap<String, String>,
}

/// A moment worth marking on the time axis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// When, nanoseconds.
    pub at_ns: u64,
    /// What, such as `leader_elected`.
    pub name: String,
    /// Which partition, ledger or container, and other details.
    pub detail: String,
}

/// A difference between what the scenario asks for and what the run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// What it is about: a path of the scenario, such as `system.client`.
    pub option: String,
    /// What the scenario asks for.
    pub asked: String,
    /// What was done.
    pub done: String,
    /// Why, in one sentence.
    pub why: String,
}

/// The load generator's own health.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Rate sent over rate offered, 0 to 1.
    pub achieved: f64,
    /// 99th percentile of its own lag behind the schedule, nanoseconds.
    pub lag_p99_ns: Option<u64>,
    /// Share of one core it used; absent where the platform does not say.
    pub cpu: Option<f64>,
    /// Whether the generator, not the system, set the figures.
    pub bottleneck: bool,
    /// Whether more was offered than the system took.
    pub overload: bool,
    /// Why, in one sentence.
    pub explanation: String,
}

impl Outcome {
    /// An Outcome without measurements: what a run that was interrupted at once would write. The
    /// fields that say what was measured start empty.
    pub fn empty(scenario: Scenario, source: Source, seed: u64) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            scenario,
            source,
            seed,
            fingerprint: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            environment: Environment::default(),
            traffic: Traffic::default(),
            started_unix_ms: VIRTUAL_EPOCH_UNIX_MS,
            duration_ns: 0,
            window: Window::default(),
            status: Status::Completed,
            conclusion: None,
            reproduce: String::new(),
            streams: BTreeMap::from([(ONLY_STREAM.to_owned(), Stream::default())]),
            counts: Counts::default(),
            rates: Rates::default(),
            latency: Latencies::default(),
            phases: vec![],
            waited: vec![],
            series: Series::default(),
            resources: Resources::default(),
            threads: Threads::default(),
            faults: vec![],
            marks: vec![],
            verdicts: vec![],
            expectations: vec![],
            generator: None,
            configuration: BTreeMap::new(),
            defaults: BTreeMap::new(),
            differences: vec![],
            diagram: None,
        }
    }

    /// The Outcome as JSON, ending in a newline.
    pub fn to_json(&self) -> String {
        let written = Self { conclusion: Some(self.conclusion()), ..self.clone() };
        let mut json = serde_json::to_string_pretty(&written).expect("every key is a string");
        json.push('\n');
        json
    }

    /// Writes the Outcome as JSON to `path`, replacing the file only once all is written.
    pub fn write(&self, path: &Path) -> Result<(), OutcomeError> {
        self.check()
            .map_err(|problem| OutcomeError::Inconsistent { path: path.to_owned(), problem })?;
        crate::file::replace(path, self.to_json().as_bytes())
    }

    /// Reads an Outcome from `path`.
    pub fn read(path: &Path) -> Result<Self, OutcomeError> {
        let text = fs::read(path)
            .map_err(|source| OutcomeError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads an Outcome from text; `path` is named in errors.
    pub fn parse(text: &[u8], path: &Path) -> Result<Self, OutcomeError> {
        #[derive(Deserialize)]
        struct Versioned {
            schema: Option<serde_json::Value>,
        }
        let corrupt = |error: serde_json::Error| OutcomeError::Corrupt {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            problem: without_position(&error.to_string()),
            expected: SCHEMA,
        };
        let versioned: Versioned = serde_json::from_slice(text).map_err(corrupt)?;
        let found = match versioned.schema {
            Some(serde_json::Value::String(schema)) => schema,
            Some(other) => other.to_string(),
            None => "missing".to_owned(),
        };
        if ![SCHEMA, SCHEMA_2, SCHEMA_1].contains(&found.as_str()) {
            return Err(OutcomeError::Version { path: path.to_owned(), found });
        }
        let mut outcome: Self = serde_json::from_slice(text).map_err(corrupt)?;
        outcome.conclusion = None;
        SCHEMA.clone_into(&mut outcome.schema);
        if found == SCHEMA_1 {
            outcome.bring_up_to_date();
        }
        outcome
            .check()
            .map_err(|problem| OutcomeError::Inconsistent { path: path.to_owned(), problem })?;
        Ok(outcome)
    }

    /// Adds to what was read as [`SCHEMA_1`] what [`SCHEMA_2`] has besides.
    fn bring_up_to_date(&mut self) {
        let system = self.environment.system.clone();
        let name = if system.is_empty() { ONLY_STREAM.to_owned() } else { system.clone() };
        self.mark_expected();
        self.only_stream(name, system);
    }

    /// Says that the run has one stream, called `name`, in a system such as `kafka`. Its figures
    /// are the totals; called when the verdicts are complete.
    pub fn only_stream(&mut self, name: String, system: String) {
        let mut stream = Stream { system, ..Stream::default() };
        stream.verdicts = self.statuses(None);
        self.streams = BTreeMap::from([(name, stream)]);
    }

    /// Says which fields contradict each other, if any do.
    fn check(&self) -> Result<(), String> {
        self.series.check()?;
        let intervals = self.series.len();
        for resource in self.resources.iter() {
            if !resource.series.is_empty() && resource.series.len() != intervals {
                return Err(format!(
                    "resource {} has {} intervals, series.offered has {intervals}",
                    resource.name,
                    resource.series.len()
                ));
            }
        }
        if self.window.from_ns > self.window.until_ns {
            return Err("window.from_ns is after window.until_ns".to_owned());
        }
        for fault in &self.faults {
            if fault.until_ns.is_some_and(|until| until < fault.from_ns) {
                return Err(format!("fault {} ends before it begins", fault.name));
            }
        }
        if let Some(phase) = self.phases.iter().find(|it| it.from_ns > it.until_ns) {
            return Err(format!("phase {} ends before it begins", phase.name));
        }
        Waited::check(&self.waited)?;
        self.check_streams()?;
        self.check_finite()
    }

    /// JSON has no NaN and no infinity: names a figure that is one.
    fn check_finite(&self) -> Result<(), String> {
        self.rates.check()?;
        self.threads.check()?;
        let resources = self.resources.iter().flat_map(|resource| {
            let means = [resource.utilisation_mean, resource.utilisation_max];
            let all = means.into_iter().chain(resource.series.iter().copied());
            all.map(|value| (resource.name.as_str(), value))
        });
        let gauges = self.series.gauges.iter().flat_map(|gauge| {
            gauge.values.iter().flatten().map(|value| (gauge.name.as_str(), *value))
        });
        let generator = self.generator.iter().flat_map(|generator| {
            [("generator.achieved", generator.achieved)]
                .into_iter()
                .chain(generator.cpu.map(|cpu| ("generator.cpu", cpu)))
        });
        let mut all = resources.chain(gauges).chain(generator);
        match all.find(|(_, value)| !value.is_finite()) {
            Some((name, value)) => Err(format!("{name} is {value}")),
            None => Ok(()),
        }
    }
}

/// The message without the position that `serde_json` appends: the error names it once, in front.
fn without_position(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |end| &message[..end]).to_owned()
}
