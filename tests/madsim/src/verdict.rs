//! Verdicts of both runtimes, side by side.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use headwater_reports::outcome::VerdictStatus;
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Scenario;

use crate::director::Report;

/// Verdicts by name: passed or not.
pub type Verdicts = BTreeMap<String, bool>;

impl Report {
    /// Its verdicts by name.
    pub fn by_name(&self) -> Verdicts {
        self.verdicts.iter().map(|verdict| (verdict.name.to_owned(), verdict.passed)).collect()
    }

    /// No promise was broken.
    pub fn clean(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.passed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acked, acked_before: before, failed, delivered, end, .. } = self;
        writeln!(f, "acked {acked} ({before} before the first fault), failed {failed}")?;
        writeln!(f, "delivered {delivered}, ended at {end}")?;
        self.faults.iter().try_for_each(|fault| writeln!(f, "  {fault}"))?;
        self.verdicts.iter().try_for_each(|verdict| writeln!(f, "{verdict}"))
    }
}

/// Verdicts of observers that look into the kernel: at its files, its syncs, its timers.
const KERNEL_ONLY: [&str; 3] = ["as_scheduled", "copies_at_ack", "kernel_promises"];

/// The verdicts of the same scenario and seed on the kernel of `sim`, but for those that no other
/// runtime can give.
pub fn on_kernel(scenario: &Scenario, seed: u64) -> Verdicts {
    let finished = run::run(scenario, &Options { seed: Some(seed), ..Options::default() });
    let verdicts = finished.outcome.verdicts.into_iter();
    // A warning is about speed, which the two do not share.
    let safety = verdicts.filter(|verdict| verdict.status != VerdictStatus::Warn);
    let safety = safety.filter(|verdict| !KERNEL_ONLY.contains(&verdict.name.as_str()));
    safety.map(|verdict| (verdict.name, !verdict.status.found())).collect()
}

/// Where two sets of verdicts differ, one line each; empty if they are equal.
pub fn compare(kernel: &Verdicts, madsim: &Verdicts) -> Vec<String> {
    let names = kernel.keys().chain(madsim.keys().filter(|name| !kernel.contains_key(*name)));
    let show = |of: Option<&bool>| match of {
        Some(true) => "pass",
        Some(false) => "fail",
        None => "not given",
    };
    let differs = names.filter(|name| kernel.get(*name) != madsim.get(*name));
    let line = |name: &String| {
        let (kernel, madsim) = (show(kernel.get(name)), show(madsim.get(name)));
        format!("{name}: {kernel} on the kernel, {madsim} on madsim")
    };
    differs.map(line).collect()
}

/// Does something with each of `count` seeds from `first` on, on all cores; the results in order.
pub fn seeds<T: Send>(first: u64, count: u64, each: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let worker = || {
        let mut results = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return results;
            }
            results.push((seed, each(seed)));
        }
    };
    let mut results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, Vec<(u64, T)>>| match worker.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().flat_map(join).collect()
    });
    results.sort_unstable_by_key(|(seed, _)| *seed);
    results.into_iter().map(|(_, result)| result).collect()
}
