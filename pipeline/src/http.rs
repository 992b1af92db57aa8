//! What the services share of HTTP: where they listen, and answers in JSON.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::failure::{Failure, Result};

/// How long requests are waited for that are being answered when a service ends.
const GRACE: Duration = Duration::from_secs(1);

/// An address of this machine alone, from the command line.
///
/// # Errors
/// What was expected in its place.
pub fn loopback(text: &str) -> std::result::Result<SocketAddr, String> {
    let at: SocketAddr = text.parse().map_err(|_| {
        format!("{text:?} is no address with a port; expected one such as 127.0.0.1:8080")
    })?;
    if at.ip().is_loopback() {
        return Ok(at);
    }
    Err(format!(
        "{text:?} can be reached from outside; expected an address of this machine alone, such as \
         127.0.0.1:{}",
        at.port()
    ))
}

/// Listens at `at`; port 0 for any that is free.
///
/// # Errors
/// Why it can't.
pub async fn listen(at: SocketAddr) -> Result<TcpListener> {
    let failed = |error| Failure::usage(format!("--listen {at}: {error}; is another port free?"));
    TcpListener::bind(at).await.map_err(failed)
}

/// Says where `stage` listens: who has started it may ask from then on.
pub fn ready(stage: &str, listener: &TcpListener) {
    if let Ok(at) = listener.local_addr() {
        println!("{stage} listens on http://{at}");
    }
}

/// Answers until `stop` changes, and a little longer those who have asked.
///
/// # Errors
/// Why it no longer can.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let mut ended = stop.clone();
    let asked = async move { drop(stop.wait_for(|stopped| *stopped).await) };
    let late = async move {
        drop(ended.wait_for(|stopped| *stopped).await);
        tokio::time::sleep(GRACE).await;
    };
    let serving = axum::serve(listener, routes).with_graceful_shutdown(asked).into_future();
    tokio::select! {
        served = serving => {
            served.map_err(|error| Failure::broken(format!("no longer listening: {error}")))
        }
        () = late => Ok(()),
    }
}

/// Ends when the process is asked to: by Ctrl-C or SIGTERM.
///
/// # Errors
/// If the system does not tell of signals.
pub fn until_asked() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |error| Failure::broken(format!("no signal can be waited for: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

/// A request that was not answered as asked: with its status, `{"error": ...}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub StatusCode, pub String);

impl Refusal {
    /// What was asked for makes no sense.
    pub fn wrong(why: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, why.into())
    }

    /// It does, and can't be answered now.
    pub fn unable(why: impl Into<String>) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, why.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// An answer in JSON, or why there is none.
pub type Answer = std::result::Result<Json<Value>, Refusal>;

/// How many are asked for by `k`: 1 to `most`, `usual` where it is not said.
///
/// # Errors
/// What was expected in its place.
pub fn count(k: Option<&str>, usual: usize, most: usize) -> std::result::Result<usize, Refusal> {
    let Some(text) = k else { return Ok(usual) };
    let wrong = || Refusal::wrong(format!("k is {text:?}: a whole number from 1 to {most}"));
    let k: usize = text.parse().map_err(|_| wrong())?;
    if (1..=most).contains(&k) { Ok(k) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_listened_at() {
        assert_eq!(loopback("127.0.0.1:80").map(|at| at.port()), Ok(80));
        assert!(loopback("[::1]:80").is_ok());
        let told = loopback("0.0.0.0:8080").expect_err("from outside");
        assert!(told.contains("such as 127.0.0.1:8080"), "{told}");
        assert!(loopback("8080").expect_err("no address").contains("no address with a port"));
    }

    #[test]
    fn how_many_is_a_number_within_its_bounds() {
        assert_eq!(count(None, 10, 100), Ok(10));
        assert_eq!(count(Some("100"), 10, 100), Ok(100));
        for wrong in ["0", "101", "-1", "ten", ""] {
            assert!(count(Some(wrong), 10, 100).is_err(), "{wrong}");
        }
    }
}
