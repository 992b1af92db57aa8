//! Reads of logs that the page cache does not answer.
//!
//! Stands for `FileRecords.writeTo` and `TransportLayer.transferFrom` of apache/kafka @ 3.9.0: what
//! a fetch returns goes from the file to the socket (`sendfile`), and the network thread that sends
//! it waits for the disk, and serves nobody meanwhile (KAFKA-7504). A batch that can't be read, or
//! is another one than it should be, is found by its checksum where it arrives
//! (`DefaultRecordBatch.ensureValid`). An error of the disk takes the log directory offline
//! (`LogDirFailureChannel`). Left out: that index files may be cold, too.

use std::collections::VecDeque;

use headwater_sim::node::Completion;
use headwater_sim::units::NodeId;

use super::connections::State;
use super::{Broker, Ctx, kind};
use crate::kafka::message::{ErrorCode, FetchedPartition, Message};
use crate::kafka::record::{LogBatch, Record, log_file};
use crate::protocol;

/// What a fetch is answered with.
#[derive(Debug)]
pub(super) struct Answer {
    /// The request's number.
    pub correlation: u64,
    /// Partitions of which there is news.
    pub partitions: Vec<FetchedPartition>,
    /// How many partitions it lists.
    pub listed: u64,
}

impl From<Answer> for Message {
    fn from(Answer { correlation, partitions, listed }: Answer) -> Self {
        Self::FetchResponse { correlation, error: ErrorCode::None, partitions, listed }
    }
}

/// A response whose batches are being read from the disk.
#[derive(Debug)]
pub struct Reading {
    answer: Answer,
    /// Places in the answer, and the first record of each there: what is to be read.
    cold: VecDeque<(usize, u64)>,
}

impl Broker {
    /// Sends what a fetch gives, once it is read.
    pub(super) fn send_fetched(&mut self, ctx: &mut Ctx<'_>, to: NodeId, answer: Answer) {
        if self.hold_fetch_back(ctx, to, &answer) {
            return;
        }
        let partitions = &answer.partitions;
        let cold: VecDeque<_> = (0..partitions.len())
            .filter_map(|at| Some((at, self.cold(ctx, &partitions[at])?)))
            .collect();
        let Some(connection) = self.connections.get_mut(&to).filter(|_| !cold.is_empty()) else {
            return self.respond(ctx, to, Some(answer.into()));
        };
        connection.state = State::ReadingLogs(Box::new(Reading { answer, cold }));
        self.read_next(ctx, to);
    }

    /// The first record of what is to be sent of a partition, unless all is in the page cache.
    fn cold(&self, ctx: &Ctx<'_>, fetched: &FetchedPartition) -> Option<u64> {
        let first = fetched.batches.first()?;
        let replica = self.replicas.get(fetched.partition)?;
        if first.base_offset < replica.log.local_start() {
            // It comes from remote storage.
            return None;
        }
        let (disk, file) = (self.dirs.of(fetched.partition), log_file(fetched.partition));
        let from = replica.log.record_at(first.base_offset);
        (!ctx.is_cached(disk, file, from, fetched.batches.len() as u64)).then_some(from)
    }

    fn read_next(&mut self, ctx: &mut Ctx<'_>, to: NodeId) {
        let Some(connection) = self.connections.get_mut(&to) else { return };
        let tag = connection.tag(kind::READ_LOG, to);
        let State::ReadingLogs(reading) = &mut connection.state else { return };
        if let Some((at, from)) = reading.cold.front() {
            let fetched = &reading.answer.partitions[*at];
            let (partition, count) = (fetched.partition, fetched.batches.len() as u64);
            let (disk, from) = (self.dirs.of(partition), *from);
            self.handlers.reading += 1;
            return ctx.read(disk, log_file(partition), from, count, tag);
        }
        if let State::ReadingLogs(reading) = std::mem::take(&mut connection.state) {
            self.respond(ctx, to, Some(reading.answer.into()));
        }
    }

    /// The disk has given what it has of a partition that is to be sent.
    pub(super) fn log_was_read(
        &mut self,
        ctx: &mut Ctx<'_>,
        which: u64,
        completion: Completion<protocol::Record>,
    ) {
        self.reader_free(ctx);
        let Some(to) = self.current(which) else { return };
        let Some(connection) = self.connections.get_mut(&to) else { return };
        let State::ReadingLogs(reading) = &mut connection.state else { return };
        let Some((at, _)) = reading.cold.pop_front() else { return };
        let records = match completion {
            Completion::Read { records, .. } => records,
            _ => Vec::new(),
        };
        keep_sound(&mut reading.answer.partitions[at], &records);
        self.read_next(ctx, to);
    }
}

/// Leaves those batches that the disk gave as they were written; with none of them the receiver
/// finds that the first is corrupt.
fn keep_sound(fetched: &mut FetchedPartition, records: &[protocol::Record]) {
    let same = |(batch, record): &(&LogBatch, &protocol::Record)| match record {
        protocol::Record::Kafka(Record::Log(read)) => read.base_offset == batch.base_offset,
        _ => false,
    };
    let sound = fetched.batches.iter().zip(records).take_while(same).count();
    fetched.batches.truncate(sound);
    if sound == 0 {
        fetched.error = ErrorCode::CorruptMessage;
    }
}
