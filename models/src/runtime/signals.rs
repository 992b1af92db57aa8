//! What a Java virtual machine tells of itself, whatever runs on it.

use crate::signal::Mark;

/// A collection has stopped the process; with the microseconds.
pub const GC_PAUSE: Mark = Mark::turn("gc_pause").of("").with("us");
/// What lives does not fit into the heap of the process, which ends; with the bytes.
pub const OUT_OF_MEMORY: Mark = Mark::new("out_of_memory").of("").with("bytes");
