//! Faults on launched processes: what the planner plans, done at its time by signals, and by
//! proxies between clients and servers.

mod duty;
mod line;
mod processes;
pub(crate) mod proxy;

use std::sync::atomic::AtomicBool;

use headwater_models::batch::StreamId;
use headwater_models::deployment::Deployment;
use headwater_models::role::{Capability, Role};
use headwater_reports::outcome;
use headwater_scenarios::faults::{FaultSpec, Planner, entries};
use headwater_scenarios::scenario::{Scenario, Target};
use headwater_scenarios::targets::{self, Holders, Roster};
use headwater_sim::machine::MachineSpec;
use headwater_sim::random::Seed;
use headwater_sim::time::Time;
use headwater_sim::units::{MachineId, NodeId};

use crate::clock::Clock;
use crate::failure::{Failure, Result};
use crate::launch::LaunchedCluster;
use crate::systems::client::Observer;
use crate::systems::departure::Departure;
use crate::systems::system::{LiveSystem, Source};
use processes::{Clients, Processes};
use proxy::need_proxies;

/// A launched process that the scenario's system has no node of that name for.
const SERVER: &Role = &Role {
    name: "server",
    group: "launched servers",
    who: "every launched process",
    capabilities: &[Capability::Serves, Capability::KeepsData],
    identity_file: None,
};

/// What a run on `source` does otherwise for the sake of the scenario's faults, or in their place.
pub(crate) fn departures(scenario: &Scenario, source: &Source) -> Vec<Departure> {
    let names = || scenario.faults.iter().map(|fault| fault.action.name()).collect::<Vec<_>>();
    match source {
        Source::InProcess if !scenario.faults.is_empty() => {
            let why = "There is no process and no connection to be hurt.";
            let left_out = Departure::told("fault", names().join(", "), "none", why);
            vec![left_out.refused("give --target log, which is a process, or a real system")]
        }
        Source::Launch if need_proxies(&scenario.faults) => {
            let why = "Faults of the network are done by a proxy of the generator in front of each \
                       server: one hop more for all that clients send and are sent, from the start \
                       to the end of the run. Servers talk to each other past them.";
            let (asked, done) = ("clients connect to servers", "clients connect to proxies");
            vec![Departure::told("network", asked, done, why)]
        }
        _ => vec![],
    }
}

/// The launched processes that faults hit.
pub(crate) struct Servers {
    /// Their names in the scenario.
    names: Vec<String>,
    /// Their names under the guard.
    processes: Vec<String>,
    /// Which of them clients connect to.
    served: Vec<bool>,
}

impl Servers {
    /// Those that a launch of `system` starts.
    pub(crate) fn of(scenario: &Scenario, system: &dyn LiveSystem) -> Self {
        let names = system.servers(scenario);
        Self { processes: names.clone(), served: served(system, &names), names }
    }

    /// Those of several systems, by their names in the scenario and under the guard. No proxy
    /// stands before any of them.
    pub(crate) fn of_several(named: Vec<(String, String)>) -> Self {
        let served = vec![false; named.len()];
        let (names, processes) = named.into_iter().unzip();
        Self { names, processes, served }
    }

    /// Checks that every fault of a scenario can happen to them, of whom nobody tells who holds an
    /// office.
    ///
    /// # Errors
    /// The first that can't, and what can.
    pub(crate) fn check(&self, scenario: &Scenario) -> Result<()> {
        check_on(scenario, &self.names, self.served.clone(), &[])
    }
}

/// Checks that every fault can happen to what a launch of `system` starts.
///
/// # Errors
/// The first that can't, and what can.
pub(crate) fn check(scenario: &Scenario, system: &dyn LiveSystem) -> Result<()> {
    let servers = system.servers(scenario);
    check_on(scenario, &servers, served(system, &servers), system.tells())
}

/// A fault as it can happen to what a launch of `system` starts: as it is; or between servers and
/// all clients, where it is between servers as well and names nobody on the other side.
///
/// # Errors
/// Why it can't.
pub(crate) fn possible(
    scenario: &Scenario,
    system: &dyn LiveSystem,
    fault: FaultSpec,
) -> Result<FaultSpec> {
    let alone = |fault: &FaultSpec| {
        let mut scenario = scenario.clone();
        scenario.faults = vec![fault.clone()];
        check(&scenario, system)
    };
    let Err(refused) = alone(&fault) else { return Ok(fault) };
    let servers = system.servers(scenario);
    let groups = clients(&roster(scenario, &servers, |_| None), servers.len()).groups;
    let narrowed = between_clients_and(&fault, &groups).filter(|fault| alone(fault).is_ok());
    narrowed.ok_or(refused)
}

/// A fault of the network with the clients on its other side, if it names nobody there. One that
/// lasts is another: a server that only clients can't reach keeps the offices that others take from
/// one that nobody can.
fn between_clients_and(fault: &FaultSpec, groups: &[&str]) -> Option<FaultSpec> {
    if fault.action.peers().is_some() || fault.until.is_none() {
        return None;
    }
    let mut table = fault.action.to_table();
    let groups = groups.iter().map(|group| toml::Value::String((*group).to_owned()));
    table.insert("peers".into(), toml::Value::Array(groups.collect()));
    // Kinds that have no other side refuse the parameter.
    let action = table.to_string().parse().ok()?;
    Some(FaultSpec { action, ..fault.clone() })
}

/// Which of these servers clients connect to.
fn served(system: &dyn LiveSystem, servers: &[String]) -> Vec<bool> {
    servers.iter().map(|server| system.serves_clients(server)).collect()
}

fn check_on(
    scenario: &Scenario,
    servers: &[String],
    served: Vec<bool>,
    tells: &[&str],
) -> Result<()> {
    let several = servers.len() > 1;
    let roster = roster(scenario, servers, |_| None);
    for fault in &scenario.faults {
        check_target(fault, &roster, servers, |office| several && !tells.contains(&office))?;
    }
    // Whoever leads when a fault begins is one of them, and may have the other offices as well.
    for apart in [0, 1] {
        let holder = |office: u32| Some(NodeId((office * apart) % servers.len().max(1) as u32));
        let roster = self::roster(scenario, servers, holder);
        let clients = clients(&roster, servers.len());
        let processes = Processes::named(servers.to_vec(), served.clone(), clients);
        let rehearsed = planner(scenario, Seed(0), &roster).rehearse(&roster, &processes);
        rehearsed.map_err(Failure::new)?;
    }
    Ok(())
}

/// The plan of a scenario's faults; every node has a machine of its own.
fn planner<'a>(scenario: &'a Scenario, seed: Seed, roster: &Roster) -> Planner<'a> {
    let machines = (0..).map(MachineId).take(roster.iter().count()).collect();
    Planner::new(seed, &scenario.faults, machines, roster, 100)
}

/// The faults of a scenario on the processes of a launched cluster.
pub(crate) struct Injector<'a> {
    planner: Planner<'a>,
    roster: Roster,
    processes: Processes,
    offices: Vec<&'static str>,
}

/// What became of the faults.
#[derive(Debug, Default)]
pub(crate) struct Injected {
    /// Those that began.
    pub(crate) faults: Vec<outcome::Fault>,
    /// What went otherwise than the scenario says, one line each.
    pub(crate) amiss: Vec<String>,
}

impl Injected {
    /// None of a scenario's faults, and why.
    pub(crate) fn none(scenario: &Scenario, why: &str) -> Self {
        let left_out = |fault: &FaultSpec| {
            let (name, at) = (fault.action.name(), fault.at);
            format!("{name} at {at} never began: {why}")
        };
        Self { faults: vec![], amiss: scenario.faults.iter().map(left_out).collect() }
    }
}

/// How long before a fault it is asked who holds which office, nanoseconds: an answer takes some
/// milliseconds.
const BEFORE: u64 = 300_000_000;

impl<'a> Injector<'a> {
    /// Of faults that have been checked; `placed` are the servers that the first partition was
    /// placed on, in order, as far as that is known.
    pub(crate) fn new(
        scenario: &'a Scenario,
        servers: Servers,
        seed: Seed,
        cluster: &LaunchedCluster,
        placed: &[String],
    ) -> Self {
        let Servers { names: servers, processes, served } = servers;
        let mut roster = roster(scenario, &servers, |_| None);
        let placed: Vec<_> = placed.iter().flat_map(|name| roster.named(name)).collect();
        if !placed.is_empty() {
            roster.place(StreamId(0), placed);
        }
        let planner = planner(scenario, seed, &roster);
        let clients = clients(&roster, servers.len());
        let named = Processes::named(servers, served, clients);
        let processes = named.launched(processes, seed, cluster);
        let offices = scenario.system().kind().offices().into_iter().map(|office| office.name);
        Self { planner, roster, processes, offices: offices.collect() }
    }

    /// Lets them happen at their times. `holder` is asked who holds an office (the name of its
    /// process) when a fault begins that names it.
    pub(crate) fn run(
        mut self,
        holder: &dyn Fn(&str) -> Option<String>,
        clock: &Clock,
        observer: &Observer,
        stop: &AtomicBool,
    ) -> Injected {
        while let Some(at) = self.planner.next().into_iter().chain(self.processes.next()).min() {
            let alone = self.planner.next() == Some(at) && !self.is_broken(at);
            if alone && clock.sleep_until(at.0.saturating_sub(BEFORE), stop) {
                self.mark_holders(holder, observer);
            }
            if !clock.sleep_until(at.0, stop) {
                break;
            }
            self.processes.happen_until(at, observer);
            if self.planner.next() == Some(at) {
                let holders = self.holders(holder);
                self.planner.fire(&self.roster, &holders, &mut self.processes);
                self.processes.happen_until(at, observer);
            }
        }
        let now = Time(clock.now());
        let (faults, mut amiss) = (self.planner.windows(now), self.planner.amiss(now));
        amiss.extend(self.processes.failed());
        Injected { faults, amiss }
    }

    /// Whether a fault goes on until `at` or beyond: then nobody may answer who holds an office.
    fn is_broken(&self, at: Time) -> bool {
        let goes_on = |fault: &outcome::Fault| fault.until_ns.is_none_or(|until| until >= at.0);
        self.planner.windows(at).iter().any(goes_on)
    }

    /// Marks who holds which office just before a fault: afterwards it may take long to find out.
    fn mark_holders(&self, holder: &dyn Fn(&str) -> Option<String>, observer: &Observer) {
        let only = only(self.roster.servers()).map(|node| self.roster.name(node).to_owned());
        let held = |office: &&'static str| {
            let name = only.clone().or_else(|| holder(office))?;
            Some(format!("{office} {name}"))
        };
        let held: Vec<String> = self.offices.iter().filter_map(held).collect();
        if !held.is_empty() {
            observer.mark("before_fault", held.join(", "));
        }
    }

    /// Who holds what the next fault names. Of a single server nobody has to be asked.
    fn holders(&self, holder: &dyn Fn(&str) -> Option<String>) -> Holders {
        let only = only(self.roster.servers());
        let named = |name: String| self.roster.named(&name).first().copied();
        let asked = self.offices.iter().filter(|office| self.planner.asks_for(office));
        let held = |office: &&'static str| {
            let node = only.or_else(|| holder(office).and_then(named))?;
            Some(((StreamId(0), *office), node))
        };
        asked.filter_map(held).collect()
    }
}

/// The only one, if there is one.
fn only(mut nodes: impl Iterator<Item = NodeId>) -> Option<NodeId> {
    nodes.next().filter(|_| nodes.next().is_none())
}

/// The launched processes, and the clients of the scenario behind them. `holder` says who holds
/// each office, by its number, at first.
fn roster(
    scenario: &Scenario,
    launched: &[String],
    holder: impl Fn(u32) -> Option<NodeId>,
) -> Roster {
    let simulated = scenario.systems.roster();
    let role = |name: &String| {
        let same = simulated.iter().find(|(node, _)| simulated.name(*node) == name);
        same.map_or(SERVER, |(_, role)| role)
    };
    let client = |role: &Role| role.can(Capability::Writes) || role.can(Capability::Reads);
    let is_launched = |node: NodeId| launched.iter().any(|name| name == simulated.name(node));
    let clients = simulated.iter().filter(|(node, role)| client(role) && !is_launched(*node));
    let clients = clients.map(|(node, role)| (simulated.name(node).to_owned(), role));
    let servers = launched.iter().map(|name| (name.clone(), role(name)));
    let mut nodes = Deployment::default();
    for (name, role) in servers.chain(clients) {
        let machine = nodes.machine(MachineSpec::named(name.clone()));
        let never = Box::new(|_| unreachable!("only names and roles are of interest"));
        nodes.node(role, name, machine, vec![], never);
    }
    for (number, office) in (0..).zip(scenario.system().kind().offices()) {
        nodes.office(office, holder(number));
    }
    scenario.systems.roster_of(&nodes)
}

/// The clients, which stand behind the servers.
fn clients(roster: &Roster, servers: usize) -> Clients {
    let mut groups: Vec<_> = roster.iter().skip(servers).map(|(_, role)| role.group).collect();
    let count = groups.len();
    groups.dedup();
    Clients { count, groups }
}

/// Refuses a fault that nothing here can do, or that hits nobody here. `vacant` says of which
/// office nobody can tell who holds it.
fn check_target(
    fault: &FaultSpec,
    roster: &Roster,
    launched: &[String],
    vacant: impl Fn(&str) -> bool,
) -> Result<()> {
    let entry = fault.action.entry();
    if !entry.live.is_done() {
        let can: Vec<&str> =
            entries().filter(|entry| entry.live.is_done()).map(|entry| entry.name).collect();
        return Err(Failure::new(format!(
            "the fault `{}` can't be injected into a live cluster; these can: {} (the simulator \
             knows all: `headwater run`)",
            entry.name,
            can.join(", ")
        )));
    }
    let peers = fault.action.peers().into_iter().flat_map(Target::mentions);
    for name in fault.target.mentions().chain(peers) {
        let (one, office) = match name {
            targets::FOLLOWER => (true, targets::LEADER),
            name => (roster.has_office(name), name),
        };
        if one && vacant(office) {
            return Err(Failure::new(format!(
                "the fault `{}` is on the {name}, and nobody can tell which of the launched \
                 processes that is: name one; there are {}",
                entry.name,
                launched.join(", ")
            )));
        }
        let nodes =
            targets::resolve(&Target(vec![name.to_owned()]), roster, &Holders::default()).nodes;
        if nodes.is_empty() && !one {
            return Err(Failure::new(format!(
                "the launched cluster has no `{name}` to {}; it has {}",
                entry.name,
                launched.join(", ")
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use headwater_sim::time::Duration;

    use super::*;

    fn scenario(faults: &str) -> Scenario {
        let text = format!("{}{faults}", include_str!("three_servers.toml"));
        Scenario::parse(&text, "t.toml", None, &[]).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn brokers(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("broker-{number}")).collect()
    }

    /// Why a fault of this kind (with its parameters) is refused, of whom both offices are known.
    fn refused(kind: &str, target: &str) -> Option<String> {
        let kind = format!("[[fault]]\nkind = {kind}\n");
        let scenario = scenario(&format!("{kind}target = '{target}'\nat = '1s'\nfor = '1s'\n"));
        let checked = check_on(&scenario, &brokers(3), vec![true; 3], &["leader", "controller"]);
        checked.err().map(|failure| failure.to_string())
    }

    #[test]
    fn what_signals_can_do_is_done_on_every_target_that_is_launched() {
        let targets = [
            "broker-2",
            "brokers",
            "servers",
            "zone-1",
            "replicas",
            "leader",
            "controller",
            "leader that is not controller",
            "follower that is not controller",
        ];
        for target in targets {
            for kind in ["'crash'", "'shutdown'", "'pause'", "'throttle-cpu'\nshare = 0.2"] {
                assert_eq!(refused(kind, target), None, "{kind} on {target}");
            }
        }
    }

    /// Kinds that proxies do, with their parameters.
    const BY_PROXY: [&str; 6] = [
        "'partition'",
        "'clog'\nsymmetric = false",
        "'slow-link'\nextra = '5ms'",
        "'slow-pairs'\nextra = '5ms'",
        "'bandwidth'\nrate = '1MB/s'",
        "'half-open'",
    ];

    #[test]
    fn what_proxies_can_do_is_done_between_servers_and_all_clients() {
        let clients = "peers = ['producers', 'consumers']";
        for target in ["broker-2", "brokers", "zone-1", "leader", "controller"] {
            for kind in BY_PROXY {
                let kind = format!("{kind}\n{clients}");
                assert_eq!(refused(&kind, target), None, "{kind} on {target}");
            }
        }
        assert_eq!(refused("'refuse'", "leader"), None);
        assert_eq!(refused("'clog'\npeers = ['brokers']", "producers"), {
            let why = "the fault `clog` tells clients apart, which a proxy in front of a server \
                       can't: name all of them, [\"producers\", \"consumers\"]";
            Some(why.to_owned())
        });
    }

    #[test]
    fn everybody_else_is_all_clients_where_there_is_one_server() {
        for kind in BY_PROXY {
            let text =
                format!("[[fault]]\nkind = {kind}\ntarget = 'leader'\nat = '1s'\nfor = '1s'");
            let scenario = scenario(&text);
            let checked = check_on(&scenario, &brokers(1), vec![true; 1], &[]);
            assert!(checked.is_ok(), "{kind}: {checked:?}");
            let several = check_on(&scenario, &brokers(3), vec![true; 3], &["leader"]);
            let several = several.err().map(|failure| failure.to_string()).unwrap_or_default();
            assert!(several.contains("is between servers too"), "{kind}: {several}");
        }
    }

    #[test]
    fn what_can_not_be_done_is_told_before_the_start_with_what_can() {
        let told = |kind, target| refused(kind, target).unwrap_or_default();
        let disk = told("'slow-disk'\nfactor = 2", "broker-1");
        assert!(disk.contains("can't be injected") && disk.contains("shutdown, pause"), "{disk}");
        let client = told("'crash'", "producers");
        assert!(client.contains("hits a client") && client.contains("broker-3"), "{client}");
        let text = "[[fault]]\nkind = 'pause'\ntarget = 'controller'\nat = '1s'\n";
        let unknown = check_on(&scenario(text), &brokers(3), vec![true; 3], &["leader"])
            .unwrap_err()
            .to_string();
        assert!(unknown.contains("nobody can tell") && unknown.contains("broker-2"), "{unknown}");
        assert!(
            check_on(&scenario(text), &brokers(1), vec![true; 1], &[]).is_ok(),
            "the only one is"
        );
    }

    #[test]
    fn a_fault_that_a_swarm_has_drawn_is_kept_narrowed_to_the_clients_or_refused() {
        let of = |kind: &str, target: &str| {
            let text = format!("[[fault]]\nkind = {kind}\ntarget = '{target}'\nat = '1s'");
            let scenario = scenario(&format!("{text}\nfor = '1s'\n"));
            let system = crate::systems::of_scenario(&scenario).unwrap();
            let fault = scenario.faults[0].clone();
            possible(&scenario, system, fault.clone()).map(|possible| {
                let peers = possible.action.peers().map(ToString::to_string);
                (possible == fault, peers)
            })
        };
        assert_eq!(of("'crash'", "broker-2").unwrap(), (true, None));
        let clients = Some("producers, consumers".to_owned());
        assert_eq!(of("'partition'", "broker-2").unwrap(), (false, clients.clone()));
        assert_eq!(of("'slow-link'\nextra = '5ms'", "leader").unwrap(), (false, clients));
        for (kind, target) in [("'isolate'", "broker-1"), ("'pause'", "producers")] {
            assert!(of(kind, target).is_err(), "{kind} on {target}");
        }
        assert!(of("'partition'\npeers = 'broker-3'", "broker-2").is_err());
        let lasts = scenario("[[fault]]\nkind = 'partition'\ntarget = 'broker-2'\nat = '1s'\n");
        let system = crate::systems::of_scenario(&lasts).unwrap();
        let refused = possible(&lasts, system, lasts.faults[0].clone()).unwrap_err().to_string();
        assert!(refused.contains("is between servers too"), "{refused}");
    }

    /// The catalogue says what is done live; this world says what it does.
    #[test]
    fn every_kind_that_the_catalogue_says_is_done_is() {
        let mut stream = Seed(1).stream("draw", 0);
        let mut by_proxy = 0;
        for entry in entries().filter(|entry| entry.live.is_done()) {
            let mut scenario = scenario("");
            let second = Duration::from_secs(1);
            scenario.faults = vec![FaultSpec {
                action: (entry.draw)(&mut stream),
                target: Target(vec!["broker-1".into()]),
                at: second,
                until: Some(second * 3),
            }];
            by_proxy += usize::from(need_proxies(&scenario.faults));
            let done = check_on(&scenario, &brokers(1), vec![true; 1], &[]);
            assert!(done.is_ok(), "{}: {done:?}", entry.name);
        }
        assert_eq!(by_proxy, BY_PROXY.len() + 1, "and `refuse`");
    }

    #[test]
    fn a_hop_more_and_faults_that_are_left_out_are_told() {
        let text = |kind| format!("[[fault]]\nkind = '{kind}'\ntarget = 'leader'\nat = '1s'\n");
        let told = |kind, source: &Source| -> Vec<(String, bool)> {
            let all = departures(&scenario(&text(kind)), source).into_iter();
            all.map(|one| (one.difference.option, one.remedy.is_some())).collect()
        };
        assert_eq!(told("partition", &Source::Launch), [("network".to_owned(), false)]);
        assert_eq!(told("crash", &Source::Launch), []);
        assert_eq!(told("crash", &Source::InProcess), [("fault".to_owned(), true)]);
        let none = Injected::none(&scenario(&text("crash")), "target null has no process");
        assert_eq!(none.amiss, ["crash at 1s never began: target null has no process"]);
    }
}
