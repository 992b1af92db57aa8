//! What the kernel promises its nodes, and whether it has kept it.
//!
//! Always looked at, in every run: that a timer never runs out before its node's clock shows the
//! time; that what a sync has covered, when that is reported without a fault of the disk in the
//! way, is durable; that it is still there and whole after the power went; and that no message
//! overtakes another of its connection.

use crate::time::Time;
use crate::units::NodeId;

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// When that was found.
    pub at: Time,
    /// The node that it was given to.
    pub node: NodeId,
    /// What is wrong.
    pub what: &'static str,
}

/// Those that are kept of what is broken; all are counted.
const KEPT_MAX: usize = 100;

/// What was looked at, and what was found.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Syncs that were reported as done.
    pub syncs: u64,
    /// Files that were looked at after their power went.
    pub files: u64,
    /// What was broken, the first of it.
    pub broken: Vec<Broken>,
    /// How often.
    pub broken_count: u64,
}

impl Kept {
    #[cold]
    pub(crate) fn add(&mut self, at: Time, node: NodeId, what: &'static str) {
        self.broken_count += 1;
        if self.broken.len() < KEPT_MAX {
            self.broken.push(Broken { at, node, what });
        }
    }
}
