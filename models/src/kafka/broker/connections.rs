//! Client connections: one request of each at a time, from the socket to the response.
//!
//! Stands for `SocketServer`, `KafkaApis` and the purgatories of apache/kafka @ 3.9.0. A connection
//! is muted from the moment its request is read until its response is sent. Parameters:
//! `num.network.threads`, `num.io.threads`, [`crate::kafka::costs::Costs`]. Left out: the bound on
//! the request queue (`queued.max.requests`, 500), which one request a connection stays below.

use std::collections::VecDeque;

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::{Broker, Ctx, HANDLERS, NETWORK, TAGS, kind};
use crate::kafka::ids::TopicPartition;
use crate::kafka::message::{ErrorCode, Fetch, FetchedPartition, Message, Produce, ProduceResult};
use crate::kafka::replica::{Append, RequestId};
use crate::protocol;
use crate::tags::TagLayout;

/// A connection.
#[derive(Debug, Default)]
pub struct Connection {
    waiting: VecDeque<Message>,
    state: State,
    /// Counts requests, including those of earlier connections with the peer, to tell the work of
    /// one request from that of a later one.
    serial: u64,
}

/// Which request: the serial above, 24 bits of the peer's node below.
const REQUESTS: TagLayout = TagLayout::new(24);
/// Bits of the serial that a tag holds.
const SERIAL_MASK: u64 = 0xffff_ffff;

impl Connection {
    /// The connection has broken. Work on its request goes on, and its result is dropped.
    pub(super) fn reset(&mut self) {
        *self = Self { serial: self.serial, ..Self::default() };
        self.serial += 1;
    }

    fn tag(&self, kind: u64, peer: NodeId) -> u64 {
        TAGS.tag(kind, REQUESTS.tag(self.serial & SERIAL_MASK, peer.0.into()))
    }
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// The request is read, or waits for a handler.
    Reading(Message),
    /// Its batches are being appended, or wait for the followers.
    Producing(Producing),
    /// It waits for data.
    Fetching { fetch: Box<Fetch>, deadline: Time },
    /// The response is being sent; nothing for acks=0.
    Responding(Option<Message>),
}

/// A produce request under way.
#[derive(Debug)]
struct Producing {
    correlation: u64,
    acks: i16,
    timeout: Duration,
    appending: usize,
    results: Vec<ProduceResult>,
    /// (partition, offset that the high watermark must reach).
    required: Vec<(TopicPartition, u64)>,
    deadline: Time,
}

impl Broker {
    /// A request has arrived: it waits its turn.
    pub(super) fn request(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) {
        let connection = self.connections.entry_or_default(from);
        connection.waiting.push_back(message);
        self.next_request(ctx, from);
    }

    /// The peer of a tag, if the request that it is about is still the connection's current one.
    pub(super) fn current(&self, which: u64) -> Option<NodeId> {
        let (of, node) = REQUESTS.split(which);
        let from = NodeId(node as u32);
        let serial = self.connections.get(&from)?.serial & SERIAL_MASK;
        (serial == of).then_some(from)
    }

    fn next_request(&mut self, ctx: &mut Ctx<'_>, from: NodeId) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        if !matches!(connection.state, State::Idle) {
            return;
        }
        let Some(message) = connection.waiting.pop_front() else { return };
        connection.serial += 1;
        let cost = self.config.costs.network(message.size_bytes());
        connection.state = State::Reading(message);
        ctx.compute(NETWORK, Duration(cost), connection.tag(kind::NETWORK_IN, from));
    }

    /// A network thread has read the request: on to a handler.
    pub(super) fn received(&mut self, ctx: &mut Ctx<'_>, from: NodeId) {
        let Some(connection) = self.connections.get(&from) else { return };
        let State::Reading(message) = &connection.state else { return };
        let cost = match message {
            Message::Produce(produce) => {
                self.config.costs.produce(produce.batches.len() as u64, message.size_bytes())
            }
            _ => self.config.costs.handle_request_ns,
        };
        ctx.compute(HANDLERS, Duration(cost), connection.tag(kind::HANDLED, from));
    }

    /// A handler has the request.
    pub(super) fn handle(&mut self, ctx: &mut Ctx<'_>, from: NodeId) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        match std::mem::take(&mut connection.state) {
            State::Reading(Message::Produce(produce)) => self.produce(ctx, from, *produce),
            State::Reading(Message::Fetch(fetch)) => self.fetch(ctx, from, fetch),
            State::Reading(_) => {
                let partitions = self.image.partitions.iter();
                let leaders = partitions.map(|state| (state.leader, state.leader_epoch)).collect();
                self.respond(ctx, from, Some(Message::MetadataResponse { leaders }));
            }
            other => connection.state = other,
        }
    }

    fn respond(&mut self, ctx: &mut Ctx<'_>, to: NodeId, message: Option<Message>) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        let cost = message.as_ref().map_or(0, |sent| self.config.costs.network(sent.size_bytes()));
        connection.state = State::Responding(message);
        ctx.compute(NETWORK, Duration(cost), connection.tag(kind::NETWORK_OUT, to));
    }

    /// The response is on its way: the connection is unmuted.
    pub(super) fn responded(&mut self, ctx: &mut Ctx<'_>, to: NodeId) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        if let State::Responding(message) = std::mem::take(&mut connection.state)
            && let Some(message) = message
        {
            ctx.send(to, protocol::Message::Kafka(message));
        }
        self.next_request(ctx, to);
    }

    fn produce(&mut self, ctx: &mut Ctx<'_>, from: NodeId, request: Produce) {
        let timeout = Duration::from_millis(request.timeout_ms);
        let producing = Producing {
            correlation: request.correlation,
            acks: request.acks,
            timeout,
            appending: request.batches.len(),
            results: Vec::new(),
            required: Vec::new(),
            deadline: Time::MAX,
        };
        let Some(connection) = self.connections.get_mut(&from) else { return };
        connection.state = State::Producing(producing);
        let serial = connection.serial;
        let all = request.acks == -1;
        for (batch, producer_epoch) in request.batches.into_iter().zip(request.producer_epochs) {
            let partition = batch.lane.into();
            match self.replicas.get_mut(&partition) {
                Some(replica) => {
                    replica.appends.push_back(Append::Produced {
                        request: RequestId { from, serial },
                        batch,
                        producer_epoch,
                        all,
                    });
                    self.next_append(ctx, partition);
                }
                None => {
                    let request = RequestId { from, serial };
                    self.batch_done(ctx, request, partition, ErrorCode::NotLeader, 0);
                }
            }
        }
    }

    /// One batch of a produce request is in the log, or was refused.
    pub(super) fn batch_done(
        &mut self,
        ctx: &mut Ctx<'_>,
        RequestId { from, serial }: RequestId,
        partition: TopicPartition,
        error: ErrorCode,
        end_offset: u64,
    ) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        if connection.serial != serial {
            return;
        }
        let State::Producing(producing) = &mut connection.state else { return };
        producing.results.push(ProduceResult { partition, error });
        if error == ErrorCode::None {
            producing.required.push((partition, end_offset));
        }
        producing.appending -= 1;
        if producing.appending > 0 {
            return;
        }
        if producing.acks == -1 && !producing.required.is_empty() {
            producing.deadline = ctx.now() + producing.timeout;
            let wait = producing.timeout;
            let tag = connection.tag(kind::WAIT_OVER, from);
            if !self.check_produce(ctx, from) {
                ctx.timer(wait, tag);
            }
            return;
        }
        self.answer_produce(ctx, from);
    }

    fn answer_produce(&mut self, ctx: &mut Ctx<'_>, to: NodeId) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        if let State::Producing(producing) = std::mem::take(&mut connection.state) {
            let Producing { correlation, results, acks, .. } = producing;
            let response = Message::ProduceResponse { correlation, results };
            self.respond(ctx, to, (acks != 0).then_some(response));
        }
    }

    /// Answers a produce request whose batches are replicated. False if it has to go on waiting.
    fn check_produce(&mut self, ctx: &mut Ctx<'_>, from: NodeId) -> bool {
        let me = self.me;
        let min_isr = self.config.topic.min_insync_replicas;
        let Some(connection) = self.connections.get_mut(&from) else { return true };
        let State::Producing(producing) = &mut connection.state else { return true };
        if producing.appending > 0 {
            return false;
        }
        for (partition, offset) in &producing.required {
            let Some(replica) = self.replicas.get(partition) else { continue };
            let error = if replica.state.leader != Some(me) {
                ErrorCode::NotLeader
            } else if replica.high_watermark < *offset {
                return false;
            } else if (replica.state.isr.len() as u32) < min_isr {
                ErrorCode::NotEnoughReplicasAfterAppend
            } else {
                continue;
            };
            if let Some(result) =
                producing.results.iter_mut().find(|one| one.partition == *partition)
            {
                result.error = error;
            }
        }
        self.answer_produce(ctx, from);
        true
    }

    /// The high watermark or the leader of a partition has changed: answers those who waited for
    /// it.
    pub(super) fn check_waiting_produce(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let waits = |(_, connection): &(&NodeId, &Connection)| match &connection.state {
            State::Producing(of) => of.required.iter().any(|(of, _)| *of == partition),
            _ => false,
        };
        let waiting: Vec<_> = self.connections.iter().filter(waits).map(|(id, _)| *id).collect();
        for from in waiting {
            self.check_produce(ctx, from);
        }
    }

    /// The longest wait of a request is over.
    pub(super) fn wait_over(&mut self, ctx: &mut Ctx<'_>, which: u64) {
        let Some(from) = self.current(which) else { return };
        let Some(connection) = self.connections.get_mut(&from) else { return };
        match &mut connection.state {
            State::Producing(producing) if producing.deadline <= ctx.now() => {
                for result in &mut producing.results {
                    if result.error == ErrorCode::None {
                        result.error = ErrorCode::RequestTimedOut;
                    }
                }
                self.answer_produce(ctx, from);
            }
            State::Fetching { deadline, .. } if *deadline <= ctx.now() => {
                self.try_fetch(ctx, from, true);
            }
            _ => {}
        }
    }

    fn fetch(&mut self, ctx: &mut Ctx<'_>, from: NodeId, fetch: Box<Fetch>) {
        if let Some(follower) = fetch.replica {
            for wanted in &fetch.partitions {
                self.follower_fetched(ctx, follower, wanted);
            }
        }
        let wait = Duration::from_millis(fetch.max_wait_ms);
        let Some(connection) = self.connections.get_mut(&from) else { return };
        let tag = connection.tag(kind::WAIT_OVER, from);
        connection.state = State::Fetching { fetch, deadline: ctx.now() + wait };
        if !self.try_fetch(ctx, from, false) {
            ctx.timer(wait, tag);
        }
    }

    /// Answers a fetch if there is anything to return, or unconditionally. False if it goes on
    /// waiting.
    fn try_fetch(&mut self, ctx: &mut Ctx<'_>, from: NodeId, in_any_case: bool) -> bool {
        let Some(connection) = self.connections.get(&from) else { return true };
        let State::Fetching { fetch, .. } = &connection.state else { return true };
        let (mut answer, mut room, mut worth) = (Vec::new(), fetch.max_bytes, false);
        for wanted in &fetch.partitions {
            let read = self.read(fetch, wanted, room);
            let bytes = read.batches.iter().map(|batch| batch.size_bytes()).sum::<u64>();
            room = room.saturating_sub(bytes);
            worth |= bytes > 0 || read.error != ErrorCode::None || read.diverging.is_some();
            answer.push(read);
        }
        if !worth && !in_any_case {
            return false;
        }
        let response =
            Message::FetchResponse { correlation: fetch.correlation, partitions: answer };
        self.respond(ctx, from, Some(response));
        true
    }

    fn read(
        &self,
        fetch: &Fetch,
        wanted: &crate::kafka::message::FetchPartition,
        room: u64,
    ) -> FetchedPartition {
        let mut read = FetchedPartition {
            partition: wanted.partition,
            error: ErrorCode::None,
            high_watermark: 0,
            diverging: None,
            batches: Vec::new(),
        };
        let replica = self.replicas.get(&wanted.partition);
        let Some(replica) = replica.filter(|replica| replica.state.leader == Some(self.me)) else {
            read.error = ErrorCode::NotLeader;
            return read;
        };
        if wanted.leader_epoch != replica.state.leader_epoch && fetch.replica.is_some() {
            read.error = ErrorCode::FencedLeaderEpoch;
            return read;
        }
        read.high_watermark = replica.high_watermark;
        if fetch.replica.is_some() {
            let (epoch, offset) = (wanted.last_fetched_epoch, wanted.offset);
            read.diverging = replica.log.diverges(epoch, offset, self.bugs);
            if read.diverging.is_some() {
                return read;
            }
        }
        if wanted.offset > replica.log.end_offset() {
            read.error = ErrorCode::OffsetOutOfRange;
            return read;
        }
        let limit =
            if fetch.replica.is_some() { replica.log.end_offset() } else { replica.high_watermark };
        if room > 0 {
            let bytes = fetch.partition_max_bytes.min(room);
            read.batches = replica.log.read(wanted.offset, limit, bytes);
        }
        read
    }

    /// A partition has news for followers (its log has grown) or for all (its high watermark or
    /// leadership has moved).
    pub(super) fn check_waiting_fetches(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let waits = |(_, connection): &(&NodeId, &Connection)| match &connection.state {
            State::Fetching { fetch, .. } => {
                fetch.partitions.iter().any(|wanted| wanted.partition == partition)
            }
            _ => false,
        };
        let waiting: Vec<_> = self.connections.iter().filter(waits).map(|(id, _)| *id).collect();
        for from in waiting {
            self.try_fetch(ctx, from, false);
        }
    }
}
