//! Targets: whom a fault is on. As a scenario file names them, and the nodes that these are: by
//! name, group, failure domain, and by who leads.

use std::collections::BTreeMap;
use std::fmt;

use headwater_models::batch::StreamId;
use headwater_models::deployment::{Deployment, FirstHolder};
use headwater_models::role::{Capability, Role};
use headwater_models::system::SystemKind;
use headwater_models::systems::Systems;
use headwater_sim::units::NodeId;
use serde::{Deserialize, Serialize};

use headwater_reading::problem::Finding;
use headwater_reading::tree::Span;

/// Who: names of nodes (`broker-1`, `tier`), or of groups and failure domains that are looked up
/// when the fault happens ([`described`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct Target(pub Vec<String>);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a node such as \"broker-1\", or a list of nodes")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Target {
    fn from(written: OneOrMany) -> Self {
        match written {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl From<Target> for OneOrMany {
    fn from(target: Target) -> Self {
        match <[String; 1]>::try_from(target.0) {
            Ok([name]) => Self::One(name),
            Err(names) => Self::Many(names),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// Groups that are not all nodes of one role.
const MIXED: [(&str, &str); 3] = [
    ("servers", "every node that keeps or serves data"),
    ("replicas", "the servers that partition 0, or the first ledger, was first placed on"),
    ("all", "every node"),
];

/// Failure domains, each numbered from 1, and how servers are spread over them.
const DOMAINS: [(&str, &str); 4] = [
    ("zone-N", "the servers of one of three availability zones, dealt out in turn"),
    ("rack-N", "the servers of one of three racks, dealt out in turn"),
    ("power-N", "the servers on one of two power feeds, dealt out in turn"),
    ("batch-N", "the servers with disks of one of two batches, dealt out in turn"),
];

/// The prefix and the number of each of [`DOMAINS`]. Three as cloud regions have zones, and as
/// replication factors are; two as machine rooms have feeds.
const DOMAIN_COUNTS: [(&str, usize); 4] =
    [("zone-", 3), ("rack-", 3), ("power-", 2), ("batch-", 2)];

/// What may be a target beside the name of a node, and who that is in these systems.
pub fn described(systems: &Systems) -> Vec<(&'static str, String)> {
    let mut described: Vec<(&'static str, String)> = Vec::new();
    let mut add = |name, who: &str| match described.iter_mut().find(|(have, _)| *have == name) {
        Some((_, whoever)) if whoever == who => {}
        Some((_, whoever)) => *whoever += &format!(", or {who}"),
        None => described.push((name, who.to_owned())),
    };
    let offices = systems.iter().flat_map(SystemKind::offices);
    offices.for_each(|office| add(office.name, office.who));
    systems.iter().flat_map(SystemKind::roles).for_each(|role| add(role.group, role.who));
    MIXED.iter().chain(&DOMAINS).for_each(|(name, who)| add(name, who));
    described
}

/// The domain of this name: its number from 0, and how many of its kind there are.
fn domain(name: &str) -> Option<(usize, usize)> {
    let (prefix, count) = DOMAIN_COUNTS.iter().find(|(prefix, _)| name.starts_with(prefix))?;
    let number: usize = name[prefix.len()..].parse().ok()?;
    (1..=*count).contains(&number).then(|| (number - 1, *count))
}

/// The names of all domains.
pub fn domains() -> impl Iterator<Item = String> {
    let numbered = |(prefix, count): (&'static str, usize)| {
        (1..=count).map(move |number| format!("{prefix}{number}"))
    };
    DOMAIN_COUNTS.into_iter().flat_map(numbered)
}

/// Says which names of a target are not there; `span` is where it stands.
pub fn check(target: &Target, roster: &Roster, span: &Span, findings: &mut Vec<Finding>) {
    for name in target.0.iter().filter(|name| !roster.knows(name)) {
        let finding = Finding::new(format!("no node `{name}` in this system"), span.clone());
        let domains = ["zone-1", "rack-1", "power-1", "batch-1"];
        let groups = roster.groups();
        let known = roster.names.iter().chain(&groups).map(String::as_str).chain(domains);
        findings.push(finding.label("not there").known(name, known));
    }
}

/// The office whose holder swarms hit.
pub const LEADER: &str = "leader";

/// Who has taken the offices of the systems so far, by the system's stream and the office's name.
pub type Holders = BTreeMap<(StreamId, &'static str), NodeId>;

/// The nodes that a target came to when its fault happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// They, each once, in order.
    pub nodes: Vec<NodeId>,
    /// What the target names and nobody was at that time, such as `leader`.
    pub vacant: Vec<String>,
}

/// The nodes of a target.
pub fn resolve(target: &Target, roster: &Roster, holders: &Holders) -> Resolved {
    let mut resolved = Resolved::default();
    for name in target.0.iter().map(String::as_str) {
        let mut offices = roster.offices_named(name).peekable();
        if offices.peek().is_none() {
            resolved.nodes.extend(roster.named(name));
        }
        for FirstHolder { stream, office, holder } in offices {
            match holders.get(&(*stream, office.name)).copied().or(*holder) {
                Some(holder) => resolved.nodes.push(holder),
                None => resolved.vacant.push(name.to_owned()),
            }
        }
    }
    resolved.nodes.sort_unstable();
    resolved.nodes.dedup();
    resolved
}

/// Names and roles of the nodes of a deployment that has been taken apart. Where there are several
/// systems, a name of a group, a domain or an office may stand behind that of one of them and a
/// dot, such as `tweets.leader`; without, it means those of all.
#[derive(Clone, Debug)]
pub struct Roster {
    names: Vec<String>,
    roles: Vec<&'static Role>,
    streams: Vec<StreamId>,
    offices: Vec<FirstHolder>,
    systems: Vec<SystemNames>,
}

/// How the nodes of a system are called, and how many of them keep the same.
#[derive(Clone, Debug)]
pub struct SystemNames {
    /// What their names begin with; empty for the only system.
    pub prefix: String,
    /// Copies that it keeps of everything.
    pub copies: u32,
}

impl Roster {
    /// Of a deployment of these systems, by the numbers of their streams.
    pub fn new(deployment: &Deployment, systems: Vec<SystemNames>) -> Self {
        Self {
            names: deployment.nodes.iter().map(|node| node.name.clone()).collect(),
            roles: deployment.roles.clone(),
            streams: deployment.streams.clone(),
            offices: deployment.offices.clone(),
            systems,
        }
    }

    /// The nodes of one system alone whose role has this capability.
    pub fn with_in(
        &self,
        stream: StreamId,
        capability: Capability,
    ) -> impl Iterator<Item = NodeId> + '_ {
        self.with(capability).filter(move |node| self.stream(*node) == stream)
    }

    /// The stream of a node's system.
    pub fn stream(&self, node: NodeId) -> StreamId {
        self.streams[node.index()]
    }

    /// The stream of the system that a name begins with, if it does, and the rest.
    fn scope<'a>(&self, name: &'a str) -> (Option<StreamId>, &'a str) {
        let scoped = |(stream, SystemNames { prefix, .. }): (u32, &SystemNames)| {
            let rest = name.strip_prefix(prefix.as_str()).filter(|_| !prefix.is_empty())?;
            Some((Some(StreamId(stream)), rest))
        };
        (0..).zip(&self.systems).find_map(scoped).unwrap_or((None, name))
    }

    /// The offices of this name: one of each system that has it.
    fn offices_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a FirstHolder> {
        let (stream, name) = self.scope(name);
        let within = move |of: &&FirstHolder| stream.is_none_or(|stream| stream == of.stream);
        self.offices.iter().filter(within).filter(move |of| of.office.name == name)
    }

    /// What a node is for.
    pub fn role(&self, node: NodeId) -> &'static Role {
        self.roles[node.index()]
    }

    /// The name of a node.
    pub fn name(&self, node: NodeId) -> &str {
        &self.names[node.index()]
    }

    /// All nodes with their roles.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &'static Role)> + '_ {
        (0..).map(NodeId).zip(self.roles.iter().copied())
    }

    /// The nodes whose role has this capability.
    pub fn with(&self, capability: Capability) -> impl Iterator<Item = NodeId> + '_ {
        self.iter().filter(move |(_, role)| role.can(capability)).map(|(node, _)| node)
    }

    /// Whether one of its nodes at a time is this, such as `leader`.
    pub fn has_office(&self, name: &str) -> bool {
        self.offices_named(name).next().is_some()
    }

    /// The nodes that keep or serve data.
    pub fn servers(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.with(Capability::Serves)
    }

    /// The groups and offices that there are, with and without the name of their system.
    fn groups(&self) -> Vec<String> {
        let plain = |stream: Option<StreamId>| {
            let within = move |of: StreamId| stream.is_none_or(|stream| stream == of);
            let roles = self.iter().filter(move |(node, _)| within(self.stream(*node)));
            let offices = self.offices.iter().filter(move |of| within(of.stream));
            let mut groups: Vec<_> = roles.map(|(_, role)| role.group).collect();
            groups.extend(offices.map(|of| of.office.name));
            groups.extend(MIXED.iter().map(|(name, _)| *name));
            groups.sort_unstable();
            groups.dedup();
            groups
        };
        let mut all: Vec<String> = plain(None).into_iter().map(str::to_owned).collect();
        for (stream, SystemNames { prefix, .. }) in (0..).map(StreamId).zip(&self.systems) {
            if !prefix.is_empty() {
                all.extend(plain(Some(stream)).iter().map(|name| format!("{prefix}{name}")));
            }
        }
        all
    }

    /// Whether a target may name this.
    fn knows(&self, name: &str) -> bool {
        domain(self.scope(name).1).is_some()
            || self.groups().iter().any(|group| group == name)
            || self.names.iter().any(|have| have == name)
    }

    /// The node of this name, or the nodes of this group.
    pub fn named(&self, name: &str) -> Vec<NodeId> {
        if let Some(at) = self.names.iter().position(|have| have == name) {
            return vec![NodeId(at as u32)];
        }
        let (stream, rest) = self.scope(name);
        let within = |node: &NodeId| stream.is_none_or(|stream| stream == self.stream(*node));
        let mut all = self.iter().map(|(node, _)| node).collect::<Vec<_>>();
        all.retain(within);
        let servers = all.iter().copied().filter(|node| self.role(*node).can(Capability::Serves));
        if let Some((number, count)) = domain(rest) {
            return servers.skip(number).step_by(count).collect();
        }
        match rest {
            "servers" => servers.collect(),
            "replicas" => self.replicas().into_iter().filter(within).collect(),
            "all" => all,
            group => all.into_iter().filter(|node| self.role(*node).group == group).collect(),
        }
    }

    /// Those that what came first was placed on, in each system.
    fn replicas(&self) -> Vec<NodeId> {
        let of_system = |(stream, SystemNames { copies, .. }): (u32, &SystemNames)| {
            let keep = self.with_in(StreamId(stream), Capability::KeepsData);
            keep.take(*copies as usize).collect::<Vec<_>>()
        };
        (0..).zip(&self.systems).flat_map(of_system).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Finished, Options, run};
    use crate::scenario::Scenario;

    fn read(kind: &str, target: &str, at: &str) -> Result<Scenario, String> {
        let text = format!(
            "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n\
             [system]\nkind = \"{kind}\"\n[traffic]\nrate = \"50/s\"\nduration = \"4s\"\n\
             [[fault]]\nkind = \"pause\"\ntarget = \"{target}\"\nat = \"{at}\"\nfor = \"1s\"\n"
        );
        let read = Scenario::parse(&text, "t.toml", None, &[]);
        read.map_err(|problems| problems.to_string())
    }

    fn ran(kind: &str, target: &str, at: &str) -> Finished {
        let scenario = read(kind, target, at).unwrap_or_else(|wrong| panic!("{wrong}"));
        run(&scenario, &Options::default())
    }

    fn hit(kind: &str, target: &str, at: &str) -> String {
        ran(kind, target, at).outcome.faults[0].target.clone()
    }

    #[test]
    fn in_pravega_a_store_leads_and_the_controller_is_the_controller() {
        assert_eq!(hit("pravega", "leader", "2s"), "store-1 (leader)");
        assert_eq!(hit("pravega", "leader", "1ms"), "store-1 (leader)");
        assert_eq!(hit("pravega", "controller", "2s"), "controller-1 (controller)");
    }

    #[test]
    fn in_kafka_the_first_broker_leads_and_controls_from_the_start() {
        assert_eq!(hit("kafka", "leader", "1ms"), "broker-1 (leader)");
        assert_eq!(hit("kafka", "controller", "1ms"), "broker-1 (controller)");
        assert_eq!(hit("kafka", "controller", "3s"), "broker-1 (controller)");
    }

    #[test]
    fn who_took_an_office_last_holds_it() {
        let scenario = read("pravega", "leader", "1s").unwrap();
        let roster = scenario.systems.roster();
        let [first, second] = ["store-1", "store-2"].map(|name| roster.named(name));
        let target = Target(vec!["leader".into(), "store-1".into()]);
        assert_eq!(resolve(&target, &roster, &Holders::default()).nodes, first);
        let holders = Holders::from([((StreamId(0), "leader"), second[0])]);
        assert_eq!(resolve(&target, &roster, &holders).nodes, [first, second].concat());
    }

    #[test]
    fn an_office_that_nobody_has_taken_is_nobody_and_not_the_first_server() {
        let scenario = read("kafka", "controller", "1s").unwrap();
        let target = Target(vec!["controller".into()]);
        let resolved = resolve(&target, &scenario.systems.roster(), &Holders::default());
        assert_eq!((resolved.nodes.len(), resolved.vacant), (0, vec!["controller".to_owned()]));
    }

    #[test]
    fn bookkeeper_has_nobody_who_leads() {
        for office in ["leader", "controller"] {
            let refused = read("bookkeeper", office, "1s").unwrap_err();
            assert!(refused.contains(&format!("no node `{office}`")), "{refused}");
        }
        let refused = read("kafka", "bookies", "1s").unwrap_err();
        assert!(refused.contains("no node `bookies`"), "{refused}");
    }
}
