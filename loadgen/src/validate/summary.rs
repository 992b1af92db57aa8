//! The result of a validation: errors of the cases, medians over them, targets.

use headwater_reports::forecast::{Unit, median};
use serde::Serialize;

use super::gathered::Gathered;
use super::statistics::{Interval, Sample, median_signed, median_size};
use crate::forecast::{ACKED, CPU, GAP, HIGHEST, RECOVERY};

/// The schema of the result's JSON.
const SCHEMA: &str = "headwater-validation/1";

/// What a median error may be, as a share, and of which cases.
struct Target {
    name: &'static str,
    figure: &'static str,
    limit: f64,
    of: fn(&Gathered) -> bool,
}

/// Share of the cluster's cores below which a case is far from the knee.
const FAR: f64 = 0.7;

const TARGETS: [Target; 8] = [
    target("highest rate with p99 < 100 ms", HIGHEST, 0.10),
    target("response p50", "response p50", 0.07),
    target("response p90", "response p90", 0.12),
    target("response p99", "response p99", 0.20),
    Target {
        name: "response p99, linger > 0, below 70 % of the cores",
        figure: "response p99",
        limit: 0.10,
        of: |case| case.lingers && case.utilisation().is_some_and(|share| share < FAR),
    },
    target("longest gap", GAP, 0.10),
    target("recovery", RECOVERY, 0.10),
    target("CPU of the cluster", CPU, 0.15),
];

const fn target(name: &'static str, figure: &'static str, limit: f64) -> Target {
    Target { name, figure, limit, of: |_| true }
}

/// Figures of which medians are told, whether there is a target or not.
const FIGURES: [&str; 11] = [
    "response p50",
    "response p90",
    "response p99",
    "response p99.9",
    "end to end p50",
    "end to end p99",
    ACKED,
    HIGHEST,
    GAP,
    RECOVERY,
    CPU,
];

/// Bands of the share of its cores that the cluster used.
const BANDS: [(&str, f64, f64); 3] =
    [("below 30 %", 0.0, 0.3), ("30 to 70 %", 0.3, FAR), ("above 70 %", FAR, f64::INFINITY)];

/// The figures by which one configuration is better than another: less is.
const BETTER_BY: [&str; 2] = ["response p50", "response p99"];

/// The result.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    schema: &'static str,
    version: &'static str,
    /// Machine, profile, seeds, repeats.
    pub(super) about: About,
    /// The cases, by name.
    pub(super) cases: Vec<CaseErrors>,
    /// Medians over the cases, of each figure.
    pub(super) medians: Vec<Median>,
    /// The same for each band of utilisation.
    pub(super) bands: Vec<Band>,
    /// The targets.
    pub(super) targets: Vec<TargetResult>,
    /// Configurations of one experiment, two by two.
    pub(super) pairs: Vec<Pair>,
}

/// What the result is of.
#[derive(Clone, Debug, Serialize)]
pub(super) struct About {
    /// The machine: system and cores.
    pub(super) machine: String,
    /// The machine profile that was simulated.
    pub(super) profile: String,
    /// Which cores cluster and generator had.
    pub(super) cores: String,
    /// When, as `2026-11-28`.
    pub(super) date: String,
    /// Seeds of a forecast.
    pub(super) seeds: u64,
    /// Repeats of a case.
    pub(super) repeats: u64,
    /// Runs that were discarded, over all cases.
    pub(super) discarded: usize,
    /// Runs that were not made, or never counted.
    pub(super) missing: u64,
    /// Some runs were made before the forecast that they are held against.
    pub(super) hindcast: bool,
}

/// A case.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CaseErrors {
    /// Its name.
    pub(super) name: String,
    title: String,
    forecast: String,
    /// Runs that count.
    pub(super) runs: u64,
    /// Why others do not.
    discarded: Vec<String>,
    /// What was not kept.
    pub(super) broken: Vec<String>,
    /// More was offered than the system took.
    pub(super) overloaded: bool,
    /// Share of the cluster's cores in use.
    pub(super) utilisation: Option<f64>,
    /// Its figures.
    pub(super) figures: Vec<CaseFigure>,
}

/// A figure of a case.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CaseFigure {
    /// Its name.
    pub(super) name: String,
    /// What it is measured in.
    pub(super) unit: Unit,
    /// Median over the seeds.
    pub(super) simulated: Option<f64>,
    /// Median over the repeats.
    pub(super) measured: Option<f64>,
    /// `(simulated - measured) / measured`, a share.
    pub(super) error: Option<Interval>,
    /// It is in the medians over cases.
    pub(super) counted: bool,
}

/// A median over cases.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Median {
    /// The figure.
    pub(super) figure: &'static str,
    /// Cases that have it.
    pub(super) cases: usize,
    /// Of the errors by size, a share.
    pub(super) size: Interval,
    /// Of the errors with their signs.
    pub(super) signed: Interval,
}

/// Medians of the cases of one band.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Band {
    /// Which, such as `below 30 %`.
    pub(super) name: &'static str,
    /// Its medians.
    pub(super) medians: Vec<Median>,
}

/// A target, and what came out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TargetResult {
    /// Its name.
    pub(super) name: &'static str,
    /// What the median may be, a share.
    pub(super) limit: f64,
    /// Cases that it is of.
    pub(super) cases: usize,
    /// The median; absent without cases.
    pub(super) median: Option<Interval>,
    /// Whether it is kept; absent without cases.
    pub(super) kept: Option<bool>,
}

/// Two configurations of one experiment.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pair {
    /// The experiment.
    pub(super) experiment: String,
    /// The configurations.
    pub(super) of: [String; 2],
    /// By which figure.
    pub(super) figure: &'static str,
    /// The better one by forecast.
    pub(super) forecast: String,
    /// The better one as measured; absent where the repeats do not agree.
    pub(super) measured: Option<String>,
}

impl Pair {
    /// Whether the better one was named rightly, where the repeats agree.
    pub(super) fn right(&self) -> Option<bool> {
        self.measured.as_ref().map(|measured| *measured == self.forecast)
    }
}

impl Summary {
    /// Of these cases; `seed` draws for the intervals.
    pub(super) fn of(cases: &[Gathered], about: About, seed: u64) -> Self {
        let of = |band: &(&'static str, f64, f64)| {
            let (name, from, until) = *band;
            let within = |case: &&Gathered| {
                case.utilisation().is_some_and(|share| from <= share && share < until)
            };
            let cases: Vec<&Gathered> = cases.iter().filter(within).collect();
            Band { name, medians: medians(&cases, seed) }
        };
        let all: Vec<&Gathered> = cases.iter().collect();
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            cases: cases.iter().map(|case| errors(case, seed)).collect(),
            medians: medians(&all, seed),
            bands: BANDS.iter().map(of).collect(),
            targets: TARGETS.iter().map(|target| result(target, cases, seed)).collect(),
            pairs: pairs(cases),
            about,
        }
    }

    /// As JSON.
    pub(super) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("every key is a string")
    }
}

fn errors(case: &Gathered, seed: u64) -> CaseErrors {
    let figure = |(name, unit, sample): &(String, Unit, Sample)| CaseFigure {
        name: name.clone(),
        unit: *unit,
        simulated: median(&sample.seeds),
        measured: median(&sample.repeats),
        error: sample.interval(seed),
        counted: case.counted(name).is_some(),
    };
    CaseErrors {
        name: case.name.clone(),
        title: case.title.clone(),
        forecast: case.forecast.clone(),
        runs: case.runs,
        discarded: case.discarded.clone(),
        broken: case.broken.clone(),
        overloaded: case.overloaded,
        utilisation: case.utilisation(),
        figures: case.figures.iter().map(figure).collect(),
    }
}

fn medians(cases: &[&Gathered], seed: u64) -> Vec<Median> {
    let one = |figure: &'static str| {
        let samples: Vec<&Sample> = cases.iter().filter_map(|case| case.counted(figure)).collect();
        Some(Median {
            figure,
            cases: samples.len(),
            size: median_size(&samples, seed)?,
            signed: median_signed(&samples, seed)?,
        })
    };
    FIGURES.into_iter().filter_map(one).collect()
}

fn result(target: &Target, cases: &[Gathered], seed: u64) -> TargetResult {
    let of_it = cases.iter().filter(|case| (target.of)(case));
    let samples: Vec<&Sample> = of_it.filter_map(|case| case.counted(target.figure)).collect();
    let median = median_size(&samples, seed);
    TargetResult {
        name: target.name,
        limit: target.limit,
        cases: samples.len(),
        kept: median.map(|median| median.value <= target.limit),
        median,
    }
}

/// Every two configurations of one experiment, by each figure that tells the better one.
fn pairs(cases: &[Gathered]) -> Vec<Pair> {
    let mut all = Vec::new();
    for (index, one) in cases.iter().enumerate() {
        let Some((experiment, first)) = one.configuration() else { continue };
        for other in &cases[index + 1..] {
            let Some((_, second)) = other.configuration().filter(|of| of.0 == experiment) else {
                continue;
            };
            let judged = BETTER_BY.into_iter().filter_map(|figure| {
                let (one, other) = (one.sample(figure)?, other.sample(figure)?);
                let first_is = median(&one.seeds)? < median(&other.seeds)?;
                let name = |first_is: bool| if first_is { first } else { second }.to_owned();
                (!one.repeats.is_empty() && !other.repeats.is_empty()).then(|| Pair {
                    experiment: experiment.to_owned(),
                    of: [first.to_owned(), second.to_owned()],
                    figure,
                    forecast: name(first_is),
                    measured: agreed(&one.repeats, &other.repeats).map(name),
                })
            });
            all.extend(judged);
        }
    }
    all
}

/// Whether every repeat of the first is below every repeat of the second, or every one above; none
/// where they overlap.
fn agreed(first: &[f64], second: &[f64]) -> Option<bool> {
    let below =
        |left: &[f64], right: &[f64]| left.iter().all(|one| right.iter().all(|other| one < other));
    match (below(first, second), below(second, first)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A case whose p50 and p99 (ms) are forecast as `seeds` and measured as `repeats`, with CPU of
    /// `cores`.
    pub(in super::super) fn case(
        name: &str,
        seeds: [f64; 2],
        repeats: [f64; 2],
        cores: f64,
    ) -> Gathered {
        let sample = |simulated: f64, measured: f64| Sample {
            seeds: vec![simulated; 20],
            repeats: vec![measured; 3],
            least: 0.0,
        };
        let figure = |name: &str, index: usize| {
            let sample = sample(seeds[index] * 1e6, repeats[index] * 1e6);
            (name.to_owned(), Unit::Nanoseconds, sample)
        };
        Gathered {
            name: name.into(),
            title: "t".into(),
            forecast: "ab12".into(),
            figures: vec![
                figure("response p50", 0),
                figure("response p99", 1),
                (CPU.into(), Unit::Cores, sample(cores, cores)),
            ],
            cores: 1,
            lingers: true,
            runs: 3,
            ..Gathered::default()
        }
    }

    pub(in super::super) fn about() -> About {
        About {
            machine: "linux, 2 cores".into(),
            profile: "here".into(),
            cores: "own".into(),
            date: "2026-11-28".into(),
            seeds: 20,
            repeats: 3,
            discarded: 1,
            missing: 0,
            hindcast: false,
        }
    }

    fn summary(cases: &[Gathered]) -> Summary {
        Summary::of(cases, about(), 1)
    }

    fn near(value: f64, want: f64) -> bool {
        (value - want).abs() < 1e-9
    }

    #[test]
    fn medians_are_over_the_cases_and_by_band() {
        let found = summary(&[
            case("a", [1.1, 2.0], [1.0, 4.0], 0.1),
            case("b", [0.9, 4.0], [1.0, 4.0], 0.2),
            case("c", [1.5, 5.0], [1.0, 4.0], 0.9),
        ]);
        let p50 = &found.medians[0];
        assert_eq!((p50.figure, p50.cases), ("response p50", 3));
        assert!(near(p50.size.value, 0.1) && near(p50.signed.value, 0.1), "{p50:?}");
        let of_band = |band: usize| found.bands[band].medians.first().map(|of| of.size.value);
        assert!(near(of_band(0).unwrap(), 0.1) && near(of_band(2).unwrap(), 0.5));
        assert_eq!(of_band(1), None);
    }

    #[test]
    fn targets_are_kept_or_not_or_have_no_case() {
        let found = summary(&[case("a", [1.05, 3.0], [1.0, 4.0], 0.1)]);
        let kept = |name: &str| {
            let of = found.targets.iter().find(|target| target.name == name).expect("a target");
            (of.cases, of.kept)
        };
        assert_eq!(kept("response p50"), (1, Some(true)));
        assert_eq!(kept("response p99"), (1, Some(false)));
        assert_eq!(kept("longest gap"), (0, None));
        assert_eq!(kept("response p99, linger > 0, below 70 % of the cores"), (1, Some(false)));
        let busy = summary(&[case("a", [1.05, 3.0], [1.0, 4.0], 0.8)]);
        assert_eq!(busy.targets[4].cases, 0);
    }

    #[test]
    fn latencies_of_a_queue_that_grows_and_under_faults_are_in_no_median() {
        let grows = Gathered { overloaded: true, ..case("a", [9.0, 9.0], [1.0, 1.0], 1.0) };
        let faulty = Gathered { faulty: true, ..case("b", [9.0, 9.0], [1.0, 1.0], 0.1) };
        let found = summary(&[grows, faulty]);
        let names: Vec<_> = found.medians.iter().map(|median| median.figure).collect();
        assert_eq!(names, [CPU]);
        assert!(found.cases[0].figures[0].error.is_some(), "they are told all the same");
    }

    #[test]
    fn a_gap_that_neither_world_felt_is_in_no_median() {
        let gap = |simulated: f64, measured: f64| {
            let mut of = case("a", [1.0, 1.0], [1.0, 1.0], 0.1);
            let seeds = vec![simulated * 1e6; 3];
            let sample = Sample { seeds, repeats: vec![measured * 1e6; 3], least: 100e6 };
            of.figures.push((GAP.into(), Unit::Nanoseconds, sample));
            of.counted(GAP).and_then(Sample::error)
        };
        assert_eq!(gap(20.0, 40.0), None);
        assert!(near(gap(9_000.0, 10_000.0).unwrap(), -0.1));
        assert!(near(gap(600.0, 20.0).unwrap(), 5.8), "against 100 ms");
    }

    #[test]
    fn the_better_configuration_is_judged_where_the_repeats_agree() {
        let found = summary(&[
            case("small@a", [1.0, 9.0], [2.0, 8.0], 0.1),
            case("small@b", [3.0, 7.0], [4.0, 9.0], 0.1),
            case("other", [3.0, 7.0], [4.0, 9.0], 0.1),
        ]);
        assert_eq!(found.pairs.len(), 2);
        let by = |index: usize| (found.pairs[index].figure, found.pairs[index].right());
        assert_eq!(by(0), ("response p50", Some(true)));
        assert_eq!(by(1), ("response p99", Some(false)));
        assert_eq!(agreed(&[1.0, 3.0], &[2.0, 4.0]), None);
    }
}
