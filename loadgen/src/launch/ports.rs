//! Ports of the loopback address: which are free, and who holds the others.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::failure::{Failure, Result};

/// How long a connection to the loopback address may take.
const CONNECT: Duration = Duration::from_secs(2);

/// Whether something accepts connections at `address`.
pub(crate) fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, CONNECT).is_ok()
}

/// A port of the loopback address.
pub(crate) fn local(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// `count` different ports that are free now.
pub(crate) fn free(count: usize) -> Result<Vec<u16>> {
    let bind = |_| TcpListener::bind(local(0));
    // All are bound before any is released, so that they differ.
    let bound: std::io::Result<Vec<TcpListener>> = (0..count).map(bind).collect();
    let bound = bound.map_err(|error| Failure::io("no free port on 127.0.0.1", &error))?;
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    let ports: std::io::Result<Vec<u16>> = bound.iter().map(port).collect();
    ports.map_err(|error| Failure::io("no free port on 127.0.0.1", &error))
}

/// `port` if nobody listens on it, else another one.
pub(crate) fn free_or(port: u16) -> Result<u16> {
    // A port that another address holds can't be bound by a server on all addresses.
    match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
        Ok(_) => Ok(port),
        Err(_) => Ok(free(1)?[0]),
    }
}

/// The process that listens on `port`, such as `java (pid 1234)`, as far as `/proc` tells.
pub(crate) fn holder(port: u16) -> Option<String> {
    let pid = holding(port)?;
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(format!("{} (pid {pid})", name.trim()))
}

/// The id of the process that listens on `port`, as far as `/proc` tells.
pub(crate) fn holding(port: u16) -> Option<u32> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let text = std::fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| listening_inode(line, port))
    })?;
    let wanted = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(pid) = process.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let holds = |file: std::fs::DirEntry| {
            std::fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str())
        };
        if files.flatten().any(holds) {
            return Some(pid);
        }
    }
    None
}

/// The inode in a line of `/proc/net/tcp`, if it listens on `port` (state 0A).
fn listening_inode(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let local_port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
    (local_port == port && *state == "0A").then(|| inode.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_port_is_this_process_when_it_listens() {
        let listener = TcpListener::bind(local(0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let holder = holder(port).unwrap();
        assert_eq!(holding(port), Some(std::process::id()));
        assert!(holder.ends_with(&format!("(pid {})", std::process::id())), "{holder}");
        assert!(listens(local(port)));
        assert_ne!(free_or(port).unwrap(), port);
    }

    #[test]
    fn free_ports_differ() {
        let mut ports = free(8).unwrap();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 8);
    }
}
