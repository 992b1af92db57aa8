//! The clusters to choose from, with what each needs and costs in each world.

use headwater_models::sizing::{Machine, Need, Needs, Pins, Setting, Sizing, Topology, Unit};
use headwater_models::system::System;
use headwater_models::systems::Systems;
use headwater_reading::problem::{Finding, Problems};
use headwater_reports::text::{bytes, significant};

use super::case::{Case, Phase};
use super::prices::Bill;
use super::question::{Question, Survive};
use super::world::World;
use crate::profile::Profile;

/// A cluster with all its settings.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The machine of its servers.
    pub profile: String,
    /// Its servers.
    pub topology: Topology,
    /// All options that make it, the ones that cost nothing at the end.
    pub options: Vec<Setting>,
    /// What it costs in each world.
    pub bills: Vec<Bill>,
    /// What it needs in each world.
    pub needs: Vec<Needs>,
    /// Why it is not tried at all, if it is not.
    pub refused: Option<String>,
    /// Copies of everything acknowledged that its configuration promises, and whether synced.
    pub promise: (u32, bool),
}

impl Candidate {
    /// What it costs in a world.
    pub fn cost(&self, world: usize) -> f64 {
        self.bills[world].month
    }

    /// The settings that cost nothing, in one line.
    pub fn settings(&self) -> String {
        let own = self.options.iter().filter(|of| !self.topology.options.contains(of));
        own.map(|(path, value)| format!("{path}={value}")).collect::<Vec<_>>().join(" ")
    }

    /// What it lacks in a world, by arithmetic alone.
    pub fn lacks(&self, world: usize) -> Option<String> {
        let short = self.needs[world].of_servers.iter().filter(|need| need.needs > need.has);
        let worst = short.max_by(|one, other| share(one).total_cmp(&share(other)))?;
        let [needs, has] = [worst.needs, worst.has].map(|value| show(value, worst.unit));
        Some(format!("{}: {needs} of {has}", worst.what))
    }
}

/// How much of what there is is needed.
pub(super) fn share(need: &Need) -> f64 {
    need.needs / need.has
}

pub(super) fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => bytes(value),
        Unit::BytesPerSecond => format!("{}/s", bytes(value)),
        Unit::Cores => format!("{} cores", significant(value)),
    }
}

/// The system that is asked about, and how it is sized.
///
/// # Errors
/// There is no such system, or nobody plans it.
pub(super) fn sizing(question: &Question) -> Result<&'static dyn Sizing, Problems> {
    of_system(&question.system)
}

/// How a kind of system is sized.
///
/// # Errors
/// There is no such system, or nobody plans it.
pub(super) fn of_system(system: &str) -> Result<&'static dyn Sizing, Problems> {
    let systems = Systems::standard();
    let planned = systems.iter().filter(|kind| kind.sizing().is_some()).map(|kind| kind.name());
    let known: Vec<&str> = planned.collect();
    let found = systems.find(system).and_then(|kind| kind.sizing());
    found.ok_or_else(|| {
        let message = format!("no plans are made for a system `{system}`");
        Problems::one(Finding::new(message, None).known(system, known))
    })
}

/// The machine that servers run on.
///
/// # Errors
/// There is no such profile, or its servers share one machine with each other.
pub(super) fn machine(profile: &str) -> Result<Machine, Problems> {
    let profile = Profile::load(profile, None)?;
    if profile.one_machine {
        let message = format!(
            "in the profile `{}` all servers and clients share one machine: one more adds nothing",
            profile.name
        );
        let help = "write `headwater profile show` of it to a file, and set one_machine = false";
        return Err(Problems::one(Finding::new(message, None).help(help)));
    }
    let unlimited = |value: u64| if value == 0 { f64::INFINITY } else { value as f64 };
    let server = &profile.server;
    Ok(Machine {
        cores: unlimited(u64::from(server.cores)) * 100.0 / f64::from(profile.cpu_percent),
        nic: unlimited(server.nic.0),
        page_cache: profile.environment().server.page_cache().0 as f64,
        disks: (server.disks.iter())
            .map(|disk| (unlimited(disk.write.0), unlimited(disk.capacity.0)))
            .collect(),
    })
}

/// What the user has fixed, by the paths of the system's options.
pub(super) fn pins(question: &Question) -> Pins {
    let of_system = question.settings.iter().filter_map(|(path, value)| {
        Some((path.strip_prefix("system.")?.to_owned(), value.clone()))
    });
    Pins(of_system.collect())
}

/// All candidates, the cheapest in the middle world first, and of equal ones in the order of their
/// system.
///
/// # Errors
/// A setting that the user has fixed cannot be read.
pub(super) fn candidates(
    question: &Question,
    worlds: &[World],
    middle: usize,
) -> Result<Vec<Candidate>, Problems> {
    let sizing = sizing(question)?;
    let pins = pins(question);
    let demand = worlds[middle].demand(question);
    let mut all = Vec::new();
    for profile in &question.profiles {
        question.prices.know(profile)?;
        let machine = machine(profile)?;
        for mut topology in sizing.topologies(question.servers_max, &demand, &machine, &pins) {
            if question.profiles.len() > 1 {
                topology.name = format!("{} on {profile}", topology.name);
            }
            let of = (profile.as_str(), &topology);
            settled(of, (question, worlds), sizing, &machine, &mut all)?;
        }
    }
    all.sort_by(|one, other| one.cost(middle).total_cmp(&other.cost(middle)));
    Ok(all)
}

/// The candidates of a topology, by the settings that cost nothing.
fn settled(
    (profile, topology): (&str, &Topology),
    asked: (&Question, &[World]),
    sizing: &dyn Sizing,
    machine: &Machine,
    all: &mut Vec<Candidate>,
) -> Result<(), Problems> {
    for settings in topology.settings.clone() {
        let mut one = Candidate {
            profile: profile.to_owned(),
            options: topology.options.iter().cloned().chain(settings).collect(),
            topology: topology.clone(),
            bills: Vec::new(),
            needs: Vec::new(),
            refused: None,
            promise: (0, false),
        };
        complete(&mut one, asked, sizing, machine)?;
        all.push(one);
    }
    Ok(())
}

/// Reads it as a scenario, and reckons what it needs and costs.
fn complete(
    one: &mut Candidate,
    (question, worlds): (&Question, &[World]),
    sizing: &dyn Sizing,
    machine: &Machine,
) -> Result<(), Problems> {
    let case = Case { question, candidate: one, world: &worlds[0], phase: &Phase::Peak };
    let scenario = match case.scenario("a candidate") {
        Ok(scenario) => scenario,
        Err(problems) if problems.to_string().contains("impossible") => {
            one.refused = Some(problems.to_string());
            let nothing = Bill { currency: String::new(), lines: vec![], month: f64::INFINITY };
            one.bills = vec![nothing; worlds.len()];
            return Ok(());
        }
        Err(problems) => return Err(problems),
    };
    let system = scenario.system();
    let needs: Vec<Needs> = (worlds.iter())
        .map(|world| sizing.needs(system, &world.demand(question), machine))
        .collect();
    let bill =
        |needs: &Needs| question.prices.bill(&one.profile, &one.topology, machine.cores, needs);
    one.bills = needs.iter().map(bill).collect();
    one.needs = needs;
    one.refused = promises_too_little(system, question.survive.count());
    if one.refused.is_none() && question.survive == Survive::Zone {
        one.refused = sizing.spread(system, question.zones).err();
    }
    let claims = system.claims();
    one.promise = ((claims.losses + 1).min(system.copies()), !claims.power_is_loss);
    Ok(())
}

/// Why a configuration is not to be trusted with the loss of as many servers, if it is not.
fn promises_too_little(system: &dyn System, survive: u32) -> Option<String> {
    let losses = system.claims().losses;
    (losses < survive).then(|| {
        format!(
            "as it is configured, what is acknowledged survives the loss of {losses} servers, not \
             of {survive}"
        )
    })
}
