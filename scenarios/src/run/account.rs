//! The account: from what was observed, simulated or live, to an Outcome.

use std::path::Path;

use headwater_reports::outcome::{
    self, Counts, Environment, Fault, Generator, Mark, Source, Stream, Traffic, VerdictStatus,
};
use headwater_reports::{Gauge, Latency, Outcome, Recorder, Resource, Resources, Threads};

use crate::observe::{Measured, Started};
use crate::scenario::Scenario;
use crate::scenario::expect::{Expectation, Quantity};
use crate::scenario::metric::{CONVERGES, HANDED_ON, beside_the_checkers};
use crate::units::Time;
use headwater_check::{Audience, Finding, History, Suite, Verdict, grouped};
use headwater_models::system::Handing;

/// What was observed of a run.
pub struct Account {
    /// Simulated or live.
    pub source: Source,
    /// What it ran on.
    pub environment: Environment,
    /// The digest of the schedule ([`crate::observe::ScheduleDigest`]).
    pub digest: String,
    /// What was observed of each stream; at least one.
    pub streams: Vec<StreamAccount>,
    /// Of all together, if there are several.
    pub total: Option<Measured>,
    /// End of the run, drain included.
    pub end: Time,
    /// How busy everything was.
    pub resources: Vec<Resource>,
    /// What CPU the processes have used.
    pub threads: Threads,
    /// Named levels, an entry per interval.
    pub gauges: Vec<Gauge>,
    /// Faults as they were injected.
    pub faults: Vec<Fault>,
    /// Faults that went differently from what the scenario says, one line each: [`Planner::amiss`].
    ///
    /// [`Planner::amiss`]: crate::faults::Planner::amiss
    pub faults_amiss: Vec<String>,
    /// Disks whose files took in more than they write, one line each.
    pub disks_outrun: Vec<String>,
    /// What happened.
    pub marks: Vec<Mark>,
    /// The health of a live generator.
    pub generator: Option<Generator>,
    /// What was found of the run itself: of a simulated one, its limits and its kernel.
    pub outside: Vec<Verdict>,
}

/// What was observed of a stream.
pub struct StreamAccount {
    /// Its name.
    pub name: String,
    /// The kind of the system that keeps it.
    pub system: String,
    /// The stream whose readers hand it its events; nothing where the schedule does.
    pub from: Option<String>,
    /// Latencies, counts, series.
    pub recorder: Recorder,
    /// When events were taken, if the recorder did not get that in time order.
    pub started: Option<Started>,
    /// What the checkers need.
    pub history: History,
    /// Somebody reads everything.
    pub readers: bool,
    /// So does an audit reader.
    pub audited: bool,
    /// The readers had time to read everything.
    pub drained: bool,
    /// Events that were due when the system should have healed, and given up by their writer; 0
    /// where nobody counts.
    pub given_up: u64,
    /// Events that its writers were handed, and had been handed before.
    pub handed_again: u64,
    /// How long events were in it, where systems hand on.
    pub passage: Option<Latency>,
    /// What was found of it from outside of the models.
    pub outside: Vec<Verdict>,
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
        digest: scenario.digest(),
        text: scenario.text.clone(),
    };
    let mut outcome = Outcome::empty(about, observed.source, seed);
    outcome.environment = observed.environment.clone();
    outcome.traffic = Traffic { describes: describe(scenario), digest: observed.digest.clone() };
    // What failed first: a run that was ended says little else.
    let (kept, mut verdicts): (Vec<_>, Vec<_>) =
        observed.outside.iter().cloned().partition(|of| of.passed);
    let mut lost = Vec::new();
    outcome.verdicts.extend(verdicts.iter().map(|of| in_stream(of, None)));
    let several = observed.streams.len() > 1;
    for stream in &observed.streams {
        let suite = suite(scenario, stream);
        lost.extend(suite.lost(&stream.history));
        let mut found = check(scenario, stream, &suite, observed.end);
        let from = scenario.systems.part(stream.history.stream()).from;
        let once = from.map(|from| scenario.systems.part(from).system.hands_on());
        found.extend(handed_on(stream, &observed.streams, once == Some(Handing::AtLeastOnce)));
        found.extend(stream.outside.iter().cloned());
        count_violations(&mut outcome.counts, &found);
        outcome.counts.expired += stream.history.expired_unread(audience(scenario, stream));
        let name = several.then(|| stream.name.clone());
        outcome.verdicts.extend(found.iter().map(|of| in_stream(of, name.clone())));
        verdicts.extend(found);
    }
    outcome.verdicts.extend(kept.iter().map(|of| in_stream(of, None)));
    verdicts.extend(kept);
    figures(&mut outcome, observed.streams, observed.total, observed.end, &verdicts);
    lost.into_iter().for_each(|(at, events)| outcome.lost_at(at.0, events));
    let intervals = outcome.series.offered.len();
    outcome.series.gauges = observed.gauges;
    outcome.series.gauges.iter_mut().for_each(|gauge| gauge.values.resize(intervals, None));
    let mut resources = observed.resources;
    let sampled = |resource: &&mut Resource| !resource.series.is_empty();
    resources.iter_mut().filter(sampled).for_each(|r| r.series.resize(intervals, 0.0));
    outcome.resources = Resources::new(resources);
    outcome.threads = observed.threads;
    outcome.faults = observed.faults;
    outcome.name_phases();
    outcome.marks = observed.marks;
    outcome.generator = observed.generator;
    outcome.configuration = scenario.configuration();
    outcome.defaults = scenario.systems.changed_defaults();
    outcome.verdicts.extend(faults_fired(&observed.faults_amiss));
    outcome.verdicts.extend(disks_keep_up(&observed.disks_outrun));
    outcome.verdicts.extend(something_happened(&outcome));
    outcome.verdicts.extend(kept_up(&outcome));
    conclude(scenario, &mut outcome);
    (outcome, verdicts)
}

/// Checks an outcome, whose verdicts are complete, against what its scenario expects.
pub fn conclude(scenario: &Scenario, outcome: &mut Outcome) {
    outcome.expectations = expectations(&scenario.expect, outcome);
    outcome.mark_expected();
    let names: Vec<String> = outcome.streams.keys().cloned().collect();
    for name in &names {
        let of = (names.len() > 1).then_some(name.as_str());
        let verdicts = outcome.statuses(of);
        outcome.streams.get_mut(name).expect("it is listed").verdicts = verdicts;
    }
}

/// Who reads everything of a stream.
fn audience(scenario: &Scenario, stream: &StreamAccount) -> Audience {
    let system = &scenario.systems.part(stream.history.stream()).system;
    scenario.promise.promises(&**system, stream.audited, stream.drained).audience
}

/// The checkers of what is promised of a stream.
fn suite(scenario: &Scenario, stream: &StreamAccount) -> Suite {
    let system = &scenario.systems.part(stream.history.stream()).system;
    let mut promises = scenario.promise.promises(&**system, stream.audited, stream.drained);
    promises.no_acked_loss &= stream.readers;
    promises.bugs = scenario.bugs;
    Suite::from(promises)
}

/// What they find of it.
fn check(scenario: &Scenario, stream: &StreamAccount, suite: &Suite, end: Time) -> Vec<Verdict> {
    let mut verdicts = suite.run(&stream.history);
    if scenario.promise.converges {
        verdicts.push(converges(stream, end));
        verdicts.extend(stream.history.eventually());
    }
    verdicts
}

/// Fills in what was measured: of the only stream as the totals, of several for each besides.
fn figures(
    outcome: &mut Outcome,
    streams: Vec<StreamAccount>,
    total: Option<Measured>,
    end: Time,
    verdicts: &[Verdict],
) {
    let several = total.is_some();
    let finish = |outcome: &mut Outcome, recorder: Recorder, started: Option<Started>| {
        recorder.finish(end.0, outcome);
        if let Some(started) = started {
            started.replace_in(&mut outcome.series);
        }
    };
    outcome.streams.clear();
    for stream in streams {
        let StreamAccount { name, system, from, recorder, started, history, passage, .. } = stream;
        let mut entry = Stream { system, from, passage, ..Stream::default() };
        if several {
            let mut figures = recorder.figures(end.0);
            if let Some(started) = started {
                started.replace_in(&mut figures.series);
            }
            let id = history.stream();
            let of_stream: Vec<_> = verdicts.iter().filter(|it| it.stream == id).cloned().collect();
            count_violations(&mut figures.counts, &of_stream);
            entry.figures = Some(figures);
        } else {
            finish(outcome, recorder, started);
        }
        outcome.streams.insert(name, entry);
    }
    if let Some(Measured { recorder, started }) = total {
        finish(outcome, recorder, Some(started));
    }
}

/// Adds what the checkers found lost, stored twice and out of order.
fn count_violations(counts: &mut Counts, verdicts: &[Verdict]) {
    counts.lost += violations(verdicts, "no_acked_loss");
    counts.duplicated += violations(verdicts, "no_duplicates");
    counts.reordered += violations(verdicts, "order_per_lane");
}

fn violations(verdicts: &[Verdict], name: &str) -> u64 {
    verdicts.iter().find(|verdict| verdict.name == name).map_or(0, |verdict| verdict.violations)
}

/// Whether everything was settled in the end.
fn converges(observed: &StreamAccount, end: Time) -> Verdict {
    let counts = observed.recorder.counts();
    let outstanding = counts.scheduled.saturating_sub(counts.acked + counts.failed);
    let open = outstanding + observed.given_up;
    let passed = open == 0 && observed.drained;
    let mut summary = format!("{outstanding} events outstanding at {end}");
    if observed.given_up > 0 {
        summary += &format!(", {} given up though due in the last seconds", observed.given_up);
    }
    if !observed.drained {
        summary += ", and not everything acknowledged was read";
    }
    let mut finding = Finding::at("not settled", end);
    finding.detail.clone_from(&summary);
    let findings = if passed { Vec::new() } else { vec![finding] };
    let (checked, violations) = (counts.scheduled, open.max(u64::from(!passed)));
    let stream = observed.history.stream();
    Verdict { name: CONVERGES, stream, passed, checked, violations, findings, summary }
}

/// Whether what was acknowledged in the stream that this one takes from has come to its writers.
/// Each event is handed on once, those that were given up and stored nevertheless as well; by a
/// system that may work on one twice (`at_least_once`), once at the least, and again what the
/// writers have given up.
fn handed_on(
    stream: &StreamAccount,
    all: &[StreamAccount],
    at_least_once: bool,
) -> Option<Verdict> {
    let from = all.iter().find(|other| Some(&other.name) == stream.from.as_ref())?;
    let (acked, handed) = (from.recorder.counts().acked, stream.recorder.counts().scheduled);
    let again = stream.handed_again;
    // Without what was handed to either of them once more.
    let missing = (acked - from.handed_again.min(acked)).saturating_sub(handed - again);
    let missing = if from.drained { missing } else { 0 };
    // What such a system's next has given up, it works on again until that has it.
    let acked_here = stream.recorder.counts().acked;
    let given_up = (handed - again).saturating_sub(acked_here);
    let given_up = if at_least_once && stream.drained { given_up } else { 0 };
    let more = if at_least_once { given_up } else { again - from.handed_again.min(again) };
    let violations = missing + more;
    let [acked_of, handed_on] = [acked, handed].map(grouped);
    let mut summary = format!("{handed_on} handed on, {acked_of} acknowledged by {}", from.name);
    if again > 0 {
        summary += &format!("; {} of them again", grouped(again));
    }
    if given_up > 0 {
        summary += &format!("; {} given up and not handed on again", grouped(given_up));
    }
    let (passed, stream) = (violations == 0, stream.history.stream());
    let findings = Vec::new();
    Some(Verdict { name: HANDED_ON, stream, passed, checked: acked, violations, findings, summary })
}

/// The traffic in one line.
fn describe(scenario: &Scenario) -> String {
    let traffic = &scenario.traffic;
    let mut line = format!("{} for {}", traffic.rate, traffic.duration);
    if let Some(trace) = &traffic.trace {
        let file = Path::new(&trace.file).file_name().unwrap_or_default().to_string_lossy();
        line = format!("trace {file} at {}x for {}", trace.speed, traffic.duration);
    }
    if traffic.cascades.ratio > 0.0 {
        line += &format!(", {} retweets per event", traffic.cascades.ratio);
    }
    for shot in &traffic.shots {
        line += &format!(", burst x{} at {}", shot.peak, shot.at);
    }
    line
}

/// A checker's verdict, as written in an outcome of a run with one stream.
pub fn verdict(verdict: &Verdict) -> outcome::Verdict {
    in_stream(verdict, None)
}

/// A checker's verdict, as written in an outcome. One that looked at nothing has not passed.
fn in_stream(verdict: &Verdict, stream: Option<String>) -> outcome::Verdict {
    let (status, measured) = match (verdict.passed, verdict.checked) {
        (true, 0) => (VerdictStatus::Info, "nothing to check".to_owned()),
        (true, _) => (VerdictStatus::Pass, verdict.summary.clone()),
        (false, _) => (VerdictStatus::Fail, verdict.summary.clone()),
    };
    outcome::Verdict {
        name: verdict.name.into(),
        stream,
        status,
        measured,
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

/// What a verdict means if it passes.
fn meaning(name: &str) -> &'static str {
    match headwater_check::checker(name) {
        Some(checker) => checker.means,
        None => beside_the_checkers(name),
    }
}

/// Checks an outcome against expectations.
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

/// A warning if a fault went differently from what the scenario says: what was then survived is not
/// what was to be.
fn faults_fired(amiss: &[String]) -> Option<outcome::Verdict> {
    (!amiss.is_empty()).then(|| outcome::Verdict {
        name: "faults_fired".into(),
        stream: None,
        status: VerdictStatus::Warn,
        measured: amiss.join("; "),
        expected: "each fault begins, on somebody, alone of its kind there".into(),
        explanation: "What the system survived is not all that the scenario meant it to.".into(),
    })
}

/// A warning if the page cache hid from the run that a disk is too slow for it.
fn disks_keep_up(outrun: &[String]) -> Option<outcome::Verdict> {
    (!outrun.is_empty()).then(|| outcome::Verdict {
        name: "disks_keep_up".into(),
        stream: None,
        status: VerdictStatus::Warn,
        measured: outrun.join("; "),
        expected: "no disk is asked for more than it writes".into(),
        explanation: "The page cache takes the difference, and once it is full writers wait: run \
                      for longer to see how fast it is then."
            .into(),
    })
}

/// A warning if nothing was due: every promise is then kept.
fn something_happened(outcome: &Outcome) -> Option<outcome::Verdict> {
    (outcome.counts.scheduled == 0).then(|| outcome::Verdict {
        name: "something_happened".into(),
        stream: None,
        status: VerdictStatus::Warn,
        measured: "0 events were due".into(),
        expected: "at least one".into(),
        explanation: "Nothing happened, so that no promise could be broken.".into(),
    })
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
        stream: None,
        status: VerdictStatus::Warn,
        measured: format!("{last} events due and not resolved at the end of the window"),
        expected: format!("at most {bound:.0}"),
        explanation:
            "The system fell behind what was offered: latencies are those of a queue that \
                      grew, and depend on how long the run was."
                .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_check::{Positions, Promises};
    use headwater_models::batch::StreamId;
    use headwater_sim::units::NodeId;

    #[test]
    fn a_checker_that_had_nothing_to_check_has_not_passed() {
        let mut history = History::new(StreamId(0), Positions::Events);
        let of = |history: &History| {
            let verdicts = Suite::from(Promises::default()).run(history);
            let found = verdicts.iter().find(|it| it.name == "watermarks_monotone");
            let shown = verdict(found.expect("promised"));
            (shown.status, shown.measured)
        };
        assert_eq!(of(&history), (VerdictStatus::Info, "nothing to check".to_owned()));
        history.watermark(
            Time(1),
            NodeId(0),
            const { &headwater_models::signal::Level::new("high_watermark") },
            0,
            1,
        );
        let one = "0 of 1 moves of levels were down".to_owned();
        assert_eq!(of(&history), (VerdictStatus::Pass, one));
    }
}
