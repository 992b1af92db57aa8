//! The scenario as the run will have it: on one machine, with the cores that cluster and generator
//! have there, warm or cold.

use headwater_scenarios::estimate::Estimate;
use headwater_scenarios::scenario::Scenario;
use headwater_sim::time::Duration;

use super::{On, generator};
use crate::arguments::WarmUp;
use crate::failure::{Failure, Result};
use crate::placement::{Cores, Placement};
use crate::plan::RunPlan;
use crate::profile::kernel;
use crate::systems::system::Source;

/// The setting of a system on JVMs that says whether its code is compiled from the start.
const WARM: &str = "jvm.warm";

/// A system has readers; those of a run that reads nothing stand still from its start on.
const READERS_STAND_STILL: &str = "\n[[fault]]\nkind = 'pause'\ntarget = 'consumers'\nat = '0s'\n";

/// The scenario of `plan` as the run will have it.
///
/// # Errors
/// If nothing models what is run.
pub(super) fn placed(plan: &RunPlan, on: &On<'_>) -> Result<Scenario> {
    let On { source, placement, slower, .. } = *on;
    let (name, kind) = (plan.system.name(), plan.scenario.system().kind().name());
    if name != kind || *source == Source::InProcess {
        return Err(Failure::new(format!(
            "nothing models {name}: --forecast is for a system that is simulated as well"
        )));
    }
    let mut settings = plan.scenario.settings.clone();
    if *source == Source::Launch
        && plan.system.runs_on_jvms()
        && plan.scenario.configuration().contains_key(WARM)
    {
        let warm = plan.warm_up != WarmUp::For(Duration::ZERO);
        settings.push((format!("system.{WARM}"), warm.to_string()));
    }
    settings.extend_from_slice(on.settings);
    let mut written = plan.written.clone();
    if !on.reads {
        written.text += READERS_STAND_STILL;
    }
    let mut scenario = written.read(&settings)?;
    if let Some(profile) = on.profile {
        scenario.profile = profile.clone();
    }
    let paces = scenario.systems.iter().all(|(_, part)| part.system.paces());
    let profile = &mut scenario.profile;
    if *source == Source::Launch {
        profile.one_machine = true;
        profile.own_cores = placement.cores == Cores::Own;
        profile.server.cores = placement.cluster.len() as u32;
    }
    profile.client.cores = placement.generator.len() as u32;
    let rate = Estimate::simulated(&plan.scenario).events
        / plan.scenario.traffic.duration.as_secs_f64().max(1e-9);
    if paces && !profile.pacer.is_there() {
        profile.pacer = generator::pacer(rate, &profile.client.scheduler, profile.pacer);
    }
    let beside = if profile.one_machine && !profile.own_cores {
        &mut profile.server.others
    } else {
        &mut profile.client.others
    };
    for thread in generator::threads(rate) {
        // The profile knows better; and a pacer that is the writers' own is one of them.
        let is_theirs = paces && thread.name == generator::PACER;
        if !is_theirs && !beside.iter().any(|other| other.name == thread.name) {
            beside.push(thread);
        }
    }
    if slower != 1.0 {
        profile.slow_down(slower);
    }
    Ok(scenario)
}

/// What is worth knowing of what was simulated.
pub(super) fn notes(scenario: &Scenario, placement: &Placement, slower: f64) -> Vec<String> {
    let warm = match scenario.configuration().get(WARM).map(String::as_str) {
        Some("true") => ", on a cluster that is warm",
        Some(_) => ", on a cluster that is cold",
        None => "",
    };
    let mut all = vec![format!("simulated with the run's cores, {placement}{warm}")];
    let profile = &scenario.profile;
    let name = &profile.name;
    let remedy = "`loadgen profile --out here.toml`, then `--profile here.toml`";
    match &profile.measured_on {
        Some(host) => all.extend(host.differs(&kernel::host()).map(|differs| {
            format!("the profile {name} was measured on another machine ({differs}): {remedy}")
        })),
        None => all.push(format!(
            "it is not known that the profile {name} was measured on this machine, so that the \
             forecast says little: {remedy}"
        )),
    }
    all.push(match profile.speed {
        Some(_) => format!(
            "the machine takes {slower:.2} times as long for the same work as when the profile \
             {name} was measured, and is simulated so"
        ),
        None => format!(
            "the profile {name} does not say how fast its machine was when it was measured: \
             whether it is as fast now is not known"
        ),
    });
    all
}
