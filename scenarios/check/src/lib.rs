//! Checkers: what a run promised against what its history shows.
//!
//! A [`History`] is built as a run goes on, from the notes of a simulation or from the observations
//! of the load generator, and keeps ranges of sequence numbers, not events. A [`Suite`] is made
//! from the [`Promises`] of a system in a configuration, and gives one [`Verdict`] for each, with
//! the number of violations and the earliest offending ranges.
//!
//! [`CHECKERS`] lists them, each with its name and what it means.
//!
//! An event whose write failed may be there or not: no checker counts it as lost.

mod agreement;
mod checker;
mod duplicates;
mod durability;
mod entry;
mod expired;
mod fold;
mod fresh;
mod history;
mod loss;
mod order;
mod prefix;
mod properties;
mod ranges;
mod stored;
mod suite;
mod unsent;
mod verdict;

pub use checker::{CHECKERS, Checker, checker};
pub use entry::{Entry, Read, Written};
pub use headwater_models::system::{Once, Positions};
pub use history::{Events, Fall, History, Span};
pub use properties::Properties;
pub use ranges::{Range, RangeSet};
pub use stored::{Replica, Stored};
pub use suite::{Audience, Promises, Suite};
pub use verdict::{Finding, Verdict, grouped};
