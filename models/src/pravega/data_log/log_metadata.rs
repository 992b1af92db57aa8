//! A log's metadata: its ledgers, its epoch, and where it begins.
//!
//! Stands for `LogMetadata`, `LedgerMetadata` of `impl/bookkeeper` @ v0.13.0, kept in ZooKeeper
//! under the log's number and changed by compare-and-set only.
//!
//! Parameters: none. Left out: the `enabled` flag, and a ledger's status (`Unknown`, `Empty`,
//! `NotEmpty`), which saves the original a look at ledgers known to be empty.

use crate::bookkeeper::ids::LedgerId;
use crate::bookkeeper::metadata::message::{Path, Value};
use crate::pravega::container::id::ContainerId;

use super::LogAddress;

/// Directory of the logs' records (`bookkeeper.zk.metadata.path`).
const LOGS: &str = "logs";

/// A ledger of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLedger {
    /// Its number in the log, from 0.
    pub sequence: u64,
    /// Its number in BookKeeper.
    pub id: LedgerId,
}

/// The metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogMetadata {
    /// Up by one whenever somebody opens the log.
    pub epoch: u64,
    /// Frames before this are gone.
    pub truncation: LogAddress,
    /// Ledgers, oldest first.
    pub ledgers: Vec<LogLedger>,
    /// The sequence number of the next ledger.
    pub next_sequence: u64,
}

/// Where the log of a container is kept.
pub fn path(container: ContainerId) -> Path {
    Path::new(LOGS, u64::from(container))
}

impl LogMetadata {
    /// With a new ledger at the end; its sequence number.
    pub fn add(&mut self, id: LedgerId) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.ledgers.push(LogLedger { sequence, id });
        sequence
    }

    /// Without what lies before `address`; the ledgers dropped.
    pub fn truncate(&mut self, address: LogAddress) -> Vec<LedgerId> {
        self.truncation = self.truncation.max(address);
        let keep = self.ledgers.partition_point(|ledger| ledger.sequence < address.ledger);
        self.ledgers.drain(..keep).map(|ledger| ledger.id).collect()
    }

    /// As a record.
    pub fn to_value(&self) -> Value {
        let LogAddress { ledger, entry } = self.truncation;
        let mut words = vec![self.epoch, ledger, entry, self.next_sequence];
        words.extend(self.ledgers.iter().flat_map(|ledger| [ledger.sequence, ledger.id.0]));
        Value::Words(words)
    }

    /// From a record.
    pub fn from_value(value: &Value) -> Self {
        let Value::Words(words) = value else { unreachable!("a log's record holds words") };
        let ledgers = words[4..].chunks_exact(2);
        Self {
            epoch: words[0],
            truncation: LogAddress { ledger: words[1], entry: words[2] },
            next_sequence: words[3],
            ledgers: ledgers
                .map(|pair| LogLedger { sequence: pair[0], id: LedgerId(pair[1]) })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_drops_whole_ledgers_and_the_record_reads_back() {
        let mut metadata = LogMetadata { epoch: 3, ..LogMetadata::default() };
        for id in [10, 11, 12] {
            metadata.add(LedgerId(id));
        }
        let dropped = metadata.truncate(LogAddress { ledger: 1, entry: 500 });
        assert_eq!(dropped, [LedgerId(10)]);
        assert_eq!(LogMetadata::from_value(&metadata.to_value()), metadata);
    }
}
