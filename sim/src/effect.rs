//! Effects as data: what a node asks of its environment.

use crate::disk::{DiskId, DiskOp};
use crate::node::Protocol;
use crate::time::Duration;
use crate::units::NodeId;

/// A pool of threads of a node, by its place in [`crate::machine::NodeSpec::pools`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u8);

/// What a timer waits for of which nobody says.
pub const TIMER: &str = "timer";

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Reliable and in order per pair of nodes, as TCP: retransmitted while the link is cut, lost
    /// only when the connection breaks.
    Connection,
    /// Lost when the link is cut, may be reordered by jitter.
    Datagram,
}

/// One effect. The kernel of this crate carries it out in virtual time; another host may carry it
/// out in its own.
#[derive(Debug)]
pub enum Effect<P: Protocol> {
    /// Send a message.
    Send {
        /// The receiver.
        to: NodeId,
        /// The message.
        message: P::Message,
        /// How.
        transport: Transport,
    },
    /// Call `on_timer(tag)` after `delay` of the node's own clock.
    Timer {
        /// How long.
        delay: Duration,
        /// Handed back.
        tag: u64,
        /// The thread that it wakes takes no slack ([`crate::scheduling::SchedulerSpec`]).
        exact: bool,
        /// What it waits for: [`TIMER`] where nobody says.
        what: &'static str,
    },
    /// Occupy a thread of `pool`, and a core of the machine, for `cost`; then complete.
    Compute {
        /// Which pool.
        pool: PoolId,
        /// CPU time on an unhindered core.
        cost: Duration,
        /// The same of what the thread still does once it has completed.
        tail: Duration,
        /// Handed back.
        tag: u64,
    },
    /// Occupy a thread of `pool` for `time` from now, and a core for what is left when it has one;
    /// then complete.
    Spin {
        /// Which pool.
        pool: PoolId,
        /// For how long.
        time: Duration,
        /// Handed back.
        tag: u64,
    },
    /// Stop every other thread of the node, as a JVM does at a safepoint, until `threads` threads
    /// have done `work` between them; then complete. One at a time. What has a core goes on to its
    /// end; what does not, and every input, waits.
    StopTheWorld {
        /// CPU time in all.
        work: Duration,
        /// Threads that share it, one or more.
        threads: u32,
        /// Handed back.
        tag: u64,
    },
    /// A disk operation; completes under `tag`.
    Disk {
        /// Which disk of the machine.
        disk: DiskId,
        /// What to do.
        op: DiskOp<P::Record>,
        /// Handed back.
        tag: u64,
    },
    /// Tell the observer.
    Note(P::Note),
    /// Set a named level (queue length, backlog in bytes), kept as a time series per node.
    Gauge {
        /// The series' name, such as `unflushed_bytes`.
        name: &'static str,
        /// Its level from now on.
        value: u64,
    },
    /// End this process: like a crash, but its own decision. Effects recorded before this one are
    /// carried out, later ones are not.
    Exit,
}
