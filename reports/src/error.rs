//! What can be wrong with an outcome file.

use std::path::PathBuf;

use crate::outcome::{SCHEMA, SCHEMA_1, SCHEMA_2};

/// Why an outcome could not be read or written. One line each: what, where, what to do.
#[derive(Debug, thiserror::Error)]
pub enum OutcomeError {
    /// The file could not be read.
    #[error(
        "{}: cannot read the outcome: {source}; give the path of an outcome.json",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error(
        "{}: cannot write: {source}; free space or name another directory with --out",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not JSON, or not of the schema's shape.
    #[error(
        "{}:{line}:{column}: not a valid outcome: {problem}; expected the schema {expected}; \
         write the file again by running the scenario",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong there.
        problem: String,
        /// The schema's name.
        expected: &'static str,
    },
    /// The file is of another version of the schema.
    #[error(
        "{}: schema is `{found}`, this headwater reads `{SCHEMA}`, `{SCHEMA_2}` and `{SCHEMA_1}`; \
         run the scenario again, or read the file with the headwater that wrote it (its `version` \
         field)",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The schema the file names.
        found: String,
    },
    /// The fields are well formed but contradict each other.
    #[error("{}: inconsistent outcome: {problem}; run the scenario again", path.display())]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// Which fields, and how.
        problem: String,
    },
}
