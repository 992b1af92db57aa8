//! The metadata service: one linearizable node for a ZooKeeper ensemble.
//!
//! Stands for Apache ZooKeeper 3.6.3. Writes are logged and synced by one thread, everything that
//! came during a sync together in the next (`SyncRequestProcessor`), and applied in log order;
//! reads of a client wait for its own writes only. Sessions end after their timeout without a
//! message from the client, rounded up to the next `tickTime` (`SessionTrackerImpl`,
//! `ExpiryQueue.roundToNextInterval`), and at once on a clean close; a broken connection alone ends
//! none. After a restart every session starts its timeout afresh.
//!
//! Parameters: [`config::Metadata`]. Left out: leader election and the failure of single servers
//! (`quorum.delay` stands for the followers), snapshots (a restart replays the whole log), access
//! control, throttling of outstanding requests.

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::context::Context;
use headwater_sim::disk::{DiskError, DiskId, DiskOp, FileId};
use headwater_sim::effect::PoolId;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node, Record as _};
use headwater_sim::random::Stream;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use rand::distr::Distribution;

use crate::bookkeeper::config;
use crate::bookkeeper::folded::{Folded, Summary};
use crate::bookkeeper::message::Message;
use crate::bookkeeper::properties;
use crate::bookkeeper::record::Record;
use crate::bookkeeper::signals;
use crate::bookkeeper::waits;
use crate::collections::SortedVecMap;
use crate::logs;
use crate::protocol::{self, Streaming};

use super::message::{
    LEDGERS, MetadataError, MetadataMessage, MetadataResponse, Operation, Path, SessionId,
};
use super::tree::MetadataTree;

/// Threads of the service's pools: one that carries out requests.
pub const POOLS: [PoolSpec; 1] = [PoolSpec::unnamed("request-thread", 1)];

const POOL: PoolId = PoolId(0);
const LOG: FileId = FileId(0);
const DISK: DiskId = DiskId(0);

/// Transactions that are worth a fold: what stands for them is all that the service knows.
const FOLD_LEAST: u64 = 1_000;

const TAG_COMPUTED: u64 = 1;
const TAG_WRITTEN: u64 = 2;
const TAG_SYNCED: u64 = 3;
const TAG_RECOVERED: u64 = 4;
const TAG_TICK: u64 = 5;
const TAG_AGREED: u64 = 6;
const TAG_TRUNCATED: u64 = 7;

#[derive(Clone, Debug)]
struct Request {
    /// None for a request of the service's own: the end of a session.
    client: Option<(NodeId, u64)>,
    session: Option<SessionId>,
    operation: Operation,
}

/// The service.
pub struct MetadataService {
    config: config::Metadata,
    quorum: Option<Stream>,
    tree: MetadataTree,
    ready: bool,
    /// When each session ends if its client stays silent.
    expiry: SortedVecMap<SessionId, Time>,
    computing: VecDeque<Request>,
    /// In the log, not synced yet.
    logged: VecDeque<Request>,
    syncing: VecDeque<Request>,
    agreeing: VecDeque<VecDeque<Request>>,
    agreed_last: Time,
    /// Requests of each client that are logged and not applied.
    unapplied: SortedVecMap<NodeId, u64>,
    watches: SortedVecMap<Path, Vec<(NodeId, u64)>>,
    /// Records of the log that have been folded.
    folded: u64,
}

impl MetadataService {
    /// A service whose state is on its disk.
    pub fn new(config: config::Metadata) -> Self {
        Self {
            config,
            quorum: None,
            tree: MetadataTree::default(),
            ready: false,
            expiry: SortedVecMap::default(),
            computing: VecDeque::new(),
            logged: VecDeque::new(),
            syncing: VecDeque::new(),
            agreeing: VecDeque::new(),
            agreed_last: Time::ZERO,
            unapplied: SortedVecMap::default(),
            watches: SortedVecMap::default(),
            folded: 0,
        }
    }

    fn touch(&mut self, now: Time, session: SessionId, timeout: Duration) {
        let tick = Duration::from_millis(self.config.tick_time).0;
        let expires = (now + timeout).0;
        self.expiry.insert(session, Time((expires / tick).saturating_add(1).saturating_mul(tick)));
    }

    fn heard(&mut self, now: Time, session: Option<SessionId>) {
        let Some(session) = session else { return };
        if let Some(timeout) = self.tree.session_timeout(session) {
            self.touch(now, session, timeout);
        }
    }

    fn tick(&mut self, ctx: &mut Context<'_, Streaming>) {
        let tick = Duration::from_millis(self.config.tick_time);
        ctx.timer_for(tick, TAG_TICK, waits::SESSION_TICK);
        let now = ctx.now();
        let ended = self.expiry.iter().filter(|(_, expires)| **expires <= now);
        let ended: Vec<_> = ended.map(|(session, _)| *session).collect();
        for session in ended {
            self.expiry.remove(&session);
            signals::SESSION_EXPIRED.note(ctx, session.0, 0);
            let (session, operation) = (Some(session), Operation::CloseSession);
            self.log(ctx, Request { client: None, session, operation });
        }
    }

    fn log(&mut self, ctx: &mut Context<'_, Streaming>, request: Request) {
        if let Some((client, _)) = request.client {
            *self.unapplied.entry_or_default(client) += 1;
        }
        if request.operation.is_write() {
            let operation = Box::new(request.operation.clone());
            let record = Record::Transaction { session: request.session, operation };
            ctx.write(DISK, LOG, protocol::Record::BookKeeper(record), TAG_WRITTEN);
        }
        self.logged.push_back(request);
        self.sync(ctx);
    }

    fn sync(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.syncing.is_empty() && !self.logged.is_empty() {
            self.syncing = std::mem::take(&mut self.logged);
            ctx.sync(DISK, LOG, TAG_SYNCED);
        }
    }

    fn on_synced(&mut self, ctx: &mut Context<'_, Streaming>) {
        let synced = std::mem::take(&mut self.syncing);
        let stream = self.quorum.as_mut().expect("taken at the start");
        let delay = self.config.quorum_delay.sample(stream);
        self.agreed_last = self.agreed_last.max(ctx.now() + delay);
        if delay == Duration::ZERO && self.agreeing.is_empty() {
            self.apply(ctx, synced);
        } else {
            let after = self.agreed_last - ctx.now();
            ctx.timer_for(after, TAG_AGREED, waits::AGREEMENT);
            self.agreeing.push_back(synced);
        }
        self.sync(ctx);
    }

    fn apply(&mut self, ctx: &mut Context<'_, Streaming>, requests: VecDeque<Request>) {
        for request in requests {
            if let Some((client, _)) = request.client
                && let Some(left) = self.unapplied.get_mut(&client)
            {
                *left -= 1;
            }
            self.carry_out(ctx, &request);
        }
    }

    fn carry_out(&mut self, ctx: &mut Context<'_, Streaming>, request: &Request) {
        let ended = self.tree.end_of_closed(&request.operation);
        let applied = self.tree.apply(request.session, &request.operation);
        if let Some((ledger, before, after)) = ended
            && applied.result.is_ok()
        {
            properties::CLOSED_STAYS.note(ctx, ledger, before == after);
        }
        match (&request.operation, &applied.result) {
            (Operation::OpenSession { timeout }, Ok(MetadataResponse::Session(session))) => {
                self.touch(ctx.now(), *session, *timeout);
            }
            (Operation::CloseSession, Ok(_)) => {
                if let Some(session) = request.session {
                    self.expiry.remove(&session);
                }
            }
            _ => {}
        }
        let Some((client, number)) = request.client else {
            self.tell(ctx, &applied.changed);
            return;
        };
        if applied.result.is_ok() {
            self.watch(client, number, &request.operation);
        }
        reply(ctx, client, number, applied.result);
        self.tell(ctx, &applied.changed);
    }

    fn watch(&mut self, client: NodeId, number: u64, operation: &Operation) {
        let path = match operation {
            Operation::Get { path, watch: true } => *path,
            Operation::List { directory, watch: true } => Path::new(directory, u64::MAX),
            _ => return,
        };
        self.watches.entry_or_default(path).push((client, number));
    }

    fn tell(&mut self, ctx: &mut Context<'_, Streaming>, changed: &[Path]) {
        for path in changed {
            for watched in [*path, Path::new(path.directory, u64::MAX)] {
                for (client, request) in self.watches.remove(&watched).unwrap_or_default() {
                    let message = MetadataMessage::Changed { request, path: *path };
                    send(ctx, client, message);
                }
            }
        }
    }

    fn recover(&mut self, ctx: &mut Context<'_, Streaming>, records: &[protocol::Record]) {
        for record in records {
            replay(&mut self.tree, record);
        }
        self.ready = true;
        let sessions: Vec<_> = self.tree.sessions().collect();
        for (session, timeout) in sessions {
            self.touch(ctx.now(), session, timeout);
        }
        let tick = Duration::from_millis(self.config.tick_time);
        ctx.timer_for(tick, TAG_TICK, waits::SESSION_TICK);
        for _ in 0..self.computing.len() {
            ctx.compute(POOL, self.config.cost_request, TAG_COMPUTED);
        }
    }

    fn on_computed(&mut self, ctx: &mut Context<'_, Streaming>) {
        let request = self.computing.pop_front().expect("a request was being carried out");
        self.heard(ctx.now(), request.session);
        let (client, number) = request.client.expect("a client's request");
        let waits = self.unapplied.get(&client).is_some_and(|unapplied| *unapplied > 0);
        // A session that has been ended but is still in the tree takes no more writes.
        let ended = request.session.is_some_and(|session| !self.expiry.contains_key(&session));
        if ended && self.ready {
            reply(ctx, client, number, Err(MetadataError::SessionExpired));
        } else if request.operation.is_write() || (waits && request.operation != Operation::Ping) {
            self.log(ctx, request);
        } else {
            self.carry_out(ctx, &request);
        }
    }
}

/// Carries out what a record of the log says.
fn replay(tree: &mut MetadataTree, record: &protocol::Record) {
    match record {
        protocol::Record::BookKeeper(Record::Transaction { session, operation }) => {
            tree.apply(*session, operation);
        }
        protocol::Record::BookKeeper(Record::Folded(folded)) => {
            if let Summary::Tree(folded) = &folded.summary {
                tree.clone_from(folded);
            }
        }
        _ => {}
    }
}

fn send(ctx: &mut Context<'_, Streaming>, to: NodeId, message: MetadataMessage) {
    let message = Message::Metadata(Box::new(message));
    ctx.send(to, protocol::Message::BookKeeper(message));
}

fn reply(
    ctx: &mut Context<'_, Streaming>,
    to: NodeId,
    request: u64,
    result: Result<MetadataResponse, MetadataError>,
) {
    send(ctx, to, MetadataMessage::Reply { request, result });
}

impl Node<Streaming> for MetadataService {
    fn needs(&self, _files: &Folding<'_, protocol::Record>, needs: &mut Needs) {
        if !self.ready {
            return needs.everything();
        }
        needs.from(logs::LEDGERS_MADE, self.tree.counter(LEDGERS));
        for ledger in self.tree.numbers(LEDGERS) {
            needs.from(logs::record_of_ledger(ledger), 0);
        }
    }

    fn fold(&mut self, files: &mut Folding<'_, protocol::Record>, _needs: &Needs) {
        let durable = files.durable(DISK, LOG);
        if durable < self.folded + FOLD_LEAST {
            return;
        }
        self.folded = durable;
        let of = |records: &[&protocol::Record]| {
            let mut tree = MetadataTree::default();
            records.iter().for_each(|record| replay(&mut tree, record));
            let folded = Folded::of(records, Summary::Tree(Box::new(tree)));
            protocol::Record::BookKeeper(Record::Folded(Rc::new(folded)))
        };
        files.fold_runs(DISK, LOG, durable, |_, _| true, of);
    }

    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.quorum = Some(ctx.stream("quorum"));
        ctx.read(DISK, LOG, 0, u64::MAX, TAG_RECOVERED);
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::BookKeeper(Message::Metadata(message)) = message else { return };
        let MetadataMessage::Request { request, session, operation } = *message else { return };
        self.computing.push_back(Request { client: Some((from, request)), session, operation });
        if self.ready {
            ctx.compute(POOL, self.config.cost_request, TAG_COMPUTED);
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        match tag {
            TAG_TICK => self.tick(ctx),
            TAG_AGREED => {
                let agreed = self.agreeing.pop_front().expect("a batch was to be agreed on");
                self.apply(ctx, agreed);
            }
            _ => {}
        }
    }

    fn on_completion(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        tag: u64,
        completion: Completion<protocol::Record>,
    ) {
        match (tag, completion) {
            (TAG_COMPUTED, _) => self.on_computed(ctx),
            (TAG_SYNCED, Completion::Synced) => self.on_synced(ctx),
            // A disk error ends ZooKeeper's server (`ZooKeeperCriticalThread`).
            (TAG_SYNCED | TAG_WRITTEN, Completion::Failed(_))
            | (TAG_RECOVERED, Completion::Failed(DiskError::Io | DiskError::Full)) => {
                signals::METADATA_DISK_FAILED.note(ctx, 0, 0);
                ctx.exit();
            }
            (TAG_RECOVERED, Completion::Read { records, damaged }) => {
                if damaged {
                    let keep = records.iter().map(protocol::Record::stands_for).sum();
                    ctx.disk(DISK, DiskOp::Truncate { file: LOG, keep }, TAG_TRUNCATED);
                }
                self.recover(ctx, &records);
            }
            (TAG_RECOVERED, _) => self.recover(ctx, &[]),
            _ => {}
        }
    }
}
