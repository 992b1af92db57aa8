//! `loadgen calibrate`: what requests, bytes and events cost the servers and clients of a system on
//! this machine, written into a machine profile.
//!
//! A few short cases are run, in one order and then in the other. CPU time by thread comes from
//! `/proc`, requests and bytes from what clients count, pauses and garbage from the logs of JVMs.
//! The costs are those that explain the times best. Of a cluster that was not launched here only
//! the clients are seen.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use headwater_reports::ThreadGroup;
use headwater_scenarios::profile::Profile;

use self::fit::Row;
use self::report::Report;
use super::drive::Driven;
use super::{Interrupt, drive, reach, warm_up};
use crate::arguments::{Calibrate, Run};
use crate::failure::{Failure, Result};
use crate::launch::Places;
use crate::launch::jvm::{self, Collection};
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::sampler::GENERATOR;
use crate::systems::calibration::{Calibration, Case, Group, Side};
use crate::systems::counts::{Counting, Counts};
use crate::systems::system::{Cluster, Source};
use crate::{profile, systems, terminal};

mod fit;
mod report;

/// How long each measurement of the machine takes where no profile is given.
const PROFILE_TIME: Duration = Duration::from_secs(3);

/// What a case leaves out at its beginning, in seconds.
const SETTLES: u64 = 2;

/// Measures, and writes or prints the profile.
pub(crate) fn run(arguments: &Calibrate) -> Result<ExitCode> {
    let system = systems::by_name(&arguments.target)?;
    let Some(calibration) = system.calibration() else {
        return Err(Failure::new(format!("there are no cases to calibrate {} by", system.name())));
    };
    let cases = cases(calibration, &arguments.also)?;
    let plans: Vec<RunPlan> =
        cases.iter().map(|case| RunPlan::new(&asked(arguments, case))).collect::<Result<_>>()?;
    if let Some(path) = &arguments.out {
        profile::try_out(path)?;
    }
    let interrupt = Interrupt::listen()?;
    let (head, profile) = match &arguments.profile {
        Some(name) => (profile::head_of(name), Profile::load(name, None)?),
        None => profile::measure(Path::new("."), "measured", PROFILE_TIME)?,
    };
    let measured = measure(arguments, calibration, &cases, &plans, &interrupt)?;
    let report = Report::new(system.name(), calibration, &measured, &profile);
    let lines = report.lines();
    lines.iter().for_each(terminal::note);
    let told: String = lines.iter().map(|line| format!("# {line}\n")).collect();
    let text = head + &told + &report.added_to(profile)?.to_toml();
    // What is written must read back.
    Profile::parse(&text, "the calibrated profile")?;
    if !arguments.json || arguments.out.is_some() {
        profile::write(arguments.out.as_deref(), &text)?;
    }
    if arguments.json {
        terminal::result(&report.json()).map_err(|error| Failure::io("can't print", &error))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The cases to run: those of the system, and those that are asked for besides.
fn cases(calibration: &Calibration, also: &[String]) -> Result<Vec<Case>> {
    let mut cases = calibration.cases.to_vec();
    for name in also {
        let Some(case) = calibration.more.iter().find(|case| case.name == name) else {
            let names: Vec<&str> = calibration.more.iter().map(|case| case.name).collect();
            return Err(Failure::new(format!(
                "--also: no case `{name}`; there are: {}",
                names.join("; ")
            )));
        };
        cases.push(*case);
    }
    Ok(cases)
}

/// The run that a case is.
fn asked(arguments: &Calibrate, case: &Case) -> Run {
    let own = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
    let length = SETTLES + arguments.time.0.div_ceil(1_000_000_000);
    Run {
        duration: Some(headwater_sim::time::Duration::from_secs(length)),
        settings: case.settings.iter().map(own).collect(),
        launch: arguments.launch,
        ..Run::of(&arguments.target, arguments.systems.clone())
    }
}

/// What was measured.
#[derive(Default)]
struct Measured {
    /// CPU times of threads.
    rows: Vec<Row>,
    /// Collections of the servers' JVMs.
    collections: Vec<Collection>,
    /// What the clients counted.
    counting: Vec<Counting>,
    /// Cores of the servers.
    cores: usize,
    /// The servers were seen.
    servers: bool,
    /// Whatever was wrong with the measurement, in words.
    doubts: Vec<String>,
}

fn measure(
    arguments: &Calibrate,
    calibration: &Calibration,
    cases: &[Case],
    plans: &[RunPlan],
    interrupt: &Interrupt,
) -> Result<Measured> {
    let first = &plans[0];
    let source = reach::find(first, &asked(arguments, &cases[0]))?;
    let launched = source == Source::Launch;
    let placement = Placement::find(arguments.cores, launched)?;
    placement.keep_generator();
    let cluster = reach::reach(first, &source, || Places::find(false, placement.clone()))?;
    warm_up::warm_up(first, &cluster, &source, &placement, interrupt)?;
    let mut measured =
        Measured { cores: placement.cluster.len(), servers: launched, ..Measured::default() };
    let forth = 0..plans.len();
    for (turn, at) in forth.clone().chain(forth.rev()).enumerate() {
        if interrupt.raised() {
            return Err(Failure::new("interrupted before every case was run"));
        }
        let (name, all) = (cases[at].name, 2 * plans.len());
        terminal::note(format_args!("case {} of {all}: {name}", turn + 1));
        let counting = Counting::default();
        let reads = drive::Asked { reads: cases[at].reads, counting: Some(counting.clone()) };
        let driven = drive::drive(&plans[at], &cluster, interrupt, false, reads)?;
        measured.take(calibration, (at, &plans[at]), &driven, &counting);
        measured.counting.push(counting);
    }
    measured.collections = collections(&cluster);
    Ok(measured)
}

fn collections(cluster: &Cluster) -> Vec<Collection> {
    let jvms = cluster.launched.as_ref().map_or(&[][..], |launched| &launched.jvms);
    jvm::collections(jvms)
}

impl Measured {
    /// Adds what a case gave, by the intervals of its sampler.
    fn take(
        &mut self,
        calibration: &Calibration,
        (case, plan): (usize, &RunPlan),
        driven: &Driven,
        counting: &Counting,
    ) {
        let (from, until) = plan.scenario.window();
        let window = (until.0 - from.0).max(1) as f64;
        let constants = calibration.constants();
        let threads = &driven.recorded.threads;
        let (_, started) = driven.started;
        let disturbed = driven.recorded.disturbance.cores;
        if disturbed > DISTURBED {
            self.doubts.push(format!(
                "other processes took {disturbed:.2} of a core meanwhile: stop them, and calibrate \
                 again"
            ));
        }
        for group in calibration.groups {
            let of: Vec<&ThreadGroup> =
                threads.groups.iter().filter(|of| is_of(group, of)).collect();
            let intervals = of.iter().map(|of| of.cpu.len()).max().unwrap_or(0);
            let dispatches: u64 = of.iter().map(|of| of.dispatches).sum();
            let dispatches = dispatches as f64 / window * threads.interval_ns as f64;
            let settled = (SETTLES * 1_000_000_000).div_ceil(threads.interval_ns.max(1));
            // What comes after the last event is not the case's.
            let over = (until.0 / threads.interval_ns.max(1)) as usize;
            let first = self.rows.len();
            for at in settled as usize..intervals.min(over) {
                let from = started + at as u64 * threads.interval_ns;
                let counts = counting.between(from, from + threads.interval_ns);
                let counts = Counts { dispatches, ..counts };
                let share: f64 = of.iter().filter_map(|of| of.cpu.get(at)).sum();
                let cpu_ns = share * threads.interval_ns as f64;
                if counts.requests() > 0.0 && cpu_ns > 0.0 {
                    let times = times(group, &constants, &counts);
                    self.rows.push(Row { case, times, cpu_ns, typical_ns: cpu_ns });
                }
            }
            let rows = &mut self.rows[first..];
            let sum: f64 = rows.iter().map(|row| row.cpu_ns).sum();
            let mean = sum / rows.len().max(1) as f64;
            rows.iter_mut().for_each(|row| row.typical_ns = mean);
        }
    }

    /// What clients counted between two times of the monotonic clock.
    fn counts(&self, from: u64, until: u64) -> Counts {
        let each = self.counting.iter().map(|of| of.between(from, until));
        each.fold(Counts::default(), std::ops::Add::add)
    }
}

/// Other processes may take so much of a core before it is told.
const DISTURBED: f64 = 0.05;

/// Whether these threads are of the group.
fn is_of(group: &Group, threads: &ThreadGroup) -> bool {
    let side = if threads.process == GENERATOR { Side::Generator } else { Side::Server };
    side == group.side && threads.name.starts_with(group.thread)
}

/// How often each of the constants is in the group's time.
fn times(group: &Group, constants: &[&str], counts: &Counts) -> Vec<f64> {
    let of = |constant: &&str| {
        let terms = group.terms.iter().filter(|term| term.constant == *constant);
        terms.map(|term| (term.times)(counts)).sum()
    };
    constants.iter().map(of).collect()
}
