//! How long the client waits for what.

use std::time::Duration;

/// Time limits of writers and readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// For a connection and what is agreed on it, and for one call of the controller.
    pub setup: Duration,
    /// For a connection on which nothing comes, though the other end is asked for a sign.
    pub silence: Duration,
    /// For attempts after which a writer or a reader gives up.
    pub deadline: Duration,
}

impl Default for Options {
    /// 5 s, 30 s and 120 s. The Java client waits 30 s and 180 s (`DEFAULT_CONNECT_TIMEOUT_MS`,
    /// `SOCKET_TIMEOUT_MS`) and gives up after ten attempts, which take 111 s of waits
    /// (`EventWriterConfig` @ v0.13.0).
    fn default() -> Self {
        let [setup, silence, deadline] = [5, 30, 120].map(Duration::from_secs);
        Self { setup, silence, deadline }
    }
}

impl Options {
    /// How often a connection is asked for a sign.
    pub(crate) fn sign(&self) -> Duration {
        self.silence / 6
    }
}
