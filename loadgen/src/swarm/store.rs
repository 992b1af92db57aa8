//! What was gathered, on disk: a folder for each case with its file, its simulation and its runs,
//! so that the same command line goes on where it was stopped.

use std::path::{Path, PathBuf};

use super::world::Told;
use crate::failure::{Failure, Result};
use crate::output::Folder;

/// What is told of a case, in its folder.
const TOLD: &str = "told.json";

/// The folder of a live swarm.
pub(super) struct Store(PathBuf);

impl Store {
    /// Opens the folder, which is made if need be.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Folder::open(path)?;
        Ok(Self(path.to_owned()))
    }

    /// The folder of a case.
    pub(super) fn of(&self, seed: u64) -> PathBuf {
        folder(&self.0, seed)
    }

    /// The file of a case.
    pub(super) fn file(&self, seed: u64) -> PathBuf {
        self.of(seed).join("case.toml")
    }

    /// What was told of a case, if it was made from the same.
    pub(super) fn told(&self, seed: u64, made_from: &str) -> Option<Told> {
        let text = std::fs::read_to_string(self.of(seed).join(TOLD)).ok()?;
        serde_json::from_str::<Told>(&text).ok().filter(|told| told.made_from == made_from)
    }

    /// Keeps what is told of a case.
    pub(super) fn keep(&self, told: &Told) -> Result<()> {
        let text = serde_json::to_string_pretty(told).expect("every key is a string");
        write(&self.of(told.seed).join(TOLD), &text)
    }

    /// Makes room for a case: what is left of one that was stopped, or no longer holds, goes.
    pub(super) fn clear(&self, seed: u64) -> Result<()> {
        let folder = self.of(seed);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::io(folder.display(), &error))
            }
            _ => Ok(()),
        }
    }

    /// Writes a file of the swarm.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        write(&path, text)?;
        Ok(path)
    }
}

/// The folder of a case, in that of its swarm.
pub(super) fn folder(swarm: &Path, seed: u64) -> PathBuf {
    swarm.join(format!("seed-{seed}"))
}

/// Writes a file, and makes its folder if need be.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    made.and_then(|()| std::fs::write(path, text))
        .map_err(|error| Failure::io(path.display(), &error))
}
