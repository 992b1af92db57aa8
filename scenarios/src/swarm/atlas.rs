//! The fault atlas: what a system in a configuration claims to survive, and what of that a plan of
//! faults has used up.

use rand::Rng;
use rand::seq::IndexedRandom;
use std::collections::BTreeSet;

use headwater_models::batch::StreamId;
use headwater_models::role::Capability;
use headwater_models::system::Claims;
use headwater_sim::random::{Seed, Stream};

use crate::faults::{Damage, Entry, Family};
use crate::scenario::{Budget, FaultSpec, Part, Scenario, SwarmSpec, Topology};
use crate::targets::{self, Roster};
use crate::units::Duration;

/// Whether the system claims to survive the faults of a scenario, and to keep what is promised.
pub fn is_claimed(scenario: &Scenario) -> bool {
    let Scenario { faults, promise, swarm, .. } = scenario;
    let claims = |(atlas, (_, part)): (Atlas, (_, &Part))| {
        let losing = faults.iter().filter(|fault| atlas.loses(fault.action.entry()));
        let hit: BTreeSet<_> = losing.flat_map(|fault| atlas.keepers_of(fault)).collect();
        let settles = !promise.converges || atlas.need_not_settle(faults).is_none();
        hit.len() <= atlas.claims.losses as usize
            && !faults.iter().any(|fault| atlas.too_close(fault, faults))
            && promise.copies as usize + atlas.gone(faults).len() <= part.system.copies() as usize
            && settles
    };
    let atlases = Atlas::of_each(&scenario.systems, swarm, &mut Seed(0).stream("claims", 0));
    atlases.into_iter().zip(scenario.systems.iter()).all(claims)
}

/// The servers that may be hurt, and how much.
#[derive(Clone, Debug)]
pub struct Atlas {
    claims: Claims,
    budget: Budget,
    /// Those that serve.
    servers: Vec<String>,
    /// Those that keep data.
    keepers: Vec<String>,
    /// Those of them that may lose data.
    victims: Vec<String>,
    /// Those that write, if they may be slowed down, paused and cut off.
    clients: Vec<String>,
    /// Those that read, if they may be hurt.
    readers: Vec<String>,
    /// Failure domains, and who is in them.
    domains: Vec<(String, Vec<String>)>,
    /// Tiered storage.
    tier: Vec<String>,
    /// The leader as a target, if there is one.
    leader: Option<String>,
}

impl Atlas {
    /// Of each of the systems, by its stream.
    pub fn of_each(systems: &Topology, spec: &SwarmSpec, stream: &mut Stream) -> Vec<Self> {
        let roster = systems.roster();
        systems.iter().map(|(id, _)| Self::new((systems, id), &roster, spec, stream)).collect()
    }

    /// Of one of the systems and its nodes; which keepers may lose data is drawn.
    fn new(
        (systems, id): (&Topology, StreamId),
        roster: &Roster,
        spec: &SwarmSpec,
        stream: &mut Stream,
    ) -> Self {
        let budget = spec.budget;
        let claims = systems.part(id).system.claims();
        let prefix = systems.prefix(id);
        let names = |capability| -> Vec<String> {
            roster.with_in(id, capability).map(|node| roster.name(node).to_owned()).collect()
        };
        let keepers = names(Capability::KeepsData);
        let losses = match budget {
            Budget::Within => claims.losses as usize,
            Budget::Beyond => keepers.len(),
        };
        let mut victims: Vec<_> = keepers.choose_multiple(stream, losses).cloned().collect();
        victims.sort();
        let domain = |name: String| {
            let name = format!("{prefix}{name}");
            let members = roster.named(&name).into_iter();
            let members = members.map(|node| roster.name(node).to_owned()).collect();
            (name, members)
        };
        Self {
            claims,
            budget,
            servers: names(Capability::Serves),
            keepers,
            victims,
            clients: if spec.clients { names(Capability::Writes) } else { Vec::new() },
            readers: if spec.readers { names(Capability::Reads) } else { Vec::new() },
            domains: targets::domains().chain(["replicas".into()]).map(domain).collect(),
            leader: Some(format!("{prefix}{}", targets::LEADER))
                .filter(|name| roster.has_office(name)),
            tier: names(Capability::TieredStorage),
        }
    }

    /// The nodes that one fault of this kind may hit; empty if there are none.
    pub fn targets(&self, entry: &Entry) -> Vec<String> {
        let loses = self.loses(entry);
        match entry.family {
            Family::Tier => self.tier.clone(),
            _ if loses && self.victims.len() < entry.swarm.targets_min => Vec::new(),
            _ if loses && entry.family == Family::Storage => self.victims.clone(),
            _ if loses => self.victims.iter().chain(self.stateless()).cloned().collect(),
            Family::Storage => self.keepers.clone(),
            Family::Network | Family::Clock => self.with_clients(),
            _ if entry.damage == Damage::Slow => self.with_clients(),
            // A reader that comes back goes on where it, or its group, has come to.
            _ => self.servers.iter().chain(&self.readers).cloned().collect(),
        }
    }

    /// It costs a server acknowledged data.
    fn loses(&self, entry: &Entry) -> bool {
        match entry.damage {
            Damage::Slow | Damage::Unavailable => false,
            Damage::Volatile => self.claims.power_is_loss || entry.family == Family::Storage,
            Damage::Durable => true,
        }
    }

    /// Whether a fault comes so close to others that nobody may be left who is known to have
    /// everything: one server loses what it has about when the process of another ends; or, with
    /// one gone for good, the processes of two others end at a time.
    pub fn too_close(&self, fault: &FaultSpec, others: &[FaultSpec]) -> bool {
        if self.claims.counted_out == Duration::ZERO {
            return false;
        }
        // Who only reads has nothing that anybody could miss.
        let reads = |of: &FaultSpec| self.readers.iter().any(|name| of.target.0 == [name.as_str()]);
        if reads(fault) {
            return false;
        }
        let others = || others.iter().filter(|of| !reads(of));
        let stranded = others().chain([fault]).any(|of| self.is_standing(of));
        let several = !self.keepers.iter().any(|name| fault.target.0 == [name.as_str()]);
        let close = |other: &FaultSpec| {
            let loses = self.loses_of(fault) && ends(other) || self.loses_of(other) && ends(fault);
            let counts = [fault, other].map(|of| ends(of) || self.is_standing(of));
            // A server that is gone stays gone; after a while the others have made up for it.
            let over = |of: &FaultSpec| of.until.unwrap_or(Duration::MAX);
            let made_up_for = |of: &FaultSpec| of.until.unwrap_or(of.at);
            let close = loses && self.overlap(fault, other, over)
                || stranded && counts == [true, true] && self.overlap(fault, other, made_up_for);
            close && fault.target != other.target
        };
        stranded && several && ends(fault) || others().any(close)
    }

    /// A fault without an end, on a server that keeps data.
    fn is_standing(&self, fault: &FaultSpec) -> bool {
        fault.until.is_none() && self.keepers_of(fault).next().is_some()
    }

    fn loses_of(&self, fault: &FaultSpec) -> bool {
        self.loses(fault.action.entry())
    }

    /// They overlap, or one begins before the other's target counts again.
    fn overlap(
        &self,
        one: &FaultSpec,
        other: &FaultSpec,
        end: impl Fn(&FaultSpec) -> Duration,
    ) -> bool {
        let counts_again = |of: &FaultSpec| end(of) + self.claims.counted_out;
        one.at < counts_again(other) && other.at < counts_again(one)
    }

    fn with_clients(&self) -> Vec<String> {
        self.servers.iter().chain(&self.clients).chain(&self.readers).cloned().collect()
    }

    /// The failure domains with several members that a fault of this kind on these targets may hit
    /// as a whole: none if it would cost what they have.
    pub fn domains_among(&self, entry: &Entry, targets: &[String]) -> Vec<&str> {
        if self.loses(entry) {
            return Vec::new();
        }
        let within = |members: &[String]| {
            members.len() > 1 && members.iter().all(|member| targets.contains(member))
        };
        let domains = self.domains.iter().filter(|(_, members)| within(members));
        domains.map(|(name, _)| name.as_str()).collect()
    }

    /// Whoever leads, if a fault of this kind on these targets may hit that one.
    pub fn leader_among(&self, entry: &Entry, targets: &[String]) -> Option<&str> {
        let hit = entry.damage <= Damage::Unavailable && targets.len() > 1;
        self.leader.as_deref().filter(|_| hit)
    }

    /// The servers that may be gone for good under these faults.
    pub fn gone(&self, faults: &[FaultSpec]) -> BTreeSet<&String> {
        let gone = |fault: &&FaultSpec| {
            let entry = fault.action.entry();
            let stays = !self.claims.returns || entry.swarm.beyond_repair;
            fault.until.is_none() || entry.damage == Damage::Durable && stays
        };
        faults.iter().filter(gone).flat_map(|fault| self.keepers_of(fault)).collect()
    }

    /// The keepers that a fault names.
    fn keepers_of(&self, fault: &FaultSpec) -> impl Iterator<Item = &String> {
        self.keepers.iter().filter(|name| fault.target.0.contains(name))
    }

    /// Why a system under these faults need not settle, if so: more servers may be gone for good
    /// than it can spare.
    pub fn need_not_settle(&self, faults: &[FaultSpec]) -> Option<String> {
        let gone = self.gone(faults);
        let names = gone.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let (count, spare) = (gone.len(), self.claims.absent);
        let why = || format!("{names} may be gone for good, and {spare} can be spared");
        (count > spare as usize).then(why)
    }

    /// Servers outside of a core quorum: the others alone can still write and read everything. At
    /// least one if there can be any.
    pub fn outside(&self, stream: &mut Stream) -> Vec<String> {
        // Servers that have lost data and servers that are down must not exceed what may be lost.
        let keepers = if self.victims.is_empty() { &self.keepers } else { &self.victims };
        let spare = match self.budget {
            Budget::Within => self.claims.absent as usize,
            Budget::Beyond => 1.max(self.claims.absent as usize),
        };
        let others: Vec<String> = self.stateless().cloned().collect();
        let mut outside = sample(keepers, spare, stream);
        outside.extend(sample(&others, others.len().saturating_sub(1), stream));
        if outside.is_empty() && spare > 0 {
            outside.push(keepers.choose(stream).expect("a system keeps data somewhere").clone());
        }
        outside
    }

    /// The servers that keep nothing that others could lose.
    fn stateless(&self) -> impl Iterator<Item = &String> {
        self.servers.iter().filter(|name| !self.keepers.contains(name))
    }

    /// The servers, without those named.
    pub fn core(&self, outside: &[String]) -> Vec<&str> {
        let core = self.servers.iter().filter(|name| !outside.contains(name));
        core.map(String::as_str).collect()
    }
}

/// It ends a process that keeps data.
fn ends(fault: &FaultSpec) -> bool {
    let entry = fault.action.entry();
    matches!(entry.family, Family::Process | Family::Storage) && entry.damage > Damage::Slow
}

/// Up to this many of them, possibly none.
fn sample(all: &[String], most: usize, stream: &mut Stream) -> Vec<String> {
    let count = stream.random_range(0..=most.min(all.len()) as u64) as usize;
    all.choose_multiple(stream, count).cloned().collect()
}
