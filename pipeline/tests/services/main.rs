//! The services, fed by hand or by a Kafka that librdkafka plays in the process: no other program
//! is needed.

#[path = "../common/mod.rs"]
mod common;
mod kafka;
mod trending;
