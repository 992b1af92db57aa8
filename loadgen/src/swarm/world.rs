//! What two worlds made of the promises of a case: the live runs, and the simulation of the same
//! file.

use std::collections::{BTreeMap, BTreeSet};

use headwater_reports::Outcome;
use headwater_reports::outcome::{Status, VerdictStatus};
use headwater_scenarios::scenario::metric::beside_the_checkers;
use serde::{Deserialize, Serialize};

use super::draw::LeftOut;

/// The verdict of a live run on how far it could read everything back.
const READ_BACK: &str = "read_back";

/// What a run made of the promises.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct World {
    /// Those that were checked and kept.
    pub(super) kept: BTreeSet<String>,
    /// Those that were broken, each with what was found.
    pub(super) broken: BTreeMap<String, String>,
}

impl World {
    /// Of a run; `may_fail` are no promises.
    pub(super) fn of(outcome: &Outcome, may_fail: &[String]) -> Self {
        let mut world = Self::default();
        let promises = outcome.verdicts.iter().filter(|one| !may_fail.contains(&one.name));
        for verdict in promises {
            let name = verdict.name.clone();
            if verdict.status.found() {
                let found = format!("{}. {}", verdict.measured, verdict.explanation);
                world.broken.entry(name).or_insert(found);
            } else if verdict.status == VerdictStatus::Pass && is_promise(&name) {
                world.kept.insert(name);
            }
        }
        world.kept.retain(|name| !world.broken.contains_key(name));
        world
    }
}

/// Whether a verdict is on a promise, and not on how fair a run was.
fn is_promise(name: &str) -> bool {
    let checked = headwater_check::checker(name).is_some();
    checked || !beside_the_checkers(name).is_empty() || name == READ_BACK
}

/// A live run of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LiveRun {
    /// Its folder, below the case's.
    pub(super) folder: String,
    /// What it made of the promises; nothing if it has not come to its end.
    pub(super) world: Option<World>,
    /// Why it has not.
    pub(super) failed: Option<String>,
    /// Why its figures are doubtful. Promises hold on a slow machine as well.
    pub(super) doubt: Option<String>,
    /// What was otherwise than the case asks, by its option.
    pub(super) differences: Vec<String>,
}

impl LiveRun {
    /// Of an outcome.
    pub(super) fn of(folder: &str, outcome: &Outcome, may_fail: &[String]) -> Self {
        let mut run = Self {
            folder: folder.to_owned(),
            differences: outcome.differences.iter().map(|one| one.option.clone()).collect(),
            ..Self::default()
        };
        match &outcome.status {
            Status::Completed => {
                run.world = Some(World::of(outcome, may_fail));
                run.doubt = outcome.withheld();
            }
            Status::Interrupted { why } => run.failed = Some(why.clone()),
        }
        run
    }

    /// Of one that has no outcome.
    pub(super) fn failed(folder: &str, why: String) -> Self {
        Self { folder: folder.to_owned(), failed: Some(why), ..Self::default() }
    }

    /// Whether it broke a promise, or did not come to its end.
    pub(super) fn fails(&self) -> bool {
        self.world.as_ref().is_none_or(|world| !world.broken.is_empty())
    }
}

/// A case that was made smaller over reruns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shrunk {
    /// Its file, below the case's folder.
    pub(super) file: String,
    /// The faults that are left, a line each.
    pub(super) faults: Vec<String>,
    /// Live runs that were made for it.
    pub(super) runs: u64,
    /// How often it fails: of so many runs.
    pub(super) rate: (u64, u64),
    /// What its simulation made of the promises.
    pub(super) simulated: Option<World>,
    /// It was ended by the user or by the time, before all faults had been tried.
    pub(super) cut_short: bool,
}

/// A case, and what both worlds made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// SHA-256 of what it was made from.
    pub(super) made_from: String,
    /// Its seed.
    pub(super) seed: u64,
    /// Its faults, a line each.
    pub(super) faults: Vec<String>,
    /// Their kinds.
    pub(super) kinds: Vec<String>,
    /// Faults that were drawn and can't be done.
    pub(super) left_out: Vec<LeftOut>,
    /// What is otherwise than drawn, a line each.
    pub(super) changed: Vec<String>,
    /// Its live runs; more than one where one world broke a promise.
    pub(super) runs: Vec<LiveRun>,
    /// What the simulation made of the promises.
    pub(super) simulated: Option<World>,
    /// Why it was not simulated.
    pub(super) not_simulated: Option<String>,
    /// What is left of it when it was shrunk.
    pub(super) shrunk: Option<Shrunk>,
    /// It was stopped before all of its runs were made.
    pub(super) stopped: bool,
}

/// Which of the worlds broke a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Side {
    /// Neither, and both looked.
    BothKeep,
    /// Both.
    BothBreak,
    /// A live run.
    LiveAlone,
    /// The simulation.
    SimulatedAlone,
    /// Neither, and only the live runs looked.
    LiveLooked,
    /// Neither, and only the simulation looked.
    SimulatedLooked,
}

impl Side {
    /// In words.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::BothKeep => "both keep it",
            Self::BothBreak => "both break it",
            Self::LiveAlone => "live alone breaks it",
            Self::SimulatedAlone => "simulated alone breaks it",
            Self::LiveLooked => "kept, only live looked",
            Self::SimulatedLooked => "kept, only simulated looked",
        }
    }

    /// Whether somebody broke it.
    pub(super) fn is_broken(self) -> bool {
        matches!(self, Self::BothBreak | Self::LiveAlone | Self::SimulatedAlone)
    }
}

impl Told {
    /// The live runs that came to their end.
    pub(super) fn worlds(&self) -> impl Iterator<Item = &World> {
        self.runs.iter().filter_map(|run| run.world.as_ref())
    }

    /// In how many of how many live runs a promise was broken.
    pub(super) fn rate(&self, promise: &str) -> (u64, u64) {
        let broken = self.worlds().filter(|world| world.broken.contains_key(promise)).count();
        (broken as u64, self.worlds().count() as u64)
    }

    /// Every promise that was looked at, and which of the worlds broke it.
    pub(super) fn sides(&self) -> BTreeMap<String, Side> {
        let worlds = || self.worlds().chain(&self.simulated);
        let names = worlds().flat_map(|world| world.kept.iter().chain(world.broken.keys()));
        let names: BTreeSet<&String> = names.collect();
        let side = |name: &String| {
            let live = self.rate(name).0 > 0;
            let looked = self.worlds().any(|world| live || world.kept.contains(name));
            let simulated = self.simulated.as_ref();
            let broken = simulated.is_some_and(|world| world.broken.contains_key(name));
            let kept = simulated.is_some_and(|world| world.kept.contains(name));
            match (live, broken) {
                (true, true) => Side::BothBreak,
                (true, false) => Side::LiveAlone,
                (false, true) => Side::SimulatedAlone,
                (false, false) if looked && kept => Side::BothKeep,
                (false, false) if looked => Side::LiveLooked,
                (false, false) => Side::SimulatedLooked,
            }
        };
        names.into_iter().map(|name| (name.clone(), side(name))).collect()
    }

    /// Whether a promise was broken in a world, or a live run did not come to its end.
    pub(super) fn fails(&self) -> bool {
        let simulated = self.simulated.as_ref().is_some_and(|world| !world.broken.is_empty());
        simulated || self.runs.iter().any(LiveRun::fails)
    }

    /// What broke a promise: of a live run if there is one, else of the simulation.
    pub(super) fn evidence(&self, promise: &str) -> Option<&str> {
        let mut worlds = self.worlds().chain(&self.simulated);
        worlds.find_map(|world| world.broken.get(promise)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(kept: &[&str], broken: &[&str]) -> World {
        World {
            kept: kept.iter().map(|name| (*name).to_owned()).collect(),
            broken: broken.iter().map(|name| ((*name).to_owned(), "found".into())).collect(),
        }
    }

    fn run(world: World) -> LiveRun {
        LiveRun { world: Some(world), ..LiveRun::default() }
    }

    #[test]
    fn both_verdicts_of_each_promise_are_put_side_by_side() {
        let told = Told {
            runs: vec![
                run(world(&["a", "c", "d", "e"], &["b"])),
                run(world(&["a", "b", "d", "e"], &["c"])),
                LiveRun::failed("run-3", "no port".into()),
            ],
            simulated: Some(world(&["a", "c", "f"], &["b", "d"])),
            ..Told::default()
        };
        let sides: Vec<(String, Side)> = told.sides().into_iter().collect();
        let expected = [
            ("a", Side::BothKeep),
            ("b", Side::BothBreak),
            ("c", Side::LiveAlone),
            ("d", Side::SimulatedAlone),
            ("e", Side::LiveLooked),
            ("f", Side::SimulatedLooked),
        ];
        let expected = expected.map(|(name, side)| (name.to_owned(), side));
        assert_eq!(sides, expected);
        assert_eq!(told.rate("b"), (1, 2), "a run without an end says nothing of it");
        assert!(told.fails());
        let sound = Told { runs: vec![run(world(&["a"], &[]))], ..Told::default() };
        assert!(!sound.fails(), "what is not simulated breaks nothing");
    }
}
