//! The search: the cheapest candidates first, until no other can be regretted less.
//!
//! What arithmetic refuses is not run. Of candidates that cost the same, those that are quicker in
//! the peak of the hardest world come first. A world that asks for no more of anything than one in
//! which a candidate keeps everything is taken to be kept too, and one that asks for no less than
//! one in which it breaks to break it.

use super::candidate::Candidate;
use super::case::Phase;
use super::trial::{Trials, Tried};

/// Whether a candidate keeps everything in a world.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It does; with its phases if it was tried there, and not in a harder one.
    Keeps(Vec<Tried>),
    /// It does not.
    Breaks(Vec<Tried>),
    /// It cannot, by arithmetic.
    Lacks(String),
    /// Not known: another of the same price keeps everything, or it was stopped.
    Unknown,
}

impl Fate {
    /// It does.
    pub const fn keeps(&self) -> bool {
        matches!(self, Self::Keeps(_))
    }
}

/// What is known of every candidate in every world when the search is over.
pub struct Found {
    /// By candidate and world.
    pub fates: Vec<Vec<Fate>>,
    /// The order in which they were tried, those never tried last.
    pub order: Vec<usize>,
    /// It was stopped.
    pub interrupted: bool,
}

/// Searches.
pub fn search(trials: &mut Trials<'_>) -> Found {
    let (candidates, worlds) = (trials.candidates, trials.worlds.len());
    let mut found = Found {
        fates: vec![vec![Fate::Unknown; worlds]; candidates.len()],
        order: Vec::new(),
        interrupted: false,
    };
    let mut best: Option<usize> = None;
    for group in groups(candidates) {
        let beaten = |one: &usize| {
            let cheaper = |best: usize| {
                (0..worlds).any(|at| candidates[*one].cost(at) < candidates[best].cost(at))
            };
            best.is_some_and(|best| !cheaper(best)) && !trials.question.exhaustive
        };
        let open: Vec<usize> = group.into_iter().filter(|one| !beaten(one)).collect();
        let Some(ranked) = ranked(trials, &mut found, open) else {
            found.interrupted = true;
            break;
        };
        for one in ranked {
            found.order.push(one);
            if trial(trials, &mut found.fates[one], one).is_none() {
                found.interrupted = true;
                return finished(found);
            }
            if found.fates[one].iter().all(Fate::keeps) {
                best = best.or(Some(one));
                if !trials.question.exhaustive {
                    break;
                }
            }
        }
    }
    finished(found)
}

fn finished(mut found: Found) -> Found {
    let rest = (0..found.fates.len()).filter(|one| !found.order.contains(one));
    let rest: Vec<usize> = rest.collect();
    found.order.extend(rest);
    found
}

/// Candidates that cost the same in every world, in the order of their price.
fn groups(candidates: &[Candidate]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, one) in candidates.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| {
            let other = &candidates[group[0]];
            (0..one.bills.len()).all(|world| one.cost(world) == other.cost(world))
        };
        match groups.iter_mut().rev().find(same) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    groups
}

/// Those of a group that arithmetic lets pass somewhere, the quickest in the peak first; nothing if
/// it was stopped.
fn ranked(trials: &mut Trials<'_>, found: &mut Found, group: Vec<usize>) -> Option<Vec<usize>> {
    let mut open = Vec::new();
    for one in group {
        let of = &trials.candidates[one];
        let lacks = |at: usize| if trials.question.exhaustive { None } else { of.lacks(at) };
        for (at, fate) in found.fates[one].iter_mut().enumerate() {
            if let Some(lacks) = of.refused.clone().or_else(|| lacks(at)) {
                *fate = Fate::Lacks(lacks);
            }
        }
        // The hardest world comes first.
        if let Some(world) = found.fates[one].iter().position(|of| *of == Fate::Unknown) {
            open.push((one, world));
        } else {
            found.order.push(one);
        }
    }
    if open.len() < 2 {
        return Some(open.into_iter().map(|(one, _)| one).collect());
    }
    let mut timed = Vec::new();
    for (one, world) in open {
        let tried = trials.phase(one, world, &Phase::Peak)?;
        timed.push((!tried.kept, tried.p99_s.unwrap_or(f64::INFINITY), one));
    }
    timed.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    Some(timed.into_iter().map(|(_, _, one)| one).collect())
}

/// Tries a candidate in every world that it could stand; nothing if it was stopped.
fn trial(trials: &mut Trials<'_>, fates: &mut [Fate], one: usize) -> Option<()> {
    let worlds = trials.worlds;
    for at in 0..worlds.len() {
        if fates[at] != Fate::Unknown {
            continue;
        }
        let tried = trials.all(one, at)?;
        let kept = tried.iter().all(|phase| phase.kept);
        fates[at] = if kept { Fate::Keeps(tried) } else { Fate::Breaks(tried) };
        if trials.question.exhaustive {
            continue;
        }
        for (other, fate) in fates.iter_mut().enumerate().filter(|(_, of)| **of == Fate::Unknown) {
            if kept && worlds[at].is_as_hard_as(&worlds[other]) {
                *fate = Fate::Keeps(Vec::new());
            } else if !kept && worlds[other].is_as_hard_as(&worlds[at]) {
                *fate = Fate::Breaks(Vec::new());
            }
        }
    }
    Some(())
}
