//! Produce requests: appending batch by batch, waiting for followers, answering.
//!
//! Stands for `ReplicaManager.appendRecords` and `DelayedProduce` of apache/kafka @ 3.9.0. The
//! handler appends the partitions of a request one after the other; the wait for followers takes no
//! handler. Parameters: `min.insync.replicas`, the request's own timeout. Left out: the CPU time of
//! completing a waiting request.

use std::vec::IntoIter;

use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::connections::State;
use super::groups::Written;
use super::{Broker, Ctx, TAGS, kind};
use crate::batch::SharedBatch;
use crate::bugs::Bug;
use crate::kafka::ids::TopicPartition;
use crate::kafka::message::{ErrorCode, Message, Produce, ProduceResult};
use crate::kafka::record::ProducerEpoch;
use crate::kafka::replica::{Append, RequestId};
use crate::protocol;

/// A produce request under way.
#[derive(Debug)]
pub struct Producing {
    by: By,
    acks: i16,
    timeout: Duration,
    /// What is still to be appended.
    batches: IntoIter<(SharedBatch, Option<ProducerEpoch>)>,
    results: Vec<ProduceResult>,
    /// (partition, offset that the high watermark must reach).
    required: Vec<(TopicPartition, u64)>,
}

/// Whose it is.
#[derive(Debug)]
pub(super) enum By {
    /// A producer's.
    Client {
        from: NodeId,
        /// Number of the request on its connection.
        serial: u64,
        correlation: u64,
    },
    /// The coordinator's, which writes a group down.
    Coordinator(Written),
    /// This broker's own, of a segment in remote storage; its number.
    Announcement(u64),
}

impl Broker {
    /// A handler begins to append what a producer has sent.
    pub(super) fn produce(&mut self, ctx: &mut Ctx<'_>, from: NodeId, request: Produce) {
        let Some(connection) = self.connections.get_mut(&from) else { return };
        self.last_request += 1;
        let id = RequestId(self.last_request);
        connection.state = State::Producing(id);
        let batches: Vec<_> = request.batches.into_iter().zip(request.producer_epochs).collect();
        let producing = Producing {
            by: By::Client { from, serial: connection.serial, correlation: request.correlation },
            acks: request.acks,
            timeout: Duration::from_millis(request.timeout_ms),
            results: Vec::with_capacity(batches.len()),
            batches: batches.into_iter(),
            required: Vec::new(),
        };
        self.producing.insert(id, Box::new(producing));
        self.produce_on(ctx, id);
    }

    /// A coordinator writes a group's records.
    pub(super) fn write_down_group(
        &mut self,
        ctx: &mut Ctx<'_>,
        batch: SharedBatch,
        written: Written,
    ) {
        self.append_own(ctx, batch, By::Coordinator(written));
    }

    /// The broker itself appends to a partition that it leads.
    pub(super) fn append_own(&mut self, ctx: &mut Ctx<'_>, batch: SharedBatch, by: By) {
        self.last_request += 1;
        let id = RequestId(self.last_request);
        let producing = Producing {
            by,
            acks: -1,
            timeout: Duration::from_millis(self.config.broker.offsets_commit_timeout_ms),
            results: Vec::with_capacity(1),
            batches: vec![(batch, None)].into_iter(),
            required: Vec::new(),
        };
        self.producing.insert(id, Box::new(producing));
        self.produce_on(ctx, id);
    }

    /// Appends what is left of a request, up to the first batch that has to wait.
    fn produce_on(&mut self, ctx: &mut Ctx<'_>, id: RequestId) {
        loop {
            let Some(producing) = self.producing.get_mut(&id) else { return };
            let all = producing.acks == -1;
            let Some((batch, producer_epoch)) = producing.batches.next() else {
                return self.all_appended(ctx, id);
            };
            let partition = batch.lane.into();
            let append = Append::Produced { request: id, batch, producer_epoch, all };
            match self.append_now(ctx, partition, append) {
                Some((error, end_offset)) => self.note_result(id, partition, error, end_offset),
                None => return,
            }
        }
    }

    fn note_result(
        &mut self,
        id: RequestId,
        partition: TopicPartition,
        error: ErrorCode,
        end_offset: u64,
    ) {
        let early = u64::from(self.bugs.has(Bug::AckedAnOffsetEarly));
        let Some(producing) = self.producing.get_mut(&id) else { return };
        producing.results.push(ProduceResult { partition, error });
        let end_offset = end_offset.saturating_sub(early);
        if error == ErrorCode::None && producing.acks == -1 {
            producing.required.push((partition, end_offset));
        }
    }

    /// A batch of a request that had to wait is in the log, or was refused.
    pub(super) fn batch_done(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: RequestId,
        partition: TopicPartition,
        error: ErrorCode,
        end_offset: u64,
    ) {
        self.note_result(id, partition, error, end_offset);
        self.produce_on(ctx, id);
    }

    /// The handler has done with the request, which may have to wait for followers.
    fn all_appended(&mut self, ctx: &mut Ctx<'_>, id: RequestId) {
        let Some(producing) = self.producing.get(&id) else { return };
        let (timeout, required) = (producing.timeout, producing.required.clone());
        let (held, client) = match &producing.by {
            By::Client { from, .. } => (true, Some(*from)),
            By::Coordinator(written) => (written.holds_handler, None),
            By::Announcement(_) => (false, None),
        };
        if let Some(client) = client {
            self.handler_left(ctx, client);
        }
        if required.is_empty() {
            self.answer_produce(ctx, id);
        } else {
            for (partition, _) in required {
                if self.check_produce(ctx, id, partition)
                    && let Some(replica) = self.replicas.get_mut(partition)
                {
                    replica.waiting.push(id);
                }
            }
            if self.producing.contains_key(&id) {
                ctx.timer(timeout, TAGS.tag(kind::PRODUCE_LATE, id.0));
            }
        }
        if held {
            self.handler_free(ctx);
        }
    }

    fn answer_produce(&mut self, ctx: &mut Ctx<'_>, id: RequestId) {
        let Some(producing) = self.producing.remove(&id) else { return };
        let Producing { by, results, acks, .. } = *producing;
        let (from, serial, correlation) = match by {
            By::Client { from, serial, correlation } => (from, serial, correlation),
            By::Coordinator(written) => {
                let error = results.first().map_or(ErrorCode::NotLeader, |of| of.error);
                return self.group_written(ctx, written, error);
            }
            By::Announcement(number) => return self.announced(ctx, number, &results),
        };
        let waits = |state: &State| matches!(state, State::Producing(of) if *of == id);
        let connection = self.connections.get_mut(&from);
        let current = connection.filter(|of| of.serial == serial && waits(&of.state));
        let Some(connection) = current else { return };
        let failed = results.iter().any(|result| result.error != ErrorCode::None);
        if acks == 0 && failed {
            // That is how the producer learns of it, and asks who leads
            // (`KafkaApis.handleProduceRequest`).
            connection.reset();
            ctx.send(from, protocol::Message::Kafka(Message::Refused));
        } else {
            let response = Message::ProduceResponse { correlation, results };
            self.respond_within_quota(ctx, from, (acks != 0).then_some(response));
        }
    }

    /// Whether a request has to go on waiting for a partition; it is answered when it waits for
    /// none.
    fn check_produce(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: RequestId,
        partition: TopicPartition,
    ) -> bool {
        let min_isr = self.min_insync(partition);
        let Some(producing) = self.producing.get_mut(&id) else { return false };
        let mut required = producing.required.iter();
        let Some(at) = required.position(|(of, _)| *of == partition) else { return false };
        let offset = producing.required[at].1;
        let error = match self.replicas.get(partition) {
            Some(replica) if replica.state.leader != Some(self.me) => ErrorCode::NotLeader,
            Some(replica) if replica.high_watermark < offset => return true,
            Some(replica) if (replica.state.isr.len() as u32) < min_isr => {
                ErrorCode::NotEnoughReplicasAfterAppend
            }
            _ => ErrorCode::None,
        };
        producing.required.swap_remove(at);
        if error != ErrorCode::None {
            producing.fail(partition, error);
        }
        if producing.required.is_empty() {
            self.answer_produce(ctx, id);
        }
        false
    }

    /// The high watermark or the leader of a partition has changed: answers those who waited for
    /// it.
    pub(super) fn check_waiting_produce(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition) {
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        let mut waiting = std::mem::take(&mut replica.waiting);
        waiting.retain(|id| self.check_produce(ctx, *id, partition));
        if let Some(replica) = self.replicas.get_mut(partition) {
            replica.waiting.extend(waiting);
        }
    }

    /// The longest wait of a request is over.
    pub(super) fn produce_late(&mut self, ctx: &mut Ctx<'_>, id: RequestId) {
        let Some(producing) = self.producing.get_mut(&id) else { return };
        for (partition, _) in std::mem::take(&mut producing.required) {
            producing.fail(partition, ErrorCode::RequestTimedOut);
        }
        self.answer_produce(ctx, id);
    }
}

impl Producing {
    fn fail(&mut self, partition: TopicPartition, error: ErrorCode) {
        if let Some(of) = self.results.iter_mut().find(|of| of.partition == partition) {
            of.error = error;
        }
    }
}
