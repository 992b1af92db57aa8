//! Pravega's behaviour end to end, on the kernel, with faults.

#[path = "pravega/bench.rs"]
mod bench;
#[path = "pravega/standalone.rs"]
mod standalone;
