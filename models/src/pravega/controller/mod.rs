//! The controller: it tells clients where segments are, and assigns containers to stores.
//!
//! Stands for `SegmentMonitorLeader`, `UniformContainerBalancer`, `PravegaController` @ v0.13.0.
//! When a store comes or goes the leader waits for the rebalance interval, then distributes the
//! containers again: by count, moving no more than it must. The first map is written as soon as
//! every store of the cluster has registered (or the interval is over): a cold start is not what is
//! modelled. Clients are answered from the map; a controller that restarts reads it back. One that
//! loses its session, or has heard nothing of the metadata service for so long that it must have,
//! stops all its services and starts them anew with a new session (`ControllerServiceMain.run`):
//! until then it answers nobody, and what it was about to do begins again. Left out: more than one
//! controller, transactions, the time that services take to stop and to start beyond the new
//! session.
//!
//! Parameters: [`super::config::Controller`] in s, `controller_request` of
//! [`super::config::Costs`].

mod auto_scaling;
mod record_keeper;
mod retention;
mod retention_record;
mod scale_operation;
mod scaling;
mod stream_record;
mod truncation;

use std::rc::Rc;

use headwater_sim::effect::PoolId;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::bookkeeper::input::Input;
use crate::bookkeeper::metadata::client::{MetadataClient, MetadataEvent};
use crate::bookkeeper::metadata::message::{
    MetadataError, MetadataResponse, Operation, Path, Value,
};
use crate::collections::SortedVecMap;
use crate::component::Component;
use crate::pravega::signals;
use crate::protocol::{Message as AnyMessage, Record, Streaming};
use crate::tags::{TagSpace, Tasks};

use super::config::{Cluster, Mode};
use super::message::Message;
use super::node::Ctx;
use super::segment::SegmentId;
use super::segment_store::ownership::{CONTAINER_MAP, HOSTS};
use super::stream::Stream;
use super::truncation::Truncation;
use super::writer::routing::Containers;
use record_keeper::Kept;
use scaling::Scale;

/// Session timeout of the controller's own client
/// (`controller.zk.connect.session.timeout.milliseconds` 10,000, `util/Config.java` @ v0.13.0).
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
const TAGS: u32 = 1;
const TIMER_SEAL: u64 = 2;
/// Of a stream that scales by its load: segments are to be made or sealed.
const TIMER_STEP: u64 = 3;
/// And how often the services were started.
const TIMER_REBALANCE: u64 = 1 << 24;
/// The same: it is looked what of the stream may go.
const TIMER_RETENTION: u64 = 1 << 23;
/// And the number of the epoch that ends.
const TIMER_SCALE: u64 = 8;
/// Tags of replies are above.
const REPLY: u32 = 1 << 20;

/// The node.
#[derive(Debug)]
pub struct Controller {
    cluster: Rc<Cluster>,
    client: Option<MetadataClient>,
    containers_of: Containers,
    stream: Stream,
    scale: Scale,
    /// None where the stream is neither scaled by its load nor ever truncated.
    kept: Option<Kept>,
    hosts: Vec<NodeId>,
    owners: Vec<Option<NodeId>>,
    has_map: bool,
    rebalance_armed: bool,
    /// The services run; which start of them this is.
    serving: bool,
    starts: u64,
    /// Questions for successors that wait for the services.
    waiting: Vec<(NodeId, SegmentId, u64)>,
    /// The same of readers that have read a segment to its end.
    ended: Vec<(NodeId, SegmentId, u64)>,
    watching: SortedVecMap<u64, &'static str>,
    replies: Tasks<(NodeId, Message)>,
}

impl Controller {
    /// A controller. `stores` are the stores of a standalone cluster, which runs without a map.
    pub fn new(cluster: Rc<Cluster>, metadata: Option<NodeId>, stores: &[NodeId]) -> Self {
        let distributed = cluster.mode == Mode::Distributed;
        let stream = Stream::new(&cluster);
        let keeps = stream.scales_by_load() || cluster.retention_policy.retains();
        let service = metadata.filter(|_| distributed || keeps);
        let client = service
            .map(|service| MetadataClient::new(service, TagSpace::new(TAGS), SESSION_TIMEOUT));
        let owner = if distributed { None } else { stores.first().copied() };
        Self {
            containers_of: Containers::new(&cluster),
            stream,
            scale: Scale::default(),
            kept: keeps.then(Kept::default),
            hosts: Vec::new(),
            owners: vec![owner; cluster.containers as usize],
            has_map: false,
            rebalance_armed: false,
            serving: !distributed,
            starts: 0,
            waiting: Vec::new(),
            ended: Vec::new(),
            watching: SortedVecMap::default(),
            replies: Tasks::after(REPLY),
            client,
            cluster,
        }
    }

    /// Answers a client once its CPU time has passed.
    fn reply(&mut self, ctx: &mut Ctx<'_>, to: NodeId, message: Message) {
        let tag = self.replies.add((to, message));
        let cost = Duration(self.cluster.costs.controller_request_ns);
        ctx.compute(PoolId(0), cost, tag);
    }

    fn list(&mut self, ctx: &mut Ctx<'_>, directory: &'static str) {
        let client = self.client.as_mut().expect("only with a metadata service");
        let request = client.request(ctx, Operation::List { directory, watch: true });
        self.watching.insert(request, directory);
    }

    fn on_service(&mut self, ctx: &mut Ctx<'_>, input: Input<'_>) {
        let Some(client) = &mut self.client else { return };
        for event in client.on(ctx, input) {
            match event {
                MetadataEvent::SessionOpened(_) => self.start_services(ctx),
                MetadataEvent::SessionExpired => self.restart_services(ctx),
                MetadataEvent::Changed { request, .. } => {
                    if let Some(directory) = self.watching.remove(&request) {
                        self.list(ctx, directory);
                    }
                }
                MetadataEvent::Reply { request, result }
                    if self.on_record(ctx, request, records_of(&result)) => {}
                MetadataEvent::Reply {
                    request,
                    result: Ok(MetadataResponse::Directory(records)),
                } => match self.watching.get(&request) {
                    Some(&HOSTS) => self.hosts_changed(ctx, &records),
                    Some(_) => self.map_changed(&records),
                    None => {}
                },
                MetadataEvent::Reply { .. } | MetadataEvent::SessionClosed => {}
            }
        }
        if self.client.as_mut().is_some_and(|client| client.give_up_lost(ctx.now())) {
            self.restart_services(ctx);
        }
    }

    fn start_services(&mut self, ctx: &mut Ctx<'_>) {
        self.serving = true;
        self.load(ctx);
        if self.cluster.mode == Mode::Distributed {
            self.list(ctx, CONTAINER_MAP);
            self.list(ctx, HOSTS);
        }
        if self.starts > 0 {
            self.arm_scales(ctx);
        }
        for (from, segment, request) in std::mem::take(&mut self.waiting) {
            self.answer_successors(ctx, from, segment, request);
        }
    }

    /// The session is lost, and with it the services; they begin anew with another one.
    fn restart_services(&mut self, ctx: &mut Ctx<'_>) {
        signals::CONTROLLER_RESTARTED.note(ctx, 0, 0);
        (self.serving, self.rebalance_armed) = (false, false);
        self.starts += 1;
        self.hosts.clear();
        self.watching.clear();
        self.scale = Scale::default();
        self.forget_stream();
        self.client.as_mut().expect("it had a session").start(ctx);
    }

    fn answer_successors(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: NodeId,
        segment: SegmentId,
        request: u64,
    ) {
        let segments = match &self.kept {
            _ if !self.serving => None,
            Some(kept) if kept.is_loaded() => Some(kept.record.epochs.successors(segment)),
            Some(_) => None,
            None => Some(self.stream.succession(segment)),
        };
        let Some(segments) = segments else {
            return self.waiting.push((from, segment, request));
        };
        self.reply(ctx, from, Message::Successors { request, segments });
    }

    fn map_changed(&mut self, records: &[(u64, Value)]) {
        if let Some((_, Value::Words(owners))) = records.first() {
            self.has_map = true;
            let node = |word: &u64| (*word > 0).then(|| NodeId(*word as u32 - 1));
            self.owners = owners.iter().map(node).collect();
        }
    }

    fn hosts_changed(&mut self, ctx: &mut Ctx<'_>, records: &[(u64, Value)]) {
        let hosts: Vec<NodeId> = records.iter().map(|(number, _)| NodeId(*number as u32)).collect();
        let complete = hosts.len() >= self.cluster.stores as usize;
        if hosts == self.hosts && self.has_map {
            return;
        }
        self.hosts = hosts;
        if !self.has_map && complete {
            self.rebalance(ctx);
        } else if !self.rebalance_armed {
            self.rebalance_armed = true;
            let wait = self.cluster.controller.rebalance_interval_seconds;
            ctx.timer(Duration::from_secs(wait), TIMER_REBALANCE + self.starts);
        }
    }

    /// Distributes the containers: equal counts, as few moves as possible.
    fn rebalance(&mut self, ctx: &mut Ctx<'_>) {
        let owners = balance(&self.owners, &self.hosts);
        if owners == self.owners && self.has_map {
            return;
        }
        for (container, (before, after)) in (0_u64..).zip(self.owners.iter().zip(&owners)) {
            if before != after && self.has_map {
                signals::CONTAINER_MOVED.note_of(ctx, container, *after, 0);
            }
        }
        let word = |owner: &Option<NodeId>| owner.map_or(0, |node| u64::from(node.0) + 1);
        let value = Value::Words(owners.iter().map(word).collect());
        let path = Path::new(CONTAINER_MAP, 0);
        let operation = if self.has_map {
            Operation::Set { path, value, version: None }
        } else {
            Operation::Create { path, value, ephemeral: false }
        };
        self.owners = owners;
        self.has_map = true;
        self.client.as_mut().expect("only with a metadata service").request(ctx, operation);
    }
}

/// The records that a directory was found to have.
fn records_of(result: &Result<MetadataResponse, MetadataError>) -> Option<&[(u64, Value)]> {
    match result {
        Ok(MetadataResponse::Directory(records)) => Some(records),
        _ => None,
    }
}

/// Who runs each container once all stores are up for the first time.
pub fn first_owners(cluster: &Cluster, stores: &[NodeId]) -> Vec<Option<NodeId>> {
    balance(&vec![None; cluster.containers as usize], stores)
}

/// `UniformContainerBalancer`: containers of hosts that are gone, and what hosts have too many of,
/// go to those who have the fewest.
fn balance(owners: &[Option<NodeId>], hosts: &[NodeId]) -> Vec<Option<NodeId>> {
    let mut result: Vec<Option<NodeId>> =
        owners.iter().map(|owner| owner.filter(|node| hosts.contains(node))).collect();
    if hosts.is_empty() {
        return result;
    }
    let count = |result: &[Option<NodeId>], host| {
        result.iter().filter(|owner| **owner == Some(host)).count()
    };
    loop {
        let fewest = *hosts.iter().min_by_key(|host| count(&result, **host)).expect("a host");
        if let Some(free) = result.iter().position(Option::is_none) {
            result[free] = Some(fewest);
            continue;
        }
        let most = *hosts.iter().max_by_key(|host| count(&result, **host)).expect("a host");
        if count(&result, most) - count(&result, fewest) <= 1 {
            return result;
        }
        let moved = result.iter().position(|owner| *owner == Some(most)).expect("it has some");
        result[moved] = Some(fewest);
    }
}

impl Node<Streaming> for Controller {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        if let Some(client) = &mut self.client {
            client.start(ctx);
        }
        self.arm_scales(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: AnyMessage) {
        match message {
            AnyMessage::BookKeeper(message) => {
                self.on_service(ctx, Input::Message(from, &message));
            }
            AnyMessage::Pravega(Message::GetEndpoint { segment, request }) => {
                let container = self.containers_of.of(segment);
                // A refused call: the client has learnt nothing, and tries again.
                let store = self.owners[container.index()].filter(|_| self.serving);
                self.reply(ctx, from, Message::Endpoint { request, store });
            }
            AnyMessage::Pravega(Message::GetSuccessors { segment, request }) => {
                self.answer_successors(ctx, from, segment, request);
            }
            AnyMessage::Pravega(Message::SegmentSealed { request, sealed }) => {
                self.on_sealed(ctx, request, sealed);
                self.on_step(ctx, request, sealed);
            }
            AnyMessage::Pravega(Message::SegmentCreated { request, created }) => {
                self.on_step(ctx, request, created);
            }
            AnyMessage::Pravega(Message::Truncation(message)) => match message {
                Truncation::Info { request, info } => self.on_info(ctx, request, info),
                Truncation::Truncated { request, truncated: done }
                | Truncation::Deleted { request, deleted: done } => {
                    self.on_step(ctx, request, done);
                }
                Truncation::Consumed(places) => self.consumed(ctx, &places),
                _ => {}
            },
            AnyMessage::Pravega(Message::ScaleRequested { request, what }) => {
                self.scale_requested(ctx, from, request, what);
            }
            AnyMessage::Pravega(Message::ReachedEnd { segment, request }) => {
                self.segment_read(ctx, from, segment, request);
            }
            AnyMessage::Pravega(Message::GetGroup { request }) => {
                self.tell_group(ctx, from, request);
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        match tag {
            TIMER_REBALANCE.. if TagSpace::number_of(tag) == 0 => {
                if self.rebalance_armed && tag == TIMER_REBALANCE + self.starts {
                    self.rebalance_armed = false;
                    self.rebalance(ctx);
                }
            }
            TIMER_SEAL => self.seal_all(ctx),
            TIMER_STEP => self.ask_stores(ctx),
            TIMER_RETENTION.. if TagSpace::number_of(tag) == 0 => {
                if tag == TIMER_RETENTION + self.starts {
                    self.look_for_expired(ctx);
                }
            }
            TIMER_SCALE.. if TagSpace::number_of(tag) == 0 => {
                self.scale_due(ctx, (tag - TIMER_SCALE) as u32);
            }
            _ => self.on_service(ctx, Input::Timer(tag)),
        }
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _completion: Completion<Record>) {
        if let Some((to, message)) = self.replies.take(tag) {
            ctx.send(to, AnyMessage::Pravega(message));
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        self.on_service(ctx, Input::Disconnect(peer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_dealt_out_by_count_and_only_the_dead_stores_move() {
        let (a, b, c) = (NodeId(1), NodeId(2), NodeId(3));
        let first = balance(&[None; 12], &[a, b, c]);
        let count = |owners: &[Option<NodeId>], host| {
            owners.iter().filter(|owner| **owner == Some(host)).count()
        };
        assert_eq!([a, b, c].map(|host| count(&first, host)), [4, 4, 4]);
        let second = balance(&first, &[a, c]);
        assert_eq!([a, b, c].map(|host| count(&second, host)), [6, 0, 6]);
        let moved = first.iter().zip(&second).filter(|(before, after)| before != after).count();
        assert_eq!(moved, 4);
    }
}
