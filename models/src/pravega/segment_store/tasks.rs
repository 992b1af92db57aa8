//! Work on its way: what a tag of a timer, a piece of CPU work or a request stands for.
//!
//! Pure bookkeeping of this node: nothing of pravega @ v0.13.0 is modelled here.

use headwater_sim::units::NodeId;

use crate::pravega::container::Work;
use crate::pravega::message::{Append, Message};

/// What is to be done when a tag comes back.
#[derive(Debug)]
pub enum Task {
    /// A container's work.
    Container {
        /// Which container.
        id: u32,
        /// Which instance of it; another one does not know of it.
        instance: u32,
        /// What.
        work: Work,
    },
    /// A request to tier 2.
    Tier {
        /// Which container's.
        id: u32,
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
