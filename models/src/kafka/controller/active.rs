//! What the active controller decides: fencing, leaders, in-sync replicas.
//!
//! Stands for `BrokerHeartbeatManager`, `ClusterControlManager` and `ReplicationControlManager` of
//! apache/kafka @ 3.9.0. A new active controller knows no heartbeats: every broker's session starts
//! afresh. Parameters: [`Settings`]. Left out: controlled shutdown and the clean shutdown file (a
//! broker that is asked to stop stops at once, and comes back as from an unclean shutdown).

use headwater_sim::time::{Duration, Time};

use super::partition_change::{PartitionChange, Rules};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{ErrorCode, InSync};
use crate::kafka::metadata::{Image, MetadataRecord, PartitionState};

/// The settings of an active controller.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `broker.session.timeout.ms`.
    pub session_timeout: Duration,
    /// `leader.imbalance.check.interval.seconds`; nothing if leadership is never given back.
    pub rebalance_after: Option<Duration>,
    /// What holds for every partition.
    pub rules: Rules,
}

/// The state of an active controller.
#[derive(Debug)]
pub struct ActiveController {
    /// The metadata with everything proposed, committed or not.
    image: Image,
    heartbeats: Vec<Time>,
    settings: Settings,
    /// When leadership is given back to first replicas, if any is not with them.
    rebalance_at: Option<Time>,
    /// Proposed and not yet handed to the log (`controller.quorum.append.linger.ms`).
    pending: Vec<MetadataRecord>,
}

impl ActiveController {
    /// A controller that has just become active.
    pub fn new(image: Image, settings: Settings, now: Time) -> Self {
        let heartbeats = vec![now; image.fenced.len()];
        let mut new = Self { image, heartbeats, settings, rebalance_at: None, pending: Vec::new() };
        new.look_at_balance(now);
        new
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

    /// A broker's heartbeat. A new incarnation is refused while the session of the earlier one runs
    /// (`DUPLICATE_BROKER_REGISTRATION`, `ClusterControlManager.registerBroker`): the former is
    /// fenced first. `caught_up`: it has applied the metadata; only then is it unfenced.
    pub fn heartbeat(
        &mut self,
        broker: BrokerId,
        incarnation: u64,
        caught_up: bool,
        now: Time,
    ) -> bool {
        let fenced = self.image.fenced[broker.index()];
        if self.image.incarnations[broker.index()] != incarnation {
            if !fenced {
                return false;
            }
            self.propose(MetadataRecord::Registered { broker, incarnation });
            if self.settings.rules.eligible_leader_replicas {
                self.change_all(|change| change.unclean_shutdown(broker));
            }
        }
        self.heartbeats[broker.index()] = now;
        if fenced && caught_up {
            self.propose(MetadataRecord::Fencing { broker, fenced: false });
            self.change_all(|change| change);
            self.look_at_balance(now);
        }
        true
    }

    /// When the next session runs out, or leadership is given back.
    pub fn next_wake(&self) -> Option<Time> {
        let live = self.heartbeats.iter().zip(&self.image.fenced).filter(|(_, fenced)| !**fenced);
        let expiries = live.map(|(at, _)| *at + self.settings.session_timeout);
        expiries.chain(self.rebalance_at).min()
    }

    /// Fences the brokers whose sessions have run out. Which.
    pub fn fence_stale(&mut self, now: Time) -> Vec<BrokerId> {
        let stale = |broker: &BrokerId| {
            let at = broker.index();
            !self.image.fenced[at] && self.heartbeats[at] + self.settings.session_timeout <= now
        };
        let brokers: Vec<_> = BrokerId::all(self.heartbeats.len() as u32).filter(stale).collect();
        for broker in &brokers {
            self.propose(MetadataRecord::Fencing { broker: *broker, fenced: true });
            self.change_all(|change| change.without(*broker));
        }
        if !brokers.is_empty() {
            self.look_at_balance(now);
        }
        brokers
    }

    /// Gives leadership back to the first replicas, where it is time and they are in sync.
    pub fn rebalance(&mut self, now: Time) {
        if self.rebalance_at.is_some_and(|at| at <= now) {
            self.rebalance_at = None;
            self.change_all(|change| change.preferred());
            self.look_at_balance(now);
        }
    }

    /// Leadership that is not with the first replica goes back there after a while
    /// (`QuorumController.maybeScheduleNextBalancePartitionLeaders` @ 3.9.0).
    fn look_at_balance(&mut self, now: Time) {
        let first = |state: &PartitionState| state.leader == state.replicas.first().copied();
        match self.settings.rebalance_after {
            Some(after) if !self.image.partitions.iter().all(first) => {
                self.rebalance_at.get_or_insert(now + after);
            }
            _ => self.rebalance_at = None,
        }
    }

    /// Applies `change` to every partition that it affects. A fenced broker can't lead.
    fn change_all(&mut self, change: impl Fn(PartitionChange<'_>) -> PartitionChange<'_>) {
        for partition in TopicPartition::all(self.image.partitions.len() as u32) {
            self.change(partition, &change);
        }
    }

    fn change(
        &mut self,
        partition: TopicPartition,
        change: impl Fn(PartitionChange<'_>) -> PartitionChange<'_>,
    ) {
        let live = |broker: BrokerId| !self.image.fenced[broker.index()];
        let old = &self.image.partitions[partition.index()];
        let next = change(PartitionChange::of(old)).build(self.settings.rules, live);
        if let Some(state) = next {
            self.propose(MetadataRecord::Partition { partition, state });
        }
    }

    /// A leader asks for another ISR.
    pub fn alter_partition(
        &mut self,
        from: BrokerId,
        partition: TopicPartition,
        (leader_epoch, partition_epoch): (u32, u32),
        isr: &[InSync],
        now: Time,
    ) -> ErrorCode {
        let state = &self.image.partitions[partition.index()];
        if state.leader != Some(from) || state.leader_epoch != leader_epoch {
            return ErrorCode::FencedLeaderEpoch;
        }
        let ineligible = |one: &InSync| {
            let broker = one.broker.index();
            self.image.fenced[broker] || self.image.incarnations[broker] != one.incarnation
        };
        if state.partition_epoch != partition_epoch || isr.iter().any(ineligible) {
            return ErrorCode::InvalidUpdateVersion;
        }
        let isr: Vec<_> = isr.iter().map(|one| one.broker).collect();
        self.change(partition, |change| change.isr(isr.clone()));
        self.look_at_balance(now);
        ErrorCode::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B0: BrokerId = BrokerId(0);
    const B1: BrokerId = BrokerId(1);
    const B2: BrokerId = BrokerId(2);
    const PARTITION: TopicPartition = TopicPartition::of_events(0);

    fn controller(unclean: bool) -> ActiveController {
        let settings = Settings {
            session_timeout: Duration::from_secs(9),
            rebalance_after: Some(Duration::from_secs(300)),
            rules: Rules { eligible_leader_replicas: false, min_isr: 1, unclean },
        };
        ActiveController::new(Image::new(3, 1, 3), settings, Time::ZERO)
    }

    fn first_life(brokers: &[BrokerId]) -> Vec<InSync> {
        brokers.iter().map(|broker| InSync { broker: *broker, incarnation: 0 }).collect()
    }

    fn beat(controller: &mut ActiveController, brokers: &[BrokerId], second: u64) {
        for broker in brokers {
            controller.heartbeat(*broker, 0, true, Time(second * 1_000_000_000));
        }
    }

    #[test]
    fn the_next_replica_in_the_isr_leads_after_the_session_of_the_leader() {
        let mut controller = controller(false);
        beat(&mut controller, &[B1, B2], 8);
        assert_eq!(controller.fence_stale(Time(8_999_999_999)), []);
        assert_eq!(controller.fence_stale(Time(9_000_000_000)), [B0]);
        let state = &controller.image.partitions[0];
        assert_eq!((state.leader, state.leader_epoch, &state.isr), (Some(B1), 1, &vec![B1, B2]));
    }

    #[test]
    fn without_a_live_replica_in_the_isr_there_is_no_leader_unless_unclean() {
        for (unclean, leader) in [(false, None), (true, Some(B1))] {
            let mut controller = controller(unclean);
            controller.alter_partition(B0, PARTITION, (0, 0), &first_life(&[B0]), Time::ZERO);
            beat(&mut controller, &[B1, B2], 8);
            controller.fence_stale(Time(9_000_000_000));
            assert_eq!(controller.image.partitions[0].leader, leader);
        }
    }

    #[test]
    fn a_new_life_of_a_broker_waits_until_the_former_one_is_fenced() {
        let mut controller = controller(false);
        beat(&mut controller, &[B1, B2], 8);
        assert!(!controller.heartbeat(B0, 7, true, Time(8_000_000_000)));
        assert_eq!(controller.fence_stale(Time(9_000_000_000)), [B0]);
        assert!(controller.heartbeat(B0, 7, true, Time(9_000_000_000)));
        assert_eq!(controller.image.partitions[0].isr, [B1, B2]);
    }

    #[test]
    fn a_stale_change_of_the_isr_is_refused() {
        let mut controller = controller(false);
        let mut ask = |from, epochs, isr: &[InSync]| {
            controller.alter_partition(from, PARTITION, epochs, isr, Time::ZERO)
        };
        assert_eq!(ask(B0, (0, 0), &first_life(&[B0, B1])), ErrorCode::None);
        assert_eq!(ask(B0, (0, 0), &first_life(&[B0])), ErrorCode::InvalidUpdateVersion);
        assert_eq!(ask(B1, (0, 1), &first_life(&[B1])), ErrorCode::FencedLeaderEpoch);
        let former = [InSync { broker: B0, incarnation: 0 }, InSync { broker: B2, incarnation: 5 }];
        assert_eq!(ask(B0, (0, 1), &former), ErrorCode::InvalidUpdateVersion);
    }

    #[test]
    fn leadership_goes_back_to_the_first_replica_after_the_interval_if_it_is_in_sync() {
        let mut controller = controller(false);
        beat(&mut controller, &[B1, B2], 8);
        controller.fence_stale(Time(9_000_000_000));
        for second in [100, 200, 309] {
            beat(&mut controller, &[B0, B1, B2], second);
        }
        controller.rebalance(Time(308_999_999_999));
        controller.rebalance(Time(309_000_000_000));
        assert_eq!(controller.image.partitions[0].leader, Some(B1), "not in sync");
        let all = first_life(&[B1, B2, B0]);
        let epochs = (1, controller.image.partitions[0].partition_epoch);
        controller.alter_partition(B1, PARTITION, epochs, &all, Time(310_000_000_000));
        assert_eq!(controller.next_wake(), Some(Time(318_000_000_000)));
        controller.rebalance(Time(609_000_000_000));
        assert_eq!(controller.image.partitions[0].leader, Some(B0));
    }
}
