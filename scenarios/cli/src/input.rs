//! Files that are read: by their path, or standard input for `-`.

use std::path::Path;

use crate::failure::Failure;

/// What an argument says for standard input.
pub const STANDARD_INPUT: &str = "-";

/// The text of a file.
pub fn text(path: impl AsRef<Path>) -> Result<String, Failure> {
    let path = path.as_ref();
    if path == Path::new(STANDARD_INPUT) {
        return std::io::read_to_string(std::io::stdin())
            .map_err(|error| Failure::Other(format!("standard input: {error}")));
    }
    let shown = path.display();
    std::fs::read_to_string(path).map_err(|error| Failure::Other(format!("{shown}: {error}")))
}
