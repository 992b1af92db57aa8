//! The log's server: appends what arrives, syncs once for all of it, acknowledges, serves readers.
//!
//! A store that has failed once is not used again: what a failed sync has lost, the next one does
//! not bring back.

use std::io;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::frame::{Frames, Reply, Request, Sender, decode, feed, flush, frames, next};
use super::store::Store;

/// Appends taken on before a sync at the most.
const BATCH_MAX: usize = 4_096;

/// A log that connections share.
pub(crate) struct Log<S> {
    store: Mutex<S>,
    /// Events stored, for readers that wait for more.
    stored: watch::Sender<u64>,
    /// Cancelled when the store has failed.
    failed: CancellationToken,
}

impl<S: Store> Log<S> {
    /// Serves what is in `store`.
    pub(crate) fn new(store: S) -> Arc<Self> {
        let stored = watch::Sender::new(store.synced());
        let failed = CancellationToken::new();
        Arc::new(Self { store: Mutex::new(store), stored, failed })
    }

    /// Serves what `accept` brings, until the store fails or it brings no more.
    ///
    /// # Errors
    /// If the store has failed, or `accept` does.
    pub(crate) async fn serve_all<C, A>(self: Arc<Self>, accept: A) -> io::Result<()>
    where
        C: AsyncRead + AsyncWrite + Send + 'static,
        A: AsyncFn() -> io::Result<C>,
    {
        loop {
            tokio::select! {
                () = self.failed.cancelled() => {
                    return Err(io::Error::other("the store has failed"));
                }
                // The client reconnects if a connection breaks.
                connection = accept() => drop(tokio::spawn(Arc::clone(&self).serve(connection?))),
            }
        }
    }

    /// Uses the store; its first failure is final.
    fn with<T>(&self, work: impl FnOnce(&mut S) -> io::Result<T>) -> io::Result<T> {
        // A thread that panicked there is a failure of the store, too.
        let done =
            self.store.lock().map_err(|_| io::ErrorKind::Other.into()).and_then(|mut store| {
                match self.failed.is_cancelled() {
                    true => Err(io::ErrorKind::Other.into()),
                    false => work(&mut store),
                }
            });
        done.inspect_err(|_| self.failed.cancel())
    }

    /// Serves one connection until it ends.
    ///
    /// # Errors
    /// If the connection breaks or sends what no client sends, or the store fails.
    async fn serve<C>(self: Arc<Self>, connection: C) -> io::Result<()>
    where
        C: AsyncRead + AsyncWrite,
    {
        let (mut requests, mut replies) = frames(connection);
        match next(&mut requests).await? {
            Request::Write { writer } => self.write(writer, &mut requests, &mut replies).await,
            Request::Read { from } => self.read(from, &mut requests, &mut replies).await,
            Request::Append { .. } | Request::End { .. } => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    async fn write<C: AsyncRead + AsyncWrite>(
        &self,
        writer: u64,
        requests: &mut Frames<C>,
        replies: &mut Sender<C>,
    ) -> io::Result<()> {
        let through = self.sync(writer)?;
        feed(replies, &Reply::Stored { through }).await?;
        flush(replies).await?;
        while let Some(frame) = requests.next().await {
            self.append(writer, &frame?)?;
            for _ in 1..BATCH_MAX {
                let Some(Some(frame)) = requests.next().now_or_never() else { break };
                self.append(writer, &frame?)?;
            }
            let through = self.sync(writer)?;
            feed(replies, &Reply::Stored { through }).await?;
            flush(replies).await?;
        }
        Ok(())
    }

    /// Appends an event that is not there yet.
    fn append(&self, writer: u64, frame: &[u8]) -> io::Result<()> {
        let Request::Append { number, payload } = decode(frame)? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        self.with(|store| match number > store.last(writer) {
            true => store.append(writer, number, &payload),
            false => Ok(()),
        })
    }

    /// Syncs; gives the writer's last number that is durable now.
    fn sync(&self, writer: u64) -> io::Result<u64> {
        self.with(|store| {
            store.sync()?;
            self.stored.send_replace(store.synced());
            Ok(store.last(writer))
        })
    }

    async fn read<C: AsyncRead + AsyncWrite>(
        &self,
        mut position: u64,
        requests: &mut Frames<C>,
        replies: &mut Sender<C>,
    ) -> io::Result<()> {
        let mut stored = self.stored.subscribe();
        loop {
            let until = *stored.borrow_and_update();
            while position < until {
                let payload = self.with(|store| store.event(position))?;
                feed(replies, &Reply::Event { position, payload }).await?;
                position += 1;
            }
            flush(replies).await?;
            tokio::select! {
                biased;
                more = stored.changed() => more.map_err(io::Error::other)?,
                request = requests.next() => {
                    let Some(request) = request else { return Ok(()) };
                    let Request::End { ask } = decode(&request?)? else {
                        return Err(io::ErrorKind::InvalidData.into());
                    };
                    let count = self.with(|store| Ok(store.synced()))?;
                    feed(replies, &Reply::End { ask, count }).await?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::log::store::FileStore;

    #[test]
    fn an_event_that_comes_over_two_connections_is_stored_once() {
        let directory = tempfile::tempdir().unwrap();
        let log = Log::new(FileStore::open(&directory.path().join("log")).unwrap());
        let write = async || -> io::Result<()> {
            let (near, far) = tokio::io::duplex(1 << 16);
            tokio::spawn(Arc::clone(&log).serve(far));
            let (mut replies, mut sender) = frames(near);
            feed(&mut sender, &Request::Write { writer: 1 }).await?;
            for number in [2, 3] {
                feed(&mut sender, &Request::Append { number, payload: vec![7] }).await?;
            }
            flush(&mut sender).await?;
            while !matches!(next(&mut replies).await?, Reply::Stored { through: 3 }) {}
            Ok(())
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { tokio::try_join!(write(), write()) }).unwrap();
        assert_eq!(log.with(|store| Ok((store.synced(), store.last(1)))).unwrap(), (2, 3));
    }
}
