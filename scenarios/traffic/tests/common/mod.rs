//! Traffic that several tests look at.

use headwater_sim::time::Duration;
use headwater_traffic::{Rate, TrafficSpec};

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// As many events a second all the time.
pub fn steady(rate: f64, seconds: u64) -> TrafficSpec {
    TrafficSpec { rate: Rate::per_second(rate), duration: secs(seconds), ..TrafficSpec::default() }
}
