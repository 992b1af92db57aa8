//! The log of our own ([`crate::log`]), written to and read over TCP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Reading, Refused, Target, Teller, Token};
use crate::failure::{Failure, Result};
use crate::log::reader::Reader;
use crate::log::{Patience, Tcp, writer};

/// Bytes handed to the client and not acknowledged at the most; what is more is refused
/// (`buffer.memory` of Kafka's producer is 32 MiB; this is twice that).
const BYTES_MAX: u64 = 64 << 20;

/// A writer behind a queue that the pacer never waits for.
pub(crate) struct Writer {
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

impl Writer {
    /// Starts a client that connects to the server at `address`.
    pub(crate) fn start(address: SocketAddr, teller: Teller) -> Result<Self> {
        let (queue, events) = mpsc::unbounded_channel();
        let (bytes, abandoned) = (Arc::default(), CancellationToken::new());
        let client = writer::Writer {
            dial: Tcp(address),
            id: std::process::id().into(),
            patience: Patience::default(),
            teller,
            bytes: Arc::clone(&bytes),
            events,
            abandoned: abandoned.clone(),
        };
        let runtime = runtime()?;
        runtime.spawn(client.run());
        Ok(Self { queue, bytes, abandoned, _runtime: runtime })
    }
}

impl Target for Writer {
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
pub(crate) fn read(address: SocketAddr, teller: Teller) -> Result<Reading> {
    let (finish, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let reader = Reader {
        dial: Tcp(address),
        patience: Patience::default(),
        teller,
        finish: Arc::clone(&finish),
        stop: Arc::clone(&stop),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("can't start a runtime", &error))?;
    let thread = std::thread::Builder::new().name("reader".into());
    let thread = thread.spawn(move || Ok(runtime.block_on(reader.run())));
    let thread = thread.map_err(|error| Failure::io("can't start the reader", &error))?;
    Ok(Reading { finish, stop, thread })
}
