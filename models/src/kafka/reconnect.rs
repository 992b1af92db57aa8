//! How a client finds the leaders, and how it comes back to a broker whose connection has broken.
//!
//! Stands for the metadata part of `NetworkClient` (`DefaultMetadataUpdater`,
//! `ClusterConnectionStates`) and `Metadata.timeToAllowUpdate` of the Java client @ 3.9.0, and for
//! `rd_kafka_metadata_fast_leader_query` (`rdkafka_metadata.c:1731-1822`) and the connection states
//! of `rdkafka_broker.c:2224-2333, 4519-4670` of librdkafka @ 2.12.1. Both ask one broker after the
//! other, with pauses that double while nothing new is heard, and both measure the pause before a
//! new connection from the last attempt: one that has held for longer is tried again at once.
//!
//! Parameters: `retry.backoff.ms`, `reconnect.backoff.ms` and their greatest values. Left out: the
//! refresh every five minutes (`metadata.max.age.ms`), since errors bring news sooner. The first
//! request on a new connection is for the metadata, where the Java client asks for the API
//! versions.

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::backoff::{ExponentialBackoff, jittered};
use super::config::{ClientLibrary, Cluster};
use super::ids::BrokerId;
use super::message::Message;
use super::signals;
use crate::protocol::{self, Streaming};
use crate::tags::TagLayout;

type Ctx<'a> = Context<'a, Streaming>;

/// Tags of a client's timers and work: the kind above, which broker or request below.
pub const TAGS: TagLayout = TagLayout::new(56);
/// Kind of a timer: the pause before another question for the metadata is over.
pub const ASK_AGAIN: u64 = 0x70;
/// Kind of a timer: a broker may be connected to again.
pub const CONNECT: u64 = 0x71;
/// Kind of a timer: an attempt to connect has taken too long; of a broker and an attempt.
pub const TOO_LONG: u64 = 0x72;
/// Kind of work: a client's part of a handshake; with a broker.
const GREETED: u64 = 0x73;
/// Kind of a timer: a broker's quota holds the client back no longer.
pub const THROTTLED: u64 = 0x74;
/// Which attempt above, which broker below.
const ATTEMPTS: TagLayout = TagLayout::new(24);
/// `socket.connection.setup.timeout.ms` and its greatest value (`CommonClientConfigs` @ 3.9.0).
const JAVA_SETUP: ExponentialBackoff = ExponentialBackoff::new(10_000, 30_000);
/// `socket.connection.setup.timeout.ms` (`rdkafka_conf.c` @ 2.12.1).
const LIBRDKAFKA_SETUP: Duration = Duration::from_secs(30);

/// How often librdkafka looks through its partitions, messages and requests, for leaders that are
/// down and for what has waited for too long (`rd_kafka_topic_scan_all`, `rdkafka.c:2052`;
/// `rdkafka_broker.c:3655, 4253`).
pub const SCAN_EVERY: Duration = Duration::from_secs(1);

/// How a client's pauses go.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// Whose rules.
    pub client: ClientLibrary,
    /// Between questions for the metadata.
    pub retry: ExponentialBackoff,
    /// First pause between attempts to connect, in ms.
    pub reconnect_ms: u64,
    /// Longest such pause, in ms.
    pub reconnect_max_ms: u64,
    /// A client's part of a TLS handshake, where connections begin with one.
    pub handshake: Option<Duration>,
}

impl Pauses {
    /// Of the cluster's clients.
    pub const fn of(config: &Cluster) -> Self {
        let options = &config.producer;
        Self {
            client: config.client,
            retry: ExponentialBackoff::new(options.retry_backoff_ms, options.retry_backoff_max_ms),
            reconnect_ms: options.reconnect_backoff_ms,
            reconnect_max_ms: options.reconnect_backoff_max_ms,
            handshake: match config.security_protocol.encrypts() {
                true => Some(Duration(config.costs.tls_client_handshake_ns)),
                false => None,
            },
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Up,
    /// Broken; a timer runs.
    Waiting,
    /// Tried, without an answer yet.
    Connecting,
}

/// The connection with one broker.
#[derive(Clone, Copy, Debug, Default)]
struct Connection {
    state: State,
    /// The last attempt.
    attempted: Time,
    /// Not before then; librdkafka only, which sets it with each attempt.
    not_before: Time,
    /// The next pause.
    pause: Duration,
    /// Attempts since it last stood.
    attempts: u32,
    /// The broker holds the client back until then.
    throttled: Time,
}

/// A client's connections with the brokers, and its questions for the metadata.
#[derive(Debug)]
pub struct Connections {
    brokers: Vec<NodeId>,
    each: Vec<Connection>,
    pauses: Pauses,
    /// The next broker to be asked.
    next: usize,
    /// The pause after a question is running.
    pausing: bool,
    /// Something has come up since that needs an answer.
    wanted: bool,
    /// Questions since there was news.
    in_vain: u32,
    /// Some broker holds the client back until then.
    held_until: Time,
}

impl Connections {
    /// All connections stand when a run begins.
    pub fn new(brokers: Vec<NodeId>, pauses: Pauses) -> Self {
        let pause = Duration::from_millis(pauses.reconnect_ms);
        let each = vec![Connection { pause, ..Connection::default() }; brokers.len()];
        Self {
            brokers,
            each,
            pauses,
            next: 0,
            pausing: false,
            wanted: false,
            in_vain: 0,
            held_until: Time::ZERO,
        }
    }

    /// A broker's node.
    pub fn node(&self, broker: BrokerId) -> NodeId {
        self.brokers[broker.index()]
    }

    /// The broker of a node.
    pub fn broker(&self, node: NodeId) -> Option<BrokerId> {
        let at = self.brokers.iter().position(|broker| *broker == node)?;
        Some(BrokerId(at as u32))
    }

    /// Requests may be sent to the broker.
    pub fn up(&self, broker: BrokerId) -> bool {
        self.each[broker.index()].state == State::Up
    }

    /// Requests may be sent to the broker, and it does not hold the client back.
    pub fn ready(&self, broker: BrokerId, now: Time) -> bool {
        self.up(broker) && self.each[broker.index()].throttled <= now
    }

    /// A broker's answer, and that it holds the client back, if it does. The Java client sends it
    /// nothing meanwhile (`NetworkClient.throttle` @ 3.9.0); librdkafka has no KIP-219, and only
    /// tells its application.
    pub fn opened(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) -> Message {
        let Message::Throttled { time, message } = message else { return message };
        if let Some(broker) = self.broker(from) {
            signals::QUOTA.set(ctx, 1_000);
            signals::THROTTLE_TIME.set(ctx, time.as_nanos() / 1_000_000);
            let connection = &mut self.each[broker.index()];
            if self.pauses.client == ClientLibrary::Java {
                connection.throttled = ctx.now() + time;
            }
            ctx.timer(time, TAGS.tag(THROTTLED, broker.into()));
            self.held_until = self.held_until.max(ctx.now() + time);
        }
        *message
    }

    /// All connections stand.
    pub fn all_up(&self) -> bool {
        self.each.iter().all(|connection| connection.state == State::Up)
    }

    /// The next broker that is connected, in turns.
    pub fn next_up(&mut self) -> Option<BrokerId> {
        let count = self.brokers.len();
        let mut turns = (0..count).map(|turn| (self.next + turn) % count);
        let next = turns.find(|at| self.each[*at].state == State::Up)?;
        self.next = next + 1;
        Some(BrokerId(next as u32))
    }

    /// Asks the next broker that is connected for the metadata, once the pause is over.
    pub fn refresh(&mut self, ctx: &mut Ctx<'_>) {
        self.wanted = true;
        if self.pausing {
            return;
        }
        let count = self.brokers.len();
        let turns = (0..count).map(|turn| (self.next + turn) % count);
        let Some(asked) = turns.into_iter().find(|at| self.each[*at].state == State::Up) else {
            // The first connection that comes about brings the metadata.
            return;
        };
        self.next = asked + 1;
        (self.pausing, self.wanted) = (true, false);
        ctx.send(self.brokers[asked], protocol::Message::Kafka(Message::MetadataRequest));
        let pause = self.pauses.retry.pause(self.in_vain, ctx.random());
        self.in_vain += 1;
        ctx.timer(pause, TAGS.tag(ASK_AGAIN, 0));
    }

    /// A broker has answered with the metadata, in which there was news or not. True if its
    /// connection stands only now.
    pub fn answered(&mut self, from: NodeId, news: bool) -> bool {
        if news {
            (self.in_vain, self.wanted) = (0, false);
        }
        let Some(broker) = self.broker(from) else { return false };
        let connection = &mut self.each[broker.index()];
        let fresh = connection.state != State::Up;
        (connection.state, connection.attempts) = (State::Up, 0);
        if self.pauses.client == ClientLibrary::Java {
            connection.pause = Duration::from_millis(self.pauses.reconnect_ms);
        }
        fresh
    }

    /// The connection has broken, or is given up: it is tried again after the pause.
    pub fn broken(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let was = self.each[broker.index()].state;
        match (self.pauses.client, was) {
            (_, State::Waiting) => return,
            (ClientLibrary::Java, _) => {
                let longest = Duration::from_millis(self.pauses.reconnect_max_ms);
                let connection = &mut self.each[broker.index()];
                let pause = jittered(connection.pause, 80..120, ctx.random()).min(longest);
                connection.not_before = connection.attempted + pause;
                connection.pause = (connection.pause * 2).min(longest);
            }
            // Behind a failed attempt the pause is drawn anew, from its end.
            (ClientLibrary::Librdkafka, State::Connecting) => self.postpone(ctx, broker),
            (ClientLibrary::Librdkafka, State::Up) => {}
        }
        let connection = &mut self.each[broker.index()];
        connection.state = State::Waiting;
        let wait = connection.not_before.since(ctx.now());
        ctx.timer(wait, TAGS.tag(CONNECT, broker.into()));
    }

    /// `rd_kafka_broker_update_reconnect_backoff`.
    fn postpone(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let longest = Duration::from_millis(self.pauses.reconnect_max_ms);
        let connection = &mut self.each[broker.index()];
        if connection.not_before + longest < ctx.now() {
            connection.pause = Duration::from_millis(self.pauses.reconnect_ms);
        }
        let pause = jittered(connection.pause, 75..150, ctx.random()).min(longest);
        connection.not_before = ctx.now() + pause;
        connection.pause = (connection.pause * 2).min(longest);
    }

    fn connect(&mut self, ctx: &mut Ctx<'_>, broker: BrokerId) {
        let setup = match self.pauses.client {
            ClientLibrary::Librdkafka => {
                self.postpone(ctx, broker);
                LIBRDKAFKA_SETUP
            }
            ClientLibrary::Java => {
                JAVA_SETUP.pause(self.each[broker.index()].attempts, ctx.random())
            }
        };
        let connection = &mut self.each[broker.index()];
        (connection.state, connection.attempted) = (State::Connecting, ctx.now());
        connection.attempts += 1;
        let attempt = ATTEMPTS.tag(connection.attempts.into(), broker.into());
        let to = self.brokers[broker.index()];
        let first = match self.pauses.handshake {
            Some(_) => Message::Hello,
            None => Message::MetadataRequest,
        };
        ctx.send(to, protocol::Message::Kafka(first));
        ctx.timer(setup, TAGS.tag(TOO_LONG, attempt));
    }

    /// A broker has done its part of a handshake: a thread of `pool` does the client's.
    pub fn greeted(&self, ctx: &mut Ctx<'_>, pool: PoolId, from: NodeId) {
        if let (Some(cost), Some(broker)) = (self.pauses.handshake, self.broker(from)) {
            ctx.compute(pool, cost, TAGS.tag(GREETED, broker.into()));
        }
    }

    /// Work is done. False if it was none of these.
    pub fn worked(&self, ctx: &mut Ctx<'_>, tag: u64) -> bool {
        let (kind, broker) = TAGS.split(tag);
        if kind == GREETED && self.each[broker as usize].state == State::Connecting {
            let to = self.brokers[broker as usize];
            ctx.send(to, protocol::Message::Kafka(Message::MetadataRequest));
        }
        kind == GREETED
    }

    /// A timer has fired. False if it is none of these.
    pub fn timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) -> bool {
        match TAGS.split(tag) {
            (ASK_AGAIN, _) => {
                self.pausing = false;
                if self.wanted {
                    self.refresh(ctx);
                }
            }
            (THROTTLED, _) if self.held_until <= ctx.now() => {
                signals::QUOTA.set(ctx, 0);
                signals::THROTTLE_TIME.set(ctx, 0);
            }
            (THROTTLED, _) => {}
            (CONNECT, which) => self.connect(ctx, BrokerId(which as u32)),
            (TOO_LONG, which) => {
                let (attempt, broker) = ATTEMPTS.split(which);
                let connection = &self.each[broker as usize];
                let same = u64::from(connection.attempts) == attempt;
                if same && connection.state == State::Connecting {
                    self.broken(ctx, BrokerId(broker as u32));
                    self.refresh(ctx);
                }
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use headwater_sim::effect::Effect;
    use headwater_sim::random::Seed;

    use super::*;

    /// Times in ms at which a client tries to connect to a broker that refuses at once, when a
    /// connection that has held for long breaks at 100,000.
    fn attempts(client: ClientLibrary, seed: u64) -> Vec<u64> {
        let (reconnect_ms, reconnect_max_ms) = match client {
            ClientLibrary::Java => (50, 1_000),
            ClientLibrary::Librdkafka => (100, 10_000),
        };
        let retry = ExponentialBackoff::new(100, 1_000);
        let pauses = Pauses { client, retry, reconnect_ms, reconnect_max_ms, handshake: None };
        let mut connections = Connections::new(vec![NodeId(0)], pauses);
        let mut random = Seed(seed).stream("test", 0);
        let mut now = Time(100_000_000_000);
        let mut all = Vec::new();
        for _ in 0..10 {
            let mut effects = Vec::new();
            let mut ctx = Context::new(now, NodeId(1), Seed(seed), &mut random, &mut effects);
            connections.broken(&mut ctx, BrokerId(0));
            let mut timers = effects.iter().filter_map(|effect| match effect {
                Effect::Timer { delay, .. } => Some(*delay),
                _ => None,
            });
            now += timers.next().unwrap();
            all.push(now.0 / 1_000_000 - 100_000);
            let mut ctx = Context::new(now, NodeId(1), Seed(seed), &mut random, &mut effects);
            assert!(connections.timer(&mut ctx, TAGS.tag(CONNECT, 0)));
        }
        all
    }

    #[test]
    fn pauses_between_attempts_grow_as_each_clients_do() {
        for seed in 0..20 {
            let java = attempts(ClientLibrary::Java, seed);
            assert_eq!(java[0], 0, "one that has held for long is tried again at once");
            assert!((40..=60).contains(&java[1]) || (80..=120).contains(&java[1]), "{java:?}");
            assert!((800..=1_000).contains(&(java[9] - java[8])), "{java:?}");
            // A failed attempt doubles the pause twice.
            let librdkafka = attempts(ClientLibrary::Librdkafka, seed);
            assert_eq!(librdkafka[0], 0);
            assert!((150..=300).contains(&librdkafka[1]), "{librdkafka:?}");
            let second = librdkafka[2] - librdkafka[1];
            assert!((600..=1_200).contains(&second), "{librdkafka:?}");
            assert!((7_500..=10_000).contains(&(librdkafka[9] - librdkafka[8])), "{librdkafka:?}");
        }
    }
}
