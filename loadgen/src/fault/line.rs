//! The lines of a proxy: each way of each connection, and what becomes of what goes there.
//!
//! ```text
//!  read ── chunks in order ──> due? ──> room? ──> held? ──> written
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headwater_sim::distribution::Distribution;
use headwater_sim::random::{Seed, Stream};
use headwater_sim::units::BytesPerSecond;
use rand::distr::Distribution as _;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Bytes read at a time.
const CHUNK: usize = 16 * 1024;

/// Chunks on their way in one direction of a connection: 4 MiB, as much as Linux lets a socket
/// buffer (`net.ipv4.tcp_wmem`).
const CHUNKS_MAX: usize = 256;

/// Bytes that pass a narrow way at a time at the least: a segment of TCP on Ethernet.
const PIECE_MIN: u64 = 1_460;

/// What a narrow way may make up for, as sleeps end late.
const SLACK: Duration = Duration::from_millis(5);

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From clients to the server.
    ToServer,
    /// From the server to clients.
    ToClients,
}

/// What becomes of what goes one way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passage {
    /// Cuts and clogs that hold it up.
    pub(crate) holds: u32,
    /// What is added to its time under way.
    pub(crate) delay: Option<Delay>,
    /// What passes at most, of all connections together.
    pub(crate) rate: Option<BytesPerSecond>,
}

/// What is added to the time under way.
#[derive(Clone, Debug)]
pub(crate) struct Delay {
    /// What is drawn from.
    pub(crate) extra: Distribution,
    /// One draw for each connection, kept as long as the delay is; else one for each chunk.
    pub(crate) lasting: bool,
    /// The root of its draws, which no other delay has.
    pub(crate) seed: Seed,
}

/// What a proxy does at present.
#[derive(Clone, Debug, Default)]
pub(super) struct Conduct {
    /// By [`Way`].
    pub(super) passages: [Passage; 2],
    /// No new connection is taken.
    pub(super) refuses: bool,
    /// Connections with lower numbers are forgotten: what is sent on them vanishes.
    pub(super) forgotten: u64,
    /// Connections with lower numbers are closed.
    pub(super) closed: u64,
}

/// One way of all connections together, which passes so many bytes a second at most.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// When what was let in has passed.
    free_at: Mutex<Option<Instant>>,
}

impl Link {
    /// Lets `bytes` in; gives when they have passed.
    fn pass(&self, bytes: u64, rate: BytesPerSecond) -> Instant {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let begins = free_at.unwrap_or(now).max(earliest);
        *free_at.insert(begins + Duration::from_nanos(rate.transfer(bytes).0))
    }
}

/// What connections see of their proxy.
#[derive(Clone)]
pub(super) struct Wire {
    pub(super) conduct: watch::Receiver<Conduct>,
    pub(super) links: Arc<[Link; 2]>,
    /// Connections so far.
    pub(super) count: Arc<AtomicU64>,
}

impl Wire {
    /// Carries bytes both ways until an end is done, or the connection is closed.
    pub(super) async fn connect<C, S>(self, client: C, server: S)
    where
        C: AsyncRead + AsyncWrite,
        S: AsyncRead + AsyncWrite,
    {
        let connection = self.count.fetch_add(1, Ordering::SeqCst);
        let (from_client, to_client) = tokio::io::split(client);
        let (from_server, to_server) = tokio::io::split(server);
        let line = |way| Line { way, connection, wire: self.clone() };
        let there = line(Way::ToServer).carry(from_client, to_server);
        let back = line(Way::ToClients).carry(from_server, to_client);
        let mut conduct = self.conduct.clone();
        // When one way ends so does the other: no protocol here closes by halves.
        tokio::select! {
            () = there => {}
            () = back => {}
            // Without the proxy there is no connection either.
            _ = conduct.wait_for(|conduct| connection < conduct.closed) => {}
        }
    }
}

/// One way of a connection.
struct Line {
    way: Way,
    connection: u64,
    wire: Wire,
}

impl Line {
    /// Carries bytes until either end is done. Of a connection that is forgotten nobody is told.
    async fn carry(self, from: impl AsyncRead + Unpin, to: impl AsyncWrite + Unpin) {
        let (chunks, line) = mpsc::channel(CHUNKS_MAX);
        tokio::join!(self.read(from, chunks), self.write(line, to));
        let forgotten = self.wire.conduct.borrow().forgotten;
        if self.connection < forgotten {
            std::future::pending::<()>().await;
        }
    }

    /// Reads chunks, each with when it is due at the other end.
    async fn read(
        &self,
        mut from: impl AsyncRead + Unpin,
        chunks: mpsc::Sender<(Instant, Vec<u8>)>,
    ) {
        let mut draws = Draws::default();
        let mut last = Instant::now();
        loop {
            let mut chunk = vec![0; CHUNK];
            // The other half has failed: there is nobody to read for.
            let read = tokio::select! {
                read = from.read(&mut chunk) => read,
                () = chunks.closed() => return,
            };
            let Ok(length @ 1..) = read else { return };
            chunk.truncate(length);
            let delay = self.wire.conduct.borrow().passages[self.way as usize].delay.clone();
            let entity = self.connection * 2 + self.way as u64;
            let extra = draws.next(delay.as_ref(), entity);
            // A connection keeps its order, whatever is drawn.
            last = last.max(Instant::now() + extra);
            if chunks.send((last, chunk)).await.is_err() {
                return;
            }
        }
    }

    /// Writes chunks when they are due, as the way has room, while nothing holds them.
    async fn write(
        &self,
        mut line: mpsc::Receiver<(Instant, Vec<u8>)>,
        mut to: impl AsyncWrite + Unpin,
    ) {
        let mut conduct = self.wire.conduct.clone();
        let way = self.way as usize;
        while let Some((due, chunk)) = line.recv().await {
            if due > Instant::now() {
                sleep_until(due).await;
            }
            let mut rest = chunk.as_slice();
            while !rest.is_empty() {
                let rate = conduct.borrow().passages[way].rate;
                let length = rate.map_or(rest.len(), |rate| piece(rate).min(rest.len()));
                let (piece, later) = rest.split_at(length);
                if let Some(rate) = rate {
                    sleep_until(self.wire.links[way].pass(length as u64, rate)).await;
                }
                let free = conduct.wait_for(|conduct| conduct.passages[way].holds == 0).await;
                let Ok(forgotten) = free.map(|conduct| conduct.forgotten) else { return };
                if self.connection >= forgotten && to.write_all(piece).await.is_err() {
                    return;
                }
                rest = later;
            }
            if to.flush().await.is_err() {
                return;
            }
        }
    }
}

/// Bytes that pass a way of this rate at a time: what it passes in 10 ms, within bounds.
fn piece(rate: BytesPerSecond) -> usize {
    (rate.0 / 100).clamp(PIECE_MIN, CHUNK as u64) as usize
}

/// The draws of one way of a connection.
#[derive(Default)]
struct Draws {
    /// Those of the delay that there is, by its seed, and what was drawn last.
    of_delay: Option<(Seed, Stream, Option<Duration>)>,
}

impl Draws {
    /// What is added to the time of the next chunk. `entity` tells this way of this connection
    /// from others.
    fn next(&mut self, delay: Option<&Delay>, entity: u64) -> Duration {
        let Some(delay) = delay else { return Duration::ZERO };
        if self.of_delay.as_ref().is_none_or(|(seed, ..)| seed.0 != delay.seed.0) {
            self.of_delay = Some((delay.seed, delay.seed.stream("connection", entity), None));
        }
        let (_, stream, last) = self.of_delay.as_mut().expect("it was made");
        match last {
            Some(last) if delay.lasting => *last,
            _ => *last.insert(Duration::from_nanos(delay.extra.sample(stream).0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_delay_is_drawn_once_for_a_connection_and_anew_for_the_next_delay() {
        let ms = headwater_sim::time::Duration::from_millis;
        let of = |seed| Delay {
            extra: Distribution::Uniform { low: ms(10), high: ms(30) },
            lasting: true,
            seed: Seed(seed),
        };
        let (mut one, mut other) = (Draws::default(), Draws::default());
        let first = one.next(Some(&of(1)), 0);
        assert!((0..20).all(|_| one.next(Some(&of(1)), 0) == first));
        assert_ne!(other.next(Some(&of(1)), 2), first, "another connection");
        assert_ne!(one.next(Some(&of(2)), 0), first, "another delay");
        assert_eq!(Draws::default().next(Some(&of(1)), 0), first, "the seed decides");
    }
}
