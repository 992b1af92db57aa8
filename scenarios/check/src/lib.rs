//! Checkers: what a run promised against what its history shows.
//!
//! A [`History`] is built as a run goes on, from the notes of a simulation or from the observations
//! of the load generator, and keeps ranges of sequence numbers, not events. A [`Suite`] is made
//! from the [`Promises`] of a system in a configuration, and gives one [`Verdict`] for each, with
//! the number of violations and the earliest offending ranges.
//!
//! | verdict | fails when |
//! |---|---|
//! | `no_acked_loss` | an acknowledged event was never delivered |
//! | `no_duplicates` | an event is stored at two positions (or, if promised, is delivered twice) |
//! | `order_per_lane` | a reader is first handed an event after a later one of its lane |
//! | `prefix_reads` | a reader is moved past events that it was not handed |
//! | `readers_agree` | two deliveries of one position differ |
//! | `watermarks_monotone` | a high watermark, last add confirmed or epoch falls |
//! | `durable_replicas` | an acknowledged event is on fewer disks at the end than promised |
//! | `payloads_intact` | a payload came back damaged |
//! | `properties_always` | what a model says must always hold did not |
//! | `properties_eventually` | what a model says must hold in the end does not |
//!
//! An event whose write failed may be there or not: no checker counts it as lost.

mod agreement;
mod duplicates;
mod durability;
mod history;
mod loss;
mod order;
mod prefix;
mod properties;
mod ranges;
mod stored;
mod suite;
mod verdict;

pub use history::{Events, Fall, History, Positions, Span};
pub use properties::Properties;
pub use ranges::{Range, RangeSet};
pub use stored::{Replica, Stored};
pub use suite::{Audience, Once, Promises, Suite};
pub use verdict::{Finding, Verdict};
