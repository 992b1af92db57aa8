//! A client of Pravega 0.13: events are written to a stream, and all of it is read back.
//!
//! Made for driving a cluster under test, where a client must not add to what is measured nor wait
//! for ever: a writer and a reader look for the store of a segment again at every attempt, and give
//! up after a deadline. [`EventWriter`] and [`StreamReader`] are what it is for; [`Controller`]
//! makes streams and removes them; [`wire`] is the protocol that stores speak. It stands for
//! itself: which part of the software each file follows is said in it.

mod backoff;
mod connection;
mod controller;
mod error;
mod murmur;
mod options;
mod reader;
mod segment;
mod unique;
pub mod wire;
mod writer;

pub use controller::{Controller, Scaling, Successor};
pub use error::Error;
pub use options::Options;
pub use reader::{READ_BYTES, Slice, StreamReader};
pub use segment::{Routes, RoutingKey, SegmentId, SegmentRange, StreamName};
pub use wire::WireError;
pub use writer::{EVENT_BYTES_MAX, EventWriter, NotTaken, Tell};

#[cfg(test)]
mod tests;
