//! What a run leaves behind beside its events: who ran on the cores, who stood still, who led.

use std::sync::Arc;

use headwater_reports::Threads;
use headwater_reports::outcome::{Mark, Verdict, VerdictStatus};

use crate::clock::Clock;
use crate::launch::LaunchedCluster;
use crate::launch::guard::Sign;
use crate::launch::jvm::{self, Pauses};
use crate::sampler::{Disturbance, FullNames, Sampler};
use crate::systems::system::{Cluster, Storage};

/// What was recorded.
pub(crate) struct Recorded {
    /// CPU by thread.
    pub(crate) threads: Threads,
    /// CPU of processes that have nothing to do with the run.
    pub(crate) disturbance: Disturbance,
    /// Of JVMs.
    pub(crate) pauses: Pauses,
    /// Elections, changes of roles, pauses.
    pub(crate) marks: Vec<Mark>,
    /// Events that others wrote to the cluster meanwhile; none where nobody tells.
    pub(crate) others: Option<u64>,
}

/// Reads what a run that took `length` nanoseconds by `clock` has left behind; others had written
/// so many events `before`, where that is told.
pub(super) fn read(
    cluster: &Cluster,
    storage: &dyn Storage,
    sampler: Sampler,
    clock: &Clock,
    length: u64,
    before: Option<u64>,
) -> Recorded {
    let others = before.zip(storage.written_by_others());
    let others = others.map(|(before, after)| after.saturating_sub(before));
    let jvms = cluster.launched.as_ref().map_or(&[][..], |launched| &launched.jvms);
    let pauses = jvm::pauses(jvms, clock.started().unwrap_or(0), length);
    let names = cluster.launched.as_ref().map_or_else(FullNames::new, full_names);
    let (threads, disturbance) = sampler.finish(&names);
    let mut marks = storage.marks(clock.started_unix_ms());
    marks.extend(pauses.marks.iter().cloned());
    marks.extend(disturbance.steps.iter().map(|step| Mark {
        at_ns: step.at_ns,
        name: "clock_stepped".into(),
        detail: step.to_string(),
    }));
    marks.retain(|mark| mark.at_ns <= length);
    Recorded { threads, disturbance, pauses, marks, others }
}

/// Names of the launched processes' threads, of which Linux has the first 15 characters.
fn full_names(launched: &LaunchedCluster) -> FullNames {
    let guarded = Arc::clone(&launched.guarded);
    let ask = |name: &str| {
        let Ok(mut guarded) = guarded.lock() else { return false };
        guarded.alive(name).unwrap_or(false) && guarded.signal(name, Sign::Quit).is_ok()
    };
    jvm::thread_names(&launched.jvms, ask)
}

/// How the JVMs stood still, if there are any.
pub(super) fn pauses(pauses: &Pauses) -> Option<Verdict> {
    if pauses.lines.is_empty() {
        return None;
    }
    let status = if pauses.missing { VerdictStatus::Warn } else { VerdictStatus::Info };
    Some(Verdict {
        name: "pauses_recorded".into(),
        stream: None,
        status,
        measured: pauses.lines.join("; "),
        expected: "a log of each JVM".into(),
        explanation: "While a JVM collects garbage it answers nobody: the longest are marked. \
                      Without its log they are in the latencies, and nobody can tell."
            .into(),
    })
}
