//! Connections: how they open, stand still and break, and how their ends learn of it.
//!
//! What arrives on a connection is a prefix of what was sent. What an end sends after its
//! connection has broken and before it is told is lost with the rest; so is what was under way
//! behind a message that is lost.

use super::{Pending, Simulation, Status};
use crate::causes::NONE;
use crate::node::{Observer, Protocol};
use crate::queue::EventQueue;
use crate::time::Duration;
use crate::units::NodeId;

/// An incarnation that no process has: a refused connection is one with nobody.
const NOBODY: u32 = u32::MAX;

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// Opens a connection where none stands. False while word of the last one's end is still on its
    /// way to the sender, which believes it open.
    #[cold]
    pub(super) fn open(&mut self, link_id: u32) -> bool {
        let link = self.network.link(link_id);
        if link.ending {
            return false;
        }
        let (from, to) = (link.from, link.to);
        let receiver = &self.nodes[to.index()];
        let refused = receiver.refuses && from != to;
        link.life = if refused { NOBODY } else { receiver.incarnation };
        (link.open, link.half_open) = (true, false);
        // A receiver that goes on with a connection to a former life of the sender learns by the
        // new one that it is dead, and answers on the new one.
        let life = self.nodes[from.index()].incarnation;
        if let Some(back) = self.network.find(to, from) {
            let back = self.network.link(back);
            if back.open && back.life != life && back.life != NOBODY {
                self.break_off(to, from);
            }
        }
        true
    }

    /// The connection of `node` with `peer` breaks. It is told when word from `peer` gets through.
    pub(super) fn break_off(&mut self, node: NodeId, peer: NodeId) {
        let out = self.link_id(node, peer);
        let link = self.network.link(out);
        if link.ending {
            return;
        }
        (link.open, link.half_open) = (false, false);
        self.totals.messages_lost += link.held.len() as u64;
        link.held.clear();
        if self.nodes[node.index()].status == Status::Down {
            return;
        }
        link.ending = true;
        let back = self.link_id(peer, node);
        let rto_min = self.network.spec.rto_min;
        let link = self.network.link(back);
        if !link.stands_still() {
            return self.tell(back);
        }
        let armed = std::mem::replace(&mut link.farewell, true) || !link.held.is_empty();
        if !armed {
            link.rto = rto_min;
            self.arm_retransmission(back, rto_min);
        }
    }

    /// Tells the receiver of a link, behind what is under way to it, that its connection with the
    /// sender has broken.
    fn tell(&mut self, link_id: u32) {
        let link = self.network.link(link_id);
        let (peer, node, machine) = (link.from, link.to, link.from_machine);
        let incarnation = self.nodes[node.index()].incarnation;
        let loopback = &self.machines[machine.index()].spec.loopback;
        let at = self.network.arrival(link_id, self.now, loopback, true);
        self.push(at, Pending::Disconnect { node, incarnation, peer });
    }

    /// The receiver's machine answers that it does not know the connection with this life of the
    /// receiver: it breaks, if it is the one that the sender has.
    pub(super) fn refuse(&mut self, link_id: u32, life: u32) {
        let link = self.network.link(link_id);
        let (from, to) = (link.from, link.to);
        if link.open && link.life == life {
            self.break_off(from, to);
        }
    }

    /// Every connection of a process that is gone. Its peers are told if its machine lives
    /// (`closed`), but for those whose connection was half-open.
    pub(super) fn close_connections(&mut self, node: NodeId, closed: bool) {
        let (mut told, mut gaps) = (Vec::new(), Vec::new());
        for (id, link) in (0..).zip(self.network.links()) {
            let was_open = link.open && !link.half_open;
            let peer = if link.from == node {
                if link.is_blocked() || !link.held.is_empty() {
                    gaps.push(id);
                }
                self.totals.messages_lost += link.held.len() as u64;
                link.held.clear();
                (link.open, link.half_open, link.ending) = (false, false, false);
                link.to
            } else if link.to == node {
                link.farewell = false;
                link.from
            } else {
                continue;
            };
            if closed && was_open && peer != node && !told.contains(&peer) {
                told.push(peer);
            }
        }
        self.lose_in_flight(&gaps);
        for peer in told {
            self.break_off(peer, node);
        }
    }

    /// Connections between these break; both ends are told, and what is under way is lost.
    pub(super) fn reset(&mut self, from: &[NodeId], to: &[NodeId]) {
        let (mut told, mut links) = (Vec::new(), Vec::new());
        for (a, b) in from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b))) {
            let ways = [self.network.find(a, b), self.network.find(b, a)];
            let ways: Vec<u32> = ways.into_iter().flatten().collect();
            if a != b && ways.iter().any(|id| self.network.link(*id).open) {
                links.extend(ways);
                told.extend([(a, b), (b, a)]);
            }
        }
        self.lose_in_flight(&links);
        for (node, peer) in told {
            self.break_off(node, peer);
        }
    }

    /// Messages on the connections of these links that are under way will not arrive.
    fn lose_in_flight(&mut self, links: &[u32]) {
        if links.is_empty() {
            return;
        }
        for event in &mut self.pending {
            if let Pending::Arrive { link, datagram: false, .. } = event
                && links.contains(link)
            {
                *event = Pending::Lost;
                self.totals.messages_lost += 1;
            }
        }
    }

    /// Keeps a message that did not get through, to be retransmitted.
    pub(super) fn hold(&mut self, link_id: u32, life: u32, message: P::Message) {
        let rto_min = self.network.spec.rto_min;
        let link = self.network.link(link_id);
        let first = link.held.is_empty();
        let cause = self.causes.as_mut().map_or(NONE, |causes| causes.hold());
        link.held.push_back((life, cause, message));
        if first {
            link.rto = rto_min;
            self.arm_retransmission(link_id, rto_min);
        }
    }

    /// Sets the retransmission timer of a link; one that was set before does not count any more.
    fn arm_retransmission(&mut self, link_id: u32, after: Duration) {
        let link = self.network.link(link_id);
        link.timer += 1;
        let timer = link.timer;
        self.push(self.now + after, Pending::Retransmit { link: link_id, timer });
    }

    /// The retransmission timer of a link: tries again, or doubles the timeout.
    pub(super) fn retransmit(&mut self, link_id: u32, timer: u32) {
        let rto_max = self.network.spec.rto_max;
        let link = self.network.link(link_id);
        let machine = link.to_machine;
        if link.timer != timer || (link.held.is_empty() && !link.farewell) {
            return;
        }
        if link.is_blocked() || !self.machines[machine.index()].powered {
            link.rto = (link.rto * 2).min(rto_max);
            let again = link.rto;
            return self.arm_retransmission(link_id, again);
        }
        let held = std::mem::take(&mut link.held);
        if std::mem::take(&mut link.farewell) {
            self.tell(link_id);
        }
        let from = self.network.link(link_id).from;
        for (life, cause, message) in held {
            if let Some(causes) = &mut self.causes {
                causes.sent_again(self.now, from, cause);
            }
            self.transmit(link_id, life, message);
        }
    }

    /// These links are no longer clogged: what they hold goes on, behind what is under way still.
    pub(super) fn unclog(&mut self, links: &[u32]) {
        for id in links {
            let link = self.network.link(*id);
            if link.clogs > 0 {
                continue;
            }
            let cut = link.cuts > 0;
            let from = link.from;
            for (incarnation, cause, message) in std::mem::take(&mut link.clogged) {
                if cut {
                    self.totals.messages_lost += 1;
                    continue;
                }
                if let Some(causes) = &mut self.causes {
                    causes.sent_again(self.now, from, cause);
                }
                let (taken_in, datagram) = (false, true);
                let event = Pending::Arrive { link: *id, incarnation, taken_in, datagram, message };
                self.push(self.now, event);
            }
            let link = self.network.link(*id);
            if !link.is_blocked() && (link.farewell || !link.held.is_empty()) {
                let behind = link.last_arrival().since(self.now);
                self.arm_retransmission(*id, behind);
            }
        }
    }
}
