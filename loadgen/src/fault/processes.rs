//! Launched processes as a world of faults.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_scenarios::faults::{Agenda, World};
use headwater_sim::fault::Fault;
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use super::duty::DutyCycle;
use crate::failure::{Failure, Result};
use crate::launch::LaunchedCluster;
use crate::launch::guard::Sign;
use crate::launch::guarded::Guarded;
use crate::systems::Observer;
use crate::utilisation::Watched;

/// The processes, numbered as in the roster; each has a machine of its own, of the same number.
pub(super) struct Processes {
    names: Vec<String>,
    /// None where there is nothing but names.
    hands: Option<Hands>,
    agenda: Agenda,
    throttled: BTreeMap<usize, DutyCycle>,
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
            | Fault::Shutdown { node } => node.index(),
            Fault::ThrottleCpu { machine, .. } => machine.index(),
            other => return Some(format!("would be a `{}`, not done live", other.name())),
        };
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
    /// Those of a launched cluster.
    pub(super) fn new(names: Vec<String>, cluster: &LaunchedCluster) -> Self {
        let (guarded, watched) = (Arc::clone(&cluster.guarded), Arc::clone(&cluster.watched));
        Self { hands: Some(Hands { guarded, watched }), ..Self::named(names) }
    }

    /// Nothing but names.
    pub(super) fn named(names: Vec<String>) -> Self {
        Self { names, hands: None, agenda: Agenda::default(), throttled: BTreeMap::new() }
    }

    /// When the next fault is due.
    pub(super) fn next(&self) -> Option<Time> {
        self.agenda.next()
    }

    /// Lets happen what is due by `now`; what fails is told.
    pub(super) fn happen_until(&mut self, now: Time, observer: &Observer) {
        while let Some(fault) = self.agenda.take(now) {
            if let Err(failure) = self.happen(&fault) {
                let who = fault.node().map_or("", |node| self.name(node));
                let told = format!("{} {who}: {failure}", fault.name());
                observer.mark("fault_not_injected", told);
            }
        }
    }

    fn name(&self, node: NodeId) -> &str {
        self.names.get(node.index()).map_or("", String::as_str)
    }

    fn happen(&mut self, fault: &Fault) -> Result<()> {
        let hands = self.hands.clone().ok_or_else(|| Failure::new("nothing was launched"))?;
        match fault {
            Fault::Crash { node } => hands.kill(self.name(*node)),
            Fault::Restart { node } => hands.start(self.name(*node)),
            Fault::Pause { node } => hands.signal(self.name(*node), Sign::Stop),
            Fault::Resume { node } => hands.signal(self.name(*node), Sign::Continue),
            Fault::Shutdown { node } => hands.signal(self.name(*node), Sign::Terminate),
            Fault::ThrottleCpu { machine, percent, period } => {
                let index = machine.index();
                self.throttled.remove(&index);
                if *percent < 100 {
                    let name = self.names[index].clone();
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
            other => unreachable!("{} was refused", other.name()),
        }
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
        self.guarded.lock().map_err(|_| Failure::new("the guard's lock is broken"))
    }
}
