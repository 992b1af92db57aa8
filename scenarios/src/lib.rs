//! Scenario files, traffic and checkers; run and sweep.

pub mod check;
pub mod traffic;
