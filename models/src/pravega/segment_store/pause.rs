//! Pauses of the store's garbage collector: for a while the process takes no input.
//!
//! Stands for stop-the-world pauses of a JVM; exponential in between, by default off. CPU work that
//! has begun runs on, which overstates what a pause lets through by a fraction of a millisecond.
//!
//! Parameters: `jvm.pause*` of [`crate::pravega::config::Costs`]. Left out: pauses that grow with
//! the heap's use.

use std::collections::VecDeque;

use headwater_sim::inversion::Exp1;
use headwater_sim::random::Stream;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use rand::Rng;
use rand::distr::Distribution;

use crate::pravega::config::Costs;
use crate::protocol::Message;

use crate::pravega::node::Ctx;

/// An input that has to wait.
#[derive(Debug)]
pub(super) enum Held {
    Message(NodeId, Message),
    Tag(u64),
    Completion(u64),
    Disconnect(NodeId),
}

/// Pauses and what waits for the end of one.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    until: Time,
    stream: Option<Stream>,
    held: VecDeque<Held>,
}

impl Pauses {
    /// Time to the first pause, if there are any.
    pub(super) fn start(&mut self, ctx: &Ctx<'_>, costs: &Costs) -> Option<Duration> {
        if costs.jvm_pause_every == Duration::ZERO {
            return None;
        }
        self.stream = Some(ctx.stream("jvm_pause"));
        Some(self.next(costs))
    }

    fn next(&mut self, costs: &Costs) -> Duration {
        let stream = self.stream.as_mut().expect("pauses are on");
        Duration((stream.sample(Exp1) * costs.jvm_pause_every.as_nanos() as f64) as u64)
    }

    /// A pause begins: how long it lasts.
    pub(super) fn begin(&mut self, now: Time, costs: &Costs) -> Duration {
        let length = costs.jvm_pause.sample(self.stream.as_mut().expect("pauses are on"));
        self.until = now + length;
        length
    }

    /// A pause is over: time to the next, and what has waited.
    pub(super) fn end(&mut self, costs: &Costs) -> (Duration, VecDeque<Held>) {
        (self.next(costs), std::mem::take(&mut self.held))
    }

    /// True if there is a pause now.
    pub(super) fn is_paused(&self, now: Time) -> bool {
        now < self.until
    }

    /// Keeps an input for the end of the pause.
    pub(super) fn hold(&mut self, input: Held) {
        self.held.push_back(input);
    }
}
