//! What was found of the kernel's own promises, as a verdict; and the defects that are planted in
//! it.

use headwater_models::batch::StreamId;
use headwater_models::bugs::{Bug, BugSet};
use headwater_sim::defect::Defects;
use headwater_sim::kept::{Broken, Kept};
use headwater_sim::units::NodeId;

use super::Found;
use crate::scenario::metric::KERNEL_PROMISES;
use headwater_check::{Finding, Verdict, grouped};

/// Whether the kernel has kept what it promises; `name` says what a node is called.
pub fn kept(kept: &Kept, name: impl Fn(NodeId) -> String) -> Verdict {
    let finding = |broken: &Broken| {
        let detail = format!("of {}", name(broken.node));
        Finding { detail, ..Finding::at(broken.what, broken.at) }
    };
    let found = Found {
        checked: kept.syncs + kept.files + kept.broken_count,
        violations: kept.broken_count,
        findings: kept.broken.iter().take(super::FINDINGS_MAX).map(finding).collect(),
    };
    let [broken, syncs, files] = [kept.broken_count, kept.syncs, kept.files].map(grouped);
    let summary =
        format!("{broken} times broken; {syncs} syncs, {files} files after their power went");
    found.verdict(KERNEL_PROMISES, StreamId(0), summary)
}

/// The defects of the kernel among those that are planted.
pub fn planted(bugs: BugSet) -> Defects {
    Defects {
        sync_forgets: bugs.has(Bug::SyncForgets),
        timers_early: bugs.has(Bug::TimersEarly),
        timers_at_once: bugs.has(Bug::TimersAtOnce),
        messages_overtake: bugs.has(Bug::MessagesOvertake),
        power_takes_synced: bugs.has(Bug::PowerTakesSynced),
    }
}
