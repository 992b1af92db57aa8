//! What the tests across crates share: the workspace as text.

pub mod workspace;
