//! How a client finds the leaders, and the backoff before it reconnects.
//!
//! Stands for the metadata part of `NetworkClient` (`DefaultMetadataUpdater`,
//! `ClusterConnectionStates`) of the Java client @ 3.9.0: one request at a time to one broker after
//! the other, another broker's turn if there is no answer within `retry.backoff.ms`.
//! `reconnect.backoff.ms` 50 ms, doubling to `reconnect.backoff.max.ms` 1,000 ms
//! (`CommonClientConfigs` @ 3.9.0). Left out: the jitter of a fifth, which would only blur the
//! times; the refresh every five minutes (`metadata.max.age.ms`), since errors bring news sooner.

use headwater_sim::context::Context;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use super::message::Message;
use crate::protocol::{self, Streaming};

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_millis(1_000);

/// A backoff that doubles until a connection works again.
#[derive(Clone, Copy, Debug)]
pub struct ReconnectBackoff(Duration);

impl Default for ReconnectBackoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl ReconnectBackoff {
    /// The pause to make now; the next one is twice as long.
    pub fn pause(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(LAST);
        now
    }

    /// The connection works.
    pub const fn reset(&mut self) {
        self.0 = FIRST;
    }
}

/// Timer tags of a refresher, which its owner hands back.
#[derive(Clone, Copy, Debug)]
pub struct RefreshTags {
    /// The answer to a request is late.
    pub late: u64,
    /// The pause after a broken connection is over.
    pub reconnect: u64,
}

/// Asks brokers, in turn, who leads what.
#[derive(Debug)]
pub struct MetadataRefresher {
    brokers: Vec<NodeId>,
    tags: RefreshTags,
    retry_backoff: Duration,
    /// A request is in flight, or a backoff is running.
    busy: bool,
    ask_next: usize,
    backoff: ReconnectBackoff,
}

impl MetadataRefresher {
    /// A refresher that asks another broker after `retry_backoff` without an answer.
    pub fn new(brokers: Vec<NodeId>, tags: RefreshTags, retry_backoff: Duration) -> Self {
        let backoff = ReconnectBackoff::default();
        Self { brokers, tags, retry_backoff, busy: false, ask_next: 0, backoff }
    }

    /// Asks the next broker, unless one is being asked.
    pub fn refresh(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.busy {
            return;
        }
        self.busy = true;
        let to = self.brokers[self.ask_next % self.brokers.len()];
        self.ask_next += 1;
        ctx.send(to, protocol::Message::Kafka(Message::MetadataRequest));
        ctx.timer(self.retry_backoff, self.tags.late);
    }

    /// A broker has answered.
    pub const fn answered(&mut self) {
        self.backoff.reset();
    }

    /// A connection has broken: asks after a pause.
    pub fn disconnected(&mut self, ctx: &mut Context<'_, Streaming>) {
        if !self.busy {
            self.busy = true;
            ctx.timer(self.backoff.pause(), self.tags.reconnect);
        }
    }

    /// A timer has fired. False if it is not one of the refresher's.
    pub fn timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) -> bool {
        let mine = tag == self.tags.late || tag == self.tags.reconnect;
        if mine {
            self.busy = false;
        }
        if tag == self.tags.reconnect {
            self.refresh(ctx);
        }
        mine
    }
}
