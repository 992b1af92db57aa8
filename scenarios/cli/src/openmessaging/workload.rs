//! A workload of the benchmark: what arrives.

use headwater_reading::problem::Finding;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::yaml::Document;
use super::{Failure, Notes};

/// Keys that its key distributors hand out (`KeyDistributor.UNIQUE_COUNT`).
const KEYS: u32 = 10_000;

/// Where its search for the highest rate begins, in events a second (`WorkloadGenerator`).
const SEARCH_FROM: u64 = 10_000;

/// `Workload.java`, with its defaults.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Workload {
    name: Option<String>,
    #[serde(default = "one")]
    topics: u32,
    partitions_per_topic: u32,
    #[serde(default)]
    key_distributor: KeyDistributor,
    message_size: u64,
    #[serde(default = "one")]
    subscriptions_per_topic: u32,
    producers_per_topic: u32,
    #[serde(default)]
    consumer_per_subscription: u32,
    producer_rate: u64,
    #[serde(default, rename = "consumerBacklogSizeGB")]
    consumer_backlog_gb: u64,
    test_duration_minutes: f64,
    #[serde(default = "one_minute")]
    warmup_duration_minutes: f64,
    /// What is in a message, and when a backlog counts as drained: of no effect here, where nothing
    /// is compressed and a run always ends with everything read.
    #[serde(default, rename = "payloadFile")]
    _payload_file: Option<IgnoredAny>,
    #[serde(default, rename = "useRandomizedPayloads")]
    _use_randomized_payloads: Option<IgnoredAny>,
    #[serde(default, rename = "randomBytesRatio")]
    _random_bytes_ratio: Option<IgnoredAny>,
    #[serde(default, rename = "randomizedPayloadPoolSize")]
    _randomized_payload_pool_size: Option<IgnoredAny>,
    #[serde(default, rename = "backlogDrainRatio")]
    _backlog_drain_ratio: Option<IgnoredAny>,
}

/// How messages get keys (`KeyDistributorType`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum KeyDistributor {
    #[default]
    NoKey,
    KeyRoundRobin,
    RandomNano,
}

const fn one() -> u32 {
    1
}

const fn one_minute() -> f64 {
    1.0
}

impl Workload {
    /// Reads it, and says what is impossible.
    pub fn read(document: &Document, notes: &mut Notes) -> Result<Self, Failure> {
        let read: Self = document.decode(notes)?;
        let positive = [
            ("topics", read.topics > 0),
            ("partitionsPerTopic", read.partitions_per_topic > 0),
            ("messageSize", read.message_size > 0),
            ("producersPerTopic", read.producers_per_topic > 0),
            ("testDurationMinutes", read.test_duration_minutes > 0.0),
            ("warmupDurationMinutes", read.warmup_duration_minutes >= 0.0),
        ];
        let wrong = positive.iter().filter(|(_, right)| !right).map(|(key, _)| {
            let finding = Finding::new(format!("{key}: expected more than 0"), document.place(key));
            finding.label("impossible")
        });
        let wrong: Vec<_> = wrong.collect();
        if wrong.is_empty() { Ok(read) } else { Err(document.wrong(wrong)) }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("a workload")
    }

    /// Partitions, or segments, of all topics.
    pub fn partitions(&self) -> u32 {
        self.topics.saturating_mul(self.partitions_per_topic)
    }

    /// Producers of all topics.
    pub fn producers(&self) -> u32 {
        self.topics.saturating_mul(self.producers_per_topic)
    }

    /// Consumers of one subscription of all topics.
    pub fn consumers(&self) -> u32 {
        self.topics.saturating_mul(self.consumer_per_subscription).max(1)
    }

    /// The sections `[traffic]` and `[measure]`.
    pub fn traffic(&self, document: &Document, notes: &mut Notes) -> String {
        self.note(document, notes);
        let seconds = |minutes: f64| (minutes * 60.0).round() as u64;
        let (warm_up, test) =
            (seconds(self.warmup_duration_minutes), seconds(self.test_duration_minutes));
        let rate = if self.producer_rate == 0 { SEARCH_FROM } else { self.producer_rate };
        let keys = match self.key_distributor {
            KeyDistributor::NoKey => "key = \"none\"\n".to_owned(),
            KeyDistributor::KeyRoundRobin | KeyDistributor::RandomNano => {
                format!("key = \"user\"\nusers.count = {KEYS}\nusers.sigma = 0.0\n")
            }
        };
        format!(
            "[traffic]\nrate = \"{rate}/s\"\nduration = \"{}s\"\narrivals = \"constant\"\n{keys}\
             size.model = \"fixed\"\nsize.mean = \"{}B\"\n\n[measure]\nwarm_up = \"{warm_up}s\"\n",
            warm_up + test,
            self.message_size,
        )
    }

    fn note(&self, document: &Document, notes: &mut Notes) {
        if self.topics > 1 {
            let message = format!(
                "topics: {0}: one topic with the partitions and producers of all {0} stands for \
                 them",
                self.topics
            );
            notes.add(message, document.place("topics"));
        }
        if self.subscriptions_per_topic != 1 {
            let message = format!(
                "subscriptionsPerTopic: {}: everything is read by one",
                self.subscriptions_per_topic
            );
            notes.add(message, document.place("subscriptionsPerTopic"));
        }
        if self.consumer_per_subscription == 0 {
            let place = document.place("consumerPerSubscription");
            notes.add("consumerPerSubscription: 0: one reads, so that losses are seen", place);
        }
        if self.consumer_backlog_gb > 0 {
            let place = document.place("consumerBacklogSizeGB");
            notes.add("consumerBacklogSizeGB: no backlog is built up before it is read", place);
        }
        if self.producer_rate == 0 {
            let message = format!(
                "producerRate: 0 asks for the highest rate: {SEARCH_FROM}/s stands for it; \
                 `headwater find FILE --max traffic.rate --until 'response.p99 < 1s, lost = 0'` \
                 looks for it"
            );
            notes.add(message, document.place("producerRate"));
        }
    }
}
