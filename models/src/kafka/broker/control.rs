//! The active controller on a broker: its queue of requests, and answers once all is committed.
//!
//! Stands for the shell of `QuorumController` and `ControllerApis` of apache/kafka @ 3.9.0: one
//! thread takes requests in turn, and each answer waits until everything decided before it is
//! committed (`ControllerWriteEvent`). Parameters: `broker.session.timeout.ms`,
//! `controller.quorum.append.linger.ms`, [`crate::kafka::costs::Costs::control_request_ns`]. Left
//! out: its network threads and handlers, whose time is in that of the queue.

use headwater_sim::time::{Duration, Time};

use super::quorum::Input;
use super::{Broker, CONTROLLER, Ctx, TAGS, kind};
use crate::bugs::Bug;
use crate::kafka::controller::active::{ActiveController, Beat, Settings};
use crate::kafka::controller::partition_change::Rules;
use crate::kafka::group;
use crate::kafka::ids::BrokerId;
use crate::kafka::message::{AskedIsr, ErrorCode, Message};
use crate::kafka::properties;
use crate::kafka::signals;

/// `metadata.max.idle.interval.ms` at its default: how often a controller writes a record that says
/// nothing.
const NO_OP_INTERVAL: Duration = Duration::from_millis(500);

impl Broker {
    /// This broker is the active controller from now on.
    pub(super) fn become_active(&mut self, ctx: &mut Ctx<'_>, epoch: u32) {
        let config = &self.config;
        let Some(quorum) = &self.quorum else { return };
        let image = group::image(config);
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
                added_in_sync: self.bugs.has(Bug::AddedCountsAsInSync),
            },
        };
        let log = quorum.raft.log();
        let log = log.between(0, log.end()).map(|(_, record)| record);
        self.controller = Some(ActiveController::new(image, log, settings, ctx.now()));
        self.controller_epoch = epoch;
        signals::CONTROLLER_ELECTED.note(ctx, u64::from(self.me), u64::from(epoch));
        if epoch > 1 {
            properties::CONTROLLER_MOVED.reached(ctx);
        }
        ctx.timer(NO_OP_INTERVAL, TAGS.tag(kind::NO_OP, epoch.into()));
        if self.config.reassignment.is_set() {
            let at = Time::ZERO + Duration::from_millis(self.config.reassignment.after_ms);
            ctx.timer(at.since(ctx.now()), TAGS.tag(kind::REASSIGN, epoch.into()));
        }
        self.check_sessions(ctx);
    }

    /// This broker is the active controller no longer: what waits for an answer gets none of it.
    pub(super) fn resign_controller(&mut self, ctx: &mut Ctx<'_>) {
        self.controller = None;
        for (_, to, answer) in std::mem::take(&mut self.deferred) {
            self.answer(ctx, to, refused(&answer, ErrorCode::NotController));
        }
    }

    /// A request to the active controller: it waits its turn.
    pub(super) fn ask_controller(&mut self, ctx: &mut Ctx<'_>, from: BrokerId, message: Message) {
        self.control_requests.push_back((from, message));
        let cost = Duration(self.config.costs.control_request_ns);
        ctx.compute(CONTROLLER, cost, TAGS.tag(kind::CONTROLLED, 0));
    }

    /// Its turn has come.
    pub(super) fn control(&mut self, ctx: &mut Ctx<'_>) {
        let Some((from, message)) = self.control_requests.pop_front() else { return };
        let now = ctx.now();
        let Some(controller) = &mut self.controller else {
            return self.answer(ctx, from, refused(&message, ErrorCode::NotController));
        };
        let answer = match message {
            Message::Registration { broker, incarnation, previous } => {
                let result = controller.register(broker, incarnation, previous, now);
                let error = result.err().unwrap_or(ErrorCode::None);
                Message::RegistrationResponse { error }
            }
            Message::Heartbeat {
                broker,
                incarnation,
                metadata_offset,
                want_fence,
                want_shut_down,
            } => {
                let beat =
                    Beat { broker, incarnation, metadata_offset, want_fence, want_shut_down };
                Message::HeartbeatResponse { result: controller.heartbeat(beat, now) }
            }
            Message::AlterPartition(asked) => {
                let grant =
                    |one: AskedIsr| (one.partition, controller.alter_partition(from, &one, now));
                let results = asked.into_iter().map(grant).collect();
                Message::AlterPartitionResponse { error: ErrorCode::None, results }
            }
            _ => return,
        };
        let end = controller.end_offset();
        self.deferred.push_back((end, from, answer));
        self.answer_committed(ctx);
        self.propose_soon(ctx);
        self.check_sessions(ctx);
    }

    /// Answers those whose requests are committed with everything that was decided before.
    pub(super) fn answer_committed(&mut self, ctx: &mut Ctx<'_>) {
        let Some(quorum) = &self.quorum else { return };
        let committed = quorum.raft.high_watermark();
        while self.deferred.front().is_some_and(|(end, ..)| *end <= committed) {
            if let Some((_, to, answer)) = self.deferred.pop_front() {
                self.answer(ctx, to, answer);
            }
        }
    }

    fn answer(&mut self, ctx: &mut Ctx<'_>, to: BrokerId, answer: Message) {
        if to == self.me {
            return self.controller_answered(ctx, answer);
        }
        self.send(ctx, to, answer);
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

    /// The active controller is asked to reassign partitions.
    pub(super) fn reassign(&mut self, ctx: &mut Ctx<'_>, epoch: u32) {
        let Some(controller) = &mut self.controller else { return };
        if self.controller_epoch == epoch {
            let asked = &self.config.reassignment;
            let (from, to) = asked.brokers();
            controller.reassign(&asked.moves(&self.config), from, to);
            self.propose_soon(ctx);
        }
    }

    /// The active controller writes a record that says nothing.
    pub(super) fn no_op(&mut self, ctx: &mut Ctx<'_>, epoch: u32) {
        let Some(controller) = &mut self.controller else { return };
        if self.controller_epoch == epoch {
            controller.no_op();
            ctx.timer(NO_OP_INTERVAL, TAGS.tag(kind::NO_OP, epoch.into()));
            self.propose_soon(ctx);
        }
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
        self.linger_armed = false;
        let Some(controller) = &mut self.controller else { return };
        let records = controller.take_pending();
        if !records.is_empty() {
            self.tell_voter(ctx, Input::Propose(records));
        }
    }
}

/// The answer to a request, or in place of an answer, that brings an error.
fn refused(of: &Message, error: ErrorCode) -> Message {
    match of {
        Message::Registration { .. } | Message::RegistrationResponse { .. } => {
            Message::RegistrationResponse { error }
        }
        Message::Heartbeat { .. } | Message::HeartbeatResponse { .. } => {
            Message::HeartbeatResponse { result: Err(error) }
        }
        _ => Message::AlterPartitionResponse { error, results: Vec::new() },
    }
}
