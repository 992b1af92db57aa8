//! Events: what each does when it is due, and handing inputs to nodes.

use super::{Input, Pending, Simulation, Status};
use crate::causes::{NONE, Spent};
use crate::clock::Clock;
use crate::context::Context;
use crate::log::LogEntry;
use crate::node::{Completion, Message, Observer, Protocol, READ, Record};
use crate::queue::EventQueue;
use crate::random::Stream;
use crate::time::{Duration, Time};
use crate::units::NodeId;

/// Event kinds in the fingerprint.
const MESSAGE: u64 = 1 << 32;
const TIMER: u64 = 2 << 32;
const DONE: u64 = 3 << 32;
const DISCONNECT: u64 = 4 << 32;
const START: u64 = 5 << 32;
const SHUTDOWN: u64 = 7 << 32;
const CONDITION: u64 = 8 << 32;

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// Puts an event into the queue.
    pub(super) fn push(&mut self, at: Time, event: Pending<P>) {
        self.place(at, event);
    }

    /// [`Self::push`], in line: a small event is written where it stays, and moved nowhere.
    #[inline(always)]
    pub(super) fn place(&mut self, at: Time, event: Pending<P>) {
        let slot = match self.free.pop() {
            Some(slot) => {
                // The slot that was there is free: there is nothing to drop.
                std::mem::forget(std::mem::replace(&mut self.pending[slot as usize], event));
                slot
            }
            None => {
                self.pending.push(event);
                self.pending.len() as u32 - 1
            }
        };
        if let Some(causes) = &mut self.causes {
            causes.pushed(slot);
        }
        self.sequence += 1;
        self.queue.push((at.0, self.sequence, slot));
    }

    pub(super) fn process(&mut self, event: Pending<P>) {
        match event {
            Pending::Arrive { link, incarnation, taken_in, datagram, message } => {
                self.arrive(link, incarnation, taken_in, datagram, message);
            }
            Pending::Timer { node, incarnation, tag, due } => match self.early(node, due) {
                Some(by) => {
                    self.push(self.now + by, Pending::Timer { node, incarnation, tag, due });
                    if let Some(causes) = &mut self.causes {
                        causes.named_again();
                    }
                }
                None => {
                    self.ran_out(node, due);
                    self.input_if_alive(node, incarnation, Input::Timer(tag));
                }
            },
            Pending::Computed { job } => {
                if let Some(causes) = &mut self.causes {
                    causes.ran(self.now, &job, self.now.since(job.asked));
                }
                self.computed(job);
            }
            Pending::Core { machine, core, turn, .. } => {
                let Self { now, core_events, .. } = self;
                self.machines[machine.index()].cores.slice_over(*now, core, turn, core_events);
                self.push_core_events(machine);
            }
            Pending::Other { machine, other, work } => self.other_wakes(machine, other, work),
            Pending::Background { node, incarnation, number, work } => {
                self.background_wakes(node, incarnation, number, work);
            }
            Pending::Done { node, incarnation, tag, completion } => {
                self.input_if_alive(node, incarnation, Input::Done(tag, completion));
            }
            Pending::Synced(sync) => self.synced(&sync),
            Pending::Disconnect { node, incarnation, peer } => {
                self.input_if_alive(node, incarnation, Input::Disconnect(peer));
            }
            Pending::Retransmit { link, timer } => self.retransmit(link, timer),
            Pending::WriteBack { machine } => self.write_back(machine),
            Pending::WrittenBack(piece) => self.written_back(*piece),
            Pending::Fault(fault) => self.apply_fault(&fault),
            Pending::Lost => {}
            Pending::Free => unreachable!("a free slot is never queued"),
        }
    }

    /// How long it is until the node's clock, which may have become slower since a timer was set,
    /// shows the time that it is due.
    #[inline]
    fn early(&mut self, node: NodeId, due: Time) -> Option<Duration> {
        let (clock, stream) = self.nodes[node.index()].clock.as_deref_mut()?;
        let shown = clock.monotonic(self.now);
        (shown < due).then(|| clock.real(due.since(shown), stream))
    }

    pub(super) fn input_if_alive(&mut self, node: NodeId, incarnation: u32, input: Input<P>) {
        if self.nodes[node.index()].incarnation == incarnation {
            self.input(node, input);
        }
    }

    /// Hands an input to a node: at once if it runs, later if it is paused, never if it is down.
    pub(super) fn input(&mut self, node: NodeId, input: Input<P>) {
        self.hand_over_input(node, input);
    }

    /// [`Self::input`], in line where the kind of input is known and comes often.
    #[inline(always)]
    pub(super) fn hand_over_input(&mut self, node: NodeId, input: Input<P>) {
        let state = &mut self.nodes[node.index()];
        match state.status {
            Status::Running => {}
            Status::Paused => {
                let spent = spent_on(&input);
                let causes = self.causes.as_mut();
                let cause = causes.map_or(NONE, |causes| causes.waits(self.now, node, spent));
                return state.waiting.push_back((cause, input));
            }
            Status::Down => return,
        }
        let (what, kind, peer, detail) = describe(&input);
        self.fingerprint.event(self.now.0, what | u64::from(node.0), detail);
        let what = match what {
            MESSAGE => "message",
            TIMER => "timer",
            DONE => "done",
            DISCONNECT => "disconnect",
            SHUTDOWN => "shutdown",
            CONDITION => "condition",
            _ => "start",
        };
        let entry = LogEntry { at: self.now, node, what, kind, peer, detail };
        self.observer.event(self.log.total(), self.fingerprint.value(), &entry);
        self.log.push(entry);
        if let Some(causes) = &mut self.causes {
            let kind = if kind.is_empty() { what } else { kind };
            causes.input(self.now, node, spent_on(&input), kind, detail);
        }
        let behaviour = state.node.as_mut().expect("a running node has been built");
        let (now, wall) = read_clock(self.now, state.clock.as_deref());
        let cache = &self.machines[state.spec.machine.index()].cache;
        let ctx = Context::new(now, node, self.seed, &mut state.random, &mut self.effects);
        let mut ctx = ctx.with_wall(wall).with_files(&state.files, cache);
        match input {
            Input::Message(from, message) => behaviour.on_message(&mut ctx, from, message),
            Input::Timer(tag) => behaviour.on_timer(&mut ctx, tag),
            Input::Done(tag, completion) => behaviour.on_completion(&mut ctx, tag, completion),
            Input::Disconnect(peer) => {
                if let Some(link) = self.network.find(node, peer) {
                    self.network.link(link).ending = false;
                }
                behaviour.on_disconnect(&mut ctx, peer);
            }
            Input::Start => behaviour.on_start(&mut ctx),
            Input::Shutdown => behaviour.on_shutdown(&mut ctx),
            Input::Condition(condition) => behaviour.on_condition(&mut ctx, &condition),
        }
        self.carry_out(node);
        self.keep();
    }

    /// A message has come to the receiver's card.
    fn came_to_card(&mut self, to: NodeId) {
        if let Some(causes) = &mut self.causes {
            causes.spent(self.now, to, Spent::Wire);
        }
    }

    /// Keeps the event at hand with what led to it, if the observer wants to.
    #[inline]
    fn keep(&mut self) {
        if let Some(causes) = &mut self.causes
            && self.observer.keeps()
        {
            causes.keep(self.log.total() - 1);
        }
    }

    fn arrive(
        &mut self,
        link_id: u32,
        incarnation: u32,
        taken_in: bool,
        datagram: bool,
        message: P::Message,
    ) {
        let link = self.network.link(link_id);
        let (from, to, local, bytes) = (link.from, link.to, link.is_local(), message.size_bytes());
        let machine = &mut self.machines[link.to_machine.index()];
        // A message that is held keeps back those sent after it, also once the way is free again.
        if link.is_blocked() || (!datagram && !link.held.is_empty()) {
            if !datagram {
                return self.hold(link_id, incarnation, message);
            }
            if link.cuts > 0 {
                self.totals.messages_lost += 1;
                return;
            }
            if link.clogs > 0 {
                let cause = self.causes.as_mut().map_or(NONE, |causes| causes.hold());
                return link.clogged.push((incarnation, cause, message));
            }
        }
        if !taken_in && !local {
            let taken = machine.nic.receive(self.now, bytes);
            if taken > self.now {
                self.came_to_card(to);
                let (link, taken_in) = (link_id, true);
                let again = Pending::Arrive { link, incarnation, taken_in, datagram, message };
                return self.push(taken, again);
            }
        }
        if !machine.powered && !datagram {
            return self.hold(link_id, incarnation, message);
        }
        let receiver = &mut self.nodes[to.index()];
        if receiver.status == Status::Down || receiver.incarnation != incarnation {
            self.totals.messages_lost += 1;
            if !datagram && machine.powered {
                self.refuse(link_id, incarnation);
            }
            return;
        }
        self.totals.messages += 1;
        self.totals.message_bytes += bytes;
        if receiver.status == Status::Paused {
            let causes = self.causes.as_mut();
            let cause = causes.map_or(NONE, |causes| causes.waits(self.now, to, came(taken_in)));
            return receiver.waiting.push_back((cause, Input::Message(from, message)));
        }
        // What `input` does, without the detour: most events are messages.
        let detail = message.digest() ^ u64::from(from.0) << 48;
        self.fingerprint.event(self.now.0, MESSAGE | u64::from(to.0), detail);
        let (at, kind, peer) = (self.now, message.kind(), Some(from));
        let entry = LogEntry { at, node: to, what: "message", kind, peer, detail };
        self.observer.event(self.log.total(), self.fingerprint.value(), &entry);
        self.log.push(entry);
        if let Some(causes) = &mut self.causes {
            causes.input(at, to, came(taken_in), kind, 0);
        }
        let behaviour = receiver.node.as_mut().expect("a running node has been built");
        let (now, wall) = read_clock(self.now, receiver.clock.as_deref());
        let ctx = Context::new(now, to, self.seed, &mut receiver.random, &mut self.effects);
        let mut ctx = ctx.with_wall(wall).with_files(&receiver.files, &machine.cache);
        behaviour.on_message(&mut ctx, from, message);
        self.carry_out(to);
        self.keep();
    }
}

/// How the last part of a message's way was spent.
const fn came(taken_in: bool) -> Spent {
    if taken_in { Spent::ReceiverCard } else { Spent::Wire }
}

/// How the time was spent until an input was ready.
fn spent_on<P: Protocol>(input: &Input<P>) -> Spent {
    match input {
        Input::Message(..) | Input::Disconnect(_) => Spent::Wire,
        Input::Timer(_) => Spent::Timer,
        Input::Done(_, Completion::Computed) => Spent::Work,
        Input::Done(_, Completion::Synced) => Spent::Sync,
        Input::Done(_, Completion::Written { .. }) => Spent::Write,
        Input::Done(..) => Spent::Read,
        Input::Start | Input::Shutdown | Input::Condition(_) => Spent::Nothing,
    }
}

/// What a node's clock shows, monotonic and of the day.
#[inline]
fn read_clock(now: Time, clock: Option<&(Clock, Stream)>) -> (Time, Time) {
    clock.map_or((now, now), |(clock, _)| (clock.monotonic(now), clock.wall(now)))
}

#[inline(always)]
fn describe<P: Protocol>(input: &Input<P>) -> (u64, &'static str, Option<NodeId>, u64) {
    match input {
        Input::Message(from, message) => {
            (MESSAGE, message.kind(), Some(*from), message.digest() ^ u64::from(from.0) << 48)
        }
        Input::Timer(tag) => (TIMER, "", None, *tag),
        Input::Done(tag, completion) => {
            let (kind, detail) = describe_completion(completion);
            (DONE, kind, None, crate::fingerprint::mix(*tag, detail))
        }
        Input::Disconnect(peer) => (DISCONNECT, "", Some(*peer), u64::from(peer.0)),
        Input::Start => (START, "", None, 0),
        Input::Shutdown => (SHUTDOWN, "", None, 0),
        Input::Condition(condition) => (CONDITION, "", None, condition.value),
    }
}

#[inline]
fn describe_completion<R: Record>(completion: &Completion<R>) -> (&'static str, u64) {
    match completion {
        Completion::Computed => ("computed", 1),
        Completion::Written { index } => ("written", index << 8 | 2),
        Completion::Synced => ("synced", 3),
        Completion::Failed(error) => ("failed", 7 + *error as u64),
        Completion::Read { .. } | Completion::Listed { .. } => describe_found(completion),
    }
}

/// What was found on a disk.
fn describe_found<R: Record>(completion: &Completion<R>) -> (&'static str, u64) {
    match completion {
        Completion::Read { records, damaged } => {
            let fold = |hash, record: &R| match record.digest_of_read() {
                Some(read) => read,
                None => crate::fingerprint::mix(hash, record.digest()),
            };
            ("read", records.iter().fold(READ + u64::from(*damaged), fold))
        }
        Completion::Listed { files } => {
            let fold = |hash, file: &(crate::disk::FileId, u64)| {
                crate::fingerprint::mix(hash, file.0.0 ^ file.1.rotate_left(32))
            };
            ("listed", files.iter().fold(6, fold))
        }
        _ => ("", 0),
    }
}
