//! Mechanisms: what an event waited for, and stretches of its way.

use headwater_models::wait::Wait;
use headwater_sim::causes::Spent;
use headwater_sim::time::{Duration, Time};
use serde::Serialize;

/// What an event waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mechanism {
    /// For more events, to be sent or stored together.
    Linger,
    /// At its writer, for answers to what was sent before it.
    Queue,
    /// For a thread and for a core, and the work.
    Cpu,
    /// For a collection of garbage.
    Gc,
    /// For a sync of a disk, and for those before it.
    Sync,
    /// For a write into the page cache or a read.
    Disk,
    /// On its way between its client and the server that the client has to do with.
    Network,
    /// For other servers: to, at, and from them.
    Replication,
    /// For the reader to come for it.
    Reader,
    /// The system slowed its writers down.
    Throttle,
    /// For tiered storage.
    Tier,
    /// For another attempt: of a message on a link that lost it, or of its writer.
    Retry,
    /// For servers to find out that one is gone, and to take its place.
    Failover,
    /// For a process that a signal had stopped.
    Stopped,
    /// For a process to be there again.
    Down,
    /// Nobody knows.
    Unknown,
}

impl Mechanism {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linger => "linger",
            Self::Queue => "queue",
            Self::Cpu => "cpu",
            Self::Gc => "gc",
            Self::Sync => "sync",
            Self::Disk => "disk",
            Self::Network => "network",
            Self::Replication => "replication",
            Self::Reader => "reader",
            Self::Throttle => "throttle",
            Self::Tier => "tier",
            Self::Retry => "retry",
            Self::Failover => "failover",
            Self::Stopped => "stopped",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }

    /// What it means, in a few words.
    pub const fn means(self) -> &'static str {
        match self {
            Self::Linger => "waited for more events to go with it",
            Self::Queue => "waited at its writer for answers to what was sent before",
            Self::Cpu => "waited for a thread or a core, and was worked on",
            Self::Gc => "waited for a garbage collection",
            Self::Sync => "waited for a disk to sync",
            Self::Disk => "waited for a write into the page cache or a read",
            Self::Network => "on the way between client and server",
            Self::Replication => "to, at and from the other servers that store it",
            Self::Reader => "waited for the reader to come for it",
            Self::Throttle => "the system held its writers back",
            Self::Tier => "waited for tiered storage",
            Self::Retry => "waited for another attempt",
            Self::Failover => "waited for servers to notice a loss and take over",
            Self::Stopped => "waited for a process that was stopped",
            Self::Down => "waited for a process to be there again",
            Self::Unknown => "not followed",
        }
    }

    /// By how the time was spent alone; none for a timer, which may be for anything.
    pub(super) const fn of(spent: Spent) -> Option<Self> {
        Some(match spent {
            Spent::Nothing => Self::Down,
            Spent::SenderCard | Spent::Wire | Spent::ReceiverCard => Self::Network,
            Spent::Resent => Self::Retry,
            Spent::Stopped => Self::Stopped,
            Spent::Collecting => Self::Gc,
            Spent::ThreadQueue | Spent::CoreQueue | Spent::Work => Self::Cpu,
            Spent::DiskQueue | Spent::Sync => Self::Sync,
            Spent::Write | Spent::Read => Self::Disk,
            Spent::Timer => return None,
        })
    }

    pub(super) const fn of_wait(wait: Wait) -> Self {
        match wait {
            Wait::Linger => Self::Linger,
            Wait::Poll => Self::Reader,
            Wait::Throttle => Self::Throttle,
            Wait::Retry => Self::Retry,
            Wait::Failover => Self::Failover,
            Wait::Tier => Self::Tier,
            Wait::Collection => Self::Gc,
            Wait::Agreement => Self::Replication,
        }
    }

    /// It is told as such wherever it is.
    pub(super) const fn is_told_anywhere(self) -> bool {
        matches!(self, Self::Down | Self::Retry | Self::Stopped | Self::Gc)
    }
}

/// What a resource did in a stretch.
pub(super) const fn what(spent: Spent) -> &'static str {
    match spent {
        Spent::Nothing => "no process",
        Spent::SenderCard => "sender's card",
        Spent::Wire => "wire",
        Spent::ReceiverCard => "receiver's card",
        Spent::Resent => "sent again",
        Spent::Stopped => "stopped",
        Spent::Collecting => "collection",
        Spent::ThreadQueue => "thread queue",
        Spent::CoreQueue => "run queue",
        Spent::Work => "work",
        Spent::DiskQueue => "disk queue",
        Spent::Sync => "sync",
        Spent::Write => "write",
        Spent::Read => "read",
        Spent::Timer => "timer",
    }
}

/// A stretch of an event's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its start.
    pub from: Time,
    /// Its end.
    pub until: Time,
    /// What the event waited for.
    pub mechanism: Mechanism,
    /// What the resource did: `wire`, `run queue`, `sync`.
    pub what: &'static str,
    /// Where: a node, or from one to another.
    pub place: String,
    /// Which message it was that arrived at its end, or what was done; empty for none.
    pub kind: &'static str,
}

impl Stretch {
    /// How long it is.
    pub fn took(&self) -> Duration {
        self.until.since(self.from)
    }
}
