//! What the kernel reports: its release, its memory, its writeback.

use std::path::Path;

use headwater_reports::outcome::Host;

use crate::utilisation::cores;

/// Name and release of the kernel.
pub(crate) fn release() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim().to_owned()
}

/// This machine.
pub(crate) fn host() -> Host {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let cpu = model.map(|(_, model)| model.trim().to_owned()).unwrap_or_default();
    Host { cpu, cores: cores(), kernel: release() }
}

/// A number of `/proc/sys/vm`.
pub(crate) fn vm(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(Path::new("/proc/sys/vm").join(name)).ok()?;
    text.trim().parse().ok()
}

/// Memory that can be had without swapping, bytes (`MemAvailable`, proc(5)).
pub(crate) fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
}
