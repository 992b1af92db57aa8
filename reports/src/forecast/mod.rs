//! A forecast: what simulations over several seeds say of a run before it is made, and how the run
//! then compares.

mod page;
mod score;
mod text;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::OutcomeError;
use crate::file;
use crate::latency::{Latency, spectrum_shares};
use crate::outcome::Outcome;
use crate::text as shown;

pub use page::report as forecast_report;
pub use score::{Position, Row, SCORE_SCHEMA, Score};

/// The schema of a forecast's JSON.
pub const FORECAST_SCHEMA: &str = "headwater-forecast/1";

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Time, nanoseconds.
    Nanoseconds,
    /// Events per second.
    PerSecond,
    /// Cores of a machine.
    Cores,
}

impl Unit {
    /// A value with its unit.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => shown::duration(value),
            Self::PerSecond => shown::per_second(value),
            Self::Cores => format!("{} cores", shown::significant(value)),
        }
    }
}

/// A figure of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Name, such as `response p99`.
    pub name: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// Its value; absent where the run does not have it.
    pub value: Option<f64>,
}

/// A figure over the seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureForecast {
    /// Name, such as `response p99`.
    pub name: String,
    /// What it is measured in.
    pub unit: Unit,
    /// Median and extremes of `values`; absent where fewer than half of the seeds have one.
    pub range: Option<Range>,
    /// The value of each seed, in their order.
    pub values: Vec<Option<f64>>,
}

/// Median and extremes over seeds. One more run of the same kind lies between the extremes of n
/// with a probability of (n - 1) / (n + 1): of 20 seeds, 90 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Least.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// Greatest.
    pub high: f64,
}

impl Range {
    /// Of these values; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        Some(Self { low, median: middle(&sorted), high })
    }
}

/// The median of sorted values, of which there is one at the least.
fn middle(sorted: &[f64]) -> f64 {
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// The median; none of no values.
pub fn median(values: &[f64]) -> Option<f64> {
    Range::of(values).map(|range| range.median)
}

/// A latency's percentiles over the seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spectrum {
    /// Which latency, such as `response`.
    pub name: String,
    /// Shares of the events, ascending, and the range of the latency at each, nanoseconds: as far
    /// as every seed has it.
    pub points: Vec<(f64, Range)>,
}

/// What a run will show, as simulated over several seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// Always [`FORECAST_SCHEMA`].
    pub schema: String,
    /// Version of headwater that made it.
    pub version: String,
    /// SHA-256 of the scenario and the machine profile that it is made from, hexadecimal.
    pub inputs: String,
    /// The scenario's name.
    pub scenario: String,
    /// The machine profile's name.
    pub profile: String,
    /// Which cores the simulated cluster and generator have, and what else is worth knowing of what
    /// was simulated, one line each.
    pub notes: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// The figures.
    pub figures: Vec<FigureForecast>,
    /// Percentile spectra.
    pub spectra: Vec<Spectrum>,
}

impl Forecast {
    /// The figures and spectra of these runs, of which each has the figures of `figures`, in the
    /// same order.
    pub fn of(outcomes: &[Outcome], figures: &[Vec<Figure>]) -> Self {
        let first = outcomes.first();
        let names = figures.first().map_or(&[][..], Vec::as_slice);
        let figure = |(index, of): (usize, &Figure)| {
            let values: Vec<Option<f64>> = figures.iter().map(|run| run[index].value).collect();
            let there: Vec<f64> = values.iter().copied().flatten().collect();
            let enough = there.len() * 2 >= values.len();
            let range = if enough { Range::of(&there) } else { None };
            FigureForecast { name: of.name.into(), unit: of.unit, range, values }
        };
        Self {
            schema: FORECAST_SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            inputs: String::new(),
            scenario: first.map(|run| run.scenario.name.clone()).unwrap_or_default(),
            profile: first.map(|run| run.environment.profile.clone()).unwrap_or_default(),
            notes: Vec::new(),
            seeds: outcomes.iter().map(|run| run.seed).collect(),
            figures: names.iter().enumerate().map(figure).collect(),
            spectra: vec![
                spectrum("response", outcomes, |run| &run.latency.response),
                spectrum("end to end", outcomes, |run| &run.latency.end_to_end),
            ],
        }
    }

    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<&FigureForecast> {
        self.figures.iter().find(|figure| figure.name == name)
    }

    /// As JSON, ending in a newline.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("every key is a string");
        json.push('\n');
        json
    }

    /// Writes `text`, which is [`Self::to_json`], to `path`.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn write(text: &str, path: &Path) -> Result<(), OutcomeError> {
        file::replace(path, text.as_bytes())
    }

    /// Reads a forecast from `path`.
    ///
    /// # Errors
    /// If it can't be read, or is none of [`FORECAST_SCHEMA`].
    pub fn read(path: &Path) -> Result<Self, OutcomeError> {
        let text = fs::read(path)
            .map_err(|source| OutcomeError::Read { path: path.to_owned(), source })?;
        let read: Self = serde_json::from_slice(&text).map_err(|error| OutcomeError::Corrupt {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
            problem: error.to_string(),
            expected: FORECAST_SCHEMA,
        })?;
        if read.schema != FORECAST_SCHEMA {
            return Err(OutcomeError::Corrupt {
                path: path.to_owned(),
                line: 1,
                column: 1,
                problem: format!("schema is `{}`", read.schema),
                expected: FORECAST_SCHEMA,
            });
        }
        Ok(read)
    }
}

fn spectrum(name: &str, runs: &[Outcome], of: fn(&Outcome) -> &Latency) -> Spectrum {
    let at = |share: f64| {
        let each = runs.iter().map(|run| of(run).quantile(share).map(|ns| ns as f64));
        Some((share, Range::of(&each.collect::<Option<Vec<f64>>>()?)?))
    };
    Spectrum { name: name.into(), points: spectrum_shares().map_while(at).collect() }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::outcome::{Scenario, Source, Window};
    use crate::recorder::Recorder;

    /// A run of a second in which `late` of 1,000 events took 9 ms and the others `ms`.
    pub(crate) fn run(source: Source, seed: u64, ms: u64, late: u64) -> Outcome {
        const MS: u64 = 1_000_000;
        let window = Window { from_ns: 0, until_ns: 1_000 * MS };
        let mut recorder = Recorder::new(100 * MS, window);
        for event in 0..1_000 {
            let (at, took) = (event * MS, if event < late { 9 * MS } else { ms * MS });
            recorder.offered(at, 1, 100);
            recorder.sent(at, at, 1, 100);
            recorder.acked(at + took, at, at, 1, 100);
        }
        let mut outcome = Outcome::empty(Scenario::default(), source, seed);
        recorder.finish(1_000 * MS, &mut outcome);
        outcome
    }

    /// The median of a run, as a figure.
    pub(crate) fn figures(run: &Outcome) -> Vec<Figure> {
        let value = run.latency.response.quantile(0.5).map(|ns| ns as f64);
        vec![Figure { name: "response p50", unit: Unit::Nanoseconds, value }]
    }

    /// A forecast of 3 to 5 ms.
    pub(crate) fn forecast() -> Forecast {
        let runs = [3, 5, 4].map(|ms| run(Source::Simulated, ms, ms, 20));
        Forecast::of(&runs, &runs.iter().map(figures).collect::<Vec<_>>())
    }

    #[test]
    fn a_forecast_has_the_extremes_and_the_median_of_its_seeds() {
        let made = forecast();
        assert_eq!(made.seeds, [3, 5, 4]);
        let figure = made.figure("response p50").unwrap();
        let about = |ms: f64| (ms * 0.999e6)..(ms * 1.001e6);
        let range = figure.range.unwrap();
        assert!(about(3.0).contains(&range.low) && about(4.0).contains(&range.median));
        assert!(about(5.0).contains(&range.high), "{range:?}");
        // Ten events lie beyond p99 of a thousand: the spectrum ends there.
        let last = made.spectra[0].points.last().unwrap();
        assert!((last.0 - 0.99).abs() < 1e-9 && last.1.low > 8e6, "{last:?}");
        assert_eq!(made.spectra[1].points, []);
    }

    #[test]
    fn a_figure_that_most_seeds_lack_has_no_range() {
        let figure = |value| vec![Figure { name: "gap", unit: Unit::Nanoseconds, value }];
        let runs = [1, 2, 3].map(|seed| run(Source::Simulated, seed, 1, 0));
        let made = Forecast::of(&runs, &[figure(None), figure(Some(7.0)), figure(None)]);
        assert_eq!(made.figures[0].range, None);
        let made = Forecast::of(&runs, &[figure(Some(5.0)), figure(Some(7.0)), figure(None)]);
        assert_eq!(made.figures[0].range.unwrap().median, 6.0);
    }

    #[test]
    fn a_forecast_is_read_back_as_it_was_written_and_another_schema_is_refused() {
        let folder = std::env::temp_dir().join(format!("headwater-fc-{}", std::process::id()));
        let path = folder.join("forecast.json");
        let made = forecast();
        Forecast::write(&made.to_json(), &path).unwrap();
        assert_eq!(Forecast::read(&path).unwrap(), made);
        let other = made.to_json().replace("headwater-forecast/1", "headwater-forecast/9");
        Forecast::write(&other, &path).unwrap();
        assert!(Forecast::read(&path).unwrap_err().to_string().contains("headwater-forecast/9"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
