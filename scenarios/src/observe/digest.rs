//! A hash of a schedule: two runs with the same one were given the same events at the same times.

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;

/// Chains a hash over arrivals, in order. Live and simulated runs of a schedule get the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScheduleDigest(u64);

impl ScheduleDigest {
    /// Adds the next arrival.
    #[inline]
    pub fn add(&mut self, arrival: &Arrival) {
        let what = mix(arrival.key, u64::from(arrival.bytes));
        self.0 = mix(self.0, mix(arrival.at.0, what));
    }
}

impl std::fmt::Display for ScheduleDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
