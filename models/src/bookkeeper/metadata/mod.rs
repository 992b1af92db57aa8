//! ZooKeeper as one linearizable metadata service.
//!
//! Stands for Apache ZooKeeper 3.6.3 as [`service`] says, which also names its parameters and what
//! it leaves out; [`client`] is its client, [`tree`] its records, [`message`] what they say.

pub mod client;
pub mod message;
pub mod service;
pub mod tree;
