//! Trending: the hashtags of the last minute by how often they were used, in memory alone.
//!
//! Stands for the part of the paper's section 5 that ranks hashtags for a word cloud and stores
//! nothing; the model of it is `models/src/pipeline/trending`.

mod service;
pub mod windows;

use std::sync::Arc;

pub use service::{Config, Trending};

use crate::arguments;
use crate::duration::micros;
use crate::failure::{Failure, Result};
use crate::source::{Offsets, Source};
use crate::{http, serve};

/// Serves it.
///
/// # Errors
/// What can't be done, or what it could not go on with.
pub async fn run(asked: arguments::Trending) -> Result<()> {
    let arguments::Trending { stream, listen, window, slide, max_delay, top } = asked;
    let shape = windows::Shape::new(micros(window), micros(slide), micros(max_delay));
    let shape = shape.map_err(Failure::usage)?;
    let listener = http::listen(listen).await?;
    http::ready("trending", &listener);
    let stage = Arc::new(Trending::new(Config { shape, top: top as usize }));
    let source = Source::open(stream.topic("headwater-trending"), Offsets::new());
    serve::serve(stage, source, Some(listener), stream.summary).await
}
