//! Released lines of Kafka.
//!
//! Stands for no component: which defaults and behaviour a cluster has. No parameters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A released line of Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Version {
    /// 3.9, the last with ZooKeeper; modelled in KRaft mode.
    #[serde(rename = "3.9")]
    V3_9,
    /// 4.x.
    #[serde(rename = "4.x")]
    V4,
}
