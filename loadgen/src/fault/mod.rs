//! Faults on launched processes: what the planner plans, done by signals at its time.

mod duty;
mod processes;

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

use crate::failure::{Failure, Result};
use crate::launch::LaunchedCluster;
use crate::pacing::Clock;
use crate::systems::Observer;
use processes::Processes;

/// A launched process that the scenario's system has no node of that name for.
const SERVER: &Role = &Role {
    name: "server",
    group: "launched servers",
    who: "every launched process",
    capabilities: &[Capability::Serves, Capability::KeepsData],
    identity_file: None,
};

/// The faults of a scenario on the processes of a launched cluster.
pub(crate) struct Injector<'a> {
    planner: Planner<'a>,
    roster: Roster,
    processes: Processes,
}

impl<'a> Injector<'a> {
    /// Checks that every fault can happen to `cluster`.
    ///
    /// # Errors
    /// The first that can't, and what can.
    pub(crate) fn new(
        scenario: &'a Scenario,
        seed: u64,
        cluster: &LaunchedCluster,
    ) -> Result<Self> {
        let launched: Vec<String> = match cluster.watched.lock() {
            Ok(watched) => watched.iter().map(|(name, _)| name.clone()).collect(),
            Err(_) => vec![],
        };
        let roster = roster(scenario, &launched);
        for fault in &scenario.faults {
            check(fault, &roster, &launched)?;
        }
        let machines = (0..).map(MachineId).take(roster.iter().count()).collect();
        let planner = Planner::new(Seed(seed), &scenario.faults, machines, &roster, 100);
        let processes = Processes::new(launched, cluster);
        planner.rehearse(&roster, &processes).map_err(Failure::new)?;
        Ok(Self { planner, roster, processes })
    }

    /// Lets them happen at their times; gives back those that did. `leader` is asked when a fault
    /// begins: the process that leads the first partition, where the system tells.
    pub(crate) fn run(
        mut self,
        leader: &dyn Fn() -> Option<String>,
        clock: &Clock,
        observer: &Observer,
        stop: &AtomicBool,
    ) -> Vec<outcome::Fault> {
        while let Some(at) = self.planner.next().into_iter().chain(self.processes.next()).min() {
            if !clock.sleep_until(at.0, stop) {
                break;
            }
            self.processes.happen_until(at, observer);
            if self.planner.next() == Some(at) {
                let holders = self.holders(leader);
                self.planner.fire(&self.roster, &holders, &mut self.processes);
                self.processes.happen_until(at, observer);
            }
        }
        let now = Time(clock.now());
        for amiss in self.planner.amiss(now) {
            observer.mark("fault_went_amiss", amiss);
        }
        self.planner.windows(now)
    }

    /// Who leads now. Of a single server nobody has to be asked.
    fn holders(&self, leader: &dyn Fn() -> Option<String>) -> Holders {
        let only = only(self.roster.servers());
        let named = |name: String| self.roster.named(&name).first().copied();
        let leader = only.or_else(|| leader().and_then(named));
        let held = [("leader", leader), ("controller", only)];
        held.into_iter().filter_map(|(office, node)| Some(((StreamId(0), office), node?))).collect()
    }
}

/// The only one, if there is one.
fn only(mut nodes: impl Iterator<Item = NodeId>) -> Option<NodeId> {
    nodes.next().filter(|_| nodes.next().is_none())
}

/// The launched processes, and the clients of the scenario behind them.
fn roster(scenario: &Scenario, launched: &[String]) -> Roster {
    let simulated = scenario.systems.roster();
    let role = |name: &String| {
        let same = simulated.iter().find(|(node, _)| simulated.name(*node) == name);
        same.map_or(SERVER, |(_, role)| role)
    };
    let client = |role: &Role| role.can(Capability::Writes) || role.can(Capability::Reads);
    let clients = simulated.iter().filter(|(_, role)| client(role));
    let clients = clients.map(|(node, role)| (simulated.name(node).to_owned(), role));
    let servers = launched.iter().map(|name| (name.clone(), role(name)));
    let mut nodes = Deployment::default();
    for (name, role) in servers.chain(clients) {
        let machine = nodes.machine(MachineSpec::named(name.clone()));
        let never = Box::new(|_| unreachable!("only names and roles are of interest"));
        nodes.node(role, name, machine, vec![], never);
    }
    for office in scenario.system().kind().offices() {
        nodes.office(office, None);
    }
    scenario.systems.roster_of(&nodes)
}

/// A fault that nothing here can do, or that hits nobody here.
fn check(fault: &FaultSpec, roster: &Roster, launched: &[String]) -> Result<()> {
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
    let several = only(roster.servers()).is_none();
    for name in fault.target.0.iter().chain(fault.action.peers().into_iter().flat_map(|of| &of.0)) {
        if name == "controller" && several {
            return Err(Failure::new(format!(
                "the fault `{}` is on the active controller, which a live cluster is not asked \
                 for: name a process; there are {}",
                entry.name,
                launched.join(", ")
            )));
        }
        let nodes =
            targets::resolve(&Target(vec![name.clone()]), roster, &Holders::default()).nodes;
        if nodes.is_empty() && name != "leader" && name != "controller" {
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
    use headwater_scenarios::faults::Live;
    use headwater_sim::time::Duration;

    use super::*;

    fn scenario(faults: &str) -> Scenario {
        let text = format!("{}{faults}", include_str!("three_servers.toml"));
        Scenario::parse(&text, "t.toml", None, &[]).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn refused(kind: &str, target: &str) -> Option<String> {
        let kind = format!("[[fault]]\nkind = {kind}\n");
        let scenario = scenario(&format!("{kind}target = '{target}'\nat = '1s'\nfor = '1s'\n"));
        let launched = ["broker-1", "broker-2", "broker-3"].map(String::from).to_vec();
        let roster = roster(&scenario, &launched);
        let fault = &scenario.faults[0];
        if let Err(failure) = check(fault, &roster, &launched) {
            return Some(failure.to_string());
        }
        let machines = (0..).map(MachineId).take(roster.iter().count()).collect();
        let planner = Planner::new(Seed(1), &scenario.faults, machines, &roster, 100);
        planner.rehearse(&roster, &Processes::named(launched)).err()
    }

    #[test]
    fn what_signals_can_do_is_done_on_every_target_that_is_launched() {
        for target in ["broker-2", "brokers", "servers", "zone-1", "replicas", "leader"] {
            for kind in ["'crash'", "'shutdown'", "'pause'", "'throttle-cpu'\nshare = 0.2"] {
                assert_eq!(refused(kind, target), None, "{kind} on {target}");
            }
        }
    }

    #[test]
    fn what_can_not_be_done_is_told_before_the_start_with_what_can() {
        let told = |kind, target| refused(kind, target).unwrap_or_default();
        let disk = told("'slow-disk'\nfactor = 2", "broker-1");
        assert!(disk.contains("can't be injected") && disk.contains("shutdown, pause"), "{disk}");
        let client = told("'crash'", "producers");
        assert!(client.contains("hits a client") && client.contains("broker-3"), "{client}");
        let controller = told("'pause'", "controller");
        assert!(controller.contains("active controller"), "{controller}");
    }

    /// The catalogue says what is done live; this world says what it does.
    #[test]
    fn every_kind_that_is_done_by_signals_is() {
        let mut stream = Seed(1).stream("draw", 0);
        for entry in entries().filter(|entry| matches!(entry.live, Live::Signal(_))) {
            let mut scenario = scenario("");
            let second = Duration::from_secs(1);
            scenario.faults = vec![FaultSpec {
                action: (entry.draw)(&mut stream),
                target: Target(vec!["broker-1".into()]),
                at: second,
                until: Some(second * 3),
            }];
            let launched = vec!["broker-1".to_owned()];
            let roster = roster(&scenario, &launched);
            let machines = (0..).map(MachineId).take(roster.iter().count()).collect();
            let planner = Planner::new(Seed(1), &scenario.faults, machines, &roster, 100);
            let done = planner.rehearse(&roster, &Processes::named(launched));
            assert_eq!(done, Ok(()), "{}", entry.name);
        }
    }
}
