//! Tests across crates, one binary per area.
