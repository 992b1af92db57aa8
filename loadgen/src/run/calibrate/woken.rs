//! What no real system tells, from simulations of the cases with the costs as they are known so
//! far: how often threads wake and how long their cores have idled then, and how much of their work
//! comes before others see its result.

use headwater_reports::{Outcome, ThreadGroup};
use headwater_scenarios::profile::Profile;

use super::Measured;
use super::fit::{Found, fit, together};
use super::report::reference;
use crate::failure::Result;
use crate::forecast;
use crate::placement::Placement;
use crate::plan::RunPlan;
use crate::progress::Bar;
use crate::run::Interrupt;
use crate::systems::calibration::{Calibration, Case, Group, Side, Times};
use crate::systems::system::Source;

/// What a working set is taken to be at first, KiB, what it costs to leave an idle core, what each
/// of the costs that are nothing by default, and what of the work to come before its result.
const FIRST_KIB: u64 = 128;
const FIRST_FROM_IDLE_NS: u64 = 10_000;
const FIRST_NS: u64 = 1_000;
const FIRST_PERCENT: u64 = 70;

/// How often all is done again with what was found: what wakes when does not depend much on what it
/// costs.
const ROUNDS: usize = 3;

/// Halvings of what may come before: from 20 to 100 %, to within 2 %.
const HALVINGS: usize = 5;
const PERCENT: (u64, u64) = (20, 100);

/// Cases of no more events a second and no more bytes each, without flushes, are looked at for
/// their medians: in others queues, copies and disks make them up.
const QUIET: (f64, f64) = (1_000.0, 1_024.0);

/// The cases as they were run.
pub(super) struct Ran<'a> {
    /// Them, in order.
    pub(super) cases: &'a [Case],
    /// As runs.
    pub(super) plans: &'a [RunPlan],
    /// On what.
    pub(super) source: Source,
    /// With which cores.
    pub(super) placement: Placement,
    /// On which machine.
    pub(super) profile: &'a Profile,
    /// Ends simulations early.
    pub(super) interrupt: &'a Interrupt,
}

/// Costs of a model, by their names.
type Costs = Vec<(&'static str, u64)>;

/// What was found.
pub(super) struct Explained {
    /// The costs that are fitted.
    pub(super) found: Vec<Found>,
    /// How much of their work comes before its result, per cent, where that is known.
    pub(super) before_percent: Option<u64>,
}

/// Fits the costs, with the working sets among them, and what comes before.
///
/// # Errors
/// If a case can't be simulated.
pub(super) fn explain(
    calibration: &Calibration,
    ran: &Ran<'_>,
    measured: &mut Measured,
) -> Result<Explained> {
    let constants = calibration.constants();
    let mut costs = first_costs(calibration, ran);
    let mut before = calibration.before.map(|name| (name, FIRST_PERCENT));
    let quiet = ran.cases.iter().filter(|case| is_quiet(case)).count();
    let bar = Bar::new((ROUNDS * (ran.cases.len() + HALVINGS * quiet)) as u64, "cases simulated");
    let (mut found, mut done) = (Vec::new(), 0);
    let slower_in = |case| measured.slower_in(|of| of == case);
    let slower: Vec<f64> = (0..ran.cases.len()).map(slower_in).collect();
    let mut simulate = |case: usize, costs: &Costs, before: Option<(&'static str, u64)>| {
        done += 1;
        bar.set(done);
        let costs = costs.iter().copied().chain(before);
        simulate(calibration, ran, (case, slower[case]), costs)
    };
    for _ in 0..ROUNDS {
        for case in 0..ran.cases.len() {
            let run = simulate(case, &costs, before)?;
            let servers = forecast::simulated_servers(&ran.plans[case].scenario);
            put_simulated(calibration, &costs, measured, case, (&run, &servers));
        }
        found = fit(&together(&measured.rows), constants.len());
        let fitted = constants.iter().zip(&found).filter(|(_, of)| of.inflation.is_finite());
        let cost = |(name, of): (&&'static str, &Found)| {
            let cost = reference(calibration, ran.profile, name, of.cost);
            // Of what costs nothing no simulation would tell how often it is.
            (*name, if calibration.is_simulated(name) { cost.max(1) } else { cost })
        };
        costs = fitted.map(cost).collect();
        costs.extend(shares(calibration, &costs));
        let Some((name, _)) = before else { continue };
        let (mut low, mut high) = PERCENT;
        for _ in 0..HALVINGS {
            let percent = (low + high) / 2;
            let mut off = Vec::new();
            for case in (0..ran.cases.len()).filter(|at| is_quiet(&ran.cases[*at])) {
                let run = simulate(case, &costs, Some((name, percent)))?;
                off.extend(measured.medians_off(case, &run, ran.cases[case].reads));
            }
            off.sort_by(f64::total_cmp);
            let Some(median) = off.get(off.len() / 2) else { break };
            if *median > 0.0 { high = percent } else { low = percent }
        }
        before = Some((name, (low + high) / 2));
    }
    Ok(Explained { found, before_percent: before.map(|(_, percent)| percent) })
}

/// What costs are taken to be at first: those that simulations tell of, and those that are nothing
/// by default, as threads that have no work don't wake.
fn first_costs(calibration: &Calibration, ran: &Ran<'_>) -> Costs {
    let defaults = ran.plans[0].scenario.configuration();
    let is_nothing = |name: &str| {
        let path = calibration.option(name).path();
        let value = defaults.get(path.trim_start_matches("system."));
        value.is_some_and(|value| value.trim_end_matches(char::is_alphabetic) == "0")
    };
    let first = |name: &&'static str| match *name {
        name if calibration.is_memory(name) => Some((name, FIRST_KIB)),
        name if calibration.is_simulated(name) => Some((name, FIRST_FROM_IDLE_NS)),
        name => is_nothing(name).then_some((name, FIRST_NS)),
    };
    calibration.constants().iter().filter_map(first).collect()
}

/// The costs that are shares of these.
pub(super) fn shares(calibration: &Calibration, costs: &[(&'static str, u64)]) -> Costs {
    let of = |(name, share, of): &(&'static str, f64, &str)| {
        let (_, cost) = costs.iter().find(|(name, _)| name == of)?;
        Some((*name, (*cost as f64 * share).round() as u64))
    };
    calibration.shares.iter().filter_map(of).collect()
}

/// Puts into the rows of a case how often their threads fetched each KiB of their working sets
/// again and left idle cores, by its simulation with these costs.
fn put_simulated(
    calibration: &Calibration,
    costs: &Costs,
    measured: &mut Measured,
    case: usize,
    (run, servers): (&Outcome, &[String]),
) {
    let constants = calibration.constants();
    for row in measured.rows.iter_mut().filter(|row| row.case == case) {
        let group = &calibration.groups[row.kind];
        for term in group.terms {
            let cost = costs.iter().find(|(name, _)| *name == term.constant);
            let (Some((_, cost)), Some(at)) =
                (cost, constants.iter().position(|name| *name == term.constant))
            else {
                continue;
            };
            let a_second = match term.times {
                Times::Counted(_) => continue,
                Times::Refilled => a_second(run, servers, group, |of| of.refill_ns) / *cost as f64,
                Times::FromIdle => a_second(run, servers, group, |of| of.from_idle),
            };
            row.times[at] = a_second * row.seconds;
        }
    }
}

fn is_quiet(case: &Case) -> bool {
    let (written, sent) = (case.expects.written, case.expects.sent);
    written <= QUIET.0 && sent <= written * QUIET.1 && !case.flushes()
}

/// A case with these costs.
fn simulate(
    calibration: &Calibration,
    ran: &Ran<'_>,
    (case, slower): (usize, f64),
    costs: impl Iterator<Item = (&'static str, u64)>,
) -> Result<Outcome> {
    let of = |(name, cost): (&str, u64)| {
        let option = calibration.option(name);
        (option.path(), option.value(cost))
    };
    let settings: Vec<(String, String)> = costs.map(of).collect();
    let (source, placement, reads) = (&ran.source, &ran.placement, ran.cases[case].reads);
    let profile = Some(ran.profile);
    let on = forecast::On { source, placement, profile, settings: &settings, reads, slower };
    forecast::simulate(&ran.plans[case], &on, &ran.interrupt.stop)
}

/// The sum of something over the threads of a kind, a second.
fn a_second(
    run: &Outcome,
    servers: &[String],
    group: &Group,
    something: impl Fn(&ThreadGroup) -> u64,
) -> f64 {
    let groups = run.threads.groups.iter().filter(|of| {
        let serves = servers.contains(&of.process);
        serves == (group.side == Side::Server) && of.name.starts_with(group.thread)
    });
    let all: u64 = groups.map(something).sum();
    all as f64 * 1e9 / (run.window.until_ns - run.window.from_ns).max(1) as f64
}
