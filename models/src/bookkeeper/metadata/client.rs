//! The metadata service's client: sessions, requests that are asked again until answered, watches.
//!
//! Stands for `org.apache.zookeeper.ClientCnxn` 3.6.3. Parameters: the session timeout (its owner's
//! option), pings after a third of it (`readTimeout / 2` of two thirds), a new try within a second
//! of a broken connection and after two thirds of the timeout without an answer. After a broken
//! connection every watch fires, as some change may have been missed. Left out: choice among
//! several servers, the local session cache.

use rand::Rng;

use headwater_sim::context::Context;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::bookkeeper::input::Input;
use crate::bookkeeper::message::Message;
use crate::bookkeeper::waits;
use crate::collections::SortedVecMap;
use crate::component::Component;
use crate::protocol::{self, Streaming};
use crate::tags::TagSpace;

use super::message::{
    MetadataError, MetadataMessage, MetadataResponse, Operation, Path, SessionId,
};

/// What the client tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataEvent {
    /// The session is open.
    SessionOpened(SessionId),
    /// The session has ended, and its ephemeral records with it. [`MetadataClient::start`] opens a
    /// new one.
    SessionExpired,
    /// The session was ended by [`MetadataClient::close`], or the service can't be asked.
    SessionClosed,
    /// A request was answered.
    Reply {
        /// The number that [`MetadataClient::request`] returned.
        request: u64,
        /// What came of it.
        result: Result<MetadataResponse, MetadataError>,
    },
    /// What was watched has changed, or may have. The watch is used up.
    Changed {
        /// The request that set the watch.
        request: u64,
        /// The record; of a directory that may have changed, number `u64::MAX`.
        path: Path,
    },
}

/// Resend timer and ping timer; requests count up from here.
const TIMER_RESEND: u64 = 0;
const TIMER_PING: u64 = 1;
const REQUEST_SESSION: u64 = 2;
const REQUEST_PING: u64 = 3;
const REQUEST_CLOSE: u64 = 4;
const REQUEST_FIRST: u64 = 8;

/// Time without an answer after which a client without a session asks again
/// (two thirds of ZooKeeper's usual session timeout of 10 s).
const ANSWER_TIMEOUT: Duration = Duration::from_millis(6_667);

/// A client, with or without a session.
#[derive(Debug)]
pub struct MetadataClient {
    service: NodeId,
    tags: TagSpace,
    session_timeout: Duration,
    session: Option<SessionId>,
    opening: bool,
    closing: bool,
    next: u64,
    /// Not answered, with the time when each was asked last.
    pending: SortedVecMap<u64, (Operation, Time)>,
    watches: SortedVecMap<u64, Path>,
    /// When the service last answered, or was asked anew.
    heard: Time,
    /// When it last answered, or the session was opened.
    answered: Time,
    /// The connection has broken since what is pending was asked.
    broken: bool,
    resend_armed: bool,
    ping_armed: bool,
}

impl MetadataClient {
    /// A client of `service`. A session timeout of zero: no session, and no ephemeral records.
    pub fn new(service: NodeId, tags: TagSpace, session_timeout: Duration) -> Self {
        Self {
            service,
            tags,
            session_timeout,
            session: None,
            opening: false,
            closing: false,
            next: REQUEST_FIRST,
            pending: SortedVecMap::default(),
            watches: SortedVecMap::default(),
            heard: Time::ZERO,
            answered: Time::ZERO,
            broken: false,
            resend_armed: false,
            ping_armed: false,
        }
    }

    /// The session, once open.
    pub const fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// Opens the session.
    pub fn start(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.session_timeout == Duration::ZERO || self.session.is_some() {
            return;
        }
        self.opening = true;
        self.heard = ctx.now();
        self.open(ctx);
        self.arm_resend(ctx, self.answer_timeout());
    }

    fn open(&self, ctx: &mut Context<'_, Streaming>) {
        let operation = Operation::OpenSession { timeout: self.session_timeout };
        self.send(ctx, REQUEST_SESSION, operation);
    }

    /// Ends the session cleanly: its ephemeral records go at once. Ends with
    /// [`MetadataEvent::SessionClosed`]; false if there is no session.
    pub fn close(&mut self, ctx: &mut Context<'_, Streaming>) -> bool {
        if self.session.is_none() {
            return self.closing;
        }
        self.send(ctx, REQUEST_CLOSE, Operation::CloseSession);
        (self.session, self.closing) = (None, true);
        self.pending.clear();
        self.heard = ctx.now();
        self.resend_armed = false;
        self.arm_resend(ctx, self.answer_timeout());
        true
    }

    fn closed(&mut self) -> Vec<MetadataEvent> {
        let closed = std::mem::take(&mut self.closing);
        closed.then_some(MetadataEvent::SessionClosed).into_iter().collect()
    }

    /// Gives the session up that the service has been silent about for too long, and all that was
    /// asked in it; [`Self::start`] opens a new one. False if it has not been.
    /// `ConnectionState.LOST` of Curator 5.1: the session's timeout behind the end of the
    /// connection, which comes after two thirds of it without an answer
    /// (`ConnectionStateManager.checkSessionExpiration`).
    pub fn give_up_lost(&mut self, now: Time) -> bool {
        let patience = self.answer_timeout() + self.session_timeout;
        let lost = self.session.is_some() && now >= self.answered + patience;
        if lost {
            self.session = None;
            self.pending.clear();
            self.watches.clear();
        }
        lost
    }

    fn answer_timeout(&self) -> Duration {
        match self.session_timeout {
            Duration::ZERO => ANSWER_TIMEOUT,
            timeout => timeout * 2 / 3,
        }
    }

    fn arm_resend(&mut self, ctx: &mut Context<'_, Streaming>, delay: Duration) {
        if !self.resend_armed {
            self.resend_armed = true;
            ctx.timer_for(delay, self.tags.tag(TIMER_RESEND), waits::METADATA_AGAIN);
        }
    }

    fn send(&self, ctx: &mut Context<'_, Streaming>, low: u64, operation: Operation) {
        let request = self.tags.tag(low);
        let message = MetadataMessage::Request { request, session: self.session, operation };
        let message = Message::Metadata(Box::new(message));
        ctx.send(self.service, protocol::Message::BookKeeper(message));
    }

    /// Asks; the answer comes as [`MetadataEvent::Reply`] with the number given here. A request
    /// that was carried out but not answered is carried out again: a `Create` may then find its own
    /// record, a `Set` its own version.
    pub fn request(&mut self, ctx: &mut Context<'_, Streaming>, operation: Operation) -> u64 {
        let low = self.next;
        self.next += 1;
        if self.pending.is_empty() {
            self.heard = ctx.now();
        }
        self.send(ctx, low, operation.clone());
        let request = self.tags.tag(low);
        self.pending.insert(request, (operation, ctx.now()));
        self.arm_resend(ctx, self.answer_timeout());
        request
    }

    /// For a component with neither session nor watches: what came of its requests.
    pub fn results(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        input: Input<'_>,
    ) -> Vec<Result<MetadataResponse, MetadataError>> {
        let result = |event| match event {
            MetadataEvent::Reply { result, .. } => Some(result),
            _ => None,
        };
        self.on(ctx, input).into_iter().filter_map(result).collect()
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        message: &Message,
    ) -> Vec<MetadataEvent> {
        let Message::Metadata(message) = message else { return Vec::new() };
        match &**message {
            MetadataMessage::Reply { request, result } if self.tags.owns(*request) => {
                (self.heard, self.answered) = (ctx.now(), ctx.now());
                self.on_reply(ctx, *request, result.clone())
            }
            MetadataMessage::Changed { request, path } if self.tags.owns(*request) => {
                (self.heard, self.answered) = (ctx.now(), ctx.now());
                if self.watches.remove(request).is_none() {
                    return Vec::new();
                }
                vec![MetadataEvent::Changed { request: *request, path: *path }]
            }
            _ => Vec::new(),
        }
    }

    fn on_reply(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        request: u64,
        result: Result<MetadataResponse, MetadataError>,
    ) -> Vec<MetadataEvent> {
        let expired = result == Err(MetadataError::SessionExpired);
        match self.tags.low(request) {
            REQUEST_SESSION => {
                let Ok(MetadataResponse::Session(session)) = result else { return Vec::new() };
                if !std::mem::take(&mut self.opening) {
                    return Vec::new();
                }
                self.session = Some(session);
                self.arm_ping(ctx);
                return vec![MetadataEvent::SessionOpened(session)];
            }
            REQUEST_PING if expired => return self.expire(),
            REQUEST_PING => return Vec::new(),
            REQUEST_CLOSE => return self.closed(),
            _ => {}
        }
        let Some((operation, _)) = self.pending.remove(&request) else { return Vec::new() };
        match operation {
            Operation::Get { path, watch: true } => {
                self.watches.insert(request, path);
            }
            Operation::List { directory, watch: true } => {
                self.watches.insert(request, Path::new(directory, u64::MAX));
            }
            _ => {}
        }
        let mut events = if expired { self.expire() } else { Vec::new() };
        events.push(MetadataEvent::Reply { request, result });
        events
    }

    fn expire(&mut self) -> Vec<MetadataEvent> {
        match self.session.take() {
            Some(_) => vec![MetadataEvent::SessionExpired],
            None => Vec::new(),
        }
    }

    fn arm_ping(&mut self, ctx: &mut Context<'_, Streaming>) {
        if !self.ping_armed {
            self.ping_armed = true;
            let tag = self.tags.tag(TIMER_PING);
            ctx.timer_for(self.session_timeout / 3, tag, waits::SESSION_PING);
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) -> Vec<MetadataEvent> {
        if !self.tags.owns(tag) {
            return Vec::new();
        }
        match self.tags.low(tag) {
            TIMER_PING => {
                self.ping_armed = false;
                if self.session.is_some() {
                    self.send(ctx, REQUEST_PING, Operation::Ping);
                    self.arm_resend(ctx, self.answer_timeout());
                    self.arm_ping(ctx);
                }
                Vec::new()
            }
            TIMER_RESEND => {
                self.resend_armed = false;
                self.on_resend(ctx)
            }
            _ => Vec::new(),
        }
    }

    fn on_resend(&mut self, ctx: &mut Context<'_, Streaming>) -> Vec<MetadataEvent> {
        if self.closing {
            // `ClientCnxn.close` waits for the answer, or for the end of the connection.
            let silent = self.broken || ctx.now() >= self.heard + self.answer_timeout();
            return if silent { self.closed() } else { Vec::new() };
        }
        let waits = self.opening || !self.pending.is_empty() || self.session.is_some();
        if !waits {
            return Vec::new();
        }
        let (now, timeout) = (ctx.now(), self.answer_timeout());
        let silent = std::mem::take(&mut self.broken) || now >= self.heard + timeout;
        let oldest = self.pending.values().map(|(_, asked)| *asked).min();
        let due = oldest.map_or(self.heard, |asked| asked.min(self.heard)) + timeout;
        if !silent && now < due {
            self.arm_resend(ctx, due - now);
            return Vec::new();
        }
        let again = self.pending.iter().filter(|(_, (_, asked))| silent || now >= *asked + timeout);
        let again: Vec<u64> = again.map(|(request, _)| *request).collect();
        if silent {
            return self.ask_anew(ctx, &again);
        }
        self.ask_again(ctx, &again);
        self.arm_resend(ctx, timeout);
        Vec::new()
    }

    fn ask_again(&mut self, ctx: &mut Context<'_, Streaming>, requests: &[u64]) {
        for request in requests {
            let (operation, asked) = self.pending.get_mut(request).expect("it is pending");
            *asked = ctx.now();
            let operation = operation.clone();
            self.send(ctx, self.tags.low(*request), operation);
        }
    }

    /// The service is silent, or the connection has broken: asks everything again. Every watch
    /// fires, as some change may have been missed.
    fn ask_anew(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        requests: &[u64],
    ) -> Vec<MetadataEvent> {
        if self.opening {
            self.open(ctx);
        }
        if self.session.is_some() {
            self.send(ctx, REQUEST_PING, Operation::Ping);
        }
        self.ask_again(ctx, requests);
        self.heard = ctx.now();
        self.arm_resend(ctx, self.answer_timeout());
        let watches = std::mem::take(&mut self.watches).into_iter();
        watches.map(|(request, path)| MetadataEvent::Changed { request, path }).collect()
    }

    /// A connection has broken; if it was the service's, asks again within a second.
    fn on_disconnect(&mut self, ctx: &mut Context<'_, Streaming>, peer: NodeId) {
        if peer != self.service {
            return;
        }
        // The next resend timer sends everything again, whatever arrives until then.
        self.broken = true;
        self.resend_armed = true;
        let delay = ctx.random().random_range(0..=Duration::from_secs(1).0);
        let tag = self.tags.tag(TIMER_RESEND);
        ctx.timer_for(Duration(delay), tag, waits::METADATA_AGAIN);
    }
}

impl Component for MetadataClient {
    type Message = Message;
    type Event = MetadataEvent;

    fn on(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) -> Vec<MetadataEvent> {
        match input {
            Input::Message(_, message) => self.on_message(ctx, message),
            Input::Timer(tag) => self.on_timer(ctx, tag),
            Input::Disconnect(peer) => {
                self.on_disconnect(ctx, peer);
                Vec::new()
            }
        }
    }
}
