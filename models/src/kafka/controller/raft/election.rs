//! Elections: standing, voting, winning, resigning.
//!
//! Stands for `QuorumState`, `CandidateState`, `LeaderState` and the handlers of `Vote`,
//! `BeginQuorumEpoch` and `EndQuorumEpoch` in `KafkaRaftClient` of apache/kafka @ 3.9.0.
//! Parameters: `controller.quorum.election.timeout.ms`,
//! `controller.quorum.election.backoff.max.ms`.
//! Left out: see [`super`].

use rand::Rng;

use headwater_sim::time::{Duration, Time};

use super::{Leader, Output, Raft, Role};
use crate::collections::SortedVecMap;
use crate::kafka::ids::BrokerId;
use crate::kafka::message::Raft as Message;
use crate::kafka::metadata::MetadataRecord;

/// The least backoff after a lost election (`KafkaRaftClient.RETRY_BACKOFF_BASE_MS`).
const RETRY_BACKOFF_BASE_MS: u64 = 100;

impl Raft {
    /// `controller.quorum.election.timeout.ms` and up to as much again, drawn.
    pub(super) fn election_timeout(&mut self) -> Duration {
        let base = self.config.election_timeout_ms;
        Duration::from_millis(base + self.draws.random_range(0..base.max(1)))
    }

    /// From no leader heard of to the check of the quorum: 1.5 of the fetch timeout
    /// (`LeaderState.CHECK_QUORUM_TIMEOUT_FACTOR`).
    const fn quorum_timeout(&self) -> Duration {
        Duration::from_millis(self.config.fetch_timeout_ms * 3 / 2)
    }

    /// The deadline is over.
    pub(super) fn time_out(&mut self, now: Time, out: &mut Vec<Output>) {
        match &mut self.role {
            Role::Leader(_) => self.resign(now, out),
            Role::Candidate { retries, backs_off: backs_off @ false, .. } => {
                *backs_off = true;
                let retries = *retries;
                self.back_off(retries, now);
            }
            Role::Candidate { retries, .. } => {
                let retries = *retries + 1;
                self.stand(retries, now, out);
            }
            _ if self.stops => self.deadline = Time::MAX,
            _ => self.stand(1, now, out),
        }
    }

    /// `binaryExponentialElectionBackoffMs`.
    fn back_off(&mut self, retries: u32, now: Time) {
        let steps = self.draws.random_range(0..2_u64 << (retries - 1).min(20));
        let backoff = (RETRY_BACKOFF_BASE_MS * steps).min(self.config.election_backoff_max_ms);
        self.deadline = now + Duration::from_millis(backoff);
    }

    fn stand(&mut self, retries: u32, now: Time, out: &mut Vec<Output>) {
        self.epoch += 1;
        self.voted_for = Some(self.me);
        let (granted, refused) = (vec![self.me], Vec::new());
        self.role = Role::Candidate { granted, refused, retries, backs_off: false };
        out.push(self.state());
        let (epoch, log_end) = (self.epoch, self.log_end());
        for voter in self.others() {
            out.push(Output::Send(voter, Message::Vote { epoch, log_end }));
        }
        let timeout = self.election_timeout();
        self.deadline = now + timeout;
        self.count_votes(now, out);
    }

    fn count_votes(&mut self, now: Time, out: &mut Vec<Output>) {
        let Role::Candidate { granted, .. } = &self.role else { return };
        if granted.len() as u32 * 2 <= self.voters {
            return;
        }
        self.role = Role::Leader(Leader {
            ends: self.others().map(|voter| (voter, 0)).collect(),
            fetched: Vec::new(),
            parked: SortedVecMap::default(),
            begin_at: if self.voters == 1 { Time::MAX } else { now },
        });
        self.deadline = if self.voters == 1 { Time::MAX } else { now + self.quorum_timeout() };
        out.push(self.state());
        out.push(Output::Elected(self.epoch));
        self.propose(vec![MetadataRecord::LeaderChange { leader: self.me }], out);
    }

    /// A voter has answered a request for its vote. Once too many have refused, the candidate backs
    /// off at once.
    pub(super) fn voted(&mut self, from: BrokerId, yes: bool, now: Time, out: &mut Vec<Output>) {
        let Role::Candidate { granted, refused, retries, backs_off } = &mut self.role else {
            return;
        };
        let side = if yes { granted } else { &mut *refused };
        if !side.contains(&from) {
            side.push(from);
        }
        if yes {
            return self.count_votes(now, out);
        }
        if refused.len() as u32 * 2 >= self.voters && !std::mem::replace(backs_off, true) {
            let retries = *retries;
            self.back_off(retries, now);
        }
    }

    /// What a message says of epoch and leader. True if the voter did not know (`maybeTransition`).
    pub(super) fn learn(
        &mut self,
        epoch: u32,
        leader: Option<BrokerId>,
        now: Time,
        out: &mut Vec<Output>,
    ) -> bool {
        let leader = leader.filter(|leader| *leader != self.me);
        let newer = epoch > self.epoch;
        let found = epoch == self.epoch && self.leader().is_none() && leader.is_some();
        if !newer && !found {
            return false;
        }
        if self.leads() {
            out.push(Output::Resigned);
        }
        if newer {
            (self.epoch, self.voted_for) = (epoch, None);
        }
        match leader {
            Some(leader) => {
                self.role = Role::Follower { leader, fetching: false, fetch_at: now };
                self.deadline = now + self.fetch_timeout();
            }
            None => self.detach(now),
        }
        out.push(self.state());
        true
    }

    /// No leader is known in this epoch. Who stood or waited for an election goes on waiting for as
    /// long; who knew a leader draws a timeout (`QuorumState.transitionToUnattached`).
    fn detach(&mut self, now: Time) {
        let waits = matches!(self.role, Role::Candidate { .. } | Role::Unattached);
        self.role = Role::Unattached;
        if !waits {
            let timeout = self.election_timeout();
            self.deadline = now + timeout;
        }
    }

    /// A candidate asks for the vote.
    pub(super) fn vote(
        &mut self,
        from: BrokerId,
        epoch: u32,
        (end, last_epoch): (u64, u32),
        now: Time,
        out: &mut Vec<Output>,
    ) {
        self.learn(epoch, None, now, out);
        let (my_end, my_last_epoch) = self.log_end();
        let up_to_date = self.votes_for_any || (last_epoch, end) >= (my_last_epoch, my_end);
        let granted = epoch == self.epoch
            && matches!(self.role, Role::Unattached)
            && self.voted_for.map_or(up_to_date, |voted| voted == from);
        if granted && self.voted_for.is_none() {
            self.voted_for = Some(from);
            let timeout = self.election_timeout();
            self.deadline = now + timeout;
            out.push(self.state());
        }
        let (epoch, leader) = (self.epoch, self.leader());
        out.push(Output::Send(from, Message::VoteResponse { epoch, leader, granted }));
    }

    /// A voter has fetched. Once a majority has, the leader need not fear for its quorum for a
    /// while (`LeaderState.updateCheckQuorumForFollowingVoter`).
    pub(super) fn heard_of(&mut self, from: BrokerId, now: Time) {
        let timeout = self.quorum_timeout();
        let Role::Leader(of) = &mut self.role else { return };
        if !of.fetched.contains(&from) {
            of.fetched.push(from);
        }
        if of.fetched.len() as u32 >= self.voters / 2 {
            of.fetched.clear();
            self.deadline = now + timeout;
        }
    }

    /// Gives the leadership up, and tells the others in whose turn it is to stand.
    fn resign(&mut self, now: Time, out: &mut Vec<Output>) {
        let Role::Leader(of) = &self.role else { return };
        let mut successors: Vec<_> = of.ends.iter().map(|(voter, end)| (*end, *voter)).collect();
        successors.sort_by_key(|(end, _)| std::cmp::Reverse(*end));
        let successors: Vec<_> = successors.into_iter().map(|(_, voter)| voter).collect();
        let epoch = self.epoch;
        for voter in self.others() {
            let end = Message::EndQuorumEpoch { epoch, successors: successors.clone() };
            out.push(Output::Send(voter, end));
        }
        out.push(Output::Resigned);
        self.role = Role::Resigned;
        let timeout = self.election_timeout();
        self.deadline = now + timeout;
    }

    /// The process is about to stop: a leader hands over (`KafkaRaftClient.shutdown`).
    pub fn stop(&mut self, now: Time, out: &mut Vec<Output>) {
        self.stops = true;
        self.resign(now, out);
    }

    /// The leader has resigned: its followers stand one after the other
    /// (`strictExponentialElectionBackoffMs`).
    pub(super) fn ended(&mut self, by: BrokerId, successors: &[BrokerId], now: Time) {
        let Role::Follower { leader, .. } = &self.role else { return };
        if *leader != by {
            return;
        }
        let max = self.config.election_backoff_max_ms;
        let place = successors.iter().position(|voter| *voter == self.me);
        let backoff = match place {
            Some(0) => 0,
            Some(place) => {
                let base = max >> (successors.len() - 1).min(63);
                (base << (place - 1).min(20)).min(max)
            }
            None => max,
        };
        self.deadline = now + Duration::from_millis(backoff);
    }
}
