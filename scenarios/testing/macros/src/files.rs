//! The scenario files of a folder. The macro and the crate that it expands to see the same ones:
//! both have this file.

use std::io;
use std::path::Path;

/// Folders that don't hold scenarios: golden outcomes, machine profiles.
const OTHERS: [&str; 2] = ["snapshots", "profiles"];

/// The scenario files (`*.toml`) below `folder`, as paths from there with forward slashes, in
/// order. Folders named `snapshots` or `profiles`, and those that are hidden, are left out.
pub fn scenario_files(folder: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let below = format!("{prefix}{name}");
            if path.is_dir() {
                if !name.starts_with('.') && !OTHERS.contains(&name.as_str()) {
                    open.push((path, below + "/"));
                }
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                found.push(below);
            }
        }
    }
    found.sort();
    Ok(found)
}
