//! The log directories of a broker, and in which of them each partition lies.
//!
//! Stands for `LogManager.nextLogDirs` of apache/kafka @ 3.9.0: a new log goes to the directory
//! with the fewest logs. Metadata and checkpoints lie on disk 0 (`metadata.log.dir`). Parameter:
//! `log.dirs`. Left out: a directory that fails alone (the broker halts), several directories on
//! one disk, moving logs between directories, checkpoints of each directory.

use std::collections::BTreeSet;

use headwater_sim::disk::DiskId;

use crate::kafka::ids::TopicPartition;

/// The disk of each partition's log.
#[derive(Debug)]
pub struct LogDirs {
    /// Those that hold anything.
    disks: Vec<DiskId>,
    /// By partition; that of the first directory for those that the broker has no replica of.
    of: Vec<DiskId>,
}

impl LogDirs {
    /// Directories on these disks, with the logs of those partitions, in order, that are `mine`.
    pub fn new(dirs: &[u8], mine: impl IntoIterator<Item = bool>) -> Self {
        let mut logs = vec![0_u32; dirs.len()];
        let mut place = |mine: bool| {
            let fewest = (0..logs.len()).min_by_key(|dir| logs[*dir]).filter(|_| mine);
            let dir = fewest.inspect(|dir| logs[*dir] += 1).unwrap_or(0);
            DiskId(dirs[dir])
        };
        let of = mine.into_iter().map(&mut place).collect();
        let disks: BTreeSet<_> = dirs.iter().copied().chain([0]).map(DiskId).collect();
        let disks = disks.into_iter().collect();
        Self { disks, of }
    }

    /// The disks that hold anything of the broker.
    pub fn disks(&self) -> &[DiskId] {
        &self.disks
    }

    /// That of a partition.
    pub fn of(&self, partition: TopicPartition) -> DiskId {
        self.of[partition.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_goes_to_the_directory_with_the_fewest() {
        let mine = [true, true, false, true, true, true];
        let dirs = LogDirs::new(&[0, 2, 1], mine);
        let of = TopicPartition::all(6).map(|partition| dirs.of(partition).0);
        assert_eq!(of.collect::<Vec<_>>(), [0, 2, 0, 1, 0, 2]);
        assert_eq!(dirs.disks(), [0, 1, 2].map(DiskId));
    }
}
