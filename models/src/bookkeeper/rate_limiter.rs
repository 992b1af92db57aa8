//! The limiter of adds of one ledger handle.
//!
//! Stands for Guava's `RateLimiter.create(throttle)` (SmoothBursty: permits unused in the last
//! second are kept) in `client/LedgerHandle.java` of apache/bookkeeper @ branch-4.15.
//!
//! Parameters: `throttle` of [`super::config::Client`], adds per second. Left out: waiting in a
//! thread: a caller that finds no permit is told when to try again.

use headwater_sim::time::{Duration, Time};

/// A token bucket that holds one second's worth.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    /// Time between permits; zero for no limit.
    interval: Duration,
    /// When the next permit is free; in the past as far as permits are saved.
    next_free: Time,
}

const BURST: Duration = Duration::from_secs(1);

impl RateLimiter {
    /// `per_second` permits a second, none saved yet; 0 for no limit.
    pub fn new(per_second: u64, now: Time) -> Self {
        let interval = 1_000_000_000_u64.checked_div(per_second).unwrap_or(0);
        Self { interval: Duration(interval), next_free: now }
    }

    /// Takes a permit if one is free; else tells when one will be.
    pub fn take(&mut self, now: Time) -> Result<(), Time> {
        if self.interval == Duration::ZERO {
            return Ok(());
        }
        if self.next_free > now {
            return Err(self.next_free);
        }
        let oldest = Time(now.0.saturating_sub(BURST.0));
        self.next_free = self.next_free.max(oldest) + self.interval;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_second_of_permits_is_saved_and_no_more() {
        let mut limiter = RateLimiter::new(5_000, Time::ZERO);
        let now = Time::ZERO + Duration::from_secs(10);
        let burst = (0..).take_while(|_| limiter.take(now).is_ok()).count();
        assert_eq!(burst, 5_001);
        assert_eq!(limiter.take(now), Err(now + Duration::from_micros(200)));
        let mut none = RateLimiter::new(0, Time::ZERO);
        assert!((0..100_000).all(|_| none.take(Time::ZERO).is_ok()));
    }
}
