//! How busy everything has been: the cumulative figures that utilisation is computed from.

use crate::time::Duration;
use crate::units::{MachineId, NodeId};

/// What kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// The cores of a machine.
    Cpu,
    /// A thread pool of a node.
    ThreadPool,
    /// A disk.
    Disk,
    /// The sending half of a network card.
    NicOut,
    /// The receiving half of a network card.
    NicIn,
}

/// One resource, since the start of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    /// Kind.
    pub kind: ResourceKind,
    /// Its number among those of its kind on the machine, or in the node.
    pub number: usize,
    /// The machine.
    pub machine: MachineId,
    /// The node, for a thread pool.
    pub node: Option<NodeId>,
    /// Servers: cores or threads; 1 for the others; zero for no limit.
    pub servers: u32,
    /// Busy time, added up over servers.
    pub busy: Duration,
    /// Requests waiting now (bytes for a disk: dirty bytes).
    pub queued: u64,
    /// Requests that waited at the most.
    pub queued_max: u64,
}
