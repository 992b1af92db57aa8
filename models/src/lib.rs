//! Kafka, BookKeeper, Pravega, tiered storage and what stands behind a stream as state machines
//! without I/O.
//!
//! A model is a [`Node`](headwater_sim::node::Node) of the kernel over the one
//! [`protocol`]: it takes an input (a message, a timer, finished work), changes its state, and
//! records effects in its [`Context`](headwater_sim::context::Context). To write one:
//!
//! 1. Read `sim/examples/first_model.rs`: a whole model, its bench and its fault in one file.
//! 2. Give the system a folder, a file for each component of the real one. Each opens with what it
//!    stands for @ version, its parameters with unit and source, and what it leaves out and why.
//! 3. `config.rs`: structs with the real option names and defaults per version, and a `check` that
//!    refuses impossible topologies. `deploy.rs`: its machines and nodes, as a
//!    [`Deployment`](deployment::Deployment).
//! 4. Whatever must survive a crash goes to the disk, by effects: a node that is started again is
//!    built from its configuration and what its disk gives back, nothing else.
//! 5. Take events from the [`intake`] when acting, and acknowledge them there; hand out what is
//!    read by the [`outlet`]. Both tell it by notes ([`note`]): the checkers live on those, not on
//!    what the model believes.
//! 6. Declare what must always, sometimes and eventually hold ([`property`]), and note it.
//! 7. Test it on a bench of its own in `models/tests/`, with numbers: what it costs, and that it
//!    copes with a crash, a partition, a power cut.
//!
//! Models don't know that faults exist, ask no clock but the context's, draw from its streams only,
//! and iterate nothing that hashes.

pub mod arrival;
pub mod audit;
pub mod batch;
pub mod bookkeeper;
pub mod bugs;
mod collections;
pub mod component;
pub mod deployment;
pub mod feed;
pub mod handover;
pub mod intake;
pub mod kafka;
pub mod key_hash;
pub mod logs;
pub mod note;
pub mod outlet;
pub mod pipeline;
pub mod pravega;
pub mod property;
pub mod protocol;
pub mod queries;
pub mod replay;
pub mod role;
pub mod runtime;
pub mod shelf;
pub mod signal;
pub mod sizing;
pub mod system;
pub mod systems;
pub mod tags;
pub mod tier;
pub mod topics;
pub mod wait;
