//! The start of a container's storage: its system journal in tier 2.
//!
//! Stands for `SystemJournal.bootstrap`, `StreamSegmentContainer.initializeStorage` @ v0.13.0. A
//! container whose log is replayed reads the last snapshot and the journals of those who ran it
//! since, looking eleven files ahead in each epoch, then writes a journal of its own; before
//! that it serves nobody. A tier 2 that does not answer holds it up for as long (nothing there has
//! a timeout: `StreamSegmentContainerRegistry.startContainer` ignores the one that it is given),
//! and one that refuses fails it: the store's monitor starts it again.
//!
//! Parameters: `READ_ATTEMPTS`, `WRITE_ATTEMPTS`, `JOURNAL_BYTES`. Left out: the very first start
//! of a container (and every one of a log in memory), which finds nothing; the snapshot as a file
//! of its own (the first journal stands for it); the lengths of the metadata segments' last
//! chunks, which are asked for side by side; journals written later on.

use std::rc::Rc;

use crate::pravega::container::host::{Env, Task};
use crate::pravega::data_log::LogError;
use crate::pravega::properties;
use crate::protocol::Message;
use crate::tier::message::{ChunkId, Data, Operation, TierError, TierResponse};

use super::{Container, Phase, Work};

/// `journal.snapshot.attempts.read.max` (`ChunkedSegmentStorageConfig`).
const READ_ATTEMPTS: u32 = 100;
/// `journal.snapshot.attempts.write.max`; also how many files that are not there are looked for.
const WRITE_ATTEMPTS: u32 = 10;
/// A journal's file: a snapshot of four segments with a few chunks (estimated from the fields of
/// its serializer).
const JOURNAL_BYTES: u64 = 1_024;
/// Numbers of journals among the chunks of an epoch: the last ones.
const JOURNALS: u64 = 0xff_ff00;

/// What is being asked of tier 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Looking,
    Reading,
    Writing,
}

/// How far the start is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bootstrap {
    step: Step,
    /// Whose journals are read, and the file.
    epoch: u64,
    file: u64,
    missing: u32,
    attempts: u32,
}

impl Container {
    fn journal(&self, epoch: u64, file: u64) -> ChunkId {
        ChunkId(u64::from(self.id) << 48 | epoch << 24 | (JOURNALS + file))
    }

    /// The log is replayed: what the storage was is found out, or the container serves at once.
    pub(super) fn bootstrap(&mut self, env: &mut Env<'_, '_>) {
        if self.epoch == 1 || !env.spec.cluster.has_bookkeeper() {
            return self.started(env);
        }
        // Whoever ran it last and got as far as this; 0 is looked through in vain.
        let epoch = self.state.journal_epoch;
        let bootstrap = Bootstrap { step: Step::Looking, epoch, file: 1, missing: 0, attempts: 0 };
        self.ask(env, bootstrap);
    }

    fn ask(&mut self, env: &mut Env<'_, '_>, bootstrap: Bootstrap) {
        let Bootstrap { step, epoch, file, .. } = bootstrap;
        self.bootstrap = Some(bootstrap);
        let chunk = self.journal(epoch, file);
        let operation = match step {
            Step::Looking => Operation::Stat { chunk },
            Step::Reading => Operation::Read { chunk, offset: 0, bytes: JOURNAL_BYTES },
            Step::Writing => {
                let data = Rc::new(Data { bytes: JOURNAL_BYTES, ..Data::default() });
                Operation::Write { chunk, offset: 0, data }
            }
        };
        let (id, instance, work) = (self.id, self.instance, Work::Bootstrap);
        let request = env.tasks.add(Task::Tier { id, instance, work });
        let message = crate::tier::message::Message::Request { request, operation };
        env.ctx.send(env.spec.tier, Message::Tier(message));
    }

    /// Tier 2 has answered.
    pub(super) fn bootstrap_answered(
        &mut self,
        env: &mut Env<'_, '_>,
        result: Result<TierResponse, TierError>,
    ) {
        let Some(mut at) = self.bootstrap.take().filter(|_| self.phase == Phase::Starting) else {
            return;
        };
        at.attempts += 1;
        match (at.step, result) {
            (Step::Looking, Ok(_)) => (at.step, at.attempts) = (Step::Reading, 0),
            (Step::Looking, Err(TierError::NoSuchChunk)) => {
                at.missing += 1;
                at = self.next_journal(at);
            }
            (Step::Reading, Ok(_)) => {
                at.missing = 0;
                at = self.next_journal(at);
            }
            (Step::Reading, Err(_)) if at.attempts < READ_ATTEMPTS => {}
            (Step::Writing, Ok(_)) => return self.started(env),
            // A file that was begun is left, and another one taken.
            (Step::Writing, Err(_)) if at.attempts < WRITE_ATTEMPTS => at.file += 1,
            _ => return self.log_failed(env, LogError::NotAvailable),
        }
        self.ask(env, at);
    }

    /// The next file of an epoch, or of the next epoch, or the one to write.
    fn next_journal(&self, at: Bootstrap) -> Bootstrap {
        let next = Bootstrap { step: Step::Looking, file: at.file + 1, attempts: 0, ..at };
        if at.missing <= WRITE_ATTEMPTS {
            return next;
        }
        let next = Bootstrap { epoch: at.epoch + 1, file: 1, missing: 0, ..next };
        let step = if next.epoch < self.epoch { Step::Looking } else { Step::Writing };
        Bootstrap { step, epoch: next.epoch.min(self.epoch), ..next }
    }

    /// The connection to tier 2 has broken.
    pub(super) fn bootstrap_broken(&mut self, env: &mut Env<'_, '_>) {
        if self.bootstrap.take().is_some() {
            self.log_failed(env, LogError::NotAvailable);
        }
    }

    /// The container serves from now on.
    fn started(&mut self, env: &mut Env<'_, '_>) {
        self.state.journal_epoch = self.epoch;
        properties::STORAGE_BOOTSTRAPPED.reached(env.ctx);
        self.serve(env);
    }
}
