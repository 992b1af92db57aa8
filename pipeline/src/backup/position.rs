//! How far a backup is: how long its file is, and which offsets come next. It lies beside the file,
//! and is replaced whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::source::Offsets;

/// A position.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The topic that is read.
    pub topic: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Its lines.
    pub lines: u64,
    /// The offset that comes next, by partition; others are read from their beginning.
    pub next: Offsets,
}

/// Where the position of `file` lies.
pub fn beside(file: &Path) -> PathBuf {
    with(file, ".position")
}

fn with(file: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(ending);
    name.into()
}

/// The position of `file`, if it has one.
///
/// # Errors
/// If it can't be read, or is none.
pub fn read(file: &Path) -> io::Result<Option<Position>> {
    match fs::read(beside(file)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts `position` in the place of the one before; `durable`: when this returns, it is on disk.
///
/// # Errors
/// Why it can't be written; the one before is there then.
pub fn replace(file: &Path, position: &Position, durable: bool) -> io::Result<()> {
    let new = with(file, ".position.new");
    let mut out = File::create(&new)?;
    out.write_all(serde_json::to_string(position)?.as_bytes())?;
    out.write_all(b"\n")?;
    if durable {
        out.sync_all()?;
    }
    fs::rename(&new, beside(file))?;
    if durable {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
