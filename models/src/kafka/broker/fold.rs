//! What a broker need not keep of its logs ([`headwater_sim::fold`]).
//!
//! A batch is folded once it is durable on every replica, below every high watermark, and behind
//! every reader. Until a leader has heard of a follower in its epoch, the follower may need all
//! that the leader has.

use std::rc::Rc;

use headwater_sim::fingerprint::mix;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::node::Record as _;

use super::{Broker, Ctx, DISK};
use crate::kafka::record::{METADATA_FILE, MetadataRuns, Record, log_file};
use crate::kafka::replica::Replica;
use crate::kafka::segments::Rolling;
use crate::note::Note;
use crate::protocol;

/// Batches of a log that are worth a fold: what stands for them takes some hundred bytes.
const LEAST: usize = 1_000;

impl Broker {
    pub(super) fn needs_of(&self, files: &Folding<'_, protocol::Record>, needs: &mut Needs) {
        if !self.loaded {
            return needs.everything();
        }
        for replica in self.replicas.iter() {
            let (partition, log) = (replica.partition, u64::from(replica.partition));
            let durable = files.durable(self.dirs.of(partition), log_file(partition));
            needs.from(log, replica.log.end_of(durable).min(replica.high_watermark));
            // What is not copied yet is read for that.
            if let Some(copied) = self.copied(partition) {
                needs.from(log, copied);
            }
            // Groups are read from where they were written last.
            let of_groups = !self.config.is_of_events(partition);
            if replica.state.leader.is_none() || of_groups {
                needs.from(log, 0);
            }
            if replica.state.leader == Some(self.me) {
                let ends = replica.followers.iter().map(|(_, follower)| follower.end_offset);
                ends.for_each(|end| needs.from(log, end));
            }
        }
        // Whoever takes over a partition begins where its group has come to.
        for (partition, offset) in self.offsets_of_groups() {
            needs.from(u64::from(partition), offset);
        }
    }

    pub(super) fn fold_logs(&mut self, files: &mut Folding<'_, protocol::Record>, needs: &Needs) {
        let rolling = Rolling::from(&self.config.topic);
        for replica in self.replicas.iter_mut() {
            let partition = replica.partition;
            // What stands for these stands before whatever is folded next.
            if self.removing.is_about(partition) {
                continue;
            }
            let Some(before) = needs.before(u64::from(partition)) else { continue };
            if let Some(folded) = replica.log.fold(before, LEAST, rolling) {
                let (disk, file) = (self.dirs.of(partition), log_file(partition));
                let records = folded.before.records();
                let record = protocol::Record::Kafka(Record::Folded(Rc::new(folded)));
                files.fold(disk, file, records, record);
            }
        }
    }

    /// Entries of the metadata log that are durable and committed: voters ask each other for them,
    /// and have them in memory; the file is read at a start alone.
    pub(super) fn fold_metadata(&mut self, files: &mut Folding<'_, protocol::Record>) {
        let Some(quorum) = &self.quorum else { return };
        let durable = files.durable(DISK, METADATA_FILE);
        let ((from, mut read), to) =
            (self.metadata_folded, durable.min(quorum.raft.high_watermark()));
        if to.saturating_sub(from) < LEAST as u64 {
            return;
        }
        let log = quorum.raft.log();
        for (epoch, record) in log.between(from, to) {
            let record = Record::Metadata { epoch, record: Box::new(record.clone()) };
            read = mix(read, protocol::Record::Kafka(record).digest());
        }
        let runs = MetadataRuns { runs: log.runs(from, to), before: to, read };
        let record = protocol::Record::Kafka(Record::MetadataRuns(Rc::new(runs)));
        files.fold(DISK, METADATA_FILE, to, record);
        self.metadata_folded = (to, read);
    }

    /// Somebody asks for what stands at `offset` of a log, or behind it.
    pub(super) fn asked_for(ctx: &mut Ctx<'_>, replica: &Replica, offset: u64) {
        if !replica.log.holds(offset) {
            ctx.note(Note::Folded);
        }
    }
}
