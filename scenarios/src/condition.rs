//! Conditions on figures of runs, and texts with figures in them: what `headwater book` and
//! `headwater paper` hold their sentences to.
//!
//! `1 response.p50 > 2 0 response.p50`: the median of variant 1 is more than twice that of 0. A
//! side is a number, a figure of a variant, so many times a figure, or one such by another
//! (`full.1 acked_rate / full.0 acked_rate > 1.5`). Times are in seconds.

use headwater_reports::text;

use crate::scenario::Metric;
use crate::scenario::expect::Quantity;
use crate::scenario::metric::Kind;

/// A figure of a variant, by their names.
pub type Lookup<'a> = dyn Fn(&str, &str) -> Result<f64, String> + 'a;

/// What a sign says of two numbers.
type Sign = (&'static str, fn(f64, f64) -> bool);

const SIGNS: [Sign; 3] = [("<", |a, b| a < b), (">", |a, b| a > b), ("=", |a, b| a == b)];

/// A sign between two sides.
#[derive(Clone, Debug)]
pub struct Condition {
    text: String,
    left: Side,
    right: Side,
    keeps: fn(f64, f64) -> bool,
}

/// A number or a figure, or one by another.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    top: Term,
    bottom: Option<Term>,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    Number(f64),
    Figure { factor: Option<f64>, of: String, metric: String },
}

impl Condition {
    /// Reads one.
    ///
    /// # Errors
    /// That it is none, and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let split = SIGNS.iter().find_map(|(sign, keeps)| {
            let (left, right) = text.split_once(&format!(" {sign} "))?;
            Some((left, right, *keeps))
        });
        let (left, right, keeps) =
            split.ok_or_else(|| format!("`{text}`: expected <, > or = between figures"))?;
        let (left, right) = (Side::parse(left)?, Side::parse(right)?);
        Ok(Self { text: text.to_owned(), left, right, keeps })
    }

    /// Whether it holds of the figures, and its two sides.
    ///
    /// # Errors
    /// Which figure there is not.
    pub fn holds(&self, figure: &Lookup<'_>) -> Result<(bool, [f64; 2]), String> {
        let sides = [self.left.value(figure)?, self.right.value(figure)?];
        Ok(((self.keeps)(sides[0], sides[1]), sides))
    }

    /// The figures that it names, as (variant, figure).
    pub fn figures(&self) -> impl Iterator<Item = (&str, &str)> {
        self.left.figures().chain(self.right.figures())
    }

    /// Its sides with these values, as people read them.
    pub fn shown(&self, [left, right]: [f64; 2]) -> String {
        format!("{} and {}", self.left.show(left), self.right.show_beside(&self.left, right))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// That a condition holds of the figures.
///
/// # Errors
/// That it does not, with the figures, or that it is no condition.
pub fn must_hold(text: &str, figure: &Lookup<'_>) -> Result<(), String> {
    match Condition::parse(text)?.holds(figure)? {
        (true, _) => Ok(()),
        (false, [a, b]) => Err(format!("`{text}` does not hold: {a} and {b}")),
    }
}

impl Side {
    /// Reads one.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (top, bottom) = match text.split_once(" / ") {
            Some((top, bottom)) => (top, Some(Term::parse(bottom)?)),
            None => (text, None),
        };
        Ok(Self { top: Term::parse(top)?, bottom })
    }

    /// Its value.
    ///
    /// # Errors
    /// Which figure there is not.
    pub fn value(&self, figure: &Lookup<'_>) -> Result<f64, String> {
        let top = self.top.value(figure)?;
        match &self.bottom {
            Some(bottom) => Ok(top / bottom.value(figure)?),
            None => Ok(top),
        }
    }

    /// The figures that it names, as (variant, figure).
    pub fn figures(&self) -> impl Iterator<Item = (&str, &str)> {
        std::iter::once(&self.top).chain(&self.bottom).filter_map(Term::figure)
    }

    /// A value of it, as people read it. So many times a rate is bytes per second: the factor is
    /// the size of an event.
    pub fn show(&self, value: f64) -> String {
        match self.unit() {
            Some((Kind::Rate, true)) => format!("{}/s", text::bytes(value)),
            Some((Kind::Count, _)) | None => self.level(value),
            Some((kind, _)) => Quantity::Number(value).show(kind),
        }
    }

    /// A level or a count, which may be a mean: a level's name ends with its unit.
    fn level(&self, value: f64) -> String {
        match (&self.top, &self.bottom) {
            (Term::Figure { metric, .. }, None) if metric.ends_with("_bytes") => text::bytes(value),
            (Term::Figure { metric, .. }, None) if metric.ends_with("_ms") => {
                text::duration(value * 1e6)
            }
            _ => text::significant(value),
        }
    }

    /// The same where a number stands beside a figure: it has that one's unit.
    fn show_beside(&self, other: &Self, value: f64) -> String {
        if self.unit().is_none() { other.show(value) } else { self.show(value) }
    }

    /// What it counts, and whether that is multiplied; nothing where it is a plain number.
    fn unit(&self) -> Option<(Kind, bool)> {
        match (&self.top, &self.bottom) {
            (Term::Figure { factor, metric, .. }, None) => {
                Some((Metric::parse(metric).ok()?.kind(), factor.is_some()))
            }
            _ => None,
        }
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| word.parse().map_err(|_| format!("`{word}` is no number"));
        let figure = |factor: Option<f64>, of: &str, metric: &str| -> Result<Self, String> {
            Metric::parse(metric)?;
            Ok(Self::Figure { factor, of: of.to_owned(), metric: metric.to_owned() })
        };
        match words.as_slice() {
            [one] => Ok(Self::Number(number(one)?)),
            [variant, metric] => figure(None, variant, metric),
            [factor, variant, metric] => figure(Some(number(factor)?), variant, metric),
            _ => Err(format!("`{text}`: expected a number, or [FACTOR] VARIANT FIGURE")),
        }
    }

    fn value(&self, figure: &Lookup<'_>) -> Result<f64, String> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Figure { factor, of, metric } => Ok(factor.unwrap_or(1.0) * figure(of, metric)?),
        }
    }

    fn figure(&self) -> Option<(&str, &str)> {
        match self {
            Self::Number(_) => None,
            Self::Figure { of, metric, .. } => Some((of, metric)),
        }
    }
}

/// A text with what stands for each `{NAME}` in it.
///
/// # Errors
/// Those of `stands`, or that a brace is not closed.
pub fn filled(
    text: &str,
    stands: &dyn Fn(&str) -> Result<String, String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').ok_or("a { without its }")?;
        out.push_str(before);
        out.push_str(&stands(name)?);
        rest = after;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(variant: &str, metric: &str) -> Result<f64, String> {
        let variant: f64 = variant.parse().map_err(|_| format!("`{variant}` is no variant"))?;
        match metric {
            "lost" => Ok(variant * 10.0),
            other => Err(format!("no {other}")),
        }
    }

    #[test]
    fn a_condition_compares_figures_numbers_multiples_and_ratios() {
        for text in ["0 lost = 0", "1 lost < 2 lost", "2 lost > 1.5 1 lost", "1 lost > 9"] {
            assert_eq!(must_hold(text, &figure), Ok(()), "{text}");
        }
        assert_eq!(must_hold("2 lost / 1 lost = 2", &figure), Ok(()));
        for (text, why) in [
            ("1 lost = 0", "does not hold: 10 and 0"),
            ("2 lost > 2.5 1 lost", "does not hold: 20 and 25"),
            ("1 acked = 0", "no acked"),
            ("1 found = 0", "found"),
            ("1 lost", "expected <, > or ="),
            ("x lost = 0", "`x` is no variant"),
        ] {
            assert!(must_hold(text, &figure).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn values_have_the_unit_of_their_figure() {
        let show = |side: &str, value| Side::parse(side).expect("a side").show(value);
        assert_eq!(show("1 acked_rate", 1500.0), "1,500/s");
        assert_eq!(show("100 1 acked_rate", 146e6), "146 MB/s");
        assert_eq!(show("1 response.p50 / 0 response.p50", 1.5), "1.5");
        assert_eq!(show("1 response.p50", 0.0015), "1.5 ms");
        assert_eq!(show("1 gauge.trigger_execution_ms", 2845.0), "2.85 s");
        assert_eq!(show("1 gauge.cache_used_bytes", 128e6), "128 MB");
        let beside = Condition::parse("1 response.p50 < 0.01").expect("a condition");
        assert_eq!(beside.shown([0.02, 0.01]), "20 ms and 10 ms");
    }

    #[test]
    fn a_text_is_filled_in() {
        let stands = |name: &str| Ok(format!("<{name}>"));
        assert_eq!(filled("a {b} c", &stands).as_deref(), Ok("a <b> c"));
        assert!(filled("a {b", &stands).is_err());
    }
}
