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
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use headwater_reading::problem::Finding;
use headwater_reading::tree::Span;

mod wanted;

use wanted::Wanted;

/// Who: names of nodes (`broker-1`, `tier`), or of groups, failure domains and offices that are
/// looked up when the fault happens ([`described`]), each with conditions behind it if need be
/// (`leader that is not controller`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
pub struct Target(pub Vec<String>);

#[derive(Serialize, Deserialize, JsonSchema)]
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
    for office in offices {
        add(office.name, office.who);
        if office.followed {
            add(FOLLOWER, FOLLOWS);
        }
    }
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
    for name in target.mentions().filter(|name| !roster.knows(name)) {
        let finding = Finding::new(format!("no node `{name}` in this system"), span.clone());
        let domains = ["zone-1", "rack-1", "power-1", "batch-1"];
        let groups = roster.groups();
        let known = roster.names.iter().chain(&groups).map(String::as_str).chain(domains);
        let finding = finding.label("not there").known(name, known);
        findings.push(match name.contains(' ') {
            true => finding.help("a condition is written `leader that is not controller`"),
            false => finding,
        });
    }
    let alone = |stream: StreamId| roster.systems[stream.0 as usize].copies < 2;
    for name in target.mentions().filter(|name| roster.scope(name).1 == FOLLOWER) {
        if roster.followed(name).any(alone) {
            let finding = Finding::new("nobody follows where there is one copy", span.clone());
            findings.push(finding.label("\"replication.factor\" = 2 or more has followers"));
        }
    }
}

/// The office whose holder swarms hit.
pub const LEADER: &str = "leader";

/// One that follows the [`LEADER`], where somebody does.
pub const FOLLOWER: &str = "follower";

/// Who that is.
const FOLLOWS: &str = "the first replica of partition 0 that does not lead it";

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
    for text in &target.0 {
        let Wanted { name, conditions } = Wanted::of(text);
        let conditions: Vec<(bool, Vec<NodeId>)> = conditions
            .into_iter()
            .map(|(is, name)| (is, nodes(name, roster, holders).concat()))
            .collect();
        let meets = |node: &NodeId| conditions.iter().all(|(is, of)| of.contains(node) == *is);
        let one = roster.is_one(name);
        for mut found in nodes(name, roster, holders) {
            found.retain(meets);
            if one {
                found.truncate(1);
            }
            if found.is_empty() && (one || !conditions.is_empty()) {
                resolved.vacant.push(text.clone());
            }
            resolved.nodes.extend(found);
        }
    }
    resolved.nodes.sort_unstable();
    resolved.nodes.dedup();
    resolved
}

/// The nodes of a name without conditions: of one who is somebody at a time those who may be that,
/// by system.
fn nodes(name: &str, roster: &Roster, holders: &Holders) -> Vec<Vec<NodeId>> {
    let holder =
        |of: &FirstHolder| holders.get(&(of.stream, of.office.name)).copied().or(of.holder);
    if roster.scope(name).1 == FOLLOWER {
        let follow = |of: &FirstHolder| {
            let Some(leader) = holder(of) else { return vec![] };
            let mut replicas = roster.replicas_of(of.stream);
            replicas.retain(|replica| *replica != leader);
            replicas
        };
        let led = roster.followed(name).filter_map(|stream| roster.leader_of(stream));
        return led.map(follow).collect();
    }
    let mut offices = roster.offices_named(name).peekable();
    match offices.peek() {
        Some(_) => offices.map(|of| holder(of).into_iter().collect()).collect(),
        None => vec![roster.named(name)],
    }
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
    /// By system, where it is known: those that what came first was placed on, in their order.
    placed: BTreeMap<StreamId, Vec<NodeId>>,
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
            placed: BTreeMap::new(),
        }
    }

    /// What came first in this system was placed on these, in this order.
    pub fn place(&mut self, stream: StreamId, nodes: Vec<NodeId>) {
        self.placed.insert(stream, nodes);
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

    /// Whether this is somebody, one of each system at a time.
    fn is_one(&self, name: &str) -> bool {
        self.has_office(name) || self.followed(name).next().is_some()
    }

    /// The systems that a name of a follower means.
    fn followed(&self, name: &str) -> impl Iterator<Item = StreamId> {
        let (stream, name) = self.scope(name);
        let within = move |of: &&FirstHolder| stream.is_none_or(|stream| stream == of.stream);
        let followed = move |of: &&FirstHolder| of.office.followed && name == FOLLOWER;
        self.offices.iter().filter(within).filter(followed).map(|of| of.stream)
    }

    /// The office of a system's leader.
    fn leader_of(&self, stream: StreamId) -> Option<&FirstHolder> {
        self.offices.iter().find(|of| of.stream == stream && of.office.followed)
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
            for FirstHolder { office, .. } in offices {
                groups.push(office.name);
                groups.extend(office.followed.then_some(FOLLOWER));
            }
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
        (0..self.systems.len() as u32)
            .flat_map(|stream| self.replicas_of(StreamId(stream)))
            .collect()
    }

    /// The same of one system.
    fn replicas_of(&self, stream: StreamId) -> Vec<NodeId> {
        let copies = self.systems[stream.0 as usize].copies as usize;
        match self.placed.get(&stream) {
            Some(placed) => placed.clone(),
            None => self.with_in(stream, Capability::KeepsData).take(copies).collect(),
        }
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

    /// Who was hit in Kafka on three brokers by a pause at 3 s, for some seeds.
    fn hit_of_three(target: &str) -> Vec<String> {
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nprofile = 'nvme-10gbe'\n\
             [system]\nkind = 'kafka'\nbrokers = 3\n'replication.factor' = 3\n\
             [traffic]\nrate = '50/s'\nduration = '4s'\n\
             [[fault]]\nkind = 'pause'\ntarget = '{target}'\nat = '3s'\nfor = '500ms'\n"
        );
        let scenario = Scenario::parse(&text, "t.toml", None, &[]);
        let scenario = scenario.unwrap_or_else(|wrong| panic!("{wrong}"));
        let hit = |seed| {
            let seed = Some(seed);
            let outcome = run(&scenario, &Options { seed, ..Options::default() }).outcome;
            let amiss = outcome.verdicts.iter().find(|verdict| verdict.name == "faults_fired");
            assert_eq!(amiss, None);
            outcome.faults[0].target.clone()
        };
        (1..=5).map(hit).collect()
    }

    #[test]
    fn whoever_leads_controls_or_follows_can_be_told_apart_whatever_the_seed() {
        let cases = [
            ("leader that is controller", "broker-1"),
            ("leader that is not controller", "broker-1"),
            ("controller that is not leader", "broker-2"),
            ("follower that is controller", "broker-2"),
            ("follower that is not controller", "broker-2"),
        ];
        for (target, who) in cases {
            assert_eq!(hit_of_three(target), vec![format!("{who} ({target})"); 5], "{target}");
        }
    }

    #[test]
    fn who_is_not_what_a_target_says_is_nobody() {
        let text = "title = 't'\nhypothesis = 'h'\nprofile = 'nvme-10gbe'\n\
                    [system]\nkind = 'kafka'\nbrokers = 3\n'replication.factor' = 3\n";
        let roster = Scenario::parse(text, "t.toml", None, &[]).unwrap().systems.roster();
        let nodes = |names: &[&str]| names.iter().flat_map(|name| roster.named(name)).collect();
        let resolved = |text: &str, leads: &str, controls: &str| {
            let [leads, controls] = [leads, controls].map(|name| roster.named(name)[0]);
            let stream = StreamId(0);
            let holders =
                Holders::from([((stream, "leader"), leads), ((stream, "controller"), controls)]);
            resolve(&Target(vec![text.into()]), &roster, &holders)
        };
        let none = resolved("leader that is not controller", "broker-2", "broker-2");
        let vacant = vec!["leader that is not controller".to_owned()];
        assert_eq!(none, Resolved { nodes: vec![], vacant });
        let found = |text, leads, controls| resolved(text, leads, controls).nodes;
        let neither = "follower that is not controller";
        let expect = |names: &[&str]| -> Vec<NodeId> { nodes(names) };
        assert_eq!(found(neither, "broker-1", "broker-2"), expect(&["broker-3"]));
        assert_eq!(found(neither, "broker-1", "broker-1"), expect(&["broker-2"]));
        let others = "brokers that is not leader";
        assert_eq!(found(others, "broker-2", "broker-2"), expect(&["broker-1", "broker-3"]));
    }

    #[test]
    fn what_no_broker_can_be_is_told_when_the_file_is_read() {
        let refused = |target| read("kafka", target, "1s").unwrap_err();
        let apart = refused("leader that is not controller");
        assert!(apart.contains("one broker") && apart.contains("t.toml:"), "{apart}");
        assert!(refused("follower").contains("nobody follows"), "{}", refused("follower"));
        let free = refused("leader that isn't the controller");
        assert!(free.contains("no node `leader that isn't the controller`"), "{free}");
        let both = read("pravega", "leader that is controller", "1s").unwrap_err();
        assert!(both.contains("controllers are processes of their own"), "{both}");
        assert!(read("pravega", "leader that is not controller", "1s").is_ok());
        let none = read("pravega", "follower", "1s").unwrap_err();
        assert!(none.contains("no node `follower`"), "{none}");
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
