//! What can go wrong, in one line each.

use std::fmt;
use std::time::Duration;

use crate::wire::WireError;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Connecting, sending or receiving failed, or took too long.
    Connection(String),
    /// The other end broke the protocol.
    Wire(WireError),
    /// The controller or a store refused.
    Refused(String),
    /// It was tried again and again, for this long; why the last attempt failed.
    Deadline(Duration, String),
    /// The stream is sealed: it takes nothing any more.
    Sealed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(why) | Self::Refused(why) => f.write_str(why),
            Self::Wire(error) => error.fmt(f),
            Self::Deadline(after, why) => {
                write!(f, "given up after {:.1} s of attempts: {why}", after.as_secs_f64())
            }
            Self::Sealed => f.write_str("the stream is sealed"),
        }
    }
}

impl std::error::Error for Error {}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl Error {
    /// Of an operation on `peer` that the operating system failed.
    pub(crate) fn io(peer: &str, what: &str, error: &std::io::Error) -> Self {
        Self::Connection(format!("{peer}: {what}: {error}"))
    }

    /// Whether another attempt may help.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Connection(_))
    }
}
