//! The storage node: serves requests for chunks from its disk, or from memory.
//!
//! Stands for what Pravega calls long-term storage and Kafka remote log storage: a file system, NFS
//! 4.1 (Amazon EFS), an object store (Amazon S3), or memory. A request waits for its latency, then
//! for its share of the bandwidth, then for the disk; a write is synced before it is answered.
//! Requests for one chunk are carried out one after another, in the order in which they came; those
//! for different chunks side by side, up to `requests.max`. Errors, stalls and fullness are by
//! configuration; refusals, delays, broken uploads and stale lists are the environment's
//! (`tier::conditions`), as is a slow, stalled or full disk.
//!
//! Parameters: [`config::Tier`]. Left out: directories, sustained rate limits of object stores, the
//! parts of a multipart upload, NFS client caches.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::condition::Condition;
use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId, DiskOp, FileId};
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::node::{Completion, Node, Record as _};
use headwater_sim::random::Stream;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use rand::distr::Distribution;

use crate::batch::extend;
use crate::collections::SortedVecMap;
use crate::note::Note;
use crate::protocol::{self, Streaming};
use crate::tags::TagLayout;
use crate::tier::signals;

use super::chunk::{Chunk, is_over};
use super::conditions::{Conditions, Fate};
use super::config::{self, Kind};
use super::message::{ChunkId, Data, Message, Operation, Piece, TierError, TierResponse};
use super::record::{Folded, Record};

const DISK: DiskId = DiskId(0);

/// Tags: the request's number, and three bits of the step that it waits for.
const TAGS: TagLayout = TagLayout::new(3);
const STEP_SERVED: u64 = 0;
const STEP_LOADED: u64 = 1;
const STEP_WRITTEN: u64 = 2;
const STEP_SYNCED: u64 = 3;
const STEP_READ: u64 = 4;
const STEP_REMOVED: u64 = 5;
const STEP_IGNORED: u64 = 6;

#[derive(Debug)]
struct Request {
    client: NodeId,
    request: u64,
    operation: Operation,
    /// The service's latency and bandwidth have passed.
    served: bool,
    /// Pieces on their way to the target of a concat, and how many writes are not done.
    moving: Vec<Rc<Data>>,
    writes_left: u64,
    /// Answered with this error, whatever was done.
    refused: Option<TierError>,
}

/// The streams of randomness, each for its purpose.
struct Streams {
    latency: Stream,
    error: Stream,
    stall: Stream,
    condition: Stream,
}

/// Tiered storage.
pub struct Tier {
    config: config::Tier,
    streams: Option<Streams>,
    chunks: SortedVecMap<ChunkId, Chunk>,
    requests: SortedVecMap<u64, Request>,
    next: u64,
    /// Requests that are being served, and those that wait for a place.
    serving: u32,
    waiting: VecDeque<u64>,
    /// When the shared bandwidth is free, for writes and for reads.
    write_free_at: Time,
    read_free_at: Time,
    used: u64,
    conditions: Conditions,
}

impl Tier {
    /// Storage that finds its chunks on its disk.
    pub fn new(config: config::Tier) -> Self {
        Self {
            config,
            streams: None,
            chunks: SortedVecMap::default(),
            requests: SortedVecMap::default(),
            next: 0,
            serving: 0,
            waiting: VecDeque::new(),
            write_free_at: Time::ZERO,
            read_free_at: Time::ZERO,
            used: 0,
            conditions: Conditions::default(),
        }
    }

    fn in_memory(&self) -> bool {
        self.config.kind == Kind::InMemory
    }

    /// A place is free: begins to serve.
    fn serve(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        self.serving += 1;
        let operation = &self.requests[&number].operation;
        let (read, bytes) = match operation {
            Operation::Write { data, .. } => (false, data.bytes),
            Operation::Read { bytes, .. } => (true, *bytes),
            Operation::Stat { .. } => (true, 0),
            Operation::Delete { .. } | Operation::Concat { .. } => (false, 0),
        };
        let streams = self.streams.as_mut().expect("taken at the start");
        let latency = if read { &self.config.read_latency } else { &self.config.write_latency };
        let mut latency = latency.sample(&mut streams.latency);
        if streams.stall.chance_ppm(self.config.stall_ppm) {
            latency += self.config.stall_time.sample(&mut streams.stall);
        }
        let free_at = if read { &mut self.read_free_at } else { &mut self.write_free_at };
        *free_at = (*free_at).max(ctx.now()) + self.config.bandwidth.transfer(bytes);
        // The later of its turn at the shared bandwidth and its own transfer; a stall delays nobody
        // else.
        let alone = ctx.now() + self.config.request_bandwidth.transfer(bytes);
        let done = alone.max(*free_at) + latency + self.conditions.delay;
        ctx.timer(done - ctx.now(), TAGS.tag(number, STEP_SERVED));
    }

    /// The service time is over: carries out the request if it is its chunk's turn.
    fn on_served(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let streams = self.streams.as_mut().expect("taken at the start");
        if streams.error.chance_ppm(self.config.error_ppm) {
            self.finish(ctx, number, Err(TierError::Io));
            return;
        }
        let request = self.requests.get_mut(&number).expect("it is being served");
        match self.conditions.fate(&mut streams.condition) {
            Fate::Served => {}
            Fate::Refused(error) => return self.finish(ctx, number, Err(error)),
            Fate::AnsweredWrongly => request.refused = Some(TierError::Io),
        }
        request.served = true;
        let id = request.operation.chunk();
        if self.chunks[&id].queue.front() == Some(&number) {
            self.begin(ctx, number);
        }
    }

    /// The chunk is this request's: loads it first if it isn't known.
    fn begin(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let in_memory = self.in_memory();
        let id = self.requests[&number].operation.chunk();
        let chunk = self.chunks.get_mut(&id).expect("it has a queue");
        if !chunk.loaded && !in_memory {
            ctx.read(DISK, FileId(id.0), 0, u64::MAX, TAGS.tag(number, STEP_LOADED));
            return;
        }
        chunk.loaded = true;
        self.carry_out(ctx, number);
    }

    fn on_loaded(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        completion: Completion<protocol::Record>,
    ) {
        let Some(id) = self.requests.get(&number).map(|request| request.operation.chunk()) else {
            return;
        };
        let chunk = self.chunks.get_mut(&id).expect("it has a queue");
        chunk.loaded = true;
        match completion {
            Completion::Read { records, damaged } => {
                chunk.exists = !records.is_empty();
                for record in &records {
                    match record {
                        protocol::Record::Tier(Record::Written(data)) => {
                            let offset = chunk.length;
                            chunk.length += data.bytes;
                            chunk.pieces.push(Piece { offset, data: data.clone() });
                        }
                        protocol::Record::Tier(Record::Folded(folded)) => {
                            chunk.length += folded.bytes;
                            (chunk.folded, chunk.begins) = (folded.writes, folded.bytes);
                        }
                        _ => {}
                    }
                }
                self.used += chunk.length;
                if damaged {
                    let (file, keep) =
                        (FileId(id.0), records.iter().map(protocol::Record::stands_for).sum());
                    let tag = TAGS.tag(number, STEP_IGNORED);
                    ctx.disk(DISK, DiskOp::Truncate { file, keep }, tag);
                }
            }
            Completion::Failed(DiskError::NoSuchFile) => {}
            _ => {
                chunk.loaded = false;
                self.finish(ctx, number, Err(TierError::Io));
                return;
            }
        }
        self.carry_out(ctx, number);
    }

    fn carry_out(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let operation = self.requests[&number].operation.clone();
        match operation {
            Operation::Write { chunk, offset, data } => {
                let allowed = self.check_write(chunk, offset, data.bytes);
                let streams = self.streams.as_mut().expect("taken at the start");
                match allowed {
                    Ok(()) if self.conditions.breaks_off(&mut streams.condition) => {
                        self.break_off(ctx, number, &data);
                    }
                    Ok(()) => self.write(ctx, number, data.parts()),
                    Err(error) => self.finish(ctx, number, Err(error)),
                }
            }
            Operation::Read { chunk, offset, bytes } => {
                self.read(ctx, number, chunk, offset, bytes);
            }
            Operation::Stat { chunk } => {
                let stale = self.conditions.stale;
                let chunk = self.chunks.get_mut(&chunk).expect("it has a queue");
                let result = if chunk.exists {
                    Ok(TierResponse::Done { length: chunk.listed(ctx.now(), stale) })
                } else {
                    Err(TierError::NoSuchChunk)
                };
                self.finish(ctx, number, result);
            }
            Operation::Delete { chunk } => self.delete(ctx, number, chunk),
            Operation::Concat { source, .. } => self.concat(ctx, number, source),
        }
    }

    fn check_write(&self, id: ChunkId, offset: u64, bytes: u64) -> Result<(), TierError> {
        let chunk = &self.chunks[&id];
        if offset > 0 && self.config.kind == Kind::ObjectStore {
            return Err(TierError::NotAppendable);
        }
        if !chunk.exists && offset > 0 {
            return Err(TierError::NoSuchChunk);
        }
        if chunk.exists && (offset != chunk.length || offset == 0) {
            return Err(TierError::BadOffset);
        }
        let capacity = self.config.capacity.0;
        if self.conditions.full || (capacity > 0 && self.used + bytes > capacity) {
            return Err(TierError::Full);
        }
        Ok(())
    }

    /// An upload breaks off after its first half: a file keeps that, an object is not made. What
    /// events were in it can't be told from half of the bytes.
    fn break_off(&mut self, ctx: &mut Context<'_, Streaming>, number: u64, data: &Data) {
        let request = self.requests.get_mut(&number).expect("it is being carried out");
        request.refused = Some(TierError::Io);
        if self.config.kind == Kind::ObjectStore || data.bytes < 2 {
            return self.finish(ctx, number, Err(TierError::Io));
        }
        let half = Data { bytes: data.bytes / 2, ..Data::default() };
        self.write(ctx, number, vec![Rc::new(half)]);
    }

    /// Puts data at the end of the request's chunk, on disk unless it is kept in memory.
    fn write(&mut self, ctx: &mut Context<'_, Streaming>, number: u64, data: Vec<Rc<Data>>) {
        let request = self.requests.get_mut(&number).expect("it is being carried out");
        let file = FileId(request.operation.chunk().0);
        request.writes_left = data.len() as u64;
        request.moving.clone_from(&data);
        if self.in_memory() || data.is_empty() {
            self.on_durable(ctx, number);
            return;
        }
        for data in data {
            let record = protocol::Record::Tier(Record::Written(data));
            ctx.write(DISK, file, record, TAGS.tag(number, STEP_WRITTEN));
        }
    }

    fn on_written(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        error: Option<DiskError>,
    ) {
        if let Some(error) = error {
            return self.on_refused(ctx, number, error);
        }
        let Some(request) = self.requests.get_mut(&number) else { return };
        request.writes_left -= 1;
        if request.writes_left == 0 {
            let file = FileId(request.operation.chunk().0);
            ctx.sync(DISK, file, TAGS.tag(number, STEP_SYNCED));
        }
    }

    /// The disk has refused a write or its sync: whatever of it lies in the file goes, lest it be
    /// found there at the next start; later writes of the same request fail as well.
    fn on_refused(&mut self, ctx: &mut Context<'_, Streaming>, number: u64, error: DiskError) {
        let Some(request) = self.requests.get(&number) else { return };
        let id = request.operation.chunk();
        let chunk = &self.chunks[&id];
        let keep = chunk.folded + chunk.pieces.len() as u64;
        let (file, tag) = (FileId(id.0), TAGS.tag(number, STEP_IGNORED));
        ctx.disk(DISK, DiskOp::Truncate { file, keep }, tag);
        let full = error == DiskError::Full;
        self.finish(ctx, number, Err(if full { TierError::Full } else { TierError::Io }));
    }

    fn on_durable(&mut self, ctx: &mut Context<'_, Streaming>, number: u64) {
        let Some(request) = self.requests.get_mut(&number) else { return };
        let moving = std::mem::take(&mut request.moving);
        let operation = request.operation.clone();
        let chunk = self.chunks.get_mut(&operation.chunk()).expect("it has a queue");
        chunk.exists = true;
        for data in moving {
            let offset = chunk.length;
            chunk.length += data.bytes;
            self.used += data.bytes;
            chunk.pieces.push(Piece { offset, data });
        }
        let length = chunk.length;
        if self.conditions.stale > Duration::ZERO {
            chunk.unlisted.push_back((ctx.now(), length));
        }
        if let Operation::Concat { source, .. } = operation {
            self.forget(source);
            if !self.in_memory() {
                let delete = DiskOp::Delete { file: FileId(source.0) };
                ctx.disk(DISK, delete, TAGS.tag(number, STEP_REMOVED));
                return;
            }
        }
        self.finish(ctx, number, Ok(TierResponse::Done { length }));
    }

    fn forget(&mut self, id: ChunkId) {
        if let Some(chunk) = self.chunks.get_mut(&id) {
            self.used = self.used.saturating_sub(chunk.length);
            chunk.clear();
        }
    }

    fn read(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        id: ChunkId,
        offset: u64,
        bytes: u64,
    ) {
        let chunk = &self.chunks[&id];
        if !chunk.exists {
            self.finish(ctx, number, Err(TierError::NoSuchChunk));
            return;
        }
        if !chunk.holds(offset) {
            ctx.note(Note::Folded);
        }
        let (first, count) = chunk.overlapping(offset, bytes);
        if self.in_memory() || count == 0 {
            let pieces = chunk.read(offset, bytes);
            self.finish(ctx, number, Ok(TierResponse::Pieces(pieces)));
        } else {
            let tag = TAGS.tag(number, STEP_READ);
            let first = chunk.folded + first as u64;
            ctx.read(DISK, FileId(id.0), first, count as u64, tag);
        }
    }

    /// The disk has read the bytes, which took its time.
    fn on_read(&mut self, ctx: &mut Context<'_, Streaming>, number: u64, failed: bool) {
        let Some(request) = self.requests.get(&number) else { return };
        let Operation::Read { chunk, offset, bytes } = request.operation else { return };
        let chunk = &self.chunks[&chunk];
        let pieces = chunk.read(offset, bytes);
        let result = if failed { Err(TierError::Io) } else { Ok(TierResponse::Pieces(pieces)) };
        self.finish(ctx, number, result);
    }

    fn delete(&mut self, ctx: &mut Context<'_, Streaming>, number: u64, id: ChunkId) {
        if !self.chunks[&id].exists {
            self.finish(ctx, number, Err(TierError::NoSuchChunk));
            return;
        }
        self.forget(id);
        if self.in_memory() {
            self.finish(ctx, number, Ok(TierResponse::Done { length: 0 }));
        } else {
            let delete = DiskOp::Delete { file: FileId(id.0) };
            ctx.disk(DISK, delete, TAGS.tag(number, STEP_REMOVED));
        }
    }

    /// The source is not queued for: its owner must have finished with it, as in Pravega, where a
    /// chunk has one writer.
    fn concat(&mut self, ctx: &mut Context<'_, Streaming>, number: u64, source: ChunkId) {
        let target = self.requests[&number].operation.chunk();
        let found = self.chunks.get(&source).filter(|chunk| chunk.exists);
        let Some(found) = found else {
            self.finish(ctx, number, Err(TierError::NoSuchChunk));
            return;
        };
        if !self.chunks[&target].exists || source == target {
            self.finish(ctx, number, Err(TierError::NoSuchChunk));
            return;
        }
        if !found.holds(0) {
            ctx.note(Note::Folded);
        }
        let data = found.pieces.iter().map(|piece| piece.data.clone()).collect();
        self.write(ctx, number, data);
    }

    /// Answers a request, and lets the next one at its chunk and the next one of all begin.
    fn finish(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        result: Result<TierResponse, TierError>,
    ) {
        let Some(done) = self.requests.remove(&number) else { return };
        let result = done.refused.map_or(result, Err);
        let message = Message::Reply { request: done.request, result };
        ctx.send(done.client, protocol::Message::Tier(message));
        self.serving -= 1;
        if let Some(waiting) = self.waiting.pop_front() {
            self.serve(ctx, waiting);
        }
        signals::REQUESTS.set(ctx, self.requests.len() as u64);
        signals::BYTES.set(ctx, self.used);
        let id = done.operation.chunk();
        let Some(chunk) = self.chunks.get_mut(&id) else { return };
        let was_first = chunk.queue.front() == Some(&number);
        chunk.queue.retain(|queued| *queued != number);
        if was_first
            && let Some(next) = chunk.queue.front().copied()
            && self.requests.get(&next).is_some_and(|next| next.served)
        {
            self.begin(ctx, next);
        }
    }
}

impl Tier {
    /// Folds what nobody needs any more of the chunks, in memory and on disk. One that has not been
    /// looked at since the start is on disk only.
    fn fold_chunks(&mut self, files: &mut Folding<'_, protocol::Record>, needs: &Needs) {
        let of = |records: &[&protocol::Record]| {
            let mut ranges = Vec::new();
            for record in records {
                record.for_each_range(&mut |range| extend(&mut ranges, range));
            }
            protocol::Record::Tier(Record::Folded(Rc::new(Folded::of(records, ranges))))
        };
        for (id, chunk) in self.chunks.iter_mut() {
            if chunk.fold(needs) {
                files.fold_runs(DISK, FileId(id.0), chunk.folded, |_, _| true, of);
            }
        }
        for file in files.files(DISK) {
            let known = self.chunks.get(&ChunkId(file.0)).is_some_and(|chunk| chunk.loaded);
            if known || files.records(DISK, file, u64::MAX).nth(1).is_none() {
                continue;
            }
            let mut over = true;
            let may = |_, record: &protocol::Record| {
                if let protocol::Record::Tier(Record::Written(data)) = record {
                    over &= is_over(data, needs);
                }
                over
            };
            files.fold_runs(DISK, file, u64::MAX, may, of);
        }
    }
}

impl Node<Streaming> for Tier {
    fn fold(&mut self, files: &mut Folding<'_, protocol::Record>, needs: &Needs) {
        self.fold_chunks(files, needs);
    }

    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        let (latency, error, stall) =
            (ctx.stream("tier-latency"), ctx.stream("tier-error"), ctx.stream("tier-stall"));
        let condition = ctx.stream("tier-condition");
        self.streams = Some(Streams { latency, error, stall, condition });
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::Tier(Message::Request { request, operation }) = message else {
            return;
        };
        let number = self.next;
        self.next += 1;
        self.chunks.entry_or_default(operation.chunk()).queue.push_back(number);
        let (served, moving, writes_left, refused) = (false, Vec::new(), 0, None);
        let client = from;
        let request = Request { client, request, operation, served, moving, writes_left, refused };
        self.requests.insert(number, request);
        let max = self.config.requests_max;
        if max > 0 && self.serving >= max {
            self.waiting.push_back(number);
        } else {
            self.serve(ctx, number);
        }
    }

    fn on_condition(&mut self, _: &mut Context<'_, Streaming>, condition: &Condition) {
        self.conditions.set(condition);
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        self.on_served(ctx, TAGS.split(tag).0);
    }

    fn on_completion(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        tag: u64,
        completion: Completion<protocol::Record>,
    ) {
        let (number, step) = TAGS.split(tag);
        let error = match completion {
            Completion::Failed(error) => Some(error),
            _ => None,
        };
        match step {
            STEP_LOADED => self.on_loaded(ctx, number, completion),
            STEP_WRITTEN => self.on_written(ctx, number, error),
            STEP_SYNCED => match error {
                Some(error) => self.on_refused(ctx, number, error),
                None => self.on_durable(ctx, number),
            },
            STEP_READ => self.on_read(ctx, number, error.is_some()),
            STEP_REMOVED if error.is_some() => self.finish(ctx, number, Err(TierError::Io)),
            STEP_REMOVED => {
                let operation = self.requests.get(&number).map(|request| request.operation.chunk());
                let length = operation.map_or(0, |id| self.chunks[&id].length);
                self.finish(ctx, number, Ok(TierResponse::Done { length }));
            }
            _ => {}
        }
    }
}
