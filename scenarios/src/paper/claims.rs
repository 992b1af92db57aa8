//! The claims as data, and what of them is asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::condition::{Condition, Side};

/// The file.
const CLAIMS: &str = include_str!("../../paper/claims.toml");

/// The machines that a claim is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetUp {
    /// One laptop, everything on it.
    Laptop,
    /// The cluster of the published benchmarks of 2020.
    #[serde(rename = "three-servers-2020")]
    ThreeServers2020,
}

impl SetUp {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Laptop, Self::ThreeServers2020];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Laptop => "laptop",
            Self::ThreeServers2020 => "three-servers-2020",
        }
    }

    /// In words.
    pub const fn describes(self) -> &'static str {
        match self {
            Self::Laptop => "one laptop, standalone",
            Self::ThreeServers2020 => "three servers, 2020",
        }
    }
}

/// What the file has.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paper {
    #[serde(rename = "run")]
    pub(super) runs: Vec<Run>,
    /// What the paper says.
    #[serde(rename = "claim")]
    pub claims: Vec<Claim>,
    /// What it could not see.
    pub unseen: Vec<Claim>,
    #[serde(rename = "figure")]
    pub(super) figures: Vec<Figure>,
    pub(super) pipeline: Pipeline,
}

/// A scenario in one or several variants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    pub name: String,
    pub scenario: String,
    #[serde(default)]
    pub vary: Vec<String>,
    #[serde(default)]
    pub set: Vec<String>,
    /// Laid over it where it is to be cheap.
    #[serde(default)]
    pub quick: Vec<String>,
    /// How it is made on a real system, if it is.
    pub live: Option<LiveRun>,
}

/// How a run is made on a real system.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveRun {
    /// By what.
    pub tool: Tool,
    /// Events that a load test writes.
    pub events: Option<u64>,
    /// Properties that its client is told besides those of the scenario, as they are written: also
    /// those that it does not know.
    #[serde(default)]
    pub besides: Vec<String>,
    /// How long a run of `loadgen` warms up.
    pub warm_up: Option<String>,
    /// Laid over the settings.
    #[serde(default)]
    pub set: Vec<String>,
}

/// What makes a live run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tool {
    /// The load test of the system, by its Java client.
    LoadTest,
    /// A run of `loadgen`, which reads everything back.
    Loadgen,
}

/// A claim.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// `C4`.
    pub id: String,
    /// The machines that it is of.
    pub profile: SetUp,
    /// What is claimed.
    pub says: String,
    /// Where in the paper.
    pub paper: String,
    /// What was simulated, with figures in braces.
    #[serde(default)]
    pub simulated: String,
    /// What must hold of the runs.
    #[serde(default)]
    pub holds: Vec<String>,
    /// The mechanism in a sentence, with figures in braces.
    pub because: String,
    /// What must hold for the sentence to be printed.
    #[serde(default)]
    pub given: Vec<String>,
    /// Why no simulation can tell, if none can.
    pub unknown: Option<String>,
    /// Why nothing real can tell on one machine, if nothing can.
    pub not_live: Option<String>,
}

/// A figure of the paper's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figure {
    pub id: String,
    pub profile: SetUp,
    pub title: String,
    pub x: String,
    pub y: String,
    pub ticks: Vec<String>,
    #[serde(default)]
    pub log: bool,
    #[serde(rename = "line")]
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub label: String,
    pub points: Vec<String>,
}

/// The run behind figure 11 and the pipeline's diagram.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pipeline {
    pub scenario: String,
    pub set: Vec<String>,
    /// Events after which the paper prints its speed.
    pub events: u64,
    /// Its speed at some seconds.
    pub published: Vec<(f64, f64)>,
    /// Its mean speed.
    pub published_mean: f64,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Claims of these machines alone.
    pub profile: Option<SetUp>,
    /// The claims with these ids alone.
    pub only: Vec<String>,
    /// Seeds: the first, and how many from there on.
    pub seeds: (u64, u64),
    /// Shorter runs, as tests make them.
    pub quick: bool,
    /// The paper's figures and its pipeline as well.
    pub figures: bool,
}

impl Paper {
    /// The file that ships.
    ///
    /// # Panics
    /// If it can't be read, which a test looks at.
    pub fn shipped() -> Self {
        toml::from_str(CLAIMS).expect("a test has read it")
    }

    /// The ids of all claims.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().chain(&self.unseen).map(|claim| claim.id.as_str())
    }

    /// Of what is asked for alone.
    pub fn asked(mut self, asked: &Asked) -> Self {
        let machines = |of: SetUp| asked.profile.is_none_or(|profile| profile == of);
        let named = |id: &str| {
            asked.only.is_empty() || asked.only.iter().any(|only| only.eq_ignore_ascii_case(id))
        };
        let wanted = |claim: &Claim| machines(claim.profile) && named(&claim.id);
        self.claims.retain(wanted);
        self.unseen.retain(wanted);
        let figures = asked.figures && asked.only.is_empty();
        self.figures.retain(|figure| figures && machines(figure.profile));
        self
    }

    /// The figures that are needed of each run, by its name.
    pub(super) fn needed(&self) -> Result<BTreeMap<String, BTreeSet<String>>, String> {
        let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut need = |(of, metric): (&str, &str)| {
            let run = of.split_once('.').map_or(of, |(run, _)| run);
            needed.entry(run.to_owned()).or_default().insert(metric.to_owned());
        };
        for claim in self.claims.iter().chain(&self.unseen) {
            for condition in claim.holds.iter().chain(&claim.given) {
                Condition::parse(condition)?.figures().for_each(&mut need);
            }
            for text in [&claim.simulated, &claim.because] {
                for side in text.split('{').skip(1) {
                    let side = side.split_once('}').ok_or("a { without its }")?.0;
                    Side::parse(side)?.figures().for_each(&mut need);
                }
            }
        }
        for point in self.figures.iter().flat_map(|it| &it.lines).flat_map(|it| &it.points) {
            Side::parse(point)?.figures().for_each(&mut need);
        }
        Ok(needed)
    }
}

impl Claim {
    /// The runs that it is judged by, in the order in which it names them.
    pub fn runs(&self) -> Vec<String> {
        named(self.holds.iter().chain(&self.given))
    }

    /// The runs that it is judged by on a real system; none where nothing real can tell.
    pub fn live_runs(&self) -> Vec<String> {
        if self.not_live.is_some() { vec![] } else { named(self.holds.iter()) }
    }
}

/// The runs that conditions name, each once.
fn named<'a>(conditions: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut runs = Vec::new();
    for condition in conditions {
        let parsed = Condition::parse(condition);
        for (of, _) in parsed.iter().flat_map(Condition::figures) {
            let run = of.split_once('.').map_or(of, |(run, _)| run);
            if !runs.iter().any(|it| it == run) {
                runs.push(run.to_owned());
            }
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_thirteen_claims_are_there_and_each_is_judged_or_says_why_not() {
        let paper = Paper::shipped();
        let ids: Vec<&str> = paper.claims.iter().map(|claim| claim.id.as_str()).collect();
        let expected: Vec<String> = (1..=13).map(|number| format!("C{number}")).collect();
        assert_eq!(ids, expected);
        for claim in paper.claims.iter().chain(&paper.unseen) {
            assert_eq!(claim.holds.is_empty(), claim.unknown.is_some(), "{}", claim.id);
        }
        let unseen: BTreeSet<&str> = paper.unseen.iter().map(|claim| claim.id.as_str()).collect();
        assert_eq!(unseen.len(), paper.unseen.len());
    }

    #[test]
    fn every_figure_that_is_named_is_of_a_run_and_every_run_is_used() {
        let paper = Paper::shipped();
        let needed = paper.needed().unwrap_or_else(|why| panic!("{why}"));
        let named: BTreeSet<&str> = needed.keys().map(String::as_str).collect();
        let there: BTreeSet<&str> = paper.runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(named, there);
        for run in &paper.runs {
            for quick in [false, true] {
                let spec = run.spec(&needed[&run.name], (1, 1), quick);
                spec.unwrap_or_else(|why| panic!("{}: {why:?}", run.name));
            }
        }
    }

    #[test]
    fn what_is_asked_for_is_what_is_run() {
        let asked = Asked {
            profile: Some(SetUp::ThreeServers2020),
            only: vec!["c7".into(), "C1".into()],
            seeds: (1, 1),
            quick: true,
            figures: true,
        };
        let paper = Paper::shipped().asked(&asked);
        let needed = paper.needed().expect("readable");
        assert_eq!(paper.ids().collect::<Vec<_>>(), ["C7"]);
        assert_eq!(needed.keys().collect::<Vec<_>>(), ["servers-kafka", "servers-pravega"]);
    }
}
