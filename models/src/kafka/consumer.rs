//! A consumer of some of the partitions, from the beginning.
//!
//! Stands for the Java client's `Fetcher` @ 3.9.0 with partitions assigned by hand: one fetch at a
//! time to each leader, answered once there is a byte or after `fetch.max.wait.ms`.
//!
//! Parameters: [`crate::kafka::config::Consumer`]; `retry.backoff.ms` and `request.timeout.ms` at
//! their defaults. Left out: groups and offset commits (every consumer reads from the beginning,
//! once), `max.poll.records` and the CPU time of handing records over (a reader that keeps up).

use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::config::Cluster;
use super::ids::{BrokerId, TopicPartition};
use super::message::{ErrorCode, Fetch, FetchPartition, FetchedPartition, Message};
use super::reconnect::{MetadataRefresher, RefreshTags};
use crate::collections::SortedVecMap;
use crate::feed::Feed;
use crate::outlet::Outlet;
use crate::protocol::{self, Record, Streaming};
use crate::tags::TagLayout;

type Ctx<'a> = Context<'a, Streaming>;

/// Pause before another look at the metadata after an error (`retry.backoff.ms`).
const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// A fetch without an answer for this long is taken as lost (`request.timeout.ms`).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

const REFRESH: RefreshTags = RefreshTags { late: 0, reconnect: 1 };
/// Tags: eight bits of kind, and the request's number.
const TAGS: TagLayout = TagLayout::new(56);
/// The kind of a request's timeout; the refresher's tags are of kind 0.
const LATE: u64 = 1;

struct Position {
    offset: u64,
    leader: Option<BrokerId>,
    leader_epoch: u32,
}

/// A consumer node.
pub struct Consumer {
    config: Rc<Cluster>,
    outlet: Outlet,
    brokers: Vec<NodeId>,
    positions: SortedVecMap<TopicPartition, Position>,
    /// Number of the fetch that is at each broker; zero for none.
    waiting: Vec<u64>,
    correlation: u64,
    refresher: MetadataRefresher,
}

impl Consumer {
    /// Consumer number `reader`, of every `consumers`th partition.
    pub fn new(config: Rc<Cluster>, brokers: Vec<NodeId>, reader: u32, feed: &Feed) -> Self {
        let mine =
            (0..config.partitions).filter(|partition| partition % config.consumers == reader);
        let mine = mine.map(TopicPartition::of_events);
        let position = |partition: TopicPartition| Position {
            offset: 0,
            leader: Some(partition.first_leader(config.brokers)),
            leader_epoch: 0,
        };
        let refresher = MetadataRefresher::new(brokers.clone(), REFRESH, RETRY_BACKOFF);
        Self {
            positions: mine.map(|partition| (partition, position(partition))).collect(),
            waiting: vec![0; brokers.len()],
            config,
            outlet: feed.outlet(reader),
            brokers,
            correlation: 0,
            refresher,
        }
    }

    fn fetch_all(&mut self, ctx: &mut Ctx<'_>) {
        for broker in 0..self.brokers.len() {
            self.fetch(ctx, BrokerId(broker as u32));
        }
        if self.positions.values().any(|position| position.leader.is_none()) {
            self.refresher.refresh(ctx);
        }
    }

    fn fetch(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        if self.waiting[broker.index()] != 0 {
            return;
        }
        let led = self.positions.iter().filter(|(_, position)| position.leader == Some(broker));
        let partitions: Vec<_> = led
            .map(|(partition, position)| FetchPartition {
                partition: *partition,
                offset: position.offset,
                leader_epoch: position.leader_epoch,
                last_fetched_epoch: None,
            })
            .collect();
        if partitions.is_empty() {
            return;
        }
        self.correlation += 1;
        self.waiting[broker.index()] = self.correlation;
        let config = &self.config.consumer;
        let fetch = Fetch {
            correlation: self.correlation,
            replica: None,
            max_wait_ms: config.fetch_max_wait_ms,
            partition_max_bytes: config.max_partition_fetch_bytes,
            max_bytes: config.fetch_max_bytes,
            full: true,
            partitions,
            forgotten: Vec::new(),
        };
        let to = self.brokers[broker.index()];
        ctx.send(to, protocol::Message::Kafka(Message::Fetch(Box::new(fetch))));
        ctx.timer(REQUEST_TIMEOUT, TAGS.tag(LATE, self.correlation));
    }

    fn take(&mut self, ctx: &mut Ctx<'_>, fetched: FetchedPartition) {
        let Some(position) = self.positions.get_mut(&fetched.partition) else { return };
        if fetched.error == ErrorCode::OffsetOutOfRange {
            // `auto.offset.reset`: what was read is gone from the log; go on from its end.
            position.offset = position.offset.min(fetched.high_watermark);
        } else if fetched.error != ErrorCode::None {
            position.leader = None;
        }
        for of in fetched.batches {
            position.offset = of.end_offset();
            self.outlet.deliver(ctx, of.batch, of.base_offset);
        }
    }
}

impl Node<Streaming> for Consumer {
    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        self.fetch_all(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: protocol::Message) {
        match message {
            protocol::Message::Kafka(Message::FetchResponse {
                correlation, partitions, ..
            }) => {
                let at = self.brokers.iter().position(|broker| *broker == from);
                let Some(broker) = at.filter(|at| self.waiting[*at] == correlation) else { return };
                self.waiting[broker] = 0;
                partitions.into_iter().for_each(|fetched| self.take(ctx, fetched));
            }
            protocol::Message::Kafka(Message::Refused) => return self.on_disconnect(ctx, from),
            protocol::Message::Kafka(Message::MetadataResponse { leaders }) => {
                self.refresher.answered();
                for (partition, position) in self.positions.iter_mut() {
                    (position.leader, position.leader_epoch) = leaders[partition.index()];
                }
            }
            _ => return,
        }
        self.fetch_all(ctx);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        if !self.refresher.timer(ctx, tag) {
            let late = self.waiting.iter_mut().find(|request| **request == TAGS.low(tag));
            let Some(late) = late else { return };
            *late = 0;
            self.refresher.refresh(ctx);
        }
        self.fetch_all(ctx);
    }

    fn on_completion(&mut self, _: &mut Ctx<'_>, _: u64, _: Completion<Record>) {}

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        if let Some(broker) = self.brokers.iter().position(|broker| *broker == peer) {
            self.waiting[broker] = 0;
            for position in self.positions.values_mut() {
                if position.leader == Some(BrokerId(broker as u32)) {
                    position.leader = None;
                }
            }
            self.refresher.disconnected(ctx);
        }
    }
}
