//! Launched processes, and the proxies in front of them, as a world of faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_scenarios::faults::{Agenda, World};
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::impairment::Impairment;
use headwater_sim::random::Seed;
use headwater_sim::time::Time;
use headwater_sim::units::{BytesPerSecond, NodeId};

use super::duty::DutyCycle;
use super::line::{Delay, Passage, Way};
use super::proxy::Control;
use crate::failure::{Failure, Result};
use crate::launch::LaunchedCluster;
use crate::launch::guard::Sign;
use crate::launch::guarded::{Guarded, held};
use crate::systems::client::Observer;
use crate::utilisation::Watched;

/// The processes, numbered as in the roster; each has a machine of its own, of the same number.
/// Behind them in the roster are the clients, all of them in the generator.
pub(super) struct Processes {
    /// Their names in the scenario.
    names: Vec<String>,
    /// Their names under the guard.
    processes: Vec<String>,
    /// Which of them clients connect to.
    served: Vec<bool>,
    clients: Clients,
    /// None where there is nothing but names.
    hands: Option<Hands>,
    /// Of the proxy in front of each process, in the order of the names; none where there is no
    /// need.
    proxies: Vec<Control>,
    agenda: Agenda,
    throttled: BTreeMap<usize, DutyCycle>,
    seed: Seed,
    /// Delays so far: each has draws of its own.
    delays: u64,
    /// What could not be done, one line each.
    failed: Vec<String>,
}

/// The clients of the roster.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    /// How many there are.
    pub(super) count: usize,
    /// Their groups, as a target names them.
    pub(super) groups: Vec<&'static str>,
}

/// What moves processes.
#[derive(Clone)]
struct Hands {
    guarded: Arc<Mutex<Guarded>>,
    watched: Watched,
}

impl World for Processes {
    fn refuses(&self, fault: &Fault) -> Option<String> {
        let index = match fault {
            Fault::Crash { node }
            | Fault::Restart { node }
            | Fault::Pause { node }
            | Fault::Resume { node }
            | Fault::Refuse { node, .. }
            | Fault::Shutdown { node } => node.index(),
            Fault::ThrottleCpu { machine, .. } => machine.index(),
            other => match sides(other) {
                Some((from, to)) => return self.ways(from, to).err(),
                None => return Some(format!("would be a `{}`, not done live", other.name())),
            },
        };
        if matches!(fault, Fault::Refuse { .. }) && self.served.get(index) == Some(&false) {
            return Some(self.behind(index));
        }
        if index >= self.names.len() {
            let there = self.names.join(", ");
            return Some(format!("hits a client, a part of the generator; there are {there}"));
        }
        None
    }

    fn apply(&mut self, at: Time, fault: Fault) {
        self.agenda.add(at, fault);
    }
}

impl Processes {
    /// The same, of a launched cluster, whose guard has them under these names. Delays are drawn
    /// from `seed`.
    pub(super) fn launched(
        self,
        processes: Vec<String>,
        seed: Seed,
        cluster: &LaunchedCluster,
    ) -> Self {
        let (guarded, watched) = (Arc::clone(&cluster.guarded), Arc::clone(&cluster.watched));
        let proxies = cluster.proxies.iter().map(|proxy| proxy.control().clone()).collect();
        Self { processes, hands: Some(Hands { guarded, watched }), proxies, seed, ..self }
    }

    /// Nothing but names, and which of them clients connect to.
    pub(super) fn named(names: Vec<String>, served: Vec<bool>, clients: Clients) -> Self {
        Self {
            processes: names.clone(),
            names,
            served,
            clients,
            hands: None,
            proxies: vec![],
            agenda: Agenda::default(),
            throttled: BTreeMap::new(),
            seed: Seed(0),
            delays: 0,
            failed: vec![],
        }
    }

    /// When the next fault is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.agenda.next()
    }

    /// Lets happen what is due by `now`; what fails is marked.
    pub(super) fn happen_until(&mut self, now: Time, observer: &Observer) {
        while let Some(fault) = self.agenda.take(now) {
            if let Err(failure) = self.happen(&fault) {
                let who = fault.node().map_or("", |node| self.name(node));
                let at = now.since(Time::ZERO);
                let told = format!("{} {who} at {at} failed: {failure}", fault.name());
                observer.mark("fault_not_injected", told.clone());
                self.failed.push(told);
            }
        }
    }

    /// What could not be done, one line each.
    pub(super) fn failed(self) -> Vec<String> {
        self.failed
    }

    fn name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or("", String::as_str)
    }

    fn process(&self, node: NodeId) -> &str {
        self.processes.get(node.index()).map_or("", String::as_str)
    }

    /// Why nothing between clients and this one can be hurt.
    fn behind(&self, server: usize) -> String {
        let served = |(name, served): (&String, &bool)| served.then(|| name.clone());
        let there: Vec<_> = self.names.iter().zip(&self.served).filter_map(served).collect();
        format!(
            "is between clients and {}, which they don't connect to; they connect to {}",
            self.names[server],
            there.join(", ")
        )
    }

    fn hands(&self) -> Result<&Hands> {
        self.hands.as_ref().ok_or_else(|| Failure::new("nothing was launched"))
    }

    fn proxy(&self, server: usize) -> Result<&Control> {
        self.proxies.get(server).ok_or_else(|| Failure::new("no proxy stands before it"))
    }

    fn happen(&mut self, fault: &Fault) -> Result<()> {
        match fault {
            Fault::Crash { node } => self.hands()?.kill(self.process(*node)),
            Fault::Restart { node } => self.hands()?.start(self.process(*node)),
            Fault::Pause { node } => self.hands()?.signal(self.process(*node), Sign::Stop),
            Fault::Resume { node } => self.hands()?.signal(self.process(*node), Sign::Continue),
            Fault::Shutdown { node } => self.hands()?.signal(self.process(*node), Sign::Terminate),
            Fault::ThrottleCpu { machine, percent, period } => {
                let (index, hands) = (machine.index(), self.hands()?.clone());
                self.throttled.remove(&index);
                if *percent < 100 {
                    let name = self.processes[index].clone();
                    let set = move |works| {
                        let sign = if works { Sign::Continue } else { Sign::Stop };
                        // One that has ended meanwhile is another fault's doing.
                        let _ = hands.signal(&name, sign);
                    };
                    let period = Duration::from_nanos(period.0);
                    self.throttled.insert(index, DutyCycle::start(*percent, period, set));
                }
                Ok(())
            }
            Fault::Refuse { node, refuse } => {
                self.proxy(node.index())?.refuse(*refuse);
                Ok(())
            }
            other => self.on_the_way(other),
        }
    }

    /// What happens between servers and clients.
    fn on_the_way(&mut self, fault: &Fault) -> Result<()> {
        match fault {
            Fault::Partition { from, to, symmetric } => {
                self.hold(from, to)?;
                if *symmetric { self.hold(to, from) } else { Ok(()) }
            }
            Fault::Rejoin { from, to, symmetric } => {
                self.let_go(from, to)?;
                if *symmetric { self.let_go(to, from) } else { Ok(()) }
            }
            Fault::Clog { from, to } => self.hold(from, to),
            Fault::Unclog { from, to } => self.let_go(from, to),
            Fault::SlowLink { from, to, extra, lasting } => self.delay(from, to, extra, *lasting),
            Fault::RestoreLink { from, to } => self.pass(from, to, |passage| passage.delay = None),
            Fault::Impair { from, to, by: Impairment::Bandwidth { rate, .. } } => {
                let rate = Some(*rate).filter(|rate| *rate != BytesPerSecond::UNLIMITED);
                self.pass(from, to, |passage| passage.rate = rate)
            }
            Fault::HalfOpen { from, to } => self.between(from, to, Control::forget),
            Fault::Reset { from, to } => self.between(from, to, Control::close_forgotten),
            other => unreachable!("{} was refused", other.name()),
        }
    }

    /// The servers between which and the clients something passes from one side to the other, and
    /// which way. A proxy can't tell one client from another, and no server talks to another
    /// through one.
    fn ways(
        &self,
        from: &[NodeId],
        to: &[NodeId],
    ) -> std::result::Result<Vec<(usize, Way)>, String> {
        let count = self.names.len();
        let servers = |side: &[NodeId]| -> Vec<usize> {
            side.iter().map(|node| node.index()).filter(|index| *index < count).collect()
        };
        let (here, there) = (servers(from), servers(to));
        let groups = self.clients.groups.join("\", \"");
        if !here.is_empty() && !there.is_empty() {
            let first = self.names.get(there[0]).map_or("", String::as_str);
            return Err(format!(
                "is between servers too (one side has {}, the other {first}), which talk to each \
                 other past the proxies: a live run can do it between servers and all clients, \
                 peers = [\"{groups}\"]; `headwater run` simulates it",
                self.names[here[0]]
            ));
        }
        if let Some(hidden) = here.iter().chain(&there).find(|server| !self.served[**server]) {
            return Err(self.behind(*hidden));
        }
        let mut ways = Vec::new();
        for (servers, other, way) in [(here, to, Way::ToClients), (there, from, Way::ToServer)] {
            let clients = other.iter().filter(|node| node.index() >= count).count();
            if servers.is_empty() || other.is_empty() {
                continue;
            }
            if clients < self.clients.count {
                return Err(format!(
                    "tells clients apart, which a proxy in front of a server can't: name all of \
                     them, [\"{groups}\"]"
                ));
            }
            ways.extend(servers.into_iter().map(|server| (server, way)));
        }
        if ways.is_empty() && !from.is_empty() && !to.is_empty() {
            let there = self.names.join(", ");
            return Err(format!("is between clients, who don't talk to each other; name {there}"));
        }
        Ok(ways)
    }

    /// Changes what passes from one side to the other.
    fn pass(&self, from: &[NodeId], to: &[NodeId], change: impl Fn(&mut Passage)) -> Result<()> {
        for (server, way) in self.ways(from, to).map_err(Failure::new)? {
            self.proxy(server)?.change(way, &change);
        }
        Ok(())
    }

    fn hold(&self, from: &[NodeId], to: &[NodeId]) -> Result<()> {
        self.pass(from, to, |passage| passage.holds += 1)
    }

    fn let_go(&self, from: &[NodeId], to: &[NodeId]) -> Result<()> {
        self.pass(from, to, |passage| passage.holds = passage.holds.saturating_sub(1))
    }

    fn delay(
        &mut self,
        from: &[NodeId],
        to: &[NodeId],
        extra: &Distribution,
        lasting: bool,
    ) -> Result<()> {
        let seed = Seed(self.seed.derive("delay by a proxy", self.delays));
        self.delays += 1;
        let delay = Delay { extra: extra.clone(), lasting, seed };
        self.pass(from, to, |passage| passage.delay = Some(delay.clone()))
    }

    /// Does something to the connections between these sides.
    fn between(&self, from: &[NodeId], to: &[NodeId], change: fn(&Control)) -> Result<()> {
        for (server, _) in self.ways(from, to).map_err(Failure::new)? {
            change(self.proxy(server)?);
        }
        Ok(())
    }
}

/// Both sides of what happens between some and others, if a proxy can do it.
fn sides(fault: &Fault) -> Option<(&[NodeId], &[NodeId])> {
    match fault {
        Fault::Partition { from, to, .. }
        | Fault::Rejoin { from, to, .. }
        | Fault::Clog { from, to }
        | Fault::Unclog { from, to }
        | Fault::SlowLink { from, to, .. }
        | Fault::RestoreLink { from, to }
        | Fault::Impair { from, to, by: Impairment::Bandwidth { .. } }
        | Fault::HalfOpen { from, to }
        | Fault::Reset { from, to } => Some((from, to)),
        _ => None,
    }
}

impl Hands {
    /// SIGKILL, if it runs.
    fn kill(&self, name: &str) -> Result<()> {
        if self.runs(name)? { self.signal(name, Sign::Kill) } else { Ok(()) }
    }

    /// Starts it again, unless it runs.
    fn start(&self, name: &str) -> Result<()> {
        if self.runs(name)? {
            return Ok(());
        }
        let pid = self.guarded()?.restart(name)?;
        if let Ok(mut watched) = self.watched.lock() {
            let entry = watched.iter_mut().find(|(watched, _)| watched == name);
            if let Some((_, watched)) = entry {
                *watched = pid;
            }
        }
        Ok(())
    }

    fn signal(&self, name: &str, sign: Sign) -> Result<()> {
        self.guarded()?.signal(name, sign).map(drop)
    }

    fn runs(&self, name: &str) -> Result<bool> {
        self.guarded()?.alive(name)
    }

    fn guarded(&self) -> Result<std::sync::MutexGuard<'_, Guarded>> {
        held(&self.guarded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    /// Two servers, a producer and a consumer, with proxies that stand before nothing.
    fn processes() -> Processes {
        let clients = Clients { count: 2, groups: vec!["producers", "consumers"] };
        let names = ["broker-1", "broker-2"].map(String::from).to_vec();
        let proxies = vec![Control::default(), Control::default()];
        Processes { proxies, ..Processes::named(names, vec![true, true], clients) }
    }

    fn nodes(of: &[u32]) -> Vec<NodeId> {
        of.iter().map(|node| NodeId(*node)).collect()
    }

    /// Cuts and clogs to and from each server.
    fn holds(processes: &Processes) -> Vec<[u32; 2]> {
        let of =
            |proxy: &Control| [Way::ToServer, Way::ToClients].map(|way| proxy.passage(way).holds);
        processes.proxies.iter().map(of).collect()
    }

    fn let_happen(processes: &mut Processes, fault: Fault) {
        assert_eq!(processes.refuses(&fault), None);
        processes.apply(Time(1), fault);
        processes.happen_until(Time(1), &Observer::new(Clock::default()).0);
        assert_eq!(processes.failed, [""; 0]);
    }

    #[test]
    fn cuts_and_clogs_add_up_each_way_until_the_last_is_lifted() {
        let mut processes = processes();
        let (server, clients) = (nodes(&[1]), nodes(&[2, 3]));
        let (from, to) = (server.clone(), clients.clone());
        let cut = Fault::Partition { from: from.clone(), to: to.clone(), symmetric: true };
        let_happen(&mut processes, cut);
        assert_eq!(holds(&processes), [[0, 0], [1, 1]]);
        let_happen(&mut processes, Fault::Clog { from: clients.clone(), to: server.clone() });
        assert_eq!(holds(&processes), [[0, 0], [2, 1]]);
        let_happen(&mut processes, Fault::Rejoin { from, to, symmetric: true });
        assert_eq!(holds(&processes), [[0, 0], [1, 0]]);
        let_happen(&mut processes, Fault::Unclog { from: clients, to: server });
        assert_eq!(holds(&processes), [[0, 0], [0, 0]]);
    }

    #[test]
    fn delays_and_rates_are_set_the_way_that_they_are_of_and_lifted() {
        let mut processes = processes();
        let (from, to) = (nodes(&[2, 3]), nodes(&[0]));
        let extra = Distribution::constant(headwater_sim::time::Duration::from_millis(7));
        let slow = |lasting| Fault::SlowLink {
            from: from.clone(),
            to: to.clone(),
            extra: extra.clone(),
            lasting,
        };
        let delay = |processes: &Processes, way| processes.proxies[0].passage(way).delay;
        let_happen(&mut processes, slow(false));
        let first = delay(&processes, Way::ToServer).unwrap();
        assert!(first.extra == extra && !first.lasting, "{first:?}");
        assert!(delay(&processes, Way::ToClients).is_none());
        let_happen(&mut processes, slow(true));
        let second = delay(&processes, Way::ToServer).unwrap();
        assert!(second.lasting && second.seed.0 != first.seed.0, "draws of its own");
        let_happen(&mut processes, Fault::RestoreLink { from: from.clone(), to: to.clone() });
        assert!(delay(&processes, Way::ToServer).is_none());
        let queue = headwater_sim::units::Bytes(0);
        for (rate, passes) in [(9_000, Some(BytesPerSecond(9_000))), (0, None)] {
            let by = Impairment::Bandwidth { rate: BytesPerSecond(rate), queue };
            let_happen(&mut processes, Fault::Impair { from: from.clone(), to: to.clone(), by });
            assert_eq!(processes.proxies[0].passage(Way::ToServer).rate, passes);
            assert_eq!(processes.proxies[0].passage(Way::ToClients).rate, None);
        }
    }

    #[test]
    fn what_no_proxy_sees_is_refused_with_what_can_be_done() {
        let processes = processes();
        let told = |from: &[u32], to: &[u32]| {
            let fault = Fault::Partition { from: nodes(from), to: nodes(to), symmetric: true };
            processes.refuses(&fault).unwrap_or_default()
        };
        let servers = told(&[0], &[1, 2, 3]);
        assert!(servers.contains("one side has broker-1, the other broker-2"), "{servers}");
        assert!(servers.contains("peers = [\"producers\", \"consumers\"]"), "{servers}");
        let one_client = told(&[0, 1], &[2]);
        assert!(one_client.contains("tells clients apart"), "{one_client}");
        let clients = told(&[2], &[3]);
        assert!(clients.contains("between clients") && clients.contains("broker-1"), "{clients}");
        assert_eq!(told(&[0, 1], &[3, 2]) + &told(&[], &[0, 1, 2, 3]), "");
        let by = Impairment::Loss(5);
        let loss = Fault::Impair { from: nodes(&[0]), to: nodes(&[2, 3]), by };
        assert!(processes.refuses(&loss).is_some_and(|why| why.contains("not done live")));
    }

    #[test]
    fn what_clients_do_not_connect_to_has_no_proxy_and_is_refused() {
        let processes = Processes { served: vec![true, false], ..processes() };
        let (from, to) = (nodes(&[1]), nodes(&[2, 3]));
        let cut = Fault::Partition { from, to, symmetric: true };
        let refuse = |server| Fault::Refuse { node: NodeId(server), refuse: true };
        for fault in [cut, refuse(1)] {
            let why = processes.refuses(&fault).unwrap_or_default();
            assert!(why.contains("clients and broker-2, which they don't connect to"), "{why}");
            assert!(why.ends_with("they connect to broker-1"), "{why}");
        }
        assert_eq!(processes.refuses(&refuse(0)), None);
        assert_eq!(processes.refuses(&Fault::Crash { node: NodeId(1) }), None);
    }

    #[test]
    fn what_could_not_be_done_is_told() {
        let mut processes = processes();
        processes.apply(Time(2_000_000_000), Fault::Pause { node: NodeId(1) });
        let (observer, observations) = Observer::new(Clock::default());
        processes.happen_until(Time(2_000_000_000), &observer);
        assert_eq!(observations.try_iter().count(), 1, "and marked");
        assert_eq!(processes.failed(), ["pause broker-2 at 2s failed: nothing was launched"]);
    }
}
