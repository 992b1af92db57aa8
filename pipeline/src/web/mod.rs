//! The page: a word cloud of what is trending, a search, rates and delays of every stage; and the
//! queries of all that, passed on to the services.
//!
//! Stands for the Flask and the Vue of the paper's section 5: the page is one document without a
//! framework, and asks what it shows once a second.

pub mod client;
mod service;
mod spark;

use std::sync::Arc;

use tokio::sync::watch;

pub use service::Web;

use crate::arguments;
use crate::failure::Result;
use crate::{http, serve};

/// Serves it.
///
/// # Errors
/// What can't be done, or what it could not go on with.
pub async fn run(asked: arguments::Web) -> Result<()> {
    let listener = http::listen(asked.listen).await?;
    let at = listener.local_addr().map_or(asked.listen, |at| at);
    let summary = asked.summary.clone();
    let web = Arc::new(Web::new(asked, at));
    http::ready("web", &listener);
    let until = http::until_asked()?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        until.await;
        stop.send_replace(true);
    });
    let served = http::serve(listener, Arc::clone(&web).routes(), stopped).await;
    let written = summary.map_or(Ok(()), |path| serve::write(&path, &web.told()));
    served.and(written)
}
