//! Ledger metadata: what the metadata service keeps about a ledger.
//!
//! Stands for `client/api/LedgerMetadata.java` and the znode that holds it, apache/bookkeeper @
//! branch-4.15. Parameters: none. Left out: password, digest type, custom metadata, creation time.

use headwater_sim::fingerprint::mix;
use headwater_sim::units::NodeId;

use super::ids::EntryId;

/// Whether a ledger may be written, and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerState {
    /// Its writer may write.
    Open,
    /// Somebody is closing it in the writer's place.
    InRecovery,
    /// It ends with entry `last`, for good.
    Closed {
        /// The last entry; [`EntryId::NONE`] if it is empty.
        last: EntryId,
    },
}

/// Metadata of one ledger
/// (apache/bookkeeper `client/api/LedgerMetadata.java` @ branch-4.15, without password and custom
/// map).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerMetadata {
    /// Copies of each entry.
    pub write_quorum: u32,
    /// Copies that must be acknowledged before the entry is.
    pub ack_quorum: u32,
    /// State.
    pub state: LedgerState,
    /// Ensembles by their first entry, ascending; never empty.
    pub ensembles: Vec<(EntryId, Vec<NodeId>)>,
}

impl LedgerMetadata {
    /// A new, open ledger.
    pub fn open(ensemble: Vec<NodeId>, write_quorum: u32, ack_quorum: u32) -> Self {
        let ensembles = vec![(EntryId(0), ensemble)];
        Self { write_quorum, ack_quorum, state: LedgerState::Open, ensembles }
    }

    /// The first entry of the newest ensemble, and that ensemble.
    pub fn last_ensemble(&self) -> (EntryId, &[NodeId]) {
        let (first, ensemble) = self.ensembles.last().expect("a ledger has an ensemble");
        (*first, ensemble)
    }

    /// The ensemble that holds `entry`.
    pub fn ensemble_of(&self, entry: EntryId) -> &[NodeId] {
        let at = self.ensembles.partition_point(|(first, _)| *first <= entry);
        &self.ensembles[at.max(1) - 1].1
    }

    /// From entry `first` on, `ensemble` holds the ledger. Replaces the newest ensemble if it
    /// starts there too (`LedgerHandle.ensembleChangeLoop` @ branch-4.15).
    pub fn change_ensemble(&mut self, first: EntryId, ensemble: Vec<NodeId>) {
        let (newest, _) = self.last_ensemble();
        assert!(newest <= first, "ensembles are added in order: {newest:?} then {first:?}");
        if newest == first {
            self.ensembles.pop();
        }
        self.ensembles.push((first, ensemble));
    }

    /// True once closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, LedgerState::Closed { .. })
    }

    /// Size in bytes as serialised: about 64 and 24 for each bookie
    /// (text of `host:port` addresses in protobuf, estimated).
    pub fn size_bytes(&self) -> u64 {
        64 + 24 * self.ensembles.iter().map(|(_, nodes)| nodes.len() as u64).sum::<u64>()
    }

    /// A cheap hash for the fingerprint.
    pub fn digest(&self) -> u64 {
        let state = match self.state {
            LedgerState::Open => 1,
            LedgerState::InRecovery => 2,
            LedgerState::Closed { last } => mix(3, last.word()),
        };
        let ensembles = self.ensembles.iter().fold(state, |hash, (first, nodes)| {
            nodes.iter().fold(mix(hash, first.word()), |hash, node| mix(hash, u64::from(node.0)))
        });
        mix(ensembles, u64::from(self.write_quorum) << 32 | u64::from(self.ack_quorum))
    }
}
