//! Whether a live run's figures are the system's, so that a simulation may be held to them.

use crate::outcome::{Outcome, Status, VerdictStatus};

/// The verdict on whether a live run's machine did nothing else meanwhile.
pub const UNDISTURBED: &str = "machine_undisturbed";

/// The verdict on whether a live run's generator kept the schedule.
pub const NOT_LATE: &str = "generator_not_the_bottleneck";

/// The verdict on whether the wall clock of a live run's machine ran as its monotonic one.
pub const CLOCK_STEADY: &str = "clock_steady";

/// The verdict on whether others wrote to the cluster of a live run.
pub const CLUSTER_ALONE: &str = "cluster_alone";

/// The verdict on whether the cluster of a live run was warm when it began.
pub const WARMED_UP: &str = "warmed_up";

/// The verdict on whether the cores of a live run's machine were as fast after it as before.
pub const SPEED_STEADY: &str = "machine_speed_steady";

/// The verdicts that have to pass, with what is said where one does not.
const HELD: [(&str, &str); 6] = [
    (NOT_LATE, "the generator was late"),
    (UNDISTURBED, "the machine was disturbed"),
    (CLOCK_STEADY, "the clock jumped"),
    (CLUSTER_ALONE, "the cluster was not its own"),
    (WARMED_UP, "the cluster was not warm"),
    (SPEED_STEADY, "the machine's speed changed"),
];

impl Outcome {
    /// Why no error of a simulation is told of this live run, if none is: it did not come to its
    /// end, its generator was late, its machine did something else, its clock jumped, others used
    /// its cluster, or that was not warm yet.
    pub fn withheld(&self) -> Option<String> {
        let mut all = Vec::new();
        if let Status::Interrupted { why } = &self.status {
            all.push(format!("the run did not come to its end ({why})"));
        }
        let late = self.generator.as_ref().filter(|generator| generator.bottleneck);
        if let Some(generator) =
            late.filter(|_| !self.verdicts.iter().any(|it| it.name == NOT_LATE))
        {
            all.push(format!("the generator was late ({})", generator.explanation));
        }
        for (name, what) in HELD {
            let failed = |status| !matches!(status, VerdictStatus::Pass | VerdictStatus::Info);
            let verdicts = self.verdicts.iter().filter(|verdict| verdict.name == name);
            let found = verdicts.filter(|verdict| failed(verdict.status));
            all.extend(found.map(|verdict| format!("{what} ({})", verdict.measured)));
        }
        (!all.is_empty()).then(|| all.join("; "))
    }
}
