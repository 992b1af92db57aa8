//! A broker, which is also a controller (KRaft combined mode).
//!
//! Stands for `KafkaServer`'s data plane (`SocketServer`, `KafkaApis`, `ReplicaManager`,
//! `ReplicaFetcherThread`) and `BrokerLifecycleManager` of apache/kafka @ 3.9.0. The log of a
//! partition lies on the page cache of disk 0 and is synced by `flush.messages` only; metadata and
//! votes are synced always. A restarted broker reads its logs, checkpoints and votes from disk.
//!
//! Parameters: [`super::config::Broker`], [`super::config::Quorum`], [`super::costs::Costs`].
//! Left out: several log directories, quotas, consumer groups, transactions, tiered storage,
//! throttling; the check of every segment at an unclean start costs a read of it, no CPU.

mod connections;
mod control;
mod fetcher;
mod recovery;
mod replication;

use rand::Rng;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId};
use headwater_sim::effect::PoolId;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use self::connections::Connection;
use self::fetcher::Fetcher;
use self::recovery::Recovery;
use super::config::Cluster;
use super::controller::active::ActiveController;
use super::controller::raft::{Output, Raft};
use super::message::Message;
use super::metadata::Image;
use super::properties;
use super::replica::Replica;
use crate::bugs::BugSet;
use crate::collections::SortedVecMap;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::signals;
use crate::protocol::{self, Record, Streaming};
use crate::tags::TagLayout;

type Ctx<'a> = Context<'a, Streaming>;

const DISK: DiskId = DiskId(0);
/// Network threads (Processors).
const NETWORK: PoolId = PoolId(0);
/// Request handler threads.
const HANDLERS: PoolId = PoolId(1);
/// Replica fetcher threads, one a source broker.
const FETCHERS: PoolId = PoolId(2);

/// Tags: eight bits of kind, and which one of it.
const TAGS: TagLayout = TagLayout::new(56);

/// What a tag is about.
mod kind {
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
    pub const RAFT_FLUSHED: u64 = 12;
    pub const VOTE_STORED: u64 = 13;
    pub const CONTROLLER_LINGER: u64 = 14;
    pub const SESSIONS: u64 = 15;
    pub const CHECKPOINT: u64 = 16;
    pub const RECOVER: u64 = 17;
    pub const IGNORED: u64 = 18;
    pub const FETCH_LATE: u64 = 19;
}

/// Threads of a broker's pools.
pub fn pools(config: &Cluster) -> Vec<u32> {
    vec![config.broker.network_threads, config.broker.io_threads, 0]
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
    /// The controller has registered this incarnation. Before that the broker serves nobody.
    registered: bool,
    /// Entries of the metadata log that the image holds.
    applied: u64,
    /// By partition; only those that this broker has a replica of.
    replicas: SortedVecMap<TopicPartition, Replica>,
    connections: SortedVecMap<NodeId, Connection>,
    /// By leader.
    fetchers: SortedVecMap<BrokerId, Fetcher>,
    raft: Option<Raft>,
    controller: Option<ActiveController>,
    linger_armed: bool,
    sessions_armed: Time,
    /// Raft messages that wait for a sync of the quorum state.
    after_vote: Vec<(BrokerId, super::message::Raft)>,
    votes_storing: u32,
    raft_wakes: Time,
    recovery: Option<Recovery>,
}

impl Broker {
    /// Broker number `me` of the nodes `brokers`, with its planted bugs.
    pub fn new(config: Rc<Cluster>, bugs: BugSet, me: BrokerId, brokers: Vec<NodeId>) -> Self {
        let image = Image::new(config.brokers, config.partitions, config.replication_factor);
        Self {
            config,
            bugs,
            me,
            brokers,
            image,
            applied: 0,
            incarnation: 0,
            registered: false,
            replicas: SortedVecMap::default(),
            connections: SortedVecMap::default(),
            fetchers: SortedVecMap::default(),
            raft: None,
            controller: None,
            linger_armed: false,
            sessions_armed: Time::MAX,
            after_vote: Vec::new(),
            votes_storing: 0,
            raft_wakes: Time::MAX,
            recovery: None,
        }
    }

    fn number_of(&self, node: NodeId) -> Option<BrokerId> {
        self.brokers.iter().position(|broker| *broker == node).map(|at| BrokerId(at as u32))
    }

    fn send(&self, ctx: &mut Ctx<'_>, to: BrokerId, message: Message) {
        ctx.send(self.brokers[to.index()], protocol::Message::Kafka(message));
    }

    /// The disk has refused a read, a write or a sync: its log directory goes offline, and a broker
    /// without another halts (`LogDirFailureChannel`, `LogManager.handleLogDirFailure` @ 3.9.0).
    /// The metadata log lies there, too: a controller halts for it as well.
    fn log_dir_failed(ctx: &mut Ctx<'_>) {
        signals::LOG_DIR_FAILED.note(ctx, 0, 0);
        properties::LOG_DIR_FAILED.reached(ctx);
        ctx.exit();
    }

    /// Lets the voter act, and carries out what it asks for.
    fn with_raft(
        &mut self,
        ctx: &mut Ctx<'_>,
        act: impl FnOnce(&mut Raft, Time, &mut Vec<Output>),
    ) {
        let Some(mut raft) = self.raft.take() else { return };
        let mut out = Vec::new();
        act(&mut raft, ctx.now(), &mut out);
        let wake = raft.next_wake();
        if wake < self.raft_wakes {
            self.raft_wakes = wake;
            ctx.timer(wake.since(ctx.now()), TAGS.tag(kind::RAFT_TICK, 0));
        }
        self.raft = Some(raft);
        self.carry_out(ctx, out);
    }

    /// The timers that every broker runs from its start.
    fn start_timers(&mut self, ctx: &mut Ctx<'_>) {
        let config = &self.config.broker;
        let half_lag = Duration::from_millis((config.replica_lag_time_max_ms / 2).max(1));
        ctx.timer(half_lag, TAGS.tag(kind::ISR_CHECK, 0));
        let checkpoint = Duration::from_millis(config.high_watermark_checkpoint_interval_ms);
        ctx.timer(checkpoint, TAGS.tag(kind::CHECKPOINT, 0));
        // Brokers do not beat in step.
        let beat = Duration::from_millis(config.heartbeat_interval_ms.max(1));
        let first = ctx.random().random_range(0..=beat.0);
        ctx.timer(Duration(first), TAGS.tag(kind::HEARTBEAT, 0));
    }
}

impl Node<Streaming> for Broker {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.incarnation = ctx.now().0;
        self.begin_recovery(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        let protocol::Message::Kafka(message) = message else { return };
        if self.recovery.is_some() {
            // The sockets open once the logs are loaded.
            return;
        }
        match message {
            Message::Produce(_) | Message::Fetch(_) | Message::MetadataRequest => {
                self.request(ctx, from, message);
            }
            Message::FetchResponse { correlation, partitions } => {
                self.fetch_response(ctx, from, correlation, partitions);
            }
            Message::Heartbeat { broker, incarnation, metadata_offset } => {
                let accepted = self.heartbeat(ctx, broker, incarnation, metadata_offset);
                let response = Message::HeartbeatResponse { accepted };
                ctx.send(from, protocol::Message::Kafka(response));
            }
            Message::AlterPartition { partition, leader_epoch, partition_epoch, isr } => {
                let epochs = (leader_epoch, partition_epoch);
                let broker = self.number_of(from).unwrap_or(self.me);
                let error = self.alter_partition(ctx, broker, partition, epochs, &isr);
                let response = Message::AlterPartitionResponse { partition, error };
                ctx.send(from, protocol::Message::Kafka(response));
            }
            Message::AlterPartitionResponse { partition, error } => {
                self.alter_partition_answered(partition, error);
            }
            Message::Raft(raft) => {
                if let Some(voter) = self.number_of(from) {
                    self.with_raft(ctx, |of, now, out| of.receive(voter, raft, now, out));
                }
            }
            Message::ProduceResponse { .. }
            | Message::MetadataResponse { .. }
            | Message::HeartbeatResponse { .. } => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        let (kind, which) = TAGS.split(tag);
        match kind {
            kind::WAIT_OVER => self.wait_over(ctx, which),
            kind::FETCH_AGAIN => self.run_fetcher(ctx, BrokerId(which as u32)),
            kind::FETCH_LATE => self.check_fetcher(ctx, BrokerId(which as u32)),
            kind::ISR_CHECK => self.check_isr(ctx),
            kind::HEARTBEAT => self.beat(ctx),
            kind::RAFT_TICK => {
                // An earlier one may have been set since.
                if self.raft_wakes <= ctx.now() {
                    self.raft_wakes = Time::MAX;
                }
                self.with_raft(ctx, |raft, now, out| raft.tick(now, out));
            }
            kind::CONTROLLER_LINGER => {
                self.linger_armed = false;
                self.propose_pending(ctx);
            }
            kind::SESSIONS => {
                self.sessions_armed = Time::MAX;
                self.check_sessions(ctx);
            }
            kind::CHECKPOINT => self.checkpoint(ctx),
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
        match kind {
            of @ (kind::NETWORK_IN | kind::HANDLED | kind::NETWORK_OUT) => {
                let Some(peer) = self.current(which) else { return };
                match of {
                    kind::NETWORK_IN => self.received(ctx, peer),
                    kind::HANDLED => self.handle(ctx, peer),
                    _ => self.responded(ctx, peer),
                }
            }
            kind::APPENDED => self.appended(ctx, TopicPartition::of_events(which as u32)),
            kind::FLUSHED => self.append_done(ctx, TopicPartition::of_events(which as u32)),
            kind::FETCHED => self.take_fetched(ctx, BrokerId(which as u32)),
            kind::RAFT_FLUSHED => {
                self.with_raft(ctx, |raft, _, out| raft.flushed(which, out));
            }
            kind::VOTE_STORED => self.vote_stored(ctx),
            kind::RECOVER => self.recover(ctx, which, completion),
            _ => {}
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.reset();
        }
        if let Some(broker) = self.number_of(peer) {
            self.fetcher_lost(ctx, broker);
            self.with_raft(ctx, |raft, _, out| raft.disconnected(broker, out));
        }
    }
}
