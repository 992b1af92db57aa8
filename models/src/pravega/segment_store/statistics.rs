//! The recorder of what segments are written, as far as its threads take cores from others: what
//! comes of it is the auto-scaler's.
//!
//! Stands for `SegmentStatsRecorderImpl` @ v0.13.0. Every append that was answered is put into a
//! queue (`recordAppend`), whatever the stream's policy. A thread of the auto-scaler's pool takes
//! what there is (`processAppendInfo`), and another one, of the same pool, goes back to the queue
//! (`Futures.loop`): two threads wake for a lone append, and fewer for each of many.
//!
//! Parameters: `statistics_ns` of [`crate::pravega::config::Costs`], each of the two. Left out: the
//! limit of a batch.

use headwater_sim::time::Duration;

use crate::pravega::container::host::{STATISTICS_POOL, Task};
use crate::pravega::node::Ctx;

use super::SegmentStore;

/// Where the recorder's loop is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Recorder {
    /// At an empty queue.
    #[default]
    Waiting,
    /// A thread is at what it took; whether more has come since.
    Processing { more: bool },
    /// A thread goes back to the queue; whether there is something in it.
    Returning { more: bool },
}

impl SegmentStore {
    /// An append was answered.
    pub(super) fn record(&mut self, ctx: &mut Ctx<'_>) {
        let cost = Duration(self.spec.cluster.costs.statistics_ns);
        if cost == Duration::ZERO {
            return;
        }
        match &mut self.recorder {
            Recorder::Waiting => self.process_statistics(ctx),
            Recorder::Processing { more } | Recorder::Returning { more } => *more = true,
        }
    }

    fn process_statistics(&mut self, ctx: &mut Ctx<'_>) {
        self.recorder = Recorder::Processing { more: false };
        self.on_statistics_thread(ctx);
    }

    /// A thread has done its part.
    pub(super) fn statistics_done(&mut self, ctx: &mut Ctx<'_>) {
        match self.recorder {
            Recorder::Processing { more } => {
                self.recorder = Recorder::Returning { more };
                self.on_statistics_thread(ctx);
            }
            Recorder::Returning { more: true } => self.process_statistics(ctx),
            Recorder::Returning { more: false } | Recorder::Waiting => {
                self.recorder = Recorder::Waiting;
            }
        }
    }

    fn on_statistics_thread(&mut self, ctx: &mut Ctx<'_>) {
        let cost = Duration(self.spec.cluster.costs.statistics_ns);
        self.env(ctx).compute(STATISTICS_POOL, cost, Task::Statistics);
    }
}
