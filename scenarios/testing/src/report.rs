//! What the files of a folder did.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use headwater_scenarios::scenario::Problems;
use rayon::prelude::*;

use crate::file::{Ran, Ready, Tested};
use crate::folder::Control;

/// What scenario files did, in order.
#[derive(Clone, Debug)]
pub struct Report {
    /// The files.
    pub files: Vec<Tested>,
    /// Not everything was run.
    pub interrupted: bool,
}

impl Report {
    /// Runs every seed of every file, in parallel.
    pub(crate) fn of(ready: &[Ready], control: &Control<'_>) -> Result<Self, Problems> {
        let of_file = |(index, file): (usize, &Ready)| {
            file.seeds().into_iter().map(move |seed| (index, seed)).collect::<Vec<_>>()
        };
        let runs: Vec<(usize, u64)> = ready.iter().enumerate().flat_map(of_file).collect();
        let done = AtomicUsize::new(0);
        let one = |(index, seed): &(usize, u64)| {
            let stopped = control.stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
            let ran = if stopped { None } else { ready[*index].run(*seed, control.stop) };
            let count = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(progress) = control.progress {
                progress(count, runs.len());
            }
            (*index, ran)
        };
        let ran: Vec<(usize, Option<Ran>)> = runs.par_iter().map(one).collect();
        let mut by_file: Vec<(Vec<Ran>, bool)> =
            ready.iter().map(|_| (Vec::new(), false)).collect();
        for (index, ran) in ran {
            let (all, stopped) = &mut by_file[index];
            *stopped |= ran.is_none();
            all.extend(ran);
        }
        let interrupted = by_file.iter().any(|(_, stopped)| *stopped);
        let together = ready.iter().zip(by_file);
        let files = together.map(|(file, (ran, stopped))| file.tested(ran, stopped));
        Ok(Self { files: files.collect::<Result<_, _>>()?, interrupted })
    }

    /// Every file passed.
    pub fn passed(&self) -> bool {
        self.files.iter().all(Tested::passed)
    }

    /// How many runs were made.
    pub fn runs(&self) -> usize {
        self.files.iter().map(|file| file.seeds.len()).sum()
    }
}

impl fmt::Display for Report {
    /// A line a file, what failed below it, and the sum.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            writeln!(f, "{file}")?;
        }
        let failed = self.files.iter().filter(|file| !file.failures.is_empty()).count();
        let passed = self.files.iter().filter(|file| file.passed()).count();
        let (files, runs) = (self.files.len(), self.runs());
        write!(f, "{files} files, {runs} runs: {passed} passed, {failed} failed")?;
        match files - passed - failed {
            0 => Ok(()),
            open => write!(f, ", {open} not run to the end"),
        }
    }
}
