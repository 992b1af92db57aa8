//! Pravega as a system: what it tells of itself to those who run, hurt and check it.

use crate::role::{Capability, Role};

/// A segment store.
pub const SEGMENT_STORE: &Role = &Role {
    name: "segment store",
    group: "stores",
    who: "every segment store",
    capabilities: &[Capability::Serves],
    identity_file: None,
};

/// A controller.
pub const CONTROLLER: &Role = &Role {
    name: "controller",
    group: "controllers",
    who: "every Pravega controller",
    capabilities: &[],
    identity_file: None,
};
