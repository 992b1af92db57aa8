//! Kafka as a system: what it tells of itself to those who run, hurt and check it.

use super::record::META_PROPERTIES_FILE;
use crate::role::{Capability, Role};

/// A broker (combined mode: also a KRaft controller).
pub const BROKER: &Role = &Role {
    name: "broker",
    group: "brokers",
    who: "every Kafka broker",
    capabilities: &[Capability::Serves, Capability::KeepsData],
    identity_file: Some(META_PROPERTIES_FILE),
};
