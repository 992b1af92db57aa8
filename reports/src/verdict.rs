//! What the checkers found, what the scenario expected, and how the run came out in one line.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, Status};

/// How a verdict came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictStatus {
    /// A promise was broken.
    Fail,
    /// A promise was broken, and the scenario expects it: a planted fault that a checker must find.
    #[serde(rename = "as_expected")]
    Expected,
    /// The figures are doubtful, though no promise was broken.
    Warn,
    /// Checked and kept.
    Pass,
    /// Worth knowing; also the verdict of a checker that had nothing to check.
    Info,
}

impl VerdictStatus {
    /// Whether the checker found what it looks for, expected or not.
    pub const fn found(self) -> bool {
        matches!(self, Self::Fail | Self::Expected)
    }
}

impl fmt::Display for VerdictStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Fail => "fail",
            Self::Expected => "expected",
            Self::Warn => "warn",
            Self::Pass => "pass",
            Self::Info => "info",
        })
    }
}

/// What a checker found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The checker, such as `no acked event lost`.
    pub name: String,
    /// The stream that it is about; absent where there is one, and of what is about the whole run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// How it came out.
    pub status: VerdictStatus,
    /// What was found, with unit.
    pub measured: String,
    /// What was promised, with unit.
    pub expected: String,
    /// One sentence for readers who do not know the checker, with the first evidence of a failure.
    pub explanation: String,
}

/// An expectation of the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// As written in the scenario, such as `response.p99 < 20ms`.
    pub expression: String,
    /// What was measured, with unit.
    pub measured: String,
    /// Whether it was met.
    pub ok: bool,
}

/// How a run came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It was stopped.
    Interrupted,
    /// A verdict failed, or an expectation was not met.
    Failed,
    /// Verdicts failed that the scenario expects to fail, and everything else is well.
    AsExpected,
    /// Nothing failed, and some figures are doubtful.
    PassedWithWarnings,
    /// Nothing failed.
    Passed,
}

impl Ending {
    /// Whether a script may go on after it.
    pub const fn ok(self) -> bool {
        !matches!(self, Self::Interrupted | Self::Failed)
    }

    /// The class of the pages' style that shows it.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Interrupted | Self::Failed => "fail",
            Self::AsExpected => "expected",
            Self::PassedWithWarnings => "warn",
            Self::Passed => "pass",
        }
    }
}

/// How a run came out, with one line about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conclusion {
    /// How.
    pub result: Ending,
    /// The line.
    pub text: String,
}

impl Outcome {
    /// Marks the failed verdicts that an expectation asks for (`verdict.no_acked_loss = fail`).
    /// Called once, when verdicts and expectations are complete.
    pub fn mark_expected(&mut self) {
        let expectations = &self.expectations;
        for verdict in &mut self.verdicts {
            let name = format!("verdict.{} ", verdict.name);
            let asked = |one: &&Expectation| one.ok && one.expression.starts_with(&name);
            if verdict.status == VerdictStatus::Fail && expectations.iter().any(|it| asked(&it)) {
                verdict.status = VerdictStatus::Expected;
            }
        }
    }

    /// Whether the run completed, every expectation was met, and no verdict failed but those that
    /// an expectation asks for.
    pub fn ok(&self) -> bool {
        self.conclusion().result.ok()
    }

    /// The process's exit code for this Outcome: 0 if [`Outcome::ok`], else 1 (2 is for usage).
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.ok())
    }

    /// How the run came out. The file has it as `conclusion`, for those who read only that.
    pub fn conclusion(&self) -> Conclusion {
        let number = |status| self.verdicts.iter().filter(|it| it.status == status).count();
        let (failed, expected) = (number(VerdictStatus::Fail), number(VerdictStatus::Expected));
        let warned = number(VerdictStatus::Warn);
        let met = self.expectations.iter().filter(|expectation| expectation.ok).count();
        let mut text = match failed + expected {
            0 if self.verdicts.is_empty() => "nothing was checked".to_owned(),
            0 => format!("{} checked, none failed", plural(self.verdicts.len(), "verdict")),
            found => format!("{found} of {} failed", plural(self.verdicts.len(), "verdict")),
        };
        if warned > 0 {
            text.push_str(&format!(", {}", plural(warned, "warning")));
        }
        if !self.expectations.is_empty() {
            let all = plural(self.expectations.len(), "expectation");
            text.push_str(&format!("; {met} of {all} met"));
        }
        let (result, text) = match &self.status {
            Status::Interrupted { why } => {
                (Ending::Interrupted, format!("Interrupted ({why}): {text}"))
            }
            Status::Completed if failed > 0 || met < self.expectations.len() => {
                (Ending::Failed, format!("Failed: {text}"))
            }
            Status::Completed if expected > 0 => {
                (Ending::AsExpected, format!("As expected: {} ({text})", self.what_was_found()))
            }
            Status::Completed if warned > 0 => {
                (Ending::PassedWithWarnings, format!("Passed with warnings: {text}"))
            }
            Status::Completed => (Ending::Passed, format!("Passed: {text}")),
        };
        Conclusion { result, text }
    }

    /// What the scenario wanted found: "the planted loss was found".
    fn what_was_found(&self) -> String {
        let planted = if self.scenario.name.starts_with("planted") { "planted " } else { "" };
        let found = self.verdicts.iter().filter(|it| it.status == VerdictStatus::Expected);
        let mut each: Vec<String> =
            found.map(|verdict| format!("the {planted}{}", noun(&verdict.name))).collect();
        each.dedup();
        let verb = if each.len() == 1 { "was" } else { "were" };
        let last = each.pop().unwrap_or_default();
        let first = if each.is_empty() { String::new() } else { each.join(", ") + " and " };
        format!("{first}{last} {verb} found")
    }
}

/// What a checker finds, in a word; its name if it is not one of the checkers.
fn noun(checker: &str) -> &str {
    match checker {
        "no_acked_loss" => "loss",
        "no_duplicates" => "duplication",
        "order_per_lane" => "disorder",
        "prefix_reads" => "gap",
        "readers_agree" => "disagreement of readers",
        "watermarks_monotone" => "fall of a level",
        "durable_replicas" => "lack of copies",
        "payloads_intact" => "damage",
        "properties_always" | "properties_eventually" => "broken property",
        "converges" => "failure to settle",
        "handed_on" => "event that was not handed on",
        "copies_at_ack" => "early acknowledgement",
        "as_scheduled" => "event that is not the schedule's",
        "archived" => "event missing in the backup, or there twice",
        "ranked" => "count that is not the schedule's",
        "findable" => "event that is not found",
        "asked" => "query without its end",
        "kernel_promises" => "broken promise of the kernel",
        "within_limits" => "run without an end",
        name => name,
    }
}

pub(crate) fn plural(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Scenario, Source};

    fn outcome(name: &str, statuses: &[(&str, VerdictStatus)]) -> Outcome {
        let scenario = Scenario { name: name.to_owned(), ..Scenario::default() };
        let mut outcome = Outcome::empty(scenario, Source::Simulated, 1);
        let verdict = |(name, status): &(&str, VerdictStatus)| Verdict {
            name: (*name).to_owned(),
            stream: None,
            status: *status,
            measured: "3 events".to_owned(),
            expected: "none".to_owned(),
            explanation: String::new(),
        };
        outcome.verdicts = statuses.iter().map(verdict).collect();
        outcome
    }

    fn expect(outcome: &mut Outcome, expression: &str, ok: bool) {
        let (expression, measured) = (expression.to_owned(), "fail".to_owned());
        outcome.expectations.push(Expectation { expression, measured, ok });
        outcome.mark_expected();
    }

    #[test]
    fn a_planted_failure_that_is_found_is_as_expected() {
        let all = [("no_acked_loss", VerdictStatus::Fail), ("prefix_reads", VerdictStatus::Pass)];
        let mut planted = outcome("planted/unclean-election", &all);
        assert_eq!(planted.conclusion().result, Ending::Failed);
        expect(&mut planted, "verdict.no_acked_loss = fail", true);
        let Conclusion { result, text } = planted.conclusion();
        let line = "As expected: the planted loss was found (1 of 2 verdicts failed; 1 of 1 \
                    expectation met)";
        assert_eq!((result, text.as_str(), planted.exit_code()), (Ending::AsExpected, line, 0));
        let json = planted.to_json();
        assert!(json.contains("\"result\": \"as_expected\""), "{json}");
        assert!(json.contains("\"status\": \"as_expected\""), "{json}");
    }

    #[test]
    fn a_failure_that_nobody_asked_for_is_one_beside_one_that_was() {
        let fail = VerdictStatus::Fail;
        let mut run = outcome("faults/x", &[("no_acked_loss", fail), ("order_per_lane", fail)]);
        expect(&mut run, "verdict.no_acked_loss = fail", true);
        assert_eq!((run.conclusion().result, run.exit_code()), (Ending::Failed, 1));
        expect(&mut run, "verdict.order_per_lane = fail", true);
        let text = run.conclusion().text;
        assert!(text.starts_with("As expected: the loss and the disorder were found"), "{text}");
    }
}
