//! ZooKeeper as one linearizable metadata service.

pub mod client;
pub mod message;
pub mod service;
pub mod tree;
