//! What was just acknowledged, for those who look at the disks then; and whose disks faults have
//! been at.

use headwater_models::batch::SharedBatch;
use headwater_sim::fault::Fault;
use headwater_sim::time::Time;
use headwater_sim::units::{MachineId, NodeId};

/// Whose files a fault has been at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Node(NodeId),
    Machine(MachineId),
}

/// What was acknowledged since somebody last took it.
#[derive(Debug, Default)]
pub struct Acks {
    wanted: bool,
    batches: Vec<SharedBatch>,
    /// Until when files may have lost something that was in them.
    hurt: Vec<(Whose, Time)>,
}

impl Acks {
    /// From now on somebody takes it.
    pub const fn want(&mut self) {
        self.wanted = true;
    }

    /// Nothing was acknowledged since.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// A writer was told that a batch is stored.
    pub(super) fn acked(&mut self, batch: &SharedBatch) {
        if self.wanted {
            self.batches.push(batch.clone());
        }
    }

    /// What was acknowledged since; it is gone from here then.
    pub fn take(&mut self) -> Vec<SharedBatch> {
        std::mem::take(&mut self.batches)
    }

    /// Whether what a node had put into its files at `since`, or later, may have been lost to a
    /// fault.
    pub fn excuses(&self, node: NodeId, machine: MachineId, since: Time) -> bool {
        let its = |whose: &Whose| *whose == Whose::Node(node) || *whose == Whose::Machine(machine);
        self.hurt.iter().any(|(whose, until)| its(whose) && *until >= since)
    }

    /// A fault happens.
    pub(super) fn fault(&mut self, at: Time, fault: &Fault) {
        match fault {
            Fault::PowerCut { machine } => self.hurt.push((Whose::Machine(*machine), at)),
            // From then on nothing is known of it.
            Fault::Disk { machine, .. } | Fault::Corrupt { machine, .. } => {
                self.hurt.push((Whose::Machine(*machine), Time::MAX));
            }
            Fault::WipeDisk { node, .. } | Fault::RenameFile { node, .. } => {
                self.hurt.push((Whose::Node(*node), at));
            }
            Fault::SwapDisks { node, other } => {
                self.hurt.extend([*node, *other].map(|node| (Whose::Node(node), Time::MAX)));
            }
            _ => {}
        }
    }
}
