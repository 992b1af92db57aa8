//! What a container must put into the cache of its store, and has no choice about.
//!
//! Stands for `MemoryStateUpdater.addToReadIndex`, `DirectMemoryCache.getNextAvailableBuffer`,
//! `OperationProcessor.isFatalException` @ v0.13.0: an append that is committed, or replayed in
//! recovery, has to be in the cache. A full one is asked to evict, five times, with a wait of 50,
//! 100, 150 and 200 ms behind each that frees nothing; then the container fails
//! (`CacheFullException`).
//! Its appends are in the log, and it is started again by the store's monitor.
//!
//! Parameters: `CLEANUPS`, `RETRY`. Left out: the thread of the core pool that waits meanwhile.

use std::rc::Rc;

use headwater_sim::time::{Duration, Time};

use crate::pravega::container::host::{ContainerEvent, Env};
use crate::pravega::properties;
use crate::pravega::signals;
use crate::pravega::waits;

use super::operation::{Logged, Operation};
use super::{Container, Phase, Work};

/// `DirectMemoryCache.MAX_CLEANUP_ATTEMPTS`.
const CLEANUPS: u32 = 5;
/// `CacheManager.CACHE_FULL_RETRY_BASE_MILLIS`, times the number of the attempt.
const RETRY: Duration = Duration::from_millis(50);

impl Container {
    /// True if the cache takes so many bytes; else the store is asked to make room.
    pub(super) fn finds_room(&mut self, env: &mut Env<'_, '_>, bytes: u64) -> bool {
        if env.cache.has_room(bytes) {
            self.cleanups = 0;
            return true;
        }
        self.cleanups += 1;
        env.events.push(ContainerEvent::CacheFull { container: self.id });
        false
    }

    /// The store has evicted what it could from its cache.
    pub fn cache_cleaned(&mut self, env: &mut Env<'_, '_>, freed: bool) {
        if self.cleanups >= CLEANUPS {
            self.note(env, &signals::CACHE_FULL, env.cache.used());
            properties::CACHE_FULL.reached(env.ctx);
            properties::CONTAINERS_RUN.note(env.ctx, self.id.into(), false);
            return self.stop(env);
        }
        if freed {
            return self.fill(env);
        }
        let tag = env.tasks.add(self.task(Work::Filling));
        let wait = RETRY * u64::from(self.cleanups);
        env.ctx.timer_for(wait, tag, waits::EVICTION);
    }

    /// Goes on with what did not fit.
    pub(super) fn fill(&mut self, env: &mut Env<'_, '_>) {
        match self.phase {
            Phase::Starting => self.fill_replayed(env),
            Phase::Running => self.complete(env),
            Phase::Stopped => {}
        }
    }

    /// The log is replayed: what of it is not in tier 2 goes to cache and storage writer, as do
    /// truncations that tier 2 does not know of.
    pub(super) fn begin_filling(&mut self, now: Time, operations: Vec<Rc<Logged>>) {
        for (number, segment) in self.state.segments.iter() {
            let index = self.segments.entry_or_default(*number);
            (index.readable, index.sealed) = (segment.length, segment.sealed);
            (index.start, index.deleted) = (segment.start, segment.deleted);
            // Whatever there is was added before.
            (index.newest, index.events) = (now, segment.events.clone());
        }
        let is_needed = |logged: &Rc<Logged>| match &logged.operation {
            Operation::Append { segment, offset, .. } => {
                *offset >= self.state.segments[segment].storage_length
            }
            Operation::Truncate { segment, offset } => {
                *offset > self.state.segments[segment].storage_start
            }
            Operation::Delete { segment } => {
                let segment = &self.state.segments[segment];
                segment.length > segment.storage_start
            }
            _ => false,
        };
        self.unfilled = operations.into_iter().filter(is_needed).collect();
    }

    fn fill_replayed(&mut self, env: &mut Env<'_, '_>) {
        while let Some(logged) = self.unfilled.front() {
            let length = logged.operation.cache_length();
            if !self.finds_room(env, length) {
                return;
            }
            let logged = self.unfilled.pop_front().expect("there is one");
            match &logged.operation {
                Operation::Append { segment, offset, batch, .. } => {
                    let index = self.segments.entry_or_default(*segment);
                    index.append(env.cache, *offset, Rc::clone(batch));
                    self.writer.add(*segment, *offset, logged.sequence, Rc::clone(batch));
                }
                Operation::Truncate { segment, offset } => {
                    self.writer.truncate(*segment, *offset, logged.sequence);
                }
                Operation::Delete { segment } => {
                    let length = self.state.segments[segment].length;
                    self.writer.truncate(*segment, length, logged.sequence);
                }
                _ => {}
            }
        }
        self.bootstrap(env);
    }
}
