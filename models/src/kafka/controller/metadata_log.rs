//! The metadata log as a voter has it in memory.
//!
//! Two `NoOpRecord`s a second are all that happens to a cluster that is left alone: consecutive
//! ones of an epoch are counted, not kept, so that a day of them takes no room.

use crate::kafka::metadata::MetadataRecord;

/// Consecutive entries of an epoch: one, or as many `NoOp`s.
#[derive(Clone, Debug)]
pub struct Run {
    /// The epoch.
    pub epoch: u32,
    /// The entry.
    pub record: MetadataRecord,
    /// How many.
    pub count: u64,
}

/// The metadata log.
#[derive(Clone, Debug, Default)]
pub struct MetadataLog {
    /// Each with the offset behind it.
    runs: Vec<(Run, u64)>,
}

impl MetadataLog {
    /// The end offset, which is the number of entries.
    pub fn end(&self) -> u64 {
        self.runs.last().map_or(0, |(_, end)| *end)
    }

    /// Epoch of the last entry; zero without any.
    pub fn last_epoch(&self) -> u32 {
        self.runs.last().map_or(0, |(run, _)| run.epoch)
    }

    /// Appends entries.
    pub fn push(&mut self, run: Run) {
        let end = self.end() + run.count;
        let quiet = |run: &Run| matches!(run.record, MetadataRecord::NoOp);
        match self.runs.last_mut() {
            Some((last, last_end)) if quiet(last) && quiet(&run) && last.epoch == run.epoch => {
                last.count += run.count;
                *last_end = end;
            }
            _ => self.runs.push((run, end)),
        }
    }

    /// Appends an entry.
    pub fn append(&mut self, epoch: u32, record: MetadataRecord) {
        self.push(Run { epoch, record, count: 1 });
    }

    /// Epoch of the entry at an offset.
    pub fn epoch_at(&self, offset: u64) -> Option<u32> {
        let at = self.runs.partition_point(|(_, end)| *end <= offset);
        self.runs.get(at).map(|(run, _)| run.epoch)
    }

    /// Entries of epochs up to this one: the offset behind them.
    pub fn end_of(&self, epoch: u32) -> u64 {
        let runs = self.runs.partition_point(|(run, _)| run.epoch <= epoch);
        runs.checked_sub(1).map_or(0, |last| self.runs[last].1)
    }

    /// Keeps the first `keep` entries.
    pub fn truncate(&mut self, keep: u64) {
        let whole = self.runs.partition_point(|(_, end)| *end <= keep);
        let before = whole.checked_sub(1).map_or(0, |last| self.runs[last].1);
        self.runs.truncate(whole + usize::from(before < keep));
        if let Some((run, end)) = self.runs.last_mut()
            && *end > keep
        {
            (run.count, *end) = (keep - before, keep);
        }
    }

    /// The entries between two offsets.
    pub fn between(&self, from: u64, to: u64) -> impl Iterator<Item = (u32, &MetadataRecord)> {
        let first = self.runs.partition_point(|(_, end)| *end <= from);
        self.runs[first..].iter().flat_map(move |(run, end)| {
            let begin = end - run.count;
            let count = to.min(*end).saturating_sub(from.max(begin));
            (0..count).map(move |_| (run.epoch, &run.record))
        })
    }

    /// What stands for the entries between two offsets.
    pub fn runs(&self, from: u64, to: u64) -> Vec<Run> {
        let mut log = Self::default();
        let entries = self.between(from, to);
        entries.for_each(|(epoch, record)| log.append(epoch, record.clone()));
        log.runs.into_iter().map(|(run, _)| run).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_are_counted_are_still_there_one_by_one() {
        let mut log = MetadataLog::default();
        let leader = |leader| MetadataRecord::LeaderChange { leader };
        let (one, two) = (crate::kafka::ids::BrokerId(1), crate::kafka::ids::BrokerId(2));
        log.append(1, leader(one));
        (0..5).for_each(|_| log.append(1, MetadataRecord::NoOp));
        log.append(2, leader(two));
        (0..5).for_each(|_| log.append(2, MetadataRecord::NoOp));
        assert_eq!((log.end(), log.runs.len(), log.last_epoch()), (12, 4, 2));
        assert_eq!(
            [0, 5, 6, 11, 12].map(|at| log.epoch_at(at)),
            [Some(1), Some(1), Some(2), Some(2), None]
        );
        assert_eq!([0, 1, 2].map(|epoch| log.end_of(epoch)), [0, 6, 12]);
        assert_eq!(log.between(4, 8).map(|(epoch, _)| epoch).collect::<Vec<_>>(), [1, 1, 2, 2]);
        assert_eq!(log.runs(4, 8).iter().map(|run| run.count).collect::<Vec<_>>(), [2, 1, 1]);
        log.truncate(9);
        assert_eq!((log.end(), log.epoch_at(9)), (9, None));
        log.truncate(6);
        assert_eq!((log.end(), log.last_epoch()), (6, 1));
        log.truncate(0);
        assert_eq!((log.end(), log.last_epoch()), (0, 0));
    }
}
