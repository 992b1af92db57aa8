//! The deterministic kernel: time, randomness, machines, faults, fingerprint.

pub mod context;
pub mod cpu;
pub mod device;
pub mod disk;
pub mod distribution;
pub mod effect;
pub mod fault;
pub mod files;
pub mod fingerprint;
pub mod log;
pub mod machine;
pub mod network;
pub mod node;
pub mod queue;
pub mod random;
pub mod simulation;
pub mod text;
pub mod time;
pub mod units;
pub mod usage;
