//! The engines under comparison: how each is built and run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::measure::Run;

/// An engine that runs the scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// This kernel.
    Headwater,
    /// nexosim 1.0.0 with one thread.
    Nexosim,
    /// madsim 0.2.34 over its TCP.
    MadsimTcp,
    /// madsim 0.2.34 over its datagrams (`Endpoint`).
    MadsimEndpoint,
    /// turmoil 0.7.2 over its TCP.
    Turmoil,
}

impl Engine {
    /// All, ours first.
    pub const ALL: [Self; 5] =
        [Self::Headwater, Self::Nexosim, Self::MadsimTcp, Self::MadsimEndpoint, Self::Turmoil];

    /// Its name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Headwater => "headwater",
            Self::Nexosim => "nexosim",
            Self::MadsimTcp => "madsim-tcp",
            Self::MadsimEndpoint => "madsim-endpoint",
            Self::Turmoil => "turmoil",
        }
    }

    /// The program that runs it and its arguments; about a second of work each, a few for turmoil.
    fn command(self, target: &Path) -> Command {
        let (program, arguments): (PathBuf, &[&str]) = match self {
            Self::Headwater => (
                env::current_exe().expect("this program has a path"),
                &["--only", "headwater", "--json"],
            ),
            Self::Nexosim => (target.join("peers/release/peer-nexosim"), &["100"]),
            Self::MadsimTcp => (target.join("madsim/release/peer-madsim"), &["tcp", "60"]),
            Self::MadsimEndpoint => {
                (target.join("madsim/release/peer-madsim"), &["endpoint", "60"])
            }
            Self::Turmoil => (target.join("peers/release/peer-turmoil"), &["1"]),
        };
        let mut command = Command::new(program);
        command.args(arguments);
        command
    }

    /// Runs it once in a process of its own.
    ///
    /// # Errors
    /// If it does not run or does not say what it did.
    pub fn run(self, target: &Path) -> Result<Run, String> {
        let failure = |what: String| format!("{}: {what}", self.name());
        let output = self.command(target).output().map_err(|error| failure(error.to_string()))?;
        if !output.status.success() {
            return Err(failure(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let line = String::from_utf8_lossy(&output.stdout);
        let value: Value =
            serde_json::from_str(&line).map_err(|error| failure(error.to_string()))?;
        let number = |key: &str| value[key].as_f64().ok_or_else(|| failure(format!("no {key}")));
        Ok(Run {
            messages: value["messages"].as_u64().ok_or_else(|| failure("no messages".into()))?,
            wall_seconds: number("wall_seconds")?,
            core_seconds: number("core_seconds")?,
            fingerprint: value["fingerprint"].as_u64().unwrap_or_default(),
        })
    }
}

/// Where cargo puts what it builds for this workspace.
pub fn target_directory() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Builds the peers: madsim under `--cfg madsim` and so in a directory of its own.
///
/// # Errors
/// If cargo fails.
pub fn build_peers(target: &Path) -> Result<(), String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    let build = |directory: &str, packages: &[&str], flags: &str| {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--release", "--quiet"]);
        cargo.arg("--manifest-path").arg(&manifest);
        cargo.arg("--target-dir").arg(target.join(directory));
        packages.iter().for_each(|package| _ = cargo.args(["-p", package]));
        let status = cargo.env("RUSTFLAGS", flags).status().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("building {packages:?} failed")) }
    };
    build("peers", &["peer-nexosim", "peer-turmoil"], "")?;
    build("madsim", &["peer-madsim"], "--cfg madsim")
}
