//! The life of a broker towards the controller: registered, caught up, running, stopping.
//!
//! Stands for `BrokerLifecycleManager` and its `NodeToControllerChannelManager` of apache/kafka @
//! 3.9.0. One request at a time; after a failure again after 100 ms, doubling up to
//! `broker.session.timeout.ms`. A broker loads its logs once it knows of its registration, and asks
//! to be unfenced once they are loaded. Asked to stop, it tells the controller, and goes when that
//! says so. Parameters: `broker.heartbeat.interval.ms`, `broker.session.timeout.ms`. Left out:
//! `initial.broker.registration.timeout.ms` (a minute), the five minutes after which a broker stops
//! without the controller's leave.

use headwater_sim::time::Duration;
use rand::Rng;

use super::alter_partition::NO_CONTROLLER;
use super::{Broker, Ctx, TAGS, kind};
use crate::kafka::ids::BrokerId;
use crate::kafka::message::{ErrorCode, HeartbeatReply, Message};

/// `BrokerLifecycleManager.resendExponentialBackoff`: first pause, jitter in percent.
const RESEND_FIRST_MS: u64 = 100;
const RESEND_JITTER_PERCENT: u64 = 2;
/// Pause before a broken connection is tried again (`reconnect.backoff.ms` of the channel).
const RECONNECT_BACKOFF: Duration = Duration::from_millis(50);
/// Pause before the next heartbeat while the broker starts.
const STARTING_INTERVAL: Duration = Duration::from_millis(10);
/// Pause after the first answer that a broker which wants to stop gets.
const STOPPING_INTERVAL: Duration = Duration::from_millis(50);

/// `BrokerState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It registers, and catches up with the metadata.
    Starting,
    /// It loads its logs, and waits to be unfenced.
    Recovery,
    /// It runs.
    Running,
    /// It is asked to stop, and waits for the controller.
    PendingShutdown,
    /// It stops.
    ShuttingDown,
}

/// Where a broker is in its life.
#[derive(Debug)]
pub struct Lifecycle {
    pub(super) phase: Phase,
    registered: bool,
    /// The logs are loaded.
    ready: bool,
    /// The life before, if that was stopped cleanly.
    pub(super) previous: Option<u64>,
    /// Failures in a row.
    failures: u32,
    /// Whom the request is with.
    in_flight: Option<BrokerId>,
    /// The next request follows at once.
    at_once: bool,
    /// A first answer to the wish to stop has come.
    stop_answered: bool,
    /// Counts what is scheduled: only the last counts.
    number: u64,
    /// Counts requests.
    sent: u64,
}

impl Lifecycle {
    /// A broker of a cluster that has settled runs; one that comes back has to register.
    pub const fn new(settled: bool) -> Self {
        Self {
            phase: if settled { Phase::Running } else { Phase::Starting },
            registered: settled,
            ready: settled,
            previous: None,
            failures: 0,
            in_flight: None,
            at_once: false,
            stop_answered: false,
            number: 0,
            sent: 0,
        }
    }
}

impl Broker {
    /// Begins to talk to the controller. Brokers do not beat in step.
    pub(super) fn begin_life(&mut self, ctx: &mut Ctx<'_>) {
        let beat = self.heartbeat_interval();
        let first = match self.life.phase {
            Phase::Running => Duration(ctx.random().random_range(0..=beat.0)),
            _ => Duration::ZERO,
        };
        self.schedule_beat(ctx, first);
    }

    fn heartbeat_interval(&self) -> Duration {
        Duration::from_millis(self.config.broker.heartbeat_interval_ms.max(1))
    }

    fn schedule_beat(&mut self, ctx: &mut Ctx<'_>, after: Duration) {
        self.life.number += 1;
        let after = if std::mem::take(&mut self.life.at_once) { Duration::ZERO } else { after };
        ctx.timer(after, TAGS.tag(kind::HEARTBEAT, self.life.number));
    }

    fn resend(&mut self, ctx: &mut Ctx<'_>) {
        let limit = self.config.broker.session_timeout_ms;
        let pause = (RESEND_FIRST_MS << self.life.failures.min(20)).min(limit).max(1);
        let jitter = pause * 10_000 * RESEND_JITTER_PERCENT;
        let pause = pause * 1_000_000 + ctx.random().random_range(0..=2 * jitter) - jitter;
        self.life.failures += 1;
        self.life.at_once = false;
        self.schedule_beat(ctx, Duration(pause));
    }

    /// It is time for the next request to the controller.
    pub(super) fn beat(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        if self.life.number != number || self.life.phase == Phase::ShuttingDown {
            return;
        }
        if self.life.in_flight.is_some() {
            self.life.at_once = true;
            return;
        }
        let Some(controller) = self.active_controller() else {
            return self.schedule_beat(ctx, NO_CONTROLLER);
        };
        let (broker, incarnation) = (self.me, self.incarnation);
        let message = match self.life.registered {
            true => Message::Heartbeat {
                broker,
                incarnation,
                metadata_offset: self.applied,
                want_fence: !self.life.ready,
                want_shut_down: self.life.phase == Phase::PendingShutdown,
            },
            false => Message::Registration { broker, incarnation, previous: self.life.previous },
        };
        self.life.in_flight = Some(controller);
        self.life.sent += 1;
        let late = Duration::from_millis(self.config.broker.session_timeout_ms.max(1));
        ctx.timer(late, TAGS.tag(kind::BEAT_LATE, self.life.sent));
        self.send_to_controller(ctx, controller, message);
    }

    /// The answer to a request may be late (`NodeToControllerChannelManager.retryTimeoutMs`).
    pub(super) fn beat_late(&mut self, ctx: &mut Ctx<'_>, sent: u64) {
        if self.life.sent == sent && self.life.in_flight.take().is_some() {
            self.resend(ctx);
        }
    }

    /// The connection with a broker has broken: the request is sent again.
    pub(super) fn beat_lost(&mut self, ctx: &mut Ctx<'_>, peer: BrokerId) {
        if self.life.in_flight == Some(peer) {
            self.life.in_flight = None;
            self.schedule_beat(ctx, RECONNECT_BACKOFF);
        }
    }

    /// The controller has answered a registration.
    pub(super) fn registration_answered(&mut self, ctx: &mut Ctx<'_>, error: ErrorCode) {
        if self.life.in_flight.take().is_none() {
            return;
        }
        match error {
            ErrorCode::None => {
                (self.life.registered, self.life.failures) = (true, 0);
                self.schedule_beat(ctx, Duration::ZERO);
            }
            ErrorCode::NotController => self.schedule_beat(ctx, RECONNECT_BACKOFF),
            _ => self.resend(ctx),
        }
    }

    /// The controller has answered a heartbeat.
    pub(super) fn beat_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        result: Result<HeartbeatReply, ErrorCode>,
    ) {
        if self.life.in_flight.take().is_none() {
            return;
        }
        let reply = match result {
            Ok(reply) => reply,
            Err(ErrorCode::NotController) => return self.schedule_beat(ctx, RECONNECT_BACKOFF),
            Err(_) => return self.resend(ctx),
        };
        self.life.failures = 0;
        let usual = self.heartbeat_interval();
        match self.life.phase {
            Phase::Starting => {
                self.schedule_beat(ctx, STARTING_INTERVAL);
                if reply.caught_up {
                    self.life.phase = Phase::Recovery;
                    self.load_logs(ctx);
                }
            }
            Phase::Recovery => {
                if !reply.fenced {
                    self.life.phase = Phase::Running;
                }
                self.schedule_beat(ctx, usual);
            }
            Phase::Running => self.schedule_beat(ctx, usual),
            Phase::PendingShutdown if reply.shut_down => self.begin_stop(ctx),
            Phase::PendingShutdown => {
                let first = !std::mem::replace(&mut self.life.stop_answered, true);
                self.schedule_beat(ctx, if first { STOPPING_INTERVAL } else { usual });
            }
            Phase::ShuttingDown => {}
        }
    }

    /// The logs are loaded: the broker asks to be unfenced.
    pub(super) fn ready_to_unfence(&mut self, ctx: &mut Ctx<'_>) {
        if !std::mem::replace(&mut self.life.ready, true) {
            self.schedule_beat(ctx, Duration::ZERO);
        }
    }

    /// The process is asked to stop: a broker that runs tells the controller first.
    pub(super) fn asked_to_stop(&mut self, ctx: &mut Ctx<'_>) {
        match self.life.phase {
            Phase::Running => {
                self.life.phase = Phase::PendingShutdown;
                self.schedule_beat(ctx, Duration::ZERO);
            }
            Phase::PendingShutdown | Phase::ShuttingDown => {}
            Phase::Starting | Phase::Recovery => self.begin_stop(ctx),
        }
    }
}
