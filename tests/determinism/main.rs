//! Determinism: the same seed gives the same run, however often and wherever it is run, and a run
//! that is not deterministic is found out.

mod planted;
mod profiles;
