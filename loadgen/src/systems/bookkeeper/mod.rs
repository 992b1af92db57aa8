//! BookKeeper: ZooKeeper and bookies, as they are launched below what keeps its logs there.

pub(super) mod launch;
pub(super) mod options;
