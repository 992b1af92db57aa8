//! Ablations: the same run without one mechanism, to see what it is worth.

use std::sync::atomic::AtomicBool;

use headwater_models::wait::Without;
use headwater_reports::Outcome;
use headwater_reports::outcome::Status;
use headwater_sim::distribution::Distribution;
use headwater_sim::time::Duration;
use serde::Serialize;

use super::ExplainSpec;
use crate::run::{self, Options};
use crate::scenario::{Part, Scenario, shell_word};

/// The figures of a run that are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Median response, nanoseconds.
    pub p50_ns: Option<u64>,
    /// 99th percentile of the response, nanoseconds; none with too few events.
    pub p99_ns: Option<u64>,
    /// Longest response, nanoseconds.
    pub max_ns: u64,
    /// Acknowledged and not there in the end.
    pub lost: u64,
    /// Given up by their writers.
    pub failed: u64,
}

impl Figures {
    /// Of an outcome.
    pub(super) fn of(outcome: &Outcome) -> Self {
        let response = outcome.latency.response.summary();
        Self {
            p50_ns: response.p50_ns,
            p99_ns: response.p99_ns,
            max_ns: response.max_ns,
            lost: outcome.counts.lost,
            failed: outcome.counts.failed,
        }
    }

    /// What a user minds most: the 99th percentile, or the longest where there is none.
    pub(super) fn tail(&self) -> u64 {
        self.p99_ns.unwrap_or(self.max_ns)
    }
}

/// A run without something.
pub(super) struct Ablation {
    /// Without what, such as `linger`.
    pub name: String,
    /// The settings that do it, as on a command line; nothing for what no setting does.
    settings: Option<String>,
    scenario: Result<Box<Scenario>, String>,
}

/// What became of the run without something.
#[derive(Clone, Debug, Serialize)]
pub struct Ablated {
    /// Without what.
    pub without: String,
    /// The settings that turn it off, as on a command line; none for a fault or a machine.
    pub settings: Option<String>,
    /// The figures without it; none if it can't be run so.
    pub figures: Option<Figures>,
    /// Why it can't.
    pub refused: Option<String>,
    /// How much less the tail of the response is than with it, nanoseconds: p99, or the longest
    /// with too few events for that.
    pub gain_ns: i64,
}

impl Ablated {
    /// By which they are put in order.
    pub(super) fn worth(&self) -> (bool, i64) {
        (self.figures.is_some(), self.gain_ns)
    }
}

impl Ablation {
    /// Runs it; nothing if it was stopped.
    pub fn run(&self, seed: u64, stop: &AtomicBool, with: &Figures) -> Option<Ablated> {
        let base = Ablated {
            without: self.name.clone(),
            settings: self.settings.clone(),
            figures: None,
            refused: None,
            gain_ns: 0,
        };
        let scenario = match &self.scenario {
            Ok(scenario) => scenario,
            Err(why) => return Some(Ablated { refused: Some(why.clone()), ..base }),
        };
        let options = Options { seed: Some(seed), stop: Some(stop), ..Options::default() };
        let outcome = run::run(scenario, &options).outcome;
        if outcome.status != Status::Completed {
            return None;
        }
        let figures = Figures::of(&outcome);
        let gain_ns = with.tail() as i64 - figures.tail() as i64;
        Some(Ablated { figures: Some(figures), gain_ns, ..base })
    }
}

/// A gain of the tail below which a setting has not helped, as a share.
const HELPS: f64 = 0.01;

/// The setting that helps most and costs nothing that was kept.
pub(super) fn setting(all: &[Ablated], with: &Figures) -> Option<String> {
    let least = (with.tail() as f64 * HELPS) as i64;
    let helps = |of: &&Ablated| {
        let keeps = of.figures.is_some_and(|it| it.lost <= with.lost && it.failed <= with.failed);
        keeps && of.gain_ns > least.max(0)
    };
    let settings =
        all.iter().filter(helps).filter_map(|of| Some((of.gain_ns, of.settings.clone()?)));
    settings.max_by_key(|(gain, _)| *gain).map(|(_, settings)| settings)
}

/// All that a scenario can be run without.
pub(super) fn of(spec: &ExplainSpec, scenario: &Scenario) -> Vec<Ablation> {
    let mut all = Vec::new();
    for (at, (_, part)) in scenario.systems.iter().enumerate() {
        let at = scenario.systems.is_several().then_some(at);
        all.extend(part.system.without().iter().map(|of| without(spec, part, at, of)));
    }
    all.extend(machines(scenario));
    for (index, fault) in scenario.faults.iter().enumerate() {
        let mut without = scenario.clone();
        without.faults.remove(index);
        let name = format!("fault {}: {} {}", index + 1, fault.action.name(), fault.target);
        all.push(Ablation { name, settings: None, scenario: Ok(Box::new(without)) });
    }
    all
}

/// Without a mechanism of a system; `at` is its place among several.
fn without(spec: &ExplainSpec, part: &Part, at: Option<usize>, of: &Without) -> Ablation {
    let (prefix, name) = match at {
        None => ("system.".to_owned(), of.mechanism.to_owned()),
        Some(at) => (format!("system.{at}."), format!("{}: {}", part.name, of.mechanism)),
    };
    let laid: Vec<(String, String)> =
        of.options.iter().map(|(path, value)| (format!("{prefix}{path}"), value.clone())).collect();
    let mut settings = spec.settings.clone();
    settings.extend(laid.iter().cloned());
    let read = spec.source.read(&settings).map_err(|problems| problems.line());
    let words: Vec<String> = laid
        .iter()
        .map(|(path, value)| format!("--set {}", shell_word(&format!("{path}={value}"))))
        .collect();
    Ablation { name, settings: Some(words.join(" ")), scenario: read.map(Box::new) }
}

/// Without what the machines of the profile take.
fn machines(scenario: &Scenario) -> Vec<Ablation> {
    let nothing = Distribution::constant(Duration::ZERO);
    let mut all = Vec::new();
    let mut add = |name: &str, change: &dyn Fn(&mut Scenario)| {
        let mut without = scenario.clone();
        change(&mut without);
        if without.profile != scenario.profile {
            let (settings, scenario) = (None, Ok(Box::new(without)));
            all.push(Ablation { name: name.to_owned(), settings, scenario });
        }
    };
    add("sync time of disks", &|without| {
        let machines = [&mut without.profile.server, &mut without.profile.client];
        for disk in machines.into_iter().flat_map(|machine| &mut machine.disks) {
            disk.sync = nothing.clone();
        }
    });
    add("network latency", &|without| without.profile.network.latency = nothing.clone());
    add("a limit on cores", &|without| {
        (without.profile.server.cores, without.profile.client.cores) = (0, 0);
    });
    all
}
