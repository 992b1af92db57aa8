//! Where a query goes on that is started again.
//!
//! Stands for `populateStartOffsets` in `MicroBatchExecution.scala`, `OffsetSeqLog.getLatest`,
//! `CommitLog.getLatest` and `FileStreamSink.addBatch` of apache/spark @ v3.5.6. No parameters.
//! Left out: a restart with another query, source or number of shuffle partitions.

use std::collections::VecDeque;
use std::rc::Rc;

use super::record::Record;
use crate::batch::Lane;
use crate::protocol;

/// Where a batch ends, by lane.
pub type Ends = Rc<[(Lane, u64)]>;

/// Where a life begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// The number of the next batch.
    pub next: u64,
    /// Where it is to begin, if an earlier life has said so.
    pub from: Option<Ends>,
    /// Where it is to end: it is in the offset log, and not in the commit log.
    pub again: Option<Ends>,
    /// The last batch that the file sink has.
    pub sink: Option<u64>,
    /// Where batches end that could still be made again, with their numbers.
    pub ends: VecDeque<(u64, Ends)>,
}

/// What the files of a checkpoint say.
pub fn resume(
    offsets: &[protocol::Record],
    commits: &[protocol::Record],
    sink: &[protocol::Record],
) -> Resume {
    let ends = spark(offsets).filter_map(|record| match record {
        Record::Offsets { batch, ends } => Some((*batch, ends.clone())),
        _ => None,
    });
    let ends: VecDeque<_> = ends.collect();
    let committed = spark(commits).filter_map(|record| match record {
        Record::Commit { batch } => Some(*batch),
        _ => None,
    });
    let of_sink = spark(sink).filter_map(|record| match record {
        Record::SinkCommit { batch, .. } => Some(*batch),
        _ => None,
    });
    let mut resume = Resume { sink: of_sink.last(), ..Resume::default() };
    if let Some((last, end)) = ends.back().cloned() {
        if committed.last() == Some(last) {
            (resume.next, resume.from) = (last + 1, Some(end));
        } else {
            let before = ends.iter().rev().nth(1).map(|(_, end)| end.clone());
            (resume.next, resume.from, resume.again) = (last, before, Some(end));
        }
    }
    resume.ends = ends;
    resume
}

fn spark(records: &[protocol::Record]) -> impl Iterator<Item = &Record> {
    records.iter().filter_map(|record| match record {
        protocol::Record::Spark(record) => Some(record),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(end: u64) -> Ends {
        [(Lane(0), end)].into()
    }

    fn offsets(batches: u64) -> Vec<protocol::Record> {
        let one = |batch| Record::Offsets { batch, ends: end(10 * (batch + 1)) };
        (0..batches).map(one).map(protocol::Record::Spark).collect()
    }

    fn commits(batches: u64) -> Vec<protocol::Record> {
        (0..batches).map(|batch| protocol::Record::Spark(Record::Commit { batch })).collect()
    }

    #[test]
    fn a_batch_with_a_commit_is_behind_and_one_without_is_made_again() {
        let behind = resume(&offsets(3), &commits(3), &[]);
        assert_eq!((behind.next, behind.from, behind.again), (3, Some(end(30)), None));
        let open = resume(&offsets(3), &commits(2), &[]);
        assert_eq!((open.next, open.from, open.again), (2, Some(end(20)), Some(end(30))));
        let first = resume(&offsets(1), &[], &[]);
        assert_eq!((first.next, first.from, first.again), (0, None, Some(end(10))));
        assert_eq!(resume(&[], &[], &[]), Resume::default());
    }
}
