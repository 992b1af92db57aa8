//! The services behind the second stream of the paper's pipeline, as programs that run.
//!
//! ```text
//!  stream 1 -+-> backup ---> a file, a tweet a line
//!            |
//!            +-> Spark --> stream 2 -+-> trending ----------------+
//!                                    |                            +-> web -> nginx -> a page
//!                                    +-> search (PostgreSQL,  ----+
//!                                        vectors, Redis)
//! ```
//!
//! What the models of the same parts (`models/src/pipeline`) simulate. A service is two halves: the
//! [`source`] reads a topic of Kafka, and a [`stage::Stage`] is handed what was read, in batches,
//! by the loop of [`serve`]; a test hands it batches itself.

pub mod arguments;
pub mod backup;
mod cli;
pub mod delays;
pub mod duration;
pub mod failure;
pub mod http;
pub mod ids;
pub mod malformed;
pub mod nginx;
pub mod record;
pub mod search;
pub mod serve;
pub mod source;
pub mod stage;
pub mod tally;
pub mod trending;
pub mod web;

pub use cli::main;
