//! What a node of a cluster is given: its context, and its arguments at the start.
//!
//! Plumbing only: nothing of pravega @ v0.13.0 is modelled here.

use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::units::NodeId;

use crate::bookkeeper::client_threads::ClientPools;
use crate::protocol::Streaming;

use super::config::Cluster;

/// The context of a node of this crate.
pub type Ctx<'a> = Context<'a, Streaming>;

/// The pools of a store's BookKeeper client, behind its own and its JVM's.
pub const LOG_CLIENT_POOLS: ClientPools = ClientPools { io: PoolId(8), worker: PoolId(9) };

/// A store's arguments.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The cluster.
    pub cluster: Rc<Cluster>,
    /// The metadata service, if there is one.
    pub metadata: Option<NodeId>,
    /// Tiered storage.
    pub tier: NodeId,
    /// The controller.
    pub controller: NodeId,
}
