//! Pravega 0.13.0: writers, segment stores, containers, controller, readers.
//!
//! ```text
//! producer ──append block─> store: connection ─> container: operation processor ─frames─> data log
//!    ^                        ^                      │ throttler, cache               (BookKeeper
//!    └──────────ack───────────┴───── commit <────────┤                                 or memory)
//! consumer <──tail or historical read─ read index <──┘── storage writer ──flushes──> tier 2
//! controller: where is a segment; which store runs which container
//! ```
//!
//! A lane is a segment; one that is scaled goes on in the lanes of its successors. Start with
//! [`config::Cluster`] and [`deploy::deploy`].
//!
//! Parameters and what is left out stand in each file. Left out as a whole: transactions,
//! key-value tables, watermarks, index segments (0.14 and later), authentication.

pub mod cache;
pub mod config;
pub mod container;
pub mod controller;
pub mod data_log;
pub mod deploy;
pub mod epochs;
pub mod message;
pub mod node;
pub mod properties;
pub mod reader;
pub mod segment;
pub mod segment_store;
pub mod signals;
pub mod sizing;
pub mod stream;
pub mod system;
pub mod truncation;
pub mod waits;
pub mod writer;
