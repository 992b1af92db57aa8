//! The figures that expectations and sweeps name: `response.p99`, `acked_rate`, `verdict.order`.

use std::fmt;

use headwater_check::CHECKERS;

use headwater_reading::problem::nearest;

use super::phase_metric::{self, PhaseFigure, PhaseName};

/// A figure of a run, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// A latency of the run: `response.p99`, `end_to_end.max`.
    Latency(Latency, Statistic),
    /// Events per second over the measured window.
    Rate(Flow),
    /// Events over the whole run.
    Count(Count),
    /// `acked_share`: acknowledged out of offered, over the whole run.
    AckedShare,
    /// `backlog.max`: most events offered and not yet acknowledged, at the end of an interval.
    BacklogMax,
    /// `ack_gap.max`: longest time in which nothing was acknowledged though something was due.
    AckGapMax,
    /// `recovery`: from the first fault until as few events waited for an answer as before.
    Recovery,
    /// `catch_up`: from the first fault until readers were as close behind as before.
    CatchUp,
    /// `aftermath`: from the end of the last fault until as few events waited for an answer as
    /// before the first.
    Aftermath,
    /// `mark.NAME`: from the first fault until something of that name happened
    /// (`mark.throttled`).
    Mark(String),
    /// `gauge.NAME`: a named level at its highest, added up over the nodes that have it
    /// (`gauge.unflushed_bytes`).
    GaugeMax(String),
    /// `utilisation.NAME`: how busy a resource was over the measured window; `utilisation.binding`
    /// that of the busiest.
    Utilisation(String),
    /// `binding`: name of the busiest resource; `stalled` where none was busy and writers stood
    /// still nevertheless, else `none`.
    Binding,
    /// `verdict.NAME`: a checker's verdict: `pass` or `fail`.
    Verdict(String),
    /// `phase.NAME.FIGURE`: a figure of the events that were due before, during or after a fault:
    /// `phase.during-1.response.p99`.
    Phase(PhaseName, PhaseFigure),
}

/// Which latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Latency {
    /// Taken by the writer minus intended.
    ScheduleLag,
    /// Acknowledged minus taken.
    Service,
    /// Acknowledged minus intended: what a user waits.
    Response,
    /// Delivered to a reader minus intended.
    EndToEnd,
}

/// Which statistic of a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// Percentile in thousandths of a per cent: 99,900 is p99.9.
    Percentile(u32),
    /// Arithmetic mean.
    Mean,
    /// Greatest.
    Max,
}

/// Which flow of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// Due.
    Offered,
    /// Taken by a writer.
    Sent,
    /// Acknowledged.
    Acked,
    /// Delivered to a reader.
    Consumed,
}

/// Which count of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// In the schedule.
    Scheduled,
    /// Taken by a writer.
    Sent,
    /// Acknowledged.
    Acked,
    /// Given up with an error.
    Failed,
    /// Delivered to a reader, duplicates included.
    Delivered,
    /// Acknowledged, and not readable at the end.
    Lost,
    /// Acknowledged, and removed by retention before it was read.
    Expired,
    /// Delivered again.
    Duplicated,
    /// Delivered after a later one of the same writer and lane.
    Reordered,
}

const LATENCIES: [(&str, Latency); 4] = [
    ("response", Latency::Response),
    ("service", Latency::Service),
    ("schedule_lag", Latency::ScheduleLag),
    ("end_to_end", Latency::EndToEnd),
];

const FLOWS: [(&str, Flow); 4] = [
    ("offered_rate", Flow::Offered),
    ("sent_rate", Flow::Sent),
    ("acked_rate", Flow::Acked),
    ("consumed_rate", Flow::Consumed),
];

const COUNTS: [(&str, Count); 9] = [
    ("scheduled", Count::Scheduled),
    ("sent", Count::Sent),
    ("acked", Count::Acked),
    ("failed", Count::Failed),
    ("delivered", Count::Delivered),
    ("lost", Count::Lost),
    ("expired", Count::Expired),
    ("duplicated", Count::Duplicated),
    ("reordered", Count::Reordered),
];

/// The verdict on the end of a run: whether it comes to rest once faults are over.
pub const CONVERGES: &str = "converges";
/// The verdict on whether everything was handed on from one system to the next.
pub const HANDED_ON: &str = "handed_on";

/// The verdict on whether what was acknowledged was on disks then.
pub const COPIES_AT_ACK: &str = "copies_at_ack";
/// The verdict on whether what was acknowledged is what the schedule had.
pub const AS_SCHEDULED: &str = "as_scheduled";
/// The verdict on whether a file that keeps everything has everything, once.
pub const ARCHIVED: &str = "archived";
/// The verdict on whether what events are about was counted as the schedule has it.
pub const RANKED: &str = "ranked";
/// The verdict on whether what was stored can be found by those who are to find it.
pub const FINDABLE: &str = "findable";
/// The verdict on whether each query of the users was answered or counted as failed.
pub const ASKED: &str = "asked";
/// The verdict on the kernel itself.
pub const KERNEL_PROMISES: &str = "kernel_promises";
/// The verdict on a run that would not have ended.
pub const WITHIN_LIMITS: &str = "within_limits";

/// Verdicts that are no checker's of a history, and what each means if it passes.
pub const BESIDE_CHECKERS: [(&str, &str); 10] = [
    (CONVERGES, "Once faults are over, everything is settled within the drain."),
    (HANDED_ON, "What one system has acknowledged, its readers hand to the writers of the next."),
    (COPIES_AT_ACK, "What a writer is told to be stored is on as many disks as that promises."),
    (AS_SCHEDULED, "What is acknowledged is what was due, once each, where its key belongs."),
    (ARCHIVED, "A file that keeps everything has each event that was acknowledged, once."),
    (RANKED, "Each event counts once in each window of its time, as the schedule has it."),
    (FINDABLE, "Database and index have each event that was acknowledged, durably, in the end."),
    (ASKED, "Each query that was due is answered, or counted as failed, once and in time."),
    (KERNEL_PROMISES, "Timers run out when due, and what a sync has covered is there."),
    (WITHIN_LIMITS, "The run ends by itself; told only of one that does not."),
];

/// What a verdict that is no checker's of a history means.
pub fn beside_the_checkers(name: &str) -> &'static str {
    BESIDE_CHECKERS.iter().find(|(of, _)| *of == name).map_or("", |(_, means)| means)
}

/// Everything that has a verdict.
fn judges() -> impl Iterator<Item = &'static str> {
    let beside = BESIDE_CHECKERS.iter().map(|(name, _)| *name);
    CHECKERS.iter().map(|checker| checker.name).chain(beside)
}

/// What kind of quantity a metric is, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A duration, such as `20ms`.
    Time,
    /// A rate of events, such as `1600/s`.
    Rate,
    /// A whole number.
    Count,
    /// A share, such as `95%`.
    Share,
    /// A word.
    Word,
}

impl Kind {
    /// What is expected, with an example.
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Time => "a duration such as \"20ms\"",
            Self::Rate => "a rate such as \"1600/s\"",
            Self::Count => "a whole number such as 0",
            Self::Share => "a share such as \"95%\"",
            Self::Word => "a word such as \"pass\" or \"fail\"",
        }
    }
}

impl Metric {
    /// The metric of this name. The error names the nearest.
    pub fn parse(name: &str) -> Result<Self, String> {
        let (head, tail) = name.split_once('.').unwrap_or((name, ""));
        if let Some((_, latency)) = LATENCIES.iter().find(|(known, _)| *known == head) {
            return statistic(tail).map(|statistic| Self::Latency(*latency, statistic)).ok_or_else(
                || format!("`{name}`: expected {head}.p50, .p99 (any percentile), .mean or .max"),
            );
        }
        if let Some((_, flow)) = FLOWS.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Rate(*flow));
        }
        if let Some((_, count)) = COUNTS.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Count(*count));
        }
        match (head, tail) {
            ("acked_share", "") => Ok(Self::AckedShare),
            ("backlog", "max") => Ok(Self::BacklogMax),
            ("ack_gap", "max") => Ok(Self::AckGapMax),
            ("recovery", "") => Ok(Self::Recovery),
            ("catch_up", "") => Ok(Self::CatchUp),
            ("aftermath", "") => Ok(Self::Aftermath),
            ("mark", name) if !name.is_empty() => Ok(Self::Mark(name.into())),
            ("binding", "") => Ok(Self::Binding),
            ("gauge", name) if !name.is_empty() => Ok(Self::GaugeMax(name.into())),
            ("utilisation", resource) if !resource.is_empty() => {
                Ok(Self::Utilisation(resource.into()))
            }
            ("phase", rest) => {
                let (phase, figure) = phase_metric::parse(rest)?;
                Ok(Self::Phase(phase, figure))
            }
            ("verdict", checker) if judges().any(|judge| judge == checker) => {
                Ok(Self::Verdict(checker.into()))
            }
            ("verdict", checker) => Err(match nearest(checker, judges()) {
                Some(near) => format!("unknown checker `{checker}`; did you mean `{near}`?"),
                None => {
                    let known = judges().collect::<Vec<_>>().join(", ");
                    format!("unknown checker `{checker}`; known: {known}")
                }
            }),
            _ => Err(unknown(name)),
        }
    }

    /// That there is a level of its name among these, if it is one; a node may stand before it.
    ///
    /// # Errors
    /// The message, with the nearest.
    pub fn check_gauge(&self, gauges: &[&str]) -> Result<(), String> {
        let Self::GaugeMax(name) = self else { return Ok(()) };
        let own = name.rsplit('/').next().unwrap_or(name);
        if gauges.contains(&own) {
            return Ok(());
        }
        let near = match nearest(own, gauges.iter().copied()) {
            Some(near) => format!("did you mean `gauge.{near}`?"),
            None => "`headwater metrics gauge` lists those that there are".to_owned(),
        };
        Err(format!("{self}: no system of the run has such a level; {near}"))
    }

    /// That something of its name can happen, of these, if it is a mark.
    ///
    /// # Errors
    /// The message, with the nearest.
    pub fn check_mark(&self, marks: &[&str]) -> Result<(), String> {
        let Self::Mark(name) = self else { return Ok(()) };
        if marks.contains(&name.as_str()) {
            return Ok(());
        }
        let near = match nearest(name, marks.iter().copied()) {
            Some(near) => format!("did you mean `mark.{near}`?"),
            None => "`headwater metrics mark` lists those that there are".to_owned(),
        };
        Err(format!("{self}: no system of the run has such a mark; {near}"))
    }

    /// What kind of quantity it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Latency(..)
            | Self::AckGapMax
            | Self::Recovery
            | Self::CatchUp
            | Self::Aftermath
            | Self::Mark(_)
            | Self::Phase(_, PhaseFigure::Latency(..) | PhaseFigure::AckGapMax) => Kind::Time,
            Self::Rate(_) | Self::Phase(_, PhaseFigure::Rate(_)) => Kind::Rate,
            Self::Count(_)
            | Self::BacklogMax
            | Self::GaugeMax(_)
            | Self::Phase(
                _,
                PhaseFigure::Due
                | PhaseFigure::Unanswered
                | PhaseFigure::Count(_)
                | PhaseFigure::BacklogMax,
            ) => Kind::Count,
            Self::AckedShare | Self::Utilisation(_) | Self::Phase(_, PhaseFigure::AckedShare) => {
                Kind::Share
            }
            Self::Binding | Self::Verdict(_) => Kind::Word,
        }
    }
}

fn statistic(text: &str) -> Option<Statistic> {
    match text {
        "mean" => Some(Statistic::Mean),
        "max" => Some(Statistic::Max),
        _ => {
            let percent: f64 = text.strip_prefix('p')?.parse().ok()?;
            let in_range = (0.0..=100.0).contains(&percent);
            in_range.then(|| Statistic::Percentile((percent * 1_000.0).round() as u32))
        }
    }
}

/// The names that figures have, each with what kind of quantity it is; of percentiles p99 stands
/// for all. Those of gauges and of resources are not among them: they are the system's.
pub fn examples() -> Vec<(String, Kind)> {
    let latencies = LATENCIES.iter().map(|(known, _)| format!("{known}.p99"));
    let flows = FLOWS.iter().map(|(known, _)| (*known).to_owned());
    let counts = COUNTS.iter().map(|(known, _)| (*known).to_owned());
    let others = [
        "acked_share",
        "backlog.max",
        "ack_gap.max",
        "recovery",
        "catch_up",
        "aftermath",
        "binding",
        "utilisation.binding",
    ];
    let verdicts = judges().map(|judge| format!("verdict.{judge}"));
    let phases = ["before", "during-1", "after"];
    let phases = phases.iter().flat_map(|phase| {
        phase_metric::FIGURES_OF_PHASE.map(|figure| format!("phase.{phase}.{figure}"))
    });
    let names = latencies.chain(flows).chain(counts).chain(others.map(str::to_owned));
    let with_kind = |name: String| Some((name.clone(), Metric::parse(&name).ok()?.kind()));
    names.chain(phases).chain(verdicts).filter_map(with_kind).collect()
}

fn unknown(name: &str) -> String {
    let known = examples();
    // A figure of a phase has the name of one of the whole run at its end.
    let mut known =
        known.iter().map(|(name, _)| name.as_str()).filter(|name| !name.starts_with("phase."));
    match nearest(name, known.clone()) {
        Some(near) => format!("unknown metric `{name}`; did you mean `{near}`?"),
        None => {
            let many = |name: &&str| name.starts_with("verdict.") || name.starts_with("phase.");
            let fixed: Vec<_> = known.by_ref().filter(|name| !many(name)).collect();
            format!(
                "unknown metric `{name}`; known: {}, verdict.NAME, phase.NAME.FIGURE such as \
                 phase.during-1.response.p99 (headwater metrics)",
                fixed.join(", ")
            )
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(latency, statistic) => {
                let (name, _) =
                    LATENCIES.iter().find(|(_, l)| l == latency).expect("all are listed");
                match statistic {
                    Statistic::Percentile(p) => write!(f, "{name}.p{}", f64::from(*p) / 1_000.0),
                    Statistic::Mean => write!(f, "{name}.mean"),
                    Statistic::Max => write!(f, "{name}.max"),
                }
            }
            Self::Rate(flow) => f.write_str(
                FLOWS.iter().find(|(_, known)| known == flow).expect("all are listed").0,
            ),
            Self::Count(count) => f.write_str(
                COUNTS.iter().find(|(_, known)| known == count).expect("all are listed").0,
            ),
            Self::AckedShare => f.write_str("acked_share"),
            Self::BacklogMax => f.write_str("backlog.max"),
            Self::AckGapMax => f.write_str("ack_gap.max"),
            Self::Recovery => f.write_str("recovery"),
            Self::CatchUp => f.write_str("catch_up"),
            Self::Aftermath => f.write_str("aftermath"),
            Self::Mark(name) => write!(f, "mark.{name}"),
            Self::GaugeMax(name) => write!(f, "gauge.{name}"),
            Self::Utilisation(resource) => write!(f, "utilisation.{resource}"),
            Self::Binding => f.write_str("binding"),
            Self::Verdict(checker) => write!(f, "verdict.{checker}"),
            Self::Phase(phase, figure) => write!(f, "phase.{phase}.{figure}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_on_scenarios_names_every_verdict() {
        let page = include_str!("../../../docs/SCENARIOS.md");
        let row = page.lines().find(|line| line.starts_with("| `verdict.NAME`")).expect("a row");
        let missing: Vec<_> = judges().filter(|name| !row.contains(&format!("`{name}`"))).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn every_metric_reads_back_as_displayed() {
        for name in [
            "response.p99",
            "end_to_end.p99.9",
            "service.mean",
            "schedule_lag.max",
            "acked_rate",
            "lost",
            "acked_share",
            "backlog.max",
            "ack_gap.max",
            "recovery",
            "catch_up",
            "aftermath",
            "mark.throttled",
            "binding",
            "gauge.unflushed_bytes",
            "utilisation.binding",
            "verdict.no_acked_loss",
            "phase.during-1.response.p99.9",
            "phase.after.unanswered",
        ] {
            assert_eq!(Metric::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_unknown_metric_names_the_nearest() {
        assert!(Metric::parse("response.99").unwrap_err().contains("response.p50"));
        assert!(Metric::parse("ackd_rate").unwrap_err().contains("did you mean `acked_rate`?"));
    }
}
