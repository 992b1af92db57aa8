//! The story of a run: faults, what the system made of them, and what the checkers found, in order
//! of time, on one screen.

use headwater_reports::outcome::{Fault, Mark};

use super::violation;
use crate::run::Finished;
use crate::trace::log::seconds;
use crate::units::Time;

/// Lines of a story.
pub const LINES_MAX: usize = 32;

/// Consecutive marks of one name that are shown.
const SAME_MAX: usize = 2;

/// The story, a line per event.
pub fn story(finished: &Finished) -> Vec<String> {
    let outcome = &finished.outcome;
    let mut told: Vec<(u64, u8, String)> = Vec::new();
    for (index, fault) in outcome.faults.iter().enumerate() {
        told.push((fault.from_ns, 0, format!("fault F{}: {}", index + 1, begins(fault))));
        let ends =
            |at| (at, 0, format!("fault F{} ends: {} {}", index + 1, fault.name, fault.target));
        told.extend(fault.until_ns.map(ends));
    }
    if let Some(found) = violation(&finished.verdicts) {
        told.push((found.finding.from.0, 2, format!("{}: {}", found.verdict, found.finding)));
    }
    let room = LINES_MAX.saturating_sub(told.len() + 1);
    let marks = told_once(super::marks(outcome));
    let left_out = marks.len().saturating_sub(room);
    told.extend(marks.into_iter().take(room));
    told.sort();
    let line = |(at, _, text): (u64, u8, String)| format!("{:>14}  {text}", seconds(Time(at)));
    let mut lines: Vec<String> = told.into_iter().map(line).collect();
    if left_out > 0 {
        lines.push(format!("{:>14}  and {left_out} marks more", ""));
    }
    lines
}

/// A fault with its parameters.
pub(super) fn begins(fault: &Fault) -> String {
    let parameters = fault.parameters.iter().map(|(name, value)| format!(", {name} {value}"));
    format!("{} {}{}", fault.name, fault.target, parameters.collect::<String>())
}

/// Marks without those that only repeat the ones before.
fn told_once<'a>(marks: impl Iterator<Item = &'a Mark>) -> Vec<(u64, u8, String)> {
    let mut told: Vec<(u64, u8, String)> = Vec::new();
    let mut same = 0;
    let mut last = "";
    for mark in marks {
        same = if mark.name == last { same + 1 } else { 0 };
        last = &mark.name;
        if same < SAME_MAX {
            told.push((mark.at_ns, 1, format!("{} {}", mark.name, mark.detail)));
        }
    }
    told
}

/// The node that made a mark.
pub(super) fn node_of(mark: &Mark) -> &str {
    mark.detail.split(':').next().unwrap_or_default()
}
