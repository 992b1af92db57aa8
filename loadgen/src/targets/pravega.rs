//! Pravega, written to by its Rust client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use headwater_models::pravega::config::Cluster;
use pravega_client::client_factory::ClientFactory;
use pravega_client::event::EventWriter;
use pravega_client_config::{ClientConfig, ClientConfigBuilder};
use pravega_client_retry::retry_policy::RetryWithBackoff;
use pravega_client_shared::{
    Retention, RetentionType, ScaleType, Scaling, Scope, ScopedStream, StreamConfiguration,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::{Refused, Target, Teller, Token};
use crate::failure::{Failure, Result};

/// The scope of all streams of this program.
pub(crate) const SCOPE: &str = "headwater";

/// How long the controller may take to make a scope and a stream.
const ADMIN: Duration = Duration::from_secs(30);

/// How long a controller may take to say whether a scope exists before it counts as dead.
pub(crate) const ANSWER: Duration = Duration::from_secs(10);

/// Bytes handed to the client and not acknowledged at the most; what is more is refused. Four times
/// what the client itself takes before it makes its caller wait (16 MiB, `CHANNEL_CAPACITY` in
/// `src/event/writer.rs` @ pravega-client 0.3.7).
const BYTES_MAX: u64 = 64 << 20;

/// Lanes: routing keys that the users' keys are spread over. A lane lives in one segment, as
/// Pravega promises for a routing key.
pub(crate) const LANES: u32 = 256;

/// The routing key of a lane.
fn routing_key(lane: u32) -> String {
    format!("lane-{lane}")
}

/// A client of one controller with its runtime, and the stream of this run.
#[derive(Clone)]
pub(crate) struct Stream {
    /// `host:port` of the controller.
    pub(crate) controller: String,
    factory: Arc<Option<ClientFactory>>,
    /// Scope and stream.
    pub(crate) name: ScopedStream,
}

fn config(controller: &str) -> Result<ClientConfig> {
    // Its unlimited retries of one address would hang a writer when a segment moves to another
    // store: four attempts, at most a second apart, and it asks the controller again.
    let retry =
        RetryWithBackoff::default_setting().max_delay(Duration::from_secs(1)).max_attempt(4);
    let mut builder = ClientConfigBuilder::default();
    builder.controller_uri(controller).retry_policy(retry);
    builder.build().map_err(|error| Failure::new(format!("{controller}: {error}")))
}

fn factory(controller: &str) -> Result<ClientFactory> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("pravega")
        .enable_all()
        .build();
    let runtime: Runtime = runtime.map_err(|error| Failure::io("can't start a runtime", &error))?;
    Ok(ClientFactory::new_with_runtime(config(controller)?, runtime))
}

/// Whether a controller answers at `controller` (`host:port`), within `patience`.
pub(crate) fn answers(controller: &str, patience: Duration) -> std::result::Result<(), String> {
    let stream = Stream::new(controller, "probe").map_err(|failure| failure.to_string())?;
    let client = stream.factory();
    let ask = async {
        let scope = Scope::from("_system".to_owned());
        let answer = client.controller_client().check_scope_exists(&scope);
        tokio::time::timeout(patience, answer).await
    };
    match client.runtime().block_on(ask) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.error.to_string()),
        Err(_) => Err(format!("no answer within {} s", patience.as_secs())),
    }
}

impl Stream {
    /// A client of `controller` for `stream` in the scope [`SCOPE`].
    pub(crate) fn new(controller: &str, stream: &str) -> Result<Self> {
        let name = ScopedStream::from(format!("{SCOPE}/{stream}").as_str());
        let factory = Arc::new(Some(factory(controller)?));
        Ok(Self { controller: controller.to_owned(), factory, name })
    }

    /// The client.
    pub(crate) fn factory(&self) -> &ClientFactory {
        self.factory.as_ref().as_ref().expect("taken only when dropped")
    }

    /// Makes the scope, if need be, and the stream.
    pub(crate) fn create(&self, cluster: &Cluster) -> Result<()> {
        let configuration = StreamConfiguration {
            scoped_stream: self.name.clone(),
            scaling: Scaling {
                scale_type: ScaleType::FixedNumSegments,
                target_rate: 0,
                scale_factor: 0,
                min_num_segments: cluster.segments as i32,
            },
            retention: Retention { retention_type: RetentionType::None, retention_param: 0 },
            tags: None,
        };
        let client = self.factory();
        let scope = Scope::from(SCOPE.to_owned());
        let make = async {
            let controller = client.controller_client();
            controller.create_scope(&scope).await.map_err(|error| error.error.to_string())?;
            let made = controller.create_stream(&configuration).await;
            made.map_err(|error| error.error.to_string())
        };
        let made = client.runtime().block_on(async { tokio::time::timeout(ADMIN, make).await });
        let why = match made {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => format!("no answer within {} s", ADMIN.as_secs()),
        };
        Err(Failure::new(format!("{}: can't create a stream: {why}", self.controller)))
    }

    /// Seals and removes the stream.
    pub(crate) fn delete(&self) -> Result<()> {
        let client = self.factory();
        let remove = async {
            let controller = client.controller_client();
            controller.seal_stream(&self.name).await.map_err(|error| error.error.to_string())?;
            let deleted = controller.delete_stream(&self.name).await;
            deleted.map_err(|error| error.error.to_string())
        };
        let removed =
            client.runtime().block_on(async { tokio::time::timeout(ADMIN, remove).await });
        let why = match removed {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => format!("no answer within {} s", ADMIN.as_secs()),
        };
        let stream = &self.name;
        Err(Failure::new(format!("{}: stream {stream} is left behind: {why}", self.controller)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The client's tasks may wait for a store that is gone: they are not waited for.
        if let Some(client) = Arc::get_mut(&mut self.factory).and_then(Option::take) {
            std::thread::spawn(move || drop(client));
        }
    }
}

/// An event writer behind a queue that the pacer never waits for.
pub(crate) struct Writer {
    queue: mpsc::UnboundedSender<(Token, Vec<u8>)>,
    /// Bytes in the queue or the client.
    bytes: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
}

impl Writer {
    /// Opens a writer on the stream, and has it connect to its segments.
    pub(crate) fn open(stream: &Stream, teller: Teller) -> Self {
        let (queue, events) = mpsc::unbounded_channel();
        let (bytes, abandoned) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let client = stream.factory();
        let task = Task {
            writer: client.create_event_writer(stream.name.clone()),
            teller,
            bytes: Arc::clone(&bytes),
            abandoned: Arc::clone(&abandoned),
        };
        client.runtime_handle().spawn(task.run(events));
        Self { queue, bytes, abandoned }
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
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

struct Task {
    writer: EventWriter,
    teller: Teller,
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
            let (teller, bytes) = (self.teller.clone(), Arc::clone(&self.bytes));
            let abandoned = Arc::clone(&self.abandoned);
            tokio::spawn(async move {
                let result = acknowledged.await;
                bytes.fetch_sub(size, Ordering::Relaxed);
                match result {
                    _ if abandoned.load(Ordering::Relaxed) => {}
                    Ok(Ok(())) => teller.acked(token),
                    Ok(Err(_)) => teller.failed(token, "client_error"),
                    Err(_) => teller.failed(token, "writer_ended"),
                }
            });
        }
    }
}
