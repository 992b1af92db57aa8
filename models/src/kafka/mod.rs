//! Apache Kafka 3.9 and 4.x in KRaft combined mode: brokers, controllers, producers, consumers.
//!
//! Stands for a cluster of apache/kafka with its topics and clients; parameters in [`config`].
//! An event's lane is its partition. See each module for what it stands for and what it
//! leaves out; [`deploy::deploy`] puts it all together.

pub mod backoff;
pub mod broker;
pub mod compression;
pub mod config;
pub mod consumer;
pub mod controller;
pub mod costs;
pub mod deploy;
pub mod fetch_session;
pub mod group;
pub mod ids;
pub mod message;
pub mod metadata;
pub mod partition_log;
pub mod producer;
pub mod properties;
pub mod quota;
pub mod reassignment;
pub mod reconnect;
pub mod record;
pub mod remote;
pub mod replica;
pub mod segments;
pub mod signals;
pub mod sizing;
pub mod system;
pub mod tls;
pub mod topics;
pub mod unmodelled;
mod waits;
