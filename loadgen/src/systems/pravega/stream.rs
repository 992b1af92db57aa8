//! The stream of a run, and whether a controller answers.

use std::sync::Arc;
use std::time::Duration;

use headwater_models::pravega::config::{Cluster, Writer};
use pravega_client::client_factory::ClientFactory;
use pravega_client_config::{ClientConfig, ClientConfigBuilder};
use pravega_client_retry::retry_policy::RetryWithBackoff;
use pravega_client_shared::{
    Retention, RetentionType, ScaleType, Scaling, Scope, ScopedStream, StreamConfiguration,
};
use tokio::runtime::Runtime;

use super::reader;
use crate::failure::{Failure, Result};
use crate::systems::client::{Observer, Reading};
use crate::systems::system::Storage;

/// The scope of all streams of this program.
pub(super) const SCOPE: &str = "headwater";

/// How long the controller may take to make a scope and a stream.
const ADMIN: Duration = Duration::from_secs(30);

/// How long a controller may take to say whether a scope exists before it counts as dead.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// A client of one controller with its runtime, and the stream of this run.
#[derive(Clone)]
pub(super) struct Stream {
    /// `host:port` of the controller.
    pub(super) controller: String,
    factory: Arc<Option<ClientFactory>>,
    /// Scope and stream.
    pub(super) name: ScopedStream,
}

/// How often a client tries again, as a scenario's writer has it.
pub(super) fn retries(writer: &Writer) -> RetryWithBackoff {
    let policy = RetryWithBackoff::default_setting()
        .initial_delay(Duration::from_millis(writer.retry_delay_ms_initial))
        .max_delay(Duration::from_millis(writer.rust_retry_delay_ms_max));
    match writer.rust_retry_attempts_max {
        0 => policy,
        attempts => policy.max_attempt(attempts as usize),
    }
}

/// Attempts of a probe, which only asks whether a controller answers.
fn probing() -> RetryWithBackoff {
    RetryWithBackoff::default_setting().max_delay(Duration::from_secs(1)).max_attempt(4)
}

fn config(controller: &str, retries: RetryWithBackoff) -> Result<ClientConfig> {
    let mut builder = ClientConfigBuilder::default();
    builder.controller_uri(controller).retry_policy(retries);
    builder.build().map_err(|error| Failure::new(format!("{controller}: {error}")))
}

fn factory(controller: &str, retries: RetryWithBackoff) -> Result<ClientFactory> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("pravega")
        .enable_all()
        .build();
    let runtime: Runtime = runtime.map_err(|error| Failure::io("can't start a runtime", &error))?;
    Ok(ClientFactory::new_with_runtime(config(controller, retries)?, runtime))
}

/// Whether a controller answers at `controller` (`host:port`), within `patience`.
pub(super) fn answers(controller: &str, patience: Duration) -> std::result::Result<(), String> {
    let stream =
        Stream::new(controller, "probe", probing()).map_err(|failure| failure.to_string())?;
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
    pub(super) fn new(controller: &str, stream: &str, retries: RetryWithBackoff) -> Result<Self> {
        let name = ScopedStream::from(format!("{SCOPE}/{stream}").as_str());
        let factory = Arc::new(Some(factory(controller, retries)?));
        Ok(Self { controller: controller.to_owned(), factory, name })
    }

    /// The client.
    pub(super) fn factory(&self) -> &ClientFactory {
        self.factory.as_ref().as_ref().expect("taken only when dropped")
    }

    /// Makes the scope, if need be, and the stream.
    pub(super) fn create(&self, cluster: &Cluster) -> Result<()> {
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
}

impl Storage for Stream {
    fn read_again(&self, observer: &Observer) -> Option<Result<Reading>> {
        Some(reader::start(self, 1, observer.clone()))
    }

    fn remove(&self) -> Result<()> {
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
