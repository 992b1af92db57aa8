//! The durable log of a container: the seam between a container and where its frames go.
//!
//! Stands for the interface `DurableDataLog` @ v0.13.0. Appends are acknowledged in order. A log is
//! started once; it fences out whoever wrote it before and gives back what it holds.
//!
//! Parameters: none of its own. Left out: `DebugDurableDataLogWrapper`, disabling and enabling a
//! log by hand.

use headwater_sim::fold::Needs;
use headwater_sim::time::Time;

use crate::bookkeeper::input::Input;
use crate::pravega::container::data_frame::Frame;
use crate::pravega::container::throttler::QueueStats;
use crate::pravega::node::Ctx;

pub mod bookkeeper_log;
mod frame_codec;
pub mod in_memory;
mod log_metadata;
mod opening;

/// The place of a frame in its log; later frames compare greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogAddress {
    /// Number of the ledger in the log, from 0.
    pub ledger: u64,
    /// Number of the entry in the ledger, from 0.
    pub entry: u64,
}

/// Why a log can't be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogError {
    /// Somebody else has fenced it (`DataLogWriterNotPrimaryException`).
    NotPrimary,
    /// It can't be reached or written, after all retries (`RetriesExhaustedException`,
    /// `DataLogNotAvailableException`).
    NotAvailable,
}

/// What a log reports.
#[derive(Clone, Debug)]
pub enum LogEvent {
    /// It is open: its epoch, and its frames from the truncation point on.
    Initialized {
        /// One more than that of the one before.
        epoch: u64,
        /// Frames in order.
        frames: Vec<(LogAddress, Frame)>,
    },
    /// The oldest frame not acknowledged is durable.
    Appended(LogAddress),
    /// It goes on in a new ledger.
    RolledOver {
        /// Number of the ledger in the log.
        ledger: u64,
    },
    /// It is of no use any more.
    Failed(LogError),
}

/// A log.
#[derive(Debug)]
pub enum DataLog {
    /// In memory.
    InMemory(in_memory::InMemoryLog),
    /// In BookKeeper.
    BookKeeper(Box<bookkeeper_log::BookKeeperLog>),
}

impl DataLog {
    /// Opens it; ends with `Initialized` or `Failed`.
    pub fn start(&mut self, ctx: &mut Ctx<'_>) -> Vec<LogEvent> {
        match self {
            Self::InMemory(log) => log.start(ctx.now()),
            Self::BookKeeper(log) => log.start(ctx),
        }
    }

    /// Appends a frame; ends with `Appended` or `Failed`.
    pub fn append(&mut self, ctx: &mut Ctx<'_>, frame: Frame) -> Vec<LogEvent> {
        match self {
            Self::InMemory(log) => log.append(frame.bytes),
            Self::BookKeeper(log) => log.append(ctx, frame),
        }
    }

    /// Bytes of the process's heap that `frame` takes until the log is truncated.
    pub const fn holds(&self, frame: &Frame) -> u64 {
        match self {
            Self::InMemory(_) => frame.bytes,
            Self::BookKeeper(_) => 0,
        }
    }

    /// Drops the frames before `address`; gives back how many bytes of the process's heap they had.
    pub fn truncate(&mut self, ctx: &mut Ctx<'_>, address: LogAddress) -> u64 {
        match self {
            Self::InMemory(log) => log.truncate(address),
            Self::BookKeeper(log) => {
                log.truncate(ctx, address);
                0
            }
        }
    }

    /// The queue as of the last look at it.
    pub fn queue_stats(&self) -> QueueStats {
        match self {
            Self::InMemory(_) => QueueStats::default(),
            Self::BookKeeper(log) => log.queue_stats(),
        }
    }

    /// Looks at the queue. The original does so on a thread of its own after each append and
    /// completion; a container that has just appended sees the queue as it was before.
    pub fn look_through_queue(&mut self, now: Time) {
        if let Self::BookKeeper(log) = self {
            log.look_through_queue(now);
        }
    }

    /// From which entry of each of its ledgers on it may still ask for what is there.
    pub fn needs(&self, needs: &mut Needs) {
        if let Self::BookKeeper(log) = self {
            log.needs(needs);
        }
    }

    /// Bytes on their way.
    pub fn outstanding_bytes(&self) -> u64 {
        match self {
            Self::InMemory(_) => 0,
            Self::BookKeeper(log) => log.outstanding_bytes(),
        }
    }

    /// Bytes that are held for bookies that have not answered.
    pub fn unanswered_bytes(&self) -> u64 {
        match self {
            Self::InMemory(_) => 0,
            Self::BookKeeper(log) => log.unanswered_bytes(),
        }
    }

    /// Releases it, without telling anybody.
    pub fn close(&mut self) {
        if let Self::BookKeeper(log) = self {
            log.close();
        }
    }

    /// An input for its components.
    pub fn on(&mut self, ctx: &mut Ctx<'_>, input: Input<'_>) -> Vec<LogEvent> {
        match self {
            Self::InMemory(_) => Vec::new(),
            Self::BookKeeper(log) => log.on(ctx, input),
        }
    }
}
