//! Changes of in-sync replicas that this broker, as a leader, asks the active controller for.
//!
//! Stands for `AlterPartitionManager` and its `NodeToControllerChannelManager` of apache/kafka @
//! 3.9.0: one request at a time, for all partitions with news, sent again until it is answered; 50
//! ms after an error. `controller.socket.timeout.ms` is at its default. No other parameters.

use headwater_sim::time::Duration;

use super::{Broker, Ctx, TAGS, kind};
use crate::collections::SortedVecMap;
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{AskedIsr, ErrorCode, GrantedIsr, InSync, Message};

/// Pause after an error (`AlterPartitionManager.sendRequest`), and before a broken connection is
/// tried again (`reconnect.backoff.ms` of the channel).
const AFTER_ERROR: Duration = Duration::from_millis(50);
/// Pause while no controller is known (`NodeToControllerRequestThread.doWork`).
pub(super) const NO_CONTROLLER: Duration = Duration::from_millis(100);
/// A request without an answer for this long goes to the controller of then
/// (`controller.socket.timeout.ms`).
const SOCKET_TIMEOUT: Duration = Duration::from_secs(30);

/// What is asked for and not yet answered.
#[derive(Debug, Default)]
pub struct AlterPartitions {
    unsent: SortedVecMap<TopicPartition, AskedIsr>,
    /// Whom the request is with.
    in_flight: Option<BrokerId>,
    /// Counts requests.
    number: u64,
    /// Until a pause is over.
    pauses: bool,
}

impl Broker {
    /// Asks for another ISR of a partition that this broker leads; one change at a time.
    pub(super) fn propose_isr(
        &mut self,
        ctx: &mut Ctx<'_>,
        partition: TopicPartition,
        isr: Vec<InSync>,
    ) {
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        if replica.proposed_isr.is_some() || self.altering.unsent.contains_key(&partition) {
            return;
        }
        replica.proposed_isr = Some(isr.clone());
        let (leader_epoch, partition_epoch) =
            (replica.state.leader_epoch, replica.state.partition_epoch);
        let asked = AskedIsr { partition, leader_epoch, partition_epoch, isr };
        self.altering.unsent.insert(partition, asked);
        self.send_altered(ctx);
    }

    fn send_altered(&mut self, ctx: &mut Ctx<'_>) {
        let controller = self.active_controller();
        let altering = &mut self.altering;
        if altering.pauses || altering.in_flight.is_some() || altering.unsent.is_empty() {
            return;
        }
        let Some(controller) = controller else {
            return self.pause_altering(ctx, NO_CONTROLLER);
        };
        altering.in_flight = Some(controller);
        altering.number += 1;
        let ask = Message::AlterPartition(altering.unsent.values().cloned().collect());
        ctx.timer(SOCKET_TIMEOUT, TAGS.tag(kind::ALTER_LATE, altering.number));
        self.send_to_controller(ctx, controller, ask);
    }

    fn pause_altering(&mut self, ctx: &mut Ctx<'_>, pause: Duration) {
        self.altering.in_flight = None;
        if !std::mem::replace(&mut self.altering.pauses, true) {
            ctx.timer(pause, TAGS.tag(kind::ALTER_AGAIN, 0));
        }
    }

    /// The pause is over.
    pub(super) fn alter_again(&mut self, ctx: &mut Ctx<'_>) {
        self.altering.pauses = false;
        self.send_altered(ctx);
    }

    /// The answer to a request may be late.
    pub(super) fn alter_late(&mut self, ctx: &mut Ctx<'_>, number: u64) {
        if self.altering.number == number && self.altering.in_flight.is_some() {
            self.pause_altering(ctx, AFTER_ERROR);
        }
    }

    /// The connection with a broker has broken.
    pub(super) fn alter_lost(&mut self, ctx: &mut Ctx<'_>, peer: BrokerId) {
        if self.altering.in_flight == Some(peer) {
            self.pause_altering(ctx, AFTER_ERROR);
        }
    }

    /// The controller has answered.
    pub(super) fn alter_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        error: ErrorCode,
        results: Vec<(TopicPartition, Result<GrantedIsr, ErrorCode>)>,
    ) {
        if self.altering.in_flight.take().is_none() {
            return;
        }
        if error != ErrorCode::None {
            return self.pause_altering(ctx, AFTER_ERROR);
        }
        for (partition, result) in results {
            let Some(asked) = self.altering.unsent.remove(&partition) else { continue };
            self.isr_answered(ctx, &asked, result);
        }
        self.send_altered(ctx);
    }

    /// `Partition.submitAlterPartition`: a granted change holds at once. After a refusal because of
    /// a replica the partition is as before; after another the metadata log brings news.
    fn isr_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: &AskedIsr,
        result: Result<GrantedIsr, ErrorCode>,
    ) {
        let partition = asked.partition;
        let Some(replica) = self.replicas.get_mut(partition) else { return };
        let state = &mut replica.state;
        if (state.leader_epoch, state.partition_epoch)
            != (asked.leader_epoch, asked.partition_epoch)
        {
            return;
        }
        match result {
            Ok(granted) if granted.leader_epoch == asked.leader_epoch => {
                replica.proposed_isr = None;
                let (old, new) = (state.isr.len(), granted.isr.len());
                (state.isr, state.partition_epoch) = (granted.isr, granted.partition_epoch);
                Self::note_isr(ctx, partition, old, new);
                self.advance(ctx, partition);
                self.check_waiting_produce(ctx, partition);
                if new < old {
                    self.check_waiting_fetches(ctx, partition);
                }
            }
            Err(ErrorCode::IneligibleReplica) => replica.proposed_isr = None,
            _ => {}
        }
    }
}
