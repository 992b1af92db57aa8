//! Outcome files: reading with one clear error, writing.

use std::path::{Path, PathBuf};

use crate::outcome::{Outcome, SCHEMA};

/// Why an outcome file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file can't be opened, read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// It is no outcome.
    #[error(
        "{path}:{line}:{column}: not an outcome: {message}\n  expected JSON of schema {SCHEMA}, as \
         `headwater run NAME --out DIR` writes to DIR/outcome.json",
        path = path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// It is of another schema.
    #[error(
        "{path}: schema is \"{found}\", this version reads \"{SCHEMA}\": run the scenario again",
        path = path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: String,
    },
}

/// Just enough to tell the schema before the rest is believed.
#[derive(serde::Deserialize)]
struct Head {
    schema: String,
}

impl Outcome {
    /// Reads an outcome file.
    ///
    /// # Errors
    /// If it can't be read, is of another schema, or is corrupt (with line and column).
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let io = |source| FileError::Io { path: path.into(), source };
        let text = std::fs::read_to_string(path).map_err(io)?;
        let corrupt = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            let words = error.to_string();
            let message = words.split(" at line ").next().unwrap_or(&words).to_string();
            FileError::Corrupt { path: path.into(), line, column, message }
        };
        let head: Head = serde_json::from_str(&text).map_err(corrupt)?;
        if head.schema != SCHEMA {
            return Err(FileError::Schema { path: path.into(), found: head.schema });
        }
        serde_json::from_str(&text).map_err(corrupt)
    }

    /// Writes it, as JSON with one field a line.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let io = |source| FileError::Io { path: path.into(), source };
        let mut text = serde_json::to_string_pretty(self)
            .map_err(|error| io(std::io::Error::other(error.to_string())))?;
        text.push('\n');
        std::fs::write(path, text).map_err(io)
    }
}
