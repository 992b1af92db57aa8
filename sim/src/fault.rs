//! Faults as data. The environment applies them; no model knows that they exist.

use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::time::Duration;
use crate::units::{MachineId, NodeId};

/// A change of the environment for the worse, or back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "fault", deny_unknown_fields)]
pub enum Fault {
    /// The process dies (SIGKILL). Its memory is gone, its page cache stays, its peers see the
    /// connection close.
    Crash {
        /// The process.
        node: NodeId,
    },
    /// The process is started again, from its configuration and what its disk gives back.
    Restart {
        /// The process.
        node: NodeId,
    },
    /// The process stands still (SIGSTOP, a long garbage collection). What reaches it waits.
    Pause {
        /// The process.
        node: NodeId,
    },
    /// The process goes on.
    Resume {
        /// The process.
        node: NodeId,
    },
    /// The machine loses power: its processes die without a word to anybody, its page cache is
    /// lost.
    PowerCut {
        /// The machine.
        machine: MachineId,
    },
    /// The machine comes back, and with it the processes that ran when it went.
    PowerOn {
        /// The machine.
        machine: MachineId,
    },
    /// Nothing passes from `from` to `to`. Connections hold and retransmit, datagrams are lost.
    Partition {
        /// One side.
        from: Vec<NodeId>,
        /// The other side.
        to: Vec<NodeId>,
        /// Both ways.
        symmetric: bool,
    },
    /// Every partition ends.
    Heal,
    /// Messages from `from` to `to` take longer, each by a draw.
    SlowLink {
        /// Senders.
        from: Vec<NodeId>,
        /// Receivers.
        to: Vec<NodeId>,
        /// What is added to the latency.
        extra: Distribution,
    },
    /// Every slow link is as fast as before.
    RestoreLinks,
    /// Every operation of a disk takes `percent` of its usual time (1,000 is ten times as long).
    SlowDisk {
        /// The machine.
        machine: MachineId,
        /// Which of its disks.
        disk: u8,
        /// The new time in percent of the usual, at least 1; 100 restores it.
        percent: u32,
    },
    /// A disk serves nothing for a while.
    StallDisk {
        /// The machine.
        machine: MachineId,
        /// Which of its disks.
        disk: u8,
        /// How long.
        time: Duration,
    },
    /// A disk has no space left, or (`full` false) has it again.
    FillDisk {
        /// The machine.
        machine: MachineId,
        /// Which of its disks.
        disk: u8,
        /// Full or not.
        full: bool,
    },
    /// All files of a process vanish, durable or not. Crash it first.
    WipeDisk {
        /// The process.
        node: NodeId,
    },
    /// Work on a machine's cores takes `percent` of its usual time.
    SlowCpu {
        /// The machine.
        machine: MachineId,
        /// The new time in percent of the usual, at least 1; 100 restores it.
        percent: u32,
    },
}

impl Fault {
    /// The fault's name in scenario files and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Restart { .. } => "restart",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::PowerCut { .. } => "power_cut",
            Self::PowerOn { .. } => "power_on",
            Self::Partition { .. } => "partition",
            Self::Heal => "heal",
            Self::SlowLink { .. } => "slow_link",
            Self::RestoreLinks => "restore_links",
            Self::SlowDisk { .. } => "slow_disk",
            Self::StallDisk { .. } => "stall_disk",
            Self::FillDisk { .. } => "fill_disk",
            Self::WipeDisk { .. } => "wipe_disk",
            Self::SlowCpu { .. } => "slow_cpu",
        }
    }
}
