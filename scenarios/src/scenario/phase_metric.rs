//! Figures of one phase of a run: `phase.during-1.response.p99`.
//!
//! A phase is called as the Outcome calls it, in one word: `before`, `during-1` (of `during F1`),
//! `during-1-2` (`during F1 + F2`), `between-1-2`, `after`. `during` and `between` alone are all
//! of theirs together.

use std::fmt;

use headwater_reading::problem::nearest;
use headwater_reports::Series;
use headwater_reports::outcome::{Outcome, Phase};

use super::Scenario;
use super::expect::Quantity;
use super::metric::{Count, Flow, Latency, Metric, Statistic};
use super::read_metric::statistic_of;
use headwater_reading::decode;
use headwater_reading::problem::Finding;
use headwater_reading::tree::Tree;

/// The words that a phase's name begins with.
const KINDS: [&str; 4] = ["before", "during", "between", "after"];

/// A phase, or all of a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PhaseName(String);

/// A figure of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PhaseFigure {
    /// A latency of the events that were due in it: `response.p99`, `end_to_end.max`.
    Latency(Latency, Statistic),
    /// `due`: events that were due in it.
    Due,
    /// `unanswered`: of these, those that were never acknowledged.
    Unanswered,
    /// `acked_share`: of these, the share that was acknowledged.
    AckedShare,
    /// `acked_rate`: events per second while it lasted, whenever they were due.
    Rate(Flow),
    /// `lost`: of the events that were acknowledged while it lasted; `failed`, `sent`, `acked`,
    /// `delivered`: events to which that happened while it lasted.
    Count(Count),
    /// `backlog.max`: most events offered and not yet acknowledged in it.
    BacklogMax,
    /// `ack_gap.max`: longest time of it in which nothing was acknowledged.
    AckGapMax,
}

/// The figures that a phase can have; of percentiles p99 stands for all.
pub(super) const FIGURES_OF_PHASE: [&str; 16] = [
    "response.p99",
    "end_to_end.p99",
    "due",
    "unanswered",
    "acked_share",
    "offered_rate",
    "sent_rate",
    "acked_rate",
    "consumed_rate",
    "sent",
    "acked",
    "failed",
    "delivered",
    "lost",
    "backlog.max",
    "ack_gap.max",
];

/// The figures of a phase that have one name.
const FIGURES: [(&str, PhaseFigure); 3] = [
    ("due", PhaseFigure::Due),
    ("unanswered", PhaseFigure::Unanswered),
    ("acked_share", PhaseFigure::AckedShare),
];

impl PhaseName {
    /// The phase that an Outcome calls `name`.
    pub fn of(name: &str) -> Self {
        let words = name.split_whitespace().filter(|word| !["+", "and"].contains(word));
        let number = |word: &str| word.strip_prefix('F').unwrap_or(word).to_owned();
        Self(words.map(number).collect::<Vec<_>>().join("-"))
    }

    /// Reads it as it is written in a metric; `during-F1` is as good as `during-1`.
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split('-');
        let kind = words.next().filter(|kind| KINDS.contains(kind))?;
        let is_number =
            |word: &str| !word.is_empty() && word.chars().all(|digit| digit.is_ascii_digit());
        let number = |word: &'_ str| {
            let word = word.strip_prefix(['F', 'f']).unwrap_or(word);
            (is_number(word) || word == "to").then(|| word.to_owned())
        };
        let numbers: Vec<String> = words.map(number).collect::<Option<_>>()?;
        let sensible = match kind {
            "during" => numbers.len() != 2 || numbers[1] != "to",
            "between" => [0, 2].contains(&numbers.len()),
            _ => numbers.is_empty(),
        };
        let all = std::iter::once(kind.to_owned()).chain(numbers);
        sensible.then(|| Self(all.collect::<Vec<_>>().join("-")))
    }

    /// Whether it means the phase that an Outcome calls `name`.
    pub fn covers(&self, name: &str) -> bool {
        let Self(found) = Self::of(name);
        let all_of_kind = ["during", "between"].contains(&self.0.as_str());
        let of_kind = || found.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('-'));
        found == self.0 || (all_of_kind && of_kind())
    }
}

impl fmt::Display for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads `PHASE.FIGURE`, what stands behind `phase.` in a metric.
pub(super) fn parse(text: &str) -> Result<(PhaseName, PhaseFigure), String> {
    let (phase, figure) = text.split_once('.').unwrap_or((text, ""));
    let Some(name) = PhaseName::parse(phase) else {
        let near = nearest(phase, ["before", "during", "during-1", "between-1-2", "after"]);
        let near = near.map(|near| format!("; did you mean `phase.{near}.response.p99`?"));
        return Err(format!(
            "unknown phase `{phase}`{}",
            near.unwrap_or_else(|| "; known: before, during-1, between-1-2, after".into())
        ));
    };
    if let Some((_, known)) = FIGURES.iter().find(|(known, _)| *known == figure) {
        return Ok((name, *known));
    }
    match Metric::parse(figure).ok().as_ref().and_then(Metric::figure_of_phase) {
        Some(figure) => Ok((name, figure)),
        None => Err(format!(
            "phase.{name} has no `{figure}`; known: response.p99 and end_to_end.p99 (any \
             percentile, .mean, .max), due, unanswered, acked_share, offered_rate, sent_rate, \
             acked_rate, consumed_rate, sent, acked, failed, delivered, lost, backlog.max, \
             ack_gap.max"
        )),
    }
}

impl PhaseFigure {
    /// Its value over phases; none without an event that has it.
    pub(super) fn read(self, phases: &[&Phase], series: &Series) -> Option<Quantity> {
        let due: u64 = phases.iter().map(|phase| phase.due).sum();
        let unanswered: u64 = phases.iter().map(|phase| phase.unanswered()).sum();
        let sum = |of: fn(&Phase) -> u64| phases.iter().map(|phase| of(phase)).sum::<u64>();
        let number = |number: u64| Some(Quantity::Number(number as f64));
        match self {
            Self::Latency(which, statistic) => {
                let latency = |phase: &Phase| match which {
                    Latency::EndToEnd => phase.end_to_end.clone(),
                    _ => phase.response.clone(),
                };
                let (first, rest) = phases.split_first()?;
                let mut all = latency(first);
                rest.iter().for_each(|phase| all.merge(&latency(phase)));
                statistic_of(&all, statistic)
            }
            Self::Due => number(due),
            Self::Unanswered => number(unanswered),
            Self::AckedShare if due == 0 => None,
            Self::AckedShare => Some(Quantity::Number((due - unanswered) as f64 / due as f64)),
            Self::Rate(flow) => {
                let seconds: f64 = phases.iter().map(|phase| phase.seconds()).sum();
                let events = sum(match flow {
                    Flow::Offered => |phase| phase.due,
                    Flow::Sent => |phase| phase.sent,
                    Flow::Acked => |phase| phase.acked,
                    Flow::Consumed => |phase| phase.delivered,
                });
                (seconds > 0.0).then(|| Quantity::Number(events as f64 / seconds))
            }
            Self::Count(Count::Sent) => number(sum(|phase| phase.sent)),
            Self::Count(Count::Acked) => number(sum(|phase| phase.acked)),
            Self::Count(Count::Failed) => number(sum(|phase| phase.failed)),
            Self::Count(Count::Delivered) => number(sum(|phase| phase.delivered)),
            Self::Count(Count::Lost) => number(sum(|phase| phase.lost)),
            Self::Count(_) => None,
            Self::BacklogMax => {
                let most = cut(series, phases).filter_map(|of| of.backlog.iter().copied().max());
                number(most.max().unwrap_or(0))
            }
            Self::AckGapMax => {
                let longest = cut(series, phases).map(|of| of.longest_ack_gap_ns()).max();
                Some(Quantity::Number(longest.unwrap_or(0) as f64 / 1e9))
            }
        }
    }
}

/// What the series say of each phase.
fn cut<'a>(series: &'a Series, phases: &'a [&Phase]) -> impl Iterator<Item = Series> + 'a {
    phases.iter().map(|phase| series.between(phase.from_ns, phase.until_ns))
}

/// Counts that a phase has.
const COUNTED: [Count; 5] =
    [Count::Sent, Count::Acked, Count::Failed, Count::Delivered, Count::Lost];

impl fmt::Display for PhaseFigure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(latency, statistic) => Metric::Latency(*latency, *statistic).fmt(f),
            Self::Rate(flow) => Metric::Rate(*flow).fmt(f),
            Self::Count(count) => Metric::Count(*count).fmt(f),
            Self::BacklogMax => Metric::BacklogMax.fmt(f),
            Self::AckGapMax => Metric::AckGapMax.fmt(f),
            other => {
                let named = FIGURES.iter().find(|(_, known)| known == other);
                f.write_str(named.expect("all are listed").0)
            }
        }
    }
}

impl Metric {
    /// The same figure of one phase; none if only the whole run has it.
    pub fn in_phase(&self, phase: &PhaseName) -> Option<Self> {
        let figure = self.figure_of_phase()?;
        Some(Self::Phase(phase.clone(), figure))
    }

    fn figure_of_phase(&self) -> Option<PhaseFigure> {
        match self {
            Self::Latency(latency @ (Latency::Response | Latency::EndToEnd), statistic) => {
                Some(PhaseFigure::Latency(*latency, *statistic))
            }
            Self::AckedShare => Some(PhaseFigure::AckedShare),
            Self::Rate(flow) => Some(PhaseFigure::Rate(*flow)),
            Self::Count(count) if COUNTED.contains(count) => Some(PhaseFigure::Count(*count)),
            Self::BacklogMax => Some(PhaseFigure::BacklogMax),
            Self::AckGapMax => Some(PhaseFigure::AckGapMax),
            _ => None,
        }
    }

    /// That a run with the phases of these names has no such phase, if it names one.
    ///
    /// # Errors
    /// The message, with the phases that there are.
    pub fn check_phase(&self, names: &[String]) -> Result<(), String> {
        let Self::Phase(phase, _) = self else { return Ok(()) };
        if names.iter().any(|name| phase.covers(name)) {
            return Ok(());
        }
        let there: Vec<String> = names.iter().map(|name| PhaseName::of(name).0).collect();
        let there = match there.as_slice() {
            [] => "it has no fault in the measured window, and so no phases".to_owned(),
            some => format!("its phases are {}", some.join(", ")),
        };
        Err(format!("{self}: the run has no phase `{phase}`; {there}"))
    }

    /// Its value over the phases of an outcome that it means.
    pub(super) fn read_phase(
        outcome: &Outcome,
        phase: &PhaseName,
        figure: PhaseFigure,
    ) -> Option<Quantity> {
        let meant: Vec<&Phase> =
            outcome.phases.iter().filter(|one| phase.covers(&one.name)).collect();
        if meant.is_empty() { None } else { figure.read(&meant, &outcome.series) }
    }
}

/// Finds expectations of a phase or a level that the run has not.
pub(super) fn check(tree: &Tree, scenario: &Scenario, findings: &mut Vec<Finding>) {
    for expectation in &scenario.expect {
        if let Err(message) = scenario.has(&expectation.metric) {
            let keys: Vec<String> =
                expectation.metric.to_string().split('.').map(str::to_owned).collect();
            let (_, span) = decode::locate(tree, &keys);
            let (what, help) = message.split_once("; ").unwrap_or((&message, ""));
            let finding = Finding::new(format!("expect.{what}"), span);
            findings.push(finding.label("there is none").help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_called_as_the_outcome_calls_them_in_one_word() {
        for (name, word) in [
            ("before", "before"),
            ("during F1", "during-1"),
            ("during F1 + F2", "during-1-2"),
            ("between F1 and F2", "between-1-2"),
            ("during F1 to F13", "during-1-to-13"),
            ("after", "after"),
        ] {
            assert_eq!(PhaseName::of(name).0, word);
            assert_eq!(PhaseName::parse(word), Some(PhaseName::of(name)));
            let metric = format!("phase.{word}.response.p99");
            assert_eq!(Metric::parse(&metric).unwrap().to_string(), metric);
        }
        let phase = |text| PhaseName::parse(text).unwrap();
        assert_eq!(phase("during-F1"), phase("during-1"));
        assert!(phase("during").covers("during F1 + F2") && phase("during").covers("during F3"));
        assert!(!phase("during-1").covers("during F1 + F2"), "that is another phase");
        assert!(!phase("during-1").covers("during F12"));
    }

    #[test]
    fn what_is_no_phase_and_no_figure_of_one_is_told_with_the_nearest() {
        for (name, want) in [
            ("phase.durin-1.response.p99", "did you mean `phase.during-1.response.p99`?"),
            ("phase.before-1.due", "unknown phase `before-1`"),
            ("phase.during-1.reordered", "known: response.p99"),
            ("phase.during-1.service.p99", "has no `service.p99`"),
            ("phase.after", "has no ``"),
        ] {
            let error = Metric::parse(name).unwrap_err();
            assert!(error.contains(want), "{name}: {error}");
        }
        for figure in FIGURES_OF_PHASE {
            let name = format!("phase.during-1.{figure}");
            assert_eq!(Metric::parse(&name).unwrap().to_string(), name);
        }
        let metric = Metric::parse("phase.during-2.due").unwrap();
        let error = metric.check_phase(&["before".into(), "during F1".into()]).unwrap_err();
        assert!(error.contains("its phases are before, during-1"), "{error}");
        assert!(metric.check_phase(&[]).unwrap_err().contains("no phases"));
    }
}
