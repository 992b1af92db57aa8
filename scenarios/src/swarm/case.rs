//! A case: the scenario that a seed draws from a swarm's file.

use std::sync::Arc;

use headwater_sim::inversion::OpenUnit;
use headwater_sim::random::{Seed, Stream};
use rand::Rng;
use rand::seq::IndexedRandom;
use toml::{Table, Value};

use super::atlas::Atlas;
use crate::faults::{self, Entry, FaultSpec, Target};
use crate::scenario::{Problems, Scenario, Source};
use crate::units::Duration;
use headwater_reading::tree::{self, Tree};

/// Faults do not begin before this: the cluster has to be up.
const EARLIEST: Duration = Duration::from_secs(2);

/// The shortest fault.
pub(super) const SHORTEST: Duration = Duration::from_millis(100);

/// How soon a fault that closely follows another begins.
const CLOSE: Duration = Duration::from_secs(3);

/// Of a million: kinds that a seed has at all; faults that come close to an earlier one; those that
/// hit a whole failure domain; that hit whoever leads when they come; seeds in which a core quorum
/// alone is healed.
const ENABLED_PPM: u32 = 500_000;
const HALF: u32 = 500_000;
const CLOSE_PPM: u32 = 500_000;
const DOMAIN_PPM: u32 = 125_000;
const LEADER_PPM: u32 = 250_000;
const CORE_PPM: u32 = 250_000;

/// Impossible configurations drawn in a row before that is an error.
const DRAWS_MAX: u64 = 100;

/// What becomes of a fault that was drawn, in a scenario: it is kept, as it is or otherwise, or it
/// is left out.
pub type Keep<'a> = dyn FnMut(&Scenario, FaultSpec) -> Option<FaultSpec> + 'a;

/// A swarm's scenario, read once.
pub struct Base {
    source: Source,
    tree: Tree,
    scenario: Scenario,
}

impl Base {
    /// Reads it, with settings laid over it.
    pub fn read(source: Source, settings: &[(String, String)]) -> Result<Self, Problems> {
        let scenario = source.read(settings)?;
        let mut tree = Tree::parse(&source.text).expect("it was just read");
        scenario.lay_settings(&mut tree);
        Ok(Self { source, tree, scenario })
    }

    /// The scenario as it stands.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Whether the file has a section `[swarm]`.
    pub fn is_swarm(&self) -> bool {
        self.tree.get("swarm").is_some()
    }

    /// What is hardly intended about it: what a swarm is for, and cannot be in it.
    pub fn doubts(&self) -> Vec<String> {
        let Scenario { name, swarm, traffic, .. } = &self.scenario;
        let mut doubts = Vec::new();
        if !self.is_swarm() {
            doubts.push(format!(
                "{name} has no section [swarm]: its seeds are drawn by the defaults"
            ));
        }
        if swarm.faults > 0 && self.latest() <= EARLIEST + SHORTEST {
            doubts.push(format!(
                "no fault is drawn: faults begin at {EARLIEST} and are over {} before the end of \
                 the traffic (swarm.calm), which lasts {}",
                swarm.calm, traffic.duration
            ));
        }
        doubts
    }

    /// When faults have to be over.
    fn latest(&self) -> Duration {
        self.scenario.traffic.duration.saturating_sub(self.scenario.swarm.calm)
    }

    /// The case of a seed: the same for the same file, settings and seed.
    pub fn draw(&self, seed: u64) -> Result<Case, Problems> {
        Ok(self.drawn(seed)?.case())
    }

    /// The case of a seed with those of its faults that `keep` gives, as it gives them. It is held
    /// to what can be promised under these.
    pub fn draw_keeping(&self, seed: u64, keep: &mut Keep<'_>) -> Result<Case, Problems> {
        let mut drawn = self.drawn(seed)?;
        drawn.faults.sort_by_key(|fault| fault.at);
        let faults = std::mem::take(&mut drawn.faults).into_iter();
        drawn.faults = faults.filter_map(|of| keep(&drawn.setting.scenario, of)).collect();
        Ok(drawn.case())
    }

    /// What a seed draws.
    pub(super) fn drawn(&self, seed: u64) -> Result<Drawn, Problems> {
        let mut wrong = None;
        for attempt in 0..DRAWS_MAX {
            let mut stream = Seed(seed).stream("swarm configuration", attempt);
            match self.configured(seed, &mut stream) {
                Ok((table, scenario)) => return Ok(self.with_faults(seed, table, scenario)),
                // Drawn values may exclude each other, such as more replicas than brokers.
                Err(problems) => wrong = Some(problems),
            }
        }
        Err(wrong.expect("there was one draw at least"))
    }

    /// The configuration of a seed.
    fn configured(&self, seed: u64, stream: &mut Stream) -> Result<(Table, Scenario), Problems> {
        let mut tree = self.tree.clone();
        tree.take("swarm");
        tree.take("expect");
        let seed = Value::Integer(seed.cast_signed());
        tree.set(&["seed".into()], seed, (None, None)).expect("a header has keys");
        for (path, values) in &self.scenario.swarm.vary {
            let value = values.choose(stream).expect("a list of values has one").clone();
            let set = tree::split_path(path).and_then(|keys| tree.set(&keys, value, (None, None)));
            set.map_err(|message| {
                let message = format!("swarm.vary.{path}: {message}");
                Problems::one(crate::scenario::Finding::new(message, None))
            })?;
        }
        let Value::Table(table) = tree.to_toml() else { unreachable!("a document is a table") };
        let scenario = self.parse(&table)?;
        Ok((table, scenario))
    }

    fn parse(&self, table: &Table) -> Result<Scenario, Problems> {
        let text = toml::to_string(table).expect("a scenario is plain data");
        self.source.with_text(text).read(&[])
    }

    fn with_faults(&self, seed: u64, table: Table, scenario: Scenario) -> Drawn {
        let stream = &mut Seed(seed).stream("swarm faults", 0);
        let atlases = Atlas::of_each(&scenario.systems, &self.scenario.swarm, stream);
        let mut faults = Vec::new();
        for atlas in &atlases {
            faults.extend(self.faults(atlas, scenario.traffic.duration, stream));
        }
        let buggify = &mut Seed(seed).stream("swarm buggify", 0);
        let buggify = self.scenario.swarm.buggify && buggify.chance_ppm(HALF);
        let setting = Arc::new(Setting { table, scenario, atlases });
        Drawn { origin: seed, seed, buggify, setting, faults }
    }

    /// From when until when faults may last beside traffic of this length; nothing if there are to
    /// be none.
    pub(super) fn window(&self, traffic: Duration) -> Option<(Duration, Duration)> {
        let spec = &self.scenario.swarm;
        let over = traffic.saturating_sub(spec.calm);
        (spec.faults > 0 && over > EARLIEST + SHORTEST).then_some((EARLIEST, over))
    }

    /// The kinds of faults that are drawn.
    pub(super) fn kinds(&self) -> Vec<&'static Entry> {
        let spec = &self.scenario.swarm;
        let wanted = |entry: &&Entry| {
            let named = |names: &[String]| names.iter().any(|name| name == entry.name);
            (spec.kinds.is_empty() || named(&spec.kinds)) && !named(&spec.except)
        };
        faults::entries().filter(wanted).collect()
    }

    fn faults(&self, atlas: &Atlas, traffic: Duration, stream: &mut Stream) -> Vec<FaultSpec> {
        let Some(window) = self.window(traffic) else { return Vec::new() };
        // Not every seed has every kind (A. Groce et al., "Swarm Testing", ISSTA 2012): what some
        // kinds do, others hide.
        let all = self.kinds();
        let few = all.len() <= 3;
        let on: Vec<bool> = all.iter().map(|_| few || stream.chance_ppm(ENABLED_PPM)).collect();
        let enabled = all.iter().zip(on).filter(|(_, on)| *on);
        let possible: Vec<Possible<'_>> = enabled
            .map(|(entry, _)| Possible::of(entry, atlas))
            .filter(|possible| !possible.targets.is_empty())
            .collect();
        let mut faults = match stream.chance_ppm(CORE_PPM) {
            true => standing(&all, atlas.outside(stream), window, stream),
            false => Vec::new(),
        };
        if possible.is_empty() {
            return faults;
        }
        let count = stream.random_range(1..=u64::from(self.scenario.swarm.faults.max(1)));
        for _ in 0..count {
            let possible = possible.choose(stream).expect("checked above");
            let fault = possible.fault(window, &faults, stream);
            if !atlas.too_close(&fault, &faults) {
                faults.push(fault);
            }
        }
        faults
    }
}

/// With an audit reader from the end of the traffic on, if the file has none of its own.
fn audited(table: &mut Table, scenario: &mut Scenario) {
    if scenario.audits() {
        return;
    }
    scenario.measure.audit = scenario.traffic.duration;
    let measure = table.entry("measure").or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(measure) = measure {
        let from = Value::String(scenario.measure.audit.to_string());
        measure.insert("audit".into(), from);
    }
}

/// Faults that are never healed, one on each of these servers, beginning within a window.
fn standing(
    all: &[&Entry],
    outside: Vec<String>,
    (from, until): (Duration, Duration),
    stream: &mut Stream,
) -> Vec<FaultSpec> {
    let kinds: Vec<&&Entry> = all.iter().filter(|entry| entry.swarm.for_good).collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let on = |name| {
        let entry = *kinds.choose(stream).expect("there are several");
        let (action, target) = ((entry.draw)(stream), Target(vec![name]));
        let at = in_millis(between(stream, from, until));
        FaultSpec { action, target, at, until: None }
    };
    outside.into_iter().map(on).collect()
}

/// In whole milliseconds, for readability.
pub(super) fn in_millis(time: Duration) -> Duration {
    Duration(time.0 / 1_000_000 * 1_000_000)
}

/// A kind of fault, and whom one of it may hit.
pub(super) struct Possible<'a> {
    entry: &'static Entry,
    /// Its nodes; none if there can't be such a fault.
    pub(super) targets: Vec<String>,
    /// Failure domains with several of them.
    domains: Vec<&'a str>,
    /// Whoever leads.
    leader: Option<&'a str>,
}

impl<'a> Possible<'a> {
    pub(super) fn of(entry: &'static Entry, atlas: &'a Atlas) -> Self {
        let targets = atlas.targets(entry);
        let domains = atlas.domains_among(entry, &targets);
        let leader = atlas.leader_among(entry, &targets);
        Self { entry, targets, domains, leader }
    }

    /// One fault, within a window, maybe soon after the last before it.
    pub(super) fn fault(
        &self,
        (from, until): (Duration, Duration),
        before: &[FaultSpec],
        stream: &mut Stream,
    ) -> FaultSpec {
        let latest = until.saturating_sub(SHORTEST);
        let at = match before.last() {
            Some(other) if stream.chance_ppm(CLOSE_PPM) => {
                (other.at + between(stream, Duration::ZERO, CLOSE)).min(latest)
            }
            _ => between(stream, from, latest),
        };
        let most = until.saturating_sub(at);
        let lasts = log_uniform(stream, SHORTEST, most);
        let longest = in_millis(most).max(SHORTEST);
        let (at, lasts) = (in_millis(at), in_millis(lasts.max(SHORTEST)).min(longest));
        let target = self.target(stream);
        let action = (self.entry.draw)(stream);
        FaultSpec { action, target, at, until: Some(at + lasts) }
    }

    /// One of the nodes, a failure domain of several, or who leads (where somebody does).
    pub(super) fn target(&self, stream: &mut Stream) -> Target {
        Target(if self.entry.swarm.together {
            self.targets.clone()
        } else if !self.domains.is_empty() && stream.chance_ppm(DOMAIN_PPM) {
            vec![(*self.domains.choose(stream).expect("there is one")).to_owned()]
        } else if let Some(leader) = self.leader.filter(|_| stream.chance_ppm(LEADER_PPM)) {
            vec![leader.into()]
        } else {
            vec![self.targets.choose(stream).expect("there is one").clone()]
        })
    }

    /// Whether its faults may hit these.
    pub(super) fn hits(&self, target: &Target) -> bool {
        let may = |name: &str| {
            let node = self.targets.iter().any(|node| node == name);
            node || self.domains.contains(&name) || self.leader == Some(name)
        };
        match target.0.as_slice() {
            _ if self.targets.is_empty() => false,
            names if self.entry.swarm.together => names == self.targets,
            [name] => may(name),
            _ => false,
        }
    }
}

/// So that the short ones are as likely as the long ones.
pub(super) fn log_uniform(stream: &mut Stream, low: Duration, high: Duration) -> Duration {
    let ratio = libm::log(high.0 as f64 / low.0 as f64);
    Duration((low.0 as f64 * libm::exp(stream.sample(OpenUnit) * ratio)) as u64)
}

pub(super) fn between(stream: &mut Stream, low: Duration, high: Duration) -> Duration {
    Duration(stream.random_range(low.0..=high.0.max(low.0)))
}

/// What a case is drawn in.
#[derive(Clone)]
pub(super) struct Setting {
    table: Table,
    /// Its faults are those of the swarm's file.
    scenario: Scenario,
    /// Who may be hurt, by system.
    pub(super) atlases: Vec<Atlas>,
}

impl Setting {
    /// How long its traffic lasts.
    pub(super) fn traffic(&self) -> Duration {
        self.scenario.traffic.duration
    }
}

/// A case, before it is a scenario: what a seed draws, or a variant of that.
#[derive(Clone)]
pub(super) struct Drawn {
    /// The seed that its setting is of.
    pub(super) origin: u64,
    /// Its own seed.
    pub(super) seed: u64,
    /// With rare delays.
    pub(super) buggify: bool,
    pub(super) setting: Arc<Setting>,
    /// Beside those of the swarm's file.
    pub(super) faults: Vec<FaultSpec>,
}

impl Drawn {
    /// A variant as a scenario file, which says whose it is.
    pub(super) fn text(self) -> String {
        let origin = self.origin;
        format!("# A variant of what seed {origin} draws.\n{}", self.case().text())
    }

    /// As a scenario.
    pub(super) fn case(self) -> Case {
        let Setting { mut table, mut scenario, atlases } = Arc::unwrap_or_clone(self.setting);
        scenario.seed = self.seed;
        table.insert("seed".into(), Value::Integer(self.seed.cast_signed()));
        let mut faults = std::mem::take(&mut scenario.faults);
        faults.extend(self.faults);
        faults.sort_by_key(|fault| fault.at);
        let excused = atlases.iter().find_map(|atlas| atlas.need_not_settle(&faults));
        let excused = excused.filter(|_| scenario.promise.converges);
        if self.buggify {
            scenario.buggify = true;
            table.insert("buggify".into(), Value::Boolean(true));
        }
        audited(&mut table, &mut scenario);
        let promise = &mut scenario.promise;
        // A server that stays down keeps no copies that count.
        let gone = atlases.iter().map(|atlas| atlas.gone(&faults).len()).max().unwrap_or(0);
        promise.copies = promise.copies.saturating_sub(gone as u32);
        if excused.is_some() {
            (promise.converges, promise.drains, promise.copies) = (false, false, 0);
        }
        if let Some(table) = table.get_mut("promise").and_then(Value::as_table_mut) {
            table.insert("converges".into(), Value::Boolean(promise.converges));
            table.insert("drains".into(), Value::Boolean(promise.drains));
            table.insert("copies".into(), Value::Integer(promise.copies.into()));
        }
        if !faults.is_empty() {
            let list = faults.iter().map(|fault| Value::Table(fault.to_table())).collect();
            table.insert("fault".into(), Value::Array(list));
        }
        let unhealed = faults.iter().filter(|fault| fault.until.is_none());
        let outside: Vec<String> = unhealed.flat_map(|fault| fault.target.0.clone()).collect();
        let core = atlases.iter().flat_map(|atlas| atlas.core(&outside));
        let core = core.collect::<Vec<_>>().join(", ");
        let core = (!outside.is_empty() && excused.is_none()).then_some(core);
        scenario.faults = faults;
        Case { table, scenario, core, excused }
    }
}

/// What a seed has drawn.
pub struct Case {
    table: Table,
    /// To be run.
    pub scenario: Scenario,
    /// The servers that are healed in the end, if others are not.
    pub core: Option<String>,
    /// Why it need not settle in the end, though the swarm's scenario promises it.
    pub excused: Option<String>,
}

impl Case {
    /// The case as a scenario file.
    pub fn text(&self) -> String {
        let text = toml::to_string(&self.table).expect("a scenario is plain data");
        let core = self.core.as_ref().map(|core| format!("# Core quorum, healed: {core}.\n"));
        let why = self.excused.as_ref().map(|why| format!("# Need not settle: {why}.\n"));
        core.unwrap_or_default() + &why.unwrap_or_default() + &text
    }
}
