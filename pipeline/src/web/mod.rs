//! The page: a word cloud of what is trending, a search, rates and delays of every stage; and the
//! queries of all that, passed on to the services.
//!
//! Stands for the Flask and the Vue of the paper's section 5: the page is one document without a
//! framework, and asks what it shows once a second.

pub mod client;
mod service;
mod spark;

use std::sync::Arc;

use axum::http::Uri;
use tokio::sync::watch;

pub use service::Web;

use crate::cli;
use crate::failure::Result;
use crate::{http, serve};

/// A service's address, from the command line.
///
/// # Errors
/// What was expected in its place.
pub fn backend(text: &str) -> std::result::Result<Uri, String> {
    let wrong = || format!("{text:?} is no service; expected one such as http://127.0.0.1:7001");
    let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| wrong())?;
    let plain = uri.scheme_str() == Some("http") && uri.port().is_some() && uri.path().len() <= 1;
    if plain { Ok(uri) } else { Err(wrong()) }
}

/// Serves it.
///
/// # Errors
/// What can't be done, or what it could not go on with.
pub async fn run(asked: cli::Web) -> Result<()> {
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
