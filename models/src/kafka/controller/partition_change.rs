//! The next state of a partition: in-sync replicas, eligible leader replicas, leader.
//!
//! Stands for `PartitionChangeBuilder` and `PartitionReassignmentReplicas` of apache/kafka @ 4.0.0.
//! Parameters: [`Rules`]. Left out: the leader's recovery state (it changes nothing for clients).
//!
//! With eligible leader replicas (KIP-966) the ISR may be empty. A member that leaves while fewer
//! than `min.insync.replicas` stay remains eligible, until it comes back from an unclean shutdown:
//! it may have lost its tail then. When nobody is eligible any more, the last leader may lead again
//! ("balanced" recovery); only then can something be lost that `acks=all` acknowledged. Without,
//! the last member stays in the ISR whatever happens to it.

use crate::kafka::ids::BrokerId;
use crate::kafka::metadata::PartitionState;

/// What holds for every partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `eligible.leader.replicas.version` is 1.
    pub eligible_leader_replicas: bool,
    /// `min.insync.replicas`.
    pub min_isr: u32,
    /// `unclean.leader.election.enable`.
    pub unclean: bool,
    /// Planted: a replica that is added counts as in sync.
    pub added_in_sync: bool,
}

/// A change that is being put together.
#[derive(Debug)]
pub struct PartitionChange<'a> {
    old: &'a PartitionState,
    replicas: Vec<BrokerId>,
    adding: Vec<BrokerId>,
    removing: Vec<BrokerId>,
    isr: Vec<BrokerId>,
    unclean_shutdown: Option<BrokerId>,
    preferred: bool,
}

impl<'a> PartitionChange<'a> {
    /// No change yet: whether the leader can go on is checked all the same.
    pub fn of(old: &'a PartitionState) -> Self {
        Self {
            old,
            replicas: old.replicas.clone(),
            adding: old.adding.clone(),
            removing: old.removing.clone(),
            isr: old.isr.clone(),
            unclean_shutdown: None,
            preferred: false,
        }
    }

    /// The in-sync replicas are these.
    #[must_use]
    pub fn isr(self, isr: Vec<BrokerId>) -> Self {
        Self { isr, ..self }
    }

    /// A replica goes from one broker to another, as soon as that is in sync: the target comes
    /// first in the list of replicas, and who is to go last (`PartitionReassignmentReplicas`).
    #[must_use]
    pub fn reassigned(mut self, from: BrokerId, to: BrokerId) -> Self {
        for replica in self.replicas.iter_mut().filter(|replica| **replica == from) {
            *replica = to;
        }
        self.replicas.push(from);
        Self { adding: vec![to], removing: vec![from], ..self }
    }

    /// The added replicas are in sync: the others may go, if any replica in sync stays
    /// (`maybeCompleteReassignment`).
    fn complete_reassignment(&mut self) {
        let stays = |replica: &BrokerId| !self.removing.contains(replica);
        let isr: Vec<_> = self.isr.iter().copied().filter(stays).collect();
        let none = self.adding.is_empty() && self.removing.is_empty();
        if none || isr.is_empty() || !self.adding.iter().all(|added| isr.contains(added)) {
            return;
        }
        self.replicas = self.replicas.iter().copied().filter(stays).collect();
        self.isr = isr;
        self.adding.clear();
        self.removing.clear();
    }

    /// A broker is in sync no longer.
    #[must_use]
    pub fn without(mut self, broker: BrokerId) -> Self {
        self.isr.retain(|replica| *replica != broker);
        self
    }

    /// A broker has come back from an unclean shutdown: neither in sync nor eligible.
    #[must_use]
    pub fn unclean_shutdown(self, broker: BrokerId) -> Self {
        Self { unclean_shutdown: Some(broker), ..self.without(broker) }
    }

    /// The first replica is to lead, if it can.
    #[must_use]
    pub fn preferred(self) -> Self {
        Self { preferred: true, ..self }
    }

    /// The next state; nothing if all stays as it is. `live` tells who may lead.
    pub fn build(
        mut self,
        rules: Rules,
        live: impl Fn(BrokerId) -> bool,
    ) -> Option<PartitionState> {
        if rules.added_in_sync {
            let Self { isr, adding, .. } = &mut self;
            isr.retain(|replica| !adding.contains(replica));
            isr.extend(adding.iter().copied());
        }
        self.complete_reassignment();
        let mut elr = self.eligible(rules);
        let can_lead = |replica: &BrokerId| {
            let stands = self.isr.contains(replica) || self.isr.is_empty() && elr.contains(replica);
            stands && live(*replica)
        };
        let first =
            self.replicas.first().copied().filter(|first| self.preferred && can_lead(first));
        let stays = self.old.leader.filter(can_lead);
        let next = || self.replicas.iter().copied().find(can_lead);
        let mut leader = first.or(stays).or_else(next);
        if leader.is_none() {
            leader = self.unclean_leader(rules, &elr, &live);
            if let Some(leader) = leader {
                (self.isr, elr) = (vec![leader], Vec::new());
            }
        } else if let Some(eligible) = leader.filter(|leader| elr.contains(leader)) {
            self.isr = vec![eligible];
            elr.retain(|replica| *replica != eligible);
        }
        if leader.is_none() && self.isr.is_empty() && !rules.eligible_leader_replicas {
            self.isr.clone_from(&self.old.isr);
        }
        let old = self.old;
        let last_known_leader = match leader {
            Some(_) => None,
            None => old.leader.filter(|_| self.isr.is_empty()).or(old.last_known_leader),
        };
        // Also where a replica goes (`triggerLeaderEpochBumpForReplicaReassignmentIfNeeded`).
        let gone = old.replicas.iter().any(|replica| !self.replicas.contains(replica));
        let leader_epoch = old.leader_epoch + u32::from(leader != old.leader || gone);
        let next = PartitionState {
            replicas: self.replicas,
            adding: self.adding,
            removing: self.removing,
            isr: self.isr,
            elr,
            last_known_leader,
            leader,
            leader_epoch,
            partition_epoch: old.partition_epoch,
        };
        (next != *old).then(|| PartitionState { partition_epoch: old.partition_epoch + 1, ..next })
    }

    /// Who stays eligible outside of the ISR.
    fn eligible(&self, rules: Rules) -> Vec<BrokerId> {
        if !rules.eligible_leader_replicas || self.isr.len() as u32 >= rules.min_isr {
            return Vec::new();
        }
        let eligible = |replica: &&BrokerId| {
            let was = self.old.isr.contains(replica) || self.old.elr.contains(replica);
            was && !self.isr.contains(replica) && self.unclean_shutdown != Some(**replica)
        };
        self.replicas.iter().filter(eligible).copied().collect()
    }

    /// Who leads when nobody can without a risk: the last leader, if nobody is in sync or eligible;
    /// else anybody, if unclean elections are allowed and none is preferred.
    fn unclean_leader(
        &self,
        rules: Rules,
        elr: &[BrokerId],
        live: &impl Fn(BrokerId) -> bool,
    ) -> Option<BrokerId> {
        let nobody = rules.eligible_leader_replicas && self.isr.is_empty() && elr.is_empty();
        let last = self.old.last_known_leader.filter(|leader| nobody && live(*leader));
        let anybody = || self.replicas.iter().copied().find(|replica| live(*replica));
        last.or_else(|| if rules.unclean && !self.preferred { anybody() } else { None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::metadata::Image;

    const B0: BrokerId = BrokerId(0);
    const B1: BrokerId = BrokerId(1);
    const B2: BrokerId = BrokerId(2);
    const ELR: Rules =
        Rules { eligible_leader_replicas: true, min_isr: 2, unclean: false, added_in_sync: false };
    const OLD: Rules = Rules { eligible_leader_replicas: false, ..ELR };

    fn whole() -> PartitionState {
        Image::new(3, 1, 3).partitions.remove(0)
    }

    /// All but broker 0 are fenced, then broker 0, too.
    fn nobody_left(rules: Rules) -> PartitionState {
        let mut state = whole();
        for fenced in [B1, B2, B0] {
            let live = |broker| broker == B0 && fenced != B0 || broker == B2 && fenced == B1;
            state = PartitionChange::of(&state).without(fenced).build(rules, live).unwrap();
        }
        state
    }

    #[test]
    fn below_the_least_isr_members_that_leave_stay_eligible() {
        let state = nobody_left(ELR);
        assert_eq!((state.isr, state.elr), (vec![], vec![B0, B2]));
        assert_eq!((state.leader, state.last_known_leader), (None, Some(B0)));
        let state = nobody_left(OLD);
        assert_eq!((state.isr, state.elr, state.leader), (vec![B0], vec![], None));
    }

    #[test]
    fn an_eligible_replica_leads_and_one_that_shut_down_uncleanly_does_not() {
        let state = nobody_left(ELR);
        let state = PartitionChange::of(&state).unclean_shutdown(B0).build(ELR, |_| false).unwrap();
        assert_eq!((&state.elr, state.leader), (&vec![B2], None));
        assert_eq!(PartitionChange::of(&state).build(ELR, |broker| broker == B0), None);
        let led = PartitionChange::of(&state).build(ELR, |broker| broker != B1).unwrap();
        assert_eq!((led.leader, led.isr, led.elr), (Some(B2), vec![B2], vec![]));
        assert_eq!(led.last_known_leader, None);
    }

    #[test]
    fn the_last_leader_leads_again_only_when_nobody_is_eligible() {
        let mut state = nobody_left(ELR);
        for broker in [B2, B0] {
            let change = PartitionChange::of(&state).unclean_shutdown(broker);
            state = change.build(ELR, |_| false).unwrap();
        }
        assert_eq!(PartitionChange::of(&state).build(ELR, |broker| broker == B1), None);
        let led = PartitionChange::of(&state).build(ELR, |_| true).unwrap();
        assert_eq!((led.leader, led.isr), (Some(B0), vec![B0]));
    }

    #[test]
    fn a_reassignment_is_complete_when_the_added_replica_is_in_sync() {
        let b3 = BrokerId(3);
        let change = PartitionChange::of(&whole()).reassigned(B0, b3).build(OLD, |_| true).unwrap();
        assert_eq!(change.replicas, [b3, B1, B2, B0]);
        assert_eq!((&change.adding, &change.removing), (&vec![b3], &vec![B0]));
        assert_eq!((change.leader, change.leader_epoch), (Some(B0), 0));
        let done = PartitionChange::of(&change).isr(vec![B0, B1, B2, b3]);
        let done = done.build(OLD, |_| true).unwrap();
        assert_eq!((&done.replicas, &done.isr), (&vec![b3, B1, B2], &vec![B1, B2, b3]));
        assert_eq!((done.leader, done.leader_epoch), (Some(b3), 1), "the leader goes");
        assert!(done.adding.is_empty() && done.removing.is_empty());
        let stays = PartitionChange::of(&whole()).reassigned(B2, b3).build(OLD, |_| true).unwrap();
        let stays = PartitionChange::of(&stays).isr(vec![B0, b3]).build(OLD, |_| true).unwrap();
        assert_eq!((stays.leader, stays.leader_epoch), (Some(B0), 1), "a new epoch all the same");
    }

    #[test]
    fn the_preferred_replica_leads_if_it_is_in_sync() {
        let state = PartitionState { leader: Some(B1), leader_epoch: 1, ..whole() };
        assert_eq!(PartitionChange::of(&state).build(OLD, |_| true), None);
        let led = PartitionChange::of(&state).preferred().build(OLD, |_| true).unwrap();
        assert_eq!((led.leader, led.leader_epoch, led.partition_epoch), (Some(B0), 2, 1));
        assert_eq!(PartitionChange::of(&state).preferred().build(OLD, |broker| broker != B0), None);
    }
}
