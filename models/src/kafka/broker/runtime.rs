//! The JVM of a broker: what requests leave behind, pauses, warm-up.
//!
//! Stands for what HotSpot does with the broker's code and garbage ([`crate::runtime::jvm`]).
//! Parameters: [`crate::kafka::config::Cluster::jvm`].

use super::{Broker, Ctx, TAGS, kind};
use crate::kafka::message::Message;

const fn tag(number: u64) -> u64 {
    TAGS.tag(kind::JVM, number)
}

impl Broker {
    /// A request is read into the heap.
    pub(super) fn allocate_for(&mut self, ctx: &mut Ctx<'_>, message: &Message) {
        let carried = if let Message::Produce(_) = message { message.size_bytes() } else { 0 };
        let garbage = self.config.costs.request_garbage_bytes;
        self.jvm.request(ctx, garbage + carried, tag);
    }

    /// The JVM has done some of its work.
    pub(super) fn jvm_done(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        self.jvm.done_in_process(ctx, number, tag);
    }
}
