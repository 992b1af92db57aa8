//! The stream of a run, and whether a controller answers.

use std::sync::Arc;
use std::time::Duration;

use headwater_models::pravega::config::{Cluster, ScaleType, ScalingPolicy};
use headwater_pravega_client::{Controller, Scaling, StreamName};
use tokio::runtime::Runtime;

use super::reader;
use crate::failure::{Failure, Result};
use crate::systems::client::{Observer, Reading};
use crate::systems::system::Storage;

/// The scope of all streams of this program.
const SCOPE: &str = "headwater";

/// How long the controller may take to make a scope and a stream.
const ADMIN: Duration = Duration::from_secs(30);

/// How long a controller may take to say whether a scope exists before it counts as dead.
pub(super) const ANSWER: Duration = Duration::from_secs(10);

/// A client of one controller with its runtime, and the stream of this run.
#[derive(Clone)]
pub(super) struct Stream {
    /// The controller.
    pub(super) controller: Controller,
    /// Scope and stream.
    pub(super) name: StreamName,
    runtime: Arc<Tasks>,
}

/// Where the client's tasks run. They may wait for a store that is gone: nobody waits for them.
struct Tasks(Option<Runtime>);

impl Drop for Tasks {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A runtime for a client's tasks.
pub(super) fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("pravega")
        .enable_all()
        .build();
    runtime.map_err(|error| Failure::io("can't start a runtime", &error))
}

/// Whether a controller answers at `controller` (`host:port`), within `patience`.
pub(super) fn answers(controller: &str, patience: Duration) -> std::result::Result<(), String> {
    let controller = Controller::new(controller, patience);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let answered = runtime.block_on(controller.scope_exists("_system"));
    answered.map(|_| ()).map_err(|error| error.to_string())
}

/// How the stream of a cluster is scaled. One that is scaled by its load begins with the segments
/// that it never has fewer of.
fn scaling(cluster: &Cluster) -> Scaling {
    let ScalingPolicy { scale_type, target_rate: target, scale_factor: factor } =
        cluster.scaling_policy;
    let segments_min = cluster.segments;
    match scale_type {
        ScaleType::FixedNumSegments => Scaling::Fixed { segments: segments_min },
        ScaleType::ByRateInEventsPerSec => Scaling::ByEventRate { target, factor, segments_min },
        ScaleType::ByRateInKbytesPerSec => Scaling::ByThroughput { target, factor, segments_min },
    }
}

impl Stream {
    /// A client of `controller` (`host:port`) for `stream` in the scope [`SCOPE`].
    pub(super) fn new(controller: &str, stream: &str) -> Result<Self> {
        let name = StreamName { scope: SCOPE.to_owned(), stream: stream.to_owned() };
        let controller = Controller::new(controller, ANSWER);
        Ok(Self { controller, name, runtime: Arc::new(Tasks(Some(runtime()?))) })
    }

    /// Where the client's tasks run.
    pub(super) fn runtime(&self) -> &Runtime {
        self.runtime.0.as_ref().expect("taken only when dropped")
    }

    /// Makes the scope, if need be, and the stream.
    pub(super) fn create(&self, cluster: &Cluster) -> Result<()> {
        let scaling = scaling(cluster);
        let made = self.runtime().block_on(async {
            self.controller.make_scope(SCOPE, ADMIN).await?;
            self.controller.make_stream(&self.name, scaling, ADMIN).await
        });
        made.map_err(|error| {
            let address = self.controller.address();
            Failure::new(format!("{address}: can't create a stream: {error}"))
        })
    }
}

impl Storage for Stream {
    fn read_again(&self, observer: &Observer) -> Option<Result<Reading>> {
        Some(reader::start(self, 1, observer.clone()))
    }

    fn remove(&self) -> Result<()> {
        let removed = self.runtime().block_on(self.controller.delete_stream(&self.name, ADMIN));
        removed.map_err(|error| {
            let (address, stream) = (self.controller.address(), &self.name);
            Failure::new(format!("{address}: stream {stream} is left behind: {error}"))
        })
    }
}
