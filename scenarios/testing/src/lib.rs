//! Scenario files as tests, in a crate of your own.
//!
//! A folder of scenario files becomes a test each by two lines. In `Cargo.toml`, under
//! `[dev-dependencies]`:
//!
//! ```toml
//! headwater = { git = "...", version = "0.1" }
//! ```
//!
//! and in `tests/scenarios.rs`:
//!
//! ```text
//! headwater::test_folder!("tests/scenarios");
//! ```
//!
//! `cargo test broker_crash` then runs `tests/scenarios/broker-crash.toml`: the test passes if the
//! file's `[expect]` is met and no checker finds a broken `[promise]`. One that fails says with
//! which seed, what failed, and the line that shows it again (`headwater replay FILE --seed N`).
//!
//! Runs are heavy arithmetic: let your debug builds optimise what they depend on.
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 1
//! ```
//!
//! A second argument says more: many seeds, golden outcomes (with the feature `snapshots`), values
//! laid over every file.
//!
//! ```text
//! headwater::test_folder!("tests/scenarios", |folder| folder.seeds(16).snapshots());
//! ```
//!
//! - Seeds that fail are written to `NAME.seeds` beside the file, and are run first from then on.
//!   A file with a section `[swarm]` draws configuration and faults from each further seed, as
//!   `headwater swarm` does; the case of a seed that fails is written as a scenario file of its
//!   own, `regressions/NAME-SEED.toml`, and is a test from then on.
//! - `Folder::snapshots` holds the compact outcome of each file (counts, fingerprint, verdicts,
//!   percentiles) to `snapshots/NAME.snap`; `cargo insta review` or `INSTA_UPDATE=always` takes new
//!   ones.
//!
//! A test of your own:
//!
//! ```no_run
//! #[test]
//! fn five_brokers_lose_nothing_either() {
//!     headwater::scenario("tests/scenarios/broker-crash.toml")
//!         .set("system.brokers", "5")
//!         .seeds(8)
//!         .check();
//! }
//! ```
//!
//! Systems of your own come with [`Folder::systems`].
//!
//! `headwater test FOLDER` does the same from the command line, without Rust.

mod failure;
mod file;
#[path = "../macros/src/files.rs"]
mod files;
mod folder;
mod golden;
mod kept;
mod report;
#[cfg(feature = "snapshots")]
mod snapshot;

pub use failure::Failure;
pub use file::{ScenarioTest, Tested};
pub use folder::{Control, Folder};
pub use golden::Golden;
pub use headwater_macros::test_folder;
pub use headwater_models::system::SystemKind;
pub use headwater_models::systems::Systems;
pub use headwater_reports::Outcome;
pub use headwater_scenarios::scenario::{Problems, Scenario};
pub use report::Report;

/// A test of one scenario file; `path` starts at the package's root under `cargo test`.
pub fn scenario(path: impl Into<std::path::PathBuf>) -> ScenarioTest {
    ScenarioTest::new(path.into())
}

/// What [`test_folder!`] expands to: the folder at `path`, configured.
#[doc(hidden)]
pub fn configured(path: &str, with: impl FnOnce(Folder) -> Folder) -> Folder {
    with(Folder::new(path))
}

/// What [`test_folder!`] expands to: checks the files of the folder that are not `known`, so that
/// one that came after the build is not left out.
#[doc(hidden)]
#[track_caller]
pub fn check_added(folder: &Folder, known: &[&str]) {
    let files = folder.files().unwrap_or_else(|problems| panic!("{problems}"));
    for file in files.iter().filter(|file| !known.contains(&file.as_str())) {
        folder.file(file).check();
    }
}
