//! What a run of this model must always, sometimes and eventually show.
//!
//! Stands for no component: invariants of the BookKeeper protocol (bookkeeper.apache.org
//! `docs/development/protocol`, 4.15) and the rare paths that a swarm must have taken. Noted on
//! rare paths only: each is an observation, which costs time.

use crate::property::Property;

/// Noted when a ledger is closed or given up by its writer.
pub const CONFIRMED_WAS_PUSHED: Property = Property::always(
    "bookkeeper-confirmed-was-pushed",
    "A ledger's last add confirmed is not beyond the last add that its writer has sent.",
);
/// Noted when a writer finds its ledger closed by somebody else.
pub const CLOSED_KEEPS_CONFIRMED: Property = Property::always(
    "bookkeeper-closed-keeps-confirmed",
    "Who closes a ledger in its writer's place closes it at or after the last add confirmed.",
);
/// Noted when the metadata of a closed ledger are set.
pub const CLOSED_STAYS: Property =
    Property::always("bookkeeper-closed-stays", "The last entry of a closed ledger never changes.");
/// A bookie was replaced in the middle of a ledger.
pub const ENSEMBLE_CHANGED: Property =
    Property::sometimes("bookkeeper-ensemble-changed", "A failed bookie is replaced by another.");
/// A ledger was given up because there were too few bookies.
pub const NOT_ENOUGH_BOOKIES: Property = Property::sometimes(
    "bookkeeper-not-enough-bookies",
    "There is no bookie to take the place of a failed one.",
);
/// A writer has learnt that somebody recovers its ledger.
pub const WRITER_FENCED: Property =
    Property::sometimes("bookkeeper-writer-fenced", "A living writer's ledger is fenced.");
/// A bookie has fenced a ledger.
pub const LEDGER_FENCED: Property =
    Property::sometimes("bookkeeper-ledger-fenced", "A bookie fences a ledger.");
/// A recovery has found an entry after others had said that they don't have it.
pub const RECOVERED_FROM_FEW: Property = Property::sometimes(
    "bookkeeper-recovered-from-few",
    "Recovery finds an entry that another bookie of its write set does not have or can't give.",
);
/// A recovery has added entries again.
pub const READDED: Property =
    Property::sometimes("bookkeeper-readded", "Recovery adds entries again before it closes.");
/// A recovery has replaced a bookie.
pub const RECOVERY_CHANGED_ENSEMBLE: Property = Property::sometimes(
    "bookkeeper-recovery-changed-ensemble",
    "A bookie fails while recovery adds entries again, and is replaced.",
);
/// A recovery has found the ledger closed by another one.
pub const CLOSED_MEANWHILE: Property = Property::sometimes(
    "bookkeeper-closed-meanwhile",
    "Two close a ledger at the same time, and one finds it closed.",
);
/// A bookie takes no more adds.
pub const BOOKIE_READ_ONLY: Property =
    Property::sometimes("bookkeeper-bookie-read-only", "A bookie turns read-only.");
/// A bookie's process has ended.
pub const BOOKIE_DIED_OF_ITS_DISK: Property = Property::sometimes(
    "bookkeeper-bookie-died-of-its-disk",
    "A bookie ends because its journal can't be written or its disks can't be read.",
);
/// A bookie without its data has not come up.
pub const BOOKIE_REFUSED: Property = Property::sometimes(
    "bookkeeper-bookie-refused",
    "A bookie that has lost a disk, or has another's, does not come up.",
);
/// A bookie's session is over.
pub const BOOKIE_SESSION_EXPIRED: Property = Property::sometimes(
    "bookkeeper-bookie-session-expired",
    "A bookie that lives has lost its session.",
);
/// A checkpoint could not be written.
pub const CHECKPOINT_FAILED: Property =
    Property::sometimes("bookkeeper-checkpoint-failed", "A checkpoint fails and is tried again.");
/// A bookie has found entries in its journal at its start.
pub const JOURNAL_REPLAYED: Property =
    Property::sometimes("bookkeeper-journal-replayed", "A bookie starts with entries to replay.");
/// The auditor has found ledgers that lack copies.
pub const UNDER_REPLICATED: Property = Property::sometimes(
    "bookkeeper-under-replicated",
    "The auditor finds ledgers with a bookie that is gone.",
);
/// A ledger was replicated again.
pub const REREPLICATED: Property = Property::sometimes(
    "bookkeeper-rereplicated",
    "Auto-recovery copies what a lost bookie had to another.",
);
/// Noted by the stand-alone reader whenever a recovery has ended.
pub const RECOVERY_ENDS: Property = Property::eventually(
    "bookkeeper-recovery-ends",
    "A ledger whose writer is gone is closed in the end.",
);

/// Every property of this model.
pub const ALL: &[&Property] = &[
    &CONFIRMED_WAS_PUSHED,
    &CLOSED_KEEPS_CONFIRMED,
    &CLOSED_STAYS,
    &ENSEMBLE_CHANGED,
    &NOT_ENOUGH_BOOKIES,
    &WRITER_FENCED,
    &LEDGER_FENCED,
    &RECOVERED_FROM_FEW,
    &READDED,
    &RECOVERY_CHANGED_ENSEMBLE,
    &CLOSED_MEANWHILE,
    &BOOKIE_READ_ONLY,
    &BOOKIE_DIED_OF_ITS_DISK,
    &BOOKIE_REFUSED,
    &BOOKIE_SESSION_EXPIRED,
    &CHECKPOINT_FAILED,
    &JOURNAL_REPLAYED,
    &UNDER_REPLICATED,
    &REREPLICATED,
    &RECOVERY_ENDS,
];
