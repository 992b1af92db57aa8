//! The backup file: every event of a stream as a line of JSON, kept for good.
//!
//! ```text
//!  what is new -> lines -> one write -+-> file
//!                                     |
//!  every commit.interval: [sync] -> how long the file is, and up to where in the stream -> [sync]
//!                                     |
//!  after a restart: the file is cut back to its position, and goes on from there
//! ```
//!
//! Stands for the "JSON file (permanent backup)" of the paper's section 5, of which nothing is
//! known but that tweets go there from where they come in. It takes from the readers of the
//! stream, and not from the source beside it: in a stream there is a place to return to, so that a
//! restart has the events that it missed, and a source has none. What it does with file and
//! position is what Flink's file sink does on a local file system
//! (`LocalRecoverableFsDataOutputStream.java` @ apache/flink release-1.20): `persist` forces the
//! file out and tells how long it is, and who resumes from there cuts off what lies behind. Without
//! that (`once = false`) it is Kafka
//! Connect's `FileStreamSinkTask.java` @ apache/kafka 3.9.0, which appends and cuts nothing off.

pub mod config;
pub mod deploy;
pub mod process;
pub mod properties;
pub mod record;
pub mod recovery;
pub mod signals;
pub mod system;
