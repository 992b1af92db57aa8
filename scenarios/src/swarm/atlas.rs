//! The fault atlas: what a system in a configuration claims to survive, and what of that a plan of
//! faults has used up.

use std::collections::BTreeSet;

use headwater_models::deployment::Role;
use headwater_sim::random::Stream;

use crate::scenario::catalogue::{self, Damage, Entry, Family};
use crate::scenario::plan::Roster;
use crate::scenario::{Budget, FaultSpec, System};

/// What a system claims to survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Servers that may lose what they have, without an acknowledged event being lost.
    pub losses: u32,
    /// Losing power costs a server what is acknowledged: nothing is synced before.
    pub power_is_loss: bool,
    /// A server that has lost what it had comes back and catches up by itself.
    pub returns: bool,
    /// Servers that may stay away for good, with everything still being written and read.
    pub absent: u32,
}

impl Claims {
    /// Of a system as it is configured.
    ///
    /// Kafka: an acknowledgement with `acks=all` is from `min.insync.replicas` at the least; with
    /// fewer it promises nothing when a server is lost. BookKeeper, and Pravega on it: `Qa` bookies
    /// have an acknowledged entry; an ensemble of `E` bookies must be found to write a new ledger.
    /// A bookie without the cookie that it once stamped does not come up (BookKeeper 4.15,
    /// `Bookie.checkEnvironment`): somebody has to format it first.
    pub fn of(system: &System) -> Self {
        match system {
            System::Kafka(cluster) => {
                let least = cluster.topic.min_insync_replicas.min(cluster.replication_factor);
                let acked_by = if cluster.producer.acks == -1 { least } else { 0 };
                let majority = cluster.brokers / 2 + 1;
                Self {
                    losses: acked_by.saturating_sub(1),
                    power_is_loss: cluster.topic.flush_messages > 1,
                    returns: true,
                    absent: (cluster.brokers - majority)
                        .min(cluster.replication_factor.saturating_sub(least)),
                }
            }
            System::BookKeeper(cluster) => Self {
                losses: cluster.ledger.ack_quorum - 1,
                power_is_loss: !cluster.bookie.journal_sync_data,
                returns: false,
                absent: cluster.bookies - cluster.ledger.ensemble_size,
            },
            System::Pravega(cluster) => Self {
                losses: cluster.bookkeeper.ack_quorum - 1,
                power_is_loss: !cluster.bookie.journal_sync_data,
                returns: false,
                absent: cluster.bookies - cluster.bookkeeper.ensemble_size,
            },
        }
    }
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
    has_tier: bool,
}

impl Atlas {
    /// Of the nodes of a deployment; which keepers may lose data is drawn.
    pub fn new(system: &System, roster: &Roster, budget: Budget, stream: &mut Stream) -> Self {
        let claims = Claims::of(system);
        let names = |wanted: &[Role]| -> Vec<String> {
            let of = roster.iter().filter(|(_, role)| wanted.contains(role));
            of.map(|(node, _)| roster.name(node).to_owned()).collect()
        };
        let keepers = names(&[Role::Broker, Role::Bookie]);
        let mut rest = keepers.clone();
        let losses = match budget {
            Budget::Within => claims.losses as usize,
            Budget::Beyond => rest.len(),
        };
        let mut victims = Vec::new();
        while victims.len() < losses && !rest.is_empty() {
            victims.push(rest.swap_remove(stream.below(rest.len() as u64) as usize));
        }
        victims.sort();
        Self {
            claims,
            budget,
            servers: names(&[Role::Broker, Role::Bookie, Role::SegmentStore]),
            keepers,
            victims,
            has_tier: !names(&[Role::Tier]).is_empty(),
        }
    }

    /// The nodes that one fault of this kind may hit; empty if there are none.
    pub fn targets(&self, entry: &Entry) -> Vec<String> {
        let loses = match entry.damage {
            Damage::Slow | Damage::Unavailable => false,
            Damage::Volatile => self.claims.power_is_loss || entry.family == Family::Storage,
            Damage::Durable => true,
        };
        let stateless = self.servers.iter().filter(|name| !self.keepers.contains(name));
        match entry.family {
            Family::Tier if self.has_tier => vec!["tier".into()],
            Family::Tier => Vec::new(),
            // Disks are swapped between two servers, and either loses what it had.
            _ if entry.name == "swap-disks" && self.victims.len() < 2 => Vec::new(),
            _ if loses && entry.family == Family::Storage => self.victims.clone(),
            _ if loses => self.victims.iter().chain(stateless).cloned().collect(),
            Family::Storage => self.keepers.clone(),
            _ => self.servers.clone(),
        }
    }

    /// Why a system under these faults need not settle, if so: more servers may be gone for good
    /// than it can spare.
    pub fn need_not_settle(&self, faults: &[FaultSpec]) -> Option<String> {
        let gone = |fault: &&FaultSpec| {
            let damage = catalogue::entry(&fault.action).damage;
            fault.until.is_none() || damage == Damage::Durable && !self.claims.returns
        };
        let targets = faults.iter().filter(gone).flat_map(|fault| &fault.target.0);
        let gone: BTreeSet<&String> = targets.filter(|name| self.keepers.contains(name)).collect();
        let names = gone.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let (count, spare) = (gone.len(), self.claims.absent);
        let why = || format!("{names} may be gone for good, and {spare} can be spared");
        (count > spare as usize).then(why)
    }

    /// A server that may stay away for good, if any.
    pub fn may_stay_away(&self, stream: &mut Stream) -> Option<String> {
        let spare = self.budget == Budget::Beyond || self.claims.absent > 0;
        // Who has lost data and who is away must not add up to more than may be lost.
        let among = if self.victims.is_empty() { &self.keepers } else { &self.victims };
        let drawn = || among[stream.below(among.len() as u64) as usize].clone();
        (spare && !among.is_empty()).then(drawn)
    }
}
