//! What a swarm has found, counted, and put together from shards.

use std::collections::BTreeMap;
use std::fmt::Write;

use headwater_models::property::{Property, When};
use headwater_models::systems::Systems;
use headwater_sim::random::Seed;
use serde::{Deserialize, Serialize};

use super::{Base, Shard, Shown, SwarmRun};
use crate::faults;
use crate::shard;
use crate::sweep::Settings;
use crate::units::Duration;

/// Version of the JSON.
const SCHEMA: &str = "headwater-swarm/2";

/// A seed that broke a promise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The verdict that failed.
    pub verdict: String,
    /// The first thing that it found.
    pub finding: String,
}

impl Failure {
    pub(super) fn new(seed: u64, verdict: &str, finding: &str) -> Self {
        Self { seed, verdict: verdict.into(), finding: finding.into() }
    }
}

/// Scenario files of variants that failed which are kept at most.
pub const CASES_MAX: usize = 100;

/// What a guided swarm has learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guided {
    /// Cases that were variants of others.
    pub variants: u64,
    /// Cases that had reached something new, and are varied.
    pub kept: u64,
    /// Features that were reached: rare states, marks and their order, faults that they met.
    pub features: u64,
}

/// A swarm that was run, or a part of one. It holds no wall-clock time, so that the same swarm
/// gives the same JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swarm {
    /// Version of this JSON.
    pub schema: String,
    /// Version of headwater.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// Its system's kind.
    pub system: String,
    /// Values laid over it.
    pub settings: Settings,
    /// The first seed of the whole, and how many from there on.
    pub seeds: (u64, u64),
    /// The parts that are in here; none if it is the whole.
    pub shards: Vec<Shard>,
    /// Seeds that were run.
    pub runs: u64,
    /// Of these, run twice to compare fingerprints.
    pub twice: u64,
    /// Of these, in which a core quorum alone was healed.
    pub core: u64,
    /// Of these, that need not settle in the end: more servers may be gone than can be spared.
    pub excused: u64,
    /// Events of the kernel.
    pub events: u64,
    /// Virtual time, nanoseconds.
    pub simulated_ns: u64,
    /// Over all seeds and fingerprints, in no order; in JSON 16 digits to the base of 16, as
    /// numbers there are exact up to 2^53.
    #[serde(with = "hexadecimal")]
    pub fingerprint: u64,
    /// Seeds in which a kind of fault was injected, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Seeds in which a property of the models was seen to hold, by name.
    pub properties: BTreeMap<String, u64>,
    /// Seeds in which a verdict was checked, by its name.
    #[serde(default)]
    pub checked: BTreeMap<String, u64>,
    /// Properties that one of so many seeds has to show; none where values were laid over the
    /// scenario, which says nothing of that.
    #[serde(default)]
    pub reaches: BTreeMap<String, u64>,
    /// What failed, by seed.
    pub failures: Vec<Failure>,
    /// What it has learnt, if it was guided; its seeds are numbers of cases then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guided: Option<Guided>,
    /// Cases that failed and are no seed's, as scenario files.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cases: BTreeMap<u64, String>,
    /// It was stopped before all seeds were run.
    pub interrupted: bool,
    /// The systems that its scenario may be about; the standard ones where it was read from JSON.
    #[serde(skip)]
    pub systems: Systems,
}

impl Swarm {
    pub(super) fn new(base: &Base, spec: &SwarmRun<'_>) -> Self {
        let all = spec.shard == Shard::ALL;
        Self {
            schema: SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            scenario: spec.source.name.clone(),
            system: base.scenario().systems.kinds(),
            settings: spec.settings.clone(),
            seeds: spec.seeds,
            shards: if all { Vec::new() } else { vec![spec.shard] },
            runs: 0,
            twice: 0,
            core: 0,
            excused: 0,
            events: 0,
            simulated_ns: 0,
            fingerprint: 0,
            faults: BTreeMap::new(),
            properties: BTreeMap::new(),
            checked: BTreeMap::new(),
            reaches: match spec.settings.is_empty() {
                true => base.scenario().swarm.reaches.clone(),
                false => BTreeMap::new(),
            },
            failures: Vec::new(),
            guided: spec.guided.then(Guided::default),
            cases: BTreeMap::new(),
            interrupted: false,
            systems: spec.source.systems.clone(),
        }
    }

    pub(super) fn add(&mut self, shown: Shown) {
        self.runs += 1;
        self.twice += u64::from(shown.again);
        self.core += u64::from(shown.core);
        self.excused += u64::from(shown.excused);
        self.events += shown.events;
        self.simulated_ns += shown.simulated.0;
        if let Some(guided) = &mut self.guided {
            guided.variants += u64::from(shown.variant);
        }
        if self.cases.len() < CASES_MAX {
            self.cases.extend(shown.case.map(|case| (shown.seed, case)));
        }
        let one = Seed(shown.seed).derive(&shown.fingerprint, 0);
        self.fingerprint = self.fingerprint.wrapping_add(one);
        count(&mut self.faults, shown.kinds.into_iter().map(|kind| (kind, 1)));
        count(&mut self.properties, shown.properties.into_iter().map(|name| (name.into(), 1)));
        count(&mut self.checked, shown.checked.into_iter().map(|name| (name.into(), 1)));
        self.failures.extend(shown.failures);
        self.failures.sort();
    }

    /// How many cases are varied by now, and how many features known.
    pub(super) fn learnt(&mut self, (kept, features): (u64, u64)) {
        if let Some(guided) = &mut self.guided {
            (guided.kept, guided.features) = (kept, features);
        }
    }

    /// Reads one from its JSON.
    pub fn parse(text: &str) -> Result<Self, String> {
        let swarm: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match swarm.schema.as_str() {
            SCHEMA => Ok(swarm),
            other => Err(format!("schema `{other}`; this headwater reads `{SCHEMA}`")),
        }
    }

    /// Puts another part of the same swarm to this one.
    pub fn merge(&mut self, other: Self) -> Result<(), String> {
        let about = |swarm: &Self| {
            let Self { version, scenario, settings, seeds, .. } = swarm;
            (version.clone(), scenario.clone(), settings.clone(), *seeds)
        };
        if about(self) != about(&other) {
            return Err("not a part of the same swarm: scenario, settings, seeds and version of \
                        headwater must be the same"
                .into());
        }
        shard::add(&mut self.shards, other.shards)?;
        self.runs += other.runs;
        self.twice += other.twice;
        self.core += other.core;
        self.excused += other.excused;
        self.events += other.events;
        self.simulated_ns += other.simulated_ns;
        self.fingerprint = self.fingerprint.wrapping_add(other.fingerprint);
        count(&mut self.faults, other.faults);
        count(&mut self.properties, other.properties);
        count(&mut self.checked, other.checked);
        self.failures.extend(other.failures);
        self.failures.sort();
        self.interrupted |= other.interrupted;
        Ok(())
    }

    /// The parts that are missing.
    pub fn missing(&self) -> Vec<Shard> {
        shard::missing(&self.shards)
    }

    /// The properties of its systems.
    fn declared(&self) -> Vec<&'static Property> {
        let kinds = self.system.split(", ").filter_map(|name| self.systems.find(name));
        let mut declared: Vec<_> = kinds.flat_map(|kind| kind.properties()).collect();
        declared.sort_by_key(|property| property.name);
        declared.dedup_by_key(|property| property.name);
        declared
    }

    /// The `sometimes` properties of the system that no seed has shown.
    pub fn never(&self) -> Vec<&'static str> {
        let declared = self.declared();
        let sometimes = declared.iter().filter(|property| property.when == When::Sometimes);
        sometimes
            .map(|property| property.name)
            .filter(|name| !self.properties.contains_key(*name))
            .collect()
    }

    /// The properties that it has to reach, was run for long enough to, and has not; with the seeds
    /// within which it has to.
    pub fn unreached(&self) -> impl Iterator<Item = (&str, u64)> {
        let due = self.reaches.iter().filter(|(_, within)| **within <= self.runs);
        let never = due.filter(|(name, _)| !self.properties.contains_key(*name));
        never.map(|(name, within)| (name.as_str(), *within))
    }

    /// Whether no seed has failed, and it has got where it has to.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.unreached().next().is_none()
    }

    /// Seeds that failed, each once, in order.
    pub fn failed(&self) -> Vec<u64> {
        let mut seeds: Vec<u64> = self.failures.iter().map(|failure| failure.seed).collect();
        seeds.dedup();
        seeds
    }

    /// For people; without how long it took.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| writeln!(text, "{line}").expect("a string takes it");
        let (first, count) = self.seeds;
        let simulated = Duration::from_secs(self.simulated_ns / 1_000_000_000);
        line(format!(
            "{}: {} of {count} seeds from {first}, {simulated} of virtual time, {} events",
            self.scenario, self.runs, self.events
        ));
        let kinds = faults::entries().count();
        line(format!("{} run twice; {} of {kinds} kinds of faults", self.twice, self.faults.len()));
        if let Some(Guided { variants, kept, features }) = self.guided {
            line(format!(
                "guided: {variants} variants of {kept} cases that reached something new, \
                 {features} features reached"
            ));
        }
        if self.core > 0 {
            line(format!("{} had to settle on a core quorum alone", self.core));
        }
        if self.excused > 0 {
            let why = "more servers may be gone for good than can be spared";
            line(format!("{} need not settle: {why}", self.excused));
        }
        let never = self.never();
        let declared = self.declared();
        let sometimes = declared.iter().filter(|of| of.when == When::Sometimes).count();
        let reached = sometimes - never.len();
        line(format!("{reached} of {sometimes} `sometimes` properties reached"));
        for name in never {
            line(format!("  never: {name}"));
        }
        for (name, within) in self.unreached() {
            line(format!("failed to reach {name}, which it has to within {within} seeds"));
        }
        let failed = self.failed();
        line(format!("{} seeds failed", failed.len()));
        for failure in self.failures.iter().take(FAILURES_SHOWN) {
            let Failure { seed, verdict, finding } = failure;
            let what = if self.cases.contains_key(seed) { "case" } else { "seed" };
            line(format!("  {what} {seed}: {verdict}: {finding}"));
        }
        if self.failures.len() > FAILURES_SHOWN {
            line(format!("  ... and {} more", self.failures.len() - FAILURES_SHOWN));
        }
        for shard in self.missing() {
            line(format!("missing: shard {shard}"));
        }
        text
    }
}

/// A number of 64 bits as text.
mod hexadecimal {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{number:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        u64::from_str_radix(&String::deserialize(from)?, 16).map_err(D::Error::custom)
    }
}

/// Adds to the counts by name.
fn count(counts: &mut BTreeMap<String, u64>, more: impl IntoIterator<Item = (String, u64)>) {
    for (name, number) in more {
        *counts.entry(name).or_default() += number;
    }
}

/// Failures that are printed.
const FAILURES_SHOWN: usize = 20;
