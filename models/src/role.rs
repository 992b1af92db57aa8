//! Roles: what the nodes of a system are for. Each system declares its own beside its model;
//! targets of faults and the check of the disks at the end pick nodes by role.

use headwater_sim::disk::FileId;

/// What a node is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// One of them, such as `broker`.
    pub name: &'static str,
    /// All of them as the target of a fault, such as `brokers`.
    pub group: &'static str,
    /// The group's description in docs/FAULTS.md.
    pub who: &'static str,
    /// What such a node does.
    pub capabilities: &'static [Capability],
    /// The file that identifies the owner of a directory, if such a node has one.
    pub identity_file: Option<FileId>,
}

/// What a node does, as far as it matters to faults and observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// Serves clients: a server, spread over failure domains.
    Serves,
    /// Keeps acknowledged events on its disks, one copy of them.
    KeepsData,
    /// Is tiered storage: what it holds is as safe as all copies of the others together.
    TieredStorage,
    /// Writes the schedule.
    Writes,
    /// Reads everything back.
    Reads,
}

impl Role {
    /// Whether such a node does this.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// Writes the schedule.
pub const PRODUCER: &Role = &Role {
    name: "producer",
    group: "producers",
    who: "every producer",
    capabilities: &[Capability::Writes],
    identity_file: None,
};

/// Reads everything back.
pub const CONSUMER: &Role = &Role {
    name: "consumer",
    group: "consumers",
    who: "every consumer",
    capabilities: &[Capability::Reads],
    identity_file: None,
};
