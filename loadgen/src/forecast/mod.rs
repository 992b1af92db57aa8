//! Forecasts: the run that is about to be made, simulated over several seeds on the machine that it
//! will have; and how it then came out.

mod figures;
mod generator;
mod placed;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use headwater_reports::forecast::Figure;
use headwater_reports::outcome::Speed;
use headwater_reports::{Forecast, Outcome, Score};
use headwater_scenarios::estimate::Estimate;
use headwater_scenarios::profile::Profile;
use headwater_scenarios::scenario::Scenario;
use headwater_scenarios::sweep;
use sha2::{Digest as _, Sha256};

use crate::failure::{Failure, Result};
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::progress::Bar;
use crate::speed;
use crate::systems::system::Source;

pub(crate) use figures::{ACKED, CPU, GAP, HIGHEST, RECOVERY, simulated_servers};

/// What is forecast of a plan.
pub(crate) struct Asked<'a> {
    /// The run.
    pub(crate) plan: &'a RunPlan,
    /// What it is driven against.
    pub(crate) source: &'a Source,
    /// Who has which cores.
    pub(crate) placement: &'a Placement,
    /// How many seeds, from the plan's on.
    pub(crate) seeds: u64,
    /// Whatever it is estimated to take.
    pub(crate) insist: bool,
    /// How fast the machine is, where that is known.
    pub(crate) speed: Option<Speed>,
}

/// A forecast, before the run.
pub(crate) struct Made {
    /// It.
    pub(crate) forecast: Forecast,
    /// Its file.
    pub(crate) text: String,
    /// SHA-256 of the file, hexadecimal.
    pub(crate) hash: String,
    /// The simulation of the run's own seed.
    pub(crate) simulated: Outcome,
    /// How fast the machine was that is simulated.
    pub(crate) speed: Option<Speed>,
}

/// Simulates what `asked` says; `stop` ends it.
///
/// # Errors
/// If nothing models the system, it would take too long, or it was stopped.
pub(crate) fn make(asked: &Asked<'_>, stop: &AtomicBool) -> Result<Made> {
    let Asked { plan, placement, seeds, .. } = *asked;
    let source = asked.source;
    let slower = speed::slower(asked.speed, &plan.scenario.profile);
    let on = On { source, placement, profile: None, settings: &[], reads: true, slower };
    let scenario = placed::placed(plan, &on)?;
    if !asked.insist {
        check(&scenario)?;
    }
    let seeds: Vec<u64> = (plan.seed..plan.seed + seeds).collect();
    let bar = Bar::new(seeds.len() as u64, "seeds simulated");
    let outcomes = sweep::outcomes(&scenario, &seeds, stop, &|done| bar.set(done as u64));
    drop(bar);
    let all_there = outcomes.len() == seeds.len();
    let Some(simulated) = outcomes.first().filter(|_| all_there) else {
        return Err(Failure::new("the forecast was stopped before it was made"));
    };
    let servers = figures::simulated_servers(&scenario);
    let each: Vec<Vec<Figure>> =
        outcomes.iter().map(|run| figures::of(&scenario, run, &servers)).collect();
    let mut forecast = Forecast::of(&outcomes, &each);
    forecast.inputs = inputs(plan, &scenario, &seeds);
    forecast.notes = placed::notes(&scenario, placement, slower);
    let text = forecast.to_json();
    let hash = sha256(text.as_bytes());
    let speed = asked.speed.filter(|_| plan.scenario.profile.speed.is_some());
    Ok(Made { forecast, text, hash, simulated: simulated.clone(), speed })
}

/// What a run of a plan is simulated on.
pub(crate) struct On<'a> {
    /// What it is driven against.
    pub(crate) source: &'a Source,
    /// Who has which cores.
    pub(crate) placement: &'a Placement,
    /// The machine, in place of the scenario's; its options are not looked at.
    pub(crate) profile: Option<&'a Profile>,
    /// Settings beside the scenario's, by path.
    pub(crate) settings: &'a [(String, String)],
    /// What is written is read at the same time.
    pub(crate) reads: bool,
    /// How many times slower the machine is than its profile says.
    pub(crate) slower: f64,
}

/// Simulates a run of `plan` with its own seed.
///
/// # Errors
/// If nothing models the system, a setting is none of its, or it was stopped.
pub(crate) fn simulate(plan: &RunPlan, on: &On<'_>, stop: &AtomicBool) -> Result<Outcome> {
    let scenario = placed::placed(plan, on)?;
    let outcome = sweep::outcomes(&scenario, &[plan.seed], stop, &|_| {}).pop();
    outcome.ok_or_else(|| Failure::new("the simulation was stopped"))
}

impl Made {
    /// Says what is forecast, and its hash.
    pub(crate) fn tell(&self) -> String {
        format!("{}forecast sha256 {}", self.forecast.to_text(), self.hash)
    }

    /// Writes the forecast into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join("forecast.json");
        Forecast::write(&self.text, &path).map_err(|error| Failure::new(error.to_string()))
    }

    /// Why the run says nothing of this forecast, if it doesn't: none can be held to it, or the
    /// machine was faster or slower than simulated.
    pub(crate) fn withheld(&self, live: &Outcome) -> Option<String> {
        let other = self.speed.zip(live.environment.speed).and_then(|(forecast, run)| {
            let slower = run.slower_than(&forecast);
            (!speed::alike(slower)).then(|| {
                format!("the machine took {slower:.2} times as long for the same work as forecast")
            })
        });
        live.withheld().or(other)
    }

    /// How the run came out.
    pub(crate) fn score(&self, plan: &RunPlan, live: &Outcome) -> Score {
        let withheld = self.withheld(live);
        Score::of(&self.forecast, &self.hash, withheld, &measured(plan, live))
    }
}

/// The figures of a live run of `plan`.
pub(crate) fn measured(plan: &RunPlan, live: &Outcome) -> Vec<Figure> {
    figures::of(&plan.scenario, live, &plan.system.servers(&plan.scenario))
}

/// SHA-256, hexadecimal: what `sha256sum` prints.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a forecast is made from: the scenario as it is written and set, the machine that is
/// simulated, the seeds.
fn inputs(plan: &RunPlan, scenario: &Scenario, seeds: &[u64]) -> String {
    let text = format!(
        "{}\n{:?}\n{}\n{seeds:?}",
        plan.written.text,
        scenario.settings,
        scenario.profile.to_toml()
    );
    sha256(text.as_bytes())
}

/// Whether each seed can be simulated in reasonable time and memory.
fn check(scenario: &Scenario) -> Result<()> {
    Estimate::simulated(scenario).check().map_err(Failure::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_sha256sum() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
    }
}
