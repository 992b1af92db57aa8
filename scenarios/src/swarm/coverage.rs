//! What a run has reached: features of it, and when and where something happened in it.
//!
//! Features are made from what every run keeps anyway. What is the same is the same feature in
//! every run and build, so that a guided swarm comes out the same as well.

use std::collections::{BTreeMap, BTreeSet};

use headwater_reports::outcome::{Fault, Mark};

use crate::run::Finished;
use crate::units::{Duration, Time};

/// Marks of one name in a run from which on they are the usual thing: their order says nothing.
const COMMON: usize = 16;

/// Moments of one name that are kept.
const MOMENTS_MAX: usize = 64;

/// Something that a run has shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    /// A rare state (a `sometimes`), and about how often: the binary logarithm.
    State(&'static str, u32),
    /// A mark of the timeline, and about how often.
    Mark(String, u32),
    /// One mark, and another behind it.
    Order(String, String),
    /// A mark, or a rare state, while a fault of this kind lasted.
    During(String, String),
    /// What became of the traffic, and about how much of it.
    Figure(&'static str, u32),
}

impl Feature {
    /// Classes of features: each is looked to as often as the others, however many are in it.
    pub(super) const CLASSES: usize = 5;

    /// The number of its class.
    pub(super) const fn class(&self) -> usize {
        match self {
            Self::State(..) => 0,
            Self::Mark(..) => 1,
            Self::Order(..) => 2,
            Self::During(..) => 3,
            Self::Figure(..) => 4,
        }
    }
}

/// When something happened in a run, and to whom.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) at: Duration,
    /// The nodes that were named; none of a rare state.
    pub(super) nodes: Vec<String>,
}

/// By the name of what happened.
pub(super) type Moments = BTreeMap<String, Vec<Moment>>;

/// The features of a run.
pub(super) fn features(finished: &Finished) -> BTreeSet<Feature> {
    let outcome = &finished.outcome;
    let mut features = BTreeSet::new();
    for (name, count, last) in finished.properties.sometimes() {
        features.insert(Feature::State(name, about(count)));
        let during = faults_at(&outcome.faults, last.0);
        features.extend(during.map(|fault| Feature::During(fault.name.clone(), name.into())));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for mark in &outcome.marks {
        *counts.entry(&mark.name).or_default() += 1;
    }
    let mark = |(name, count): (&&str, &usize)| Feature::Mark((*name).into(), about(*count as u64));
    features.extend(counts.iter().map(mark));
    let rare = outcome.marks.iter().filter(|mark| counts[mark.name.as_str()] < COMMON);
    let mut before: Option<&Mark> = None;
    for mark in rare {
        let during = faults_at(&outcome.faults, mark.at_ns);
        let during = during.map(|fault| Feature::During(fault.name.clone(), mark.name.clone()));
        features.extend(during);
        if let Some(before) = before.filter(|before| before.name != mark.name) {
            features.insert(Feature::Order(before.name.clone(), mark.name.clone()));
        }
        before = Some(mark);
    }
    let (counts, traffic) = (&outcome.counts, outcome.window.until_ns);
    let after = finished.end - Time(traffic);
    let figures = [
        ("given up", counts.failed),
        ("delivered again", counts.delivered.saturating_sub(counts.acked)),
        ("seconds to settle", after.0 / 1_000_000_000),
    ];
    features.extend(figures.map(|(name, figure)| Feature::Figure(name, about(figure))));
    features
}

/// The binary logarithm, from 1 on; 0 for nothing.
const fn about(count: u64) -> u32 {
    u64::BITS - count.leading_zeros()
}

/// The faults that last at this time.
fn faults_at(faults: &[Fault], at_ns: u64) -> impl Iterator<Item = &Fault> {
    let lasts = move |fault: &&Fault| {
        fault.from_ns <= at_ns && fault.until_ns.is_none_or(|until| at_ns <= until)
    };
    faults.iter().filter(lasts)
}

/// The moments of a run within the window of its faults, if it has one.
pub(super) fn moments(finished: &Finished, window: Option<(Duration, Duration)>) -> Moments {
    let mut moments = Moments::new();
    let Some((from, until)) = window else { return moments };
    let within = |mark: &&Mark| (from.0..=until.0).contains(&mark.at_ns);
    for (name, _, last) in finished.properties.sometimes() {
        if (from.0..=until.0).contains(&last.0) {
            let moment = Moment { at: Duration(last.0), nodes: Vec::new() };
            moments.insert(name.into(), vec![moment]);
        }
    }
    for mark in finished.outcome.marks.iter().filter(within) {
        let of_name = moments.entry(mark.name.clone()).or_default();
        if of_name.len() < MOMENTS_MAX {
            let nodes = mark.detail.split([':', ',']).map(|part| part.trim().to_owned());
            of_name.push(Moment { at: Duration(mark.at_ns), nodes: nodes.collect() });
        }
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_often_is_told_by_its_order_of_magnitude() {
        let told = [0, 1, 2, 3, 4, 7, 8, 200].map(about);
        assert_eq!(told, [0, 1, 2, 2, 3, 3, 4, 8]);
    }

    #[test]
    fn a_fault_without_an_end_lasts() {
        let fault = |name: &str, from_ns, until_ns| Fault {
            name: name.into(),
            from_ns,
            until_ns,
            ..Fault::default()
        };
        let faults = [fault("a", 5, Some(7)), fault("b", 6, None)];
        let at = |at| faults_at(&faults, at).map(|fault| fault.name.as_str()).collect::<String>();
        assert_eq!([4, 5, 6, 7, 8].map(at), ["", "a", "ab", "ab", "b"]);
    }
}
