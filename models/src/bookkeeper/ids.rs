//! Names of things: ledgers and entries.
//!
//! Names only: nothing is modelled here. Ledger and entry numbers are those of apache/bookkeeper @
//! branch-4.15 (64 bits).

use serde::{Deserialize, Serialize};

/// A ledger, as numbered by the metadata service, from 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LedgerId(pub u64);

/// An entry of a ledger, from 0; [`EntryId::NONE`] is the one before the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EntryId(pub i64);

impl EntryId {
    /// No entry: what an empty ledger gives as its last
    /// (`LedgerHandle.INVALID_ENTRY_ID`, apache/bookkeeper @ branch-4.15).
    pub const NONE: Self = Self(-1);

    /// The entry after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The entry before this one.
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }

    /// As a number for hashes and modulo arithmetic; `NONE` gives the greatest.
    pub const fn word(self) -> u64 {
        self.0 as u64
    }
}
