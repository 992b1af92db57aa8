//! The checkers: what each is called, what it means, and what it is promised by.
//!
//! One line for a checker: the suite runs them, expectations name them and explanations quote them
//! from here.

use super::history::History;
use super::suite::{Promises, intact, monotone};
use super::verdict::Verdict;
use super::{agreement, duplicates, durability, fresh, loss, order, prefix, unsent};
use headwater_models::system::Once;

/// A checker.
pub struct Checker {
    /// Its verdict's name: stable.
    pub name: &'static str,
    /// What it checks, for readers who do not know it: a sentence that is true if it passes.
    pub means: &'static str,
    /// Its verdict, if what it checks is promised and there is anything to look at.
    pub(super) check: fn(&History, &Promises) -> Option<Verdict>,
}

/// All of them, in the order of their verdicts.
pub static CHECKERS: [Checker; 12] = [
    Checker {
        name: "no_acked_loss",
        means: "Every acknowledged event was read back.",
        check: |history, promised| promised.no_acked_loss.then(|| loss::check(history, promised)),
    },
    Checker {
        name: "no_duplicates",
        means: "No event turns up more often than the writers' settings promise.",
        check: |history, promised| {
            (promised.once != Once::Any).then(|| duplicates::check(history, promised))
        },
    },
    Checker {
        name: "order_per_lane",
        means: "Events of a writer are read in the order in which it wrote them.",
        check: |history, promised| promised.order.then(|| order::check(history)),
    },
    Checker {
        name: "prefix_reads",
        means: "Readers are not moved past events.",
        check: |history, promised| {
            promised.prefix.then(|| prefix::check(history, promised.audience))
        },
    },
    Checker {
        name: "readers_agree",
        means: "Two readings of one position are the same.",
        check: |history, promised| promised.agree.then(|| agreement::check(history)),
    },
    Checker {
        name: "watermarks_monotone",
        means: "High watermarks, last add confirmed and epochs never fall.",
        check: |history, promised| promised.monotone.then(|| monotone(history)),
    },
    Checker {
        name: "durable_replicas",
        means: "Acknowledged events are on as many disks as promised at the end.",
        check: |history, promised| {
            (promised.copies > 0).then(|| durability::check(history, promised.copies))
        },
    },
    Checker {
        name: "payloads_intact",
        means: "Payloads come back as they were written.",
        check: |history, promised| promised.intact.then(|| intact(history)),
    },
    Checker {
        name: "only_sent",
        means: "Nothing is read that was not sent.",
        check: |history, promised| promised.sent.then(|| unsent::check(history)),
    },
    Checker {
        name: "reads_fresh",
        means: "Whoever begins to read is shown what others had been shown by then.",
        check: |history, promised| promised.fresh.then(|| fresh::check(history)),
    },
    Checker {
        name: "properties_always",
        means: "What the models say must always hold does.",
        check: |history, _| history.properties.always(),
    },
    Checker {
        name: "properties_eventually",
        means: "What the models say must hold in the end does.",
        // `History::eventually` is asked by those who know that the run is over.
        check: |_, _| None,
    },
];

/// The checker of this name.
pub fn checker(name: &str) -> Option<&'static Checker> {
    CHECKERS.iter().find(|checker| checker.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_bears_the_name_of_its_checker() {
        let only_live = Promises { sent: true, fresh: true, ..Promises::default() };
        let everything = Promises { copies: 1, intact: true, ..only_live };
        let history = History::default();
        for checker in &CHECKERS[..10] {
            let verdict = (checker.check)(&history, &everything).expect("promised");
            assert_eq!((verdict.name, verdict.passed), (checker.name, true));
            assert!((checker.check)(&history, &Promises::none()).is_none(), "{}", checker.name);
        }
    }
}
