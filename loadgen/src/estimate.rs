//! How long a live run takes, about, before it is started.

use crate::arguments::WarmUp;
use crate::plan::RunPlan;

/// What a run takes beside its traffic, seconds: the first server of a cluster, each further one,
/// traffic until the first is warm and each further one, reading back and clearing away. As
/// measured on two cores.
const FIRST_SERVER: f64 = 10.0;
const FURTHER_SERVER: f64 = 4.0;
const WARMING: f64 = 55.0;
const WARMING_FURTHER: f64 = 90.0;
pub(crate) const CLEARING: f64 = 6.0;

/// Launching a cluster for a plan, and warming it up, seconds.
pub(crate) fn launching(plan: &RunPlan, warm_up: WarmUp) -> f64 {
    launching_servers(plan.system.servers(&plan.scenario).len(), warm_up)
}

/// Launching so many servers, and warming them up, seconds.
pub(crate) fn launching_servers(servers: usize, warm_up: WarmUp) -> f64 {
    let warming = match warm_up {
        WarmUp::Auto => (WARMING, WARMING_FURTHER),
        WarmUp::For(time) => (time.as_secs_f64(), 0.0),
    };
    FIRST_SERVER + warming.0 + (FURTHER_SERVER + warming.1) * (servers.max(1) as f64 - 1.0)
}

/// The traffic of a plan, reading back and clearing away, seconds.
pub(crate) fn running(plan: &RunPlan) -> f64 {
    plan.scenario.traffic.duration.as_secs_f64() + CLEARING
}

/// So many seconds, for people.
pub(crate) fn shown(seconds: f64) -> String {
    let minutes = (seconds.max(0.0) / 60.0).ceil() as u64;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
