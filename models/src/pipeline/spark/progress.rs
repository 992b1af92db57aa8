//! What the parts of a trigger take.
//!
//! Stands for `reportTimeTaken` and `finishTrigger` in `ProgressReporter.scala` (apache/spark @
//! v3.5.6). No parameters.

use headwater_sim::context::Context;
use headwater_sim::time::{Duration, Time};

use super::signals;
use crate::protocol::Streaming;
use crate::signal::Gauge;

/// The times of one trigger.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    began: Time,
    /// When the part at hand began.
    part: Time,
}

fn ms(of: Duration) -> u64 {
    of.0 / 1_000_000
}

impl Progress {
    /// A trigger begins.
    pub const fn begin(now: Time) -> Self {
        Self { began: now, part: now }
    }

    /// A part ends here that nobody asks for.
    pub const fn skip(&mut self, now: Time) {
        self.part = now;
    }

    /// A part ends.
    pub fn part(&mut self, ctx: &mut Context<'_, Streaming>, gauge: &'static Gauge) {
        gauge.set(ctx, ms(ctx.now().since(self.part)));
        self.part = ctx.now();
    }

    /// The trigger ends, with a batch of so many rows.
    pub fn end(&self, ctx: &mut Context<'_, Streaming>, rows: u64) {
        signals::NUM_INPUT_ROWS.set(ctx, rows);
        signals::TRIGGER_EXECUTION.set(ctx, ms(self.taken(ctx.now())));
    }

    /// How long the trigger has taken.
    pub const fn taken(&self, now: Time) -> Duration {
        now.since(self.began)
    }
}
