//! Replica fetchers: one a leader, one fetch at a time, for every partition followed there.
//!
//! Stands for `ReplicaFetcherThread` and `AbstractFetcherThread` of apache/kafka @ 3.9.0 with
//! `num.replica.fetchers=1`. A follower truncates by leader epoch: where the leader's answer says
//! that the logs have diverged, to the end of the largest epoch that both have
//! (KIP-595, in place of the `OffsetsForLeaderEpoch` request of KIP-101 and KIP-279).
//! After a response the thread goes through all of its partitions to build the next fetch
//! (`AbstractFetcherThread.maybeFetch`, [`crate::kafka::costs::Costs::follower_partition_ns`]);
//! here only those that have changed are looked at. Parameters: `replica.fetch.*` of
//! [`crate::kafka::config::Broker`]; `replica.socket.timeout.ms` at its default.

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::{Broker, Ctx, FETCHERS, TAGS, kind};
use crate::bugs::Bug;
use crate::kafka::fetch_session::{FetchNews, FetchSession};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{ErrorCode, Fetch, FetchPartition, FetchedPartition, InSync, Message};
use crate::kafka::properties;
use crate::kafka::record::LogBatch;
use crate::kafka::replica::Append;
use crate::kafka::signals;

/// A fetcher.
#[derive(Debug, Default)]
pub struct Fetcher {
    correlation: u64,
    state: State,
    session: FetchSession,
    /// Partitions of which it is to be seen again whether and from where they are fetched.
    touched: Vec<TopicPartition>,
    sent_at: Time,
    /// Partitions that nothing is asked for of, while their throttle is used up.
    held: Vec<TopicPartition>,
    /// A timer is running that checks whether the answer is late.
    watched: bool,
    /// The connection stands, or is broken; nothing if neither has been seen.
    connected: Option<bool>,
}

/// A fetch without an answer for this long has failed (`replica.socket.timeout.ms`).
const SOCKET_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// A fetch is at the leader.
    Waiting,
    /// The connection begins with a handshake.
    Greeting,
    /// The thread handles a response.
    Handling(Vec<FetchedPartition>),
    /// This many batches are on their way into the logs.
    Appending(usize),
    /// Not before the backoff is over.
    BackingOff,
}

impl Broker {
    /// A partition has another leader, epoch or log end: its fetcher looks at it again.
    pub(super) fn touch(&mut self, partition: TopicPartition, leader: Option<BrokerId>) {
        if let Some(leader) = leader.filter(|leader| *leader != self.me) {
            self.fetchers.entry_or_default(leader).touched.push(partition);
        }
    }

    fn see_touched(&mut self, now: Time, leader: BrokerId) {
        let (me, throttled) = (self.me, self.follower_is_throttled(now));
        let fetcher = self.fetchers.entry_or_default(leader);
        let by_epoch = !self.bugs.has(Bug::TruncateToHighWatermark);
        fetcher.touched.append(&mut fetcher.held);
        for partition in fetcher.touched.drain(..) {
            let Some(replica) = self.replicas.get(partition) else {
                fetcher.session.forget(partition);
                continue;
            };
            if replica.state.leader != Some(leader) || replica.failed {
                fetcher.session.forget(partition);
                continue;
            }
            // `shouldFollowerThrottle`.
            if throttled && replica.state.awaits(me) && replica.lag != Some(0) {
                fetcher.session.forget(partition);
                fetcher.held.push(partition);
                continue;
            }
            fetcher.session.want(FetchPartition {
                partition,
                offset: replica.log.end_offset(),
                leader_epoch: replica.state.leader_epoch,
                last_fetched_epoch: replica.log.last_epoch().filter(|_| by_epoch),
            });
        }
    }

    /// Every fetcher that is free and has something to fetch does so.
    pub(super) fn run_fetchers(&mut self, ctx: &mut Ctx<'_>) {
        for leader in self.fetchers.keys().copied().collect::<Vec<_>>() {
            let idle = |fetcher: &Fetcher| matches!(fetcher.state, State::Idle);
            if self.fetchers.get(&leader).is_some_and(idle) {
                self.run_fetcher(ctx, leader);
            }
        }
    }

    /// Sends the next fetch to `leader`, if the fetcher is free and follows anything there.
    pub(super) fn run_fetcher(&mut self, ctx: &mut Ctx<'_>, leader: BrokerId) {
        let fetcher = self.fetchers.entry_or_default(leader);
        if !matches!(fetcher.state, State::Idle | State::BackingOff) {
            return;
        }
        self.see_touched(ctx.now(), leader);
        let fetcher = self.fetchers.entry_or_default(leader);
        if fetcher.session.is_empty() {
            if !fetcher.held.is_empty() {
                return self.fetcher_free(ctx, leader, true);
            }
            fetcher.state = State::Idle;
            return;
        }
        // Connections stand when a run begins.
        let connected = fetcher.connected.unwrap_or(self.incarnation == 0);
        let greets = !connected && self.config.broker.security_inter_broker_protocol.encrypts();
        fetcher.state = if greets { State::Greeting } else { State::Waiting };
        fetcher.sent_at = ctx.now();
        if !std::mem::replace(&mut fetcher.watched, true) {
            ctx.timer(SOCKET_TIMEOUT, TAGS.tag(kind::FETCH_LATE, leader.into()));
        }
        if greets {
            return self.send(ctx, leader, Message::Hello);
        }
        let fetcher = self.fetchers.entry_or_default(leader);
        let FetchNews { full, partitions, forgotten } = fetcher.session.tell();
        fetcher.correlation += 1;
        let config = &self.config.broker;
        let fetch = Fetch {
            correlation: fetcher.correlation,
            replica: Some(InSync { broker: self.me, incarnation: self.incarnation }),
            max_wait_ms: config.replica_fetch_wait_max_ms,
            partition_max_bytes: config.replica_fetch_max_bytes,
            max_bytes: config.replica_fetch_response_max_bytes,
            full,
            partitions,
            listed: None,
            forgotten,
        };
        self.send(ctx, leader, Message::Fetch(Box::new(fetch)));
    }

    /// Is the answer to a fetch late? A leader that lost its power says nothing.
    pub(super) fn check_fetcher(&mut self, ctx: &mut Ctx<'_>, leader: BrokerId) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        fetcher.watched = false;
        if !matches!(fetcher.state, State::Waiting | State::Greeting) {
            return;
        }
        let deadline = fetcher.sent_at + SOCKET_TIMEOUT;
        if ctx.now() >= deadline {
            fetcher.session.lose();
            return self.fetcher_free(ctx, leader, true);
        }
        fetcher.watched = true;
        ctx.timer(deadline.since(ctx.now()), TAGS.tag(kind::FETCH_LATE, leader.into()));
    }

    /// The leader has answered: the fetcher thread takes the response in.
    pub(super) fn fetch_response(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: NodeId,
        correlation: u64,
        error: ErrorCode,
        partitions: Vec<FetchedPartition>,
    ) {
        let Some(leader) = self.number_of(from) else { return };
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        if fetcher.correlation != correlation || !matches!(fetcher.state, State::Waiting) {
            return;
        }
        if error != ErrorCode::None {
            fetcher.session.lose();
        }
        let batches = || partitions.iter().flat_map(|fetched| &fetched.batches);
        let bytes: u64 = batches().map(|batch| batch.size_bytes()).sum();
        let batches = batches().count() as u64;
        fetcher.state = State::Handling(partitions);
        let costs = &self.config.costs;
        let taken = if bytes == 0 { costs.handle_request_ns } else { costs.append(batches, bytes) };
        let walk = costs.follower_partition_ns * fetcher.session.len() as u64;
        let cost = taken + walk + self.config.broker_tls_ns(bytes);
        let cost = self.jvm.cost(Duration(cost));
        ctx.compute(FETCHERS, cost, TAGS.tag(kind::FETCHED, leader.into()));
    }

    /// The response's batches go to the logs.
    pub(super) fn take_fetched(&mut self, ctx: &mut Ctx<'_>, leader: BrokerId) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        let State::Handling(partitions) = std::mem::take(&mut fetcher.state) else { return };
        let batches = partitions.iter().map(|fetched| fetched.batches.len()).sum();
        fetcher.state = State::Appending(batches);
        fetcher.touched.extend(partitions.iter().map(|fetched| fetched.partition));
        let mut failed = false;
        for fetched in partitions {
            let partition = fetched.partition;
            if fetched.error == ErrorCode::OffsetOutOfRange {
                self.out_of_range(ctx, partition, fetched.log_start);
                continue;
            }
            failed |= fetched.error != ErrorCode::None;
            if fetched.error == ErrorCode::OffsetMovedToTieredStorage {
                self.build_aux_state(ctx, &fetched);
                continue;
            }
            if fetched.error == ErrorCode::FencedLeaderEpoch {
                properties::EPOCH_REFUSED.reached(ctx);
            }
            if let Some((epoch, end)) = fetched.diverging {
                self.truncate_diverged(ctx, partition, epoch, end);
            }
            self.count_followed(ctx.now(), partition, fetched.size_bytes());
            let Some(replica) = self.replicas.get_mut(partition) else {
                let gone = fetched.batches.len();
                (0..gone).for_each(|_| self.fetched_batch_done(ctx, leader));
                continue;
            };
            if fetched.error == ErrorCode::None && fetched.diverging.is_none() {
                let last = fetched.batches.last().map(|batch| batch.end_offset());
                let end = last.unwrap_or(replica.log.end_offset());
                replica.lag = Some(fetched.high_watermark.saturating_sub(end));
                replica.high_watermark =
                    replica.high_watermark.max(fetched.high_watermark.min(end));
                // Segments before it go at the next look (`maybeIncrementLogStartOffset`).
                replica.log.raise_start(fetched.log_start.min(replica.high_watermark));
            }
            // The leader's batch begins within this log: they are not the same (`UnifiedLog.append`
            // throws `UnexpectedAppendOffsetException`).
            let end = replica.log.end_offset();
            let astride = |batch: &LogBatch| batch.base_offset < end && end < batch.end_offset();
            if fetched.batches.first().is_some_and(astride) {
                replica.failed = true;
                signals::PARTITION_FAILED.note(ctx, u64::from(partition), end);
                properties::PARTITION_FAILED.reached(ctx);
            }
            let up_to_date = fetched.error == ErrorCode::None && fetched.high_watermark <= end;
            let appends =
                fetched.batches.into_iter().map(|batch| Append::Fetched { leader, batch });
            replica.appends.extend(appends);
            self.next_append(ctx, partition);
            self.metadata_moved(ctx, partition, up_to_date);
        }
        if batches == 0 {
            self.fetcher_free(ctx, leader, failed);
        }
    }

    /// The leader's log begins behind this one's end: it goes on there
    /// (`AbstractFetcherThread.fetchOffsetAndTruncate`, without its two requests for offsets).
    fn out_of_range(&mut self, ctx: &mut Ctx<'_>, partition: TopicPartition, log_start: u64) {
        let end = self.replicas.get(partition).map(|replica| replica.log.end_offset());
        if end.is_some_and(|end| end < log_start) {
            self.restart_log(ctx, partition, log_start);
        }
    }

    fn truncate_diverged(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        epoch: u32,
        end: u64,
    ) {
        let Some(replica) = self.replicas.get(partition) else { return };
        let (_, my_end) = replica.log.end_offset_for(epoch);
        self.truncate(ctx, partition, end.min(my_end));
    }

    /// One of the fetched batches is in its log, or is no longer wanted.
    pub(super) fn fetched_batch_done(&mut self, ctx: &mut Ctx<'_>, leader: BrokerId) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        if let State::Appending(left) = &mut fetcher.state {
            *left -= 1;
            if *left == 0 {
                self.fetcher_free(ctx, leader, false);
            }
        }
    }

    fn fetcher_free(&mut self, ctx: &mut Ctx<'_>, leader: BrokerId, failed: bool) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        if failed {
            fetcher.state = State::BackingOff;
            let backoff = Duration::from_millis(self.config.broker.replica_fetch_backoff_ms);
            return ctx.timer(backoff, TAGS.tag(kind::FETCH_AGAIN, leader.into()));
        }
        fetcher.state = State::Idle;
        self.run_fetcher(ctx, leader);
    }

    /// The connection with a leader has broken.
    pub(super) fn fetcher_lost(&mut self, ctx: &mut Ctx<'_>, leader: BrokerId) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        fetcher.session.lose();
        fetcher.connected = Some(false);
        if matches!(fetcher.state, State::Waiting | State::Greeting) {
            self.fetcher_free(ctx, leader, true);
        }
    }

    /// A leader has done its part of a handshake: the fetcher does its own.
    pub(super) fn greeted(&mut self, ctx: &mut Ctx<'_>, from: NodeId) {
        let Some(leader) = self.number_of(from) else { return };
        let cost = self.jvm.cost(Duration(self.config.costs.tls_client_handshake_ns));
        ctx.compute(FETCHERS, cost, TAGS.tag(kind::GREETED, leader.into()));
    }

    /// The connection with a leader stands.
    pub(super) fn connected(&mut self, ctx: &mut Ctx<'_>, leader: BrokerId) {
        let Some(fetcher) = self.fetchers.get_mut(&leader) else { return };
        if matches!(fetcher.state, State::Greeting) {
            fetcher.connected = Some(true);
            self.fetcher_free(ctx, leader, false);
        }
    }
}
