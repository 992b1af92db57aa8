//! The interface between a container and the store that runs it: what it may use of the store, its
//! work in progress, and what it reports to the store.
//!
//! Stands for the executors and callbacks that `ServiceBuilder` @ v0.13.0 hands to a container.
//! Parameters: the store's, by [`Spec`]. Left out: nothing of these.

use headwater_sim::effect::PoolId;
use headwater_sim::units::NodeId;

use crate::pravega::cache::Cache;
use crate::pravega::message::{Append, CloseReason, Message};
use crate::pravega::node::{Ctx, Spec};

use super::id::ContainerId;
use super::{Appender, Work};

/// The pool of the connections' event loops.
pub const CONNECTION_POOL: PoolId = PoolId(0);
/// The pool that runs the containers.
pub const CORE_POOL: PoolId = PoolId(1);

/// What a container may use of its store.
pub struct Env<'e, 'c> {
    /// The context of the input at hand.
    pub ctx: &'e mut Ctx<'c>,
    /// The store's cache.
    pub cache: &'e mut Cache,
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
    /// A generation of the cache has passed.
    CacheGeneration,
    /// A pause of the garbage collector begins.
    PauseBegins,
    /// Levels are to be reported.
    Gauges,
    /// Running and assigned containers are to be compared.
    Monitor,
}

/// Tasks by tag.
pub type Tasks = crate::tags::Tasks<Task>;
