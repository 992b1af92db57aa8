//! Programs of this machine that services need: where they are, and whom they run as.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::launch::LaunchedCluster;
use crate::launch::guarded::held;

/// Where programs are that are not for everybody.
const BESIDES: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Where Debian has a folder for each version of a database, which is not on the PATH.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Nobody's number in Debian, Fedora and others: a database refuses to run as root.
const NOBODY: u32 = 65_534;

/// The first of `names` that this machine has.
pub(super) fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(BESIDES.map(PathBuf::from));
    if let Ok(versions) = std::fs::read_dir(VERSIONS) {
        let mut bins: Vec<_> =
            versions.flatten().map(|version| version.path().join("bin")).collect();
        bins.sort();
        folders.extend(bins.into_iter().rev());
    }
    let mut all = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.find(|program| program.is_file())
}

/// A folder of a program's own, and whom it is to run as.
pub(super) struct Ground {
    /// The folder.
    pub(super) folder: PathBuf,
    /// Nobody, where this program runs as root; nobody else where it does not.
    pub(super) user: Option<u32>,
}

impl Ground {
    /// One for a program that is not to run as root: in `home`, or where that is root's, in a
    /// folder for temporary files that others come to as well, which the guard removes.
    pub(super) fn unprivileged(cluster: &LaunchedCluster, home: &Path, name: &str) -> Result<Self> {
        let fail = |path: &Path, error: std::io::Error| {
            Failure::io(format_args!("can't make {}", path.display()), &error)
        };
        if !rustix::process::geteuid().is_root() {
            let folder = home.join(name);
            std::fs::create_dir_all(&folder).map_err(|error| fail(&folder, error))?;
            return Ok(Self { folder, user: None });
        }
        let made = tempfile::Builder::new().prefix(&format!("headwater-{name}-")).tempdir();
        let folder = made.map_err(|error| fail(&std::env::temp_dir(), error))?.keep();
        held(&cluster.guarded)?.own(&folder)?;
        chown(&folder, Some(NOBODY), Some(NOBODY)).map_err(|error| fail(&folder, error))?;
        Ok(Self { folder, user: Some(NOBODY) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_the_first_name_that_there_is() {
        let found = find(&["no-such-program", "sh"]).expect("every machine has a shell");
        assert!(found.ends_with("sh"), "{found:?}");
        assert_eq!(find(&["no-such-program"]), None);
    }
}
