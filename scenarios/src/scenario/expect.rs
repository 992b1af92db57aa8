//! Expectations: what a scenario expects of its own outcome.
//!
//! ```toml
//! [expect]
//! response.p99 = "< 20ms"
//! ack_gap.max = "8s .. 12s"
//! lost = 0
//! verdict.no_acked_loss = "fail"
//! ```

use std::fmt;

use serde::Serialize;

use super::metric::{Kind, Metric};
use crate::units::{Duration, Rate, Share};
use headwater_reading::problem::Finding;
use headwater_reading::tree::{Tree, Value};
use headwater_reports::text;

/// A figure of a run.
#[derive(Clone, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub enum Quantity {
    /// Seconds, events per second, a count or a share, by its metric's kind.
    Number(f64),
    /// A name.
    Word(String),
}

impl Quantity {
    /// As people read it.
    pub fn show(&self, kind: Kind) -> String {
        match (self, kind) {
            (Self::Word(word), _) => word.clone(),
            (Self::Number(seconds), Kind::Time) => text::duration(seconds * 1e9),
            (Self::Number(rate), Kind::Rate) => text::per_second(*rate),
            (Self::Number(share), Kind::Share) => text::percent(*share),
            (Self::Number(number), _) => text::count(number.round() as u64),
        }
    }
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `=`, or nothing
    Equal,
    /// `!=`
    Not,
}

const COMPARISONS: [(&str, Comparison); 7] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("!=", Comparison::Not),
    ("==", Comparison::Equal),
    ("<", Comparison::Below),
    (">", Comparison::Above),
    ("=", Comparison::Equal),
];

/// One expectation: all of its bounds must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// Of which figure.
    pub metric: Metric,
    /// The bounds.
    pub bounds: Vec<(Comparison, Quantity)>,
    /// The bounds as written.
    pub text: String,
}

impl Expectation {
    /// Reads a condition on a metric: bounds separated by commas (`> 5s, < 12s`), or a range
    /// (`8s .. 12s`, both ends included).
    pub fn parse(metric: Metric, text: &str) -> Result<Self, String> {
        let kind = metric.kind();
        let bounds = match text.split_once("..") {
            Some((low, high)) => vec![
                (Comparison::AtLeast, quantity(low, kind)?),
                (Comparison::AtMost, quantity(high, kind)?),
            ],
            None => {
                text.split(',').map(|bound| self::bound(bound, kind)).collect::<Result<_, _>>()?
            }
        };
        let ordered =
            |(how, _): &(Comparison, Quantity)| !matches!(how, Comparison::Equal | Comparison::Not);
        if kind == Kind::Word && bounds.iter().any(ordered) {
            return Err(format!("{metric} is a word: it is equal (or != ) to another or not"));
        }
        Ok(Self { metric, bounds, text: text.trim().to_owned() })
    }

    /// Whether a figure keeps all bounds.
    pub fn holds(&self, found: &Quantity) -> bool {
        self.bounds.iter().all(|(comparison, bound)| match comparison {
            Comparison::Below => found < bound,
            Comparison::AtMost => found <= bound,
            Comparison::Above => found > bound,
            Comparison::AtLeast => found >= bound,
            Comparison::Equal => found == bound,
            Comparison::Not => found != bound,
        })
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = self.text.starts_with(['<', '>', '=', '!']) || self.text.contains("..");
        let sign = if signed { "" } else { "= " };
        write!(f, "{} {sign}{}", self.metric, self.text)
    }
}

fn bound(text: &str, kind: Kind) -> Result<(Comparison, Quantity), String> {
    let trimmed = text.trim();
    let sign = COMPARISONS.iter().find(|(sign, _)| trimmed.starts_with(sign));
    let (comparison, rest) = match sign {
        Some((sign, comparison)) => (*comparison, &trimmed[sign.len()..]),
        None => (Comparison::Equal, trimmed),
    };
    Ok((comparison, quantity(rest, kind)?))
}

fn quantity(text: &str, kind: Kind) -> Result<Quantity, String> {
    let text = text.trim();
    let number = match kind {
        Kind::Word if text.is_empty() => {
            return Err(format!("nothing; expected {}", kind.expected()));
        }
        Kind::Word => return Ok(Quantity::Word(text.to_owned())),
        Kind::Time => text.parse::<Duration>().map(|time| time.as_secs_f64()),
        Kind::Rate => text.parse::<Rate>().map(Rate::as_per_second),
        Kind::Share => text.parse::<Share>().map(|share| share.0),
        Kind::Count => {
            let whole = text.replace('_', "").parse::<u64>();
            whole
                .map(|count| count as f64)
                .map_err(|_| headwater_sim::text::ParseError::new(text, kind.expected()))
        }
    };
    number.map(Quantity::Number).map_err(|error| error.to_string())
}

/// Reads `[expect]`.
pub fn read(tree: &Tree, findings: &mut Vec<Finding>) -> Vec<Expectation> {
    let mut all = Vec::new();
    walk(tree, "", &mut all, findings);
    all
}

fn walk(tree: &Tree, name: &str, all: &mut Vec<Expectation>, findings: &mut Vec<Finding>) {
    if let Value::Table(table) = &tree.value {
        for (key, (span, below)) in table {
            let full = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            if !matches!(below.value, Value::Table(_)) {
                match Metric::parse(&full) {
                    Ok(metric) => condition(metric, below, all, findings),
                    Err(message) => {
                        let (what, help) = message.split_once("; ").unwrap_or((&message, ""));
                        let finding = Finding::new(format!("expect: {what}"), span.clone());
                        let finding = finding.label("no such metric");
                        let with_help = finding.clone().help(help);
                        findings.push(if help.is_empty() { finding } else { with_help });
                    }
                }
            } else {
                walk(below, &full, all, findings);
            }
        }
    } else {
        let message = "expect is a table of metrics and bounds, such as response.p99 = \"< 20ms\"";
        findings.push(Finding::new(message, tree.span.clone()));
    }
}

fn condition(metric: Metric, tree: &Tree, all: &mut Vec<Expectation>, findings: &mut Vec<Finding>) {
    let kind = metric.kind();
    let text = match &tree.value {
        Value::Leaf(toml::Value::String(text)) => Some(text.clone()),
        Value::Leaf(toml::Value::Integer(number)) if kind == Kind::Count => {
            Some(number.to_string())
        }
        Value::Leaf(toml::Value::Float(number)) if kind == Kind::Share => Some(number.to_string()),
        _ => None,
    };
    let name = metric.to_string();
    let found = match text {
        Some(text) => Expectation::parse(metric, &text),
        None => Err(format!("a {} here; expected {}", tree.kind(), kind.expected())),
    };
    match found {
        Ok(expectation) => all.push(expectation),
        Err(message) => {
            let finding = Finding::new(format!("expect.{name}: {message}"), tree.span.clone());
            findings.push(finding.label(format!("expected {}", kind.expected())).help(
                "bounds are written \"< 20ms\", \">= 1590/s\", \"8s .. 12s\" or as a plain value",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(metric: &str, text: &str) -> Result<Expectation, String> {
        Expectation::parse(Metric::parse(metric)?, text)
    }

    #[test]
    fn bounds_hold_or_not() {
        let number = Quantity::Number;
        let below = expectation("response.p99", "< 20ms").unwrap();
        assert!(below.holds(&number(0.019)) && !below.holds(&number(0.020)));
        let range = expectation("ack_gap.max", "8s .. 12s").unwrap();
        assert!(
            range.holds(&number(8.0)) && range.holds(&number(12.0)) && !range.holds(&number(12.1))
        );
        let both = expectation("acked_rate", "> 1500/s, < 1700/s").unwrap();
        assert!(both.holds(&number(1_600.0)) && !both.holds(&number(1_700.0)));
        assert!(expectation("lost", "0").unwrap().holds(&number(0.0)));
        let word = expectation("verdict.no_acked_loss", "fail").unwrap();
        assert!(word.holds(&Quantity::Word("fail".into())));
    }

    #[test]
    fn a_wrong_unit_says_what_was_expected() {
        for (metric, text, want) in [
            ("response.p99", "< 20", "20ms"),
            ("acked_rate", ">= 1590", "1600/s"),
            ("lost", "few", "whole number"),
            ("verdict.order_per_lane", "> pass", "is a word"),
        ] {
            let error = expectation(metric, text).unwrap_err();
            assert!(error.contains(want), "{metric} {text}: {error}");
        }
    }

    #[test]
    fn all_wrong_expectations_are_found() {
        let text = "respnse.p99 = \"< 20ms\"\nlost = true\nacked_rate = \">= 1s\"\nfailed = 0\n";
        let mut findings = Vec::new();
        let read = read(&Tree::parse(text).unwrap(), &mut findings);
        assert_eq!((read.len(), findings.len()), (1, 3), "{findings:?}");
    }
}
