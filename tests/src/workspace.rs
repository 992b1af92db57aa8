//! The workspace's own files, read for the tests that hold its rules.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the workspace.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path from the workspace's root, with forward slashes.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl SourceFile {
    /// A file that is not on disk, for a planted violation.
    pub fn planted(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// The top-level folder that it lies in; empty for a file of the root.
    pub fn folder(&self) -> &str {
        self.path.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// True for a file with this extension.
    pub fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|have| have == extension)
    }
}

/// The workspace's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// Folders that hold no source of the project.
const SKIPPED: [&str; 5] = ["target", "out", ".git", ".ci", "node_modules"];

/// Every text file of the workspace with one of `extensions`, in order of path.
///
/// # Panics
/// If the tree can't be read.
pub fn files(extensions: &[&str]) -> Vec<SourceFile> {
    let root = root();
    let mut found = vec![];
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the workspace can be read") {
            let path = entry.expect("a folder's entries can be read").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if !SKIPPED.contains(&name) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|have| extensions.iter().any(|e| *e == have)) {
                let inside = path.strip_prefix(&root).expect("a file lies under the root");
                let text = fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("{} is not text: {error}", path.display()));
                let path = inside.to_string_lossy().replace('\\', "/");
                found.push(SourceFile { path, text });
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    found
}
