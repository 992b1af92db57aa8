//! The score: a forecast against the run that was made.

use serde::{Deserialize, Serialize};

use super::{Figure, FigureForecast, Forecast, Range, Unit};
/// The schema of a score's JSON.
pub const SCORE_SCHEMA: &str = "headwater-score/1";

/// Where a measured value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// Below every seed.
    Below,
    /// Between the least and the greatest of the seeds.
    Inside,
    /// Above every seed.
    Above,
}

/// A figure of the forecast and of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Name, such as `response p99`.
    pub name: String,
    /// What it is measured in.
    pub unit: Unit,
    /// What was forecast.
    pub forecast: Option<Range>,
    /// What was measured.
    pub measured: Option<f64>,
    /// `(median of the forecast - measured) / measured`, per cent.
    pub error_percent: Option<f64>,
    /// Where the measured value lies.
    pub position: Option<Position>,
    /// How far outside it lies, per cent of what was measured; zero inside.
    pub outside_percent: Option<f64>,
}

/// How a forecast came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Always [`SCORE_SCHEMA`].
    pub schema: String,
    /// SHA-256 of the forecast's file.
    pub forecast: String,
    /// Seeds of the forecast.
    pub seeds: usize,
    /// Why no error is told, if none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
    /// The figures that either has.
    pub rows: Vec<Row>,
}

/// What a score says of a figure that only one side has.
pub const UNSCORED: &str = "not compared";

impl Score {
    /// Of a live run with these figures. No error is told of one that is `withheld`, as it is not
    /// to be compared ([`Outcome::withheld`](crate::Outcome::withheld)).
    pub fn of(
        forecast: &Forecast,
        hash: &str,
        withheld: Option<String>,
        figures: &[Figure],
    ) -> Self {
        let row = |figure: &Figure| {
            let forecast = forecast.figure(figure.name)?;
            (forecast.range.is_some() || figure.value.is_some())
                .then(|| row(forecast, figure.value, withheld.is_some()))
        };
        Self {
            schema: SCORE_SCHEMA.into(),
            forecast: hash.into(),
            seeds: forecast.seeds.len(),
            rows: figures.iter().filter_map(row).collect(),
            withheld,
        }
    }

    /// How many figures lie inside, and how many are compared.
    pub fn inside(&self) -> (usize, usize) {
        let positions = || self.rows.iter().filter_map(|row| row.position);
        let inside = positions().filter(|position| *position == Position::Inside);
        (inside.count(), positions().count())
    }

    /// As JSON, ending in a newline.
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("every key is a string");
        json.push('\n');
        json
    }
}

fn row(forecast: &FigureForecast, measured: Option<f64>, withheld: bool) -> Row {
    let compared = measured.zip(forecast.range).filter(|_| !withheld);
    let position = compared.map(|(value, range)| match value {
        value if value < range.low => Position::Below,
        value if value > range.high => Position::Above,
        _ => Position::Inside,
    });
    // No relative error: both are zero, or it is infinite.
    let relative = compared.filter(|(measured, _)| *measured > 0.0);
    let outside = relative.map(|(measured, range)| {
        let beyond = (range.low - measured).max(measured - range.high).max(0.0);
        beyond / measured * 100.0
    });
    Row {
        name: forecast.name.clone(),
        unit: forecast.unit,
        forecast: forecast.range,
        measured,
        error_percent: relative
            .map(|(measured, range)| (range.median - measured) / measured * 100.0),
        position,
        outside_percent: outside,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{figures, forecast, run};
    use super::*;
    use crate::fair::UNDISTURBED;
    use crate::outcome::{Outcome, Source, Status, Verdict, VerdictStatus};

    fn score(live: &Outcome) -> Score {
        Score::of(&forecast(), "ab", live.withheld(), &figures(live))
    }

    #[test]
    fn a_run_lies_inside_or_so_far_outside() {
        let inside = score(&run(Source::Live, 1, 5, 20));
        assert_eq!(inside.inside(), (1, 1));
        let row = &inside.rows[0];
        assert!((row.error_percent.unwrap() + 20.0).abs() < 0.2, "{row:?}");
        assert_eq!(row.outside_percent, Some(0.0));
        let above = score(&run(Source::Live, 1, 8, 20));
        let row = &above.rows[0];
        assert_eq!((row.position, above.inside()), (Some(Position::Above), (0, 1)));
        assert!((row.outside_percent.unwrap() - 37.5).abs() < 0.2, "{row:?}");
        assert!((row.error_percent.unwrap() + 50.0).abs() < 0.2, "{row:?}");
        let below = score(&run(Source::Live, 1, 2, 20));
        assert_eq!(below.rows[0].position, Some(Position::Below));
        assert!((below.rows[0].outside_percent.unwrap() - 50.0).abs() < 0.2);
    }

    #[test]
    fn no_error_is_told_of_a_run_that_was_disturbed_or_late() {
        let mut live = run(Source::Live, 1, 5, 20);
        live.verdicts.push(Verdict {
            name: UNDISTURBED.into(),
            stream: None,
            status: VerdictStatus::Warn,
            measured: "rustc took a core".into(),
            expected: String::new(),
            explanation: String::new(),
        });
        let withheld = score(&live);
        assert!(withheld.withheld.as_ref().unwrap().contains("rustc"), "{withheld:?}");
        let row = &withheld.rows[0];
        assert!(row.measured.is_some() && row.error_percent.is_none() && row.position.is_none());
        live.verdicts.clear();
        assert_eq!(live.withheld(), None);
        live.status = Status::Interrupted { why: "stopped".into() };
        assert!(live.withheld().unwrap().contains("did not come to its end"));
    }
}
