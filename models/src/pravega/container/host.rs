//! The interface between a container and the store that runs it: what it may use of the store, its
//! work in progress, and what it reports to the store.
//!
//! Stands for the executors and callbacks that `ServiceBuilder` @ v0.13.0 hands to a container.
//! Parameters: the store's, by [`Spec`]. Left out: nothing of these.

use headwater_sim::effect::PoolId;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::pravega::cache::Cache;
use crate::pravega::message::{Append, CloseReason, Message};
use crate::pravega::node::{Ctx, Spec};
use crate::pravega::segment::SegmentId;
use crate::runtime::jvm::Jvm;

use super::id::ContainerId;
use super::read_index::ReadRequest;
use super::{Appender, Work};

/// The pool of the connections' event loops.
pub const CONNECTION_POOL: PoolId = PoolId(0);
/// The core executor, by what its threads are at: what one of them hands over is another's, which
/// has to wake up for it. Those that process operations and hand frames to the log.
pub const QUEUE_POOL: PoolId = PoolId(1);
/// Those that take completions from the log.
pub const LOG_POOL: PoolId = PoolId(2);
/// Those that complete operations.
pub const COMMIT_POOL: PoolId = PoolId(3);
/// The pool of the auto-scaler.
pub const STATISTICS_POOL: PoolId = PoolId(4);
/// The first of the JVM's pools.
pub const JVM_POOL: u8 = 5;

/// What a container may use of its store.
pub struct Env<'e, 'c> {
    /// The context of the input at hand.
    pub ctx: &'e mut Ctx<'c>,
    /// The store's cache.
    pub cache: &'e mut Cache,
    /// What the store runs on.
    pub jvm: &'e mut Jvm,
    /// Work on its way.
    pub tasks: &'e mut Tasks,
    /// What the store was told.
    pub spec: &'e Spec,
    /// The container's events, for the store to act on.
    pub events: &'e mut Vec<ContainerEvent>,
}

/// An event that a container reports to its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerEvent {
    /// An append is durable.
    Appended {
        /// Whose.
        appender: Appender,
        /// Its last event number.
        event_number: i64,
    },
    /// An append was refused, or its fate is not known.
    Rejected {
        /// Whose.
        appender: Appender,
        /// Why.
        reason: CloseReason,
    },
    /// The cache has no room for what it must take.
    CacheFull {
        /// Whose.
        container: ContainerId,
    },
    /// The container serves.
    Started {
        /// Which.
        container: ContainerId,
    },
    /// A segment takes no more.
    Sealed {
        /// Which.
        segment: SegmentId,
    },
    /// The container is no more.
    Stopped {
        /// Which.
        container: ContainerId,
    },
}

/// What to do when a tag comes back.
#[derive(Debug)]
pub enum Task {
    /// A container's work.
    Container {
        /// Which container.
        id: ContainerId,
        /// Which instance of it; other instances ignore it.
        instance: u32,
        /// What.
        work: Work,
    },
    /// A request to tier 2.
    Tier {
        /// Which container's.
        id: ContainerId,
        /// Which instance's.
        instance: u32,
        /// What for.
        work: Work,
    },
    /// Send a message.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// An append block has been decoded.
    Decoded {
        /// From whom.
        from: NodeId,
        /// What.
        append: Box<Append>,
    },
    /// An append is durable, and a reply says so.
    Acknowledge {
        /// Whose.
        appender: Appender,
        /// Its last event number.
        event_number: i64,
    },
    /// A request to read has been decoded.
    Read {
        /// Of which segment.
        segment: SegmentId,
        /// What.
        request: ReadRequest,
    },
    /// A generation of the cache has passed.
    CacheGeneration,
    /// Levels are to be reported.
    Gauges,
    /// Running and assigned containers are to be compared.
    Monitor,
    /// Idle segments are looked for.
    AutoScalerCleanUp,
    /// Requests to scale that nobody has taken go again.
    AutoScalerRetry,
    /// Statistics of appends are at the end of one of their two threads' work.
    Statistics,
}

impl Env<'_, '_> {
    /// A thread of `pool` does work of this cost.
    pub fn compute(&mut self, pool: PoolId, cost: Duration, task: Task) {
        self.compute_in_loop(pool, cost, Duration::ZERO, task);
    }

    /// The same, and its loop takes so long more to come back to where it waits.
    pub fn compute_in_loop(&mut self, pool: PoolId, cost: Duration, back: Duration, task: Task) {
        let tag = self.tasks.add(task);
        let (before, after) = self.spec.cluster.costs.parts(self.jvm.cost(cost));
        self.ctx.compute_with_tail(pool, before, after + self.jvm.cost(back), tag);
    }

    /// An event loop sends a reply that carries so many bytes.
    pub fn reply(&mut self, to: NodeId, message: Message, bytes: u64) {
        let cost = self.spec.cluster.costs.reply(bytes);
        self.compute(CONNECTION_POOL, cost, Task::Send { to, message });
    }
}

/// Tasks by tag.
pub type Tasks = crate::tags::Tasks<Task>;
