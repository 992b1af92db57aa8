//! Which containers a store runs: its registration as a host and the map that the controller
//! writes.
//!
//! Stands for `ZKSegmentContainerManager`, `ZKSegmentContainerMonitor` @ v0.13.0. In standalone
//! mode the only store runs every container, without asking.
//!
//! Parameters: `pravegaservice.zk.connect.sessionTimeout.milliseconds`. Left out: the host's
//! address and its health.

use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::bookkeeper::input::Input;
use crate::bookkeeper::metadata::client::{MetadataClient, MetadataEvent};
use crate::bookkeeper::metadata::message::{
    MetadataError, MetadataResponse, Operation, Path, Value,
};
use crate::component::Component;
use crate::pravega::config::Mode;
use crate::pravega::container::id::ContainerId;
use crate::tags::TagSpace;

use crate::pravega::node::{Ctx, Spec};

/// Directory of registered stores, one ephemeral record each, by node number (`/cluster/hosts`).
pub const HOSTS: &str = "hosts";
/// Directory of the container map, one record: for each container the node number of its store plus
/// one, or zero (`/cluster/segmentContainerHostMapping`).
pub const CONTAINER_MAP: &str = "containers";

/// Component number of the store's own client of the metadata service.
const TAGS: u32 = u32::MAX;

/// What a store should run.
#[derive(Debug)]
pub(super) struct Ownership {
    client: Option<MetadataClient>,
    /// In order of their numbers.
    assigned: Vec<ContainerId>,
    /// A look at a registration that an earlier life of this store has left behind.
    leftover: Option<u64>,
}

impl Ownership {
    pub(super) fn new(spec: &Spec) -> Self {
        let cluster = &spec.cluster;
        let service = spec.metadata.filter(|_| cluster.mode == Mode::Distributed);
        let timeout = Duration::from_millis(cluster.segment_store.session_timeout_ms);
        let client =
            service.map(|service| MetadataClient::new(service, TagSpace::new(TAGS), timeout));
        let all = if client.is_none() { cluster.containers } else { 0 };
        Self { client, assigned: (0..all).map(ContainerId).collect(), leftover: None }
    }

    /// True if the component number is this one's.
    pub(super) fn owns(&self, number: u32) -> bool {
        number == TAGS
    }

    /// The containers that the store should run.
    pub(super) fn assigned(&self) -> &[ContainerId] {
        &self.assigned
    }

    pub(super) fn start(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(client) = &mut self.client {
            client.start(ctx);
        }
    }

    /// The process stops: takes its registration away, then ends (`ClusterZKImpl.close`).
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_>) {
        self.assigned.clear();
        if !self.client.as_mut().is_some_and(|client| client.close(ctx)) {
            ctx.exit();
        }
    }

    /// True if what the store should run may have changed.
    pub(super) fn on(&mut self, ctx: &mut Ctx<'_>, input: Input<'_>) -> bool {
        let events = match &mut self.client {
            Some(client) => client.on(ctx, input),
            None => Vec::new(),
        };
        self.handle(ctx, events)
    }

    fn handle(&mut self, ctx: &mut Ctx<'_>, events: Vec<MetadataEvent>) -> bool {
        let mut changed = false;
        for event in events {
            let Some(client) = &mut self.client else { break };
            match event {
                MetadataEvent::SessionOpened(_) => {
                    client.request(ctx, register(ctx.me()));
                    client.request(ctx, list());
                }
                MetadataEvent::Changed { request, .. } if self.leftover == Some(request) => {
                    self.leftover = None;
                    client.request(ctx, register(ctx.me()));
                }
                MetadataEvent::Reply { result: Err(MetadataError::NodeExists), .. } => {
                    // Registered anew when the old session ends (Curator's `PersistentNode`).
                    let path = host_path(ctx.me());
                    let watch = Operation::Get { path, watch: true };
                    self.leftover = Some(client.request(ctx, watch));
                }
                MetadataEvent::Changed { .. } => {
                    client.request(ctx, list());
                }
                // Nobody listens to the loss of a session (`ServiceStarter` @ v0.13.0): the host
                // registers anew, and the containers run until the map or a fence says otherwise.
                MetadataEvent::SessionExpired => client.start(ctx),
                MetadataEvent::SessionClosed => ctx.exit(),
                MetadataEvent::Reply {
                    result: Ok(MetadataResponse::Directory(records)), ..
                } => {
                    let me = u64::from(ctx.me().0) + 1;
                    let map = records.first().map(|(_, value)| value);
                    let Some(Value::Words(owners)) = map else { continue };
                    let mine = (0..).zip(owners).filter(|(_, owner)| **owner == me);
                    self.assigned = mine.map(|(container, _)| ContainerId(container)).collect();
                    changed = true;
                }
                MetadataEvent::Reply { .. } => {}
            }
        }
        changed
    }
}

fn host_path(node: NodeId) -> Path {
    Path::new(HOSTS, u64::from(node.0))
}

fn register(node: NodeId) -> Operation {
    let value = Value::Words(Vec::new());
    Operation::Create { path: host_path(node), value, ephemeral: true }
}

fn list() -> Operation {
    Operation::List { directory: CONTAINER_MAP, watch: true }
}
