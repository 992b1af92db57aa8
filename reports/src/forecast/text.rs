//! A score for the terminal.

use std::fmt::Write as _;

use super::score::{Position, Row, Score, UNSCORED};
use super::{Forecast, Range, Unit};
use crate::text::significant;

pub(super) fn range(unit: Unit, range: Option<Range>) -> String {
    range.map_or_else(
        || "–".to_owned(),
        |Range { low, median, high }| {
            format!("{} [{} .. {}]", unit.show(median), unit.show(low), unit.show(high))
        },
    )
}

/// Where a measured value lies, in words.
pub(super) fn position(row: &Row) -> String {
    let beyond = || match row.outside_percent {
        Some(percent) => format!(" by {} %", significant(percent)),
        None => String::new(),
    };
    match row.position {
        None => UNSCORED.to_owned(),
        Some(Position::Inside) => "inside".to_owned(),
        Some(Position::Below) => format!("measured below{}", beyond()),
        Some(Position::Above) => format!("measured above{}", beyond()),
    }
}

/// The error with its sign.
pub(super) fn error(row: &Row) -> String {
    row.error_percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent:+.1} %"))
}

impl Forecast {
    /// The forecast as a text table for the terminal.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let count = self.seeds.len();
        let _ = writeln!(text, "forecast over {count} seeds, median [least .. greatest]:");
        for figure in self.figures.iter().filter(|figure| figure.range.is_some()) {
            let _ = writeln!(text, "{:22}{}", figure.name, range(figure.unit, figure.range));
        }
        for note in &self.notes {
            let _ = writeln!(text, "({note})");
        }
        text
    }
}

impl Score {
    /// The score as a text table for the terminal.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let (inside, all) = self.inside();
        let short = self.forecast.get(..12).unwrap_or(&self.forecast);
        let _ = match &self.withheld {
            Some(why) => writeln!(text, "forecast {short}: no error is told: {why}"),
            None => writeln!(
                text,
                "forecast {short}, {} seeds: {inside} of {all} figures inside",
                self.seeds
            ),
        };
        let _ = writeln!(text, "{:22}{:36}{:>12}{:>11}", "", "forecast", "measured", "error");
        for row in &self.rows {
            let measured =
                row.measured.map_or_else(|| "–".to_owned(), |value| row.unit.show(value));
            let _ = writeln!(
                text,
                "{:22}{:36}{measured:>12}{:>11}  {}",
                row.name,
                range(row.unit, row.forecast),
                error(row),
                position(row)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{figures, forecast, run};
    use super::*;
    use crate::outcome::Source;

    #[test]
    fn the_text_says_where_each_figure_lies() {
        let live = run(Source::Live, 1, 8, 20);
        let score = Score::of(&forecast(), "0123456789abcdef", live.withheld(), &figures(&live));
        let text = score.to_text();
        assert!(
            text.starts_with("forecast 0123456789ab, 3 seeds: 0 of 1 figures inside"),
            "{text}"
        );
        assert!(text.contains("4 ms [3 ms .. 5 ms]"), "{text}");
        assert!(text.contains("-50.0 %  measured above by 37.5 %"), "{text}");
        assert!(forecast().to_text().contains("over 3 seeds"));
    }
}
