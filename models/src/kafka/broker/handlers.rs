//! The request handler threads, and the queue between them and the network threads.
//!
//! Stands for `KafkaRequestHandlerPool` and `RequestChannel` of apache/kafka @ 3.9.0. A handler is
//! held from the moment it takes a request until the request is answered or left to the purgatory:
//! an append holds it while it waits for the log's lock, for `write()` and for the sync
//! (`ReplicaManager.appendRecords`, `UnifiedLog.append`). With all of them held nothing is served.
//! Parameters: `num.io.threads`, `queued.max.requests`. Left out: which network thread it is that
//! waits for room in the queue; only when as many wait as there are does the broker stop reading.

use std::collections::VecDeque;

use headwater_sim::time::Duration;

use super::{Broker, Ctx, HANDLERS, NETWORK, TAGS, kind};
use crate::kafka::config;

/// Handlers and what waits for them.
#[derive(Debug)]
pub struct Handlers {
    threads: u32,
    network_threads: u32,
    queue_max: usize,
    busy: u32,
    /// Requests, by their connections' tags.
    queue: VecDeque<u64>,
    /// Requests that a network thread cannot put into the queue.
    blocked: VecDeque<u64>,
    /// Network threads that wait for the disk.
    pub(super) reading: u32,
    /// Work for network threads that all are held up.
    held_back: VecDeque<(Duration, u64)>,
}

impl Handlers {
    /// Idle handlers.
    pub const fn new(config: &config::Broker) -> Self {
        Self {
            threads: config.io_threads,
            network_threads: config.network_threads,
            queue_max: config.queued_max_requests as usize,
            busy: 0,
            queue: VecDeque::new(),
            blocked: VecDeque::new(),
            reading: 0,
            held_back: VecDeque::new(),
        }
    }

    /// No network thread can work.
    fn is_held_up(&self) -> bool {
        self.blocked.len() as u32 + self.reading >= self.network_threads
    }

    fn take(&mut self) -> Option<u64> {
        if self.busy >= self.threads {
            return None;
        }
        let next = self.queue.pop_front()?;
        self.queue.extend(self.blocked.pop_front());
        Some(next)
    }
}

impl Broker {
    /// Work for a network thread.
    pub(super) fn network(&mut self, ctx: &mut Ctx<'_>, cost: Duration, tag: u64) {
        let cost = self.jvm.cost(cost);
        let handlers = &mut self.handlers;
        if handlers.is_held_up() {
            return handlers.held_back.push_back((cost, tag));
        }
        self.config.costs.work(ctx, NETWORK, cost, tag);
    }

    /// A request is read, and waits for a handler.
    pub(super) fn enqueue(&mut self, ctx: &mut Ctx<'_>, which: u64) {
        let handlers = &mut self.handlers;
        if handlers.queue.len() >= handlers.queue_max {
            handlers.blocked.push_back(which);
        } else {
            handlers.queue.push_back(which);
        }
        self.next_handler(ctx);
    }

    fn next_handler(&mut self, ctx: &mut Ctx<'_>) {
        while let Some(which) = self.handlers.take() {
            // A request whose connection has broken costs nothing any more.
            let Some(cost) = self.current(which).and_then(|from| self.cost_of(from)) else {
                continue;
            };
            let cost = self.jvm.cost(cost);
            self.handlers.busy += 1;
            self.handler_took(ctx, which);
            self.config.costs.work(ctx, HANDLERS, cost, TAGS.tag(kind::HANDLED, which));
        }
        let handlers = &mut self.handlers;
        while !handlers.is_held_up()
            && let Some((cost, tag)) = handlers.held_back.pop_front()
        {
            self.config.costs.work(ctx, NETWORK, cost, tag);
        }
    }

    /// A network thread has its data from the disk.
    pub(super) fn reader_free(&mut self, ctx: &mut Ctx<'_>) {
        self.handlers.reading -= 1;
        self.next_handler(ctx);
    }

    /// A handler has done with its request.
    pub(super) fn handler_free(&mut self, ctx: &mut Ctx<'_>) {
        self.handlers.busy -= 1;
        self.next_handler(ctx);
    }
}
