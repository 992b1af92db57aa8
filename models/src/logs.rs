//! How logs are numbered where nodes say from where on they may still ask for what is in them
//! ([`headwater_sim::fold::Needs`]). Kafka's partitions have their own numbers, all below these.

/// Ledgers that were ever made: those with a number below the position. One of them of whose
/// record ([`record_of_ledger`]) nobody speaks is deleted.
pub const LEDGERS_MADE: u64 = 1 << 60;

/// The record of a ledger in the metadata, while it is there.
pub const fn record_of_ledger(ledger: u64) -> u64 {
    2 << 60 | ledger
}

/// The entries of a ledger.
pub const fn of_ledger(ledger: u64) -> u64 {
    3 << 60 | ledger
}

/// The bytes of a segment.
pub const fn of_segment(segment: u32) -> u64 {
    4 << 60 | segment as u64
}
