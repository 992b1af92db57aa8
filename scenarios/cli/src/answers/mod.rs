//! Answers: a question, the command that answers it, and a finding with figures out of its result.

use serde::Deserialize;

use headwater_scenarios::condition::{filled, must_hold};
use headwater_scenarios::scenario::Metric;
use headwater_scenarios::scenario::expect::Quantity;
use headwater_scenarios::sweep::Sweep;

/// The book's answers.
const BOOK: &str = include_str!("../../../answers.toml");

/// All of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    answer: Vec<Answer>,
}

/// One answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What is asked.
    pub question: String,
    /// The command line that answers it: a sweep.
    pub command: String,
    /// What was found; `{N figure}` is a figure of the Nth variant, from 0: its mean over the
    /// seeds.
    finding: String,
    /// What must hold of such figures: `A < B`, `A > factor B`, `A = number`.
    holds: Vec<String>,
}

/// Every answer of the book, in its order.
///
/// # Panics
/// If the book is no TOML, which a test looks at.
pub fn all() -> Vec<Answer> {
    toml::from_str::<Book>(BOOK).expect("a test has read it").answer
}

impl Answer {
    /// Its part of the page.
    ///
    /// # Errors
    /// What of it does not hold, or names what the sweep has not.
    pub fn page(&self, sweep: &Sweep) -> Result<String, String> {
        for claim in &self.holds {
            must_hold(claim, &|variant, metric| figure(sweep, variant, metric))?;
        }
        let finding = self.filled(sweep)?;
        let Self { question, command, .. } = self;
        let (table, finding) = (sweep.table(), finding.trim());
        Ok(format!("## {question}\n\n{finding}\n\n```text\n{table}```\n\n```sh\n{command}\n```\n"))
    }

    fn filled(&self, sweep: &Sweep) -> Result<String, String> {
        filled(&self.finding, &|name| {
            let wrong = || format!("{{{name}}}: expected {{N figure}}, such as {{0 response.p99}}");
            let (variant, metric) = name.split_once(' ').ok_or_else(wrong)?;
            let value = figure(sweep, variant, metric)?;
            Ok(Quantity::Number(value).show(Metric::parse(metric)?.kind()))
        })
    }
}

/// A figure of a variant: the mean over its seeds.
fn figure(sweep: &Sweep, variant: &str, metric: &str) -> Result<f64, String> {
    let number: usize = variant.parse().map_err(|_| format!("`{variant}` is no variant"))?;
    let found = sweep.variants.get(number).and_then(|variant| variant.estimates.get(metric));
    found.map(|estimate| estimate.mean).ok_or_else(|| format!("no `{metric}` of variant {variant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_a_question_with_a_claim_of_its_own() {
        let answers = all();
        assert!(answers.len() >= 10);
        for answer in &answers {
            assert!(answer.question.ends_with('?') && !answer.holds.is_empty(), "{answer:?}");
            assert!(answer.command.starts_with("headwater sweep what-if/"), "{answer:?}");
        }
    }
}
