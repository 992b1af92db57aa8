//! The broker's part in the controller quorum, as voter, as active controller, and as its client.
//!
//! Stands for `BrokerLifecycleManager`, `BrokerMetadataPublisher` and the shell of
//! `QuorumController` of apache/kafka @ 3.9.0. Parameters: `broker.heartbeat.interval.ms`,
//! `broker.session.timeout.ms`, `controller.quorum.append.linger.ms`. Left out: the registration as
//! a request of its own (the first heartbeat of a life is one), broker observers of the quorum.

use headwater_sim::disk::DiskOp;
use headwater_sim::time::{Duration, Time};

use super::{Broker, Ctx, DISK, TAGS, kind};
use crate::bugs::Bug;
use crate::kafka::controller::active::{ActiveController, Settings};
use crate::kafka::controller::partition_change::Rules;
use crate::kafka::controller::raft::Output;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{ErrorCode, InSync, Message};
use crate::kafka::metadata::{Image, MetadataRecord};
use crate::kafka::properties;
use crate::kafka::record::{METADATA_FILE, QUORUM_STATE_FILE, Record};
use crate::kafka::signals;
use crate::protocol;

impl Broker {
    /// Carries out what the voter asks for.
    pub(super) fn carry_out(&mut self, ctx: &mut Ctx<'_>, out: Vec<Output>) {
        let mut elected = None;
        for output in out {
            match output {
                // A vote or an epoch is told to nobody before it is on disk.
                Output::Send(to, message) if self.votes_storing > 0 => {
                    self.after_vote.push((to, message));
                }
                Output::Send(to, message) => self.send(ctx, to, Message::Raft(message)),
                Output::StoreVote(epoch, voted_for) => {
                    let record = protocol::Record::Kafka(Record::QuorumState { epoch, voted_for });
                    ctx.write(DISK, QUORUM_STATE_FILE, record, TAGS.tag(kind::IGNORED, 0));
                    ctx.sync(DISK, QUORUM_STATE_FILE, TAGS.tag(kind::VOTE_STORED, 0));
                    self.votes_storing += 1;
                }
                Output::Append(epoch, record) => {
                    let record = Box::new(record);
                    let record = protocol::Record::Kafka(Record::Metadata { epoch, record });
                    ctx.write(DISK, METADATA_FILE, record, TAGS.tag(kind::IGNORED, 0));
                }
                Output::Truncate(keep) => {
                    let op = DiskOp::Truncate { file: METADATA_FILE, keep };
                    ctx.disk(DISK, op, TAGS.tag(kind::IGNORED, 0));
                }
                Output::Flush(end) => {
                    ctx.sync(DISK, METADATA_FILE, TAGS.tag(kind::RAFT_FLUSHED, end))
                }
                Output::Elected(epoch) => elected = Some(epoch),
                Output::Resigned => self.controller = None,
            }
        }
        if let Some(epoch) = elected {
            self.become_active(ctx, epoch);
        }
        self.apply_committed(ctx);
    }

    pub(super) fn vote_stored(&mut self, ctx: &mut Ctx<'_>) {
        self.votes_storing -= 1;
        if self.votes_storing == 0 {
            for (to, message) in std::mem::take(&mut self.after_vote) {
                self.send(ctx, to, Message::Raft(message));
            }
        }
    }

    /// This broker is the active controller from now on.
    fn become_active(&mut self, ctx: &mut Ctx<'_>, epoch: u32) {
        let config = &self.config;
        let mut image = Image::new(config.brokers, config.partitions, config.replication_factor);
        if let Some(raft) = &self.raft {
            raft.log().iter().for_each(|(_, record)| image.apply(record));
        }
        let rebalance_after = Duration::from_secs(config.broker.leader_imbalance_check_interval_s);
        let with_elr = config.quorum.eligible_leader_replicas > 0;
        let settings = Settings {
            session_timeout: Duration::from_millis(config.broker.session_timeout_ms),
            rebalance_after: config.broker.auto_leader_rebalance.then_some(rebalance_after),
            rules: Rules {
                eligible_leader_replicas: with_elr && !self.bugs.has(Bug::LastReplicaStanding),
                min_isr: config.topic.min_insync_replicas,
                unclean: config.topic.unclean_leader_election
                    || self.bugs.has(Bug::UncleanElection),
            },
        };
        self.controller = Some(ActiveController::new(image, settings, ctx.now()));
        signals::CONTROLLER_ELECTED.note(ctx, u64::from(self.me), u64::from(epoch));
        if epoch > 1 {
            properties::CONTROLLER_MOVED.reached(ctx);
        }
        self.check_sessions(ctx);
    }

    /// Takes in what the quorum has committed.
    fn apply_committed(&mut self, ctx: &mut Ctx<'_>) {
        let Some(raft) = &self.raft else { return };
        let (from, to) = (self.applied as usize, raft.high_watermark() as usize);
        if from >= to {
            return;
        }
        let was_registered = self.registered;
        let records: Vec<_> =
            raft.log()[from..to].iter().map(|(_, record)| record.clone()).collect();
        self.applied = to as u64;
        for record in records {
            self.image.apply(&record);
            match record {
                MetadataRecord::Registered { broker, incarnation } if broker == self.me => {
                    self.registered = incarnation == self.incarnation;
                }
                MetadataRecord::Partition { partition, state } if was_registered => {
                    self.take_up(ctx, partition, state, false);
                }
                MetadataRecord::Fencing { broker, fenced: true } if broker == self.me => {
                    signals::FENCED.note(ctx, u64::from(broker), 0);
                }
                _ => {}
            }
        }
        if self.registered && !was_registered {
            self.return_to_roles(ctx);
        }
    }

    /// A broker that came back and is registered takes its roles from the image, not from its
    /// memory. By then its former life was fenced, which took it out of every ISR that had another
    /// member.
    fn return_to_roles(&mut self, ctx: &mut Ctx<'_>) {
        for (partition, state) in
            TopicPartition::all(self.config.partitions).zip(self.image.partitions.clone())
        {
            self.take_up(ctx, partition, state, true);
        }
    }

    /// Tells the active controller that this broker lives.
    pub(super) fn beat(&mut self, ctx: &mut Ctx<'_>) {
        let (broker, incarnation, metadata_offset) = (self.me, self.incarnation, self.applied);
        match self.raft.as_ref().and_then(|raft| raft.leader()) {
            Some(leader) if leader == self.me => {
                self.heartbeat(ctx, broker, incarnation, metadata_offset);
            }
            Some(leader) => {
                let beat = Message::Heartbeat { broker, incarnation, metadata_offset };
                self.send(ctx, leader, beat);
            }
            None => {}
        }
        let interval = self.config.broker.heartbeat_interval_ms.max(1);
        ctx.timer(Duration::from_millis(interval), TAGS.tag(kind::HEARTBEAT, 0));
    }

    /// A heartbeat at the controller. False if this is not the active one, or if the session of the
    /// broker's former life still runs.
    pub(super) fn heartbeat(
        &mut self,
        ctx: &mut Ctx<'_>,
        broker: BrokerId,
        incarnation: u64,
        metadata_offset: u64,
    ) -> bool {
        let committed = self.raft.as_ref().map_or(0, |raft| raft.high_watermark());
        let Some(controller) = &mut self.controller else { return false };
        let caught_up = metadata_offset >= committed.min(1);
        let accepted = controller.heartbeat(broker, incarnation, caught_up, ctx.now());
        self.propose_soon(ctx);
        self.check_sessions(ctx);
        accepted
    }

    pub(super) fn alter_partition(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: BrokerId,
        partition: TopicPartition,
        epochs: (u32, u32),
        isr: &[InSync],
    ) -> ErrorCode {
        let Some(controller) = &mut self.controller else { return ErrorCode::InvalidUpdateVersion };
        let error = controller.alter_partition(from, partition, epochs, isr, ctx.now());
        self.propose_soon(ctx);
        error
    }

    /// Fences brokers whose sessions have expired, and looks again when the next one may.
    pub(super) fn check_sessions(&mut self, ctx: &mut Ctx<'_>) {
        let Some(controller) = &mut self.controller else { return };
        for broker in controller.fence_stale(ctx.now()) {
            signals::SESSION_EXPIRED.note(ctx, u64::from(broker), 0);
            properties::SESSION_EXPIRED.reached(ctx);
        }
        controller.rebalance(ctx.now());
        let next = controller.next_wake().unwrap_or(Time::MAX);
        if next < self.sessions_armed {
            self.sessions_armed = next;
            ctx.timer(next.since(ctx.now()), TAGS.tag(kind::SESSIONS, 0));
        }
        self.propose_soon(ctx);
    }

    /// Decisions are gathered for `controller.quorum.append.linger.ms`.
    fn propose_soon(&mut self, ctx: &mut Ctx<'_>) {
        let pending = self.controller.as_ref().is_some_and(ActiveController::has_pending);
        if pending && !self.linger_armed {
            self.linger_armed = true;
            let linger = Duration::from_millis(self.config.quorum.append_linger_ms);
            ctx.timer(linger, TAGS.tag(kind::CONTROLLER_LINGER, 0));
        }
    }

    pub(super) fn propose_pending(&mut self, ctx: &mut Ctx<'_>) {
        let Some(controller) = &mut self.controller else { return };
        let records = controller.take_pending();
        if !records.is_empty() {
            self.with_raft(ctx, |raft, _, out| raft.propose(records, out));
        }
    }
}
