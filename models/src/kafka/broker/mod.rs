//! A broker, which is also a controller (KRaft combined mode).
//!
//! Stands for `KafkaServer`'s data plane (`SocketServer`, `KafkaApis`, `ReplicaManager`,
//! `ReplicaFetcherThread`) and `BrokerLifecycleManager` of apache/kafka @ 3.9.0. The log of a
//! partition lies on the page cache of disk 0 and is synced by `flush.messages` only; metadata and
//! votes are synced always. A restarted broker reads its logs, checkpoints and votes from disk.
//!
//! Parameters: [`super::config::Broker`], [`super::config::Quorum`], [`super::costs::Costs`].
//! Left out: transactions.

mod alter_partition;
mod checkpoints;
mod connections;
mod control;
mod copier;
mod expiration;
mod fetch;
mod fetcher;
mod fold;
mod groups;
mod handlers;
mod lifecycle;
mod log_dirs;
mod log_reads;
mod produce;
mod quorum;
mod quotas;
mod recovery;
mod remote;
mod remote_reads;
mod replication;
mod retention;
mod runtime;
mod throttle;

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId};
use headwater_sim::effect::PoolId;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node, READ};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use self::alter_partition::AlterPartitions;
use self::checkpoints::Stop;
use self::connections::Connection;
use self::fetcher::Fetcher;
use self::groups::Coordinated;
use self::handlers::Handlers;
use self::lifecycle::Lifecycle;
use self::log_dirs::LogDirs;
use self::produce::Producing;
use self::quorum::{Input, Quorum};
use self::quotas::Quotas;
use self::recovery::Recovery;
use self::remote::Remote;
use self::retention::Removing;
use self::throttle::Throttles;
use super::config::Cluster;
use super::controller::active::ActiveController;
use super::group::{self, GroupId};
use super::message::Message;
use super::metadata::Image;
use super::properties;
use super::replica::{Replicas, RequestId};
use crate::bugs::BugSet;
use crate::collections::SortedVecMap;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::signals;
use crate::protocol::{self, Record, Streaming};
use crate::runtime::jvm::{self, Jvm};
use crate::tags::TagLayout;
use crate::tier::{self, message::TierError};

type Ctx<'a> = Context<'a, Streaming>;

const DISK: DiskId = DiskId(0);
/// Network threads (Processors).
const NETWORK: PoolId = PoolId(0);
/// Request handler threads.
const HANDLERS: PoolId = PoolId(1);
/// Replica fetcher threads, one a source broker.
const FETCHERS: PoolId = PoolId(2);
/// The thread of the voter in the controller quorum.
const RAFT: PoolId = PoolId(3);
/// The event queue of the controller.
const CONTROLLER: PoolId = PoolId(4);
/// Threads that check logs.
const RECOVERY: PoolId = PoolId(5);

/// Tags: eight bits of kind, and which one of it.
const TAGS: TagLayout = TagLayout::new(56);

/// What a tag is about.
pub(in crate::kafka) mod kind {
    pub const NETWORK_IN: u64 = 1;
    pub const HANDLED: u64 = 2;
    pub const NETWORK_OUT: u64 = 3;
    pub const APPENDED: u64 = 4;
    pub const FLUSHED: u64 = 5;
    pub const WAIT_OVER: u64 = 6;
    pub const FETCHED: u64 = 7;
    pub const FETCH_AGAIN: u64 = 8;
    pub const ISR_CHECK: u64 = 9;
    pub const HEARTBEAT: u64 = 10;
    pub const RAFT_TICK: u64 = 11;
    pub const RAFT_SYNCED: u64 = 12;
    pub const RAFT_RUN: u64 = 13;
    pub const CONTROLLER_LINGER: u64 = 14;
    pub const SESSIONS: u64 = 15;
    pub const CHECKPOINT: u64 = 16;
    pub const RECOVER: u64 = 17;
    pub const IGNORED: u64 = 18;
    pub const FETCH_LATE: u64 = 19;
    pub const PRODUCE_LATE: u64 = 20;
    pub const COMPLETED: u64 = 21;
    pub const BEAT_LATE: u64 = 22;
    pub const CONTROLLED: u64 = 23;
    pub const NO_OP: u64 = 24;
    pub const ALTER_AGAIN: u64 = 25;
    pub const ALTER_LATE: u64 = 26;
    pub const LOG_READ: u64 = 27;
    pub const LOG_CHECKED: u64 = 28;
    pub const RECOVERY_POINTS: u64 = 29;
    pub const STOP_FLUSHED: u64 = 30;
    pub const STOP_MARKED: u64 = 31;
    pub const STOP_LATE: u64 = 32;
    pub const READ_LOG: u64 = 33;
    pub const JVM: u64 = 34;
    pub const SYNCED: u64 = 35;
    pub const STARTED: u64 = 36;
    pub const GROUP: u64 = 37;
    pub const RETENTION: u64 = 38;
    pub const DELETE_FILES: u64 = 39;
    pub const GREETED: u64 = 40;
    pub const UNMUTED: u64 = 41;
    pub const REASSIGN: u64 = 42;
    pub const COPY: u64 = 43;
    pub const COPY_READ: u64 = 44;
    pub const COPY_BUILT: u64 = 45;
    pub const EXPIRE: u64 = 46;
    pub const ANNOUNCE: u64 = 47;
    pub const TIER_LATE: u64 = 48;
    pub const REMOTE_WAIT_OVER: u64 = 49;
}

/// The first of the pools of its JVM.
const JVM: u8 = 6;
/// Threads that copy segments to remote storage; only of a broker with such.
const REMOTE: PoolId = PoolId(JVM + 3);

/// A broker's pools, on so many cores.
pub fn pools(config: &Cluster, cores: u32) -> Vec<PoolSpec> {
    let (broker, costs) = (&config.broker, &config.costs);
    let mut pools = vec![
        PoolSpec::named("data-plane-kafka-network-thread", broker.network_threads)
            .role("network-threads")
            .through(costs.network_working_set_kib)
            .from_idle(Duration(costs.network_from_idle_ns)),
        PoolSpec::named("data-plane-kafka-request-handler", broker.io_threads)
            .role("request-handlers")
            .through(costs.handler_working_set_kib),
        // It appends as a handler does.
        PoolSpec::named("ReplicaFetcherThread", 0)
            .role("replica-fetchers")
            .through(costs.handler_working_set_kib),
        PoolSpec::named("raft-io-thread", 1).role("raft-thread"),
        PoolSpec::named("quorum-controller-event-handler", 1).role("controller-thread"),
        PoolSpec::named("log-recovery", broker.recovery_threads).role("log-recovery"),
    ];
    pools.extend(jvm::pools(cores));
    if config.topic.remote_storage_enable {
        let copiers = PoolSpec::named("kafka-rlm-copy-thread-pool", broker.remote_copier_threads);
        pools.push(copiers.role("remote-copiers"));
    }
    pools
}

/// A broker node.
pub struct Broker {
    config: Rc<Cluster>,
    bugs: BugSet,
    me: BrokerId,
    brokers: Vec<NodeId>,
    image: Image,
    /// This broker's incarnation: when it started, 0 for the first.
    incarnation: u64,
    life: Lifecycle,
    /// The logs are loaded. Before that the broker serves nobody.
    loaded: bool,
    /// Entries of the metadata log that the image holds.
    applied: u64,
    /// Only those that this broker has.
    replicas: Replicas,
    /// Entries of the metadata log's file that have been folded, and the hash of a read of them.
    metadata_folded: (u64, u64),
    connections: SortedVecMap<NodeId, Connection>,
    handlers: Handlers,
    dirs: LogDirs,
    /// Produce requests under way.
    producing: SortedVecMap<RequestId, Box<Producing>>,
    /// Number of the last produce request.
    last_request: u64,
    /// By leader.
    fetchers: SortedVecMap<BrokerId, Fetcher>,
    altering: AlterPartitions,
    quorum: Option<Box<Quorum>>,
    controller: Option<ActiveController>,
    controller_epoch: u32,
    control_requests: VecDeque<(BrokerId, Message)>,
    /// Answers that wait for the metadata log to be committed up to an offset.
    deferred: VecDeque<(u64, BrokerId, Message)>,
    linger_armed: bool,
    sessions_armed: Time,
    recovery: Option<Box<Recovery>>,
    stop: Stop,
    jvm: Jvm,
    /// Segments that are to go.
    removing: Removing,
    /// What clients have taken of their quotas.
    quotas: Quotas,
    /// What partitions that are reassigned have taken of their throttle.
    throttles: Throttles,
    /// Remote storage, if there is.
    remote: Option<Box<Remote>>,
    /// Groups that this broker coordinates.
    groups: SortedVecMap<GroupId, Coordinated>,
}

impl Broker {
    /// Broker number `me` of the nodes `brokers`, on a machine of so many cores, with its planted
    /// bugs.
    pub fn new(
        config: Rc<Cluster>,
        bugs: BugSet,
        me: BrokerId,
        brokers: Vec<NodeId>,
        cores: u32,
    ) -> Self {
        let image = group::image(&config);
        let mine = image.partitions.iter().map(|state| state.replicas.contains(&me));
        let jvm = Jvm::new(&config.jvm, cores, JVM);
        Self {
            dirs: LogDirs::new(&config.broker.log_dirs, mine),
            handlers: Handlers::new(&config.broker),
            config,
            bugs,
            me,
            brokers,
            image,
            incarnation: 0,
            life: Lifecycle::new(true),
            loaded: false,
            applied: 0,
            replicas: Replicas::default(),
            metadata_folded: (0, READ),
            connections: SortedVecMap::default(),
            producing: SortedVecMap::default(),
            last_request: 0,
            fetchers: SortedVecMap::default(),
            altering: AlterPartitions::default(),
            quorum: None,
            controller: None,
            controller_epoch: 0,
            control_requests: VecDeque::new(),
            deferred: VecDeque::new(),
            linger_armed: false,
            sessions_armed: Time::MAX,
            recovery: None,
            stop: Stop::No,
            jvm,
            removing: Removing::default(),
            quotas: Quotas::default(),
            throttles: Throttles::default(),
            remote: None,
            groups: SortedVecMap::default(),
        }
    }

    fn number_of(&self, node: NodeId) -> Option<BrokerId> {
        self.brokers.iter().position(|broker| *broker == node).map(|at| BrokerId(at as u32))
    }

    fn send(&self, ctx: &mut Ctx<'_>, to: BrokerId, message: Message) {
        ctx.send(self.brokers[to.index()], protocol::Message::Kafka(message));
    }

    /// A request to the active controller, which may be on this broker.
    fn send_to_controller(&mut self, ctx: &mut Ctx<'_>, controller: BrokerId, message: Message) {
        match controller == self.me {
            true => self.ask_controller(ctx, controller, message),
            false => self.send(ctx, controller, message),
        }
    }

    /// The active controller has answered.
    fn controller_answered(&mut self, ctx: &mut Ctx<'_>, message: Message) {
        match message {
            Message::RegistrationResponse { error } => self.registration_answered(ctx, error),
            Message::HeartbeatResponse { result } => self.beat_answered(ctx, result),
            Message::AlterPartitionResponse { error, results } => {
                self.alter_answered(ctx, error, results);
            }
            _ => {}
        }
    }

    /// The disk has refused a read, a write or a sync: its log directory goes offline, and a broker
    /// without another halts (`LogDirFailureChannel`, `LogManager.handleLogDirFailure` @ 3.9.0).
    /// The metadata log lies there, too: a controller halts for it as well.
    fn log_dir_failed(ctx: &mut Ctx<'_>) {
        signals::LOG_DIR_FAILED.note(ctx, 0, 0);
        properties::LOG_DIR_FAILED.reached(ctx);
        ctx.exit();
    }
}

impl Node<Streaming> for Broker {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.incarnation = ctx.now().0;
        self.life = Lifecycle::new(self.incarnation == 0);
        if self.incarnation > 0 {
            self.jvm.begin_cold();
            if self.jvm.start() > Duration::ZERO {
                return ctx.compute(RECOVERY, self.jvm.start(), TAGS.tag(kind::STARTED, 0));
            }
        }
        self.begin_recovery(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        let message = match message {
            protocol::Message::Kafka(message) => message,
            protocol::Message::Tier(tier::message::Message::Reply { request, result }) => {
                return self.tier_answered(ctx, request, result);
            }
            _ => return,
        };
        // Clients and followers are served from when the logs are loaded until the broker stops.
        let serves = self.loaded && matches!(self.stop, Stop::No);
        match message {
            Message::Produce(_) if serves && self.number_of(from).is_some() => {
                // An announcement, on a connection of its own.
                self.request(ctx, connections::of_group(from), message);
            }
            Message::ProduceResponse { correlation, results } => {
                self.announced(ctx, correlation, &results);
            }
            Message::Produce(_) | Message::Fetch(_) | Message::MetadataRequest | Message::Hello
                if serves =>
            {
                self.request(ctx, from, message);
            }
            Message::Ask(ask) if serves => self.asks(ctx, from, ask),
            Message::Produce(_)
            | Message::Fetch(_)
            | Message::MetadataRequest
            | Message::Hello
            | Message::Ask(_) => {
                ctx.send(from, protocol::Message::Kafka(Message::Refused));
            }
            Message::Refused => {
                if let Some(broker) = self.number_of(from) {
                    self.fetcher_lost(ctx, broker);
                    self.remote_lost(ctx, from);
                }
            }
            Message::FetchResponse { correlation, error, partitions, .. } if serves => {
                self.fetch_response(ctx, from, correlation, error, partitions);
            }
            Message::HelloAnswer if serves => self.greeted(ctx, from),
            Message::Registration { .. }
            | Message::Heartbeat { .. }
            | Message::AlterPartition(_) => {
                if let Some(broker) = self.number_of(from) {
                    self.ask_controller(ctx, broker, message);
                }
            }
            Message::RegistrationResponse { .. }
            | Message::HeartbeatResponse { .. }
            | Message::AlterPartitionResponse { .. } => self.controller_answered(ctx, message),
            Message::Raft(raft) => {
                if let Some(voter) = self.number_of(from) {
                    self.tell_voter(ctx, Input::Message(voter, raft));
                }
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        let (kind, which) = TAGS.split(tag);
        match kind {
            kind::WAIT_OVER => self.wait_over(ctx, which),
            kind::UNMUTED => self.unmuted(ctx, which),
            kind::PRODUCE_LATE => self.produce_late(ctx, RequestId(which)),
            kind::FETCH_AGAIN => self.run_fetcher(ctx, BrokerId(which as u32)),
            kind::FETCH_LATE => self.check_fetcher(ctx, BrokerId(which as u32)),
            kind::ISR_CHECK => self.check_isr(ctx),
            kind::HEARTBEAT => self.beat(ctx, which),
            kind::BEAT_LATE => self.beat_late(ctx, which),
            kind::RAFT_TICK => self.voter_wakes(ctx),
            kind::CONTROLLER_LINGER => self.propose_pending(ctx),
            kind::SESSIONS => {
                self.sessions_armed = Time::MAX;
                self.check_sessions(ctx);
            }
            kind::NO_OP => self.no_op(ctx, which as u32),
            kind::REASSIGN => self.reassign(ctx, which as u32),
            kind::ALTER_AGAIN => self.alter_again(ctx),
            kind::ALTER_LATE => self.alter_late(ctx, which),
            kind::CHECKPOINT => self.checkpoint(ctx),
            kind::RECOVERY_POINTS => self.checkpoint_recovery_points(ctx),
            kind::STOP_LATE => ctx.exit(),
            kind::RETENTION => self.look_for_expired(ctx),
            kind::DELETE_FILES => self.delete_files(ctx),
            kind::COPY => {
                let partition = TopicPartition::of_events(which as u32);
                self.copy_due(ctx, partition, (which >> 32) as u32);
            }
            kind::EXPIRE => {
                let partition = TopicPartition::of_events(which as u32);
                self.expire_due(ctx, partition, (which >> 32) as u32);
            }
            kind::ANNOUNCE => self.announce_now(ctx, which),
            kind::TIER_LATE => self.tier_answered(ctx, which, Err(TierError::Io)),
            kind::REMOTE_WAIT_OVER => self.remote_wait_over(ctx, which),
            kind::GROUP => self.group_due(ctx, GroupId(which as u32)),
            _ => {}
        }
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, completion: Completion<Record>) {
        let (kind, which) = TAGS.split(tag);
        if let Completion::Failed(error) = completion
            && error != DiskError::NoSuchFile
        {
            return Self::log_dir_failed(ctx);
        }
        let partition = || TopicPartition::of_events(which as u32);
        match kind {
            of @ (kind::NETWORK_IN | kind::NETWORK_OUT | kind::COMPLETED) => {
                let Some(peer) = self.current(which) else { return };
                match of {
                    kind::NETWORK_IN => self.was_read(ctx, which),
                    kind::NETWORK_OUT => self.responded(ctx, peer),
                    _ => self.completed(ctx, peer),
                }
            }
            kind::HANDLED => self.handle(ctx, which),
            kind::APPENDED => self.appended(ctx, partition()),
            kind::SYNCED => self.synced(ctx, partition()),
            kind::FLUSHED => self.flushed(ctx, partition()),
            kind::FETCHED => self.take_fetched(ctx, BrokerId(which as u32)),
            kind::GREETED => self.connected(ctx, BrokerId(which as u32)),
            kind::RAFT_RUN => self.voter_ran(ctx),
            kind::RAFT_SYNCED => self.voter_synced(ctx),
            kind::CONTROLLED => self.control(ctx),
            kind::RECOVER => self.recover(ctx, which, completion),
            kind::READ_LOG => self.log_was_read(ctx, which, completion),
            kind::LOG_READ => self.log_read(ctx, partition(), completion),
            kind::LOG_CHECKED => self.log_checked(ctx, partition()),
            kind::STOP_FLUSHED => self.stop_flushed(ctx, partition()),
            kind::STOP_MARKED => self.stop_marked(ctx),
            kind::JVM => self.jvm_done(ctx, which),
            kind::STARTED => self.begin_recovery(ctx),
            kind::COPY_READ => self.copy_read(ctx, which),
            kind::COPY_BUILT => self.copy_built(ctx, which),
            _ => {}
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        for peer in [peer, connections::of_group(peer)] {
            if let Some(connection) = self.connections.get_mut(&peer) {
                connection.reset();
            }
        }
        self.remote_lost(ctx, peer);
        if let Some(broker) = self.number_of(peer) {
            self.fetcher_lost(ctx, broker);
            self.beat_lost(ctx, broker);
            self.alter_lost(ctx, broker);
            self.tell_voter(ctx, Input::Disconnected(broker));
        }
    }

    fn needs(&self, files: &Folding<'_, Record>, needs: &mut Needs) {
        self.needs_of(files, needs);
    }

    fn fold(&mut self, files: &mut Folding<'_, Record>, needs: &Needs) {
        self.fold_logs(files, needs);
        self.fold_metadata(files);
    }

    fn on_shutdown(&mut self, ctx: &mut Ctx<'_>) {
        match self.quorum {
            Some(_) => self.asked_to_stop(ctx),
            None => ctx.exit(),
        }
    }
}
