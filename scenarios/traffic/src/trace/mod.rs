//! Traces: a schedule that was recorded, as lines of time, key and size.
//!
//! ```text
//! time,key,size                            {"time": 0.000281480, "key": 13061, "size": 2370}
//! 0.000281480,13061,2370                   {"time": 0.001075381, "key": "user-7", "size": 1148}
//! 0.001075381,user-7,1148
//! ```
//!
//! A trace is read as it is walked, a line at a time, by each walk for itself: memory does not grow
//! with its length. Reading one over in full (its [`Survey`]) is done once, when a scenario is
//! read, so that what is wrong with it is known before anything runs.

mod line;
mod reader;
mod save;
mod spec;

pub use reader::Survey;
pub(super) use reader::{Reader, Trouble};
pub use save::save;
pub use spec::{Format, Malformed, Origin, TraceSpec, Unit};
