//! Quotas of clients: what they have taken, and for how long they are held back.
//!
//! Stands for `ClientQuotaManager`, `ClientRequestQuotaManager` and their use by `KafkaApis` of
//! apache/kafka @ 3.9.0. With KIP-219 a response goes out at once and says for how long its client
//! is held back; until then the broker reads nothing of that connection. The Java client sends
//! nothing to that broker meanwhile (`NetworkClient.throttle`); librdkafka, which has no KIP-219,
//! goes on, and what it sends waits in its socket. A fetch that is held back is answered with
//! nothing, and doesn't count. Other brokers have no quota. Parameters:
//! [`crate::kafka::quota::Quota`]. Left out: what [`crate::kafka::quota`] leaves out.

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::connections::client_of;
use super::log_reads::Answer;
use super::{Broker, Ctx, kind};
use crate::collections::SortedVecMap;
use crate::kafka::message::Message;
use crate::kafka::quota::{Sampled, Windows};

/// What clients have taken.
#[derive(Debug, Default)]
pub struct Quotas(SortedVecMap<NodeId, Taken>);

#[derive(Debug, Default)]
struct Taken {
    produced: Sampled,
    fetched: Sampled,
    /// Nanoseconds of threads.
    requests: Sampled,
}

/// What a connection's request has taken of threads.
#[derive(Debug, Default)]
pub struct Spent {
    /// When a handler took it.
    taken: Option<Time>,
    /// What that handler did.
    handled: Option<Duration>,
    /// What network threads did.
    network: Duration,
    bytes: u64,
}

/// `ClientRequestQuotaManager.maxThrottleTimeMs`: a window.
const REQUEST_THROTTLE_MAX_WINDOWS: u64 = 1;

impl Broker {
    fn windows(&self) -> Windows {
        let broker = &self.config.broker;
        let size = Duration::from_secs(broker.quota_window_size_s);
        Windows { count: broker.quota_window_num, size }
    }

    fn has_quota(&self, of: NodeId) -> bool {
        self.config.quota.is_set() && self.number_of(of).is_none()
    }

    /// A network thread has read so much of a request, or written so much of a response.
    pub(super) fn spent_on_network(&mut self, of: NodeId, cost: u64, request: Option<u64>) {
        if !self.config.quota.is_set() {
            return;
        }
        let Some(connection) = self.connections.get_mut(&of) else { return };
        if let Some(bytes) = request {
            connection.spent = Spent { bytes, ..Spent::default() };
        }
        connection.spent.network += Duration(cost);
    }

    /// A handler takes a request.
    pub(super) fn handler_took(&mut self, ctx: &Ctx<'_>, which: u64) {
        if let Some(from) = self.current(which)
            && self.config.quota.is_set()
            && let Some(connection) = self.connections.get_mut(&from)
        {
            connection.spent.taken = Some(ctx.now());
        }
    }

    /// The handler has done with a request, whether it is answered or not.
    pub(super) fn handler_left(&mut self, ctx: &Ctx<'_>, from: NodeId) {
        if let Some(connection) = self.connections.get_mut(&from)
            && let Some(taken) = connection.spent.taken.take()
        {
            connection.spent.handled = Some(ctx.now().since(taken));
        }
    }

    /// Answers a request, and holds its client back if that has had more than its quota.
    pub(super) fn respond_within_quota(
        &mut self,
        ctx: &mut Ctx<'_>,
        to: NodeId,
        message: Option<Message>,
    ) {
        let client = client_of(to);
        if !self.has_quota(client) {
            return self.respond(ctx, to, message);
        }
        let (windows, limit) = (self.windows(), self.config.quota.producer_byte_rate);
        let produced = matches!(message, Some(Message::ProduceResponse { .. }) | None);
        let bytes = self.connections.get(&to).map_or(0, |of| of.spent.bytes);
        let mut time = None;
        if limit > 0 && produced {
            let taken = &mut self.quotas.0.entry_or_default(client).produced;
            taken.record(windows, ctx.now(), bytes as i64);
            time = taken.throttle(windows, ctx.now(), limit);
        }
        // The request quota is not enforced where nobody is answered.
        if message.is_some() {
            time = time.max(self.request_throttle(ctx, to));
        }
        self.respond_throttled(ctx, to, message, time);
    }

    /// Answers a fetch, with nothing if its client is held back. False if it may have what was
    /// found.
    pub(super) fn hold_fetch_back(
        &mut self,
        ctx: &mut Ctx<'_>,
        to: NodeId,
        answer: &Answer,
    ) -> bool {
        let client = client_of(to);
        if !self.has_quota(client) {
            return false;
        }
        let (windows, limit) = (self.windows(), self.config.quota.consumer_byte_rate);
        let request = self.request_throttle(ctx, to);
        let bytes = Message::fetched_bytes(&answer.partitions, answer.listed);
        let mut time = request;
        if limit > 0 {
            let taken = &mut self.quotas.0.entry_or_default(client).fetched;
            taken.record(windows, ctx.now(), bytes as i64);
            time = time.max(taken.throttle(windows, ctx.now(), limit));
            if time.is_some() {
                taken.record(windows, ctx.now(), -(bytes as i64));
            }
        }
        if time.is_none() {
            return false;
        }
        let connection = self.connections.get_mut(&to);
        if let Some(session) = connection.and_then(|of| of.session.as_mut()) {
            session.untell(answer.partitions.iter().map(|fetched| fetched.partition));
        }
        let Answer { correlation, .. } = *answer;
        let nothing = Answer { correlation, partitions: Vec::new(), listed: 0 };
        self.respond_throttled(ctx, to, Some(nothing.into()), time);
        true
    }

    /// The most that a fetch of a client may return (`getMaxValueInQuotaWindow`): more is held back
    /// whatever came before.
    pub(super) fn fetch_max(&self, of: NodeId, asked: u64) -> u64 {
        let limit = self.config.quota.consumer_byte_rate;
        if limit == 0 || !self.has_quota(client_of(of)) {
            return asked;
        }
        let windows = self.windows();
        let seconds = (windows.count - 1).saturating_mul(self.config.broker.quota_window_size_s);
        asked.min(limit.saturating_mul(seconds))
    }

    fn request_throttle(&mut self, ctx: &Ctx<'_>, to: NodeId) -> Option<Duration> {
        let (windows, limit) = (self.windows(), self.config.quota.request_ns());
        if limit == 0 {
            return None;
        }
        self.handler_left(ctx, to);
        let handled = self.connections.get(&to)?.spent.handled.unwrap_or_default();
        let taken = &mut self.quotas.0.entry_or_default(client_of(to)).requests;
        taken.record(windows, ctx.now(), handled.0 as i64);
        let most = windows.size * REQUEST_THROTTLE_MAX_WINDOWS;
        taken.throttle(windows, ctx.now(), limit).map(|time| time.min(most))
    }

    fn respond_throttled(
        &mut self,
        ctx: &mut Ctx<'_>,
        to: NodeId,
        message: Option<Message>,
        time: Option<Duration>,
    ) {
        let Some(time) = time else { return self.respond(ctx, to, message) };
        if let Some(connection) = self.connections.get_mut(&to) {
            connection.muted = ctx.now() + time;
            ctx.timer(time, connection.tag(kind::UNMUTED, to));
        }
        let throttled = |message| Message::Throttled { time, message: Box::new(message) };
        self.respond(ctx, to, message.map(throttled));
    }

    /// A response is sent: what network threads took counts with the next request
    /// (`recordNoThrottle`).
    pub(super) fn note_network(&mut self, ctx: &Ctx<'_>, to: NodeId) {
        if self.config.quota.request_percentage == 0 || !self.has_quota(client_of(to)) {
            return;
        }
        let Some(connection) = self.connections.get_mut(&to) else { return };
        let network = std::mem::take(&mut connection.spent).network;
        let windows = self.windows();
        let taken = &mut self.quotas.0.entry_or_default(client_of(to)).requests;
        taken.record(windows, ctx.now(), network.0 as i64);
    }

    /// A client has been held back for long enough.
    pub(super) fn unmuted(&mut self, ctx: &mut Ctx<'_>, which: u64) {
        if let Some(from) = self.current(which) {
            self.next_request(ctx, from);
        }
    }
}
