//! Reading TOML strictly: every error at once, each with its place and the nearest valid name.
//!
//! Nothing here knows what a scenario is: [`tree`] is TOML with places, [`overlay`](overlay()) lays
//! one table over another's defaults, [`settings`] lays values from the command line, [`decode`]
//! turns a tree into a type (through [`input`]), [`problem`] is what is reported when that fails.

pub mod decode;
pub mod input;
mod overlay;
pub mod problem;
pub mod settings;
pub mod tree;

pub use overlay::{Problems, overlay};
