//! `loadgen find`: where an objective breaks on a real cluster. The search is the simulator's
//! (`headwater find`); its runs are live.
//!
//! A cluster that is launched stays for all of them if only the traffic changes and nothing is
//! broken; else each run has one of its own. What a run says is not the system's if the generator
//! was late: a value that breaks the objective so is tried once more, and then ends the search.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use headwater_reports::Outcome;
use headwater_reports::outcome::Status;
use headwater_scenarios::find::{self, Answer, Extreme, FindSpec, Runs};
use headwater_scenarios::scenario::shell_word;

use super::account::{self, Beyond, Setting};
use super::find_arguments::Find;
use super::{INTERRUPTED, Interrupt, check, drive, reach, warm_up};
use crate::failure::{Failure, Result};
use crate::launch::Places;
use crate::output::Folder;
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::systems::system::{Cluster, Source};
use crate::{estimate, fault, speed, terminal};

/// How many values are tried, about: a ramp of four and twice as many halvings.
const VALUES: u64 = 12;

/// Finds it, and tells.
pub(crate) fn run(asked: &Find) -> Result<ExitCode> {
    let plan = RunPlan::new(&asked.run(None, asked.seed))?;
    super::warn(&plan.scenario.warnings);
    let spec = spec(asked, &plan);
    let (from, _) = spec.first()?;
    let folder = asked.out.as_deref().map(Folder::open).transpose()?;
    let interrupt = Interrupt::listen()?;
    let source = reach::find(&plan, &asked.run(None, asked.seed))?;
    if source == Source::Launch {
        fault::check(&plan.scenario, plan.system)?;
    }
    if !asked.reach.accept_differences {
        check(&plan.departures(&source))?;
    }
    let placement = Placement::find(asked.cores, source == Source::Launch)?;
    let keeps = asked.path().starts_with("traffic.") && plan.scenario.faults.is_empty();
    terminal::note(beforehand(asked, &plan, (&from.to_string(), &source), keeps));
    placement.keep_generator();
    interrupt.measuring();
    let mut live = Live {
        asked,
        spec: &spec,
        source,
        placement,
        keeps,
        cluster: None,
        interrupt: &interrupt,
        since: Instant::now(),
        made: 0,
        folder: folder.as_ref().map(Folder::path),
    };
    let answer = find::find_by(&spec, |value, _, seeds| live.at(value, seeds))?;
    let answer = Answer { live: true, ..answer };
    // A cluster is removed before the answer is printed, so that that comes last.
    drop(live);
    tell(&answer, folder.as_ref(), asked.json)?;
    if answer.interrupted {
        terminal::note("interrupted: what was found until then");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(if answer.is_found() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn spec(asked: &Find, plan: &RunPlan) -> FindSpec {
    FindSpec {
        source: plan.written.clone(),
        settings: plan.scenario.settings.clone(),
        path: asked.path().to_owned(),
        extreme: if asked.max.is_some() { Extreme::Highest } else { Extreme::Lowest },
        objective: asked.until.clone(),
        per_phase: asked.per_phase,
        from: asked.from.clone(),
        limit: asked.limit.clone(),
        seeds: (Some(plan.seed), asked.repeats),
        within: asked.precision,
        insist: asked.yes,
    }
}

/// What it will take, in a line.
fn beforehand(
    asked: &Find,
    plan: &RunPlan,
    (from, source): (&str, &Source),
    keeps: bool,
) -> String {
    let runs = (VALUES * asked.repeats).min(asked.runs);
    let launches = match source {
        Source::Launch if keeps => 1,
        Source::Launch => runs,
        _ => 0,
    };
    let launching = estimate::launching(plan, plan.warm_up) * launches as f64;
    let time = estimate::running(plan) * runs as f64 + launching;
    format!(
        "live: begins at {} = {from}, about {runs} runs: some {}; none is begun after {} \
         (--within)",
        asked.path(),
        estimate::shown(time),
        asked.within
    )
}

/// The runs of a search.
struct Live<'a> {
    asked: &'a Find,
    spec: &'a FindSpec,
    source: Source,
    placement: Placement,
    /// A cluster stays for all runs.
    keeps: bool,
    cluster: Option<Cluster>,
    interrupt: &'a Interrupt,
    since: Instant,
    made: u64,
    folder: Option<&'a Path>,
}

impl Live<'_> {
    /// All runs at a value.
    fn at(&mut self, value: &str, seeds: &[u64]) -> Runs {
        let mut all = Vec::new();
        for (number, seed) in (1..).zip(seeds) {
            let mut late = false;
            loop {
                if self.interrupt.raised() {
                    return Runs::Stopped;
                }
                if let Err(why) = self.may_begin() {
                    return Runs::Refused(why);
                }
                let outcome = match self.once(value, *seed) {
                    Ok(outcome) => outcome,
                    Err(failure) => return Runs::Refused(failure.to_string()),
                };
                if self.interrupt.raised() {
                    return Runs::Stopped;
                }
                let kept = self.spec.is_kept(&outcome);
                let told = if kept { "kept" } else { "broken" };
                self.note(value, number, told, &outcome);
                match (kept, not_the_systems(&outcome)) {
                    (false, Some(_)) if !late => late = true,
                    (false, Some(why)) => return Runs::Refused(why),
                    _ => {
                        all.push(outcome);
                        break;
                    }
                }
            }
        }
        Runs::Made(all)
    }

    /// Whether there is time for one more run.
    fn may_begin(&self) -> std::result::Result<(), String> {
        let Find { within, runs, .. } = self.asked;
        if self.since.elapsed() > Duration::from_nanos(within.0) {
            return Err(format!("{within} are over (--within), after {} runs", self.made));
        }
        if self.made >= *runs {
            return Err(format!("{runs} runs were made (--runs)"));
        }
        Ok(())
    }

    /// One run.
    fn once(&mut self, value: &str, seed: u64) -> Result<Outcome> {
        let plan = RunPlan::new(&self.asked.run(Some(value), Some(seed)))?;
        self.made += 1;
        let (cluster, warm_up) = match self.cluster.take() {
            Some(cluster) => (cluster, None),
            None => {
                let places = || Places::find(false, self.placement.clone());
                let cluster = reach::reach(&plan, &self.source, places)?;
                let (source, placement) = (&self.source, &self.placement);
                let warm = warm_up::warm_up(&plan, &cluster, source, placement, self.interrupt)?;
                (cluster, warm)
            }
        };
        let asked = drive::Asked::default();
        let run = || drive::drive(&plan, &cluster, self.interrupt, false, asked);
        let (driven, speed) = speed::around(&self.source, &self.placement, run);
        let departures = plan.departures(&self.source);
        let placement = self.placement.clone();
        let setting = Setting { cluster: &cluster, placement, warm_up, departures, speed };
        let mut outcome =
            account::account(&plan, setting, driven?, self.interrupt.raised(), Beyond::default());
        outcome.reproduce = reproduce(self.asked, value, seed);
        if self.keeps {
            self.cluster = Some(cluster);
        }
        if let Some(folder) = self.folder {
            let name: String = value.chars().map(|c| if c == '/' { '-' } else { c }).collect();
            let path = folder.join(format!("{name}-seed-{seed}.json"));
            outcome.write(&path).map_err(|error| Failure::after_run(error.to_string()))?;
        }
        Ok(outcome)
    }

    fn note(&self, value: &str, number: u64, told: &str, outcome: &Outcome) {
        let (path, of) = (self.asked.path(), self.asked.repeats);
        let seconds = self.since.elapsed().as_secs();
        let doubt = not_the_systems(outcome).map(|why| format!(": {why}")).unwrap_or_default();
        terminal::note(format_args!(
            "{seconds:>6} s  {path} = {value}, run {number} of {of}: {told}{doubt}"
        ));
    }
}

/// Why the figures of a run are not the system's own; none if they are.
fn not_the_systems(outcome: &Outcome) -> Option<String> {
    if let Status::Interrupted { why } = &outcome.status {
        return Some(why.clone());
    }
    // What an overloaded client refuses was not sent either, which is the system's doing.
    let late = outcome.generator.as_ref().filter(|of| of.bottleneck && !of.overload)?;
    Some(format!("the generator, not the system, sets the figures ({})", late.explanation))
}

/// What the search is told with and a run is not: with a value, and without.
const OWN: [&str; 13] = [
    "--max",
    "--min",
    "--until",
    "--from",
    "--limit",
    "--precision",
    "--repeats",
    "--within",
    "--runs",
    "--out",
    "--seed",
    "--duration",
    "--target",
];
const OWN_FLAGS: [&str; 2] = ["--per-phase", "--json"];

/// The line that makes one of the runs again.
fn reproduce(asked: &Find, value: &str, seed: u64) -> String {
    let arguments = std::env::args().skip_while(|argument| argument != "find").skip(1);
    let mut line = "loadgen".to_owned();
    let mut add = |words: &[&str]| {
        words.iter().for_each(|word| line += &format!(" {}", shell_word(word)));
    };
    if let Some(target) = &asked.target {
        add(&["--target", target]);
    }
    if let Some(scenario) = &asked.scenario {
        add(&["--scenario", scenario]);
    }
    if let Some(duration) = asked.duration {
        add(&["--duration", &duration.to_string()]);
    }
    for word in others(arguments, asked.scenario.as_deref()) {
        add(&[&word]);
    }
    add(&["--set", &format!("{}={value}", asked.path()), "--seed", &seed.to_string()]);
    line
}

/// The arguments that a run has as well, without the scenario.
fn others(arguments: impl Iterator<Item = String>, scenario: Option<&str>) -> Vec<String> {
    let (mut all, mut skips, mut named) = (Vec::new(), false, false);
    for word in arguments {
        let option = word.split('=').next().unwrap_or(&word);
        if std::mem::take(&mut skips) || OWN_FLAGS.contains(&option) {
            continue;
        }
        if OWN.contains(&option) {
            skips = !word.contains('=');
        } else if !named && scenario == Some(word.as_str()) {
            named = true;
        } else {
            all.push(word);
        }
    }
    all
}

/// Prints the answer, and writes it.
fn tell(answer: &Answer, folder: Option<&Folder>, json: bool) -> Result<()> {
    let text = answer.text();
    let as_json = serde_json::to_string_pretty(answer).expect("plain data");
    if let Some(folder) = folder {
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            let fail = |error| Failure::after_run(Failure::io(path.display(), &error).to_string());
            std::fs::write(&path, text).map_err(fail)
        };
        write("find.json", &as_json)?;
        write("find.txt", &text)?;
    }
    let shown = if json { &as_json } else { &text };
    terminal::result(shown.trim_end()).map_err(|error| Failure::io("standard output", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_made_again_without_what_is_the_searchs() {
        let words = "my.toml --max traffic.rate --until lost=0 --launch --within=5m --json \
                     --set a.b=c --cores own";
        let words = words.split_whitespace().map(str::to_owned);
        let left = others(words, Some("my.toml"));
        assert_eq!(left, ["--launch", "--set", "a.b=c", "--cores", "own"]);
    }
}
