//! The account: from what was observed, simulated or live, to an Outcome.

use headwater_reports::outcome::{
    self, Environment, Fault, Generator, Mark, Source, Traffic, VerdictStatus,
};
use headwater_reports::{Gauge, Outcome, Recorder, Resource, Resources};

use crate::observe::Started;
use crate::scenario::Scenario;
use crate::scenario::expect::{Expectation, Quantity};
use crate::units::Time;
use headwater_check::{Finding, History, Suite, Verdict};

/// What was observed of a run.
pub struct Account {
    /// Simulated or live.
    pub source: Source,
    /// What it ran on.
    pub environment: Environment,
    /// The digest of the schedule ([`crate::observe::ScheduleDigest`]).
    pub digest: String,
    /// Latencies, counts, series.
    pub recorder: Recorder,
    /// When events were taken, where the recorder was not told in the order of time.
    pub started: Option<Started>,
    /// What the checkers need.
    pub history: History,
    /// End of the run, drain included.
    pub end: Time,
    /// Somebody reads everything.
    pub readers: bool,
    /// The readers had time to read everything.
    pub drained: bool,
    /// Events that were due when the system should have healed, and given up by their writer; 0
    /// where nobody counts.
    pub given_up: u64,
    /// How busy everything was.
    pub resources: Vec<Resource>,
    /// Named levels, an entry per interval.
    pub gauges: Vec<Gauge>,
    /// Faults as they were injected.
    pub faults: Vec<Fault>,
    /// What happened.
    pub marks: Vec<Mark>,
    /// The health of a live generator.
    pub generator: Option<Generator>,
}

/// Accounts for a run: counts, rates, latencies, series, verdicts, expectations. The caller adds
/// the fingerprint, the status and the line that reproduces it.
pub fn account(scenario: &Scenario, seed: u64, observed: Account) -> Outcome {
    judge(scenario, seed, observed).0
}

/// As [`account`], with the verdicts of the checkers in full.
pub fn judge(scenario: &Scenario, seed: u64, observed: Account) -> (Outcome, Vec<Verdict>) {
    let about = outcome::Scenario {
        name: scenario.name.clone(),
        file: scenario.name.clone(),
        title: scenario.title.clone(),
        hypothesis: scenario.hypothesis.clone(),
    };
    let mut outcome = Outcome::empty(about, observed.source, seed);
    outcome.environment = observed.environment.clone();
    outcome.traffic = Traffic { describes: describe(scenario), digest: observed.digest.clone() };
    let mut promises = scenario.promise.promises(&scenario.system, observed.drained);
    promises.no_acked_loss &= observed.readers;
    let mut verdicts = Suite::from(promises).run(&observed.history);
    if scenario.promise.converges {
        verdicts.push(converges(&observed));
        verdicts.extend(observed.history.properties().eventually());
    }
    outcome.counts.lost = violations(&verdicts, "no_acked_loss");
    outcome.counts.duplicated = violations(&verdicts, "no_duplicates");
    outcome.counts.reordered = violations(&verdicts, "order_per_lane");
    outcome.verdicts = verdicts.iter().map(verdict).collect();
    observed.recorder.finish(observed.end.0, &mut outcome);
    if let Some(started) = observed.started {
        started.replace_in(&mut outcome.series);
    }
    let intervals = outcome.series.offered.len();
    outcome.series.gauges = observed.gauges;
    outcome.series.gauges.iter_mut().for_each(|gauge| gauge.values.resize(intervals, None));
    let mut resources = observed.resources;
    let sampled = |resource: &&mut Resource| !resource.series.is_empty();
    resources.iter_mut().filter(sampled).for_each(|r| r.series.resize(intervals, 0.0));
    outcome.resources = Resources::new(resources);
    outcome.faults = observed.faults;
    outcome.marks = observed.marks;
    outcome.generator = observed.generator;
    outcome.configuration = scenario.system.configuration();
    outcome.verdicts.extend(kept_up(&outcome));
    outcome.expectations = expectations(&scenario.expect, &outcome);
    (outcome, verdicts)
}

fn violations(verdicts: &[Verdict], name: &str) -> u64 {
    verdicts.iter().find(|verdict| verdict.name == name).map_or(0, |verdict| verdict.violations)
}

/// Whether everything was settled in the end.
fn converges(observed: &Account) -> Verdict {
    let counts = observed.recorder.counts();
    let outstanding = counts.scheduled.saturating_sub(counts.acked + counts.failed);
    let open = outstanding + observed.given_up;
    let passed = open == 0 && observed.drained;
    let mut summary = format!("{outstanding} events outstanding at {}", observed.end);
    if observed.given_up > 0 {
        summary += &format!(", {} given up though due in the last seconds", observed.given_up);
    }
    if !observed.drained {
        summary += ", and not everything acknowledged was read";
    }
    let mut finding = Finding::at("not settled", observed.end);
    finding.detail.clone_from(&summary);
    let findings = if passed { Vec::new() } else { vec![finding] };
    let (checked, violations) = (counts.scheduled, open.max(u64::from(!passed)));
    Verdict { name: "converges", passed, checked, violations, findings, summary }
}

/// The traffic in one line.
fn describe(scenario: &Scenario) -> String {
    let traffic = &scenario.traffic;
    let mut line = format!("{} for {}", traffic.rate, traffic.duration);
    for shot in &traffic.shots {
        line += &format!(", burst x{} at {}", shot.peak, shot.at);
    }
    line
}

/// A checker's verdict as it stands in an outcome.
pub fn verdict(verdict: &Verdict) -> outcome::Verdict {
    let status = if verdict.passed { VerdictStatus::Pass } else { VerdictStatus::Fail };
    outcome::Verdict {
        name: verdict.name.into(),
        status,
        measured: verdict.summary.clone(),
        expected: "none".into(),
        explanation: explain(verdict),
    }
}

/// Findings that an explanation quotes.
const QUOTED_MAX: usize = 3;

/// What a checker checks, and the first of what it found.
fn explain(verdict: &Verdict) -> String {
    let meaning = meaning(verdict.name);
    let findings = verdict.findings.iter().take(QUOTED_MAX).map(ToString::to_string);
    let findings = findings.collect::<Vec<_>>().join("; ");
    match verdict.findings.len() {
        0 => meaning.to_owned(),
        1..=QUOTED_MAX => format!("{meaning} Found: {findings}"),
        _ => format!("{meaning} First of what was found: {findings}"),
    }
}

/// What a checker checks, for who does not know it.
fn meaning(name: &str) -> &'static str {
    match name {
        "no_acked_loss" => "Every acknowledged event was read back.",
        "no_duplicates" => "No event turns up more often than the writers' settings promise.",
        "order_per_lane" => "Events of a writer are read in the order in which it wrote them.",
        "prefix_reads" => "Readers are not moved past events.",
        "readers_agree" => "Two readings of one position are the same.",
        "watermarks_monotone" => "High watermarks, last add confirmed and epochs never fall.",
        "durable_replicas" => "Acknowledged events are on as many disks as promised at the end.",
        "properties_always" => "What the models say must always hold does.",
        "properties_eventually" => "What the models say must hold in the end does.",
        "converges" => "Once faults are over, everything is settled within the drain.",
        "payloads_intact" => "Payloads come back as they were written.",
        _ => "",
    }
}

/// Holds an outcome to expectations.
pub fn expectations(expected: &[Expectation], outcome: &Outcome) -> Vec<outcome::Expectation> {
    let one = |expectation: &Expectation| {
        let kind = expectation.metric.kind();
        let found = expectation.metric.read(outcome);
        outcome::Expectation {
            expression: expectation.to_string(),
            measured: found.as_ref().map_or("not measured".into(), |found| found.show(kind)),
            ok: found.is_some_and(|found: Quantity| expectation.holds(&found)),
        }
    };
    expected.iter().map(one).collect()
}

/// Backlog at the end of the window, in seconds of offered traffic, above which a system has fallen
/// behind: far more than any latency that it could have at that rate without a queue that grows.
const BACKLOG_SECONDS: f64 = 0.5;

/// A warning if the system fell behind what was offered and did not catch up within the window: its
/// latencies are then those of a queue that grows, and say how long the run was.
fn kept_up(outcome: &Outcome) -> Option<outcome::Verdict> {
    let series = &outcome.series;
    let backlog = |ns: u64| {
        let index = (ns / series.interval_ns.max(1)).saturating_sub(1) as usize;
        series.backlog.get(index).copied().unwrap_or(0)
    };
    let (first, last) = (backlog(outcome.window.from_ns), backlog(outcome.window.until_ns));
    let bound = (outcome.rates.offered.events_per_second * BACKLOG_SECONDS).max(100.0);
    (last as f64 > bound && last > first).then(|| outcome::Verdict {
        name: "kept_up".into(),
        status: VerdictStatus::Warn,
        measured: format!("{last} events due and not resolved at the end of the window"),
        expected: format!("at most {bound:.0}"),
        explanation:
            "The system fell behind what was offered: latencies are those of a queue that \
                      grew, and depend on how long the run was."
                .into(),
    })
}
