//! A voter of the controller quorum and its copy of the metadata log.
//!
//! Stands for `KafkaRaftClient` of apache/kafka @ 3.9.0 in combined mode: pull-based raft. Voters
//! fetch from the leader, one fetch at a time; a leader commits what a majority has fetched and
//! flushed; a voter that can't fetch for `controller.quorum.fetch.timeout.ms` stands for election;
//! a leader from whom no majority fetches for one and a half of that resigns (KAFKA-15489). A
//! leader tells every voter of itself each half of the fetch timeout (`LeaderState`), and whoever
//! answers a message of an older epoch says who leads, so that a voter that comes back finds the
//! leader without an election. A leader that stops hands over (`EndQuorumEpoch`).
//!
//! The voter is a thread: it looks at its timeouts, then at one message (`KafkaRaftClient.poll`),
//! and waits for its own writes and syncs ([`Output::is_blocking`]). A leader's own copy counts
//! before its sync (`flushLeaderLog`), so that a lone voter commits before it; others fetch again,
//! which the leader sees after its sync. A parked fetch is answered by new entries, not by a new
//! high watermark alone, before 4.1 (KIP-1166).
//! Left out: observers, snapshots, pre-vote (KIP-996, 4.0), dynamic voters, votes that are sent
//! again within one election.

mod election;

use headwater_sim::random::Stream;
use headwater_sim::time::{Duration, Time};

use super::metadata_log::MetadataLog;
use crate::collections::SortedVecMap;
use crate::kafka::config::Quorum;
use crate::kafka::ids::BrokerId;
use crate::kafka::message::Raft as Message;
use crate::kafka::metadata::MetadataRecord;
use crate::kafka::record::QuorumState;

/// Longest wait of a voter's fetch at the leader (`KafkaRaftClient.MAX_FETCH_WAIT_MS`).
const FETCH_WAIT_MAX: Duration = Duration::from_millis(500);
/// Pause before a broken connection is tried again (`reconnect.backoff.ms` of the quorum's channel,
/// `KafkaRaftManager.buildNetworkClient`).
const RECONNECT_BACKOFF: Duration = Duration::from_millis(50);

/// What the voter does at present.
#[derive(Debug)]
enum Role {
    /// Knows no leader, may have voted, and stands for election at the deadline.
    Unattached,
    /// Has given up the leadership of this epoch.
    Resigned,
    /// Stands for election.
    Candidate { granted: Vec<BrokerId>, refused: Vec<BrokerId>, retries: u32, backs_off: bool },
    /// Fetches from a leader: not before `fetch_at`, and not while a fetch is under way.
    Follower { leader: BrokerId, fetching: bool, fetch_at: Time },
    /// Leads.
    Leader(Leader),
}

#[derive(Debug)]
struct Leader {
    /// By voter: how far it has fetched (flushed).
    ends: SortedVecMap<BrokerId, u64>,
    /// Voters that fetched since the last time that a majority had.
    fetched: Vec<BrokerId>,
    /// Fetches that wait: their deadlines, and the high watermark that they are then answered with.
    parked: SortedVecMap<BrokerId, (Time, u64)>,
    /// When the others are told again who leads.
    begin_at: Time,
}

/// What the voter asks its broker to do, in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send.
    Send(BrokerId, Message),
    /// Store the quorum state, durably.
    Store(QuorumState),
    /// Append to the metadata log's file.
    Append(u32, MetadataRecord),
    /// Keep this many entries of the metadata log's file.
    Truncate(u64),
    /// Sync the metadata log's file.
    Flush,
    /// Leadership was won: entries may be proposed.
    Elected(u32),
    /// Leadership was lost.
    Resigned,
}

impl Output {
    /// The thread waits for it: what it asks for next, and the next message, come after it.
    pub const fn is_blocking(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Flush)
    }
}

/// A voter.
#[derive(Debug)]
pub struct Raft {
    me: BrokerId,
    voters: u32,
    config: Quorum,
    epoch: u32,
    voted_for: Option<BrokerId>,
    log: MetadataLog,
    high_watermark: u64,
    role: Role,
    /// A follower's fetch timeout, a candidate's election timeout or backoff, a leader's check of
    /// the quorum.
    deadline: Time,
    /// It is to stop: it stands for no election any more.
    stops: bool,
    /// Planted: a candidate gets its vote whatever its log lacks.
    pub votes_for_any: bool,
    draws: Stream,
}

impl Raft {
    /// A voter restored from its disk in the state that it was in (`QuorumState.initialize`): a
    /// follower fetches from its leader, who led has resigned.
    pub fn new(
        me: BrokerId,
        voters: u32,
        config: Quorum,
        stored: QuorumState,
        log: MetadataLog,
        draws: Stream,
        now: Time,
    ) -> Self {
        let mut new = Self {
            me,
            voters,
            config,
            epoch: stored.epoch,
            voted_for: stored.voted_for,
            log,
            high_watermark: 0,
            role: Role::Unattached,
            deadline: Time::MAX,
            stops: false,
            votes_for_any: false,
            draws,
        };
        let timeout = new.election_timeout();
        // A lone voter need not wait for anybody (`KafkaRaftClient.initialize`).
        new.deadline = if voters == 1 { now } else { now + timeout };
        match stored.leader {
            Some(leader) if leader == me => new.role = Role::Resigned,
            Some(leader) => {
                new.deadline = now + new.fetch_timeout();
                new.role = Role::Follower { leader, fetching: false, fetch_at: now };
            }
            None => {}
        }
        new
    }

    /// It is there before the other voters: in a quorum in which nobody was elected yet it stands
    /// for election at once.
    pub const fn is_first(&mut self, now: Time) {
        if self.epoch == 0 {
            self.deadline = now;
        }
    }

    /// The leader, as far as known.
    pub const fn leader(&self) -> Option<BrokerId> {
        match &self.role {
            Role::Leader(_) => Some(self.me),
            Role::Follower { leader, .. } => Some(*leader),
            Role::Candidate { .. } | Role::Unattached | Role::Resigned => None,
        }
    }

    /// True for the leader.
    pub const fn leads(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// True if the voter may go: nobody waits for what it does (`maybeCompleteShutdown`).
    pub const fn may_stop(&self) -> bool {
        self.voters == 1 || matches!(self.role, Role::Follower { .. })
    }

    /// Entries below are committed.
    pub const fn high_watermark(&self) -> u64 {
        self.high_watermark
    }

    /// The log.
    pub const fn log(&self) -> &MetadataLog {
        &self.log
    }

    fn log_end(&self) -> (u64, u32) {
        (self.log.end(), self.log.last_epoch())
    }

    const fn fetch_timeout(&self) -> Duration {
        Duration::from_millis(self.config.fetch_timeout_ms)
    }

    fn others(&self) -> impl Iterator<Item = BrokerId> + use<> {
        let me = self.me;
        BrokerId::all(self.voters).filter(move |voter| *voter != me)
    }

    fn state(&self) -> Output {
        let (epoch, voted_for, leader) = (self.epoch, self.voted_for, self.leader());
        Output::Store(QuorumState { epoch, voted_for, leader })
    }

    /// When to call [`Self::poll`], and [`Self::expire`].
    pub fn next_wake(&self) -> Time {
        match &self.role {
            Role::Leader(of) => {
                let expiry = self.next_expiry().unwrap_or(Time::MAX);
                expiry.min(self.deadline).min(of.begin_at)
            }
            Role::Follower { fetching: false, fetch_at, .. } => self.deadline.min(*fetch_at),
            _ => self.deadline,
        }
    }

    /// When [`Self::expire`] has something to do.
    pub fn next_expiry(&self) -> Option<Time> {
        let Role::Leader(of) = &self.role else { return None };
        of.parked.values().map(|(deadline, _)| *deadline).min()
    }

    /// Appends entries as the leader: they go to disk, and from there to the others. Nothing if it
    /// does not lead any more.
    pub fn propose(&mut self, records: Vec<MetadataRecord>, out: &mut Vec<Output>) {
        if !self.leads() {
            return;
        }
        for record in records {
            self.log.append(self.epoch, record.clone());
            out.push(Output::Append(self.epoch, record));
        }
        self.commit();
        self.answer_parked(out);
        out.push(Output::Flush);
    }

    /// Looks at the timeouts.
    pub fn poll(&mut self, now: Time, out: &mut Vec<Output>) {
        if let Role::Follower { leader, fetching: fetching @ false, fetch_at } = &mut self.role
            && *fetch_at <= now
            && now < self.deadline
        {
            *fetching = true;
            let leader = *leader;
            let (epoch, log_end) = (self.epoch, self.log_end());
            out.push(Output::Send(leader, Message::Fetch { epoch, log_end }));
        }
        if let Role::Leader(of) = &mut self.role
            && of.begin_at <= now
            && now < self.deadline
        {
            of.begin_at = now + Duration::from_millis((self.config.fetch_timeout_ms / 2).max(1));
            let epoch = self.epoch;
            for voter in self.others() {
                out.push(Output::Send(voter, Message::BeginQuorumEpoch { epoch }));
            }
        }
        if now >= self.deadline {
            self.time_out(now, out);
        }
    }

    /// Fetches that have waited for long enough are answered as they could have been at once; that
    /// is not the voter's thread, and so goes on while that waits for its disk (the expiration
    /// service of the fetch purgatory).
    pub fn expire(&mut self, now: Time, out: &mut Vec<Output>) {
        let Role::Leader(of) = &mut self.role else { return };
        let mut late = Vec::new();
        of.parked.retain(|voter, (deadline, high_watermark)| {
            if *deadline <= now {
                late.push((*voter, *high_watermark));
            }
            *deadline > now
        });
        for (voter, high_watermark) in late {
            let base_offset = self.log.end();
            let mut response = self.response(base_offset, Vec::new(), None);
            if let Message::FetchResponse { high_watermark: told, .. } = &mut response {
                *told = high_watermark;
            }
            out.push(Output::Send(voter, response));
        }
    }

    /// A connection has broken: what was under way on it is lost.
    pub fn disconnected(&mut self, peer: BrokerId, now: Time) {
        match &mut self.role {
            Role::Follower { leader, fetching: fetching @ true, fetch_at } if *leader == peer => {
                *fetching = false;
                *fetch_at = now + RECONNECT_BACKOFF;
            }
            Role::Leader(of) => {
                of.parked.remove(&peer);
            }
            _ => {}
        }
    }

    /// A message of another voter.
    pub fn receive(&mut self, from: BrokerId, message: Message, now: Time, out: &mut Vec<Output>) {
        match message {
            Message::Vote { epoch, log_end } => self.vote(from, epoch, log_end, now, out),
            Message::VoteResponse { epoch, leader, granted } => {
                if !self.learn(epoch, leader, now, out) && epoch == self.epoch {
                    self.voted(from, granted, now, out);
                }
            }
            Message::BeginQuorumEpoch { epoch } => {
                if epoch < self.epoch {
                    return self.refuse(from, out);
                }
                self.learn(epoch, Some(from), now, out);
            }
            Message::EndQuorumEpoch { epoch, successors } => {
                if epoch < self.epoch {
                    return self.refuse(from, out);
                }
                self.learn(epoch, Some(from), now, out);
                self.ended(from, &successors, now);
            }
            Message::Epoch { epoch, leader } => {
                self.learn(epoch, leader, now, out);
            }
            Message::Fetch { epoch, log_end } => self.serve(from, epoch, log_end, now, out),
            Message::FetchResponse { .. } => self.fetched(from, message, now, out),
        }
    }

    /// The answer to a message of an older epoch (`FENCED_LEADER_EPOCH`).
    fn refuse(&self, from: BrokerId, out: &mut Vec<Output>) {
        let (epoch, leader) = (self.epoch, self.leader());
        out.push(Output::Send(from, Message::Epoch { epoch, leader }));
    }

    /// Answers a voter's fetch, or parks it.
    fn serve(
        &mut self,
        from: BrokerId,
        epoch: u32,
        (end, last_epoch): (u64, u32),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if epoch != self.epoch || !self.leads() {
            let response = self.response(0, Vec::new(), None);
            return out.push(Output::Send(from, response));
        }
        let matches = end == 0 || self.log.epoch_at(end - 1) == Some(last_epoch);
        self.heard_of(from, now);
        if !matches {
            let below = self.log.end_of(last_epoch).min(end.saturating_sub(1));
            let response = self.response(0, Vec::new(), Some(below));
            return out.push(Output::Send(from, response));
        }
        if let Role::Leader(of) = &mut self.role {
            of.ends.insert(from, end);
        }
        self.commit();
        if let Role::Leader(of) = &mut self.role {
            of.parked.insert(from, (now + FETCH_WAIT_MAX, self.high_watermark));
        }
        self.answer_parked(out);
    }

    fn response(
        &self,
        base_offset: u64,
        entries: Vec<(u32, MetadataRecord)>,
        diverging: Option<u64>,
    ) -> Message {
        Message::FetchResponse {
            epoch: self.epoch,
            leader: self.leader(),
            high_watermark: self.high_watermark,
            diverging,
            base_offset,
            entries,
        }
    }

    /// Answers the fetches for which there are entries.
    fn answer_parked(&mut self, out: &mut Vec<Output>) {
        let Role::Leader(of) = &self.role else { return };
        let behind = |voter: &BrokerId| {
            let end = of.ends.get(voter).copied().unwrap_or(0);
            (end < self.log.end()).then_some((*voter, end))
        };
        let ready: Vec<_> = of.parked.keys().filter_map(behind).collect();
        for (voter, end) in ready {
            let entries = self.log.between(end, self.log.end());
            let entries = entries.map(|(epoch, record)| (epoch, record.clone())).collect();
            out.push(Output::Send(voter, self.response(end, entries, None)));
            if let Role::Leader(of) = &mut self.role {
                of.parked.remove(&voter);
            }
        }
    }

    /// Commits what a majority has, if it is of this epoch.
    fn commit(&mut self) {
        let Role::Leader(of) = &self.role else { return };
        let mut ends: Vec<u64> = of.ends.values().copied().collect();
        ends.push(self.log.end());
        ends.sort_unstable_by(|left, right| right.cmp(left));
        let majority = ends[self.voters as usize / 2];
        let current = |end: u64| end > 0 && self.log.epoch_at(end - 1) == Some(self.epoch);
        if majority > self.high_watermark && current(majority) {
            self.high_watermark = majority;
        }
    }

    fn fetched(&mut self, from: BrokerId, response: Message, now: Time, out: &mut Vec<Output>) {
        let Message::FetchResponse {
            epoch,
            leader,
            high_watermark,
            diverging,
            base_offset,
            entries,
        } = response
        else {
            return;
        };
        if self.learn(epoch, leader, now, out) {
            return;
        }
        let timeout = self.fetch_timeout();
        let Role::Follower { leader: mine, fetching, fetch_at } = &mut self.role else { return };
        if *mine != from {
            return;
        }
        *fetching = false;
        if epoch < self.epoch || leader != Some(from) {
            *fetch_at = now + RECONNECT_BACKOFF;
            return;
        }
        self.deadline = now + timeout;
        if let Some(keep) = diverging {
            self.log.truncate(keep);
            return out.push(Output::Truncate(keep));
        }
        let end = self.log.end();
        if base_offset == end && !entries.is_empty() {
            for (epoch, record) in entries {
                self.log.append(epoch, record.clone());
                out.push(Output::Append(epoch, record));
            }
            out.push(Output::Flush);
        }
        self.high_watermark = self.high_watermark.max(high_watermark.min(self.log.end()));
    }
}
