//! One live run: a system's own load test on a cluster launched for it, or a run of this program.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use headwater_reports::Outcome;
use headwater_reports::outcome::Status;
use headwater_scenarios::paper::live::OF_LOADGEN;
use headwater_scenarios::paper::{Measured, Spec, Tool};
use headwater_scenarios::scenario::expect::Quantity;
use headwater_scenarios::scenario::{Metric, Scenario, Source, shell_word};
use headwater_scenarios::sweep::setting;

use crate::clock::{date, unix_ms};
use crate::failure::{Failure, Result};
use crate::launch::Places;
use crate::load_test::Running;
use crate::placement::Placement;
use crate::profile::kernel;
use crate::run::Interrupt;
use crate::sampler::{Beside, Disturbance};
use crate::systems::system::{Cluster, LiveSystem, Load, Summary};
use crate::{child, health, systems, utilisation};

/// What a load test writes before it counts, at the most: a broker whose code is still interpreted
/// is another one. What a standalone Pravega is given stays in its memory.
pub(super) const WARM_EVENTS: u64 = 100_000;
const WARM_BYTES: u64 = 20_000_000;

/// How long a load test may take.
const LONGEST: Duration = Duration::from_secs(300);

const POLL: Duration = Duration::from_millis(50);

/// Share of the cores that other machines may take before figures are in doubt. A twentieth less
/// throughput is within what conditions on published figures allow.
const STOLEN: f64 = 0.05;

/// How a run ended.
pub(super) enum Made {
    /// It has figures.
    Measured(Box<Measured>),
    /// It has none, and why.
    Failed(String),
    /// It was stopped by the user.
    Stopped,
}

/// Where runs are made.
pub(super) struct Bench<'a> {
    /// Cores of clusters and tools: both on all, as on a laptop.
    pub(super) placement: &'a Placement,
    /// Where runs of this program write.
    pub(super) folder: &'a Path,
    /// Ends a run.
    pub(super) interrupt: &'a Interrupt,
}

/// The scenario of a run.
pub(super) fn scenario(spec: &Spec) -> Result<Scenario> {
    let settings: std::result::Result<Vec<_>, String> =
        spec.settings.iter().map(|text| setting(text)).collect();
    let settings = settings.map_err(Failure::new)?;
    Ok(Source::find(&spec.scenario)?.read(&settings)?)
}

/// What a load test writes to.
struct Target<'a> {
    system: &'a dyn LiveSystem,
    scenario: &'a Scenario,
    cluster: &'a Cluster,
    places: &'a Places,
}

/// What came of a load test.
struct Written {
    name: &'static str,
    command: Vec<String>,
    summary: Summary,
}

impl Bench<'_> {
    /// Makes a run.
    pub(super) fn make(&self, spec: &Spec, repeat: u64) -> Made {
        let made = match spec.tool {
            Tool::LoadTest => self.load_test(spec, repeat),
            Tool::Loadgen => self.loadgen(spec, repeat),
        };
        match made {
            _ if self.interrupt.raised() => Made::Stopped,
            Ok(measured) => Made::Measured(Box::new(measured)),
            Err(failure) => Made::Failed(failure.to_string()),
        }
    }

    fn load_test(&self, spec: &Spec, repeat: u64) -> Result<Measured> {
        let scenario = scenario(spec)?;
        let system = systems::of_scenario(&scenario)?;
        let places = Places::find(false, self.placement.clone())?;
        let cluster = Cluster::launched(system.launch(&scenario, &places)?);
        let target = Target { system, scenario: &scenario, cluster: &cluster, places: &places };
        let events = spec.events.unwrap_or(WARM_EVENTS);
        let warm = WARM_EVENTS.min(events).min(WARM_BYTES / scenario.traffic.size.mean.0.max(1));
        self.write(&target, &Load { events: Some(warm.max(1)), besides: &spec.besides })?;
        let beside = Beside::from_now();
        let load = Load { events: Some(events), besides: &spec.besides };
        let Written { name, command, summary } = self.write(&target, &load)?;
        let (others, stolen) = beside.until_now();
        if summary.events != events {
            let written = summary.events;
            return Err(Failure::new(format!("{name} wrote {written} of {events} events")));
        }
        let words: Vec<String> = command.iter().map(|word| shell_word(word)).collect();
        Ok(Measured {
            tool: format!("{name} {}", cluster.version),
            system: cluster.describes.clone(),
            command: words.join(" "),
            seconds: events as f64 / summary.rate.max(1e-9),
            doubt: doubt(&others, stolen, utilisation::cores()),
            figures: of_load_test(&summary),
            ..here(spec, repeat)
        })
    }

    /// Runs a load test to its end.
    fn write(&self, on: &Target<'_>, load: &Load<'_>) -> Result<Written> {
        let test = on.system.load_test(on.scenario, load, on.cluster, on.places)?;
        let test = test
            .ok_or_else(|| Failure::new(format!("no load test comes with {}", on.system.name())))?;
        let mut running = Running::start(&test, on.places)?;
        let (since, mut late) = (Instant::now(), false);
        while running.alive()? {
            late = since.elapsed() > LONGEST;
            if late || self.interrupt.raised() {
                running.kill();
                break;
            }
            std::thread::sleep(POLL);
        }
        let printed = running.printed();
        let Some(summary) = printed.lines().rev().find_map(test.summary) else {
            let why = match late {
                true => format!("did not end within {} s", LONGEST.as_secs()),
                false => "ended without a word on how it went".to_owned(),
            };
            let said = running.last_words();
            return Err(Failure::new(format!("{} {why}; it said last: {said}", test.name)));
        };
        test.storage.remove()?;
        Ok(Written { name: test.name, command: test.command, summary })
    }

    fn loadgen(&self, spec: &Spec, repeat: u64) -> Result<Measured> {
        let scenario = scenario(spec)?;
        let arguments = arguments(spec, scenario.seed + repeat - 1);
        let folder = self.folder.join(format!("{}-{repeat}", spec.name()));
        // What is left of a run that was stopped or in doubt.
        let _ = std::fs::remove_dir_all(&folder);
        let stop = &self.interrupt.stop;
        match child::run(&arguments, &folder, child::longest(&scenario), stop) {
            child::Ended::Stopped => Err(Failure::new("it was stopped")),
            child::Ended::Failed(why) => Err(Failure::new(why)),
            child::Ended::Ran(outcome) => of_run(spec, repeat, &arguments, &outcome),
        }
    }
}

/// What there is of a run of this program.
fn of_run(spec: &Spec, repeat: u64, arguments: &[String], outcome: &Outcome) -> Result<Measured> {
    if let Status::Interrupted { why } = &outcome.status {
        return Err(Failure::new(format!("it did not come to its end: {why}")));
    }
    let figure = |name: &str| match Metric::parse(name).ok()?.read(outcome)? {
        Quantity::Number(number) => Some((name.to_owned(), number)),
        _ => None,
    };
    let words: Vec<String> = arguments.iter().map(|word| shell_word(word)).collect();
    Ok(Measured {
        tool: format!("loadgen {}", env!("CARGO_PKG_VERSION")),
        system: outcome.configuration.get("live.cluster").cloned().unwrap_or_default(),
        command: format!("loadgen {}", words.join(" ")),
        seconds: outcome.duration_ns as f64 / 1e9,
        doubt: outcome.withheld(),
        figures: OF_LOADGEN.into_iter().filter_map(figure).collect(),
        ..here(spec, repeat)
    })
}

/// On this machine, today.
fn here(spec: &Spec, repeat: u64) -> Measured {
    Measured {
        machine: format!("{}, {} cores", kernel::release(), utilisation::cores()),
        date: date(unix_ms() / 1_000),
        ..Measured::of(spec.clone(), repeat)
    }
}

/// The command line of a run of this program, beside `--out`.
pub(super) fn arguments(spec: &Spec, seed: u64) -> Vec<String> {
    let mut all: Vec<String> =
        ["--scenario", &spec.scenario, "--launch", "--accept-differences", "--yes"]
            .map(str::to_owned)
            .into();
    let mut add = |option: &str, value: &str| all.extend([option.to_owned(), value.to_owned()]);
    add("--seed", &seed.to_string());
    if let Some(time) = &spec.warm_up {
        add("--warm-up", time);
    }
    spec.settings.iter().for_each(|setting| add("--set", setting));
    all
}

/// The figures of a load test; times in seconds.
pub(super) fn of_load_test(summary: &Summary) -> BTreeMap<String, f64> {
    let seconds = |ms: f64| ms / 1e3;
    let figures = [
        ("acked_rate", summary.rate),
        ("service.p50", seconds(summary.p50_ms)),
        ("service.p95", seconds(summary.p95_ms)),
        ("service.p99", seconds(summary.p99_ms)),
        ("service.mean", seconds(summary.mean_ms)),
        ("service.max", seconds(summary.max_ms)),
    ];
    figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Why figures of a machine with so many cores are in doubt, of which others took these; none if
/// they are not.
pub(super) fn doubt(others: &Disturbance, stolen: f64, cores: u32) -> Option<String> {
    let cores = f64::from(cores);
    let percent = |share: f64| format!("{:.0} % of a core", share * 100.0);
    let mut why = Vec::new();
    if others.cores > health::OTHERS * cores {
        let who = others.who.first().map_or("", |(name, _)| name.as_str());
        why.push(format!("other processes took {} ({who} most)", percent(others.cores)));
    }
    if stolen > STOLEN * cores {
        why.push(format!("other machines took {}", percent(stolen)));
    }
    (!why.is_empty()).then(|| why.join(", "))
}
