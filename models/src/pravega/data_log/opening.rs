//! Opening a log: fencing its ledgers, then reading them from the truncation point.
//!
//! Stands for `BookKeeperLog.initialize`, `Ledgers.fenceOut`, `LogReader` @ v0.13.0. Ledgers are
//! closed for good newest first, one after another; the original stops at the second that is not
//! empty, the rest having been closed by their writer, which costs a look at their metadata here as
//! there. Then a new ledger is made and entered, and the old ones are read, 64 entries on the way.
//!
//! Parameters: `bookkeeper.read.batch.size`, entries. Left out: deletion of empty ledgers on the
//! way.

use crate::bookkeeper::entry::SharedEntry;
use crate::bookkeeper::ids::EntryId;
use crate::bookkeeper::input::Input;
use crate::bookkeeper::ledger_metadata::LedgerMetadata;
use crate::bookkeeper::ledger_reader::{LedgerReader, ReaderEvent, ReaderSpec};
use crate::bookkeeper::ledger_recovery::{LedgerRecovery, RecoveryEvent};
use crate::bookkeeper::message::Message;
use crate::collections::SortedVecMap;
use crate::component::Component;
use crate::pravega::container::data_frame::Frame;
use crate::pravega::node::Ctx;

use super::bookkeeper_log::BookKeeperLog;
use super::log_metadata::LogLedger;
use super::{LogAddress, LogEvent, frame_codec};

/// A step in the opening of a log.
#[derive(Debug)]
pub enum Step {
    /// A ledger is closed: its metadata and its last entry.
    Fenced(LedgerMetadata, EntryId),
    /// An entry of the ledger that is being read.
    Entry(SharedEntry),
    /// That ledger is read.
    LedgerRead,
    /// It can't be done now.
    Failed,
}

/// A log being opened.
#[derive(Debug, Default)]
pub struct Opening {
    /// Ledgers that are closed, with what is known of them.
    fenced: SortedVecMap<u64, (LedgerMetadata, EntryId)>,
    recovery: Option<LedgerRecovery>,
    /// Ledgers to read, oldest first, and the one being read.
    to_read: Vec<LogLedger>,
    reading: Option<(u64, LedgerReader)>,
    frames: Vec<(LogAddress, Frame)>,
}

impl Opening {
    fn of_recovery(events: Vec<RecoveryEvent>) -> Vec<Step> {
        let step = |event| match event {
            RecoveryEvent::Recovered { metadata, last } => Step::Fenced(metadata, last),
            RecoveryEvent::Failed { .. } => Step::Failed,
        };
        events.into_iter().map(step).collect()
    }

    fn of_reader(events: Vec<ReaderEvent>) -> Vec<Step> {
        let step = |event| match event {
            ReaderEvent::Entry(entry) => Step::Entry(entry),
            ReaderEvent::Finished => Step::LedgerRead,
            ReaderEvent::Failed { .. } => Step::Failed,
        };
        events.into_iter().map(step).collect()
    }
}

impl Component for Opening {
    type Message = Message;
    type Event = Step;

    fn on(&mut self, ctx: &mut Ctx<'_>, input: Input<'_>) -> Vec<Step> {
        if let Some(recovery) = &mut self.recovery {
            return Self::of_recovery(recovery.on(ctx, input));
        }
        match &mut self.reading {
            Some((_, reader)) => Self::of_reader(reader.on(ctx, input)),
            None => Vec::new(),
        }
    }
}

impl BookKeeperLog {
    /// Closes the newest ledger that is not closed yet; when all are, a new one is made.
    pub(super) fn fence_next(&mut self, ctx: &mut Ctx<'_>) {
        let opening = self.opening.as_ref().expect("the log is being opened");
        let open = |ledger: &&LogLedger| !opening.fenced.contains_key(&ledger.sequence);
        let next = self.metadata.ledgers.iter().rev().find(open).map(|ledger| ledger.id);
        let recovery = next.map(|ledger| self.recover_ledger(ctx, ledger));
        if recovery.is_none() {
            self.fenced(ctx);
        }
        self.opening.as_mut().expect("checked").recovery = recovery;
    }

    /// The log is this store's: it is read.
    pub(super) fn read_log(&mut self, ctx: &mut Ctx<'_>) -> Vec<LogEvent> {
        let older = self.metadata.ledgers.len() - 1;
        let ledgers = self.metadata.ledgers[..older].to_vec();
        self.opening.as_mut().expect("the log is being opened").to_read = ledgers;
        self.read_next(ctx)
    }

    fn read_next(&mut self, ctx: &mut Ctx<'_>) -> Vec<LogEvent> {
        let truncation = self.metadata.truncation;
        let tags = self.tags();
        let opening = self.opening.as_mut().expect("the log is being opened");
        opening.reading = None;
        while !opening.to_read.is_empty() {
            let ledger = opening.to_read.remove(0);
            let (metadata, last) = opening.fenced[&ledger.sequence].clone();
            let skip = ledger.sequence == truncation.ledger;
            let first = EntryId(if skip { truncation.entry as i64 } else { 0 });
            if last < first {
                continue;
            }
            let options = &self.cluster.bookkeeper;
            let window = u64::from(options.read_batch_size);
            let client = self.cluster.ledger_client();
            let spec =
                ReaderSpec { ledger: ledger.id, metadata, first, last, window, client, tags };
            let (reader, events) = LedgerReader::start(ctx, spec);
            opening.reading = Some((ledger.sequence, reader));
            return self.on_opening(ctx, Opening::of_reader(events));
        }
        let frames = std::mem::take(&mut opening.frames);
        vec![self.opened(frames)]
    }

    pub(super) fn on_opening(&mut self, ctx: &mut Ctx<'_>, steps: Vec<Step>) -> Vec<LogEvent> {
        for step in steps {
            let Some(opening) = &mut self.opening else { break };
            match step {
                Step::Fenced(metadata, last) => {
                    let recovery = opening.recovery.take().expect("it was recovering");
                    let is_closed = |ledger: &&LogLedger| ledger.id == recovery.ledger();
                    let ledger =
                        self.metadata.ledgers.iter().find(is_closed).expect("one of the log's");
                    opening.fenced.insert(ledger.sequence, (metadata, last));
                    self.fence_next(ctx);
                }
                Step::Entry(entry) => {
                    let (ledger, _) = opening.reading.as_ref().expect("it was reading");
                    let address = LogAddress { ledger: *ledger, entry: entry.id.word() };
                    opening.frames.push((address, frame_codec::decode(&entry.payload)));
                }
                Step::LedgerRead => return self.read_next(ctx),
                Step::Failed => return vec![self.opening_failed()],
            }
        }
        Vec::new()
    }
}
