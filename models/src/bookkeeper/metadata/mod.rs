//! ZooKeeper as one linearizable metadata service.

pub mod message;
