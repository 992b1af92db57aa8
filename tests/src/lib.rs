//! What the tests across crates share: the workspace as text, and a protocol for the kernel's
//! tests.

pub mod bench;
pub mod workspace;
