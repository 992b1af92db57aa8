//! Writing a file so that a reader never sees half of it.

use std::fs;
use std::path::Path;

use crate::error::OutcomeError;

/// Writes `bytes` beside `path` and renames it into place, making the directory if need be.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), OutcomeError> {
    let fail = |source| OutcomeError::Write { path: path.to_owned(), source };
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(directory).map_err(fail)?;
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    written.map_err(|source| {
        // Already failing: a half-written file that cannot be removed makes no difference.
        let _ = fs::remove_file(&partial);
        fail(source)
    })
}
