//! The generator's side of the guard: starting, signalling and restarting processes through it.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::Places;
use super::guard::{Launch, Reply, Request, Sign, TERM_PATIENCE};
use crate::failure::{Failure, Result};

/// How often it is looked whether a process has ended.
const LOOK: Duration = Duration::from_millis(50);

/// How long the guard may take to end after its processes.
const PATIENCE: Duration = Duration::from_secs(TERM_PATIENCE.as_secs() * 2 + 2);

/// What moves the processes, for as long as it is held.
///
/// # Errors
/// If whoever held it before has panicked.
pub(crate) fn held(guarded: &Mutex<Guarded>) -> Result<MutexGuard<'_, Guarded>> {
    guarded.lock().map_err(|_| Failure::new("the guard's lock is broken"))
}

/// Waits until a process has ended, for `patience` at the most; whether it has.
///
/// # Errors
/// If the guard does not answer.
pub(crate) fn wait_ended(guarded: &Mutex<Guarded>, name: &str, patience: Duration) -> Result<bool> {
    let since = Instant::now();
    while held(guarded)?.alive(name)? {
        if since.elapsed() > patience {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
    Ok(true)
}

/// Processes under a guard. Dropping it ends them all.
pub(crate) struct Guarded {
    guard: Child,
    /// Taken at the end: closing it ends the guard.
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    /// Data is not removed.
    keeps: bool,
}

impl Guarded {
    /// Starts a guard on the cluster's cores, where what it starts stays; `data` is removed at the
    /// end, unless it is to be kept.
    pub(crate) fn start(data: &Path, places: &Places) -> Result<Self> {
        let fail = |error: std::io::Error| Failure::io("can't start the guard process", &error);
        let program = std::env::current_exe().map_err(fail)?;
        let mut command = Command::new(program);
        command.arg("guard").stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut guard = places.placement.on_cluster(|| command.spawn()).map_err(fail)?;
        let (requests, replies) = (guard.stdin.take(), guard.stdout.take());
        let replies = BufReader::new(replies.expect("it was asked for"));
        let mut guarded = Self { guard, requests, replies, keeps: places.keep };
        guarded.own(data)?;
        Ok(guarded)
    }

    /// Has `data` removed at the end as well, unless data is to be kept.
    pub(crate) fn own(&mut self, data: &Path) -> Result<()> {
        match self.keeps {
            true => Ok(()),
            false => self.done(&Request::Own(data.to_owned())).map(drop),
        }
    }

    /// Starts a process; gives its id.
    pub(crate) fn launch(&mut self, launch: Launch) -> Result<u32> {
        self.done(&Request::Start(launch))
    }

    /// Runs a process to its end; gives its exit code.
    pub(crate) fn run(&mut self, launch: Launch) -> Result<u32> {
        self.done(&Request::Run(launch))
    }

    /// Starts a process again.
    pub(crate) fn restart(&mut self, name: &str) -> Result<u32> {
        self.done(&Request::Restart(name.to_owned()))
    }

    /// Sends a signal.
    pub(crate) fn signal(&mut self, name: &str, sign: Sign) -> Result<u32> {
        self.done(&Request::Signal(name.to_owned(), sign))
    }

    /// Whether a process runs.
    pub(crate) fn alive(&mut self, name: &str) -> Result<bool> {
        match self.ask(&Request::Alive(name.to_owned()))? {
            Reply::Alive(alive) => Ok(alive),
            other => Err(Failure::new(format!("the guard answered {other:?}"))),
        }
    }

    fn done(&mut self, request: &Request) -> Result<u32> {
        match self.ask(request)? {
            Reply::Done(pid) => Ok(pid),
            Reply::Failed(why) => Err(Failure::new(why)),
            other => Err(Failure::new(format!("the guard answered {other:?}"))),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply> {
        let gone = |error: std::io::Error| Failure::io("the guard process is gone", &error);
        let text = serde_json::to_string(request).expect("a request is plain data");
        let requests = self.requests.as_mut().expect("taken only when dropped");
        writeln!(requests, "{text}").and_then(|()| requests.flush()).map_err(gone)?;
        let mut line = String::new();
        self.replies.read_line(&mut line).map_err(gone)?;
        serde_json::from_str(&line)
            .map_err(|error| Failure::new(format!("the guard process is gone: {error}")))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.requests.take());
        let until = Instant::now() + PATIENCE;
        while matches!(self.guard.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
