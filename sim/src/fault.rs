//! Faults as data. The environment applies them; no model knows that they exist.

use serde::{Deserialize, Serialize};

use crate::clock::ClockChange;
use crate::condition::Condition;
use crate::device::DiskFault;
use crate::disk::FileId;
use crate::distribution::Distribution;
use crate::impairment::Impairment;
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
    /// The machine loses power: its processes die and nobody is told, its page cache is lost.
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
    /// A partition between these ends. Others that cut the same links go on.
    Rejoin {
        /// One side.
        from: Vec<NodeId>,
        /// The other side.
        to: Vec<NodeId>,
        /// Both ways.
        symmetric: bool,
    },
    /// Every partition and every clog ends.
    Heal,
    /// Messages from `from` to `to` take longer, each by a draw.
    SlowLink {
        /// Senders.
        from: Vec<NodeId>,
        /// Receivers.
        to: Vec<NodeId>,
        /// What is added to the latency.
        extra: Distribution,
        /// One draw for each pair, kept for good, instead of one for each message.
        lasting: bool,
    },
    /// Links from `from` to `to` are as fast as before.
    RestoreLink {
        /// Senders.
        from: Vec<NodeId>,
        /// Receivers.
        to: Vec<NodeId>,
    },
    /// Messages from `from` to `to` stand still, and go on at once, in order, with the unclogging.
    Clog {
        /// Senders.
        from: Vec<NodeId>,
        /// Receivers.
        to: Vec<NodeId>,
    },
    /// A clog ends.
    Unclog {
        /// Senders.
        from: Vec<NodeId>,
        /// Receivers.
        to: Vec<NodeId>,
    },
    /// The direction from `from` to `to` loses, duplicates, reorders or throttles messages.
    Impair {
        /// Senders.
        from: Vec<NodeId>,
        /// Receivers.
        to: Vec<NodeId>,
        /// How.
        by: Impairment,
    },
    /// Connections between `from` and `to` are forgotten half-way: what is sent on them vanishes,
    /// and neither end is told until [`Fault::Reset`].
    HalfOpen {
        /// One end.
        from: Vec<NodeId>,
        /// The other end.
        to: Vec<NodeId>,
    },
    /// Connections between `from` and `to` break, and both ends are told.
    Reset {
        /// One end.
        from: Vec<NodeId>,
        /// The other end.
        to: Vec<NodeId>,
    },
    /// New connections to a process are refused, or (`refuse` false) taken again. Those that stand
    /// go on.
    Refuse {
        /// The process.
        node: NodeId,
        /// Refused or taken.
        refuse: bool,
    },
    /// A network card is slow: each direction takes `percent` of its usual time for a message.
    SlowNic {
        /// The machine.
        machine: MachineId,
        /// The new time in percent of the usual, at least 1; 100 restores it.
        percent: u32,
    },
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
    /// A disk misbehaves from now on, as [`DiskFault`] says.
    Disk {
        /// The machine.
        machine: MachineId,
        /// Which of its disks.
        disk: u8,
        /// How.
        how: DiskFault,
    },
    /// Records that are durable on a disk go bad on the medium: found by the next read that the
    /// page cache does not answer.
    Corrupt {
        /// The machine.
        machine: MachineId,
        /// Which of its disks.
        disk: u8,
        /// How many records in a million.
        ppm: u32,
    },
    /// All files of a process vanish, durable or not. Crash it first.
    WipeDisk {
        /// The process.
        node: NodeId,
        /// Of this disk only; of all where it is `None`.
        disk: Option<u8>,
    },
    /// A file of a process gets another name, on every disk that has it. A file that had that name
    /// is gone.
    RenameFile {
        /// The process.
        node: NodeId,
        /// Its name.
        from: FileId,
        /// Its new name.
        to: FileId,
    },
    /// Two processes get each other's files: disks swapped during maintenance. Crash both first.
    SwapDisks {
        /// One process.
        node: NodeId,
        /// The other.
        other: NodeId,
    },
    /// A process is asked to stop (SIGTERM); it may finish what it has to before it exits.
    Shutdown {
        /// The process.
        node: NodeId,
    },
    /// A process's clock is changed.
    Clock {
        /// The process.
        node: NodeId,
        /// How.
        change: ClockChange,
    },
    /// Work on a machine's cores stands still for a part of each period (a cgroup's CPU quota).
    ThrottleCpu {
        /// The machine.
        machine: MachineId,
        /// Part of each period in which work goes on, in percent, 1 to 100; 100 lifts it.
        percent: u32,
        /// The period; Linux's `cpu.cfs_period_us` is 100 ms.
        period: Duration,
    },
    /// The condition of an external service that a node stands for changes.
    Condition {
        /// The node that stands for it.
        node: NodeId,
        /// What has changed.
        condition: Condition,
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
    /// The node that it concerns, if it is a single one.
    pub const fn node(&self) -> Option<NodeId> {
        match self {
            Self::Crash { node }
            | Self::Restart { node }
            | Self::Pause { node }
            | Self::Resume { node }
            | Self::Shutdown { node }
            | Self::WipeDisk { node, .. }
            | Self::RenameFile { node, .. }
            | Self::SwapDisks { node, .. }
            | Self::Clock { node, .. }
            | Self::Refuse { node, .. }
            | Self::Condition { node, .. } => Some(*node),
            _ => None,
        }
    }

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
            Self::Rejoin { .. } => "rejoin",
            Self::RestoreLink { .. } => "restore_link",
            Self::Clog { .. } => "clog",
            Self::Unclog { .. } => "unclog",
            Self::Impair { .. } => "impair",
            Self::HalfOpen { .. } => "half_open",
            Self::Reset { .. } => "reset",
            Self::Refuse { .. } => "refuse",
            Self::SlowNic { .. } => "slow_nic",
            Self::Disk { .. } => "disk",
            Self::Corrupt { .. } => "corrupt",
            Self::RenameFile { .. } => "rename_file",
            Self::SwapDisks { .. } => "swap_disks",
            Self::Shutdown { .. } => "shutdown",
            Self::Clock { .. } => "clock",
            Self::ThrottleCpu { .. } => "throttle_cpu",
            Self::Condition { .. } => "condition",
            Self::SlowDisk { .. } => "slow_disk",
            Self::StallDisk { .. } => "stall_disk",
            Self::FillDisk { .. } => "fill_disk",
            Self::WipeDisk { .. } => "wipe_disk",
            Self::SlowCpu { .. } => "slow_cpu",
        }
    }
}
