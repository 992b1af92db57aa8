//! The generator's clients of the log, over TCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::connection::{Patience, Tcp};
use super::{reader, writer};
use crate::failure::{Failure, Result};
use crate::systems::client::{Observer, Reading, Refused, Token, Writer};

/// Bytes handed to the client and not acknowledged at the most; what is more is refused
/// (`buffer.memory` of Kafka's producer is 32 MiB; this is twice that).
const BYTES_MAX: u64 = 64 << 20;

/// A writer behind a queue that the pacer never waits for.
pub(super) struct QueuedWriter {
    queue: mpsc::UnboundedSender<(Token, Vec<u8>)>,
    /// Bytes in the queue or not acknowledged.
    bytes: Arc<AtomicU64>,
    abandoned: CancellationToken,
    /// One thread, which runs the client.
    _runtime: Runtime,
}

fn runtime() -> Result<Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).thread_name("log-writer").enable_all().build();
    runtime.map_err(|error| Failure::io("can't start a runtime", &error))
}

impl QueuedWriter {
    /// Starts a client that connects to the server at `address`.
    pub(super) fn start(address: SocketAddr, observer: Observer) -> Result<Self> {
        let (queue, events) = mpsc::unbounded_channel();
        let (bytes, abandoned) = (Arc::default(), CancellationToken::new());
        let client = writer::Writer {
            dial: Tcp(address),
            id: std::process::id().into(),
            patience: Patience::default(),
            observer,
            bytes: Arc::clone(&bytes),
            events,
            abandoned: abandoned.clone(),
        };
        let runtime = runtime()?;
        runtime.spawn(client.run());
        Ok(Self { queue, bytes, abandoned, _runtime: runtime })
    }
}

impl Writer for QueuedWriter {
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused> {
        let size = payload.len() as u64;
        if self.bytes.load(Ordering::Relaxed) + size > BYTES_MAX {
            return Err(Refused("queue_full"));
        }
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let queued = self.queue.send((token, payload.to_vec()));
        queued.map_err(|_| Refused("writer_ended"))
    }

    fn abandon(&mut self) {
        self.abandoned.cancel();
    }
}

/// Starts a reader of the whole log, on a thread of its own.
pub(super) fn read(address: SocketAddr, observer: Observer) -> Result<Reading> {
    let (dial, patience) = (Tcp(address), Patience::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("can't start a runtime", &error))?;
    Reading::start(move |flags| {
        Ok(runtime.block_on(reader::Reader { dial, patience, observer, flags }.run()))
    })
}
