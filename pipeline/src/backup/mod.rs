//! The backup: every tweet of the first stream as a line of JSON, kept for good.
//!
//! ```text
//!  what was read -> lines -> one write -+-> FILE
//!                                       |
//!  every --commit-interval: [sync] -> how long FILE is, and which offsets come next -> [sync]
//!                                       |                                 in FILE.position
//!  at a start: FILE is cut back to its position, and reading goes on at its offsets
//! ```
//!
//! Stands for the "JSON file (permanent backup)" of the paper's section 5; the model of it is
//! `models/src/pipeline/backup`. The position is written after the lines and replaced at once (a
//! rename), so that it never tells of a line that is not there; what lies behind it, whole lines or
//! half of one, is read again. No tweet is missing or twice, whenever the process was killed.

pub mod archive;
mod line;
pub mod position;
mod service;

use std::sync::Arc;

pub use service::{Backup, Config};

use crate::arguments;
use crate::failure::Result;
use crate::source::Source;
use crate::{http, serve};

/// Serves it.
///
/// # Errors
/// What can't be done, or what it could not go on with.
pub async fn run(asked: arguments::Backup) -> Result<()> {
    let arguments::Backup { stream, file, group, commit_interval, sync, resume_interval, listen } =
        asked;
    let (archive, told) = archive::Archive::open(&file, &stream.topic, sync)?;
    if let Some(told) = told {
        eprintln!("backup: {told}");
    }
    let listener = match listen {
        Some(at) => Some(http::listen(at).await?),
        None => None,
    };
    if let Some(listener) = &listener {
        http::ready("backup", listener);
    }
    let topic = stream.topic(group.as_deref().unwrap_or("headwater-backup"));
    let source = Source::open(topic, archive.next().clone());
    let commits = group.map(|_| source.commits());
    let config = Config { commit_interval, resume_interval };
    let stage = Arc::new(Backup::new(archive, config, commits));
    serve::serve(stage, source, listener, stream.summary).await
}
