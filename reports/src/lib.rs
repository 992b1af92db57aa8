//! The Outcome schema (what a run says about itself) and its renderings.
//!
//! A run fills a [`Recorder`] while it goes, makes an [`Outcome`] of it at the end and writes that
//! as `outcome.json`. Everything else here reads Outcomes: it shows whether one was simulated or
//! live, and never asks for any other reason.

mod compact;
mod error;
mod file;
pub mod latency;
pub mod outcome;
pub mod recorder;
pub mod resource;
pub mod series;

pub use error::OutcomeError;
pub use latency::{Latencies, Latency, Summary};
pub use outcome::Outcome;
pub use recorder::Recorder;
pub use resource::{Binding, Resource, ResourceKind, Resources};
pub use series::{Gauge, Series};
