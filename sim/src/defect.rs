//! Defects of the kernel itself, planted to show that its invariants and limits find them.
//!
//! Without the feature `planted-bugs` there is none, whatever is asked for.

use crate::time::Time;

/// Which defects a simulation has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects {
    /// Every eighth sync is reported, and has made nothing durable.
    pub sync_forgets: bool,
    /// Every 64th timer runs out after half of its delay.
    pub timers_early: bool,
    /// From second 10 on every timer runs out at once.
    pub timers_at_once: bool,
    /// Every eighth message of a connection does not wait for those before it.
    pub messages_overtake: bool,
    /// A power cut may take the last record that a sync has made durable.
    pub power_takes_synced: bool,
}

impl Defects {
    /// Whether a sync, of which `before` were made before it, makes nothing durable.
    #[inline]
    pub(crate) const fn forgets(self, before: u64) -> bool {
        cfg!(feature = "planted-bugs") && self.sync_forgets && before % 8 == 7
    }

    /// Whether a message of a connection may overtake those before it.
    #[inline]
    pub(crate) const fn overtakes(self, event: u64) -> bool {
        cfg!(feature = "planted-bugs") && self.messages_overtake && event % 8 == 7
    }

    /// Whether a power cut takes more than it may.
    pub(crate) const fn takes_synced(self) -> bool {
        cfg!(feature = "planted-bugs") && self.power_takes_synced
    }

    /// Half of how long a timer takes, or nothing of it, if that is planted.
    #[inline]
    pub(crate) const fn parts_of_timer(self, now: Time, event: u64) -> u64 {
        let planted = cfg!(feature = "planted-bugs");
        if planted && self.timers_at_once && now.0 >= 10_000_000_000 {
            return 0;
        }
        if planted && self.timers_early && event % 64 == 63 { 1 } else { 2 }
    }
}
