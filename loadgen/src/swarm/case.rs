//! One case: simulated, run on a cluster of its own, and run again where either of the two fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_reports::Outcome;
use headwater_scenarios::swarm::{PANIC, message_of};

use super::asked::Swarm;
use super::draw::{Dealer, Drawn};
use super::store::{self, Store};
use super::world::{LiveRun, Told, World};
use crate::arguments::{Reach, Run, WarmUp};
use crate::child::Ended;
use crate::failure::Result;
use crate::forecast::{self, On, sha256};
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::progress::Bar;
use crate::systems::system::Source;

/// Runs the plan of a case file into a folder.
pub(super) type Live<'a> = dyn FnMut(&RunPlan, &Path, &Path) -> Ended + 'a;

/// What the cases of a swarm share.
pub(super) struct Runner<'a> {
    pub(super) asked: &'a Swarm,
    pub(super) dealer: &'a Dealer<'a>,
    pub(super) store: &'a Store,
    pub(super) placement: &'a Placement,
    pub(super) stop: &'a AtomicBool,
    pub(super) bar: &'a Bar,
}

/// What became of a case.
pub(super) enum Ran {
    /// Both worlds have run it.
    Told(Box<Told>),
    /// It can't be run, and why.
    Skipped(String),
    /// The user ended it before anything was known.
    Stopped,
}

impl Runner<'_> {
    /// Whether the user wants an end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Runs a case as often as it needs, those of its runs counted that are there.
    pub(super) fn case(&self, drawn: &Drawn, live: &mut Live<'_>) -> Result<Ran> {
        let Drawn { seed, text, .. } = drawn;
        let made_from = self.made_from(text);
        let mut before = self.store.told(*seed, &made_from);
        // What did not come to its end may now.
        before.iter_mut().for_each(|told| told.runs.retain(|run| run.world.is_some()));
        if before.is_none() {
            self.store.clear(*seed)?;
        }
        let file = self.store.file(*seed);
        store::write(&file, text)?;
        let plan = match self.plan(&file) {
            Ok(plan) => plan,
            Err(failure) => return Ok(Ran::Skipped(failure.to_string())),
        };
        self.note(*seed, &format!("begins: {}", drawn.faults.join("; ")));
        let mut told = Told {
            made_from,
            seed: *seed,
            faults: drawn.faults.clone(),
            kinds: drawn.kinds.clone(),
            left_out: drawn.left_out.clone(),
            changed: drawn.changed.clone(),
            ..before.unwrap_or_default()
        };
        (told.simulated, told.not_simulated) = self.simulated(&plan, &file);
        self.run_live(&plan, &file, &mut told, live);
        if told.runs.is_empty() {
            return Ok(Ran::Stopped);
        }
        let broken = told.worlds().any(|world| !world.broken.is_empty());
        if self.asked.shrink && told.shrunk.is_none() && broken && !told.stopped {
            told.shrunk = self.shrink(&plan, &told, live)?;
        }
        if !told.stopped {
            self.store.keep(&told)?;
        }
        Ok(Ran::Told(Box::new(told)))
    }

    /// What a case's live runs are made from; what is simulated is simulated anew each time.
    fn made_from(&self, text: &str) -> String {
        let Swarm { target, cores, warm_up, .. } = self.asked;
        sha256(format!("{text}\n{target:?} {cores:?} {warm_up:?}").as_bytes())
    }

    /// The plan of a case file.
    pub(super) fn plan(&self, file: &Path) -> Result<RunPlan> {
        RunPlan::new(&Run {
            target: self.asked.target.clone(),
            scenario: Some(file.display().to_string()),
            reach: Reach { launch: true, ..Reach::default() },
            cores: self.asked.cores,
            warm_up: self.asked.warm_up,
            ..Run::plain()
        })
    }

    /// What the simulation of a case file makes of it, beside which it is written; else why there
    /// is none.
    pub(super) fn simulated(&self, plan: &RunPlan, file: &Path) -> (Option<World>, Option<String>) {
        match self.simulate(plan) {
            Ok(outcome) => {
                let path = file.with_extension("simulated.json");
                let failed = outcome.write(&path).err();
                failed.iter().for_each(|error| self.bar.note(error));
                (Some(World::of(&outcome, self.dealer.may_fail())), None)
            }
            Err(Refused::Panicked(what)) => {
                let broken = [(PANIC.to_owned(), what)].into();
                (Some(World { broken, ..World::default() }), None)
            }
            Err(Refused::Told(why)) => (None, Some(why)),
        }
    }

    fn simulate(&self, plan: &RunPlan) -> std::result::Result<Outcome, Refused> {
        let (source, placement) = (&Source::Launch, self.placement);
        let on = On { source, placement, profile: None, settings: &[], reads: true, slower: 1.0 };
        let run = AssertUnwindSafe(|| forecast::simulate(plan, &on, self.stop));
        match catch_unwind(run) {
            Ok(made) => made.map_err(|failure| Refused::Told(failure.to_string())),
            Err(panic) => Err(Refused::Panicked(message_of(&*panic).to_owned())),
        }
    }

    /// Makes the live runs that are missing: one, and further ones where something fails.
    fn run_live(&self, plan: &RunPlan, file: &Path, told: &mut Told, live: &mut Live<'_>) {
        loop {
            let again = if told.fails() { self.asked.again as usize } else { 0 };
            if told.runs.len() > again {
                return;
            }
            if self.is_stopped() {
                told.stopped = true;
                return;
            }
            let name = free_name(told);
            let folder = self.store.of(told.seed).join(&name);
            // Whatever a run that was stopped has left there.
            let _ = std::fs::remove_dir_all(&folder);
            match live(plan, file, &folder) {
                Ended::Stopped => {
                    told.stopped = true;
                    return;
                }
                Ended::Failed(why) => told.runs.push(LiveRun::failed(&name, why)),
                Ended::Ran(outcome) => {
                    told.runs.push(LiveRun::of(&name, &outcome, self.dealer.may_fail()));
                }
            }
            let run = told.runs.last().expect("it was just made");
            self.note(told.seed, &format!("{name}: {}", in_short(run)));
        }
    }

    /// Says how it goes with a case.
    pub(super) fn note(&self, seed: u64, what: &str) {
        self.bar.note(format_args!("seed {seed}, {what}"));
    }
}

/// Why there is no simulation.
enum Refused {
    /// A model's invariant is broken.
    Panicked(String),
    /// Anything else.
    Told(String),
}

/// The name of a case's next run.
fn free_name(told: &Told) -> String {
    let names = (1..).map(|number: u64| format!("run-{number}"));
    let is_free = |name: &String| told.runs.iter().all(|run| run.folder != *name);
    names.into_iter().find(is_free).expect("numbers go on for ever")
}

/// How a run came out, in a few words.
fn in_short(run: &LiveRun) -> String {
    let Some(world) = &run.world else {
        return format!("no end: {}", run.failed.as_deref().unwrap_or_default());
    };
    let doubt = run.doubt.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    let broken: Vec<&str> = world.broken.keys().map(String::as_str).collect();
    match broken.is_empty() {
        true => format!("{} promises kept{doubt}", world.kept.len()),
        false => format!("breaks {}{doubt}", broken.join(", ")),
    }
}

/// What a live run of a case file takes on the command line, beside `--out` and `--history`.
pub(super) fn arguments(file: &Path, asked: &Swarm) -> Vec<String> {
    let mut all = vec!["--scenario".to_owned(), file.display().to_string(), "--launch".to_owned()];
    let mut add = |option: &str, value: String| all.extend([option.to_owned(), value]);
    if let Some(target) = &asked.target {
        add("--target", target.clone());
    }
    match asked.warm_up {
        WarmUp::Auto => add("--warm-up", "auto".into()),
        WarmUp::For(time) => add("--warm-up", time.to_string()),
    }
    if let Some(cores) = asked.cores {
        add("--cores", cores.name().into());
    }
    all
}
