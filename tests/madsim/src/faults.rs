//! The scenario's faults on madsim: kill and restart, pause and resume, clogged links.
//!
//! madsim has no power: a machine that loses it is its nodes killed, with the host's disks cut back
//! to what was synced. madsim has one latency for all links: a slow one is made so by the sender.

use std::rc::Rc;

use headwater_models::protocol::Record;
use headwater_scenarios::faults::{self, Agenda, FaultSpec, Planner};
use headwater_scenarios::targets::Roster;
use headwater_sim::fault::Fault;
use headwater_sim::time::Time;
use headwater_sim::units::{MachineId, NodeId};
use madsim::net::NetSim;
use madsim::runtime::Handle;
use madsim::task;

use crate::disk::Disk;
use crate::world::World;

/// Applies faults when their time comes.
pub struct Faults<'a> {
    planner: Planner<'a>,
    roster: &'a Roster,
    host: Host,
}

impl<'a> Faults<'a> {
    /// The faults of a scenario.
    ///
    /// # Panics
    ///
    /// If this host does not have one of them.
    pub fn new(
        faults: &'a [FaultSpec],
        roster: &'a Roster,
        world: Rc<World>,
        tasks: Vec<task::NodeId>,
    ) -> Self {
        let machine_of = world.nodes.iter().map(|node| node.machine).collect();
        let planner = Planner::new(world.seed, faults, machine_of, roster, world.cpu_percent);
        let host = Host { world, tasks, agenda: Agenda::default(), done: Vec::new() };
        planner.rehearse(roster, &host).unwrap_or_else(|why| panic!("{why}"));
        Self { planner, roster, host }
    }

    /// When the next step is due.
    pub fn next(&self) -> Option<Time> {
        self.planner.next().into_iter().chain(self.host.agenda.next()).min()
    }

    /// Takes what is due next.
    pub fn fire(&mut self) {
        let Some(now) = self.next() else { return };
        // What was planned earlier comes first, as on the kernel.
        self.host.happen_until(now);
        if self.planner.next() == Some(now) {
            let holders = self.host.world.observed.borrow().timeline.holders().clone();
            self.planner.fire(self.roster, &holders, &mut self.host);
            self.host.happen_until(now);
        }
    }

    /// What was done, one line each.
    pub fn done(&self) -> &[String] {
        &self.host.done
    }
}

/// madsim and this host's disks as a world of faults.
struct Host {
    world: Rc<World>,
    /// madsim's name of each node.
    tasks: Vec<task::NodeId>,
    agenda: Agenda,
    done: Vec<String>,
}

impl faults::World for Host {
    fn refuses(&self, fault: &Fault) -> Option<String> {
        let here = match fault {
            Fault::Crash { .. }
            | Fault::Restart { .. }
            | Fault::Pause { .. }
            | Fault::Resume { .. }
            | Fault::PowerCut { .. }
            | Fault::PowerOn { .. }
            | Fault::WipeDisk { .. }
            | Fault::Partition { .. }
            | Fault::Rejoin { .. }
            | Fault::RestoreLink { .. } => true,
            // A draw for each message, not one that is kept.
            Fault::SlowLink { lasting, .. } => !lasting,
            _ => false,
        };
        (!here).then(|| "can't happen on madsim".into())
    }

    fn apply(&mut self, at: Time, fault: Fault) {
        self.agenda.add(at, fault);
    }
}

impl Host {
    fn happen_until(&mut self, now: Time) {
        while let Some(fault) = self.agenda.take(now) {
            let node = fault.node().map(|node| format!(" {}", self.world.node(node).name));
            self.done.push(format!("{now} {}{}", fault.name(), node.unwrap_or_default()));
            self.happen(fault);
        }
    }

    fn happen(&self, fault: Fault) {
        match fault {
            Fault::Crash { node } => self.world.kill(node),
            Fault::Restart { node } => self.world.restart(node),
            Fault::Pause { node } => Handle::current().pause(self.task(node)),
            Fault::Resume { node } => Handle::current().resume(self.task(node)),
            Fault::PowerCut { machine } => {
                // First, so that nobody is told.
                self.world.powered.borrow_mut()[machine.index()] = false;
                for node in self.on(machine) {
                    self.world.kill(node);
                    let hosted = self.world.node(node);
                    hosted.dark.set(hosted.life.get());
                    self.disks(node, None, |disk| disk.power_cut());
                }
            }
            Fault::PowerOn { machine } => {
                self.world.powered.borrow_mut()[machine.index()] = true;
                self.on(machine).for_each(|node| self.world.restart(node));
            }
            Fault::WipeDisk { node, disk } => self.disks(node, disk, Disk::wipe),
            Fault::Partition { from, to, symmetric } => {
                for (from, to) in ways(&from, &to, symmetric) {
                    self.world.cut(from, to, true);
                    NetSim::current().clog_link(self.task(from), self.task(to));
                }
            }
            Fault::Rejoin { from, to, symmetric } => {
                for (from, to) in ways(&from, &to, symmetric) {
                    if !self.world.cut(from, to, false) {
                        NetSim::current().unclog_link(self.task(from), self.task(to));
                    }
                }
            }
            Fault::SlowLink { from, to, extra, .. } => {
                let ways = ways(&from, &to, false);
                ways.iter().for_each(|(from, to)| self.world.slow(*from, *to, Some(&extra)));
            }
            Fault::RestoreLink { from, to } => {
                let ways = ways(&from, &to, false);
                ways.iter().for_each(|(from, to)| self.world.slow(*from, *to, None));
            }
            other => unreachable!("{} was refused", other.name()),
        }
    }

    fn task(&self, node: NodeId) -> task::NodeId {
        self.tasks[node.index()]
    }

    fn disks(&self, node: NodeId, only: Option<u8>, change: impl Fn(&mut Disk<Record>)) {
        let mut disks = self.world.node(node).disks.borrow_mut();
        let numbered = (0_u8..).zip(disks.iter_mut());
        let meant = numbered.filter(|(number, _)| only.is_none_or(|only| only == *number));
        meant.for_each(|(_, disk)| change(disk));
    }

    fn on(&self, machine: MachineId) -> impl Iterator<Item = NodeId> + '_ {
        let here =
            self.world.nodes.iter().zip(0..).filter(move |(node, _)| node.machine == machine);
        here.map(|(_, number)| NodeId(number))
    }
}

/// From each of one side to each of the other, and back if `both`.
fn ways(some: &[NodeId], others: &[NodeId], both: bool) -> Vec<(NodeId, NodeId)> {
    let pairs = some.iter().flat_map(|one| others.iter().map(move |other| (*one, *other)));
    let pairs: Vec<_> = pairs.filter(|(one, other)| one != other).collect();
    let back = pairs.iter().filter(|_| both).map(|(one, other)| (*other, *one));
    back.chain(pairs.iter().copied()).collect()
}
