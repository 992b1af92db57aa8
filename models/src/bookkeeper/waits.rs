//! What BookKeeper's nodes and clients wait for by their timers: the names that these have.
//!
//! Stands for no component.

use crate::wait::Wait;

/// A bookie's journal gathers entries for one sync.
pub const GROUP: &str = "journal group";
/// A client sends no more adds for now (`throttle`).
pub const THROTTLE: &str = "add throttle";
/// The longest that an add waits for a bookie, which is replaced then.
pub const ADD_TIMEOUT: &str = "add timeout";
/// The same of what closes the ledger of another client.
pub const RECOVERY_TIMEOUT: &str = "recovery timeout";
/// Another bookie is asked for an entry (`speculativeReadTimeout`).
pub const SPECULATIVE_READ: &str = "speculative read";
/// The metadata service is asked again, of which nothing was heard.
pub const METADATA_AGAIN: &str = "metadata asked again";
/// A session is kept alive.
pub const SESSION_PING: &str = "session ping";
/// The metadata service looks which sessions have run out.
pub const SESSION_TICK: &str = "session tick";
/// Its servers agree.
pub const AGREEMENT: &str = "metadata agreement";
/// The auditor waits for a bookie that has gone (`lostBookieRecoveryDelay`).
pub const LOST_BOOKIE: &str = "lost bookie";
/// A ledger that can't be replicated now is tried again.
pub const REREPLICATE: &str = "rereplication";
/// A writer creates another ledger after a while.
pub const RETRY: &str = "ledger retry";

/// What is waited for by a timer of this name; nothing for any other.
pub fn of(what: &str) -> Option<Wait> {
    Some(match what {
        GROUP => Wait::Linger,
        THROTTLE => Wait::Throttle,
        SPECULATIVE_READ | RETRY => Wait::Retry,
        ADD_TIMEOUT | RECOVERY_TIMEOUT | METADATA_AGAIN | SESSION_PING | SESSION_TICK => {
            Wait::Failover
        }
        AGREEMENT => Wait::Agreement,
        _ => return None,
    })
}
