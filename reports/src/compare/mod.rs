//! Outcomes side by side, and how far a simulation was from reality.

mod figure;
mod markdown;
mod options;
mod over_time;
mod page;
mod parts;
mod text;

use serde::Serialize;

use crate::outcome::{Conclusion, Difference, Ending, Outcome, Source, View};
use crate::text::count;

pub use figure::Figure;
use figure::Kind;
pub use options::Difference as ConfigurationDifference;
pub use parts::{PhaseRows, ResourceRow, VerdictRow};

/// The schema of a comparison's JSON.
pub const COMPARISON_SCHEMA: &str = "headwater-comparison/1";

/// Outcomes side by side. Every figure is computed from the Outcomes; ratios are to the first.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Always [`COMPARISON_SCHEMA`].
    pub schema: &'static str,
    /// The runs, in the order given; the others are compared with the first.
    pub runs: Vec<Run>,
    /// One row per figure, of the totals.
    pub rows: Vec<Row>,
    /// The verdicts that found something, or that the runs differ in.
    pub verdicts: Vec<VerdictRow>,
    /// In what the runs differ before they begin: options, seeds, faults.
    pub configuration: Vec<ConfigurationDifference>,
    /// Figures before, during and after faults, of the phases that runs have in common.
    pub phases: Vec<PhaseRows>,
    /// The busiest resources.
    pub resources: Vec<ResourceRow>,
    /// The same of each stream, where a run has several.
    pub streams: Vec<StreamRows>,
    /// Simulated against live, for each pair of the same system under the same traffic.
    pub errors: Vec<PairErrors>,
    /// What makes a pair less comparable than it looks.
    pub warnings: Vec<String>,
    #[serde(skip)]
    outcomes: Vec<Outcome>,
}

/// A run of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// A letter: A, B, C.
    pub label: String,
    /// The scenario's name.
    pub scenario: String,
    /// Simulated or live.
    pub source: Source,
    /// System and version.
    pub system: String,
    /// Seed.
    pub seed: u64,
    /// Whether it completed and only what its scenario expects to fail did.
    pub ok: bool,
    /// How it came out.
    pub conclusion: Conclusion,
    /// Acknowledged events that it lost.
    pub lost: u64,
}

impl Run {
    /// How it came out in a few words: "ok", "as expected, lost 1,219".
    pub(crate) fn words(&self) -> String {
        let word = match self.conclusion.result {
            Ending::Interrupted => "INTERRUPTED",
            Ending::Failed => "FAILED",
            Ending::AsExpected => "as expected",
            Ending::PassedWithWarnings => "ok, with warnings",
            Ending::Passed => "ok",
        };
        match self.lost {
            0 => word.to_owned(),
            lost => format!("{word}, LOST {}", count(lost)),
        }
    }
}

/// The figures of a stream in all runs.
#[derive(Clone, Debug, Serialize)]
pub struct StreamRows {
    /// Its name.
    pub name: String,
    /// One row per figure; the cell of a run without such a stream is empty.
    pub rows: Vec<Row>,
}

/// One figure of all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which.
    #[serde(rename = "metric")]
    pub figure: Figure,
    /// One cell per run.
    pub cells: Vec<Cell>,
}

/// One figure of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// Its value, in its unit; absent where the run has too few events for it.
    pub value: Option<f64>,
    /// Its 95 % confidence interval by order statistics (percentiles only). It assumes that events
    /// are independent; events that wait in the same queue are not, so the true one is wider.
    pub interval: Option<(f64, f64)>,
    /// The value over the first run's; absent for the first, and where either is absent or zero.
    pub ratio: Option<f64>,
    /// Whether the interval overlaps the first run's: no difference that these events could show.
    pub indistinct: bool,
}

/// How far a simulated run was from a live one.
#[derive(Clone, Debug, Serialize)]
pub struct PairErrors {
    /// Label of the simulated run.
    pub simulated: String,
    /// Label of the live run.
    pub live: String,
    /// Why there is no error: the live run was late, disturbed or stopped ([`Outcome::withheld`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// One per figure that both have.
    pub errors: Vec<FigureError>,
}

/// The error of one figure.
#[derive(Clone, Debug, Serialize)]
pub struct FigureError {
    /// Which.
    #[serde(rename = "metric")]
    pub figure: Figure,
    /// What the simulation gave, in the figure's unit.
    pub simulated: f64,
    /// What was measured.
    pub live: f64,
    /// `(simulated - live) / live`, per cent.
    pub error_percent: f64,
    /// Whether the two intervals overlap.
    pub indistinct: bool,
}

/// Puts outcomes side by side; the others are compared with the first.
///
/// # Panics
/// If there are none.
pub fn compare(outcomes: &[Outcome]) -> Comparison {
    assert!(!outcomes.is_empty(), "a comparison has at least one outcome");
    let runs: Vec<Run> = outcomes.iter().enumerate().map(run).collect();
    let totals: Vec<_> = outcomes.iter().map(|outcome| Some(outcome.total())).collect();
    Comparison {
        schema: COMPARISON_SCHEMA,
        rows: rows(&totals),
        verdicts: parts::verdicts(outcomes),
        configuration: options::differences(outcomes),
        phases: parts::phases(outcomes),
        resources: parts::resources(outcomes),
        streams: streams(outcomes),
        errors: pairs(outcomes, &runs),
        warnings: warnings(outcomes, &runs),
        runs,
        outcomes: outcomes.to_vec(),
    }
}

impl Comparison {
    /// Whether every run is ok and has lost nothing that it acknowledged; a loss that a scenario
    /// expects is a loss.
    pub fn ok(&self) -> bool {
        self.runs.iter().all(|run| run.ok && run.lost == 0)
    }

    /// The process's exit code: 0 if [`Comparison::ok`], else 1 (2 is for usage).
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.ok())
    }

    /// The comparison in one line: which runs lost something or failed.
    pub fn heading(&self) -> String {
        let mut parts = Vec::new();
        for run in &self.runs {
            if run.lost > 0 {
                let planned = match run.conclusion.result {
                    Ending::AsExpected => ", as its scenario expects",
                    _ => "",
                };
                let lost = count(run.lost);
                parts.push(format!("{} lost {lost} acknowledged events{planned}", run.label));
            } else if !run.ok {
                let word = match run.conclusion.result {
                    Ending::Interrupted => "was interrupted",
                    _ => "failed",
                };
                parts.push(format!("{} {word}", run.label));
            }
        }
        match parts.is_empty() {
            true => "No run failed, and none lost what it acknowledged".to_owned(),
            false => parts.join("; "),
        }
    }

    /// The comparison as a text table for the terminal.
    pub fn to_text(&self) -> String {
        text::text(self)
    }

    /// The comparison as Markdown, for a pull request.
    pub fn to_markdown(&self) -> String {
        markdown::markdown(self)
    }

    /// The comparison as one self-contained HTML file.
    pub fn to_html(&self) -> String {
        page::html(self)
    }

    /// What stands in that file below its heading.
    pub(crate) fn html_body(&self) -> String {
        page::body(self)
    }

    /// The comparison as JSON, ending in a newline.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("every key is a string");
        json.push('\n');
        json
    }

    /// The rows of the totals: what broke, latencies, rates.
    fn by_kind(&self) -> (Vec<&Row>, Vec<&Row>, Vec<&Row>) {
        let of = |kind: Kind| self.rows.iter().filter(|row| row.figure.kind() == kind).collect();
        (of(Kind::Broken), of(Kind::Latency), of(Kind::Rate))
    }

    /// The cells of all tables.
    fn cells(&self) -> impl Iterator<Item = &Cell> {
        let phases = self.phases.iter().flat_map(|phase| &phase.rows);
        let streams = self.streams.iter().flat_map(|stream| &stream.rows);
        self.rows.iter().chain(phases).chain(streams).flat_map(|row| &row.cells)
    }

    fn outcomes(&self) -> impl Iterator<Item = (&Run, &Outcome)> {
        self.runs.iter().zip(&self.outcomes)
    }
}

fn run((index, outcome): (usize, &Outcome)) -> Run {
    let letter = char::from(b'A' + (index % 26) as u8);
    let round = index / 26;
    let label = if round == 0 { letter.to_string() } else { format!("{letter}{round}") };
    let environment = &outcome.environment;
    Run {
        label,
        scenario: outcome.scenario.name.clone(),
        source: outcome.source,
        system: environment.systems(),
        seed: outcome.seed,
        ok: outcome.ok(),
        conclusion: outcome.conclusion(),
        lost: outcome.counts.lost,
    }
}

/// The figures that at least one of the runs has.
fn rows(views: &[Option<View<'_>>]) -> Vec<Row> {
    let all = Figure::ALL.into_iter().map(|figure| row(figure, views));
    all.filter(|row| row.cells.iter().any(|cell| cell.value.is_some())).collect()
}

/// The streams of the runs that have several, in the order in which they are met.
fn streams(outcomes: &[Outcome]) -> Vec<StreamRows> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _, _) in outcomes.iter().flat_map(Outcome::several) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let of_stream = |name: &str| {
        let views: Vec<_> = outcomes.iter().map(|outcome| outcome.stream(name)).collect();
        StreamRows { name: name.to_owned(), rows: rows(&views) }
    };
    names.into_iter().map(of_stream).collect()
}

fn row(figure: Figure, views: &[Option<View<'_>>]) -> Row {
    let value = |view: &Option<View<'_>>| figure.value(view.as_ref()?);
    let interval = |view: &Option<View<'_>>| figure.interval(view.as_ref()?);
    let first = (value(&views[0]), interval(&views[0]));
    let cells = views.iter().enumerate().map(|(index, view)| {
        let (value, interval) = (value(view), interval(view));
        let ratio = match (value, first.0) {
            (Some(value), Some(first)) if index > 0 && first > 0.0 => Some(value / first),
            _ => None,
        };
        Cell { value, interval, ratio, indistinct: index > 0 && overlap(interval, first.1) }
    });
    Row { figure, cells: cells.collect() }
}

fn overlap(left: Option<(f64, f64)>, right: Option<(f64, f64)>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left.0 <= right.1 && right.0 <= left.1,
        _ => false,
    }
}

/// Whether two runs had the same events at the same intended times.
fn same_traffic(left: &Outcome, right: &Outcome) -> bool {
    left.traffic.digest == right.traffic.digest
}

fn pairs(outcomes: &[Outcome], runs: &[Run]) -> Vec<PairErrors> {
    let mut all = vec![];
    for (simulated, simulated_run) in outcomes.iter().zip(runs) {
        for (live, live_run) in outcomes.iter().zip(runs) {
            let of_pair = simulated.source == Source::Simulated && live.source == Source::Live;
            let same_system = simulated.environment.system == live.environment.system;
            if of_pair && same_system && same_traffic(simulated, live) {
                let withheld = live.withheld();
                all.push(PairErrors {
                    simulated: simulated_run.label.clone(),
                    live: live_run.label.clone(),
                    errors: match &withheld {
                        None => errors(simulated, live),
                        Some(_) => vec![],
                    },
                    withheld,
                });
            }
        }
    }
    all
}

/// Whether a simulation on a measured profile and a live run stand for two machines, and in what
/// these differ.
fn foreign(simulated: &Outcome, live: &Outcome) -> Option<String> {
    let measured = simulated.environment.host.as_ref()?;
    measured.differs(live.environment.host.as_ref()?)
}

fn errors(simulated: &Outcome, live: &Outcome) -> Vec<FigureError> {
    let (simulated, live) = (&simulated.total(), &live.total());
    let error = |figure: Figure| {
        let (of_simulated, of_live) = (figure.value(simulated)?, figure.value(live)?);
        // No relative error: both are zero, or it is infinite.
        (of_live > 0.0).then(|| FigureError {
            figure,
            simulated: of_simulated,
            live: of_live,
            error_percent: (of_simulated - of_live) / of_live * 100.0,
            indistinct: overlap(figure.interval(simulated), figure.interval(live)),
        })
    };
    Figure::ALL.into_iter().filter_map(error).collect()
}

fn warnings(outcomes: &[Outcome], runs: &[Run]) -> Vec<String> {
    let mut all = vec![];
    let (first, first_run) = (&outcomes[0], &runs[0]);
    for (outcome, run) in outcomes.iter().zip(runs) {
        if !same_traffic(first, outcome) {
            all.push(format!(
                "{} and {} had different traffic ({}; {}): their ratios compare different loads",
                first_run.label, run.label, first.traffic.describes, outcome.traffic.describes
            ));
        }
        if first.window != outcome.window {
            all.push(format!(
                "{} and {} were measured over different windows ({:.1} s; {:.1} s)",
                first_run.label,
                run.label,
                first.window.seconds(),
                outcome.window.seconds()
            ));
        }
        let others = outcomes.iter().zip(runs).filter(|(other, _)| other.source == Source::Live);
        for (live, live_run) in others.filter(|_| outcome.source == Source::Simulated) {
            if let Some(differs) = foreign(outcome, live) {
                all.push(format!(
                    "the profile of {} was measured on another machine than {} ran on: {differs}",
                    run.label, live_run.label
                ));
            }
        }
        if let crate::outcome::Status::Interrupted { why } = &outcome.status {
            all.push(format!("{} was interrupted: {why}", run.label));
        }
        for difference in &outcome.differences {
            let Difference { option, asked, done, .. } = difference;
            all.push(format!(
                "{} is not what its scenario asks for: {option} was to be {asked} and was {done}",
                run.label
            ));
        }
        if let Some(generator) = outcome.generator.as_ref().filter(|health| health.bottleneck) {
            all.push(format!(
                "{} measured its own load generator: {}",
                run.label, generator.explanation
            ));
        }
    }
    all
}
