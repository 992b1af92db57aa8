//! Asks a service.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

/// Bytes of an answer at the most.
const LARGEST: usize = 16 << 20;

/// Connections to services, which are used again.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<HttpConnector, Empty<Bytes>>,
    patience: Duration,
}

impl Client {
    /// One that waits so long for an answer.
    pub fn new(patience: Duration) -> Self {
        Self { pool: Pool::builder(TokioExecutor::new()).build_http(), patience }
    }

    /// What the service at `base` answers to `path`, with its query.
    ///
    /// # Errors
    /// Why it does not answer.
    pub async fn get(&self, base: &Uri, path: &str) -> Result<(StatusCode, Bytes), String> {
        let base = base.to_string();
        let base = base.trim_end_matches('/');
        let uri: Uri = format!("{base}{path}").parse().map_err(|error| format!("{error}"))?;
        let asked = async {
            let answer = self.pool.get(uri).await.map_err(|error| cause(&error))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, LARGEST).collect().await;
            Ok((head.status, body.map_err(|error| error.to_string())?.to_bytes()))
        };
        let told = |why: String| format!("{base} does not answer: {why}");
        match timeout(self.patience, asked).await {
            Ok(answer) => answer.map_err(told),
            Err(_) => Err(told(format!("nothing within {:?}", self.patience))),
        }
    }
}

/// The innermost reason: the outer ones say that there was an error.
fn cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), cause)
}
