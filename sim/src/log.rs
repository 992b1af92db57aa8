//! The event log: the last events of a run, which a failing run prints.

use std::fmt;

use crate::time::Time;
use crate::units::NodeId;

/// One line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When.
    pub at: Time,
    /// At which node.
    pub node: NodeId,
    /// What: `message`, `timer`, `computed`, `disk`, `fault` or a finer name.
    pub what: &'static str,
    /// Which message or fault, or empty.
    pub kind: &'static str,
    /// The sender, where there is one.
    pub peer: Option<NodeId>,
    /// A tag, a size or a digest, by `what`.
    pub detail: u64,
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.peer.map_or(String::from("-"), |peer| peer.to_string());
        let (at, node) = (self.at.to_string(), self.node.to_string());
        write!(
            f,
            "{at:>14} {node:>5} {:<10} {peer:>5} {:<22} {:x}",
            self.what, self.kind, self.detail
        )
    }
}

/// A ring of the last entries.
#[derive(Debug)]
pub struct EventLog {
    ring: Vec<LogEntry>,
    next: usize,
    total: u64,
}

impl EventLog {
    /// A log that keeps the last `capacity` entries; zero keeps none.
    pub fn new(capacity: usize) -> Self {
        Self { ring: Vec::with_capacity(capacity), next: 0, total: 0 }
    }

    /// Adds an entry.
    #[inline]
    pub fn push(&mut self, entry: LogEntry) {
        self.total += 1;
        if self.ring.len() < self.ring.capacity() {
            self.ring.push(entry);
        } else if let Some(slot) = self.ring.get_mut(self.next) {
            *slot = entry;
            self.next = if self.next + 1 == self.ring.len() { 0 } else { self.next + 1 };
        }
    }

    /// What is kept, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &LogEntry> {
        self.ring[self.next..].iter().chain(&self.ring[..self.next])
    }

    /// Entries ever pushed.
    pub const fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_entries_are_kept_oldest_first() {
        let mut log = EventLog::new(3);
        for detail in 0..8 {
            let at = Time(detail);
            log.push(LogEntry { at, node: NodeId(0), what: "timer", kind: "", peer: None, detail });
        }
        assert_eq!(log.entries().map(|entry| entry.detail).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(log.total(), 8);
    }
}
