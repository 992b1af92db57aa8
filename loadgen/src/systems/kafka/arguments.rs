//! Kafka's options on the command line.

use clap::Args;

use crate::systems::system::{Asked, Setting};

/// Kafka's options.
#[derive(Clone, Debug, Args)]
pub(super) struct KafkaArguments {
    /// Kafka's brokers; never launches
    #[arg(long, value_name = "HOST:PORT,...", conflicts_with = "launch")]
    bootstrap: Option<String>,
    /// Version of a launched Kafka: 3.9 (the default) or 4.x
    #[arg(long, value_name = "VERSION")]
    kafka_version: Option<String>,
    /// Partitions of Kafka's topic
    #[arg(long, value_name = "N")]
    partitions: Option<u32>,
    /// Kafka's acks: 0, 1 or all
    #[arg(long)]
    acks: Option<String>,
    /// Kafka's linger.ms
    #[arg(long, value_name = "MS")]
    linger: Option<u32>,
}

impl KafkaArguments {
    /// What they ask.
    pub(super) fn asked(self) -> Asked {
        let acks = |acks: String| if acks == "all" { "-1".into() } else { acks };
        let version = |version: String| {
            let line = if version.starts_with('4') { "4.x" } else { version.as_str() };
            // Quoted: a bare 3.9 would be a number.
            format!("\"{line}\"")
        };
        let number = |number: u32| number.to_string();
        let settings = [
            ("--partitions", "system.partitions", self.partitions.map(number)),
            ("--acks", "system.producer.acks", self.acks.map(acks)),
            ("--linger", "system.producer.linger.ms", self.linger.map(number)),
            ("--kafka-version", "system.version", self.kafka_version.map(version)),
        ];
        let set = |(option, path, value): (_, _, Option<String>)| {
            value.map(|value| Setting { option, path, value })
        };
        Asked { cluster: self.bootstrap, settings: settings.into_iter().filter_map(set).collect() }
    }
}
