//! What failed in a run, and the line that shows it again.

use std::fmt;

use headwater_reports::Outcome;
use headwater_reports::outcome::VerdictStatus;

/// A seed that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What failed: expectations that were not met, then verdicts, in the order of the outcome.
    pub what: Vec<String>,
    /// The command line that shows it again.
    pub replay: String,
    /// The scenario file that the seed drew, if it is a swarm's.
    pub(crate) case: Option<String>,
}

impl Failure {
    /// What failed in an outcome.
    pub(crate) fn of(outcome: &Outcome, may_fail: &[String]) -> Vec<String> {
        let unmet = outcome.expectations.iter().filter(|expectation| !expectation.ok);
        let named = |name: &str| {
            let expected = format!("verdict.{name} ");
            outcome.expectations.iter().any(|e| e.expression.starts_with(&expected))
                || may_fail.iter().any(|may| may == name)
        };
        let failed = |verdict: &&headwater_reports::outcome::Verdict| {
            verdict.status == VerdictStatus::Fail && !named(&verdict.name)
        };
        let broken = outcome.verdicts.iter().filter(failed);
        let unmet = unmet.map(|e| format!("not met  {}: {}", e.expression, e.measured));
        unmet
            .chain(
                broken.map(|v| format!("fail     {}: {}. {}", v.name, v.measured, v.explanation)),
            )
            .collect()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  seed {}", self.seed)?;
        for what in &self.what {
            writeln!(f, "    {what}")?;
        }
        write!(f, "    {}", self.replay)
    }
}
