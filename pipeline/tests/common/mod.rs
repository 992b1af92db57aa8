//! What tests of the services share: records, a service behind an address, and the program.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::Uri;
use headwater_pipeline::source::Message;
use headwater_pipeline::stage::Stage;
use headwater_pipeline::web::client::Client;
use headwater_pipeline::{http, record, serve};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Longest wait for what another process does.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A record of the second stream, with hashtags that are words of `text`.
pub fn message(id: u64, text: &str) -> Message {
    let tags: Vec<_> = text.split(' ').filter(|word| word.starts_with('#')).collect();
    let now = record::now();
    let value = json!({
        "id": id, "at": now, "user": format!("user_{id}"), "lang": "en", "text": text,
        "hashtags": tags, "batch": 3, "worked_at": now, "unknown": [1],
    });
    let offset = i64::try_from(id).expect("a small number");
    Message { partition: 0, offset, at: Some(now), value: value.to_string().into_bytes() }
}

/// Serves `stage` from now on: where.
pub async fn served<S: Stage>(stage: &Arc<S>) -> Uri {
    behind(serve::routes(stage)).await
}

/// Serves `routes` for as long as the test goes on: where.
pub async fn behind(routes: axum::Router) -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let at = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        let (kept, stop) = watch::channel(false);
        let served = http::serve(listener, routes, stop).await;
        drop(kept);
        served
    });
    format!("http://{at}").parse().expect("an address")
}

/// What the service at `base` answers: the status, and its JSON.
pub async fn get(base: &Uri, path: &str) -> (u16, Value) {
    let answer = Client::new(PATIENCE).get(base, path).await;
    let (status, body) = answer.expect("it answers");
    (status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// A process that is stopped when it is no longer needed.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts it.
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("it starts"))
    }

    /// The program of this crate, with these arguments.
    pub fn program(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_headwater-pipeline"));
        Self::start(command.args(arguments).stdout(Stdio::null()))
    }

    /// Sends it a signal, and waits until it has ended: its exit code.
    pub fn end(&mut self, signal: Signal) -> Option<i32> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw).expect("a process");
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
        self.0.wait().expect("it can be waited for").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            self.end(Signal::INT);
        }
    }
}

/// Waits until `met` gives something.
pub async fn until<T>(what: &str, mut met: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = met().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A port that is free now.
pub fn port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}
