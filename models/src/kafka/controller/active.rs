//! What the active controller decides: fencing, leaders, in-sync replicas.
//!
//! Stands for `BrokerHeartbeatManager`, `ClusterControlManager` and `ReplicationControlManager` of
//! apache/kafka @ 3.9.0. A new active controller knows no heartbeats: every broker's session starts
//! afresh. A broker that wants to stop loses its leaderships first, and may go once every other
//! active broker has said that it knows. Parameters: [`Settings`]. Left out: brokers that the
//! cluster does not know yet.

use headwater_sim::time::{Duration, Time};

use super::partition_change::{PartitionChange, Rules};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{AskedIsr, ErrorCode, GrantedIsr, HeartbeatReply, InSync};
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

/// What a broker tells with a heartbeat.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// The broker.
    pub broker: BrokerId,
    /// Which life of it.
    pub incarnation: u64,
    /// How far it has applied the metadata log.
    pub metadata_offset: u64,
    /// It is not ready to be unfenced.
    pub want_fence: bool,
    /// It is asked to stop.
    pub want_shut_down: bool,
}

/// What is known of a broker (`BrokerHeartbeatState`).
#[derive(Clone, Copy, Debug)]
struct Contact {
    /// When it was last heard of.
    at: Time,
    metadata_offset: u64,
    /// In controlled shutdown: what the others have to know before it may go.
    shutdown_offset: Option<u64>,
    /// End of the metadata log with its registration.
    registered: u64,
}

/// What a broker may do (`BrokerControlState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Fenced,
    Unfenced,
    Stopping,
    ShutDownNow,
}

/// The state of an active controller.
#[derive(Debug)]
pub struct ActiveController {
    /// The metadata with everything proposed, committed or not.
    image: Image,
    contacts: Vec<Contact>,
    settings: Settings,
    /// Partitions that are not led by their first replica.
    imbalanced: usize,
    /// When leadership is given back to first replicas, if any is not with them.
    rebalance_at: Option<Time>,
    /// Proposed and not yet handed to the log (`controller.quorum.append.linger.ms`).
    pending: Vec<MetadataRecord>,
    /// End of the metadata log with everything proposed.
    end_offset: u64,
}

impl ActiveController {
    /// A controller that has just become active, with the metadata log as it is.
    pub fn new<'a>(
        mut image: Image,
        log: impl Iterator<Item = &'a MetadataRecord>,
        settings: Settings,
        now: Time,
    ) -> Self {
        let (metadata_offset, shutdown_offset) = (0, None);
        let fresh = Contact { at: now, metadata_offset, shutdown_offset, registered: 0 };
        let mut contacts = vec![fresh; image.fenced.len()];
        let mut end_offset = 0;
        for record in log {
            image.apply(record);
            end_offset += 1;
            if let MetadataRecord::Registered { broker, .. } = record {
                contacts[broker.index()].registered = end_offset;
            }
        }
        for (contact, stopping) in contacts.iter_mut().zip(&image.stopping) {
            contact.shutdown_offset = stopping.then_some(end_offset);
        }
        let imbalanced = image.partitions.iter().filter(|state| !is_balanced(state)).count();
        let mut new = Self {
            image,
            contacts,
            settings,
            imbalanced,
            rebalance_at: None,
            pending: Vec::new(),
            end_offset,
        };
        new.look_at_balance(now);
        new
    }

    fn propose(&mut self, record: MetadataRecord) {
        if let MetadataRecord::Partition { partition, state } = &record {
            let old = &self.image.partitions[partition.index()];
            self.imbalanced += usize::from(!is_balanced(state));
            self.imbalanced -= usize::from(!is_balanced(old));
        }
        self.image.apply(&record);
        self.pending.push(record);
        self.end_offset += 1;
    }

    /// A record that says nothing, so that a controller that cannot write is found out.
    pub fn no_op(&mut self) {
        self.propose(MetadataRecord::NoOp);
    }

    /// What was decided since the last call.
    pub fn take_pending(&mut self) -> Vec<MetadataRecord> {
        std::mem::take(&mut self.pending)
    }

    /// True if something was decided and not yet taken.
    pub const fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// End of the metadata log with everything decided: answers wait until that is committed.
    pub const fn end_offset(&self) -> u64 {
        self.end_offset
    }

    /// A life of a broker begins. It is refused while the session of an earlier one runs: that is
    /// fenced first. `previous` is the life before if that was stopped cleanly.
    ///
    /// # Errors
    /// Another life of the broker is registered, and its session runs.
    pub fn register(
        &mut self,
        broker: BrokerId,
        incarnation: u64,
        previous: Option<u64>,
        now: Time,
    ) -> Result<(), ErrorCode> {
        let at = broker.index();
        let former = self.image.incarnations[at];
        if former == incarnation {
            self.contacts[at].at = now;
            return Ok(());
        }
        let valid = self.contacts[at].at + self.settings.session_timeout >= now;
        if !self.image.fenced[at] && valid {
            return Err(ErrorCode::DuplicateBrokerRegistration);
        }
        self.propose(MetadataRecord::Registered { broker, incarnation });
        if self.settings.rules.eligible_leader_replicas {
            let clean = previous == Some(former);
            self.change_all(|change| match clean {
                true => change.without(broker),
                false => change.unclean_shutdown(broker),
            });
        }
        let (metadata_offset, shutdown_offset) = (0, None);
        let registered = self.end_offset;
        self.contacts[at] = Contact { at: now, metadata_offset, shutdown_offset, registered };
        Ok(())
    }

    /// A broker's heartbeat (`ReplicationControlManager.processBrokerHeartbeat`).
    ///
    /// # Errors
    /// The broker is registered in another life.
    pub fn heartbeat(&mut self, beat: Beat, now: Time) -> Result<HeartbeatReply, ErrorCode> {
        let (broker, at) = (beat.broker, beat.broker.index());
        if self.image.incarnations[at] != beat.incarnation {
            return Err(ErrorCode::StaleBrokerEpoch);
        }
        let caught_up = beat.metadata_offset >= self.contacts[at].registered;
        let current = self.standing(broker);
        let next = self.next_standing(current, beat, caught_up);
        if next != current {
            match next {
                Standing::Fenced | Standing::ShutDownNow => self.fence(broker),
                Standing::Unfenced => {
                    self.propose(MetadataRecord::Fencing { broker, fenced: false });
                    self.change_all(|change| change);
                }
                Standing::Stopping => {
                    self.propose(MetadataRecord::ControlledShutdown { broker });
                    self.change_all(|change| change.without(broker));
                    self.contacts[at].shutdown_offset = Some(self.end_offset);
                }
            }
            self.look_at_balance(now);
        }
        let contact = &mut self.contacts[at];
        (contact.at, contact.metadata_offset) = (now, beat.metadata_offset);
        if self.image.fenced[at] {
            contact.shutdown_offset = None;
        }
        let shut_down = next == Standing::ShutDownNow;
        Ok(HeartbeatReply { caught_up, fenced: self.image.fenced[at], shut_down })
    }

    fn standing(&self, broker: BrokerId) -> Standing {
        match self.contacts[broker.index()].shutdown_offset {
            _ if self.image.fenced[broker.index()] => Standing::Fenced,
            Some(_) => Standing::Stopping,
            None => Standing::Unfenced,
        }
    }

    /// `BrokerHeartbeatManager.calculateNextBrokerState`.
    fn next_standing(&self, current: Standing, beat: Beat, caught_up: bool) -> Standing {
        let leads = || self.image.partitions.iter().any(|state| state.leader == Some(beat.broker));
        match current {
            Standing::Fenced if beat.want_shut_down => Standing::ShutDownNow,
            Standing::Fenced if !beat.want_fence && caught_up => Standing::Unfenced,
            Standing::Unfenced if beat.want_fence && beat.want_shut_down => Standing::ShutDownNow,
            Standing::Unfenced if beat.want_fence => Standing::Fenced,
            Standing::Unfenced if beat.want_shut_down && leads() => Standing::Stopping,
            Standing::Unfenced if beat.want_shut_down => Standing::ShutDownNow,
            Standing::Stopping if leads() => Standing::Stopping,
            Standing::Stopping => {
                let known = self.contacts[beat.broker.index()].shutdown_offset;
                match known.is_none_or(|offset| offset <= self.lowest_active_offset()) {
                    true => Standing::ShutDownNow,
                    false => Standing::Stopping,
                }
            }
            stays => stays,
        }
    }

    /// How far every broker that is neither fenced nor stopping has applied the metadata.
    fn lowest_active_offset(&self) -> u64 {
        let fenced = self.image.fenced.iter();
        let active = self.contacts.iter().zip(fenced);
        let active = active.filter(|(of, fenced)| !**fenced && of.shutdown_offset.is_none());
        active.map(|(of, _)| of.metadata_offset).min().unwrap_or(u64::MAX)
    }

    fn fence(&mut self, broker: BrokerId) {
        if !self.image.fenced[broker.index()] {
            self.propose(MetadataRecord::Fencing { broker, fenced: true });
            self.change_all(|change| change.without(broker));
            self.contacts[broker.index()].shutdown_offset = None;
        }
    }

    /// When the next session runs out, or leadership is given back.
    pub fn next_wake(&self) -> Option<Time> {
        let live = self.contacts.iter().zip(&self.image.fenced).filter(|(_, fenced)| !**fenced);
        let expiries = live.map(|(of, _)| of.at + self.settings.session_timeout);
        expiries.chain(self.rebalance_at).min()
    }

    /// Fences the brokers whose sessions have run out. Which.
    pub fn fence_stale(&mut self, now: Time) -> Vec<BrokerId> {
        let stale = |broker: &BrokerId| {
            let at = broker.index();
            !self.image.fenced[at] && self.contacts[at].at + self.settings.session_timeout <= now
        };
        let brokers: Vec<_> = BrokerId::all(self.contacts.len() as u32).filter(stale).collect();
        for broker in &brokers {
            self.fence(*broker);
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
        match self.settings.rebalance_after {
            Some(after) if self.imbalanced > 0 => {
                self.rebalance_at.get_or_insert(now + after);
            }
            _ => self.rebalance_at = None,
        }
    }

    /// Applies `change` to every partition that it affects. Only an active broker can lead.
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
        let live = |broker: BrokerId| self.image.is_active(broker);
        let old = &self.image.partitions[partition.index()];
        let next = change(PartitionChange::of(old)).build(self.settings.rules, live);
        if let Some(state) = next {
            self.propose(MetadataRecord::Partition { partition, state });
        }
    }

    /// Replicas of partitions go from one broker to another (`alterPartitionReassignments`). What
    /// is under way or done already stays as it is.
    pub fn reassign(&mut self, partitions: &[TopicPartition], from: BrokerId, to: BrokerId) {
        for partition in partitions {
            let replicas = &self.image.partitions[partition.index()].replicas;
            if replicas.contains(&from) && !replicas.contains(&to) {
                self.change(*partition, |change| change.reassigned(from, to));
            }
        }
    }

    /// A leader asks for another ISR (`ReplicationControlManager.validateAlterPartitionData`).
    ///
    /// # Errors
    /// The leader's epoch or the partition's is an old one, or a replica may not be in sync.
    pub fn alter_partition(
        &mut self,
        from: BrokerId,
        asked: &AskedIsr,
        now: Time,
    ) -> Result<GrantedIsr, ErrorCode> {
        let state = &self.image.partitions[asked.partition.index()];
        if state.leader != Some(from) || state.leader_epoch != asked.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if state.partition_epoch != asked.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let ineligible = |one: &InSync| {
            let life = self.image.incarnations[one.broker.index()];
            !self.image.is_active(one.broker) || life != one.incarnation
        };
        if asked.isr.iter().any(ineligible) {
            return Err(ErrorCode::IneligibleReplica);
        }
        let isr: Vec<_> = asked.isr.iter().map(|one| one.broker).collect();
        self.change(asked.partition, |change| change.isr(isr.clone()));
        self.look_at_balance(now);
        let PartitionState { leader_epoch, partition_epoch, isr, .. } =
            &self.image.partitions[asked.partition.index()];
        let (leader_epoch, partition_epoch) = (*leader_epoch, *partition_epoch);
        Ok(GrantedIsr { leader_epoch, partition_epoch, isr: isr.clone() })
    }
}

fn is_balanced(state: &PartitionState) -> bool {
    state.leader == state.replicas.first().copied()
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
            rules: Rules {
                eligible_leader_replicas: false,
                min_isr: 1,
                unclean,
                added_in_sync: false,
            },
        };
        ActiveController::new(Image::new(3, 1, 3), [].iter(), settings, Time::ZERO)
    }

    fn first_life(brokers: &[BrokerId]) -> Vec<InSync> {
        brokers.iter().map(|broker| InSync { broker: *broker, incarnation: 0 }).collect()
    }

    fn at(second: u64) -> Time {
        Time(second * 1_000_000_000)
    }

    const fn of(broker: BrokerId, metadata_offset: u64) -> Beat {
        let (want_fence, want_shut_down) = (false, false);
        Beat { broker, incarnation: 0, metadata_offset, want_fence, want_shut_down }
    }

    fn beat(controller: &mut ActiveController, brokers: &[BrokerId], second: u64) {
        for broker in brokers {
            controller.heartbeat(of(*broker, 0), at(second)).unwrap();
        }
    }

    fn ask(
        controller: &mut ActiveController,
        from: BrokerId,
        (leader_epoch, partition_epoch): (u32, u32),
        isr: &[InSync],
    ) -> Result<(), ErrorCode> {
        let isr = isr.to_vec();
        let asked = AskedIsr { partition: PARTITION, leader_epoch, partition_epoch, isr };
        controller.alter_partition(from, &asked, Time::ZERO).map(|_| ())
    }

    #[test]
    fn the_next_replica_in_the_isr_leads_after_the_session_of_the_leader() {
        let mut controller = controller(false);
        beat(&mut controller, &[B1, B2], 8);
        assert_eq!(controller.fence_stale(Time(8_999_999_999)), []);
        assert_eq!(controller.fence_stale(at(9)), [B0]);
        let state = &controller.image.partitions[0];
        assert_eq!((state.leader, state.leader_epoch, &state.isr), (Some(B1), 1, &vec![B1, B2]));
    }

    #[test]
    fn without_a_live_replica_in_the_isr_there_is_no_leader_unless_unclean() {
        for (unclean, leader) in [(false, None), (true, Some(B1))] {
            let mut controller = controller(unclean);
            ask(&mut controller, B0, (0, 0), &first_life(&[B0])).unwrap();
            beat(&mut controller, &[B1, B2], 8);
            controller.fence_stale(at(9));
            assert_eq!(controller.image.partitions[0].leader, leader);
        }
    }

    #[test]
    fn a_new_life_of_a_broker_waits_until_the_former_one_is_fenced() {
        let mut controller = controller(false);
        beat(&mut controller, &[B1, B2], 8);
        let refused = controller.register(B0, 7, None, at(8));
        assert_eq!(refused, Err(ErrorCode::DuplicateBrokerRegistration));
        assert_eq!(controller.fence_stale(at(9)), [B0]);
        assert_eq!(controller.register(B0, 7, None, at(9)), Ok(()));
        assert_eq!(controller.image.partitions[0].isr, [B1, B2]);
        let stale = controller.heartbeat(of(B0, 99), at(9));
        assert_eq!(stale, Err(ErrorCode::StaleBrokerEpoch));
    }

    #[test]
    fn a_broker_is_unfenced_once_it_is_ready_and_knows_of_its_registration() {
        let mut controller = controller(false);
        beat(&mut controller, &[B1, B2], 8);
        controller.fence_stale(at(9));
        controller.register(B0, 7, None, at(9)).unwrap();
        let end = controller.end_offset();
        let mut told = |metadata_offset, want_fence| {
            let beat = Beat { incarnation: 7, want_fence, ..of(B0, metadata_offset) };
            let reply = controller.heartbeat(beat, at(10)).unwrap();
            (reply.caught_up, reply.fenced)
        };
        assert_eq!(told(end - 1, false), (false, true));
        assert_eq!(told(end, true), (true, true));
        assert_eq!(told(end, false), (true, false));
    }

    #[test]
    fn a_broker_that_wants_to_stop_loses_its_leaderships_and_goes_when_all_know() {
        let mut controller = controller(false);
        beat(&mut controller, &[B0, B1, B2], 1);
        let stop = |controller: &mut ActiveController| {
            let beat = Beat { want_shut_down: true, ..of(B0, 0) };
            controller.heartbeat(beat, at(2)).unwrap().shut_down
        };
        assert!(!stop(&mut controller));
        let state = &controller.image.partitions[0];
        assert_eq!((state.leader, &state.isr), (Some(B1), &vec![B1, B2]));
        let joins = ask(&mut controller, B1, (1, 1), &first_life(&[B1, B2, B0]));
        assert_eq!(joins, Err(ErrorCode::IneligibleReplica));
        let end = controller.end_offset();
        controller.heartbeat(of(B1, end), at(3)).unwrap();
        assert!(!stop(&mut controller), "broker 2 does not know yet");
        controller.heartbeat(of(B2, end), at(3)).unwrap();
        assert!(stop(&mut controller));
        assert!(controller.image.fenced[0], "its next life need not wait for a session");
        assert_eq!(controller.register(B0, 7, Some(0), at(3)), Ok(()));
    }

    #[test]
    fn the_last_replica_may_stop_and_leads_again_when_it_is_back() {
        let mut controller = controller(false);
        ask(&mut controller, B0, (0, 0), &first_life(&[B0])).unwrap();
        for broker in [B1, B2] {
            let beat = Beat { want_shut_down: true, ..of(broker, 0) };
            assert!(controller.heartbeat(beat, at(1)).unwrap().shut_down, "leads nothing");
        }
        let stop = Beat { want_shut_down: true, ..of(B0, 0) };
        assert!(!controller.heartbeat(stop, at(2)).unwrap().shut_down);
        assert!(controller.heartbeat(stop, at(3)).unwrap().shut_down);
        let state = &controller.image.partitions[0];
        assert_eq!((state.leader, &state.isr), (None, &vec![B0]));
        controller.register(B0, 7, Some(0), at(4)).unwrap();
        let back = Beat { incarnation: 7, ..of(B0, controller.end_offset()) };
        controller.heartbeat(back, at(4)).unwrap();
        assert_eq!(controller.image.partitions[0].leader, Some(B0));
    }

    #[test]
    fn a_stale_change_of_the_isr_is_refused() {
        let mut controller = controller(false);
        let mut ask = |from, epochs, isr: &[InSync]| ask(&mut controller, from, epochs, isr);
        assert_eq!(ask(B0, (0, 0), &first_life(&[B0, B1])), Ok(()));
        let stale = ask(B0, (0, 0), &first_life(&[B0]));
        assert_eq!(stale, Err(ErrorCode::InvalidUpdateVersion));
        let another = ask(B1, (0, 1), &first_life(&[B1]));
        assert_eq!(another, Err(ErrorCode::FencedLeaderEpoch));
        let former = [InSync { broker: B0, incarnation: 0 }, InSync { broker: B2, incarnation: 5 }];
        assert_eq!(ask(B0, (0, 1), &former), Err(ErrorCode::IneligibleReplica));
    }

    #[test]
    fn leadership_goes_back_to_the_first_replica_after_the_interval_if_it_is_in_sync() {
        let mut controller = controller(false);
        beat(&mut controller, &[B1, B2], 8);
        controller.fence_stale(at(9));
        for second in [100, 200, 309] {
            beat(&mut controller, &[B0, B1, B2], second);
        }
        controller.rebalance(Time(308_999_999_999));
        controller.rebalance(at(309));
        assert_eq!(controller.image.partitions[0].leader, Some(B1), "not in sync");
        let epochs = (1, controller.image.partitions[0].partition_epoch);
        ask(&mut controller, B1, epochs, &first_life(&[B1, B2, B0])).unwrap();
        assert_eq!(controller.next_wake(), Some(at(318)));
        controller.rebalance(at(609));
        assert_eq!(controller.image.partitions[0].leader, Some(B0));
    }
}
