//! The systems of a scenario, and which of them take from which.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use headwater_models::arrival::ArrivalSource;
use headwater_models::batch::StreamId;
use headwater_models::deployment::{Deployment, Environment};
use headwater_models::feed::Feed;
use headwater_models::role::Capability;
use headwater_models::signal::Roles;
use headwater_models::system::System;
use headwater_models::systems::Systems;
use headwater_models::topics::Topics;

use super::system;
use crate::profile::Profile;
use crate::targets::{Roster, SystemNames};
use headwater_reading::problem::Finding;
use headwater_reading::tree::{Span, Tree, Value};

/// One system of a scenario; its events are a stream.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its name, which is the stream's.
    pub name: String,
    /// What it is.
    pub system: Arc<dyn System>,
    /// The same with its own defaults: as if neither the file nor the profile said anything of its
    /// options.
    pub plain: Arc<dyn System>,
    /// The stream whose readers hand it its events; nothing where it writes the schedule.
    pub from: Option<StreamId>,
}

/// The systems of a scenario, by the number of their streams; one at least.
#[derive(Clone, Debug)]
pub struct Topology(Vec<Part>);

impl Topology {
    /// Of one system, which is named as what it is, none of whose options count as changed.
    pub fn single(system: Arc<dyn System>) -> Self {
        Self::of((Arc::clone(&system), system))
    }

    fn of((system, plain): (Arc<dyn System>, Arc<dyn System>)) -> Self {
        Self(vec![Part { name: system.kind().name().into(), system, plain, from: None }])
    }

    /// The systems, with their streams.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &Part)> {
        (0..).map(StreamId).zip(&self.0)
    }

    /// The system of a stream.
    ///
    /// # Panics
    /// If there is no such stream.
    pub fn part(&self, stream: StreamId) -> &Part {
        &self.0[stream.0 as usize]
    }

    /// Lets a system begin with its offices in such hands.
    ///
    /// # Errors
    /// Why it can't.
    pub fn arrange(&mut self, stream: StreamId, roles: Roles) -> Result<(), String> {
        let part = &mut self.0[stream.0 as usize];
        part.system = part.system.arranged(roles)?;
        Ok(())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// There are several, and names of nodes say which they belong to.
    pub fn is_several(&self) -> bool {
        self.0.len() > 1
    }

    /// What the names of a system's nodes, groups and offices begin with.
    pub fn prefix(&self, stream: StreamId) -> String {
        match self.is_several() {
            true => format!("{}.", self.part(stream).name),
            false => String::new(),
        }
    }

    /// The stream that takes events from the schedule which come to this one.
    pub fn origin(&self, stream: StreamId) -> StreamId {
        let before = |stream: &StreamId| self.part(*stream).from;
        std::iter::successors(Some(stream), before).last().unwrap_or(stream)
    }

    /// Another system takes from this one.
    pub fn hands_on(&self, stream: StreamId) -> bool {
        self.0.iter().any(|part| part.from == Some(stream))
    }

    /// What they are, one after the other.
    pub fn kinds(&self) -> String {
        let kinds: Vec<_> = self.0.iter().map(|part| part.system.kind().name()).collect();
        kinds.join(", ")
    }

    /// Their versions, one after the other.
    pub fn versions(&self) -> String {
        let versions: Vec<_> = self.0.iter().map(|part| part.system.version()).collect();
        versions.join(", ")
    }

    /// Every option with its value; names as in the file without `system.`, and with the system's
    /// name before them where there are several.
    pub fn configuration(&self) -> BTreeMap<String, String> {
        self.options(|part| &*part.system)
    }

    /// The default of each option that has another value, named as in [`Self::configuration`].
    pub fn changed_defaults(&self) -> BTreeMap<String, String> {
        let values = self.configuration();
        let mut defaults = self.options(|part| &*part.plain);
        defaults.retain(|name, default| values.get(name).is_some_and(|value| value != default));
        defaults
    }

    fn options(&self, of: impl Fn(&Part) -> &dyn System) -> BTreeMap<String, String> {
        let of_part = |(stream, part): (StreamId, &Part)| {
            let prefix = self.prefix(stream);
            let options = system::configuration(of(part)).into_iter();
            options.map(move |(name, value)| (format!("{prefix}{name}"), value))
        };
        self.iter().flat_map(of_part).collect()
    }

    /// All of them together; each stands behind the one that it takes from. `topics` says what the
    /// events of the schedule are about.
    pub fn deployed(
        &self,
        environment: &Environment,
        schedule: &ArrivalSource,
        topics: &Topics,
    ) -> Deployment {
        let mut deployment = Deployment::default();
        let mut feeds: Vec<Option<Feed>> = vec![None; self.0.len()];
        for stream in self.in_order() {
            let part = self.part(stream);
            let feed = match part.from {
                None => Feed::schedule(stream, schedule).about(topics),
                Some(from) => {
                    let from = feeds[from.0 as usize].as_ref().expect("it stands before");
                    Feed::readers_of(from, stream)
                }
            };
            let alone = part.from.is_none() && !self.hands_on(stream);
            let feed = if alone { feed } else { feed.keeping() };
            deployment.begin(stream, self.prefix(stream));
            part.system.deploy(&mut deployment, environment, &feed);
            feeds[stream.0 as usize] = Some(feed);
        }
        deployment
    }

    /// The kind of the system that has a stream.
    pub fn kind_of(&self, stream: StreamId) -> &'static str {
        self.part(stream).system.kind().name()
    }

    /// The streams, each behind the one that it takes from. Those in a circle are left out.
    fn in_order(&self) -> Vec<StreamId> {
        let mut order: Vec<StreamId> = Vec::new();
        loop {
            let ready = |(stream, part): &(StreamId, &Part)| {
                !order.contains(stream) && part.from.is_none_or(|from| order.contains(&from))
            };
            let Some((next, _)) = self.iter().find(ready) else { return order };
            order.push(next);
        }
    }

    /// The nodes that they deploy, wherever they run.
    pub fn roster(&self) -> Roster {
        let profile = Profile::load("nvme-10gbe", None).expect("a shipped profile is right");
        let nothing: ArrivalSource = Rc::new(|_, _| Box::new(std::iter::empty()));
        self.roster_of(&self.deployed(&profile.environment(), &nothing, &Topics::default()))
    }

    /// The nodes of a deployment of them.
    pub fn roster_of(&self, deployment: &Deployment) -> Roster {
        let names = |(stream, part): (StreamId, &Part)| SystemNames {
            prefix: self.prefix(stream),
            copies: part.system.copies(),
        };
        Roster::new(deployment, self.iter().map(names).collect())
    }

    /// The names of the nodes that they deploy, wherever they run.
    pub fn node_names(&self) -> Vec<String> {
        let roster = self.roster();
        roster.iter().map(|(node, _)| roster.name(node).to_owned()).collect()
    }
}

/// A `[[system]]` as it stands in the file.
struct Listed<'a> {
    tree: &'a Tree,
    name: String,
    from: Option<(String, Span)>,
}

/// Reads `[system]`, or the list `[[system]]`.
pub fn read(
    tree: &Tree,
    systems: &Systems,
    measured: &toml::Table,
    keyed: bool,
    findings: &mut Vec<Finding>,
) -> Option<Topology> {
    let options = system::Source { systems, measured, keyed };
    let Value::Array(items) = &tree.value else {
        return options.read(tree, "system", findings).map(Topology::of);
    };
    let before = findings.len();
    let listed: Vec<_> =
        items.iter().enumerate().map(|(at, item)| listed(item, at, findings)).collect();
    let mut parts = Vec::new();
    for (index, Listed { tree, name, from }) in listed.iter().enumerate() {
        let mut tree = (*tree).clone();
        ["name", "from"].iter().for_each(|key| drop(tree.take(key)));
        let system = options.read(&tree, &format!("system.{index}"), findings);
        let from = from.as_ref().and_then(|from| taken_from(&listed, from, findings));
        if let Some((system, plain)) = system {
            parts.push(Part { name: name.clone(), system, plain, from });
        }
    }
    check_names(&listed, findings);
    if findings.len() > before {
        return None;
    }
    let topology = Topology(parts);
    check(&topology, &listed, tree, findings);
    (findings.len() == before).then_some(topology)
}

fn listed<'a>(tree: &'a Tree, index: usize, findings: &mut Vec<Finding>) -> Listed<'a> {
    let mut word = |key: &str| {
        let value = tree.get(key)?;
        match &value.value {
            Value::Leaf(toml::Value::String(text)) => Some((text.clone(), value.span.clone())),
            _ => {
                let message = format!("system.{index}.{key} is a string; found {}", value.kind());
                findings.push(Finding::new(message, value.span.clone()));
                None
            }
        }
    };
    let name = word("name").or_else(|| word("kind"));
    let name = name.map(|(name, _)| name).unwrap_or_default();
    Listed { tree, name, from: word("from") }
}

fn span(listed: &Listed<'_>, key: &str) -> Span {
    let at = listed.tree.get(key).or_else(|| listed.tree.get("kind"));
    at.map_or_else(|| listed.tree.span.clone(), |tree| tree.span.clone())
}

/// Names are there once, and can stand before the name of a node.
fn check_names(listed: &[Listed<'_>], findings: &mut Vec<Finding>) {
    for (index, one) in listed.iter().enumerate() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if !one.name.chars().all(plain) {
            let message = format!("`{}` is no name of a system", one.name);
            let finding = Finding::new(message, span(one, "name"));
            findings.push(finding.label("expected letters, digits, `-` and `_`"));
        }
        if listed[..index].iter().any(|other| other.name == one.name) {
            let message = format!("two systems are called `{}`", one.name);
            let finding = Finding::new(message, span(one, "name")).label("the second");
            findings.push(finding.help("give each a name of its own: name = \"...\""));
        }
    }
}

/// The stream that a system takes from.
fn taken_from(
    listed: &[Listed<'_>],
    (name, span): &(String, Span),
    findings: &mut Vec<Finding>,
) -> Option<StreamId> {
    let at = listed.iter().position(|one| one.name == *name);
    if at.is_none() {
        let finding = Finding::new(format!("no system `{name}` to take from"), span.clone());
        let names = listed.iter().map(|one| one.name.as_str());
        findings.push(finding.label("unknown").known(name, names));
    }
    at.map(|at| StreamId(at as u32))
}

/// That there is no circle, that who is taken from reads, and that who takes can.
fn check(topology: &Topology, listed: &[Listed<'_>], tree: &Tree, findings: &mut Vec<Finding>) {
    if topology.count() == 0 {
        findings.push(Finding::new("no system is listed", tree.span.clone()));
        return;
    }
    let order = topology.in_order();
    for (stream, part) in topology.iter().filter(|(stream, _)| !order.contains(stream)) {
        let message = format!("`{}` takes from itself, over the systems it takes from", part.name);
        let finding = Finding::new(message, span(&listed[stream.0 as usize], "from"));
        findings.push(finding.help("one of them has to write the schedule: leave out its `from`"));
    }
    for (stream, part) in topology.iter() {
        let place = span(&listed[stream.0 as usize], "from");
        if let (Some(_), Some(why)) = (part.from, part.system.takes_schedule_only()) {
            let kind = part.system.kind().name();
            let message = format!("{kind} cannot take from another system: {why}");
            findings.push(Finding::new(message, place.clone()).label("takes from here"));
        }
        let from = part.from.map(|from| topology.part(from));
        let reads = |part: &Part| {
            let alone = Topology::single(part.system.clone()).roster();
            alone.with(Capability::Reads).next().is_some()
        };
        if let Some(from) = from.filter(|from| !reads(from)) {
            let message = format!("`{}` has no consumers that could hand anything on", from.name);
            findings.push(Finding::new(message, place).label("takes from there"));
        }
    }
}
