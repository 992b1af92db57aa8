//! The way of one event, from its end back to when it was due: a chain of causes in which every
//! stretch of time is named once, so that they add up to the event's latency.
//!
//! At each step back the event is at one node, its home. A chain may leave it: a batch that cannot
//! be sent waits for the answer to another, and a batch in a leader's log for a follower that still
//! writes the one before. Such stretches are told apart from those of the event itself. Where a
//! chain goes back to before the event had come to its home, it goes on from when it came.

use std::collections::BTreeMap;

use headwater_models::role::Capability;
use headwater_models::wait::{Timer, Wait};
use headwater_sim::causes::{Causes, Link, LinkId, Spent};
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use super::mechanism::{Mechanism, Stretch, what};
use crate::follow::{End, Step, Way};
use crate::scenario::Scenario;
use crate::targets::Roster;

/// Walks the ways of the events of a run.
pub(super) struct Walker<'a> {
    pub scenario: &'a Scenario,
    pub roster: &'a Roster,
    pub causes: &'a Causes,
    /// By the number of the event.
    pub links: &'a BTreeMap<u64, LinkId>,
}

/// A walk that is under way.
struct Walk<'a> {
    walker: &'a Walker<'a>,
    /// When the event came to each node first, and by which event of the kernel.
    came: BTreeMap<NodeId, (Time, Option<LinkId>)>,
    writer: NodeId,
    /// When its writer sent it for the first time.
    sent: Time,
    /// The servers that its writer sent it to.
    addressed: Vec<NodeId>,
    /// When the last of these became the one to send it to, if that was since then.
    turned: Option<Time>,
    intended: Time,
    /// The walk has been at a server: what it finds at the writer from then on was before the event
    /// was sent for the last time.
    was_away: bool,
    found: Vec<Stretch>,
}

/// A stretch as it is found: the link at its end, the one at its start, and where the event was.
struct Seen<'a> {
    link: &'a Link,
    /// Nothing if it came from nowhere.
    cause: Option<&'a Link>,
    from: Time,
    /// At its start and at its end.
    homes: [NodeId; 2],
}

impl Walker<'_> {
    /// The stretches of a way, in order of time; none if its end was not seen.
    pub fn way(&self, way: &Way) -> Option<Vec<Stretch>> {
        let end = way.end?;
        let at = *self.links.get(&end.number)?;
        let intended = way.sought.intended;
        let first = way.left.first();
        let writer = match way.sought.end {
            End::Acked => end.node,
            End::Delivered { .. } => first.map_or(end.node, |step| step.node),
        };
        let mut came = BTreeMap::from([(writer, (intended, None))]);
        let mut addressed = Vec::new();
        for step in &way.came {
            let link = self.links.get(&step.number).copied();
            came.entry(step.node).or_insert((step.at, link));
            if link.is_some_and(|link| self.sender(link) == Some(writer)) {
                addressed.push(step.node);
            }
        }
        let sent = first.map_or(Time::MAX, |step| step.at);
        let (was_away, found) = (writer != end.node, Vec::new());
        let took = |step: &&Step| addressed.last() == Some(&step.node) && step.at > intended;
        let turned = way.taken.iter().rfind(took).map(|step| step.at);
        let mut walk =
            Walk { walker: self, came, writer, sent, addressed, turned, intended, was_away, found };
        walk.back_from(at, end.node);
        walk.found.reverse();
        Some(walk.found)
    }

    /// Who sent the message whose arrival a link is.
    fn sender(&self, link: LinkId) -> Option<NodeId> {
        let mut at = self.causes.link(link);
        loop {
            let cause = self.causes.link(at.cause?);
            // The receiver's card is a link of the receiver.
            if cause.spent != Spent::Wire || !cause.kind.is_empty() {
                return Some(cause.node);
            }
            at = cause;
        }
    }

    fn can(&self, node: NodeId, capability: Capability) -> bool {
        self.roster.role(node).can(capability)
    }

    fn wait(&self, link: &Link, cause: Option<&Link>) -> Wait {
        let part = self.scenario.systems.part(self.roster.stream(link.node));
        let after = cause.map_or("", |cause| cause.kind);
        let timer = Timer { tag: link.detail, what: link.kind, after };
        part.system.waits(self.roster.role(link.node), timer)
    }
}

impl Walk<'_> {
    fn came(&self, node: NodeId, by: Time) -> bool {
        self.came.get(&node).is_some_and(|(at, _)| *at <= by)
    }

    /// Goes back from a link, at which the event is at `home`.
    fn back_from(&mut self, mut at: LinkId, mut home: NodeId) {
        let causes = self.walker.causes;
        loop {
            let link = causes.link(at);
            let cause = link.cause.map(|cause| causes.link(cause));
            let (floor, entry) = self.came[&home];
            let before = cause.filter(|cause| self.came(cause.node, cause.at));
            let next = before.map_or(home, |cause| cause.node);
            let since = cause.map(|cause| cause.at);
            // The event came to its home by this very message: it was with the sender before.
            let is_entry = entry == Some(at);
            if is_entry
                && next == home
                && let Some(cause) = cause
            {
                self.came.insert(cause.node, (cause.at, None));
                continue;
            }
            if next == home && since.is_none_or(|since| since < floor) {
                // The chain is older than the event is here.
                self.push(&Seen { link, cause, from: floor, homes: [home, home] });
                match entry {
                    Some(entry) if !is_entry => at = entry,
                    _ => return self.rest(floor),
                }
                continue;
            }
            let from = since.unwrap_or(floor).max(self.intended);
            self.push(&Seen { link, cause, from, homes: [next, home] });
            home = next;
            self.was_away |= home != self.writer;
            match link.cause {
                Some(cause) if from > self.intended => at = cause,
                _ => return self.rest(from),
            }
        }
    }

    /// What lies before `from` is not known.
    fn rest(&mut self, from: Time) {
        if from > self.intended {
            let (mechanism, what) = (Mechanism::Unknown, "not followed");
            let (from, until, place) = (self.intended, from, String::new());
            self.found.push(Stretch { from, until, mechanism, what, place, kind: "" });
        }
    }

    fn push(&mut self, seen: &Seen<'_>) {
        let Link { at: until, spent, kind, .. } = *seen.link;
        if seen.from >= until {
            return;
        }
        // A card is part of the way of the message that goes through it.
        let through = self.found.last().filter(|_| spent == Spent::SenderCard);
        let mechanism = through.map_or_else(|| self.mechanism(seen), |next| next.mechanism);
        let place = self.place(seen);
        let mut stretch =
            Stretch { from: seen.from, until, mechanism, what: what(spent), place, kind };
        // There was nobody to send it to: no attempt can have helped, and what was not sent at all
        // waited for that too.
        let unsent = |turned: Time| turned <= self.sent && seen.homes == [self.writer; 2];
        let waited = |turned: &Time| {
            *turned > seen.from && (mechanism == Mechanism::Retry || unsent(*turned))
        };
        if let Some(turned) = self.turned.filter(waited) {
            let mut before = stretch.clone();
            before.mechanism = Mechanism::Failover;
            before.until = until.min(turned);
            stretch.from = before.until;
            if stretch.from < until {
                self.found.push(stretch);
            }
            return self.found.push(before);
        }
        self.found.push(stretch);
    }

    fn place(&self, seen: &Seen<'_>) -> String {
        let roster = self.walker.roster;
        let here = roster.name(seen.link.node);
        match seen.cause {
            Some(cause) if cause.node != seen.link.node => {
                format!("{} to {here}", roster.name(cause.node))
            }
            _ => here.to_owned(),
        }
    }

    fn mechanism(&self, seen: &Seen<'_>) -> Mechanism {
        let Seen { link, cause, homes: [before, after], .. } = *seen;
        let resource = Mechanism::of(link.spent);
        if let Some(told) = resource.filter(|told| told.is_told_anywhere()) {
            return told;
        }
        let ends = [Some(link.node), cause.map(|cause| cause.node)];
        let any = |capability| ends.iter().flatten().any(|node| self.walker.can(*node, capability));
        if any(Capability::TieredStorage) {
            return Mechanism::Tier;
        }
        let wait = (link.spent == Spent::Timer).then(|| self.walker.wait(link, cause));
        let by_wait = wait.map(Mechanism::of_wait);
        let departs = cause.map_or(link.node, |cause| cause.node);
        let own = link.node == after && departs == before;
        let at_writer = before == self.writer && self.was_away;
        if at_writer && (!own || link.node == self.writer) {
            return match by_wait {
                Some(Mechanism::Failover) => Mechanism::Failover,
                _ if seen.from >= self.sent => Mechanism::Retry,
                _ if !own => Mechanism::Queue,
                Some(told) => told,
                None => resource.unwrap_or(Mechanism::Unknown),
            };
        }
        if let Some(told) = by_wait {
            return told;
        }
        let resource = resource.unwrap_or(Mechanism::Unknown);
        if resource == Mechanism::Sync {
            return resource;
        }
        if !own {
            let reads = any(Capability::Reads);
            return if reads { Mechanism::Reader } else { Mechanism::Replication };
        }
        // Between a client and the server that it has to do with, and there.
        let direct = |node: &NodeId| {
            self.addressed.contains(node) || !self.walker.can(*node, Capability::Serves)
        };
        let is_client = |node: &NodeId| !self.walker.can(*node, Capability::Serves);
        let nodes = [link.node, departs];
        if nodes.iter().any(is_client) || (link.node == departs && direct(&link.node)) {
            return resource;
        }
        Mechanism::Replication
    }
}
