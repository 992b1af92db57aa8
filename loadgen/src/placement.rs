//! Placement: which cores the cluster and the generator run on.

use std::fmt;

use clap::ValueEnum;
use headwater_reports::outcome;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::failure::{Failure, Result};
use crate::sampler::Task;
use crate::utilisation::Watched;

/// Who has which cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cores {
    /// The cluster and the generator each have cores of their own.
    Own,
    /// Both run on all.
    Shared,
}

impl Cores {
    /// As the command line has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Shared => "shared",
        }
    }
}

/// The cores of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    /// How they are shared out.
    pub(crate) cores: Cores,
    /// The generator's, by number.
    pub(crate) generator: Vec<usize>,
    /// The cluster's.
    pub(crate) cluster: Vec<usize>,
}

impl Placement {
    /// As asked; where nothing is, `launched` processes have cores of their own if there are two or
    /// more.
    ///
    /// # Errors
    /// If cores of their own are asked for and can't be had.
    pub(crate) fn find(asked: Option<Cores>, launched: bool) -> Result<Self> {
        Self::of(asked, launched, &allowed())
    }

    fn of(asked: Option<Cores>, launched: bool, allowed: &[usize]) -> Result<Self> {
        let refused = |why: &str| {
            Err(Failure::new(format!("--cores own: {why}; leave it out, or give --cores shared")))
        };
        match asked {
            Some(Cores::Own) if allowed.len() < 2 => {
                return refused("there is one core for this program and what it launches");
            }
            Some(Cores::Own) if !launched => {
                return refused("only processes that are launched here can be given cores");
            }
            _ => {}
        }
        let own = launched && allowed.len() >= 2 && asked != Some(Cores::Shared);
        if !own {
            let all = allowed.to_vec();
            return Ok(Self { cores: Cores::Shared, generator: all.clone(), cluster: all });
        }
        let (generator, cluster) = allowed.split_at((allowed.len() / QUARTER).max(1));
        Ok(Self { cores: Cores::Own, generator: generator.to_vec(), cluster: cluster.to_vec() })
    }

    /// Keeps this thread, and those that it starts, to the generator's cores.
    pub(crate) fn keep_generator(&self) {
        if self.cores == Cores::Own {
            keep_to(&self.generator);
        }
    }

    /// Runs `start` on the cluster's cores: what it starts stays there.
    pub(crate) fn on_cluster<T>(&self, start: impl FnOnce() -> T) -> T {
        if self.cores == Cores::Shared {
            return start();
        }
        keep_to(&self.cluster);
        let started = start();
        keep_to(&self.generator);
        started
    }

    /// Lets the processes that are watched by now, a cluster's, run on all cores until what is
    /// returned is dropped; a client that is watched later stays where it is.
    pub(crate) fn lend(&self, watched: &Watched) -> Lent<'_> {
        let all = self.all();
        let watched = watched.lock().map(|watched| watched.clone()).unwrap_or_default();
        self.move_to(&watched, &all);
        Lent { placement: self, watched }
    }

    fn move_to(&self, watched: &[(String, u32)], cores: &[usize]) {
        if self.cores == Cores::Shared {
            return;
        }
        for (_, pid) in watched {
            for task in Task::all_of(*pid) {
                keep(Pid::from_raw(task.id as i32), cores);
            }
        }
    }

    /// The cores of both, ascending.
    pub(crate) fn all(&self) -> Vec<usize> {
        let mut all = [&self.generator[..], &self.cluster[..]].concat();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// For the outcome.
    pub(crate) fn told(&self) -> outcome::Placement {
        let numbers = |cores: &[usize]| cores.iter().map(|core| *core as u32).collect();
        outcome::Placement {
            own_cores: self.cores == Cores::Own,
            generator: numbers(&self.generator),
            cluster: numbers(&self.cluster),
        }
    }
}

/// The cluster has all cores for a while.
pub(crate) struct Lent<'a> {
    placement: &'a Placement,
    watched: Vec<(String, u32)>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.placement.move_to(&self.watched, &self.placement.cluster);
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cores {
            Cores::Own => write!(
                f,
                "own: the generator has {} of {} cores, the cluster {}",
                self.generator.len(),
                self.generator.len() + self.cluster.len(),
                self.cluster.len()
            ),
            Cores::Shared => write!(f, "shared: both run on all {}", self.cluster.len()),
        }
    }
}

/// The generator has one core of so many, and one at the least.
const QUARTER: usize = 4;

/// The cores that this program may use, ascending; the first one if the kernel does not tell.
pub(crate) fn allowed() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return vec![0] };
    let cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
    if cores.is_empty() { vec![0] } else { cores }
}

/// Keeps the calling thread, and those that it starts, to these cores.
pub(crate) fn keep_to(cores: &[usize]) {
    keep(None, cores);
}

/// Keeps a thread, the calling one where none is named, to these cores.
fn keep(thread: Option<Pid>, cores: &[usize]) {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    // Where it is refused it runs on what it had, and CPU by thread shows it.
    let _ = sched_setaffinity(thread, &set);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared_out(cores: usize) -> (Cores, usize, usize) {
        let allowed: Vec<usize> = (4..4 + cores).collect();
        let placed = Placement::of(None, true, &allowed).unwrap();
        (placed.cores, placed.generator.len(), placed.cluster.len())
    }

    #[test]
    fn from_two_cores_on_each_side_has_its_own() {
        assert_eq!(shared_out(1), (Cores::Shared, 1, 1));
        assert_eq!(shared_out(2), (Cores::Own, 1, 1));
        assert_eq!(shared_out(4), (Cores::Own, 1, 3));
        assert_eq!(shared_out(16), (Cores::Own, 4, 12));
    }

    #[test]
    fn what_is_asked_is_done_or_refused() {
        let of = |asked, launched, cores: &[usize]| {
            let placed = Placement::of(Some(asked), launched, cores);
            placed.map(|placed| placed.to_string()).map_err(|failure| failure.to_string())
        };
        assert_eq!(of(Cores::Shared, true, &[0, 1]).unwrap(), "shared: both run on all 2");
        let own = "own: the generator has 1 of 2 cores, the cluster 1";
        assert_eq!(of(Cores::Own, true, &[0, 1]).unwrap(), own);
        assert!(of(Cores::Own, true, &[3]).unwrap_err().contains("there is one core"));
        assert!(of(Cores::Own, false, &[0, 1]).unwrap_err().contains("only processes that are"));
    }

    #[test]
    fn a_cluster_that_was_lent_all_cores_has_its_own_again() {
        let all = allowed();
        let [first, .., last] = all[..] else { return };
        let child = std::process::Command::new("sleep").arg("60").spawn();
        let mut child = child.unwrap();
        let pid = child.id();
        let of = || {
            let set = sched_getaffinity(Pid::from_raw(pid as i32)).unwrap();
            all.iter().copied().filter(|core| set.is_set(*core)).collect::<Vec<_>>()
        };
        let placed = Placement { cores: Cores::Own, generator: vec![first], cluster: vec![last] };
        let watched = Watched::default();
        watched.lock().unwrap().push(("server".into(), pid));
        let lent = placed.lend(&watched);
        assert_eq!(of(), [first, last]);
        drop(lent);
        assert_eq!(of(), [last]);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_is_started_on_the_clusters_cores_stays_there() {
        let all = allowed();
        let Some((first, last)) = all.first().zip(all.last()) else { return };
        let (generator, cluster) = (vec![*first], vec![*last]);
        let placed = Placement { cores: Cores::Own, generator, cluster };
        let here = move || allowed();
        let (there, own) = std::thread::spawn(move || {
            placed.keep_generator();
            let there = placed.on_cluster(|| std::thread::spawn(here).join().unwrap());
            (there, allowed())
        })
        .join()
        .unwrap();
        assert_eq!((there, own), (vec![*last], vec![*first]));
    }
}
