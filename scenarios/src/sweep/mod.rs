//! Sweeps: one scenario in many variants over many seeds, on all cores.
//!
//! Every variant of a seed is given the same traffic and the same faults (common random numbers:
//! traffic and faults draw from streams of their own), so that what differs between two variants of
//! a seed is their doing. Differences are taken per seed and averaged, which makes their confidence
//! intervals much narrower than those of the variants themselves.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::Outcome;
use headwater_reports::outcome::Status;
use headwater_reports::text;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::run::{self, Options};
use crate::scenario::expect::Quantity;
use crate::scenario::metric::Kind;
use crate::scenario::{Finding, Metric, Problems, Scenario, Source, shell_word};
use crate::shard::Shard;
use crate::stats::Estimate;
use crate::table::{self, aligned, fits, fitted};

mod across;
mod parts;
mod vary;

pub use self::vary::{Settings, Vary, combination, setting};

/// What is swept.
#[derive(Clone, Debug)]
pub struct SweepSpec {
    /// The scenario.
    pub source: Source,
    /// Settings of all variants.
    pub settings: Settings,
    /// What varies; several make the product of all.
    pub vary: Vec<Vary>,
    /// Variants with all settings of one of these are left out.
    pub skip: Vec<Settings>,
    /// The path whose values stand side by side in the table.
    pub across: Option<String>,
    /// Seeds: the first, and how many from there on. Without a first the scenario's own.
    pub seeds: (Option<u64>, u64),
    /// The figures that are kept.
    pub metrics: Vec<Metric>,
    /// The part of its runs that this job does.
    pub shard: Shard,
}

impl SweepSpec {
    /// The settings of its variants.
    ///
    /// # Errors
    /// What it leaves out, or has side by side, that is not varied.
    pub fn variants(&self) -> Result<Vec<Settings>, String> {
        if let Some(path) = &self.across {
            vary::check_path("--across", path, &self.vary)?;
        }
        vary::variants(&self.vary, &self.skip)
    }

    /// The command line that runs it from this seed on.
    fn reproduce(&self, first: u64) -> String {
        let mut line = format!("headwater sweep {}", shell_word(&self.source.name));
        for Vary { path, values } in &self.vary {
            line += &format!(" --vary {}", shell_word(&format!("{path}={}", values.join(","))));
        }
        for all in &self.skip {
            let all: Vec<_> = all.iter().map(|(path, value)| format!("{path}={value}")).collect();
            line += &format!(" --skip {}", shell_word(&all.join(",")));
        }
        if let Some(path) = &self.across {
            line += &format!(" --across {}", shell_word(path));
        }
        line += &format!(" --seed {first} --seeds {}", self.seeds.1);
        let metrics: Vec<String> = self.metrics.iter().map(ToString::to_string).collect();
        if metrics != DEFAULT_METRICS {
            metrics.iter().for_each(|metric| line += &format!(" --metric {}", shell_word(metric)));
        }
        for (path, value) in &self.settings {
            line += &format!(" --set {}", shell_word(&format!("{path}={value}")));
        }
        line
    }
}

/// The figures of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its seed.
    pub seed: u64,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Digest of its traffic: the same for all variants of a seed, unless traffic is what varies.
    pub traffic: String,
    /// Whether it met every expectation.
    pub ok: bool,
    /// Its figures, by metric; those that it has.
    pub figures: BTreeMap<String, f64>,
    /// The line that runs it again.
    pub reproduce: String,
}

/// A variant over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Its settings, as (path, value).
    pub settings: Settings,
    /// Mean and interval, by metric.
    pub estimates: BTreeMap<String, Estimate>,
    /// Mean and interval of the paired difference with the first variant, by metric; empty for the
    /// first.
    pub differences: BTreeMap<String, Estimate>,
    /// Each run.
    pub points: Vec<Point>,
}

/// A sweep that is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Schema of this value as JSON.
    pub schema: String,
    /// The scenario's name.
    pub scenario: String,
    /// Version of headwater.
    pub version: String,
    /// The command line that runs it again.
    pub reproduce: String,
    /// The metrics, in the order asked for.
    pub metrics: Vec<String>,
    /// The variants; the first is the baseline.
    pub variants: Vec<Variant>,
    /// The path whose values stand side by side in its table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub across: Option<String>,
    /// The parts that it is of; none if it is the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<Shard>,
    /// True if it was stopped before every run was done; variants then have fewer points.
    pub interrupted: bool,
}

/// Schema of a sweep as JSON.
const SCHEMA: &str = "headwater-sweep/1";

/// The figures that a sweep keeps unless it is told.
pub const DEFAULT_METRICS: [&str; 6] =
    ["response.p50", "response.p99", "end_to_end.p99", "acked_rate", "lost", "utilisation.binding"];

/// Runs a sweep. `done` is called after each run with the number done and the total.
pub fn sweep(
    spec: &SweepSpec,
    stop: &AtomicBool,
    done: &(dyn Fn(usize, usize) + Sync),
) -> Result<Sweep, Problems> {
    let wrong = |message: String| Problems::one(Finding::new(message, None));
    let variants = spec.variants().map_err(wrong)?;
    let read = |settings: &Settings| {
        let all: Vec<_> = spec.settings.iter().chain(settings).cloned().collect();
        spec.source.read(&all)
    };
    let scenarios = variants.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    for metric in &spec.metrics {
        // A phase may be of some variants alone.
        let known = |one: &Scenario| one.has(metric);
        if scenarios.iter().all(|one| known(one).is_err()) {
            return Err(wrong(known(&scenarios[0]).err().unwrap_or_default()));
        }
    }
    let first = spec.seeds.0.unwrap_or(scenarios[0].seed);
    let runs: Vec<(usize, u64)> = (0..spec.seeds.1)
        .flat_map(|seed| (0..scenarios.len()).map(move |variant| (variant, first + seed)))
        .zip(0..)
        .filter_map(|(run, number)| spec.shard.has(number).then_some(run))
        .collect();
    let count = std::sync::atomic::AtomicUsize::new(0);
    let one = |(variant, seed): &(usize, u64)| {
        if stop.load(Ordering::Relaxed) {
            return (*variant, None);
        }
        let point = point(&scenarios[*variant], *seed, &spec.metrics, stop);
        done(count.fetch_add(1, Ordering::Relaxed) + 1, runs.len());
        (*variant, point)
    };
    let points: Vec<(usize, Option<Point>)> = runs.par_iter().map(one).collect();
    let interrupted = points.iter().any(|(_, point)| point.is_none());
    let mut by_variant: Vec<Vec<Point>> = vec![Vec::new(); variants.len()];
    for (variant, point) in points {
        by_variant[variant].extend(point);
    }
    let metrics: Vec<String> = spec.metrics.iter().map(ToString::to_string).collect();
    Ok(Sweep {
        schema: SCHEMA.to_owned(),
        scenario: spec.source.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reproduce: spec.reproduce(first),
        variants: of_points(&metrics, variants, by_variant),
        metrics,
        across: spec.across.clone(),
        shards: if spec.shard == Shard::ALL { Vec::new() } else { vec![spec.shard] },
        interrupted,
    })
}

/// The variants with these settings, of their runs.
fn of_points(
    metrics: &[String],
    settings: Vec<Settings>,
    by_variant: Vec<Vec<Point>>,
) -> Vec<Variant> {
    let baseline = by_variant.first().cloned().unwrap_or_default();
    let variant = |(index, (settings, points)): (usize, (Settings, Vec<Point>))| {
        let others = if index == 0 { &[] } else { baseline.as_slice() };
        Variant {
            estimates: by_metric(metrics, |metric| estimate(&points, metric)),
            differences: by_metric(metrics, |metric| difference(&points, others, metric)),
            settings,
            points,
        }
    };
    settings.into_iter().zip(by_variant).enumerate().map(variant).collect()
}

/// Runs a scenario with each of these seeds, on all cores: the outcomes in the order of the seeds,
/// without those that `stop` ended. `done` is called after each run with the number done.
pub fn outcomes(
    scenario: &Scenario,
    seeds: &[u64],
    stop: &AtomicBool,
    done: &(dyn Fn(usize) + Sync),
) -> Vec<Outcome> {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let one = |seed: &u64| {
        let options = Options { seed: Some(*seed), stop: Some(stop), ..Options::default() };
        let outcome = run::run(scenario, &options).outcome;
        done(count.fetch_add(1, Ordering::Relaxed) + 1);
        (outcome.status == Status::Completed).then_some(outcome)
    };
    seeds.par_iter().filter_map(one).collect()
}

/// One run; nothing if it was stopped.
fn point(scenario: &Scenario, seed: u64, metrics: &[Metric], stop: &AtomicBool) -> Option<Point> {
    let options = Options { seed: Some(seed), stop: Some(stop), ..Options::default() };
    let outcome = run::run(scenario, &options).outcome;
    if outcome.status != Status::Completed {
        return None;
    }
    let figure = |metric: &Metric| match metric.read(&outcome) {
        Some(Quantity::Number(number)) => Some((metric.to_string(), number)),
        _ => None,
    };
    Some(Point {
        seed,
        ok: outcome.ok(),
        figures: metrics.iter().filter_map(figure).collect(),
        fingerprint: outcome.fingerprint.unwrap_or_default(),
        traffic: outcome.traffic.digest,
        reproduce: outcome.reproduce,
    })
}

fn by_metric(
    metrics: &[String],
    estimate: impl Fn(&str) -> Option<Estimate>,
) -> BTreeMap<String, Estimate> {
    let one = |metric: &String| Some((metric.clone(), estimate(metric)?));
    metrics.iter().filter_map(one).collect()
}

fn estimate(points: &[Point], metric: &str) -> Option<Estimate> {
    let values: Vec<f64> =
        points.iter().filter_map(|point| point.figures.get(metric).copied()).collect();
    Estimate::of(&values)
}

/// Of the differences between points of the same seed.
fn difference(points: &[Point], baseline: &[Point], metric: &str) -> Option<Estimate> {
    let pair = |point: &Point| {
        let base = baseline.iter().find(|base| base.seed == point.seed)?;
        Some(point.figures.get(metric)? - base.figures.get(metric)?)
    };
    let values: Vec<f64> = points.iter().filter_map(pair).collect();
    Estimate::of(&values)
}

impl Sweep {
    /// As a table for people: a line per variant, with the paired differences below it; where that
    /// is wider than a terminal, a table per figure, and paths by their last words. With a path
    /// across, a table per figure with its values side by side, if that fits.
    pub fn table(&self) -> String {
        let crosswise = self.across.as_ref().map(|path| self.crosswise(path));
        if let Some(table) = crosswise.filter(|table| fits(table)) {
            return table;
        }
        let paths: Vec<&str> = match self.variants.first() {
            Some(variant) => variant.settings.iter().map(|(path, _)| path.as_str()).collect(),
            None => Vec::new(),
        };
        let whole: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let mut table = aligned(&self.rows());
        if !fits(&table) {
            table = self.by_figure(&whole, aligned);
        }
        if !fits(&table) {
            let short = table::short(&paths);
            let legend = table::legend(&paths, &short);
            table = self.by_figure(&short, fitted) + "\n";
            table += &if legend.is_empty() { legend } else { format!("\n{legend}") };
            table.truncate(table.trim_end().len());
        }
        let seeds = self.variants.first().map_or(0, |variant| variant.points.len());
        let note = match seeds {
            1 => "one seed: no intervals (--seeds N)".to_owned(),
            seeds => format!(
                "{seeds} seeds; ± 95 % confidence (Student's t); differences are paired by seed,\n\
                 * = zero lies outside"
            ),
        };
        format!("{table}\n{note}\n")
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let metrics = self.metrics.iter().map(String::as_str);
        let header = ["variant", "passed"].into_iter().chain(metrics).chain([""]);
        let mut rows = vec![header.map(str::to_owned).collect::<Vec<_>>()];
        for variant in &self.variants {
            let mut row = vec![variant.name(None), variant.passed()];
            row.extend(self.metrics.iter().map(|metric| variant.cell(metric)));
            row.push(String::new());
            rows.push(row);
            if !variant.differences.is_empty() {
                let mut row = vec!["  against the first".to_owned(), String::new()];
                row.extend(self.metrics.iter().map(|metric| variant.difference(metric)));
                row.push(variant.told_apart().to_owned());
                rows.push(row);
            }
        }
        rows
    }

    /// What passed, and then each figure by itself, with the paths under these names.
    fn by_figure(&self, paths: &[String], laid_out: fn(&[Vec<String>]) -> String) -> String {
        let of = |name: &str, cells: &dyn Fn(&Variant) -> [String; 2], last: &str| {
            let mut rows = vec![[name, "", last].map(str::to_owned).to_vec()];
            for variant in &self.variants {
                let [cell, other] = cells(variant);
                rows.push(vec![variant.name(Some(paths)), cell, other]);
            }
            laid_out(&rows)
        };
        let passed = |variant: &Variant| [variant.passed(), variant.told_apart().to_owned()];
        let mut tables = vec![of("passed", &passed, "")];
        for metric in &self.metrics {
            let cells = |variant: &Variant| [variant.cell(metric), variant.difference(metric)];
            tables.push(of(metric, &cells, "against the first"));
        }
        tables.join("\n\n")
    }
}

/// Events that something went wrong with: few seeds have any, so that a mean says little.
pub(crate) const ILLS: [&str; 4] = ["lost", "failed", "duplicated", "reordered"];

impl Variant {
    /// Its settings, with their paths under other names if need be.
    fn name(&self, paths: Option<&[String]>) -> String {
        let setting = |(at, (path, value)): (usize, &(String, String))| {
            let path = paths.and_then(|paths| paths.get(at)).unwrap_or(path);
            format!("{path}={value}")
        };
        let settings = self.settings.iter().enumerate().map(setting);
        let name = settings.collect::<Vec<_>>().join(" ");
        if name.is_empty() { "as written".to_owned() } else { name }
    }

    fn passed(&self) -> String {
        let passed = self.points.iter().filter(|point| point.ok).count();
        format!("{passed} of {}", self.points.len())
    }

    /// How a figure differs from that of the first variant; nothing for the first.
    fn difference(&self, metric: &str) -> String {
        let found = self.differences.get(metric);
        found.map_or(String::new(), |found| show(metric, Some(found), true))
    }

    /// What went wrong in each run, in the order of how much.
    fn ills(&self, metric: &str) -> Vec<u64> {
        let figure = |point: &Point| point.figures.get(metric).map(|value| *value as u64);
        let mut values: Vec<u64> = self.points.iter().filter_map(figure).collect();
        values.sort_unstable();
        values
    }

    /// A figure over the seeds.
    fn cell(&self, metric: &str) -> String {
        if !ILLS.contains(&metric) {
            return show(metric, self.estimates.get(metric), false);
        }
        let values = self.ills(metric);
        let hit = values.iter().filter(|value| **value > 0).count();
        match (values.as_slice(), hit) {
            ([], _) => "-".into(),
            (_, 0) => "0".into(),
            ([one], _) => one.to_string(),
            ([least, .., greatest], hit) => {
                let (count, median) = (values.len(), values[values.len() / 2]);
                format!("{hit} of {count} seeds: {median} ({least} .. {greatest})")
            }
        }
    }

    /// Whether any of its differences is one; nothing where there are no intervals.
    fn told_apart(&self) -> &'static str {
        let any = |is: fn(&Estimate) -> bool| self.differences.values().any(is);
        let none = any(|of| of.half_width.is_some()) && !any(Estimate::is_significant);
        if none { "no detectable difference" } else { "" }
    }
}

fn show(metric: &str, estimate: Option<&Estimate>, difference: bool) -> String {
    let Some(estimate) = estimate else { return "-".into() };
    let kind = Metric::parse(metric).map_or(Kind::Count, |metric| metric.kind());
    let number = |value: f64| match kind {
        Kind::Count => text::significant(value.abs()),
        kind => Quantity::Number(value.abs()).show(kind),
    };
    let sign = match estimate.mean {
        mean if mean < 0.0 => "-",
        _ if difference => "+",
        _ => "",
    };
    let half = estimate.half_width.map(|half| format!(" ± {}", number(half))).unwrap_or_default();
    let mark = if difference && estimate.is_significant() { " *" } else { "" };
    format!("{sign}{}{half}{mark}", number(estimate.mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_by_the_seeds_that_have_any() {
        let point = |seed, value| Point {
            seed,
            fingerprint: String::new(),
            traffic: String::new(),
            ok: value == 0.0,
            figures: [("lost".to_owned(), value)].into(),
            reproduce: String::new(),
        };
        let variant = |values: &[f64]| Variant {
            settings: vec![],
            estimates: BTreeMap::new(),
            differences: BTreeMap::new(),
            points: (1..).zip(values).map(|(seed, value)| point(seed, *value)).collect(),
        };
        assert_eq!(variant(&[0.0, 17.0, 0.0, 3.0]).cell("lost"), "2 of 4 seeds: 3 (0 .. 17)");
        assert_eq!(variant(&[0.0, 0.0]).cell("lost"), "0");
        assert_eq!(variant(&[4.0]).cell("lost"), "4");
        assert_eq!(variant(&[]).cell("lost"), "-");
    }

    #[test]
    fn a_table_fits_a_terminal() {
        let variant = |partitions: &str, differences: &[f64]| Variant {
            settings: vec![("system.partitions".into(), partitions.into())],
            estimates: [("response.p99".to_owned(), Estimate::of(&[0.1, 0.2]).unwrap())].into(),
            differences: Estimate::of(differences)
                .map(|found| ("response.p99".to_owned(), found))
                .into_iter()
                .collect(),
            points: vec![],
        };
        let sweep = |metrics: &[&str]| Sweep {
            metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect(),
            variants: vec![variant("1", &[]), variant("16", &[0.3, 0.31])],
            schema: String::new(),
            scenario: String::new(),
            reproduce: String::new(),
            version: String::new(),
            across: None,
            shards: Vec::new(),
            interrupted: false,
        };
        let few = sweep(&["response.p99"]).table();
        assert!(few.starts_with("variant "), "{few}");
        let many = sweep(&["response.p99", "response.p50", "end_to_end.p99", "acked_rate", "lost"]);
        let many = many.table();
        assert!(many.lines().all(|line| line.chars().count() <= 80), "{many}");
        let wanted = "response.p99                           against the first\n\
                      system.partitions=1   150 ms ± 635 ms\n\
                      system.partitions=16  150 ms ± 635 ms  +305 ms ± 63.5 ms *\n";
        assert!(many.contains(wanted), "{many}");
    }

    #[test]
    fn long_paths_are_told_by_their_last_words_and_fit_a_terminal() {
        let path = "system.segment_store.pravegaservice.cache.size.max";
        let other = "system.bookie.journalBufferedWritesThreshold";
        let variant = |cache: &str, writes: &str| Variant {
            settings: vec![(path.into(), cache.into()), (other.into(), writes.into())],
            estimates: [("response.p99".to_owned(), Estimate::of(&[0.1, 0.2]).unwrap())].into(),
            differences: BTreeMap::new(),
            points: vec![],
        };
        let sweep = Sweep {
            metrics: vec!["response.p99".to_owned(), "phase.during-1.end_to_end.p99.9".to_owned()],
            variants: vec![variant("33554432", "524288"), variant("268435456", "0")],
            schema: String::new(),
            scenario: String::new(),
            reproduce: String::new(),
            version: String::new(),
            across: None,
            shards: Vec::new(),
            interrupted: false,
        };
        let table = sweep.table();
        assert!(fits(&table), "{table}");
        let wanted = "cache.size.max=33554432 \
                      system.bookie.journalBufferedWritesThreshold=524288\n";
        assert!(table.contains(wanted), "{table}");
        assert!(table.contains(&format!("\ncache.size.max: {path}\n")), "{table}");
    }

    #[test]
    fn what_is_no_difference_is_said_to_be_none() {
        let of = |values: &[f64]| Variant {
            settings: vec![],
            estimates: BTreeMap::new(),
            differences: [("lost".to_owned(), Estimate::of(values).unwrap())].into(),
            points: vec![],
        };
        assert_eq!(of(&[1.0, -1.0, 0.5]).told_apart(), "no detectable difference");
        assert_eq!(of(&[1.0, 1.1, 0.9]).told_apart(), "");
        assert_eq!(of(&[1.0]).told_apart(), "", "one seed tells nothing");
    }

    #[test]
    fn differences_are_paired_by_seed() {
        let point = |seed, value| Point {
            seed,
            fingerprint: String::new(),
            traffic: String::new(),
            ok: true,
            figures: [("lost".to_owned(), value)].into(),
            reproduce: String::new(),
        };
        let base = [point(1, 10.0), point(2, 20.0), point(3, 30.0)];
        let other = [point(3, 31.0), point(1, 11.0), point(2, 21.5)];
        let found = difference(&other, &base, "lost").unwrap();
        assert!((found.mean - 3.5 / 3.0).abs() < 1e-12);
        assert!(found.is_significant(), "{found:?}");
        assert!(!estimate(&base, "lost").unwrap().half_width.is_some_and(|half| half < 10.0));
    }
}
