//! Connections of the log's client: how they are made, and its timeouts.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Duration;

/// How connections are made.
pub(super) trait Dial: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin;
    /// Makes one.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Connections of TCP, to one address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp(pub(super) SocketAddr);

impl Dial for Tcp {
    type Stream = TcpStream;

    async fn dial(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.0).await?;
        // A batch is one frame after the other: each leaves when it is written.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// The client's timeouts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For a connection.
    pub(super) connect: Duration,
    /// For any answer, while one is owed: then the connection counts as dead. One that a middlebox
    /// has forgotten stays silent for ever.
    pub(super) silence: Duration,
    /// For the acknowledgement of an event, retries included (`delivery.timeout.ms` of Kafka's
    /// producer, 120 s).
    pub(super) delivery: Duration,
    /// Before the first of several attempts to connect; doubles.
    pub(super) backoff: Duration,
    /// The longest pause before an attempt to connect.
    pub(super) backoff_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            silence: Duration::from_secs(5),
            delivery: Duration::from_secs(120),
            backoff: Duration::from_millis(50),
            backoff_max: Duration::from_secs(1),
        }
    }
}

impl Patience {
    /// Connects, within the time for that.
    pub(super) async fn dial<D: Dial>(&self, dial: &D) -> io::Result<D::Stream> {
        tokio::time::timeout(self.connect, dial.dial()).await?
    }
}

/// The pause before the next attempt to connect.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
    patience: Patience,
}

impl Backoff {
    pub(super) const fn new(patience: Patience) -> Self {
        Self { next: patience.backoff, patience }
    }

    /// An attempt succeeded.
    pub(super) const fn reset(&mut self) {
        self.next = self.patience.backoff;
    }

    /// The pause after one that failed.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.patience.backoff_max);
        pause
    }
}
