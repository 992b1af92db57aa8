//! The pause before a client connects again.
//!
//! `reconnect.backoff.ms` 50 ms, doubling to `reconnect.backoff.max.ms` 1,000 ms
//! (`CommonClientConfigs` @ 3.9.0). Left out: the jitter of a fifth.

use headwater_sim::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_millis(1_000);

/// A backoff that doubles until a connection works again.
#[derive(Clone, Copy, Debug)]
pub struct ReconnectBackoff(Duration);

impl Default for ReconnectBackoff {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl ReconnectBackoff {
    /// The pause to make now; the next one is twice as long.
    pub fn pause(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 2).min(LAST);
        now
    }

    /// The connection works.
    pub const fn reset(&mut self) {
        self.0 = FIRST;
    }
}
