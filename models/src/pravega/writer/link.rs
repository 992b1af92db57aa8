//! The connection of a segment writer: finding the store, setting up, backing off.
//!
//! Stands for `SegmentOutputStreamImpl.reconnect` @ v0.13.0 and `SegmentWriter::setup_connection`
//! of pravega-client-rust @ v0.3.7. The Java client asks the controller before every attempt; the
//! Rust client asks once and then tries that address, by default without limit, so that it hangs
//! when its segment has moved for good. `loadgen`'s own (`loadgen/pravega/src/backoff.rs`,
//! `options.rs`) asks before every attempt, waits at most a second between them, and gives up after
//! two minutes.
//!
//! Parameters: `retry.*`, `connect.*`, `rust.retry.*`, `java.retry.*` of [`Writer`], in ms;
//! `loadgen`'s own has constants. Left out: jitter, which no client has.

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::pravega::config::{Client, Writer};
use crate::pravega::message::{Connection, WriterId};
use crate::pravega::segment::SegmentId;

/// The longest wait of `loadgen`'s own client between attempts, ms (`DELAY_MAX`).
const HEADWATER_DELAY_MS_MAX: u64 = 1_000;

/// For how long it tries (`Options::deadline`).
const HEADWATER_DEADLINE: Duration = Duration::from_secs(120);

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing is under way.
    Down,
    /// The controller was asked.
    Resolving,
    /// The store was asked to set up.
    SettingUp(NodeId),
    /// Waiting before the next attempt; with the address to try, if that is fixed.
    BackingOff(Option<NodeId>),
    /// The segment is sealed; its successors are being looked for, or known.
    Sealed,
    /// Ready to append.
    Ready(NodeId),
    /// Given up.
    Dead,
}

/// A segment writer's connection, with its reconnects.
#[derive(Debug)]
pub struct Link {
    /// The current one.
    pub connection: Connection,
    /// How far it is.
    pub phase: Phase,
    /// Bytes sent since the store stopped reading; none while it reads.
    pub stuck_bytes: Option<u64>,
    /// When the store last sent something, or owed nothing.
    pub heard: Time,
    client: Client,
    attempts: u32,
    /// The first of the attempts that failed, one after another.
    failing_since: Option<Time>,
    delay_initial: u64,
    delay_max: u64,
    attempts_max: u32,
}

impl Link {
    /// A link of a writer to a segment.
    pub fn new(client: Client, options: &Writer, writer: WriterId, segment: SegmentId) -> Self {
        let (delay_max, attempts_max) = match client {
            Client::Rust => (options.rust_retry_delay_ms_max, options.rust_retry_attempts_max),
            Client::Java => (options.java_retry_delay_ms_max, options.java_retry_attempts_max),
            Client::Headwater => (HEADWATER_DELAY_MS_MAX, 0),
        };
        Self {
            connection: Connection { writer, segment, number: 0 },
            phase: Phase::Down,
            stuck_bytes: None,
            heard: Time::ZERO,
            client,
            attempts: 0,
            failing_since: None,
            delay_initial: options.retry_delay_ms_initial,
            delay_max,
            attempts_max,
        }
    }

    /// The store, once ready.
    pub fn store(&self) -> Option<NodeId> {
        match self.phase {
            Phase::Ready(store) => Some(store),
            _ => None,
        }
    }

    /// The node that an answer is awaited from, or that appends go to.
    pub fn peer(&self) -> Option<NodeId> {
        match self.phase {
            Phase::SettingUp(store) | Phase::Ready(store) => Some(store),
            _ => None,
        }
    }

    /// A new attempt begins: messages of earlier ones are void.
    pub fn begin(&mut self) {
        self.connection.number += 1;
        self.stuck_bytes = None;
    }

    /// The store has set up the connection.
    pub fn ready(&mut self, store: NodeId) {
        self.phase = Phase::Ready(store);
        self.attempts = 0;
        self.failing_since = None;
    }

    /// The attempt at `store` (if it got that far) has failed, at `now`: how long to wait before
    /// the next, or none if the client gives up.
    pub fn failed(&mut self, store: Option<NodeId>, now: Time) -> Option<Duration> {
        let since = *self.failing_since.get_or_insert(now);
        if self.client == Client::Headwater && now.since(since) >= HEADWATER_DEADLINE {
            self.phase = Phase::Dead;
            return None;
        }
        let exhausted = self.attempts_max > 0 && self.attempts >= self.attempts_max;
        if exhausted && self.client == Client::Java {
            self.phase = Phase::Dead;
            return None;
        }
        if exhausted {
            // The reactor reconnects at once, and asks the controller again.
            self.attempts = 0;
            self.phase = Phase::BackingOff(None);
            return Some(Duration::ZERO);
        }
        self.phase = Phase::BackingOff(store.filter(|_| self.client == Client::Rust));
        let tenfold = 10_u64.saturating_pow(self.attempts);
        self.attempts += 1;
        let delay = self.delay_initial.saturating_mul(tenfold);
        Some(Duration::from_millis(delay.min(self.delay_max)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(client: Client, options: &Writer, store: Option<NodeId>) -> Vec<u64> {
        let mut link = Link::new(client, options, WriterId(1), SegmentId(0));
        (0..12)
            .map_while(|_| link.failed(store, Time::ZERO))
            .map(|delay| delay.as_millis())
            .collect()
    }

    #[test]
    fn the_java_client_gives_up_after_its_attempts() {
        let expected = [1, 10, 100, 1_000, 10_000, 20_000, 20_000, 20_000, 20_000, 20_000];
        assert_eq!(delays(Client::Java, &Writer::default(), None), expected);
    }

    #[test]
    fn the_rust_client_tries_one_address_without_end_unless_told_otherwise() {
        let store = Some(NodeId(3));
        let mut link = Link::new(Client::Rust, &Writer::default(), WriterId(1), SegmentId(0));
        for _ in 0..20 {
            link.failed(store, Time::ZERO);
            assert_eq!(link.phase, Phase::BackingOff(store));
        }
        let options = Writer { rust_retry_attempts_max: 2, ..Writer::default() };
        let mut link = Link::new(Client::Rust, &options, WriterId(1), SegmentId(0));
        let phases: Vec<Phase> = (0..3)
            .map(|_| {
                link.failed(store, Time::ZERO);
                link.phase
            })
            .collect();
        let again = Phase::BackingOff(store);
        assert_eq!(phases, [again, again, Phase::BackingOff(None)]);
    }

    #[test]
    fn the_generators_own_client_asks_again_each_time_and_has_a_deadline() {
        let options = Writer::default();
        let mut link = Link::new(Client::Headwater, &options, WriterId(1), SegmentId(0));
        let (mut now, mut delays) = (Time::ZERO, vec![]);
        while let Some(delay) = link.failed(Some(NodeId(3)), now) {
            assert_eq!(link.phase, Phase::BackingOff(None));
            delays.push(delay.as_millis());
            now += delay;
        }
        assert_eq!(delays[..5], [1, 10, 100, 1_000, 1_000]);
        assert!(now.since(Time::ZERO) >= Duration::from_secs(120) && delays.len() < 125);
        assert_eq!(link.phase, Phase::Dead);
    }
}
