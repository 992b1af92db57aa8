//! A voter of the controller quorum and its copy of the metadata log.
//!
//! Stands for `KafkaRaftClient` of apache/kafka @ 3.9.0 in combined mode: pull-based raft. Voters
//! fetch from the leader, one fetch at a time; a leader commits what a majority has fetched and
//! flushed; a voter that can't fetch for `controller.quorum.fetch.timeout.ms` stands for election;
//! a leader from whom no majority fetches for one and a half of that resigns (KAFKA-15489). Votes
//! and log entries are synced to disk before anybody is told. A parked fetch is answered by new
//! entries, not by a new high watermark alone, before 4.1 (KIP-1166).
//! Left out: observers, snapshots, pre-vote (KIP-996, 4.0), dynamic voters.

use rand::Rng;

use headwater_sim::random::Stream;
use headwater_sim::time::{Duration, Time};

use crate::collections::SortedVecMap;
use crate::kafka::config::Quorum;
use crate::kafka::ids::BrokerId;
use crate::kafka::message::Raft as Message;
use crate::kafka::metadata::MetadataRecord;

/// Longest wait of a voter's fetch at the leader (`KafkaRaftClient.MAX_FETCH_WAIT_MS`).
const FETCH_WAIT_MAX: Duration = Duration::from_millis(500);

/// What the voter does at present.
#[derive(Debug)]
enum Role {
    /// Knows the leader, or waits for one.
    Follower { leader: Option<BrokerId>, fetching: bool },
    /// Stands for election.
    Candidate { granted: Vec<BrokerId> },
    /// Leads.
    Leader {
        /// By voter: how far it has fetched (flushed), and when it last did.
        voters: SortedVecMap<BrokerId, (u64, Time)>,
        /// Fetches that wait, with their deadlines.
        parked: SortedVecMap<BrokerId, Time>,
    },
}

/// What the voter asks its broker to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send once everything asked to be stored before is on disk.
    Send(BrokerId, Message),
    /// Store the quorum state.
    StoreVote(u32, Option<BrokerId>),
    /// Append to the metadata log's file.
    Append(u32, MetadataRecord),
    /// Keep this many entries of the metadata log's file.
    Truncate(u64),
    /// Sync the metadata log's file; then call `flushed` with this end offset.
    Flush(u64),
    /// Leadership was won: entries may be proposed.
    Elected(u32),
    /// Leadership was lost.
    Resigned,
}

/// A voter.
#[derive(Debug)]
pub struct Raft {
    me: BrokerId,
    voters: u32,
    config: Quorum,
    epoch: u32,
    voted_for: Option<BrokerId>,
    log: Vec<(u32, MetadataRecord)>,
    /// Entries below are on this disk.
    flushed: u64,
    high_watermark: u64,
    role: Role,
    /// A follower's fetch timeout, a candidate's election timeout, a leader's check of the quorum.
    deadline: Time,
    draws: Stream,
}

impl Raft {
    /// A voter restored from its disk, which stands for election unless it hears of a leader.
    pub fn new(
        me: BrokerId,
        voters: u32,
        config: Quorum,
        (epoch, voted_for): (u32, Option<BrokerId>),
        log: Vec<(u32, MetadataRecord)>,
        draws: Stream,
    ) -> Self {
        let flushed = log.len() as u64;
        let role = Role::Follower { leader: None, fetching: false };
        let (high_watermark, deadline) = (0, Time::MAX);
        Self {
            me,
            voters,
            config,
            epoch,
            voted_for,
            log,
            flushed,
            high_watermark,
            role,
            deadline,
            draws,
        }
    }

    /// Sets the first timeout.
    pub fn start(&mut self, now: Time) {
        // A lone voter need not wait for anybody.
        let wait = if self.voters == 1 { Duration::ZERO } else { self.election_timeout() };
        self.deadline = now + wait;
    }

    /// The leader, as far as known.
    pub const fn leader(&self) -> Option<BrokerId> {
        match &self.role {
            Role::Leader { .. } => Some(self.me),
            Role::Follower { leader, .. } => *leader,
            Role::Candidate { .. } => None,
        }
    }

    /// True for the leader.
    pub const fn leads(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }

    /// The epoch.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Entries below are committed.
    pub const fn high_watermark(&self) -> u64 {
        self.high_watermark
    }

    /// The log: epoch and entry.
    pub fn log(&self) -> &[(u32, MetadataRecord)] {
        &self.log
    }

    fn log_end(&self) -> (u64, u32) {
        (self.log.len() as u64, self.log.last().map_or(0, |(epoch, _)| *epoch))
    }

    /// `controller.quorum.election.timeout.ms` and up to as much again, drawn.
    fn election_timeout(&mut self) -> Duration {
        let base = self.config.election_timeout_ms;
        Duration::from_millis(base + self.draws.random_range(0..base.max(1)))
    }

    /// When to call `tick`.
    pub fn next_wake(&self) -> Time {
        match &self.role {
            Role::Leader { parked, .. } => {
                parked.values().copied().min().unwrap_or(Time::MAX).min(self.deadline)
            }
            _ => self.deadline,
        }
    }

    /// Appends entries as the leader: they go to disk, and from there to the others.
    pub fn propose(&mut self, records: Vec<MetadataRecord>, out: &mut Vec<Output>) {
        assert!(self.leads(), "only the leader proposes");
        for record in records {
            self.log.push((self.epoch, record.clone()));
            out.push(Output::Append(self.epoch, record));
        }
        out.push(Output::Flush(self.log.len() as u64));
    }

    /// The log is on disk up to `end`.
    pub fn flushed(&mut self, end: u64, out: &mut Vec<Output>) {
        self.flushed = self.flushed.max(end.min(self.log.len() as u64));
        match &mut self.role {
            Role::Leader { .. } => {
                self.commit();
                self.answer_parked(out);
            }
            Role::Follower { fetching, .. } if !*fetching => self.fetch(out),
            _ => {}
        }
    }

    /// A timeout may have run out.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Output>) {
        self.answer(out, |_, _, deadline| deadline <= now);
        if now < self.deadline {
            return;
        }
        match &self.role {
            Role::Leader { voters, .. } => {
                let window = Duration::from_millis(self.config.fetch_timeout_ms * 3 / 2);
                let heard = voters.values().filter(|(_, at)| now.since(*at) <= window).count();
                if self.voters > 1 && (heard as u32 + 1) * 2 <= self.voters {
                    out.push(Output::Resigned);
                    self.role = Role::Follower { leader: None, fetching: false };
                    let timeout = self.election_timeout();
                    self.deadline = now + timeout;
                    return;
                }
                self.deadline = now + window;
            }
            Role::Candidate { .. } => {
                let backoff =
                    self.draws.random_range(0..self.config.election_backoff_max_ms.max(1));
                self.stand(now + Duration::from_millis(backoff), out);
            }
            Role::Follower { .. } => self.stand(now, out),
        }
    }

    fn stand(&mut self, now: Time, out: &mut Vec<Output>) {
        self.epoch += 1;
        self.voted_for = Some(self.me);
        self.role = Role::Candidate { granted: vec![self.me] };
        out.push(Output::StoreVote(self.epoch, self.voted_for));
        let (epoch, log_end) = (self.epoch, self.log_end());
        for voter in BrokerId::all(self.voters).filter(|voter| *voter != self.me) {
            out.push(Output::Send(voter, Message::Vote { epoch, log_end }));
        }
        let timeout = self.election_timeout();
        self.deadline = now + timeout;
        self.count_votes(now, out);
    }

    fn count_votes(&mut self, now: Time, out: &mut Vec<Output>) {
        let Role::Candidate { granted } = &self.role else { return };
        if granted.len() as u32 * 2 <= self.voters {
            return;
        }
        let others = BrokerId::all(self.voters).filter(|voter| *voter != self.me);
        let voters = others.map(|voter| (voter, (0, now))).collect();
        self.role = Role::Leader { voters, parked: SortedVecMap::default() };
        let epoch = self.epoch;
        for voter in BrokerId::all(self.voters).filter(|voter| *voter != self.me) {
            out.push(Output::Send(voter, Message::BeginQuorumEpoch { epoch }));
        }
        out.push(Output::Elected(epoch));
        self.propose(vec![MetadataRecord::LeaderChange { leader: self.me }], out);
        let window = Duration::from_millis(self.config.fetch_timeout_ms * 3 / 2);
        self.deadline = now + window;
    }

    /// A higher epoch, or the leader of this one, has shown itself.
    fn follow(&mut self, epoch: u32, leader: Option<BrokerId>, now: Time, out: &mut Vec<Output>) {
        if self.leads() {
            out.push(Output::Resigned);
        }
        if epoch > self.epoch {
            (self.epoch, self.voted_for) = (epoch, None);
            out.push(Output::StoreVote(epoch, None));
        }
        self.role = Role::Follower { leader, fetching: false };
        let wait = match leader {
            Some(_) => Duration::from_millis(self.config.fetch_timeout_ms),
            None => self.election_timeout(),
        };
        self.deadline = now + wait;
        self.fetch(out);
    }

    fn fetch(&mut self, out: &mut Vec<Output>) {
        let (epoch, log_end) = (self.epoch, self.log_end());
        if let Role::Follower { leader: Some(leader), fetching } = &mut self.role {
            *fetching = true;
            out.push(Output::Send(*leader, Message::Fetch { epoch, log_end }));
        }
    }

    /// Tries the leader again after its connection has broken.
    pub fn disconnected(&mut self, peer: BrokerId, out: &mut Vec<Output>) {
        if let Role::Follower { leader: Some(leader), .. } = &self.role
            && *leader == peer
        {
            self.fetch(out);
        }
        if let Role::Leader { parked, .. } = &mut self.role {
            parked.remove(&peer);
        }
    }

    /// A message of another voter.
    pub fn receive(&mut self, from: BrokerId, message: Message, now: Time, out: &mut Vec<Output>) {
        match message {
            Message::Vote { epoch, log_end } => self.vote(from, epoch, log_end, now, out),
            Message::VoteResponse { epoch, granted: yes } => {
                if epoch > self.epoch {
                    return self.follow(epoch, None, now, out);
                }
                if let Role::Candidate { granted } = &mut self.role
                    && yes
                    && epoch == self.epoch
                    && !granted.contains(&from)
                {
                    granted.push(from);
                    self.count_votes(now, out);
                }
            }
            Message::BeginQuorumEpoch { epoch } => {
                let known = self.leader().is_some() && epoch == self.epoch;
                if epoch >= self.epoch && !known {
                    self.follow(epoch, Some(from), now, out);
                }
            }
            Message::Fetch { epoch, log_end } => self.serve(from, epoch, log_end, now, out),
            Message::FetchResponse { .. } => self.fetched(from, message, now, out),
        }
    }

    fn vote(
        &mut self,
        from: BrokerId,
        epoch: u32,
        (end, last_epoch): (u64, u32),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if epoch > self.epoch {
            self.follow(epoch, None, now, out);
        }
        let (my_end, my_last_epoch) = self.log_end();
        let up_to_date = (last_epoch, end) >= (my_last_epoch, my_end);
        let free = self.voted_for.is_none_or(|voted| voted == from) && self.leader().is_none();
        let granted = epoch == self.epoch && up_to_date && free;
        if granted && self.voted_for.is_none() {
            self.voted_for = Some(from);
            out.push(Output::StoreVote(self.epoch, self.voted_for));
        }
        out.push(Output::Send(from, Message::VoteResponse { epoch: self.epoch, granted }));
    }

    /// Answers a voter's fetch, or parks it.
    fn serve(
        &mut self,
        from: BrokerId,
        epoch: u32,
        log_end: (u64, u32),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        if epoch > self.epoch {
            self.follow(epoch, None, now, out);
        }
        if epoch < self.epoch || !self.leads() {
            let response = self.response(0, Vec::new(), None);
            return out.push(Output::Send(from, response));
        }
        let (end, last_epoch) = log_end;
        let matches = end == 0
            || self.log.get(end as usize - 1).is_some_and(|(epoch, _)| *epoch == last_epoch);
        if !matches {
            let below = self.log.partition_point(|(epoch, _)| *epoch <= last_epoch) as u64;
            let response = self.response(0, Vec::new(), Some(below.min(end.saturating_sub(1))));
            return out.push(Output::Send(from, response));
        }
        if let Role::Leader { voters, parked } = &mut self.role {
            voters.insert(from, (end, now));
            parked.insert(from, now + FETCH_WAIT_MAX);
        }
        self.commit();
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

    /// Answers the fetches for which there are entries now.
    fn answer_parked(&mut self, out: &mut Vec<Output>) {
        self.answer(out, |end, flushed, _| end < flushed);
    }

    fn answer(&mut self, out: &mut Vec<Output>, due: impl Fn(u64, u64, Time) -> bool) {
        let Role::Leader { voters, parked } = &self.role else { return };
        let due = |(voter, deadline): (&BrokerId, &Time)| {
            let end = voters.get(voter).map_or(0, |(end, _)| *end);
            due(end, self.flushed, *deadline).then_some((*voter, end))
        };
        let ready: Vec<_> = parked.iter().filter_map(due).collect();
        for (voter, end) in ready {
            let entries = self.log[end as usize..self.flushed as usize].to_vec();
            out.push(Output::Send(voter, self.response(end, entries, None)));
            if let Role::Leader { parked, .. } = &mut self.role {
                parked.remove(&voter);
            }
        }
    }

    /// Commits what a majority has, if it is of this epoch.
    fn commit(&mut self) {
        let Role::Leader { voters, .. } = &self.role else { return };
        let mut ends: Vec<u64> = voters.values().map(|(end, _)| *end).collect();
        ends.push(self.flushed);
        ends.sort_unstable_by(|left, right| right.cmp(left));
        let majority = ends[self.voters as usize / 2];
        let current = |end: u64| end > 0 && self.log[end as usize - 1].0 == self.epoch;
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
        if epoch > self.epoch || (epoch == self.epoch && self.leader().is_none()) {
            if leader.is_some() || epoch > self.epoch {
                return self.follow(epoch, leader.filter(|leader| *leader != self.me), now, out);
            }
            return;
        }
        let of_leader = epoch == self.epoch && leader == Some(from) && self.leader() == leader;
        let Role::Follower { fetching, .. } = &mut self.role else { return };
        *fetching = false;
        if !of_leader {
            return;
        }
        let timeout = Duration::from_millis(self.config.fetch_timeout_ms);
        self.deadline = now + timeout;
        if let Some(keep) = diverging {
            self.log.truncate(keep as usize);
            self.flushed = self.flushed.min(keep);
            out.push(Output::Truncate(keep));
            return self.fetch(out);
        }
        if base_offset == self.log.len() as u64 && !entries.is_empty() {
            for (epoch, record) in entries {
                self.log.push((epoch, record.clone()));
                out.push(Output::Append(epoch, record));
            }
            out.push(Output::Flush(self.log.len() as u64));
        } else {
            self.fetch(out);
        }
        self.high_watermark = self.high_watermark.max(high_watermark.min(self.log.len() as u64));
    }
}
