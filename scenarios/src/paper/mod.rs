//! The paper's claims put to the test: `headwater paper`.
//!
//! `scenarios/paper/claims.toml` has the claims, the runs that tell of them, and what must hold of
//! these: [`claims`] reads it. [`Asked::run`] makes the runs, [`judge`] says of each claim whether
//! it holds, by a rule: no verdict is written anywhere. [`live`] does the same with what `loadgen
//! paper` has measured by real tools. `text` and `shown` tell it.

pub mod claims;
pub mod judge;
pub mod live;
mod runs;
mod shown;
pub mod text;

pub use claims::{Asked, Paper, SetUp, Tool};
pub use judge::{Answer, Judged, Verdict};
pub use live::{Gathered, Live, Measured, Spec};
