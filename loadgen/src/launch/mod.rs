//! Clusters launched for a run: artifacts from Maven, processes under a guard, all of it cleared
//! away at the end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::fault::proxy::Proxy;
use headwater_sim::scheduling::Policy;

use crate::placement::Placement;
use crate::utilisation::Watched;

pub(crate) mod artifacts;
pub(crate) mod crew;
pub mod guard;
pub(crate) mod guarded;
pub(crate) mod jvm;
pub(crate) mod log_line;
pub(crate) mod ports;

use guard::Launch;
use guarded::{Guarded, held};
use jvm::Jvm;

/// How long a launched cluster may take until it answers.
const READY: Duration = Duration::from_secs(120);

/// POSIX `nice`, where systems have it.
const NICE: &str = "/usr/bin/nice";

/// How much nicer a launched server is than the generator: of the two the server waits for a core,
/// and the generator keeps its schedule.
const NICER: i8 = 5;

/// The start of a server's command line.
pub(crate) fn java_command() -> Vec<String> {
    let nice = match policy() {
        Policy::Fair { nice } if nice > 0 => vec![NICE.to_owned(), "-n".into(), nice.to_string()],
        _ => vec![],
    };
    nice.into_iter().chain(["java".to_owned()]).collect()
}

/// How a launched server is scheduled.
pub(crate) fn policy() -> Policy {
    Policy::Fair { nice: if Path::new(NICE).exists() { NICER } else { 0 } }
}

/// A launched cluster. Dropping it ends its processes and removes its data.
pub(crate) struct LaunchedCluster {
    /// Where it answers: `host:port`, one or several with commas.
    pub(crate) address: String,
    /// What was launched, for the outcome: name, version, how many servers.
    pub(crate) describes: String,
    /// Its exact version.
    pub(crate) version: String,
    /// Its processes.
    pub(crate) guarded: Arc<Mutex<Guarded>>,
    /// Its processes, to be watched.
    pub(crate) watched: Watched,
    /// What stands between clients and each of its servers, in their order; nothing where no fault
    /// needs it.
    pub(crate) proxies: Vec<Proxy>,
    /// Where its servers answer each other, past the proxies: as `address`.
    pub(crate) inside: String,
    /// What its processes keep.
    pub(crate) data: PathBuf,
    /// Those of its processes that are JVMs.
    pub(crate) jvms: Vec<Jvm>,
}

impl LaunchedCluster {
    /// Starts another process under its guard, which is watched like its own.
    pub(crate) fn launch_beside(&self, launch: Launch) -> Result<()> {
        let name = launch.name.clone();
        let pid = held(&self.guarded)?.launch(launch)?;
        if let Ok(mut watched) = self.watched.lock() {
            watched.push((name, pid));
        }
        Ok(())
    }
}

/// Where things are kept.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The cache: artifacts, and below it the data of clusters that run.
    pub(crate) cache: PathBuf,
    /// Data of launched clusters is not removed.
    pub(crate) keep: bool,
    /// The cores that they run on.
    pub(crate) placement: Placement,
}

impl Places {
    /// With the [`cache`](Self::cache).
    pub(crate) fn find(keep: bool, placement: Placement) -> Result<Self> {
        Ok(Self { cache: Self::cache()?, keep, placement })
    }

    /// `HEADWATER_CACHE`, else `headwater` in `XDG_CACHE_HOME` or in `~/.cache`.
    pub(crate) fn cache() -> Result<PathBuf> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = variable("HEADWATER_CACHE").map(PathBuf::from);
        let cache =
            cache.or_else(|| variable("XDG_CACHE_HOME").map(|at| Path::new(&at).join("headwater")));
        let cache =
            cache.or_else(|| variable("HOME").map(|at| Path::new(&at).join(".cache/headwater")));
        cache.ok_or_else(|| {
            Failure::new("no place for a cache: set HEADWATER_CACHE to a directory, or HOME")
        })
    }

    /// A new directory for the data of a cluster of `kind`.
    pub(crate) fn data(&self, kind: &str) -> Result<PathBuf> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let stamp = now.map_or(0, |now| now.as_millis());
        let name = format!("{kind}-{stamp}-{}", std::process::id());
        let path = self.cache.join("clusters").join(name);
        std::fs::create_dir_all(&path)
            .map_err(|error| Failure::io(format_args!("can't make {}", path.display()), &error))?;
        Ok(path)
    }
}

/// Writes a file of a launched cluster.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text)
        .map_err(|error| Failure::io(format_args!("can't write {}", path.display()), &error))
}

/// Looks for a Java that runs the artifacts; `or` names a cluster that runs already.
pub(crate) fn java(or: &str) -> Result<()> {
    java_or(&format!(", or name a cluster that runs with {or}"))
}

/// The same, with the end of what is told where there is none.
pub(crate) fn java_or(end: &str) -> Result<()> {
    let found = std::process::Command::new("java").arg("-version").output();
    let missing = |what: &str| {
        Failure::new(format!(
            "{what}: install a Java runtime, 17 or later (Debian: apt install \
             openjdk-17-jre-headless){end}"
        ))
    };
    let output =
        found.map_err(|_| missing("there is no `java` on the PATH to launch a cluster"))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        let said: Vec<&str> = text.lines().map(str::trim).collect();
        return Err(Failure::new(format!(
            "the `java` on the PATH does not start; it says: {}",
            said.join("; ")
        )));
    }
    // Such as: openjdk version "17.0.15" 2025-04-15
    let major = text.split('"').nth(1).and_then(|version| version.split('.').next());
    match major.and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major >= 17 => Ok(()),
        Some(major) => Err(missing(&format!("the `java` on the PATH is version {major}"))),
        None => Err(missing("the `java` on the PATH does not say its version")),
    }
}

/// Waits until `ready` says so, as long as the process lives and within [`READY`].
pub(crate) fn wait_ready(
    guarded: &Mutex<Guarded>,
    process: &str,
    log: &Path,
    ready: impl FnMut() -> bool,
) -> Result<()> {
    wait_ready_within(READY, guarded, process, log, ready)
}

/// The same, within `patience`.
pub(crate) fn wait_ready_within(
    patience: Duration,
    guarded: &Mutex<Guarded>,
    process: &str,
    log: &Path,
    mut ready: impl FnMut() -> bool,
) -> Result<()> {
    let since = Instant::now();
    while !ready() {
        let why = match held(guarded)?.alive(process)? {
            false => "ended".to_owned(),
            true if since.elapsed() > patience => {
                format!("did not answer in {} s", patience.as_secs())
            }
            true => {
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
        };
        let last = said_last(log);
        return Err(Failure::new(format!(
            "{process} was launched and {why}; it said last: {last}"
        )));
    }
    Ok(())
}

/// What a process said last, by its log, for people.
pub(crate) fn said_last(log: &Path) -> String {
    last_line(log).unwrap_or_else(|| "nothing".into())
}

/// The last line of a log that reports an error, else the last line; nothing of stacks.
pub(crate) fn last_line(log: &Path) -> Option<String> {
    let text = std::fs::read_to_string(log).ok()?;
    // Of a stack only its head tells why, and that only if it is more than a name.
    let told = |line: &&str| !line.is_empty() && !line.starts_with("at ");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(told).collect();
    let reports = |line: &&&str| line.contains("Exception") || line.contains("Error");
    let telling = |line: &&&str| reports(line) && line.contains(' ');
    let last = |which: &dyn Fn(&&&str) -> bool| lines.iter().rev().find(which);
    let line = last(&telling).or_else(|| last(&reports)).or(lines.last())?;
    Some((*line).chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_last_that_says_what_is_wrong() {
        let of = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            last_line(file.path())
        };
        let log = "starts\nConfigurationException: size 513\n\tat a.Exceptions.check(A.java:1)\n\
                   java.lang.IllegalArgumentException\n\tat b.C(C.java:2)\nusage: Server\n";
        assert_eq!(of(log).as_deref(), Some("ConfigurationException: size 513"));
        let bare = "java.lang.IllegalArgumentException\nusage: Server\n";
        assert_eq!(of(bare).as_deref(), Some("java.lang.IllegalArgumentException"));
        assert_eq!(of("one\ntwo\n\n").as_deref(), Some("two"));
        assert_eq!(of(""), None);
    }
}
