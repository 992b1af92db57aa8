//! The paper's claims put to the test: `headwater paper`.
//!
//! `scenarios/paper/claims.toml` has the claims, the runs that tell of them, and what must hold of
//! these: [`claims`] reads it. [`Asked::run`] makes the runs, [`judge`] says of each claim whether
//! it holds, by a rule: no verdict is written anywhere. `text` and `shown` tell it.

pub mod claims;
pub mod judge;
mod runs;
mod shown;
pub mod text;

pub use claims::{Asked, Paper, SetUp};
pub use judge::{Answer, Judged, Verdict};
