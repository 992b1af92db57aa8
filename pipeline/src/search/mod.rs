//! The search: tweets as rows of a database, vectors of their texts in an index, answers in a
//! cache.
//!
//! ```text
//!  second stream -> rows, a batch at a time -> PostgreSQL -> vectors -> index
//!
//!  a query -> Redis -(miss)-> index: numbers of tweets that are near
//!                             -> PostgreSQL: their rows -> ranked -> Redis
//! ```
//!
//! Stands for the database, the Milvus and the Redis of the paper's section 5; the model of it is
//! `models/src/pipeline/search`. A tweet is once in database and index, however often it comes: its
//! number is the key of its row, and the process knows which it has put into the index.

pub mod cache;
pub mod database;
pub mod index;
pub mod ranking;
mod service;
mod vector;
pub mod words;

use std::sync::Arc;

pub use service::{Config, Search};

use crate::arguments::{self, Part};
use crate::failure::Result;
use crate::source::{Offsets, Source};
use crate::{http, serve};

/// Serves it.
///
/// # Errors
/// What can't be done, or what it could not go on with.
pub async fn run(asked: arguments::Search) -> Result<()> {
    let with = |part| !asked.without.contains(&part);
    let shape = index::Shape {
        dimensions: asked.dimensions as usize,
        m: asked.m as usize,
        ef: asked.ef as usize,
    };
    let config = Config {
        database: database::Options {
            url: asked.database,
            connections: asked.connections as usize,
            keep: asked.keep,
            by_words: !with(Part::Vectors),
            patience: asked.backend_timeout,
        },
        index: with(Part::Vectors).then_some(shape),
        cache: asked.cache.filter(|_| with(Part::Cache)),
        ttl: asked.ttl,
        cache_timeout: asked.cache_timeout,
    };
    let listener = http::listen(asked.listen).await?;
    let stage = Arc::new(Search::open(&config).await?);
    http::ready("search", &listener);
    let source = Source::open(asked.stream.topic("headwater-search"), Offsets::new());
    serve::serve(stage, source, Some(listener), asked.stream.summary).await
}
