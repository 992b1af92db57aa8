//! Faults on launched processes: SIGKILL and restart, SIGSTOP and SIGCONT.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use headwater_reports::outcome;
use headwater_scenarios::faults::FaultSpec;

use crate::failure::{Failure, Result};
use crate::launch::LaunchedCluster as Cluster;
use crate::launch::guard::Sign;
use crate::launch::guarded::Guarded;
use crate::pacing::Clock;
use crate::systems::Observer as Teller;
use crate::utilisation::Watched;

/// What is done when.
#[derive(Clone, Debug)]
struct Step {
    at: u64,
    process: String,
    act: Act,
    /// Which fault of the outcome it begins or ends.
    fault: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Kill,
    Restart,
    Stop,
    Continue,
}

/// The faults of a scenario, as steps on the processes of a launched cluster.
pub(crate) struct Injector {
    steps: Vec<Step>,
    faults: Vec<outcome::Fault>,
    guarded: Arc<Mutex<Guarded>>,
    watched: Watched,
}

impl Injector {
    /// Checks that every fault can be injected into `cluster`, and plans it. `leader` is the
    /// process that leads the first partition, where there are several.
    pub(crate) fn new(
        specs: &[FaultSpec],
        cluster: &Cluster,
        leader: Option<String>,
    ) -> Result<Self> {
        let processes: Vec<String> = match cluster.watched.lock() {
            Ok(watched) => watched.iter().map(|(name, _)| name.clone()).collect(),
            Err(_) => vec![],
        };
        let (mut steps, mut faults) = (vec![], vec![]);
        for spec in specs {
            let (first, last) = match spec.action.name() {
                "crash" => (Act::Kill, Act::Restart),
                "pause" => (Act::Stop, Act::Continue),
                _ => return Err(unlike(spec)),
            };
            for process in targets(spec, &processes, leader.as_deref())? {
                let fault = faults.len();
                let step = |at: headwater_sim::time::Duration, act| Step {
                    at: at.0,
                    process: process.clone(),
                    act,
                    fault,
                };
                steps.push(step(spec.at, first));
                steps.extend(spec.until.map(|until| step(until, last)));
                faults.push(outcome::Fault {
                    name: spec.action.name().to_owned(),
                    target: process,
                    from_ns: spec.at.0,
                    until_ns: None,
                    parameters: BTreeMap::new(),
                });
            }
        }
        steps.sort_by_key(|step| step.at);
        let (guarded, watched) = (Arc::clone(&cluster.guarded), Arc::clone(&cluster.watched));
        Ok(Self { steps, faults, guarded, watched })
    }

    /// Injects them at their times; gives back those that were injected, as they were.
    pub(crate) fn run(
        mut self,
        clock: &Clock,
        teller: &Teller,
        stop: &AtomicBool,
    ) -> Vec<outcome::Fault> {
        let mut begun = vec![false; self.faults.len()];
        for step in std::mem::take(&mut self.steps) {
            if !clock.sleep_until(step.at, stop) {
                break;
            }
            match self.act(&step) {
                Ok(()) => {
                    let fault = &mut self.faults[step.fault];
                    let now = clock.now();
                    match step.act {
                        Act::Kill | Act::Stop => {
                            begun[step.fault] = true;
                            fault.from_ns = now;
                        }
                        Act::Restart | Act::Continue => fault.until_ns = Some(now),
                    }
                }
                Err(failure) => {
                    teller.mark("fault_not_injected", format!("{}: {failure}", step.process));
                }
            }
        }
        let injected = self.faults.into_iter().zip(begun).filter(|(_, begun)| *begun);
        injected.map(|(fault, _)| fault).collect()
    }

    fn act(&self, step: &Step) -> Result<()> {
        let mut guarded =
            self.guarded.lock().map_err(|_| Failure::new("the guard's lock is broken"))?;
        let pid = match step.act {
            Act::Kill => guarded.signal(&step.process, Sign::Kill),
            Act::Stop => guarded.signal(&step.process, Sign::Stop),
            Act::Continue => guarded.signal(&step.process, Sign::Continue),
            Act::Restart => guarded.restart(&step.process),
        }?;
        if let Ok(mut watched) = self.watched.lock() {
            let entry = watched.iter_mut().find(|(name, _)| *name == step.process);
            if let Some((_, watched)) = entry {
                *watched = pid;
            }
        }
        Ok(())
    }
}

/// A fault that signals can't make.
fn unlike(spec: &FaultSpec) -> Failure {
    Failure::new(format!(
        "the fault `{}` can't be injected into a live cluster; crash and pause can (the simulator \
         knows all: `headwater run`)",
        spec.action.name()
    ))
}

/// The processes that a fault hits. Which node is the active controller is not asked: it is taken
/// to be the first.
fn targets(spec: &FaultSpec, processes: &[String], leader: Option<&str>) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for name in &spec.target.0 {
        let of = |prefix: &str| -> Vec<String> {
            processes.iter().filter(|process| process.starts_with(prefix)).cloned().collect()
        };
        let found = match name.as_str() {
            "leader" => leader
                .or(processes.first().map(String::as_str))
                .map(Into::into)
                .into_iter()
                .collect(),
            "controller" => processes.first().cloned().into_iter().collect(),
            "brokers" => of("broker-"),
            "stores" => of("store-"),
            "servers" | "all" => processes.to_vec(),
            name => processes.iter().filter(|process| *process == name).cloned().collect(),
        };
        if found.is_empty() {
            return Err(Failure::new(format!(
                "the launched cluster has no `{name}` to {}; it has {}",
                spec.action.name(),
                processes.join(", ")
            )));
        }
        all.extend(found);
    }
    all.sort();
    all.dedup();
    Ok(all)
}
