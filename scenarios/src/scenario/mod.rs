//! Scenario files: one TOML file that says what is run, what breaks, and what is expected.
//!
//! ```toml
//! title = "..."                 # one line on what it is
//! hypothesis = "..."            # what it sets out to show
//! seed = 7
//! profile = "nvme-10gbe"        # a machine profile, by name or file
//! buggify = false               # rare delays everywhere (`headwater_sim::buggify`)
//! bugs = []                     # planted bugs (feature `planted-bugs`), see docs/BUGS.md
//! [system]                      # kind, version, nodes, options by their real names; or a list
//!                               # [[system]], each with a name and `from` another: see topology
//! [traffic]                     # see headwater_traffic
//! [[fault]]                     # see crate::faults, and docs/FAULTS.md
//! [measure]                     # warm-up, window, interval, drain
//! [promise]                     # what the checkers hold the system to
//! [swarm]                       # what `headwater swarm` varies, see swarm
//! [expect]                      # bounds on the outcome
//! ```
//!
//! Keys are strict: an unknown one is an error that names the nearest. Errors are found all at
//! once, and each points at its place in the text.

use std::collections::BTreeMap;
use std::path::Path;

use headwater_models::batch::StreamId;
use headwater_models::bugs::{Bug, BugSet};
use headwater_reports::outcome::Window;
use headwater_reports::phase::{self, boundaries};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub mod expect;
pub mod metric;
pub mod metric_list;
pub mod phase_metric;
pub mod plan;
pub mod promise;
mod read_metric;
mod replayed;
mod source;
mod swarm;
pub mod system;
pub mod topology;

pub use crate::faults::{FaultSpec, Target};
pub use expect::Expectation;
pub use headwater_models::system::System;
pub use headwater_reading::problem::{Finding, Problem, Problems};
pub use metric::Metric;
pub use promise::Promise;
pub use source::Source;
pub use swarm::{Budget, SwarmSpec};
pub use topology::{Part, Topology};

use crate::profile::Profile;
use crate::units::Duration;
use headwater_reading::decode;
use headwater_reading::settings::Settings;
use headwater_reading::tree::Tree;
use headwater_traffic::TrafficSpec;

/// A scenario, read and checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name in the library, or its file's path.
    pub name: String,
    /// One line on what it is.
    pub title: String,
    /// What it sets out to show.
    pub hypothesis: String,
    /// The root of its randomness.
    pub seed: u64,
    /// Where it runs.
    pub profile: Profile,
    /// What is run.
    pub systems: Topology,
    /// What arrives.
    pub traffic: TrafficSpec,
    /// What breaks.
    pub faults: Vec<FaultSpec>,
    /// What is measured.
    pub measure: Measure,
    /// What the checkers hold the system to.
    pub promise: Promise,
    /// Rare delays of timers, messages, disks and cores, where the seed draws them. Default false.
    pub buggify: bool,
    /// Defects that are planted; none in a build without them.
    pub bugs: BugSet,
    /// What a swarm varies.
    pub swarm: SwarmSpec,
    /// What it expects of its outcome.
    pub expect: Vec<Expectation>,
    /// Settings from the command line, as (path, value).
    pub settings: Vec<(String, String)>,
    /// The text that it was read from, without the settings.
    pub text: String,
    /// Which settings, by number, are strings though they parse as something else.
    words: Vec<usize>,
    /// Warnings: what is valid, but hardly intended; each with its place.
    pub warnings: Problems,
    /// The warnings, before it is known which text they belong to.
    doubts: Vec<Finding>,
}

/// What is measured, and how long a run goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Measure {
    /// Start of the measured window. Default 2 s: connections, first fetches, first flushes.
    pub warm_up: Duration,
    /// End of the measured window; `0s` for the end of the traffic.
    pub until: Duration,
    /// Length of an interval of the time series; `0s` for 100 ms, or longer where a run would have
    /// too many of them.
    pub interval: Duration,
    /// How long the run may go on after the traffic, for what is still on its way.
    pub drain: Duration,
    /// When an audit reader of each stream begins, which reads everything that is retained: what is
    /// lost is what it does not find, or the others don't. `0s`, the default: there is none. A
    /// swarm's seeds have one, from the end of the traffic on.
    pub audit: Duration,
    /// Events of the kernel at the most: a run that takes more is ended, and fails as one without
    /// an end. 0, the default: many times what such a scenario takes.
    pub events_max: u64,
}

impl Default for Measure {
    fn default() -> Self {
        Self {
            warm_up: Duration::from_secs(2),
            until: Duration::ZERO,
            interval: Duration::ZERO,
            drain: Duration::from_secs(60),
            audit: Duration::ZERO,
            events_max: 0,
        }
    }
}

/// Intervals of a run at most, unless its file says how long they are: an hour of the shortest. A
/// sample of everything that has a name takes some kilobytes.
const INTERVALS_MAX: u64 = 36_000;

impl Measure {
    /// With the length of an interval, if none is given: 100 ms, or the next round time in which
    /// traffic of this length has not too many intervals.
    fn settled(self, traffic: Duration) -> Self {
        if self.interval > Duration::ZERO {
            return self;
        }
        let round = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000].into_iter();
        let minutes = (1..).map(|minutes| minutes * 60_000);
        let mut lengths = round.chain(minutes).map(Duration::from_millis);
        let interval = lengths.find(|length| traffic.0 / length.0 <= INTERVALS_MAX);
        Self { interval: interval.expect("minutes go on for ever"), ..self }
    }
}

/// The top of a file: what is not a section of its own.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// One line on what it is.
    title: String,
    /// What it sets out to show.
    hypothesis: String,
    /// The root of its randomness. Default 1.
    #[serde(default = "one")]
    seed: u64,
    /// A machine profile: a name of `headwater profile list`, or a file.
    profile: String,
    /// Rare delays of timers, messages, disks and cores, where the seed draws them. Default false.
    #[serde(default)]
    buggify: bool,
    /// Planted bugs by name (docs/BUGS.md), in a build that has them.
    #[serde(default)]
    bugs: Vec<String>,
}

const fn one() -> u64 {
    1
}

/// The sections of a file, beside the keys of its header.
const SECTIONS: [&str; 7] = ["system", "traffic", "fault", "measure", "promise", "expect", "swarm"];

impl Scenario {
    /// The scenario of this name in the library, or in this file, with settings laid over it.
    pub fn load(name: &str, settings: &[(String, String)]) -> Result<Self, Problems> {
        Source::find(name)?.read(settings)
    }

    /// Reads a scenario; `name` is what errors call it, `near` where relative profiles are.
    pub fn parse(
        text: &str,
        name: &str,
        near: Option<&Path>,
        settings: &[(String, String)],
    ) -> Result<Self, Problems> {
        let source = Source::of(name.to_owned(), text.to_owned());
        Self::of(&Source { folder: near.map(Path::to_owned), ..source }, settings)
    }

    /// Reads a scenario from where it comes from.
    fn of(source: &Source, settings: &[(String, String)]) -> Result<Self, Problems> {
        let (mut read, mut findings) = Self::read(source, settings, &[]);
        let laid = Settings::after(&source.text, settings);
        // Of which settings the type is wrong.
        let blamed = |findings: &[Finding]| -> Vec<usize> {
            let about = findings.iter().filter(|finding| finding.is_about_type());
            let starts = about.filter_map(|finding| Some(finding.span.as_ref()?.start));
            starts.filter_map(|at| laid.index(at)).collect()
        };
        // A version such as 3.9 parses as a number, but has to be a string.
        let words = blamed(&findings);
        if !words.is_empty() {
            let (again, found) = Self::read(source, settings, &words);
            if blamed(&found).len() < words.len() || found.iter().all(|f| !f.is_about_type()) {
                (read, findings) = (again, found);
            }
        }
        match read {
            Some(mut scenario) if findings.is_empty() => {
                let doubts = std::mem::take(&mut scenario.doubts);
                scenario.warnings =
                    Problems::with_settings(doubts, &source.name, &source.text, settings);
                Ok(scenario)
            }
            _ => Err(Problems::with_settings(findings, &source.name, &source.text, settings)),
        }
    }

    /// Reads a text with settings laid over it, `words` of them (by number) as strings whatever
    /// they look like: what can be read, and everything that is wrong.
    fn read(
        source: &Source,
        settings: &[(String, String)],
        words: &[usize],
    ) -> (Option<Self>, Vec<Finding>) {
        let mut findings = Vec::new();
        let read = match Tree::parse(&source.text) {
            Ok(mut tree) => {
                Settings::after(&source.text, settings).lay(&mut tree, words, &mut findings);
                Self::read_tree(tree, source, &mut findings)
            }
            Err(errors) => {
                findings.extend(errors.into_iter().map(|e| Finding::new(e.message, e.span)));
                None
            }
        };
        let laid =
            |scenario| Self { settings: settings.to_vec(), words: words.to_vec(), ..scenario };
        (read.map(laid), findings)
    }

    fn read_tree(mut tree: Tree, source: &Source, findings: &mut Vec<Finding>) -> Option<Self> {
        let near = source.folder.as_deref();
        let sections = SECTIONS.map(|section| tree.take(section).map(|(_, tree)| tree));
        let [system, traffic, fault, measure, promise, expect, swarm] = sections;
        let header = header(&tree, findings);
        let profile =
            header.as_ref().and_then(|header| profile(&tree, &header.profile, near, findings));
        let measured = profile.as_ref().map(|profile| profile.options.clone()).unwrap_or_default();
        let mut traffic = section::<TrafficSpec>(traffic, "traffic", findings)?;
        let mut doubts = replayed::settle(&mut traffic, near, findings);
        let keyed = traffic.value.keyed();
        let systems = match &system {
            Some(system) => topology::read(system, &source.systems, &measured, keyed, findings),
            None => {
                let finding = Finding::new("the section [system] is missing", None);
                findings.push(finding.help("such as: [system] kind = \"kafka\""));
                None
            }
        };
        let measure = section::<Measure>(measure, "measure", findings)?;
        let promise = section::<Promise>(promise, "promise", findings)?;
        let faults = fault.map_or_else(Vec::new, |fault| plan::read(&fault, findings));
        let expected = expect.as_ref().map_or_else(Vec::new, |it| expect::read(it, findings));
        let swarm = section::<SwarmSpec>(swarm, "swarm", findings)?;
        swarm.value.check(&swarm.tree, &source.systems, findings);
        check_window(&traffic, &measure, findings);
        let bugs = header.as_ref().map(|header| bugs(&tree, &header.bugs, findings));
        let (header, profile, mut systems) = (header?, profile?, systems?);
        plan::check(&faults, &mut systems, findings);
        check_disks(&profile, &systems, system.and_then(|tree| tree.span), findings);
        let end = traffic.value.duration + measure.value.drain;
        doubts.extend(plan::doubt(&faults, traffic.value.duration, end));
        let scenario = Self {
            name: source.name.clone(),
            title: header.title,
            hypothesis: header.hypothesis,
            seed: header.seed,
            profile,
            systems,
            measure: measure.value.settled(traffic.value.duration),
            traffic: traffic.value,
            faults: faults.into_iter().map(|(fault, _)| fault).collect(),
            buggify: header.buggify,
            bugs: bugs.unwrap_or_default(),
            promise: promise.value,
            swarm: swarm.value,
            expect: expected,
            settings: Vec::new(),
            text: source.text.clone(),
            words: Vec::new(),
            warnings: Problems(Vec::new()),
            doubts,
        };
        if let Some(tree) = expect {
            phase_metric::check(&tree, &scenario, findings);
        }
        Some(scenario)
    }

    /// Lays the settings over the tree of the text that it was read from, as it was read.
    pub(crate) fn lay_settings(&self, tree: &mut Tree) {
        Settings::after("", &self.settings).lay(tree, &self.words, &mut Vec::new());
    }

    /// Whether there is an audit reader of each stream.
    pub fn audits(&self) -> bool {
        self.measure.audit > Duration::ZERO
    }

    /// Start and end of the measured window, from the start of the run.
    pub fn window(&self) -> (Duration, Duration) {
        let end = self.traffic.duration;
        let until = self.measure.until;
        (self.measure.warm_up, if until == Duration::ZERO { end } else { until })
    }

    /// When phases begin in its run, nanoseconds: where faults begin and end.
    pub fn phases(&self) -> Vec<u64> {
        boundaries(&self.fault_times())
    }

    /// What its phases are called in its Outcome.
    pub fn phase_names(&self) -> Vec<String> {
        let (from, until) = self.window();
        phase::names(&self.fault_times(), Window { from_ns: from.0, until_ns: until.0 })
    }

    /// That its runs have a figure, as far as can be told before one.
    ///
    /// # Errors
    /// A phase, a level or a mark that they have not, with those that they have or the nearest.
    pub fn has(&self, metric: &Metric) -> Result<(), String> {
        metric.check_phase(&self.phase_names())?;
        let gauges = self.systems.iter().flat_map(|(_, of)| of.system.kind().signals().gauges);
        let names: Vec<&str> = gauges.filter(|of| !of.limit).map(|gauge| gauge.name).collect();
        metric.check_gauge(&names)?;
        let marks = self.systems.iter().flat_map(|(_, of)| of.system.kind().signals().marks);
        metric.check_mark(&marks.map(|mark| mark.name).collect::<Vec<_>>())
    }

    /// From when until when its faults last, nanoseconds, in their order.
    fn fault_times(&self) -> Vec<(u64, Option<u64>)> {
        let lasts = |fault: &FaultSpec| (fault.at.0, fault.until.map(|until| until.0));
        self.faults.iter().map(lasts).collect()
    }

    /// SHA-256 of its text, hexadecimal: what `sha256sum` prints of its file.
    pub fn digest(&self) -> String {
        let hash = Sha256::digest(self.text.as_bytes());
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The only system; of several the first.
    pub fn system(&self) -> &(dyn System + 'static) {
        &*self.systems.part(StreamId(0)).system
    }

    /// Every option of the systems with its value ([`Topology::configuration`]).
    pub fn configuration(&self) -> BTreeMap<String, String> {
        self.systems.configuration()
    }

    /// The command line that runs it again, with this seed.
    pub fn reproduce(&self, program: &str, seed: u64) -> String {
        let mut line = format!("{program} {} --seed {seed}", self.name);
        for (path, value) in &self.settings {
            line += &format!(" --set {}", shell_word(&format!("{path}={value}")));
        }
        line
    }
}

/// Quoted for a POSIX shell, if need be.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A section and where it stands.
struct Section<T> {
    value: T,
    tree: Tree,
}

fn section<T: serde::de::DeserializeOwned + Default>(
    tree: Option<Tree>,
    name: &str,
    findings: &mut Vec<Finding>,
) -> Option<Section<T>> {
    let Some(tree) = tree else {
        return Some(Section { value: T::default(), tree: Tree::empty() });
    };
    let value = decode::decode(&tree, name, findings).unwrap_or_default();
    Some(Section { value, tree })
}

fn header(tree: &Tree, findings: &mut Vec<Finding>) -> Option<Header> {
    let before = findings.len();
    let header = decode::decode(tree, "", findings);
    // A section misspelt is an unknown key of the header.
    for finding in &mut findings[before..] {
        let unknown =
            finding.message.strip_prefix("unknown key `").and_then(|m| m.split('`').next());
        let near =
            unknown.and_then(|unknown| headwater_reading::problem::nearest(unknown, SECTIONS));
        if let Some(near) = near {
            finding.help = Some(format!("did you mean `[{near}]`?"));
        }
    }
    header
}

/// The planted bugs of these names.
fn bugs(tree: &Tree, names: &[String], findings: &mut Vec<Finding>) -> BugSet {
    let mut planted = Vec::new();
    for name in names {
        match name.parse::<Bug>() {
            Ok(bug) => planted.push(bug),
            Err(message) => {
                let span = tree.get("bugs").and_then(|tree| tree.span.clone());
                let known = headwater_models::bugs::ALL.iter().map(|about| about.name);
                let there = known.clone().any(|known| known == name);
                let finding = Finding::new(message, span).label("named here");
                findings.push(if there { finding } else { finding.known(name, known) });
            }
        }
    }
    planted.into_iter().collect()
}

fn profile(
    tree: &Tree,
    name: &str,
    near: Option<&Path>,
    findings: &mut Vec<Finding>,
) -> Option<Profile> {
    let read = Profile::load(name, near);
    read.map_err(|problems| {
        let span = tree.get("profile").and_then(|tree| tree.span.clone());
        for problem in problems.0 {
            let finding = Finding::new(problem.to_string(), span.clone()).label("named here");
            findings.push(match problem.advice() {
                Some(help) => finding.help(help),
                None => finding,
            });
        }
    })
    .ok()
}

/// Every disk that a system's servers use is on their machine.
fn check_disks(
    profile: &Profile,
    systems: &Topology,
    span: Option<std::ops::Range<usize>>,
    findings: &mut Vec<Finding>,
) {
    let have = profile.server.disks.len();
    for (_, part) in systems.iter() {
        let wanted = usize::from(part.system.disks());
        if wanted > have {
            let message = format!(
                "`{}` uses disk {} of its servers, but those of the profile `{}` have {have}: 0 to \
                 {}",
                part.name,
                wanted - 1,
                profile.name,
                have - 1
            );
            findings.push(Finding::new(message, span.clone()).label("this can't be"));
        }
    }
}

fn check_window(
    traffic: &Section<TrafficSpec>,
    measure: &Section<Measure>,
    findings: &mut Vec<Finding>,
) {
    if let Err(error) = traffic.value.check() {
        let path = error.field.replace('[', ".").replace(']', "");
        let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
        let (_, span) = decode::locate(&traffic.tree, &keys);
        let finding = Finding::new(error.to_string(), span);
        findings.push(finding.label(format!("expected {}", error.expected)));
        return;
    }
    let Measure { warm_up, until, interval, .. } = measure.value;
    let end = traffic.value.duration;
    let mut wrong = |key: &str, message: String| {
        let (_, span) = decode::locate(&measure.tree, &[key.to_owned()]);
        findings.push(Finding::new(message, span));
    };
    let until = if until == Duration::ZERO { end } else { until };
    if until > end {
        wrong(
            "until",
            format!("measure.until ({until}) lies after the end of the traffic ({end})"),
        );
    } else if warm_up >= until {
        let message = format!(
            "measure.warm_up ({warm_up}) leaves nothing to measure: the window ends at {until}"
        );
        wrong("warm_up", message);
    }
    if interval > Duration::ZERO && interval < Duration::from_millis(1) {
        wrong("interval", format!("measure.interval is {interval}; expected at least 1ms"));
    }
}
