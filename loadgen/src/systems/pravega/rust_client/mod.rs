//! The official Rust client, pravega-client 0.3.7: what `client = "rust"` drives where `loadgen`
//! was built with `--features pravega-rust-client`. Its wire protocol takes minutes to compile, a
//! writer of it may hang when a segment moves to another store, and its reader asks a table between
//! two slices of a segment.

use std::time::Duration;

use headwater_models::pravega::config::{Cluster, Writer as Options};
use pravega_client::client_factory::ClientFactory;
use pravega_client_config::ClientConfigBuilder;
use pravega_client_retry::retry_policy::RetryWithBackoff;
use pravega_client_shared::ScopedStream;
use std::sync::Arc;

use super::stream::Stream;
use crate::failure::{Failure, Result};
use crate::systems::client::{Observer, Reading, Writer};
use crate::systems::system::Storage;

mod reader;
mod writer;

/// The client with its runtime, and the stream of this run.
#[derive(Clone)]
pub(super) struct RustClient {
    factory: Arc<Option<ClientFactory>>,
    /// Makes the stream and removes it.
    stream: Stream,
    name: ScopedStream,
}

/// How often a client tries again, as a scenario's writer has it.
fn retries(writer: &Options) -> RetryWithBackoff {
    let policy = RetryWithBackoff::default_setting()
        .initial_delay(Duration::from_millis(writer.retry_delay_ms_initial))
        .max_delay(Duration::from_millis(writer.rust_retry_delay_ms_max));
    match writer.rust_retry_attempts_max {
        0 => policy,
        attempts => policy.max_attempt(attempts as usize),
    }
}

impl RustClient {
    /// A client of the stream's controller.
    pub(super) fn new(stream: &Stream, cluster: &Cluster) -> Result<Self> {
        let address = stream.controller.address();
        let mut builder = ClientConfigBuilder::default();
        builder.controller_uri(address).retry_policy(retries(&cluster.writer));
        let config = builder.build();
        let config = config.map_err(|error| Failure::new(format!("{address}: {error}")))?;
        let factory = ClientFactory::new_with_runtime(config, super::stream::runtime()?);
        let name = ScopedStream::from(stream.name.to_string().as_str());
        Ok(Self { factory: Arc::new(Some(factory)), stream: stream.clone(), name })
    }

    fn factory(&self) -> &ClientFactory {
        self.factory.as_ref().as_ref().expect("taken only when dropped")
    }

    /// A writer of it.
    pub(super) fn writer(&self, observer: Observer) -> Box<dyn Writer> {
        Box::new(writer::QueuedWriter::open(self, observer))
    }

    /// A reader of it.
    pub(super) fn read(&self, observer: Observer) -> Result<Reading> {
        reader::start(self, 0, observer)
    }
}

impl Storage for RustClient {
    fn read_again(&self, observer: &Observer) -> Option<Result<Reading>> {
        Some(reader::start(self, 1, observer.clone()))
    }

    fn remove(&self) -> Result<()> {
        self.stream.remove()
    }
}

impl Drop for RustClient {
    fn drop(&mut self) {
        // The client's tasks may wait for a store that is gone: they are not waited for.
        if let Some(client) = Arc::get_mut(&mut self.factory).and_then(Option::take) {
            std::thread::spawn(move || drop(client));
        }
    }
}
