//! The runs behind the claims.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::Outcome;
use headwater_reports::outcome::Status;

use super::claims::{Asked, Paper, Run};
use super::judge::{Answer, judge};
use crate::run::{self, Options};
use crate::scenario::{Finding, Metric, Problems, Source, shell_word};
use crate::shard::Shard;
use crate::sweep::{self, Settings, Sweep, SweepSpec};

/// A run that was made, or a part of it.
pub(super) type Made = BTreeMap<String, Sweep>;

fn settings(texts: &[String]) -> Result<Settings, Problems> {
    texts.iter().map(|text| sweep::setting(text)).collect::<Result<_, _>>().map_err(problem)
}

fn problem(message: String) -> Problems {
    Problems::one(Finding::new(message, None))
}

impl Run {
    /// As a sweep that keeps these figures.
    pub(super) fn spec(
        &self,
        metrics: &BTreeSet<String>,
        (first, count): (u64, u64),
        quick: bool,
    ) -> Result<SweepSpec, Problems> {
        let laid_over: &[String] = if quick { &self.quick } else { &[] };
        let vary = self.vary.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        let metrics = metrics.iter().map(|name| Metric::parse(name)).collect::<Result<_, _>>();
        Ok(SweepSpec {
            source: Source::find(&self.scenario)?,
            settings: settings(&[&self.set, laid_over].concat())?,
            vary: vary.map_err(problem)?,
            skip: Vec::new(),
            across: None,
            seeds: (Some(first), count),
            metrics: metrics.map_err(problem)?,
            shard: Shard::ALL,
        })
    }

    /// The command line that makes it again, with one seed.
    pub(super) fn command(&self) -> String {
        let varied = !self.vary.is_empty();
        let word = if varied { "sweep" } else { "run" };
        let mut line = format!("headwater {word} {}", shell_word(&self.scenario));
        self.vary.iter().for_each(|vary| line += &format!(" --vary {}", shell_word(vary)));
        line += if varied { " --seed 1 --seeds 1" } else { " --seed 1" };
        self.set.iter().for_each(|set| line += &format!(" --set {}", shell_word(set)));
        line
    }
}

impl Asked {
    /// The claims with nothing simulated: what is told of them is live alone.
    pub fn unsimulated(&self) -> Answer {
        let nothing = Self { seeds: (self.seeds.0, 0), ..self.clone() };
        judge(Paper::shipped().asked(self), Made::new(), None, &nothing, false)
    }

    /// Makes the runs and judges the claims. `done` is called after each run with the number done
    /// and the total, and what is being run. Once `stop` is raised, what was made is judged.
    ///
    /// # Errors
    /// If a run can't be read: the file that ships can.
    pub fn run(
        &self,
        stop: &AtomicBool,
        done: &(dyn Fn(usize, usize, &str) + Sync),
    ) -> Result<Answer, Problems> {
        let paper = Paper::shipped().asked(self);
        let needed = paper.needed().map_err(problem)?;
        let runs: Vec<&Run> =
            paper.runs.iter().filter(|run| needed.contains_key(&run.name)).collect();
        let spec = |run: &&Run| run.spec(&needed[&run.name], self.seeds, self.quick);
        let specs = runs.iter().map(spec).collect::<Result<Vec<_>, _>>()?;
        let count = |spec: &SweepSpec| {
            spec.vary.iter().map(|vary| vary.values.len()).product::<usize>()
                * self.seeds.1 as usize
        };
        let pipeline = self.figures && self.only.is_empty() && paper.pipeline_is_asked(self);
        let total = specs.iter().map(count).sum::<usize>() + usize::from(pipeline);
        let mut made = Made::new();
        let mut before = 0;
        for (run, spec) in runs.iter().zip(&specs) {
            done(before, total, &run.name);
            let sweep = sweep::sweep(spec, stop, &|each, _| done(before + each, total, &run.name))?;
            before += count(spec);
            made.insert(run.name.clone(), sweep);
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        let pipeline = match pipeline && !stop.load(Ordering::Relaxed) {
            true => paper.run_pipeline(self.seeds.0, stop)?,
            false => None,
        };
        Ok(judge(paper, made, pipeline, self, stop.load(Ordering::Relaxed)))
    }
}

impl Paper {
    fn pipeline_is_asked(&self, asked: &Asked) -> bool {
        asked.profile.is_none_or(|profile| profile == super::SetUp::Laptop)
    }

    /// One run of the pipeline, for its diagram and figure 11.
    fn run_pipeline(&self, seed: u64, stop: &AtomicBool) -> Result<Option<Outcome>, Problems> {
        let source = Source::find(&self.pipeline.scenario)?;
        let scenario = source.read(&settings(&self.pipeline.set)?)?;
        let options = Options { seed: Some(seed), stop: Some(stop), ..Options::default() };
        let outcome = run::run(&scenario, &options).outcome;
        Ok((outcome.status == Status::Completed).then_some(outcome))
    }
}
