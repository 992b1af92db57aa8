//! Attempts until a deadline.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Error;

/// The wait before the second attempt; it grows tenfold, as those of Pravega's own clients
/// (`Retry.withExpBackoff(1, 10, ..)` in `SegmentOutputStreamImpl` @ v0.13.0).
const DELAY_FIRST: Duration = Duration::from_millis(1);

/// The longest wait. Theirs is 20 s and 10 s, which a failover that takes less is then measured by.
const DELAY_MAX: Duration = Duration::from_secs(1);

/// When to try again.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    deadline: Duration,
    since: Option<Instant>,
    delay: Duration,
}

impl Backoff {
    /// Attempts may go on for `deadline`.
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { deadline, since: None, delay: DELAY_FIRST }
    }

    /// It has succeeded: the next failure is the first again.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::new(self.deadline);
    }

    /// An attempt has failed: waits before the next, or says that there is none.
    pub(crate) async fn failed(&mut self, error: Error) -> Result<(), Error> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let elapsed = since.elapsed();
        if elapsed >= self.deadline {
            return Err(Error::Deadline(elapsed, error.to_string()));
        }
        sleep(self.delay.min(self.deadline - elapsed)).await;
        self.delay = (self.delay * 10).min(DELAY_MAX);
        Ok(())
    }
}
