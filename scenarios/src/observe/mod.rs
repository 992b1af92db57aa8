//! What is observed of a run while it goes on: the observer sees every note and keeps counts,
//! histograms, time series and a history of ranges, never events.

mod acks;
mod digest;
mod observed;
mod rankings;
mod started;
mod stream;
mod timeline;

pub use acks::Acks;
pub use digest::ScheduleDigest;
pub use observed::{Observed, ObservedSpec, StreamSpec};
pub use rankings::Rankings;
pub use started::Started;
pub use stream::{Measured, ObservedStream};
pub use timeline::Timeline;
