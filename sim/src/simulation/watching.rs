//! What is looked at in every run: its limits, and the kernel's own promises.

use super::Simulation;
use crate::disk::{DiskId, FileId};
use crate::files::File;
use crate::kept::Kept;
use crate::limits::Exceeded;
use crate::node::{Observer, Protocol};
use crate::queue::EventQueue;
use crate::time::Time;
use crate::units::{MachineId, NodeId};

use super::disks::Writing;

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// The limit that the run has exceeded. Nothing is due any more then: it is over.
    pub const fn exceeded(&self) -> Option<Exceeded> {
        self.watch.exceeded
    }

    /// The machine of a node.
    pub fn machine_of(&self, node: NodeId) -> MachineId {
        self.nodes[node.index()].spec.machine
    }

    /// The files of a node, with their disks.
    pub fn files(&self, node: NodeId) -> impl Iterator<Item = (DiskId, FileId, &File<P::Record>)> {
        let disks = (0..).map(DiskId).zip(&self.nodes[node.index()].files);
        disks.flat_map(|(disk, files)| files.iter().map(move |(id, file)| (disk, *id, file)))
    }

    /// From now on so many events are allowed in all ([`crate::limits::Limits::events`]).
    pub const fn allow_events(&mut self, events: u64) {
        self.watch.limits.events = events;
    }

    /// What was found of the kernel's own promises.
    pub const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Looks at the limits; true if one is exceeded: the run ends here, with nothing due.
    #[cold]
    pub(super) fn look(&mut self) -> bool {
        let waiting = (self.pending.len() - self.free.len()) as u64;
        let over = self.watch.look(self.now, self.totals.events, waiting);
        if over {
            self.queue = Q::default();
        }
        over
    }

    /// A timer has run out that was due at `due`, by the world's clock or its node's.
    #[inline]
    pub(super) fn ran_out(&mut self, node: NodeId, due: Time) {
        if self.now < due && self.nodes[node.index()].clock.is_none() {
            self.kept.add(self.now, node, "a timer ran out too early");
        }
    }

    /// A sync is about to be reported as done.
    pub(super) fn vouch(&mut self, disk: DiskId, writing: &Writing) {
        self.kept.syncs += 1;
        let (node, mark) = (writing.node, writing.mark);
        if self.file(disk, writing).is_some_and(|file| !file.vouch(mark)) {
            self.kept.add(self.now, node, "a sync that was reported left records volatile");
        }
    }
}
