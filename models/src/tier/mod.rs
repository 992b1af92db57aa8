//! Tiered storage: a file system, NFS, an object store, or memory behind one set of requests.
//!
//! A client sends `Message::Request { request, operation }` to the [`node::Tier`] and gets
//! `Message::Reply { request, result }`; `request` is its own tag (`message.reply_tag()`). Requests
//! are served side by side and may be answered in any order, except that those for one chunk are
//! carried out in the order in which they came. A request whose connection broke is not answered:
//! ask again after `on_disconnect` (a repeated write answers `BadOffset`; `Stat` tells the length).
//!
//! Stands for long-term storage behind pravega's `ChunkStorage` @ v0.13.0; [`config`] has the
//! parameters with their sources, [`node`] says what is left out.

use crate::role::{Capability, Role};

mod chunk;
mod conditions;
pub mod config;
pub mod message;
pub mod node;
pub mod record;
pub mod signals;

/// Tiered storage.
pub const TIER: &Role = &Role {
    name: "tiered storage",
    group: "tiers",
    who: "all tiered storage",
    capabilities: &[Capability::TieredStorage],
    identity_file: None,
};
