//! A log of our own on a socket: what the machine does with no cluster in the way.
//!
//! ```text
//!  writer  ── Write, Append… ──>  server ── append, sync once for all that is there ──> file
//!          <────── Stored ──────
//!  reader  ──── Read, End ─────>
//!          <──── Event… End ────
//! ```
//!
//! The client is the generator's own: it connects, sends again what is not known to be stored after
//! a connection is lost, gives up what is past its deadline, reads everything back. It is generic
//! over the connections ([`Dial`]): the tests host it and the server on a simulated network.
//!
//! A writer numbers its events; the server keeps those with a number above the last it has of that
//! writer. So an event that is sent twice is stored once, as Pravega does it (`SetupAppend` and
//! `AppendSetup` carry the last event number; `WireCommands.java` @ 0.13.0).

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Duration;

mod frame;
#[cfg(test)]
mod hosted;
pub(crate) mod reader;
pub(crate) mod server;
pub(crate) mod store;
pub(crate) mod writer;

/// How connections are made.
pub(crate) trait Dial: Send + Sync + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin;
    /// Makes one.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Connections of TCP, to one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp(pub(crate) SocketAddr);

impl Dial for Tcp {
    type Stream = TcpStream;

    async fn dial(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.0).await?;
        // A batch is one frame after the other: each leaves when it is written.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// How long the client waits for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For any answer, while one is owed: then the connection counts as dead. One that was
    /// forgotten on the way says nothing for ever.
    pub(crate) silence: Duration,
    /// For the acknowledgement of an event, retries included (`delivery.timeout.ms` of Kafka's
    /// producer, 120 s).
    pub(crate) delivery: Duration,
    /// Before the first of several attempts to connect; doubles.
    pub(crate) backoff: Duration,
    /// Before an attempt to connect at the most.
    pub(crate) backoff_max: Duration,
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
    async fn dial<D: Dial>(&self, dial: &D) -> io::Result<D::Stream> {
        tokio::time::timeout(self.connect, dial.dial()).await?
    }
}

/// The pause before the next attempt to connect.
#[derive(Debug)]
struct Backoff {
    next: Duration,
    patience: Patience,
}

impl Backoff {
    const fn new(patience: Patience) -> Self {
        Self { next: patience.backoff, patience }
    }

    /// An attempt succeeded.
    const fn reset(&mut self) {
        self.next = self.patience.backoff;
    }

    /// The pause after one that failed.
    fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.patience.backoff_max);
        pause
    }
}
