//! What stands behind a stream in the paper's pipeline: a folder for each part.
//!
//! Stands for the system of "Pravega Performance Analysis and System Implementation" (2022),
//! section 5: tweets come in by a stream and are kept in a file, an engine works on them in
//! batches, a second stream takes what it has made, and hashtags are ranked behind that. Each part
//! is a system of its own, and a scenario chains them (`from`).

pub mod backup;
pub mod offsets;
pub mod part;
pub mod spark;
pub mod trending;
