//! Effects: carrying out what a node asked for.

use super::{Pending, Simulation, Status};
use crate::buggify::Site;
use crate::causes::Spent;
use crate::cpu::Work;
use crate::effect::{Effect, Transport};
use crate::impairment::Fate;
use crate::node::{Message, Note, Observer, Protocol};
use crate::queue::EventQueue;
use crate::scheduling::Policy;
use crate::time::{Duration, Time};
use crate::units::NodeId;

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// Carries out what `node` has just recorded, in order.
    #[inline]
    pub(super) fn carry_out(&mut self, node: NodeId) {
        if self.effects.is_empty() {
            return;
        }
        let mut effects = std::mem::take(&mut self.effects);
        // Taken from the back, each is moved once.
        effects.reverse();
        while let Some(effect) = effects.pop() {
            self.observer.effect(self.now, node, &effect);
            match effect {
                Effect::Send { to, message, transport } => self.send(node, to, message, transport),
                Effect::Timer { delay, tag, exact, what } => {
                    self.timer(node, delay, tag, exact);
                    if let Some(causes) = &mut self.causes {
                        causes.named(what);
                    }
                }
                Effect::Compute { pool, cost, tail, tag } => {
                    self.compute(node, pool, Work { cost, tail, until: Time::ZERO }, tag);
                }
                Effect::Spin { pool, time, tag } => {
                    let (cost, tail) = (Duration::ZERO, Duration::ZERO);
                    self.compute(node, pool, Work { cost, tail, until: self.now + time }, tag);
                }
                Effect::StopTheWorld { work, threads, tag } => {
                    self.stop_the_world(node, work, threads, tag);
                }
                Effect::Disk { disk, op, tag } => self.disk(node, disk, op, tag),
                Effect::Note(note) => {
                    self.fingerprint.fold(note.digest());
                    self.observer.note(self.now, node, note);
                }
                Effect::Gauge { name, value } => {
                    self.nodes[node.index()].gauges.set(name, value);
                }
                Effect::Exit => {
                    self.crash(node, true);
                    break;
                }
            }
        }
        effects.clear();
        self.effects = effects;
    }

    #[inline]
    fn timer(&mut self, node: NodeId, mut delay: Duration, tag: u64, exact: bool) {
        let state = &mut self.nodes[node.index()];
        let mut due = self.now + delay;
        if let Some((clock, stream)) = state.clock.as_deref_mut() {
            due = clock.monotonic(self.now) + delay;
            delay = clock.real(delay, stream);
        }
        if let Some(buggify) = &mut self.buggify {
            delay += buggify.delay(Site::LateTimer);
        }
        if !exact && delay > Duration::ZERO && matches!(state.spec.policy, Policy::Fair { .. }) {
            delay += self.machines[state.spec.machine.index()].cores.timer_slack();
        }
        let incarnation = state.incarnation;
        let parts = self.defects.parts_of_timer(self.now, self.totals.events);
        if parts < 2 {
            delay = delay / 2 * parts;
        }
        self.push(self.now + delay, Pending::Timer { node, incarnation, tag, due });
    }

    #[inline(always)]
    fn send(&mut self, from: NodeId, to: NodeId, message: P::Message, transport: Transport) {
        let link_id = self.link_id(from, to);
        if transport == Transport::Datagram {
            let life = self.nodes[to.index()].incarnation;
            return self.send_datagram(link_id, life, message);
        }
        if !self.network.link(link_id).open && !self.open(link_id) {
            self.totals.messages_lost += 1;
            return;
        }
        let link = self.network.link(link_id);
        let life = link.life;
        // Messages are held back already: to keep the order, this one waits with them.
        if link.keeps_back() {
            let cause = self.causes.as_mut().map_or(0, |causes| causes.hold());
            return link.held.push_back((life, cause, message));
        }
        self.transmit(link_id, life, message);
    }

    /// Puts a message of a connection on its way.
    #[inline]
    pub(super) fn transmit(&mut self, link_id: u32, incarnation: u32, message: P::Message) {
        let rto_min = self.network.spec.rto_min;
        let link = self.network.link(link_id);
        let machine = &mut self.machines[link.from_machine.index()];
        let bytes = message.size_bytes();
        let out = if link.is_local() { self.now } else { machine.nic.send(self.now, bytes) };
        let mut departs = link.segment(out, bytes, rto_min);
        if let Some(buggify) = &mut self.buggify {
            departs += buggify.delay(Site::LateMessage);
        }
        let fifo = !self.defects.overtakes(self.totals.events);
        let at = self.network.arrival(link_id, departs, &machine.spec.loopback, fifo);
        if !self.network.link(link_id).in_order(at) {
            let node = self.network.link(link_id).to;
            self.kept.add(self.now, node, "a message overtakes another on its connection");
        }
        let (taken_in, datagram) = (false, false);
        let event = Pending::Arrive { link: link_id, incarnation, taken_in, datagram, message };
        if self.causes.is_some() {
            return self.push_sent(link_id, (out, departs), at, event);
        }
        self.push(at, event);
    }

    /// Puts a message on its way that left the card at `out`, and for the last time at `departs`.
    #[cold]
    fn push_sent(
        &mut self,
        link_id: u32,
        (out, departs): (Time, Time),
        at: Time,
        event: Pending<P>,
    ) {
        let from = self.network.link(link_id).from;
        let before = self.causes.as_mut().map(|causes| {
            let before = causes.detour(out, from, Spent::SenderCard);
            causes.spent(departs, from, Spent::Resent);
            before
        });
        self.push(at, event);
        if let (Some(causes), Some(before)) = (&mut self.causes, before) {
            causes.back(before);
        }
    }

    fn send_datagram(&mut self, link_id: u32, incarnation: u32, message: P::Message) {
        let link = self.network.link(link_id);
        let bytes = message.size_bytes();
        let machine = &mut self.machines[link.from_machine.index()];
        let departs = if link.is_local() { self.now } else { machine.nic.send(self.now, bytes) };
        let fate = if link.cuts > 0 { Fate::Lost } else { link.datagram(departs, bytes) };
        let Fate::Leaves { at, twice, held_back } = fate else {
            self.totals.messages_lost += 1;
            return;
        };
        let copy = if twice { message.duplicate() } else { None };
        for message in [Some(message), copy].into_iter().flatten() {
            let loopback = &self.machines[self.network.link(link_id).from_machine.index()].spec;
            let at = self.network.arrival(link_id, at, &loopback.loopback, false) + held_back;
            let (taken_in, datagram) = (false, true);
            let event = Pending::Arrive { link: link_id, incarnation, taken_in, datagram, message };
            self.push(at, event);
        }
    }

    /// Starts a node, for the first time or again.
    pub(super) fn boot(&mut self, node: NodeId) {
        let state = &mut self.nodes[node.index()];
        if state.status != Status::Down || !self.machines[state.spec.machine.index()].powered {
            return;
        }
        state.status = Status::Running;
        state.node = Some((state.spec.factory)(node));
        let life = u64::from(state.incarnation) << 32 | u64::from(node.0);
        state.random = self.seed.stream("node", life);
        for number in 0..state.background.len() {
            self.next_of_background(node, number as u32);
        }
        self.input(node, super::Input::Start);
    }
}
