//! The garbage collector: chunks that no segment needs any more are deleted after a while.
//!
//! Stands for `chunklayer.GarbageCollector` and its queue, a segment of the container's own, @
//! v0.13.0: what is in the queue outlives the container, as here what its log says of it does. A
//! chunk that is gone already counts as deleted; one that can't be is tried again, a delay later
//! each time.
//!
//! Parameters: `storage.garbage.collection.delay.seconds`, `ATTEMPTS`. Left out: the limit of
//! chunks deleted at a time (10), the queue of those that were given up, and that attempts are
//! counted over the lives of a container.

use headwater_sim::time::{Duration, Time};

use crate::pravega::config::StorageKind;
use crate::pravega::container::host::{Env, Task};
use crate::pravega::properties;
use crate::pravega::signals;
use crate::protocol::Message;
use crate::tier::message::{ChunkId, Operation as Request, TierError};

use super::operation::Operation;
use super::{Container, Phase, Work};

/// Attempts at a chunk after the first (`garbage.collection.attempts.max`).
const ATTEMPTS: u32 = 3;

/// How far it is with a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Collecting {
    attempts: u32,
    /// Tier 2 is asked to delete it.
    asked: bool,
}

impl Container {
    /// Waits for the time of every chunk that is to be deleted.
    pub(super) fn collect_garbage(&mut self, env: &mut Env<'_, '_>) {
        let now = env.ctx.now();
        for garbage in self.state.garbage.clone() {
            if !self.collecting.contains_key(&garbage.id) {
                self.collecting.insert(garbage.id, Collecting::default());
                let due = Time::ZERO + Duration::from_millis(garbage.due_ms);
                self.collect_after(env, garbage.id, due.since(now.min(due)));
            }
        }
    }

    fn collect_after(&self, env: &mut Env<'_, '_>, chunk: ChunkId, after: Duration) {
        let tag = env.tasks.add(self.task(Work::Collect { chunk }));
        env.ctx.timer(after, tag);
    }

    /// The time of a chunk has come.
    pub(super) fn collect(&mut self, env: &mut Env<'_, '_>, chunk: ChunkId) {
        let Some(collecting) = self.collecting.get_mut(&chunk) else { return };
        if self.phase != Phase::Running {
            return;
        }
        collecting.asked = true;
        let mut chunks = self.state.segments.values().flat_map(|segment| &segment.chunks);
        let unused = chunks.all(|used| used.id != chunk);
        properties::COLLECTS_UNUSED.note(env.ctx, self.id.into(), unused);
        let work = Work::Collect { chunk };
        let request = env.tasks.add(Task::Tier { id: self.id, instance: self.instance, work });
        let operation = Request::Delete { chunk };
        let message = crate::tier::message::Message::Request { request, operation };
        env.ctx.send(env.spec.tier, Message::Tier(message));
    }

    /// Tier 2 has answered.
    pub(super) fn collected(
        &mut self,
        env: &mut Env<'_, '_>,
        chunk: ChunkId,
        result: Result<(), TierError>,
    ) {
        let Some(collecting) = self.collecting.get_mut(&chunk).filter(|one| one.asked) else {
            return;
        };
        collecting.asked = false;
        match result {
            Ok(()) | Err(TierError::NoSuchChunk) => {
                let bytes = self.state.garbage.iter().find(|garbage| garbage.id == chunk);
                let bytes = bytes.map_or(0, |garbage| garbage.bytes);
                if env.spec.cluster.segment_store.storage == StorageKind::InMemory {
                    env.jvm.release(bytes);
                }
                self.note(env, &signals::CHUNK_DELETED, bytes);
                self.submit_critical(env, Operation::ChunkDeleted { chunk });
            }
            Err(_) if collecting.attempts < ATTEMPTS => {
                collecting.attempts += 1;
                let delay = env.spec.cluster.segment_store.garbage_collection_delay_seconds;
                self.collect_after(env, chunk, Duration::from_secs(delay));
            }
            Err(_) => {}
        }
    }

    /// Requests that broke with the connection to tier 2.
    pub(super) fn collections_broken(&mut self, env: &mut Env<'_, '_>) {
        let asked = self.collecting.iter().filter(|(_, one)| one.asked);
        for chunk in asked.map(|(chunk, _)| *chunk).collect::<Vec<_>>() {
            self.collected(env, chunk, Err(TierError::Unavailable));
        }
    }

    /// Its deletion is in the log.
    pub(super) fn chunk_deleted(&mut self, chunk: ChunkId) {
        self.collecting.remove(&chunk);
    }
}
