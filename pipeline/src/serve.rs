//! The loop of a service: what was read is handed to it, its queries are answered, and when it is
//! asked to end, or can't go on, its counts are written down.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::failure::{Failure, Result};
use crate::http::{self, Refusal};
use crate::source::Source;
use crate::stage::Stage;

/// How often a service is told that time passes.
const TICK: Duration = Duration::from_millis(100);

/// All that a stage answers.
pub fn routes<S: Stage>(stage: &Arc<S>) -> Router {
    let (told, well) = (Arc::clone(stage), Arc::clone(stage));
    let stats = move || async move { Json(told.stats()) };
    let health = move || async move {
        match well.health() {
            Ok(()) => Json(json!({ "ok": true })).into_response(),
            Err(why) => Refusal::unable(why).into_response(),
        }
    };
    let own = Arc::clone(stage).routes();
    own.route("/stats", get(stats)).route("/health", get(health))
}

/// Serves `stage` until the process is asked to end, or the stage or its source fail; its counts
/// are in `summary` then, in either case.
///
/// # Errors
/// What it could not go on with.
pub async fn serve<S: Stage>(
    stage: Arc<S>,
    source: Source,
    listener: Option<TcpListener>,
    summary: Option<PathBuf>,
) -> Result<()> {
    let asked = http::until_asked()?;
    let (stop, stopped) = watch::channel(false);
    let server =
        listener.map(|listener| tokio::spawn(http::serve(listener, routes(&stage), stopped)));
    let fed = feed(&*stage, source, asked).await;
    let finished = stage.finish();
    let written = summary.map_or(Ok(()), |path| write(&path, &stage.stats()));
    stop.send_replace(true);
    let served = match server {
        Some(server) => server.await.unwrap_or(Ok(())),
        None => Ok(()),
    };
    fed.and(finished).and(written).and(served)
}

async fn feed<S: Stage>(
    stage: &S,
    mut source: Source,
    asked: impl Future<Output = ()>,
) -> Result<()> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(asked);
    loop {
        tokio::select! {
            biased;
            () = &mut asked => return Ok(()),
            _ = ticks.tick() => stage.tick()?,
            batch = source.next() => {
                let Some(batch) = batch else { return Ok(()) };
                // A batch may wait for a database that is gone: that must not keep the process.
                tokio::select! {
                    biased;
                    () = &mut asked => return Ok(()),
                    taken = stage.take(batch?) => taken?,
                }
            }
        }
    }
}

/// Writes `stats` to `path`.
///
/// # Errors
/// Why it can't.
pub fn write(path: &Path, stats: &Value) -> Result<()> {
    let text = format!("{stats:#}\n");
    let failed = |error| Failure::broken(format!("--summary {}: {error}", path.display()));
    std::fs::write(path, text).map_err(failed)
}
