//! Adds on their way to an ensemble: sent to a write quorum, acknowledged by an ack quorum,
//! completed in order.
//!
//! Stands for `client/PendingAddOp.java` and the queue of them in `client/LedgerHandle.java` of
//! apache/bookkeeper @ branch-4.15; shared by the ledger handle and by recovery.
//!
//! Parameters: `addEntryTimeoutSec` (s) and `delayEnsembleChange` of [`super::config::Client`].
//! Left out: `addEntryQuorumTimeoutSec` (off by default), watermarks of the channels' write
//! buffers.

use std::collections::VecDeque;

use headwater_sim::context::Context;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::collections::SortedVecMap;
use crate::protocol::{self, Streaming};

use super::client_threads::{Answer, ClientThreads};
use super::distribution_schedule::DistributionSchedule;
use super::entry::SharedEntry;
use super::ids::EntryId;
use super::message::{Message, Status};
use crate::tags::TagSpace;

#[derive(Debug)]
struct PendingAdd {
    entry: SharedEntry,
    /// Places of the ensemble that have it, and that refused it, as bits.
    acked: u64,
    refused: u64,
    completed: bool,
}

/// What one bookie has not answered.
#[derive(Debug, Default)]
struct Unanswered {
    /// With their deadlines and bytes; also of completed adds.
    adds: SortedVecMap<EntryId, (Time, u64)>,
    bytes: u64,
}

impl Unanswered {
    fn insert(&mut self, entry: EntryId, deadline: Time, bytes: u64) {
        self.bytes += bytes;
        if let Some((_, before)) = self.adds.insert(entry, (deadline, bytes)) {
            self.bytes -= before;
        }
    }

    fn remove(&mut self, entry: EntryId) -> bool {
        let removed = self.adds.remove(&entry);
        self.bytes -= removed.map_or(0, |(_, bytes)| bytes);
        removed.is_some()
    }
}

/// What an answer means for the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddAnswer {
    /// Only that something may have completed.
    Progress,
    /// The ledger is fenced.
    Fenced,
    /// The bookie has failed and should be replaced.
    BookieFailed(NodeId),
}

/// Adds of one ledger that are not completed, and requests that are not answered.
#[derive(Debug)]
pub struct PendingAdds {
    tags: TagSpace,
    schedule: DistributionSchedule,
    /// The current ensemble.
    ensemble: Vec<NodeId>,
    recovery: bool,
    timeout: Duration,
    /// Replace a bookie only when the ack quorum can't be met otherwise.
    delay_ensemble_change: bool,
    pending: VecDeque<PendingAdd>,
    pending_bytes: u64,
    unanswered: SortedVecMap<NodeId, Unanswered>,
    /// Number of the first pending add.
    first: EntryId,
    /// The client's threads, of whoever counts what they cost.
    threads: Option<ClientThreads>,
}

impl PendingAdds {
    /// None yet; the first will be entry `first`.
    pub fn new(
        tags: TagSpace,
        schedule: DistributionSchedule,
        ensemble: Vec<NodeId>,
        first: EntryId,
        timeout: Duration,
    ) -> Self {
        Self {
            tags,
            schedule,
            ensemble,
            recovery: false,
            timeout,
            delay_ensemble_change: false,
            pending: VecDeque::new(),
            pending_bytes: 0,
            unanswered: SortedVecMap::default(),
            first,
            threads: None,
        }
    }

    /// The same, for a recovery's adds, which pass a fence.
    pub fn for_recovery(self) -> Self {
        Self { recovery: true, ..self }
    }

    /// The same, with the option `delayEnsembleChange`.
    pub fn delaying_ensemble_change(self, delay: bool) -> Self {
        Self { delay_ensemble_change: delay, ..self }
    }

    /// The same, on a client's threads.
    pub fn on_threads(self, threads: ClientThreads) -> Self {
        Self { threads: Some(threads), ..self }
    }

    /// The client's threads, if they were given.
    pub const fn threads(&mut self) -> Option<&mut ClientThreads> {
        self.threads.as_mut()
    }

    /// A bookie's answer has come in: gives it back if it can be looked at now, and is not with the
    /// client's threads.
    pub fn receive(&mut self, ctx: &mut Context<'_, Streaming>, answer: Answer) -> Option<Answer> {
        match &mut self.threads {
            Some(threads) => threads.receive(ctx, answer),
            None => Some(answer),
        }
    }

    /// Planted: the ensemble is another, and nothing is sent to it.
    pub fn take_for_sent(&mut self, ensemble: Vec<NodeId>) {
        self.ensemble = ensemble;
    }

    /// The current ensemble.
    pub fn ensemble(&self) -> &[NodeId] {
        &self.ensemble
    }

    /// Number of adds that are not completed.
    pub fn len(&self) -> u64 {
        self.pending.len() as u64
    }

    /// True if every add is completed.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Bytes of adds that are not completed.
    pub const fn bytes(&self) -> u64 {
        self.pending_bytes
    }

    /// Bytes that are held for the bookie that owes the most answers. An entry is kept until its
    /// whole write set has answered, however long ago it was acknowledged
    /// (`PendingAddOp.maybeRecycle`: `pendingWriteRequests` must be 0); its copies share a buffer.
    pub fn unanswered_bytes(&self) -> u64 {
        self.unanswered.values().map(|bookie| bookie.bytes).max().unwrap_or(0)
    }

    /// Sends the next entry to its write set.
    pub fn send(&mut self, ctx: &mut Context<'_, Streaming>, entry: SharedEntry) {
        let expected = EntryId(self.first.0 + self.pending.len() as i64);
        assert_eq!(entry.id, expected, "entries are added in order");
        for place in self.schedule.write_set(entry.id) {
            self.send_to(ctx, &entry, place);
        }
        self.pending_bytes += entry.size_bytes();
        self.pending.push_back(PendingAdd { entry, acked: 0, refused: 0, completed: false });
    }

    fn send_to(&mut self, ctx: &mut Context<'_, Streaming>, entry: &SharedEntry, place: usize) {
        let bookie = self.ensemble[place];
        let request = self.tags.tag(entry.id.word());
        let (deadline, bytes) = (ctx.now() + self.timeout, entry.size_bytes());
        self.unanswered.entry_or_default(bookie).insert(entry.id, deadline, bytes);
        let message = Message::Add { request, entry: entry.clone(), recovery: self.recovery };
        match &mut self.threads {
            Some(threads) => threads.send(ctx, bookie, message, bytes),
            None => ctx.send(bookie, protocol::Message::BookKeeper(message)),
        }
    }

    fn find(&mut self, entry: EntryId) -> Option<&mut PendingAdd> {
        let at = usize::try_from(entry.0 - self.first.0).ok()?;
        self.pending.get_mut(at)
    }

    /// `bookie` has answered the add of `entry`.
    pub fn on_answer(&mut self, bookie: NodeId, entry: EntryId, status: Status) -> AddAnswer {
        let asked = self.unanswered.get_mut(&bookie).is_some_and(|asked| asked.remove(entry));
        if asked { self.answered(bookie, entry, status) } else { AddAnswer::Progress }
    }

    fn answered(&mut self, bookie: NodeId, entry: EntryId, status: Status) -> AddAnswer {
        // Replaced meanwhile: neither its success nor its failure matters.
        let Some(place) = self.ensemble.iter().position(|node| *node == bookie) else {
            return AddAnswer::Progress;
        };
        let (schedule, delay) = (self.schedule, self.delay_ensemble_change);
        let recovery = self.recovery;
        let add = self.find(entry);
        match status {
            Status::Ok => {
                if let Some(add) = add {
                    add.acked |= 1 << place;
                    add.completed |= add.acked.count_ones() >= schedule.ack_quorum;
                }
                AddAnswer::Progress
            }
            Status::Fenced if !recovery => AddAnswer::Fenced,
            _ if !delay => AddAnswer::BookieFailed(bookie),
            _ => {
                let Some(add) = add else { return AddAnswer::Progress };
                add.refused |= 1 << place;
                let broken = add.refused.count_ones() > schedule.write_quorum - schedule.ack_quorum;
                if broken { AddAnswer::BookieFailed(bookie) } else { AddAnswer::Progress }
            }
        }
    }

    /// Completed adds, in order, up to the first that is not.
    pub fn take_completed(&mut self) -> Option<SharedEntry> {
        if !self.pending.front()?.completed {
            return None;
        }
        let add = self.pending.pop_front().expect("there is a first");
        self.pending_bytes -= add.entry.size_bytes();
        self.first = self.first.next();
        Some(add.entry)
    }

    /// Gives every add up.
    pub fn take_all(&mut self) -> Vec<SharedEntry> {
        self.pending_bytes = 0;
        self.unanswered.clear();
        let all: Vec<_> = self.pending.drain(..).map(|add| add.entry).collect();
        self.first = EntryId(self.first.0 + all.len() as i64);
        all
    }

    /// The ensemble is `ensemble` now. Pending adds that a changed place holds are sent to its new
    /// bookie, and what the old one said is forgotten
    /// (`PendingAddOp.unsetSuccessAndSendWriteRequest`).
    pub fn change_ensemble(&mut self, ctx: &mut Context<'_, Streaming>, ensemble: Vec<NodeId>) {
        let old = std::mem::replace(&mut self.ensemble, ensemble);
        let changed = (0..old.len()).filter(|place| old[*place] != self.ensemble[*place]);
        let changed: Vec<usize> = changed.collect();
        // All before any is sent again: two changes in a row may bring a bookie back to another
        // place.
        let left = |bookie: &NodeId| changed.iter().any(|place| old[*place] == *bookie);
        self.unanswered.retain(|bookie, _| !left(bookie));
        for place in changed {
            let mut again = Vec::new();
            for add in &mut self.pending {
                if self.schedule.holds(add.entry.id, place) {
                    add.acked &= !(1 << place);
                    add.refused &= !(1 << place);
                    add.completed = add.acked.count_ones() >= self.schedule.ack_quorum;
                    again.push(add.entry.clone());
                }
            }
            for entry in again {
                self.send_to(ctx, &entry, place);
            }
        }
    }

    /// The connection with `bookie` has broken and its requests are lost: true if it must be
    /// replaced.
    pub fn on_disconnect(&mut self, bookie: NodeId) -> bool {
        let lost = self.unanswered.remove(&bookie).unwrap_or_default();
        let answers = lost.adds.into_iter().map(|(entry, _)| {
            self.answered(bookie, entry, Status::Unavailable) == AddAnswer::BookieFailed(bookie)
        });
        answers.fold(false, |failed, answer| failed | answer)
    }

    /// Bookies that have let a deadline pass and must be replaced; their requests are given up.
    pub fn take_timed_out(&mut self, now: Time) -> Vec<NodeId> {
        let late = |asked: &Unanswered| asked.adds.values().any(|(deadline, _)| *deadline <= now);
        let late = self.unanswered.iter().filter(|(_, asked)| late(asked));
        let mut bookies: Vec<NodeId> = late.map(|(bookie, _)| *bookie).collect();
        bookies.retain(|bookie| self.on_disconnect(*bookie));
        bookies
    }

    /// The next deadline: that of the oldest request of each bookie.
    pub fn next_deadline(&self) -> Option<Time> {
        self.ensemble
            .iter()
            .filter_map(|bookie| self.unanswered.get(bookie)?.adds.values().next())
            .map(|(deadline, _)| *deadline)
            .min()
    }
}
