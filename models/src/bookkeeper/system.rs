//! BookKeeper as a system: what it tells of itself to those who run, hurt and check it.

use super::bookie::COOKIE_FILE;
use crate::role::{Capability, Role};

/// A bookie.
pub const BOOKIE: &Role = &Role {
    name: "bookie",
    group: "bookies",
    who: "every bookie",
    capabilities: &[Capability::Serves, Capability::KeepsData],
    identity_file: Some(COOKIE_FILE),
};

/// ZooKeeper, as one linearizable metadata service with session timeouts.
pub const METADATA: &Role = &Role {
    name: "metadata service",
    group: "metadata-services",
    who: "every metadata service",
    capabilities: &[],
    identity_file: None,
};
