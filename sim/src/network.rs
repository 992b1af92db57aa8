//! The network: NICs with bandwidth, links with latency, partitions, connections that retransmit.

use std::collections::VecDeque;

use rand::distr::Distribution as _;
use serde::{Deserialize, Serialize};

use crate::distribution::Distribution;
use crate::impairment::{Fate, Impaired};
use crate::meter::Meter;
use crate::random::{Seed, Stream};
use crate::time::{Duration, Time};
use crate::units::{BytesPerSecond, MachineId, NodeId};

/// The network's constants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkSpec {
    /// One-way latency between machines, jitter included.
    pub latency: Distribution,
    /// First retransmission timeout of a connection (Linux `TCP_RTO_MIN`, 200 ms); doubles.
    pub rto_min: Duration,
    /// Longest retransmission timeout (Linux `TCP_RTO_MAX`, 120 s).
    pub rto_max: Duration,
}

impl Default for NetworkSpec {
    /// One rack of a data centre: 40 us to 60 us one way. Retransmission as in Linux
    /// (`include/net/tcp.h` @ 6.6).
    fn default() -> Self {
        Self {
            latency: Distribution::uniform(Duration::from_micros(40), Duration::from_micros(60)),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(120),
        }
    }
}

/// One direction between two nodes.
#[derive(Debug)]
pub struct Link<M> {
    /// Sender.
    pub from: NodeId,
    /// Receiver.
    pub to: NodeId,
    /// The sender's machine.
    pub from_machine: MachineId,
    /// The receiver's machine.
    pub to_machine: MachineId,
    /// A connection stands: something was sent and it has not broken since.
    pub open: bool,
    /// The receiver's life when the connection was opened: a later one does not know it.
    pub life: u32,
    /// Partitions that cut it.
    pub cuts: u32,
    /// Clogs that hold it up.
    pub clogs: u32,
    /// A middlebox has forgotten the connection: nothing passes until it is reset.
    pub half_open: bool,
    /// The connection has broken, and the sender is not told yet: what it sends is lost.
    pub ending: bool,
    /// When the way is free, the receiver is told that its connection with the sender has broken.
    pub farewell: bool,
    /// What is added to its latency.
    pub extra: Option<Distribution>,
    /// What else is wrong with it.
    pub impaired: Option<Box<Impaired>>,
    /// Not yet through, oldest first, with the life of the receiver that each was sent to
    /// and what led to it.
    pub held: VecDeque<(u32, u32, M)>,
    /// Datagrams that a clog holds up, oldest first, as `held`.
    pub clogged: Vec<(u32, u32, M)>,
    /// The next retransmission timeout.
    pub rto: Duration,
    /// The number of the retransmission timer that counts; older ones don't.
    pub timer: u32,
    last_arrival: Time,
    /// When the latest of the connection's messages arrives.
    latest: Time,
    latencies: Stream,
}

impl<M> Link<M> {
    /// Both ends on one machine.
    pub fn is_local(&self) -> bool {
        self.from_machine == self.to_machine
    }

    /// True if nothing of a connection passes now.
    #[inline]
    pub const fn is_blocked(&self) -> bool {
        self.stands_still() || self.half_open
    }

    /// True if nothing at all passes now.
    #[inline]
    pub const fn stands_still(&self) -> bool {
        self.cuts > 0 || self.clogs > 0
    }

    /// True if what is sent now has to wait behind what has not got through.
    #[inline]
    pub fn keeps_back(&self) -> bool {
        self.farewell || !self.held.is_empty()
    }

    /// When the last message that is under way arrives; it may lie in the past.
    pub const fn last_arrival(&self) -> Time {
        self.last_arrival
    }

    /// A message of the connection arrives at `at`: true if it does behind those sent before it.
    #[inline]
    pub fn in_order(&mut self, at: Time) -> bool {
        let in_order = at >= self.latest;
        self.latest = self.latest.max(at);
        in_order
    }

    /// What becomes of a datagram that leaves the sender's NIC at `departs`.
    pub fn datagram(&mut self, departs: Time, bytes: u64) -> Fate {
        match &mut self.impaired {
            Some(impaired) => impaired.datagram(departs, bytes),
            None => Fate::Leaves { at: departs, twice: false, held_back: Duration::ZERO },
        }
    }

    /// When a segment of the connection, out of the sender's NIC at `departs`, has left for good.
    #[inline]
    pub fn segment(&mut self, departs: Time, bytes: u64, rto_min: Duration) -> Time {
        match &mut self.impaired {
            Some(impaired) => {
                let behind = self.last_arrival > departs;
                impaired.segment(departs, bytes, behind, rto_min)
            }
            None => departs,
        }
    }
}

/// A node and its machine.
pub type End = (NodeId, MachineId);

/// Links by (from, to), made at first use.
#[derive(Debug)]
pub struct Network<M> {
    /// The constants.
    pub spec: NetworkSpec,
    index: Vec<u32>,
    nodes: usize,
    links: Vec<Link<M>>,
}

const NO_LINK: u32 = u32::MAX;

impl<M> Network<M> {
    /// A network for nothing yet.
    pub const fn new(spec: NetworkSpec) -> Self {
        Self { spec, index: Vec::new(), nodes: 0, links: Vec::new() }
    }

    /// Makes room for `nodes` nodes.
    pub fn resize(&mut self, nodes: usize) {
        self.nodes = nodes;
        self.index = vec![NO_LINK; nodes * nodes];
        for (at, link) in self.links.iter().enumerate() {
            self.index[link.from.index() * nodes + link.to.index()] = at as u32;
        }
    }

    /// The link's place, if it has been made.
    #[inline]
    pub fn find(&self, from: NodeId, to: NodeId) -> Option<u32> {
        let id = self.index[from.index() * self.nodes + to.index()];
        (id != NO_LINK).then_some(id)
    }

    /// Makes the link between two nodes on these machines. Its place.
    #[cold]
    pub fn add(&mut self, (from, from_machine): End, (to, to_machine): End, seed: Seed) -> u32 {
        let id = self.links.len() as u32;
        self.index[from.index() * self.nodes + to.index()] = id;
        let entity = u64::from(from.0) << 32 | u64::from(to.0);
        self.links.push(Link {
            from,
            to,
            from_machine,
            to_machine,
            open: false,
            life: 0,
            cuts: 0,
            clogs: 0,
            half_open: false,
            ending: false,
            farewell: false,
            extra: None,
            impaired: None,
            held: VecDeque::new(),
            clogged: Vec::new(),
            rto: self.spec.rto_min,
            timer: 0,
            last_arrival: Time::ZERO,
            latest: Time::ZERO,
            latencies: seed.stream("link", entity),
        });
        id
    }

    /// A link by its place.
    #[inline]
    pub fn link(&mut self, id: u32) -> &mut Link<M> {
        &mut self.links[id as usize]
    }

    /// Every link made so far.
    pub fn links(&mut self) -> &mut [Link<M>] {
        &mut self.links
    }

    /// When a message that leaves the sender's NIC at `departs` reaches the receiver's machine.
    #[inline(always)]
    pub fn arrival(&mut self, id: u32, departs: Time, loopback: &Distribution, fifo: bool) -> Time {
        let link = &mut self.links[id as usize];
        let latency = if link.is_local() { loopback } else { &self.spec.latency };
        let mut at = departs + latency.sample(&mut link.latencies);
        if let Some(extra) = &link.extra {
            at += extra.sample(&mut link.latencies);
        }
        if fifo {
            at = at.max(link.last_arrival);
            link.last_arrival = at;
        }
        at
    }
}

/// A network card: each way a server of its own, first come, first served.
#[derive(Debug)]
pub struct Nic {
    rate: BytesPerSecond,
    percent: u32,
    /// A size, and how long it takes: most messages are as large as the last one, and a division
    /// costs more than all else here.
    last: (u64, Duration),
    in_free_at: Time,
    sends: Meter,
    receives: Meter,
}

impl Nic {
    /// An idle card.
    pub fn new(rate: BytesPerSecond) -> Self {
        Self {
            rate,
            percent: 100,
            last: (0, Duration::ZERO),
            in_free_at: Time::ZERO,
            sends: Meter::default(),
            receives: Meter::default(),
        }
    }

    /// Every message takes `percent` of its usual time from now on.
    pub fn slow(&mut self, percent: u32) {
        self.percent = percent.max(1);
        self.last = (0, Duration::ZERO);
    }

    #[inline]
    fn transfer(&mut self, bytes: u64) -> Duration {
        if self.last.0 != bytes {
            let transfer = self.rate.transfer(bytes);
            let slow = transfer * u64::from(self.percent) / 100;
            self.last = (bytes, if self.percent == 100 { transfer } else { slow });
        }
        self.last.1
    }

    /// When the last bit of a message has left.
    #[inline]
    pub fn send(&mut self, now: Time, bytes: u64) -> Time {
        if self.rate.0 == 0 {
            return now;
        }
        let transfer = self.transfer(bytes);
        self.sends.add(now, transfer)
    }

    /// When a message whose last bit is at the door now has been taken in: at once when the card is
    /// idle (it was taken in bit by bit), later when others came in at the same time.
    #[inline]
    pub fn receive(&mut self, now: Time, bytes: u64) -> Time {
        if self.rate.0 == 0 {
            return now;
        }
        let transfer = self.transfer(bytes);
        self.receives.add(now, transfer);
        self.in_free_at = (self.in_free_at + transfer).max(now);
        self.in_free_at
    }

    /// Time spent sending up to `now`.
    pub const fn busy_out(&self, now: Time) -> Duration {
        self.sends.busy(now)
    }

    /// Time spent receiving up to `now`; each message counts from its last bit on.
    pub const fn busy_in(&self, now: Time) -> Duration {
        self.receives.busy(now)
    }
}
