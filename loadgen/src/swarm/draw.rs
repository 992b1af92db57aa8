//! The case of a seed, as a live run can have it: what can't be done to a launched cluster is left
//! out of what was drawn, and told. Both worlds are given what remains, in one file.

use headwater_scenarios::faults::FaultSpec;
use headwater_scenarios::scenario::{Scenario, Source};
use headwater_scenarios::swarm::{Base, Case};
use headwater_traffic::Rate;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::asked::Swarm;
use crate::failure::{Failure, Result};
use crate::fault;
use crate::systems::departure::Departure;
use crate::systems::system::{Home, LiveSystem, Source as Launched};
use crate::systems::{self, options};

/// A fault that was drawn and is not in the case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeftOut {
    /// Its kind.
    pub(super) kind: String,
    /// On whom, and when.
    pub(super) occasion: String,
    /// Why.
    pub(super) why: String,
}

/// A case to be run.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    /// Its seed.
    pub(super) seed: u64,
    /// The scenario file.
    pub(super) text: String,
    /// The faults that it has, a line each.
    pub(super) faults: Vec<String>,
    /// Their kinds.
    pub(super) kinds: Vec<String>,
    /// Those that it has not.
    pub(super) left_out: Vec<LeftOut>,
    /// What is otherwise than drawn, a line each.
    pub(super) changed: Vec<String>,
}

/// What a seed comes to.
pub(super) enum Draw {
    /// A case.
    Case(Drawn),
    /// Nothing that could be run, and why.
    Skipped(String, Vec<LeftOut>),
}

/// Draws cases for a live system.
pub(super) struct Dealer<'a> {
    asked: &'a Swarm,
    source: Source,
    base: Base,
    /// What is launched.
    pub(super) system: &'static dyn LiveSystem,
    /// What is otherwise than in the scenario, for all cases, a line each.
    pub(super) bounds: Vec<String>,
    /// What is hardly intended, a line each.
    pub(super) doubts: Vec<String>,
}

impl<'a> Dealer<'a> {
    /// Reads what is asked for.
    ///
    /// # Errors
    /// What is wrong with it, for any seed.
    pub(super) fn new(asked: &'a Swarm) -> Result<Self> {
        let source = Source::find(&asked.scenario)?;
        let mut settings = asked.settings.clone();
        if let Some(profile) = &asked.profile {
            settings.push(("profile".into(), absolute(profile)));
        }
        let scenario = source.read(&settings)?;
        let system = system(asked, &scenario)?;
        let mut bounds = Vec::new();
        if scenario.traffic.duration > asked.longest {
            let (own, longest) = (scenario.traffic.duration, asked.longest);
            bounds.push(format!("traffic.duration is {longest}, not {own} (--longest)"));
            settings.push(("traffic.duration".into(), longest.to_string()));
        }
        let base = Base::read(source.clone(), &settings)?;
        let doubts = base.doubts();
        // What can't be drawn is wrong for any seed: an error before the first run.
        base.draw(asked.seed)?;
        Ok(Self { asked, source, base, system, bounds, doubts })
    }

    /// Verdicts that may fail without being findings.
    pub(super) fn may_fail(&self) -> &[String] {
        &self.base.scenario().swarm.may_fail
    }

    /// The case of a seed.
    pub(super) fn draw(&self, seed: u64) -> Draw {
        let (mut left_out, mut changed) = (Vec::new(), Vec::new());
        let mut keep = |scenario: &Scenario, fault: FaultSpec| {
            let possible = fault::possible(scenario, self.system, fault.clone());
            match &possible {
                Ok(kept) if *kept != fault => {
                    changed.push(format!("{} is between servers and clients alone", shown(&fault)));
                }
                Ok(_) => {}
                Err(why) => left_out.push(LeftOut::of(&fault, why)),
            }
            possible.ok()
        };
        let case = match self.base.draw_keeping(seed, &mut keep) {
            Ok(case) => case,
            Err(problems) => return Draw::Skipped(Failure::from(problems).to_string(), left_out),
        };
        if case.scenario.faults.is_empty() && !left_out.is_empty() {
            let why = "none of its faults can be done live";
            return Draw::Skipped(why.into(), left_out);
        }
        match self.cut(&case, &mut changed) {
            Ok(table) => {
                let text = self.text(seed, &case, (&left_out, &changed), &table);
                let faults = case.scenario.faults.iter().map(shown).collect();
                let kinds = case.scenario.faults.iter().map(|fault| fault.action.name().into());
                let kinds = kinds.collect();
                Draw::Case(Drawn { seed, text, faults, kinds, left_out, changed })
            }
            Err(why) => Draw::Skipped(why, left_out),
        }
    }

    /// A case without what a live run refuses, within the bounds; else why it is skipped.
    fn cut(&self, case: &Case, changed: &mut Vec<String>) -> std::result::Result<Table, String> {
        let count = self.system.servers(&case.scenario).len() as u64;
        if count > self.asked.servers_max {
            let most = self.asked.servers_max;
            return Err(format!("its cluster has {count} processes, above {most} (--servers)"));
        }
        let mut table: Table = case.text().parse().expect("it was written as TOML");
        self.slow_down(&case.scenario, &mut table, changed);
        self.name_profile(&mut table);
        loop {
            let scenario = self.read(&table)?;
            let all = self.departures(&scenario);
            let Some(refused) = all.iter().find(|one| one.remedy.is_some()) else {
                let checked = fault::check(&scenario, self.system);
                return checked.map(|()| table).map_err(|why| why.to_string());
            };
            let difference = &refused.difference;
            let (option, asked, why) = (&difference.option, &difference.asked, &difference.why);
            if !remove(&mut table, option) {
                return Err(format!("{option} is {asked}: {why}"));
            }
            changed.push(format!("{option} is left out, it was {asked}: {why}"));
        }
    }

    fn read(&self, table: &Table) -> std::result::Result<Scenario, String> {
        let text = toml::to_string(table).expect("a scenario is plain data");
        let read = self.source.with_text(text).read(&[]);
        read.map_err(|problems| Failure::from(problems).to_string())
    }

    /// How a live run would differ from a scenario.
    fn departures(&self, scenario: &Scenario) -> Vec<Departure> {
        let source = &Launched::Launch;
        let own = self.system.departures(scenario, source);
        own.into_iter().chain(options::of_every_system(scenario)).collect()
    }

    /// Lowers a rate that is too high.
    fn slow_down(&self, scenario: &Scenario, table: &mut Table, changed: &mut Vec<String>) {
        let peak = scenario.traffic.shots.iter().map(|shot| shot.peak).fold(1.0, f64::max);
        let (rate, most) = (scenario.traffic.rate, self.asked.rate_max.as_per_second() / peak);
        if rate.as_per_second() > most {
            let lowered = Rate::per_second(most).to_string();
            changed.push(format!("traffic.rate is {lowered}, not {rate} (--rate)"));
            let traffic = table.entry("traffic").or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(traffic) = traffic {
                traffic.insert("rate".into(), Value::String(lowered));
            }
        }
    }

    /// A profile that is a file beside the scenario's is named so that the case's finds it too.
    fn name_profile(&self, table: &mut Table) {
        let Some(Value::String(name)) = table.get_mut("profile") else { return };
        let beside = self.source.folder.as_ref().map(|folder| folder.join(&*name));
        if let Some(path) = beside.filter(|path| path.is_file()) {
            *name = absolute(&path.to_string_lossy());
        }
    }

    /// The case's file.
    fn text(
        &self,
        seed: u64,
        case: &Case,
        (left_out, changed): (&[LeftOut], &[String]),
        table: &Table,
    ) -> String {
        let name = &self.source.name;
        let mut text = format!("# Seed {seed} of {name}, as a live run can have it.\n");
        let mut line = |line: String| text += &format!("# {}\n", line.replace('\n', " "));
        for LeftOut { kind, occasion, why } in left_out {
            line(format!("Left out: {kind} {occasion}: {why}."));
        }
        for what in self.bounds.iter().chain(changed) {
            line(format!("Changed: {what}."));
        }
        if let Some(core) = &case.core {
            line(format!("Core quorum, healed: {core}."));
        }
        if let Some(why) = &case.excused {
            line(format!("Need not settle: {why}."));
        }
        text + &toml::to_string(table).expect("a scenario is plain data")
    }
}

impl LeftOut {
    fn of(fault: &FaultSpec, refused: &Failure) -> Self {
        let kind = fault.action.name();
        let why = match fault.action.entry().live.is_done() {
            // It is of a kind that is done, so that this is what is special about it.
            true => refused.to_string().replace(&format!("the fault `{kind}` "), ""),
            false => "not done live".to_owned(),
        };
        Self { kind: kind.to_owned(), occasion: occasion(fault), why }
    }
}

/// What is launched.
fn system(asked: &Swarm, scenario: &Scenario) -> Result<&'static dyn LiveSystem> {
    if scenario.systems.is_several() {
        return Err(Failure::new(format!(
            "{} has several systems ({}); a live run drives one",
            scenario.name,
            scenario.systems.kinds()
        )));
    }
    let system = match &asked.target {
        Some(name) => systems::by_name(name)?,
        None => systems::of_scenario(scenario)?,
    };
    let (kind, name) = (scenario.system().kind().name(), system.name());
    if system.home() == Home::InProcess {
        return Err(Failure::new(format!("target {name} has no cluster to be launched and hurt")));
    }
    if kind != name && !system.takes_any_scenario() {
        return Err(Failure::new(format!(
            "the scenario is one of {kind}, which can't be run on {name}"
        )));
    }
    Ok(system)
}

/// A path that is there, from the root on; anything else as it is.
fn absolute(path: &str) -> String {
    let found = std::fs::canonicalize(path);
    found.map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

/// On whom a fault is, and when.
fn occasion(fault: &FaultSpec) -> String {
    let lasts = match fault.until {
        Some(until) => format!("for {}", until.saturating_sub(fault.at)),
        None => "for good".to_owned(),
    };
    format!("on {} at {} {lasts}", fault.target, fault.at)
}

/// A fault in a line.
pub(super) fn shown(fault: &FaultSpec) -> String {
    format!("{} {}", fault.action.name(), occasion(fault))
}

/// Removes the key at a path, whose words may be keys in keys or one key with dots. Whether it was
/// there.
fn remove(table: &mut Table, path: &str) -> bool {
    if table.remove(path).is_some() {
        return true;
    }
    let dots: Vec<usize> = path.match_indices('.').map(|(at, _)| at).collect();
    dots.into_iter().any(|at| {
        let below = table.get_mut(&path[..at]).and_then(Value::as_table_mut);
        below.is_some_and(|below| remove(below, &path[at + 1..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_removed_however_its_path_is_written() {
        for text in ["[a.b]\nc = 1", "[a]\n'b.c' = 1", "['a.b']\nc = 1", "'a.b.c' = 1"] {
            let mut table: Table = text.parse().unwrap();
            assert!(remove(&mut table, "a.b.c"), "{text}");
            assert!(!remove(&mut table, "a.b.c"), "{text}");
        }
        let mut other: Table = "[a.b]\nd = 1".parse().unwrap();
        assert!(!remove(&mut other, "a.b.c") && !remove(&mut other, "a.b.d.e"));
    }
}
