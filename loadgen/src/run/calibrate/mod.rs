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

use headwater_reports::outcome::Speed;
use headwater_reports::{Outcome, ThreadGroup};
use headwater_scenarios::profile::{Profile, kind_of_process};

use self::beside::Beside;
use self::fit::Row;
use self::report::Report;
use self::woken::Ran;
use super::drive::Driven;
use super::{Interrupt, drive, reach, warm_up};
use crate::arguments::{Calibrate, Reach, Run};
use crate::failure::{Failure, Result};
use crate::launch::Places;
use crate::launch::jvm::{self, Collection};
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::sampler::GENERATOR;
use crate::systems::calibration::{Calibration, Case, Group, Side};
use crate::systems::counts::{Counting, Counts};
use crate::systems::system::{Cluster, Source};
use crate::utilisation::cpu_seconds;
use crate::{health, profile, speed, systems, terminal};

mod beside;
mod fit;
mod heap;
mod pace;
mod report;
mod woken;

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
    let (head, mut profile) = match &arguments.profile {
        Some(name) => (profile::head_of(name), Profile::load(name, None)?),
        None => profile::measure(Path::new("."), "measured", PROFILE_TIME)?,
    };
    let (mut measured, source, placement) =
        measure(arguments, calibration, &cases, &plans, &mut profile, &interrupt)?;
    let beside = measured.beside.add_to(&mut profile, system.name());
    let ran = Ran {
        cases: &cases,
        plans: &plans,
        source,
        placement,
        profile: &profile,
        interrupt: &interrupt,
    };
    let explained = woken::explain(calibration, &ran, &mut measured)?;
    let report = Report::new(system.name(), calibration, &ran, &measured, &explained);
    let mut lines = report.lines();
    let paces = match cases.iter().all(Case::flushes) {
        // Those with flushes don't tell: an earlier calibration's stays.
        true => vec![],
        false => {
            let paces = pace::of(calibration, &cases, &measured.rows, &explained.found);
            pace::add_to(&mut profile, paces)
        }
    };
    for (head, found) in
        [("What runs beside requests there:", beside), ("How the pace of the cores varies:", paces)]
    {
        if !found.is_empty() {
            lines.push(head.into());
            lines.extend(found);
        }
    }
    lines.iter().for_each(terminal::note);
    let told: String = lines.iter().map(|line| format!("# {line}\n")).collect();
    let text = head + &told + &report.added_to(calibration, profile)?.to_toml();
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
        reach: Reach { launch: arguments.launch, accept_differences: true, ..Reach::default() },
        ..Run::of(&arguments.target, arguments.systems.clone())
    }
}

/// What was measured.
#[derive(Default)]
struct Measured {
    /// CPU times of threads.
    rows: Vec<Row>,
    /// When the first case began, nanoseconds on the machine's monotonic clock.
    began: Option<u64>,
    /// Case, and medians of response times and of end to end, nanoseconds.
    medians: Vec<(usize, [Option<u64>; 2])>,
    /// Threads of servers that the model has not.
    beside: Beside,
    /// Collections of the servers' JVMs.
    collections: Vec<Collection>,
    /// What the clients counted.
    counting: Vec<Counting>,
    /// Cores of the servers, and of both sides together.
    cores: usize,
    /// See above.
    had: usize,
    /// The servers were seen.
    servers: bool,
    /// CPU time of a launched server's start, milliseconds.
    start_ms: Option<u64>,
    /// How many times slower than the profile says the machine was in each case that was run.
    slower: Vec<(usize, f64)>,
    /// Whatever was wrong with the measurement, in words.
    doubts: Vec<String>,
}

fn measure(
    arguments: &Calibrate,
    calibration: &Calibration,
    cases: &[Case],
    plans: &[RunPlan],
    profile: &mut Profile,
    interrupt: &Interrupt,
) -> Result<(Measured, Source, Placement)> {
    let first = &plans[0];
    let source = reach::find(first, &asked(arguments, &cases[0]))?;
    let launched = source == Source::Launch;
    let placement = Placement::find(arguments.cores, launched)?;
    placement.keep_generator();
    let cluster = reach::reach(first, &source, || Places::find(false, placement.clone()))?;
    let start_ms = start_ms(&cluster);
    warm_up::warm_up(first, &cluster, &source, &placement, interrupt)?;
    let cores = placement.cluster.len();
    let had = cores + placement.generator.len();
    let mut measured = Measured { cores, had, servers: launched, start_ms, ..Measured::default() };
    let mut before = speed::of_launched(&source, &placement, speed::BESIDE);
    if profile.speed.is_none() {
        profile.speed = before;
    }
    let forth = 0..plans.len();
    for (turn, at) in forth.clone().chain(forth.rev()).enumerate() {
        if interrupt.raised() {
            return Err(Failure::new("interrupted before every case was run"));
        }
        let (name, all) = (cases[at].name, 2 * plans.len());
        terminal::note(format_args!("case {} of {all}: {name}", turn + 1));
        let counting = Counting::default();
        let reads = cases[at].reads;
        let counted = Some(counting.clone());
        let asked = drive::Asked { reads, counting: counted, ..drive::Asked::default() };
        let driven = drive::drive(&plans[at], &cluster, interrupt, false, asked)?;
        let after = speed::of_launched(&source, &placement, speed::BESIDE);
        let both = before.into_iter().chain(after);
        let slower = speed::slower(Speed::mean(both), profile);
        measured.take(calibration, (at, &cases[at], &plans[at]), slower, &driven, &counting);
        before = after;
        measured.counting.push(counting);
    }
    measured.collections = collections(&cluster);
    Ok((measured, source, placement))
}

/// CPU time that the servers of a cluster have had that has just been launched, milliseconds each.
fn start_ms(cluster: &Cluster) -> Option<u64> {
    let watched = cluster.launched.as_ref()?.watched.lock().ok()?.clone();
    let each: Option<Vec<f64>> = watched.iter().map(|(_, pid)| cpu_seconds(*pid)).collect();
    let each = each.filter(|each| !each.is_empty())?;
    Some((each.iter().sum::<f64>() / each.len() as f64 * 1e3) as u64)
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
        (case, of_case, plan): (usize, &Case, &RunPlan),
        slower: f64,
        driven: &Driven,
        counting: &Counting,
    ) {
        let (from, until) = plan.scenario.window();
        let constants = calibration.constants();
        // As the profile's machine would have taken.
        let mut threads = driven.recorded.threads.clone();
        threads.groups.iter_mut().for_each(|of| of.scale_cpu(1.0 / slower));
        self.slower.push((case, slower));
        let started = driven.started_ns;
        self.began.get_or_insert(started);
        self.doubt(driven.recorded.disturbance.cores);
        let other = |of: &&ThreadGroup| {
            let modelled = calibration.modelled.iter().any(|name| of.name.starts_with(name));
            let fitted = calibration.groups.iter().any(|group| is_of(group, of));
            side_of(of) == Side::Server && !modelled && !fitted
        };
        let latency = driven.collected.recorder.latency();
        let medians = [&latency.response, &latency.end_to_end].map(|of| of.quantile(0.5));
        self.medians.push((case, medians));
        let interval = threads.interval_ns.max(1);
        let window = beside::Window {
            seconds: until.saturating_sub(from).as_secs_f64(),
            intervals: ((from.0 / interval) as usize, (until.0 / interval) as usize),
            interval: interval as f64 / 1e9,
        };
        self.beside.add(&window, threads.groups.iter().filter(other));
        for (kind, group) in calibration.groups.iter().enumerate() {
            let of: Vec<&ThreadGroup> =
                threads.groups.iter().filter(|of| is_of(group, of)).collect();
            let intervals = of.iter().map(|of| of.cpu.len()).max().unwrap_or(0);
            let settled = (SETTLES * 1_000_000_000).div_ceil(threads.interval_ns.max(1));
            // What comes after the last event is not the case's.
            let over = (until.0 / threads.interval_ns.max(1)) as usize;
            let first = self.rows.len();
            for at in settled as usize..intervals.min(over) {
                let from = started + at as u64 * threads.interval_ns;
                let counts = counting.between(from, from + threads.interval_ns);
                let counts = of_case.completed(counts);
                let share: f64 = of.iter().filter_map(|of| of.cpu.get(at)).sum();
                let cpu_ns = share * threads.interval_ns as f64;
                if counts.requests() > 0.0 && cpu_ns > 0.0 {
                    let (times, typical_ns) = (times(group, &constants, &counts), cpu_ns);
                    let seconds = threads.interval_ns as f64 / 1e9;
                    self.rows.push(Row {
                        case,
                        kind,
                        at: from,
                        seconds,
                        times,
                        cpu_ns,
                        typical_ns,
                    });
                }
            }
            let rows = &mut self.rows[first..];
            let sum: f64 = rows.iter().map(|row| row.cpu_ns).sum();
            let mean = sum / rows.len().max(1) as f64;
            rows.iter_mut().for_each(|row| row.typical_ns = mean);
        }
    }

    /// Doubts what was measured while other processes took so many cores, if that is much.
    fn doubt(&mut self, others: f64) {
        if others > health::OTHERS * self.had as f64 {
            self.doubts.push(format!(
                "other processes took {others:.2} of a core meanwhile: stop them, and calibrate \
                 again"
            ));
        }
    }

    /// How many times slower than the profile says the machine was in these cases, in the mean.
    fn slower_in(&self, cases: impl Fn(usize) -> bool) -> f64 {
        let of: Vec<f64> = self
            .slower
            .iter()
            .filter(|(case, _)| cases(*case))
            .map(|(_, slower)| *slower)
            .collect();
        if of.is_empty() { 1.0 } else { of.iter().sum::<f64>() / of.len() as f64 }
    }

    /// The least and the most of it.
    fn slower_range(&self) -> [f64; 2] {
        let all = self.slower.iter().map(|(_, slower)| *slower);
        [all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max)]
    }

    /// How far the medians of a simulated case lie above those that were measured, as logarithms.
    fn medians_off(&self, case: usize, run: &Outcome, reads: bool) -> Vec<f64> {
        let of = [&run.latency.response, &run.latency.end_to_end].map(|of| of.quantile(0.5));
        let measured = self.medians.iter().filter(|(of, _)| *of == case);
        let pairs =
            measured.flat_map(|(_, medians)| medians.iter().zip(&of).take(1 + usize::from(reads)));
        pairs
            .filter_map(|(measured, simulated)| {
                Some(((*simulated)? as f64 / (*measured)? as f64).ln())
            })
            .collect()
    }

    /// What clients counted between two times of the monotonic clock.
    fn counts(&self, from: u64, until: u64) -> Counts {
        let each = self.counting.iter().map(|of| of.between(from, until));
        each.fold(Counts::default(), std::ops::Add::add)
    }
}

/// Whether these threads are of the group.
fn is_of(group: &Group, threads: &ThreadGroup) -> bool {
    side_of(threads) == group.side && threads.name.starts_with(group.thread)
}

/// Whose threads they are.
fn side_of(threads: &ThreadGroup) -> Side {
    let clients = CLIENTS.contains(&kind_of_process(&threads.process));
    if threads.process == GENERATOR || clients { Side::Generator } else { Side::Server }
}

/// Clients in processes of their own, which are watched like the cluster's, by what they are
/// called.
const CLIENTS: [&str; 2] = ["producer", "consumer"];

/// How often each of the constants is in the group's time.
fn times(group: &Group, constants: &[&str], counts: &Counts) -> Vec<f64> {
    let of = |constant: &&str| {
        let terms = group.terms.iter().filter(|term| term.constant == *constant);
        terms.map(|term| term.counted(counts)).sum()
    };
    constants.iter().map(of).collect()
}
