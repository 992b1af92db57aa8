//! The log's writer: connects, sends, sends again, gives up in time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{Backoff, Dial, Patience};
use super::frame::{Reply, Request, Sender, feed, flush, frames, next};
use crate::systems::client::{Observer, Token};

/// An event that is not acknowledged.
struct Waiting {
    number: u64,
    token: Token,
    payload: Vec<u8>,
    deadline: Instant,
}

/// Writes what comes out of a queue.
pub(super) struct Writer<D> {
    /// How it connects.
    pub(super) dial: D,
    /// Its id, which no other writer of the log has.
    pub(super) id: u64,
    /// How long it waits.
    pub(super) patience: Patience,
    /// Told what becomes of each event.
    pub(super) observer: Observer,
    /// Bytes that came out of the queue or will, less those of settled events.
    pub(super) bytes: Arc<AtomicU64>,
    /// What to write.
    pub(super) events: UnboundedReceiver<(Token, Vec<u8>)>,
    /// Cancelled to give up what is not acknowledged: it is not reported any more.
    pub(super) abandoned: CancellationToken,
}

impl<D: Dial> Writer<D> {
    /// Writes until the queue is closed and everything is acknowledged or given up.
    pub(super) async fn run(self) {
        let abandoned = self.abandoned.clone();
        let (observer, bytes) = (self.observer.clone(), Arc::clone(&self.bytes));
        let waiting = Waits { events: VecDeque::new(), sent: 0, observer, bytes };
        let work = Work { writer: self, waiting, next: 1, open: true }.run();
        abandoned.run_until_cancelled(work).await;
    }
}

/// Events that are not acknowledged.
struct Waits {
    /// In order of their numbers.
    events: VecDeque<Waiting>,
    /// How many of them have been sent on the current connection.
    sent: usize,
    observer: Observer,
    bytes: Arc<AtomicU64>,
}

struct Work<D> {
    writer: Writer<D>,
    waiting: Waits,
    /// Number of the next event.
    next: u64,
    /// More events may come.
    open: bool,
}

impl<D: Dial> Work<D> {
    async fn run(mut self) {
        let mut backoff = Backoff::new(self.writer.patience);
        while self.goes_on() {
            // Why a connection was lost makes no difference: another one has to be made.
            let _ = self.connection(&mut backoff).await;
            let pause = Instant::now() + backoff.pause();
            while self.goes_on() {
                tokio::select! {
                    biased;
                    () = sleep_until(pause) => break,
                    () = self.waiting.too_late() => self.waiting.give_up(),
                    event = self.writer.events.recv(), if self.open => self.take(event),
                }
            }
        }
    }

    fn goes_on(&self) -> bool {
        self.open || !self.waiting.events.is_empty()
    }

    /// Writes over one connection until nothing is left, or it is lost.
    async fn connection(&mut self, backoff: &mut Backoff) -> io::Result<()> {
        let patience = self.writer.patience;
        let (mut replies, mut sender) = frames(patience.dial(&self.writer.dial).await?);
        feed(&mut sender, &Request::Write { writer: self.writer.id }).await?;
        flush(&mut sender).await?;
        let first = timeout(patience.silence, next(&mut replies)).await??;
        self.waiting.sent = 0;
        self.waiting.stored(&first)?;
        backoff.reset();
        let mut heard = Instant::now();
        let mut flushed = true;
        while self.goes_on() {
            let more = self.waiting.sent < self.waiting.events.len();
            let owed = self.waiting.sent > 0;
            if !owed {
                heard = Instant::now();
            }
            // What is in the queue is lost with it.
            let flush_now = !flushed && self.writer.events.is_empty();
            tokio::select! {
                biased;
                reply = next(&mut replies) => {
                    self.waiting.stored(&reply?)?;
                    heard = Instant::now();
                }
                () = self.waiting.too_late() => self.waiting.give_up(),
                () = sleep_until(heard + patience.silence), if owed => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                done = self.waiting.send(&mut sender), if more || flush_now => {
                    flushed = done?;
                    self.waiting.sent += usize::from(!flushed);
                }
                event = self.writer.events.recv(), if self.open => self.take(event),
            }
        }
        Ok(())
    }

    fn take(&mut self, event: Option<(Token, Vec<u8>)>) {
        let Some((token, payload)) = event else {
            self.open = false;
            return;
        };
        let deadline = Instant::now() + self.writer.patience.delivery;
        self.waiting.events.push_back(Waiting { number: self.next, token, payload, deadline });
        self.next += 1;
    }
}

impl Waits {
    /// Sends the next that is not sent; where there is none, flushes. Whether it flushed. May be
    /// given up on: then nothing of the next is sent.
    async fn send<C: AsyncRead + AsyncWrite>(&self, sender: &mut Sender<C>) -> io::Result<bool> {
        let Some(Waiting { number, payload, .. }) = self.events.get(self.sent) else {
            return flush(sender).await.map(|()| true);
        };
        let append = Request::Append { number: *number, payload: payload.clone() };
        feed(sender, &append).await.map(|()| false)
    }

    /// Everything up to a number is stored.
    fn stored(&mut self, reply: &Reply) -> io::Result<()> {
        let Reply::Stored { through } = reply else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        while self.events.front().is_some_and(|first| first.number <= *through) {
            self.resolve(Observer::acked);
        }
        Ok(())
    }

    /// Ends when the first is past its deadline; never if there is none.
    async fn too_late(&self) {
        match self.events.front() {
            Some(first) => sleep_until(first.deadline).await,
            None => std::future::pending().await,
        }
    }

    fn give_up(&mut self) {
        self.resolve(|observer, token| observer.failed(token, "message_timed_out"));
    }

    /// Reports what became of the first.
    fn resolve(&mut self, tell: impl FnOnce(&Observer, Token)) {
        if let Some(first) = self.events.pop_front() {
            self.sent = self.sent.saturating_sub(1);
            self.bytes.fetch_sub(first.payload.len() as u64, Ordering::Relaxed);
            tell(&self.observer, first.token);
        }
    }
}
