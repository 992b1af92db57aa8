//! A run: reach a cluster, connect, send, drain, read back, check, account.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli;
use crate::failure::{Failure, Result};
use crate::output::{self, Folder};
use crate::plan::Plan;

mod account;
mod connect;
mod drive;
mod reach;

pub(crate) use connect::Connection;
pub(crate) use reach::Reached;

/// Runs what the command line asks for.
pub(crate) fn run(arguments: &cli::Run) -> Result<ExitCode> {
    let plan = Plan::new(arguments)?;
    let folder = arguments.out.as_deref().map(Folder::open).transpose()?;
    let interrupt = Interrupt::listen()?;
    let reached = reach::reach(&plan, arguments)?;
    let driven = drive::drive(&plan, &reached, &interrupt, arguments.keep)?;
    let interrupted = interrupt.raised();
    let outcome = account::account(&plan, &reached, driven, interrupted);
    // The cluster goes before the results are told: what is told last is what was asked for.
    drop(reached);
    output::tell(&outcome, folder.as_ref(), arguments.json)?;
    if interrupted {
        return Ok(ExitCode::from(INTERRUPTED));
    }
    let passed = outcome.ok();
    if !passed {
        crate::say::note(format_args!("reproduce: {}", outcome.reproduce));
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Exit code of an interrupted run: 128 and SIGINT's number, as shells have it.
const INTERRUPTED: u8 = 130;

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64)
}

/// Ctrl-C and SIGTERM: the first one ends the measurement, or the program where there is none yet;
/// the second one the program.
pub(crate) struct Interrupt {
    /// Raised by the first.
    pub(crate) stop: Arc<AtomicBool>,
    measuring: Arc<AtomicBool>,
}

impl Interrupt {
    fn listen() -> Result<Self> {
        let (stop, measuring) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let this = Self { stop: Arc::clone(&stop), measuring: Arc::clone(&measuring) };
        ctrlc::set_handler(move || {
            // The guard sees the pipe close, and clears away.
            if stop.swap(true, Ordering::Relaxed) || !measuring.load(Ordering::Relaxed) {
                std::process::exit(INTERRUPTED.into());
            }
        })
        .map_err(|error| Failure::new(format!("can't listen for Ctrl-C: {error}")))?;
        Ok(this)
    }

    /// From now on there is something to write.
    pub(crate) fn measuring(&self) {
        self.measuring.store(true, Ordering::Relaxed);
    }

    /// Whether the run was interrupted.
    pub(crate) fn raised(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
