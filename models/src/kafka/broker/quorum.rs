//! The thread of the broker's voter in the controller quorum, and what the quorum commits.
//!
//! Stands for `KafkaRaftClientDriver` and `BrokerMetadataPublisher` of apache/kafka @ 3.9.0. One
//! thread takes in messages, looks at timeouts, writes and syncs: while it waits for its disk it
//! does nothing else, so that a leader with a hanging disk loses its role. Parameters:
//! [`crate::kafka::costs::Costs::raft_message_ns`]. Left out: broker observers of the quorum.

use std::collections::VecDeque;

use headwater_sim::disk::DiskOp;
use headwater_sim::time::{Duration, Time};

use super::{Broker, Ctx, DISK, RAFT, TAGS, kind};
use crate::kafka::controller::raft::{Output, Raft};
use crate::kafka::ids::{BrokerId, TopicPartition};
use crate::kafka::message::{self, Message};
use crate::kafka::metadata::MetadataRecord;
use crate::kafka::record::{METADATA_FILE, QUORUM_STATE_FILE, Record};
use crate::kafka::signals;
use crate::protocol;

/// What waits for the thread.
#[derive(Debug)]
pub enum Input {
    /// A message of another voter.
    Message(BrokerId, message::Raft),
    /// Records of the active controller.
    Propose(Vec<MetadataRecord>),
    /// A connection has broken.
    Disconnected(BrokerId),
    /// The process is about to stop.
    Stop,
}

/// The voter and its thread.
#[derive(Debug)]
pub struct Quorum {
    pub(super) raft: Raft,
    inbox: VecDeque<Input>,
    /// It takes a message in.
    busy: bool,
    /// It waits for its disk.
    syncs: bool,
    /// What it asks for once the disk is done.
    held: VecDeque<Output>,
    wakes: Time,
}

impl Quorum {
    /// An idle thread.
    pub const fn new(raft: Raft) -> Self {
        Self {
            raft,
            inbox: VecDeque::new(),
            busy: false,
            syncs: false,
            held: VecDeque::new(),
            wakes: Time::MAX,
        }
    }

    /// It was told to stop, and nobody waits for it.
    pub(super) fn has_stopped(&self) -> bool {
        self.is_idle() && self.inbox.is_empty() && self.raft.may_stop()
    }

    const fn is_idle(&self) -> bool {
        !self.busy && !self.syncs
    }
}

impl Broker {
    /// Something for the voter's thread.
    pub(super) fn tell_voter(&mut self, ctx: &mut Ctx<'_>, input: Input) {
        let Some(quorum) = &mut self.quorum else { return };
        quorum.inbox.push_back(input);
        self.run_voter(ctx);
    }

    /// The thread takes the next message, or sleeps until a timeout.
    pub(super) fn run_voter(&mut self, ctx: &mut Ctx<'_>) {
        let Some(quorum) = &mut self.quorum else { return };
        if !quorum.is_idle() {
            return;
        }
        if !quorum.inbox.is_empty() {
            quorum.busy = true;
            let cost = Duration(self.config.costs.raft_message_ns);
            return ctx.compute(RAFT, cost, TAGS.tag(kind::RAFT_RUN, 0));
        }
        self.voter_sleeps(ctx);
    }

    fn voter_sleeps(&mut self, ctx: &mut Ctx<'_>) {
        let Some(quorum) = &mut self.quorum else { return };
        let wake = quorum.raft.next_wake();
        if wake < quorum.wakes {
            quorum.wakes = wake;
            ctx.timer(wake.since(ctx.now()), TAGS.tag(kind::RAFT_TICK, 0));
        }
    }

    /// A timeout of the voter's may be over.
    pub(super) fn voter_wakes(&mut self, ctx: &mut Ctx<'_>) {
        let Some(quorum) = &mut self.quorum else { return };
        // An earlier one may have been set since.
        if quorum.wakes <= ctx.now() {
            quorum.wakes = Time::MAX;
        }
        let mut late = Vec::new();
        quorum.raft.expire(ctx.now(), &mut late);
        for output in late {
            if let Output::Send(to, message) = output {
                self.send(ctx, to, Message::Raft(message));
            }
        }
        let Some(quorum) = &mut self.quorum else { return };
        if quorum.is_idle() {
            let mut out = Vec::new();
            quorum.raft.poll(ctx.now(), &mut out);
            quorum.held.extend(out);
            self.carry_out(ctx);
        } else {
            self.voter_is_late(ctx);
        }
    }

    /// The thread is held up. Fetches that wait are answered in time all the same.
    fn voter_is_late(&mut self, ctx: &mut Ctx<'_>) {
        let Some(quorum) = &mut self.quorum else { return };
        if let Some(next) = quorum.raft.next_expiry()
            && next < quorum.wakes
        {
            quorum.wakes = next;
            ctx.timer(next.since(ctx.now()), TAGS.tag(kind::RAFT_TICK, 0));
        }
    }

    /// The thread has taken a message in: it looks at its timeouts first, which may be long over if
    /// it was held up.
    pub(super) fn voter_ran(&mut self, ctx: &mut Ctx<'_>) {
        let (now, mut out) = (ctx.now(), Vec::new());
        let Some(quorum) = &mut self.quorum else { return };
        quorum.busy = false;
        quorum.raft.poll(now, &mut out);
        if !out.iter().any(Output::is_blocking)
            && let Some(input) = quorum.inbox.pop_front()
        {
            match input {
                Input::Message(from, message) => quorum.raft.receive(from, message, now, &mut out),
                Input::Propose(records) => quorum.raft.propose(records, &mut out),
                Input::Disconnected(peer) => quorum.raft.disconnected(peer, now),
                Input::Stop => quorum.raft.stop(now, &mut out),
            }
            quorum.raft.poll(now, &mut out);
        }
        quorum.held.extend(out);
        self.carry_out(ctx);
    }

    /// The disk has done what the thread waited for.
    pub(super) fn voter_synced(&mut self, ctx: &mut Ctx<'_>) {
        let Some(quorum) = &mut self.quorum else { return };
        quorum.syncs = false;
        self.carry_out(ctx);
    }

    /// Carries out what the voter asks for, up to the next thing that it waits for.
    fn carry_out(&mut self, ctx: &mut Ctx<'_>) {
        let ignored = TAGS.tag(kind::IGNORED, 0);
        while let Some(output) = self.quorum.as_mut().and_then(|of| of.held.pop_front()) {
            let blocks = output.is_blocking();
            match output {
                Output::Send(to, message) => self.send(ctx, to, Message::Raft(message)),
                Output::Store(state) => {
                    let record = protocol::Record::Kafka(Record::QuorumState(state));
                    ctx.write(DISK, QUORUM_STATE_FILE, record, ignored);
                    ctx.sync(DISK, QUORUM_STATE_FILE, TAGS.tag(kind::RAFT_SYNCED, 0));
                }
                Output::Append(epoch, record) => {
                    let record = Box::new(record);
                    let record = protocol::Record::Kafka(Record::Metadata { epoch, record });
                    ctx.write(DISK, METADATA_FILE, record, ignored);
                }
                Output::Truncate(keep) => {
                    ctx.disk(DISK, DiskOp::Truncate { file: METADATA_FILE, keep }, ignored);
                }
                Output::Flush => ctx.sync(DISK, METADATA_FILE, TAGS.tag(kind::RAFT_SYNCED, 0)),
                Output::Elected(epoch) => self.become_active(ctx, epoch),
                Output::Resigned => self.resign_controller(ctx),
            }
            if blocks {
                if let Some(quorum) = &mut self.quorum {
                    quorum.syncs = true;
                }
                break;
            }
        }
        self.apply_committed(ctx);
        match &self.quorum {
            Some(quorum) if quorum.is_idle() => self.run_voter(ctx),
            _ => self.voter_is_late(ctx),
        }
        self.try_to_exit(ctx);
    }

    /// Takes in what the quorum has committed.
    fn apply_committed(&mut self, ctx: &mut Ctx<'_>) {
        let Some(quorum) = &self.quorum else { return };
        let (from, to) = (self.applied, quorum.raft.high_watermark());
        if from >= to {
            return;
        }
        let records = quorum.raft.log().between(from, to);
        let records: Vec<_> = records.map(|(_, record)| record.clone()).collect();
        self.applied = to;
        for record in records {
            self.image.apply(&record);
            match record {
                MetadataRecord::Partition { partition, state } if self.loaded => {
                    self.take_up(ctx, partition, state, false);
                }
                MetadataRecord::Fencing { broker, fenced: true } if broker == self.me => {
                    signals::FENCED.note(ctx, u64::from(broker), 0);
                }
                _ => {}
            }
        }
        self.run_fetchers(ctx);
        self.answer_committed(ctx);
    }

    /// Every replica takes up the role that the image gives it: the logs are loaded.
    pub(super) fn take_up_roles(&mut self, ctx: &mut Ctx<'_>) {
        self.loaded = true;
        for (partition, state) in TopicPartition::all(self.image.partitions.len() as u32)
            .zip(self.image.partitions.clone())
        {
            self.take_up(ctx, partition, state, true);
        }
        self.run_fetchers(ctx);
    }

    /// The active controller, as far as this broker's voter knows.
    pub(super) fn active_controller(&self) -> Option<BrokerId> {
        self.quorum.as_ref().and_then(|of| of.raft.leader())
    }
}
