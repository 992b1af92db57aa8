//! The Outcome schema (what a run says about itself) and its renderings.
//!
//! A run fills a [`Recorder`] while it goes, makes an [`Outcome`] of it at the end and writes that
//! as `outcome.json`, with [`report()`] and [`hlog()`] beside it and [`summary()`] on the terminal.
//! Everything here reads Outcomes: it shows whether one was simulated or live, and never asks for
//! any other reason.

mod account;
mod chart;
mod compact;
pub mod compare;
pub mod diagram;
mod environment;
mod error;
pub mod export;
pub mod fair;
mod file;
pub mod forecast;
mod hlog;
pub mod latency;
pub mod markdown;
pub mod outcome;
mod page;
pub mod paper;
pub mod phase;
pub mod recorder;
mod recovery;
mod report;
pub mod resource;
pub mod series;
mod stages;
mod streams;
mod summary;
pub mod swarm;
pub mod sweep;
pub mod text;
pub mod threads;
mod verdict;
pub mod waited;

pub use account::{account, constraint, stood_still};
pub use compare::{Comparison, compare};
pub use diagram::Diagram;
pub use error::OutcomeError;
pub use forecast::{Forecast, Score, forecast_report};
pub use hlog::{hlog, write_hlog};
pub use latency::{Latencies, Latency, Summary};
pub use outcome::Outcome;
pub use recorder::Recorder;
pub use recovery::{aftermath_ns, catch_up_ns, recovery_ns};
pub use report::{report, write_report};
pub use resource::{Binding, Resource, ResourceKind, Resources};
pub use series::{Gauge, Series};
pub use summary::summary;
pub use threads::{ThreadGroup, Threads};
