//! Programs of this machine, and whom they run as.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// True if tests of real programs are to run.
pub fn asked(test: &str) -> bool {
    let asked = env::var_os("HEADWATER_LIVE").is_some_and(|value| value == "1");
    if !asked {
        eprintln!("skipped {test}: HEADWATER_LIVE is not 1");
    }
    asked
}

/// The first of `names` that this machine has; a word where there is none.
pub fn program(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    // Debian has a folder for each version of PostgreSQL, which is not in the path.
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let all = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = all.into_iter().find(|program| program.is_file());
    if found.is_none() {
        eprintln!("NOT TESTED: this machine has no {}", names[0]);
    }
    found
}

/// Nobody's number in Debian, Fedora and others: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

/// The program, as nobody where the tests run as root, with `folder` for it.
pub fn unprivileged(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    if rustix::process::geteuid().is_root() {
        chown(folder, Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
