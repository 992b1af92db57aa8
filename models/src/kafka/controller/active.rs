//! What the active controller decides: fencing, leaders, in-sync replicas.
//!
//! Stands for `BrokerHeartbeatManager`, `ReplicationControlManager` and `PartitionChangeBuilder` of
//! apache/kafka @ 3.9.0. A new active controller knows no heartbeats: every broker's session starts
//! afresh. Left out: preferred leader rebalancing, ELR (KIP-966), controlled shutdown.

use headwater_sim::time::{Duration, Time};

use crate::kafka::message::ErrorCode;
use crate::kafka::metadata::{BrokerNumber, Image, MetadataRecord, PartitionState};

/// The state of an active controller.
#[derive(Debug)]
pub struct ActiveController {
    /// The metadata with everything proposed, committed or not.
    image: Image,
    heartbeats: Vec<Time>,
    session_timeout: Duration,
    unclean: bool,
    /// Proposed and not yet handed to the log (`controller.quorum.append.linger.ms`).
    pending: Vec<MetadataRecord>,
}

impl ActiveController {
    /// A controller that has just become active.
    pub fn new(image: Image, session_timeout: Duration, unclean: bool, now: Time) -> Self {
        let heartbeats = vec![now; image.fenced.len()];
        Self { image, heartbeats, session_timeout, unclean, pending: Vec::new() }
    }

    fn propose(&mut self, record: MetadataRecord) {
        self.image.apply(&record);
        self.pending.push(record);
    }

    /// What was decided since the last call.
    pub fn take_pending(&mut self) -> Vec<MetadataRecord> {
        std::mem::take(&mut self.pending)
    }

    /// True if something was decided and not yet taken.
    pub const fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// A broker lives. A new life is refused while the session of the former one runs
    /// (`DUPLICATE_BROKER_REGISTRATION`, `ClusterControlManager.registerBroker`): the former is
    /// fenced first. `caught_up`: it has applied the metadata; only then is it unfenced.
    pub fn heartbeat(
        &mut self,
        broker: BrokerNumber,
        incarnation: u64,
        caught_up: bool,
        now: Time,
    ) -> bool {
        let fenced = self.image.fenced[broker as usize];
        if self.image.incarnations[broker as usize] != incarnation {
            if !fenced {
                return false;
            }
            self.propose(MetadataRecord::Registered { broker, incarnation });
        }
        self.heartbeats[broker as usize] = now;
        if fenced && caught_up {
            self.propose(MetadataRecord::Fencing { broker, fenced: false });
            self.elect_leaderless();
        }
        true
    }

    /// When the next session runs out.
    pub fn next_expiry(&self) -> Option<Time> {
        let live = self.heartbeats.iter().zip(&self.image.fenced).filter(|(_, fenced)| !**fenced);
        live.map(|(at, _)| *at + self.session_timeout).min()
    }

    /// Fences the brokers whose sessions have run out. Which.
    pub fn fence_stale(&mut self, now: Time) -> Vec<BrokerNumber> {
        let stale = |broker: &BrokerNumber| {
            let at = *broker as usize;
            !self.image.fenced[at] && self.heartbeats[at] + self.session_timeout <= now
        };
        let brokers: Vec<_> = (0..self.heartbeats.len() as u32).filter(stale).collect();
        for broker in &brokers {
            self.propose(MetadataRecord::Fencing { broker: *broker, fenced: true });
            self.remove(*broker);
        }
        brokers
    }

    /// Takes a fenced broker out of every ISR and leadership. The last of an ISR stays in it.
    fn remove(&mut self, broker: BrokerNumber) {
        for partition in 0..self.image.partitions.len() as u32 {
            let state = &self.image.partitions[partition as usize];
            if !state.isr.contains(&broker) && state.leader != Some(broker) {
                continue;
            }
            let mut next = state.clone();
            if next.isr.len() > 1 {
                next.isr.retain(|replica| *replica != broker);
            }
            if next.leader == Some(broker) {
                self.choose_leader(&mut next);
            }
            self.change(partition, next);
        }
    }

    fn elect_leaderless(&mut self) {
        for partition in 0..self.image.partitions.len() as u32 {
            let mut next = self.image.partitions[partition as usize].clone();
            if next.leader.is_none() {
                self.choose_leader(&mut next);
                if next.leader.is_some() {
                    self.change(partition, next);
                }
            }
        }
    }

    /// The first replica in order of assignment that is in the ISR and unfenced; else, if unclean
    /// elections are allowed, the first that is unfenced, alone in the ISR; else none.
    fn choose_leader(&self, state: &mut PartitionState) {
        let live = |replica: &&BrokerNumber| !self.image.fenced[**replica as usize];
        let clean = state.replicas.iter().filter(live).find(|of| state.isr.contains(of)).copied();
        let unclean = state.replicas.iter().find(live).copied().filter(|_| self.unclean);
        if clean.is_none()
            && let Some(leader) = unclean
        {
            state.isr = vec![leader];
        }
        state.leader = clean.or(unclean);
        state.leader_epoch += 1;
    }

    fn change(&mut self, partition: u32, mut state: PartitionState) {
        state.partition_epoch += 1;
        self.propose(MetadataRecord::Partition { partition, state });
    }

    /// A leader asks for another ISR.
    pub fn alter_partition(
        &mut self,
        from: BrokerNumber,
        partition: u32,
        (leader_epoch, partition_epoch): (u32, u32),
        isr: Vec<BrokerNumber>,
    ) -> ErrorCode {
        let state = &self.image.partitions[partition as usize];
        if state.leader != Some(from) || state.leader_epoch != leader_epoch {
            return ErrorCode::FencedLeaderEpoch;
        }
        let fenced = isr.iter().any(|replica| self.image.fenced[*replica as usize]);
        if state.partition_epoch != partition_epoch || fenced {
            return ErrorCode::InvalidUpdateVersion;
        }
        let next = PartitionState { isr, ..state.clone() };
        self.change(partition, next);
        ErrorCode::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller(unclean: bool) -> ActiveController {
        ActiveController::new(Image::new(3, 1, 3), Duration::from_secs(9), unclean, Time::ZERO)
    }

    fn beat(controller: &mut ActiveController, brokers: &[u32], second: u64) {
        for broker in brokers {
            controller.heartbeat(*broker, 0, true, Time(second * 1_000_000_000));
        }
    }

    #[test]
    fn the_next_replica_in_the_isr_leads_after_the_session_of_the_leader() {
        let mut controller = controller(false);
        beat(&mut controller, &[1, 2], 8);
        assert_eq!(controller.fence_stale(Time(8_999_999_999)), []);
        assert_eq!(controller.fence_stale(Time(9_000_000_000)), [0]);
        let state = &controller.image.partitions[0];
        assert_eq!((state.leader, state.leader_epoch, &state.isr), (Some(1), 1, &vec![1, 2]));
    }

    #[test]
    fn without_a_live_replica_in_the_isr_there_is_no_leader_unless_unclean() {
        for (unclean, leader) in [(false, None), (true, Some(1))] {
            let mut controller = controller(unclean);
            controller.alter_partition(0, 0, (0, 0), vec![0]);
            beat(&mut controller, &[1, 2], 8);
            controller.fence_stale(Time(9_000_000_000));
            assert_eq!(controller.image.partitions[0].leader, leader);
        }
    }

    #[test]
    fn a_new_life_of_a_broker_waits_until_the_former_one_is_fenced() {
        let mut controller = controller(false);
        beat(&mut controller, &[1, 2], 8);
        assert!(!controller.heartbeat(0, 7, true, Time(8_000_000_000)));
        assert_eq!(controller.fence_stale(Time(9_000_000_000)), [0]);
        assert!(controller.heartbeat(0, 7, true, Time(9_000_000_000)));
        assert_eq!(controller.image.partitions[0].isr, [1, 2]);
    }

    #[test]
    fn a_stale_change_of_the_isr_is_refused() {
        let mut controller = controller(false);
        assert_eq!(controller.alter_partition(0, 0, (0, 0), vec![0, 1]), ErrorCode::None);
        let again = controller.alter_partition(0, 0, (0, 0), vec![0]);
        assert_eq!(again, ErrorCode::InvalidUpdateVersion);
        assert_eq!(controller.alter_partition(1, 0, (0, 1), vec![1]), ErrorCode::FencedLeaderEpoch);
    }
}
