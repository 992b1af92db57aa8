//! The deterministic kernel: time, randomness, machines, faults, fingerprint.

pub mod context;
pub mod disk;
pub mod distribution;
pub mod effect;
pub mod fingerprint;
pub mod machine;
pub mod node;
pub mod random;
pub mod text;
pub mod time;
pub mod units;
