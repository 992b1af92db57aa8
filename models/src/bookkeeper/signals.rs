//! What BookKeeper's nodes and clients report.
//!
//! Stands for no component: names of what bookies and clients log and count.

use crate::signal::{Gauge, Level, Mark, Signals};

/// A bookie has read its journal again; with the entries.
pub const BOOKIE_REPLAYED: Mark = Mark::new("bookie_replayed").of("").with("entries");
/// A bookie ends because of a disk error.
pub const BOOKIE_DIED_OF_ITS_DISK: Mark = Mark::new("bookie_died_of_its_disk").of("");
/// A bookie takes no more writes.
pub const BOOKIE_READ_ONLY: Mark = Mark::new("bookie_read_only").of("");
/// A bookie's session has run out.
pub const BOOKIE_SESSION_EXPIRED: Mark = Mark::new("bookie_session_expired").of("");
/// A bookie does not start: its cookie is not the one that it once stamped.
pub const BOOKIE_REFUSED: Mark = Mark::new("bookie_refused").of("");
/// A bookie has registered: clients can find it.
pub const BOOKIE_REGISTERED: Mark = Mark::new("bookie_registered").of("");
/// A bookie refuses a ledger's writer from now on.
pub const LEDGER_FENCED: Mark = Mark::turn("ledger_fenced").of("ledger");
/// A writer has replaced its peer by another bookie.
pub const ENSEMBLE_CHANGED: Mark = Mark::turn("ensemble_changed").of("ledger").with("from entry");
/// A writer has given its ledger up; with the entries not confirmed.
pub const LEDGER_FAILED: Mark = Mark::new("ledger_failed").of("ledger").with("unconfirmed entries");
/// A ledger has begun.
pub const LEDGER_CREATED: Mark = Mark::new("ledger_created").of("ledger");
/// A ledger has ended; with its last entry.
pub const LEDGER_CLOSED: Mark = Mark::new("ledger_closed").of("ledger").with("last entry");
/// Somebody else has fenced and closed a ledger; with its last entry.
pub const LEDGER_RECOVERED: Mark = Mark::turn("ledger_recovered").of("ledger").with("last entry");
/// A session of the metadata service has run out.
pub const SESSION_EXPIRED: Mark = Mark::new("session_expired").of("session");
/// The metadata service ends because of a disk error.
pub const METADATA_DISK_FAILED: Mark = Mark::new("metadata_disk_failed").of("");
/// The auditor has looked through all ledgers; with those that lack copies.
pub const BOOKIES_AUDITED: Mark =
    Mark::new("bookies_audited").of("").with("under-replicated ledgers");
/// What its peer had of a ledger is on another bookie; with the entries of that part.
pub const FRAGMENT_COPIED: Mark = Mark::new("fragment_copied").of("ledger").with("entries");
/// A ledger has all its copies again.
pub const LEDGER_REREPLICATED: Mark = Mark::new("ledger_rereplicated").of("ledger");
/// A writer has written everything.
pub const WRITER_FINISHED: Mark = Mark::new("writer_finished").of("writer");
/// No bookie has an entry that should be there.
pub const ENTRY_MISSING: Mark = Mark::new("entry_missing").of("ledger").with("entry");

/// The last entry of a ledger that its writer knows to be stored.
pub const LAST_ADD_CONFIRMED: Level = Level::learnt_late("last_add_confirmed");

/// A writer's process has ended: it held more than fits its memory; with the bytes.
pub const WRITER_OUT_OF_MEMORY: Mark =
    Mark::new("writer_out_of_memory").of("writer").with("bytes held");

/// Bytes of entries that a client holds because a bookie has not answered, acknowledged or not.
pub const UNANSWERED_BYTES: Gauge = Gauge::new("unanswered_bytes", "bytes");
/// Writes that wait for room in a bookie's memory.
pub const BLOCKED_ADDS: Gauge = Gauge::new("blocked_adds", "");
/// Entries in a bookie's memory.
pub const MEMTABLE: Gauge = Gauge::new("memtable_bytes", "bytes");
/// Entries that wait for the journal.
pub const JOURNAL_QUEUE: Gauge = Gauge::new("journal_queue", "");

/// All of them.
pub fn all() -> Signals {
    Signals {
        marks: vec![
            &BOOKIE_REPLAYED,
            &BOOKIE_DIED_OF_ITS_DISK,
            &BOOKIE_READ_ONLY,
            &BOOKIE_SESSION_EXPIRED,
            &BOOKIE_REFUSED,
            &BOOKIE_REGISTERED,
            &LEDGER_FENCED,
            &ENSEMBLE_CHANGED,
            &LEDGER_FAILED,
            &LEDGER_CREATED,
            &LEDGER_CLOSED,
            &LEDGER_RECOVERED,
            &SESSION_EXPIRED,
            &METADATA_DISK_FAILED,
            &WRITER_FINISHED,
            &ENTRY_MISSING,
            &BOOKIES_AUDITED,
            &FRAGMENT_COPIED,
            &LEDGER_REREPLICATED,
            &WRITER_OUT_OF_MEMORY,
        ],
        levels: vec![&LAST_ADD_CONFIRMED],
        gauges: vec![&BLOCKED_ADDS, &MEMTABLE, &JOURNAL_QUEUE, &UNANSWERED_BYTES],
    }
}
