//! What a service is to the loop that feeds it.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use serde_json::Value;

use crate::failure::Result;
use crate::source::Message;

/// A service that takes a stream.
pub trait Stage: Send + Sync + 'static {
    /// Takes what was read, in order; returns when it is where queries find it.
    ///
    /// # Errors
    /// What the service can't go on with.
    fn take(&self, batch: Vec<Message>) -> impl Future<Output = Result<()>> + Send;

    /// Called several times a second, between batches.
    ///
    /// # Errors
    /// What the service can't go on with.
    fn tick(&self) -> Result<()> {
        Ok(())
    }

    /// Called once, when nothing will be taken any more.
    ///
    /// # Errors
    /// What could not be written.
    fn finish(&self) -> Result<()> {
        Ok(())
    }

    /// Whether it can answer: what `/health` says.
    ///
    /// # Errors
    /// Why it can't.
    fn health(&self) -> std::result::Result<(), String> {
        Ok(())
    }

    /// What `/stats` says.
    fn stats(&self) -> Value;

    /// What it answers besides `/stats` and `/health`.
    fn routes(self: Arc<Self>) -> Router;
}
