//! Causes: which event led to which, and how the time between the two was spent.
//!
//! Every input of a node was brought about by an earlier one: the message was sent there, the work
//! was asked for, the timer was set. A chain of such links leads back from any moment of a run. Its
//! stretches follow each other without a gap, so that what they took adds up to the whole. Where
//! something has to wait for a thread, a core, a disk or a card, the chain is that of the waiting
//! one, and the wait is a stretch of its own.
//!
//! Nothing of this is kept in a run that does not ask for it ([`crate::simulation::Simulation::
//! keep_causes`]), and asking changes nothing in the run. Links that no pending event goes back to
//! are dropped, so that what is held is a few chains, however long they are.

use std::ops::Range;

use crate::cpu::Job;
use crate::time::{Duration, Time};
use crate::units::NodeId;

/// How the time between a cause and its effect was spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Spent {
    /// Nothing came before: a process started, a fault happened.
    Nothing,
    /// In the queue of the sender's network card, and going through it.
    SenderCard,
    /// On the way.
    Wire,
    /// In the queue of the receiver's network card, and going through it.
    ReceiverCard,
    /// Lost, or held where a link stood still, until it was sent again.
    Resent,
    /// Ready for a process that a signal had stopped.
    Stopped,
    /// Ready for a process that collected garbage.
    Collecting,
    /// In the queue for a thread of a pool.
    ThreadQueue,
    /// On a thread that waited for a core, waking the core up included.
    CoreQueue,
    /// At work on a core.
    Work,
    /// In the queue of a disk, behind its other operations.
    DiskQueue,
    /// The disk wrote and flushed what was to be synced.
    Sync,
    /// A write into the page cache, which may throttle it.
    Write,
    /// A read, or any other operation of a disk.
    Read,
    /// A timer ran; the detail is its tag.
    Timer,
}

/// A moment, and how it came about. One that is an input tells which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// When.
    pub at: Time,
    /// At which node.
    pub node: NodeId,
    /// How the time since its cause was spent.
    pub spent: Spent,
    /// Of which kind the message or the completion is, or what else the input is (`timer`,
    /// `disconnect`, `start`); empty for what is no input. Of a timer, what it was for, where its
    /// node said so ([`crate::context::Context::timer_for`]).
    pub kind: &'static str,
    /// A timer's tag, or zero.
    pub detail: u64,
    /// What led to it; nothing where that lies before what is kept.
    pub cause: Option<LinkId>,
}

/// The number of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(u32);

/// No link, as jobs and messages carry it.
pub(crate) const NONE: u32 = 0;

/// A link, and who goes back to it.
#[derive(Debug)]
struct Held {
    link: Link,
    /// Pending events, work, messages and links that it has led to.
    users: u32,
}

/// A stretch in which a process stood still.
#[derive(Clone, Copy, Debug)]
struct Stop {
    from: Time,
    until: Time,
    spent: Spent,
}

/// The links of a run.
#[derive(Debug)]
pub struct Causes {
    /// The first is no link.
    links: Vec<Held>,
    free: Vec<u32>,
    /// What led to each pending event, by its slot.
    of: Vec<u32>,
    /// What each pending timer is for, by its slot.
    names: Vec<&'static str>,
    /// The slot of the event that was placed last, and what the one at hand is for.
    placed: usize,
    name: &'static str,
    /// What leads to whatever is asked for now.
    current: u32,
    /// The input at hand waited while its process stood still.
    waited: bool,
    /// What is kept, and whether it is time to.
    windows: Vec<Range<Time>>,
    keeps: bool,
    /// By node.
    stops: Vec<Vec<Stop>>,
    kept: Vec<(u64, LinkId)>,
}

impl Causes {
    /// Keeps links in these stretches of time.
    pub(crate) fn new(windows: Vec<Range<Time>>) -> Self {
        let (at, node, cause) = (Time::ZERO, NodeId(0), None);
        let none = Link { at, node, spent: Spent::Nothing, kind: "", detail: 0, cause };
        Self {
            // It is used forever, so that it is never freed.
            links: vec![Held { link: none, users: u32::MAX / 2 }],
            free: Vec::new(),
            of: Vec::new(),
            names: Vec::new(),
            placed: 0,
            name: "",
            current: NONE,
            waited: false,
            windows,
            keeps: false,
            stops: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// The inputs that were to be kept, with their numbers, in order.
    pub fn kept(&self) -> impl Iterator<Item = (u64, LinkId)> + '_ {
        self.kept.iter().copied()
    }

    /// A link that is kept, or that one of these goes back to.
    pub fn link(&self, id: LinkId) -> &Link {
        &self.links[id.0 as usize].link
    }

    /// Links that are held now.
    pub fn held(&self) -> usize {
        self.links.len() - self.free.len() - 1
    }

    /// Whoever carries what is asked for now holds its cause.
    pub(crate) fn hold(&mut self) -> u32 {
        self.retain(self.current);
        self.current
    }

    fn retain(&mut self, link: u32) {
        if link != NONE {
            self.links[link as usize].users += 1;
        }
    }

    fn release(&mut self, mut link: u32) {
        while link != NONE {
            let held = &mut self.links[link as usize];
            held.users = held.users.saturating_sub(1);
            if held.users > 0 {
                return;
            }
            self.free.push(link);
            link = held.link.cause.map_or(NONE, |cause| cause.0);
        }
    }

    /// From now on `link`, which the caller held, leads to what is asked for.
    fn go_on_from(&mut self, link: u32) {
        self.release(self.current);
        self.current = link;
    }

    /// It is this late.
    pub(crate) fn begin(&mut self, now: Time) {
        self.keeps = self.windows.iter().any(|window| window.contains(&now));
    }

    /// The event in `slot` is due.
    pub(crate) fn due(&mut self, now: Time, slot: u32) {
        self.begin(now);
        self.name = self.names.get_mut(slot as usize).map_or("", std::mem::take);
        let link = self.of.get_mut(slot as usize).map_or(NONE, std::mem::take);
        self.waited = false;
        self.go_on_from(link);
    }

    /// What is asked for now is pending in `slot`.
    pub(crate) fn pushed(&mut self, slot: u32) {
        let slot = slot as usize;
        if slot >= self.of.len() {
            self.of.resize(slot + 1, NONE);
        }
        let link = self.hold();
        let before = std::mem::replace(&mut self.of[slot], link);
        self.release(before);
        self.placed = slot;
    }

    /// What was placed last is a timer for this.
    pub(crate) fn named(&mut self, what: &'static str) {
        if self.placed >= self.names.len() {
            self.names.resize(self.placed + 1, "");
        }
        self.names[self.placed] = what;
    }

    /// What was placed last is the timer at hand, which was early.
    pub(crate) fn named_again(&mut self) {
        self.named(self.name);
    }

    /// A link back to the current one, which leads to what is asked for from now on.
    fn add(&mut self, at: Time, node: NodeId, spent: Spent, kind: &'static str, detail: u64) {
        if !self.keeps {
            return self.go_on_from(NONE);
        }
        // The current one is held by the new one from now on.
        let cause = (self.current != NONE).then_some(LinkId(self.current));
        let held = Held { link: Link { at, node, spent, kind, detail, cause }, users: 1 };
        self.current = match self.free.pop() {
            Some(free) => {
                self.links[free as usize] = held;
                free
            }
            None => {
                self.links.push(held);
                self.links.len() as u32 - 1
            }
        };
    }

    /// The time up to `at` was spent so.
    pub(crate) fn spent(&mut self, at: Time, node: NodeId, spent: Spent) {
        let since = self.links[self.current as usize].link.at;
        if self.current != NONE && at > since {
            self.add(at, node, spent, "", 0);
        }
    }

    /// The same for what is asked for next alone: what to hand [`Self::back`] then.
    pub(crate) fn detour(&mut self, at: Time, node: NodeId, spent: Spent) -> u32 {
        let before = self.hold();
        self.spent(at, node, spent);
        before
    }

    /// The detour is over.
    pub(crate) fn back(&mut self, before: u32) {
        self.go_on_from(before);
    }

    /// A message whose cause somebody held goes on now.
    pub(crate) fn sent_again(&mut self, at: Time, node: NodeId, cause: u32) {
        self.go_on_from(cause);
        self.spent(at, node, Spent::Resent);
    }

    /// A node is handed an input.
    pub(crate) fn input(
        &mut self,
        at: Time,
        node: NodeId,
        spent: Spent,
        kind: &'static str,
        detail: u64,
    ) {
        let waited = std::mem::take(&mut self.waited);
        let kind = if spent == Spent::Timer && !self.name.is_empty() { self.name } else { kind };
        let spent = if waited { self.stood_still(at, node) } else { spent };
        self.add(at, node, spent, kind, detail);
    }

    /// An input is ready for a node that stands still: what to hand [`Self::resumed`] then.
    pub(crate) fn waits(&mut self, at: Time, node: NodeId, spent: Spent) -> u32 {
        let before = self.hold();
        match spent {
            Spent::Timer if !self.name.is_empty() => self.add(at, node, spent, self.name, 0),
            _ => self.spent(at, node, spent),
        }
        let link = self.hold();
        self.back(before);
        link
    }

    /// The input at hand has waited until the node went on.
    pub(crate) fn resumed(&mut self, cause: u32) {
        self.go_on_from(cause);
        self.waited = true;
    }

    /// What a node did that stood still until now.
    fn stood_still(&self, now: Time, node: NodeId) -> Spent {
        let stops = self.stops.get(node.index()).and_then(|stops| stops.last());
        stops.filter(|stop| stop.until >= now).map_or(Spent::Stopped, |stop| stop.spent)
    }

    /// A node stands still from now on.
    pub(crate) fn halted(&mut self, at: Time, node: NodeId, collects: bool) {
        if node.index() >= self.stops.len() {
            self.stops.resize_with(node.index() + 1, Vec::new);
        }
        let spent = if collects { Spent::Collecting } else { Spent::Stopped };
        self.stops[node.index()].push(Stop { from: at, until: Time::MAX, spent });
    }

    /// It goes on.
    pub(crate) fn went_on(&mut self, at: Time, node: NodeId) {
        if let Some(stop) = self.stops.get_mut(node.index()).and_then(|stops| stops.last_mut()) {
            stop.until = stop.until.min(at);
        }
    }

    /// Work is done of which the last `ran` was done on a core.
    pub(crate) fn ran(&mut self, now: Time, job: &Job, ran: Duration) {
        self.go_on_from(job.cause);
        let began = Time(now.0.saturating_sub(ran.0)).max(job.asked);
        self.waited_for(job.asked, job.node, Spent::ThreadQueue);
        self.waited_for(began, job.node, Spent::CoreQueue);
    }

    /// The time up to `until` was spent so, but for when the process stood still.
    fn waited_for(&mut self, until: Time, node: NodeId, spent: Spent) {
        let since = self.links[self.current as usize].link.at;
        let stops = self.stops.get(node.index()).map_or(&[][..], Vec::as_slice);
        let first = stops.partition_point(|stop| stop.until <= since);
        let stops: Vec<Stop> =
            stops[first..].iter().copied().take_while(|stop| stop.from < until).collect();
        for stop in stops {
            self.spent(stop.from, node, spent);
            self.spent(stop.until.min(until), node, stop.spent);
        }
        self.spent(until, node, spent);
    }

    /// The input at hand, which is the event of this number, is to be kept.
    pub(crate) fn keep(&mut self, number: u64) {
        if self.current != NONE {
            let link = self.hold();
            self.kept.push((number, LinkId(link)));
        }
    }
}
