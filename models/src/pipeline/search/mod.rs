//! Search: a database and an index of vectors behind a stream, and a page whose users look things
//! up in them.
//!
//! ```text
//!  stream -> indexer -> database   (rows, durable)
//!                   \-> index      (vectors, durable; the graph in memory)
//!
//!  users -> balancer -> web 1..n -> cache       a hit ends here
//!                                -> index       the nearest vectors
//!                                -> database    their rows, and then into the cache
//! ```
//!
//! Stands for the search of the paper's section 5: tweets that the engine has worked on go into a
//! database and, as vectors, into Milvus; the page (Flask behind nginx) asks these through a cache
//! in Redis, the entries of which expire. Each part is a process of its own, on a machine of its
//! own where the profile has several.
//!
//! Left out: the text of tweets and queries (which rows are near is drawn by a hash), and so
//! recall; users who try again; encryption.

pub mod balancer;
pub mod cache;
pub mod config;
pub mod database;
pub mod deploy;
pub mod entries;
pub mod index;
pub mod indexer;
pub mod latencies;
pub mod message;
pub mod properties;
pub mod record;
pub mod signals;
pub mod store;
pub mod system;
pub mod users;
pub mod web;
