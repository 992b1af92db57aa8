//! Whether what a writer is told to be stored is on as many servers as that promises, then.
//!
//! The files of the nodes are searched for the events, from the end, whatever the models believe
//! to have replicated. A server that a fault has robbed of something since the writer took the
//! events counts as one that had them. Tiered storage counts for all copies.

use std::collections::BTreeMap;

use headwater_models::batch::{Batch, StreamId};
use headwater_models::bugs::{Bug, BugSet};
use headwater_models::role::Capability;
use headwater_models::system::AckedBy;
use headwater_sim::disk::{DiskId, FileId};
use headwater_sim::time::Time;
use headwater_sim::units::{MachineId, NodeId};

use super::{Found, Sim};
use crate::scenario::metric::COPIES_AT_ACK;
use crate::targets::Roster;
use headwater_check::{Finding, Verdict, grouped};

/// Records at the end of each file that are looked at first.
const LATEST: usize = 64;

/// Records that may be looked at for each acknowledgement, on the average, and in all before that
/// matters. Beyond it acknowledgements are let pass, so that a large run is not slowed down.
const FOR_EACH: u64 = 256;
const FREE: u64 = 4_000_000;

/// A server that keeps data.
struct Keeper {
    node: NodeId,
    machine: MachineId,
    /// What it counts for.
    copies: u32,
    /// In which file something of a lane was found last.
    files: BTreeMap<u32, (DiskId, FileId)>,
}

/// Who looks at the acknowledgements of one stream.
pub(super) struct Copies {
    stream: StreamId,
    acked_by: Option<AckedBy>,
    keepers: Vec<Keeper>,
    found: Found,
    passed_by: u64,
    /// Planted: what is written counts as durable.
    blind: bool,
    /// Records looked at.
    spent: u64,
}

impl Copies {
    pub(super) fn new(
        stream: StreamId,
        acked_by: Option<AckedBy>,
        sim: &Sim,
        roster: &Roster,
    ) -> Self {
        let of_stream = roster.iter().filter(|(node, _)| roster.stream(*node) == stream);
        let keeper = |(node, role): (NodeId, &headwater_models::role::Role)| {
            let tiered = role.can(Capability::TieredStorage);
            let copies = if tiered { u32::MAX } else { 1 };
            let machine = sim.machine_of(node);
            let files = BTreeMap::new();
            let keeps = tiered || role.can(Capability::KeepsData);
            keeps.then_some(Keeper { node, machine, copies, files })
        };
        let keepers = of_stream.filter_map(keeper).collect();
        let found = Found::default();
        Self { stream, acked_by, keepers, found, passed_by: 0, blind: false, spent: 0 }
    }

    /// The same with the defects of `bugs` that it can have.
    pub(super) fn with_bugs(self, bugs: BugSet) -> Self {
        Self { blind: bugs.has(Bug::CopiesCountVolatile), ..self }
    }

    /// Looks for the copies of a batch that was just acknowledged.
    pub(super) fn look(&mut self, sim: &Sim, batch: &Batch) {
        let Some(AckedBy { copies, durable }) = self.acked_by else { return };
        let durable = durable && !self.blind;
        if self.spent > FREE + FOR_EACH * self.found.checked {
            self.passed_by += 1;
            return;
        }
        self.found.checked += 1;
        let mut lacking = Vec::new();
        let mut have: u32 = 0;
        for (number, keeper) in self.keepers.iter_mut().enumerate() {
            if have >= copies {
                return;
            }
            match holds(sim, keeper, batch, durable, LATEST, &mut self.spent) {
                true => have = have.saturating_add(keeper.copies),
                false => lacking.push(number),
            }
        }
        let taken = batch.started.iter().min().copied().unwrap_or_default();
        for number in lacking {
            if have >= copies {
                return;
            }
            let keeper = &mut self.keepers[number];
            let excused = sim.observer().acks.excuses(keeper.node, keeper.machine, taken);
            if excused || holds(sim, keeper, batch, durable, usize::MAX, &mut self.spent) {
                have = have.saturating_add(keeper.copies);
            }
        }
        if have < copies {
            self.found.add(|| thin(sim.now(), batch, have, copies));
        }
    }

    /// Whether every acknowledgement had its copies, if one promises any.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let AckedBy { copies, durable } = self.acked_by?;
        let synced = if durable { "synced" } else { "written" };
        let mut summary = format!(
            "{} acknowledgements with fewer than {copies} copies {synced} on disks",
            self.found.shares()
        );
        if self.passed_by > 0 {
            summary += &format!("; {} not looked at", grouped(self.passed_by));
        }
        Some(self.found.verdict(COPIES_AT_ACK, self.stream, summary))
    }
}

fn thin(now: Time, batch: &Batch, have: u32, copies: u32) -> Finding {
    let (lane, writer) = (Some(batch.lane.0), Some(batch.writer));
    let detail = format!("{have} copies, and {copies} are promised");
    let (first, last) = (batch.first, batch.last());
    Finding { lane, writer, first, last, detail, ..Finding::at("acknowledged early", now) }
}

/// Whether a server has all of a batch in its files, of which the last `latest` records are looked
/// at.
fn holds(
    sim: &Sim,
    keeper: &mut Keeper,
    batch: &Batch,
    durable: bool,
    latest: usize,
    spent: &mut u64,
) -> bool {
    let mut left = Left(vec![(batch.first, batch.last())]);
    let hint = keeper.files.get(&batch.lane.0).copied();
    let likely = |(disk, id, _): &(DiskId, FileId, _)| hint == Some((*disk, *id));
    let others = sim.files(keeper.node).filter(|file| !likely(file));
    for (disk, id, file) in sim.files(keeper.node).filter(likely).chain(others) {
        let before = left.events();
        for (stored, synced) in file.latest().take(latest) {
            *spent += 1;
            if stored.torn || durable && !synced {
                continue;
            }
            stored.record.for_each_range(&mut |range| {
                let same = (range.stream, range.writer, range.lane)
                    == (batch.stream, batch.writer, batch.lane);
                if same && range.count > 0 {
                    left.take(range.first, range.first + (range.count - 1));
                }
            });
            if left.0.is_empty() {
                keeper.files.insert(batch.lane.0, (disk, id));
                return true;
            }
        }
        if left.events() < before {
            keeper.files.insert(batch.lane.0, (disk, id));
        }
    }
    false
}

/// Events that have not been found yet, as ranges.
struct Left(Vec<(u64, u64)>);

impl Left {
    fn events(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Without `first ..= last`.
    fn take(&mut self, first: u64, last: u64) {
        if self.0.iter().all(|of| last < of.0 || first > of.1) {
            return;
        }
        let rest = |&(from, to): &(u64, u64)| {
            let before = (from < first).then(|| (from, to.min(first.saturating_sub(1))));
            let behind = (to > last).then(|| (from.max(last + 1), to));
            before.into_iter().chain(behind)
        };
        self.0 = self.0.iter().flat_map(rest).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_taken_out_wherever_it_lies() {
        let mut left = Left(vec![(10, 20)]);
        for (first, last, rest) in [
            (0, 9, vec![(10, 20)]),
            (13, 14, vec![(10, 12), (15, 20)]),
            (12, 15, vec![(10, 11), (16, 20)]),
            (0, 10, vec![(11, 11), (16, 20)]),
            (20, 30, vec![(11, 11), (16, 19)]),
            (0, 40, vec![]),
        ] {
            left.take(first, last);
            assert_eq!(left.0, rest, "without {first}..={last}");
        }
    }
}
