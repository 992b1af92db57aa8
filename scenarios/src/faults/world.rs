//! What faults happen to: the simulation, launched processes, the host on madsim.

use std::collections::BTreeMap;

use headwater_sim::fault::Fault;
use headwater_sim::node::{Observer, Protocol};
use headwater_sim::queue::EventQueue;
use headwater_sim::simulation::Simulation;
use headwater_sim::time::Time;

/// A world that faults of the kernel can happen to.
pub trait World {
    /// Why this fault can't happen here, if it can't. Asked before the run begins.
    fn refuses(&self, fault: &Fault) -> Option<String>;

    /// Makes a fault happen at a time, now or later. Several at one time happen in this order.
    fn apply(&mut self, at: Time, fault: Fault);
}

/// The simulation has every fault.
impl<P: Protocol, O: Observer<P>, Q: EventQueue> World for Simulation<P, O, Q> {
    fn refuses(&self, _: &Fault) -> Option<String> {
        None
    }

    fn apply(&mut self, at: Time, fault: Fault) {
        self.schedule(at, fault);
    }
}

/// Faults that are due later, for a world that has no queue of its own.
#[derive(Clone, Debug, Default)]
pub struct Agenda {
    due: BTreeMap<(Time, u64), Fault>,
    count: u64,
}

impl Agenda {
    /// Puts a fault after those that are due by then.
    pub fn add(&mut self, at: Time, fault: Fault) {
        self.due.insert((at, self.count), fault);
        self.count += 1;
    }

    /// When the next is due.
    pub fn next(&self) -> Option<Time> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next that is due by `now`.
    pub fn take(&mut self, now: Time) -> Option<Fault> {
        self.next().filter(|at| *at <= now)?;
        self.due.pop_first().map(|(_, fault)| fault)
    }
}
