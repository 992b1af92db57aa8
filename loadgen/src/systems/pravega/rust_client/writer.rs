//! A writer of Pravega's Rust client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pravega_client::event::EventWriter;
use tokio::sync::mpsc;

use super::RustClient;
use crate::systems::client::{Observer, Refused, Token, Writer};
use crate::systems::pravega::writer::{BYTES_MAX, routing_key};

/// An event writer behind a queue that the pacer never waits for.
pub(super) struct QueuedWriter {
    queue: mpsc::UnboundedSender<(Token, Vec<u8>)>,
    /// Bytes in the queue or the client.
    bytes: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
}

impl QueuedWriter {
    /// Opens a writer on the stream, and has it connect to its segments.
    pub(super) fn open(client: &RustClient, observer: Observer) -> Self {
        let (queue, events) = mpsc::unbounded_channel();
        let (bytes, abandoned) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let factory = client.factory();
        let task = Task {
            writer: factory.create_event_writer(client.name.clone()),
            observer,
            bytes: Arc::clone(&bytes),
            abandoned: Arc::clone(&abandoned),
        };
        factory.runtime_handle().spawn(task.run(events));
        Self { queue, bytes, abandoned }
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
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

struct Task {
    writer: EventWriter,
    observer: Observer,
    bytes: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
}

impl Task {
    async fn run(mut self, mut events: mpsc::UnboundedReceiver<(Token, Vec<u8>)>) {
        while let Some((token, payload)) = events.recv().await {
            if self.abandoned.load(Ordering::Relaxed) {
                return;
            }
            let size = payload.len() as u64;
            let key = routing_key(token.place.lane);
            let acknowledged = self.writer.write_event_by_routing_key(key, payload).await;
            let (observer, bytes) = (self.observer.clone(), Arc::clone(&self.bytes));
            let abandoned = Arc::clone(&self.abandoned);
            tokio::spawn(async move {
                let result = acknowledged.await;
                bytes.fetch_sub(size, Ordering::Relaxed);
                match result {
                    _ if abandoned.load(Ordering::Relaxed) => {}
                    Ok(Ok(())) => observer.acked(token),
                    Ok(Err(_)) => observer.failed(token, "client_error"),
                    Err(_) => observer.failed(token, "writer_ended"),
                }
            });
        }
    }
}
