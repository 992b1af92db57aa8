//! The guard: a process of its own that starts the launched processes, and ends them when the
//! generator is gone, for whatever reason (exit, Ctrl-C, panic, SIGKILL).
//!
//! `loadgen guard` reads requests from its standard input, a JSON object a line, and answers each
//! with one on its standard output. The generator holds the other end of the pipe: when it is gone
//! the pipe is closed, and the guard ends its processes by their ids (SIGCONT and SIGTERM, after
//! [`TERM_PATIENCE`] SIGKILL), removes their data and goes. It runs in a process group of its own,
//! so that a Ctrl-C in the terminal does not reach it or them.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// How long a process may take to end after SIGTERM. A Kafka broker takes 1.6 s; Pravega's
/// controller and store may ignore SIGTERM for longer than 5 s.
pub const TERM_PATIENCE: Duration = Duration::from_secs(4);

/// A process to start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Launch {
    /// Its name, such as `broker-1`.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its working directory.
    pub directory: PathBuf,
    /// What it prints goes there.
    pub log: PathBuf,
    /// The number of the user and of the group that it runs as; without one as the guard does.
    pub user: Option<u32>,
}

/// What the generator asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Remove this directory at the end.
    Own(PathBuf),
    /// Start a process.
    Start(Launch),
    /// Run a process to its end; the answer is its exit code.
    Run(Launch),
    /// Start a process again that was started before.
    Restart(String),
    /// Send a signal: its name, then `kill`, `terminate`, `stop`, `continue`, `quit`.
    Signal(String, Sign),
    /// Whether a process runs.
    Alive(String),
}

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Terminate,
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Continue,
    /// SIGQUIT: a JVM prints the stacks of its threads and goes on.
    Quit,
}

/// What the guard answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Done; the id of the process it is about, or its exit code.
    Done(u32),
    /// Whether it runs.
    Alive(bool),
    /// It could not be done.
    Failed(String),
}

/// What the guard looks after.
#[derive(Default)]
struct Care {
    owned: Vec<PathBuf>,
    launches: BTreeMap<String, Launch>,
    children: BTreeMap<String, Child>,
    gone: bool,
}

/// Runs the guard until its standard input is closed.
pub fn run() -> ExitCode {
    let care = Arc::new(Mutex::new(Care::default()));
    let on_term = Arc::clone(&care);
    let handler = ctrlc::set_handler(move || {
        lock(&on_term).clear_away();
        std::process::exit(0);
    });
    if let Err(error) = handler {
        eprintln!("error: the guard can't listen for signals: {error}");
        return ExitCode::FAILURE;
    }
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        let reply = match serde_json::from_str::<Request>(&line) {
            Ok(request) => lock(&care).answer(request),
            Err(error) => Reply::Failed(format!("not a request: {error}")),
        };
        let text = serde_json::to_string(&reply).expect("a reply is plain data");
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    lock(&care).clear_away();
    ExitCode::SUCCESS
}

/// The lock, even if a thread that held it panicked: the clean-up is needed all the more.
fn lock(care: &Mutex<Care>) -> std::sync::MutexGuard<'_, Care> {
    care.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Care {
    fn answer(&mut self, request: Request) -> Reply {
        let done = |result: Result<u32, String>| match result {
            Ok(pid) => Reply::Done(pid),
            Err(why) => Reply::Failed(why),
        };
        match request {
            Request::Own(path) => {
                self.owned.push(path);
                Reply::Done(std::process::id())
            }
            Request::Start(launch) => done(self.start(launch)),
            Request::Run(launch) => done(self.run(launch)),
            Request::Restart(name) => done(match self.launches.get(&name).cloned() {
                Some(launch) => self.start(launch),
                None => Err(format!("{name} was never started")),
            }),
            Request::Signal(name, sign) => done(self.signal(&name, sign)),
            Request::Alive(name) => Reply::Alive(match self.children.get_mut(&name) {
                Some(child) => matches!(child.try_wait(), Ok(None)),
                None => false,
            }),
        }
    }

    fn start(&mut self, launch: Launch) -> Result<u32, String> {
        if let Some(child) = self.children.get_mut(&launch.name)
            && matches!(child.try_wait(), Ok(None))
        {
            return Err(format!("{} runs already", launch.name));
        }
        let fail = |error: std::io::Error| format!("{}: {error}", launch.name);
        let log = std::fs::File::options().create(true).append(true).open(&launch.log);
        let log = log.map_err(fail)?;
        let (program, arguments) = launch.command.split_first().ok_or("an empty command")?;
        let mut command = Command::new(program);
        if let Some(user) = launch.user {
            command.uid(user).gid(user);
        }
        let child = command
            .args(arguments)
            .current_dir(&launch.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(fail)?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(fail)?;
        let pid = child.id();
        self.children.insert(launch.name.clone(), child);
        self.launches.insert(launch.name.clone(), launch);
        Ok(pid)
    }

    fn run(&mut self, launch: Launch) -> Result<u32, String> {
        let name = launch.name.clone();
        self.start(launch)?;
        let child = self.children.get_mut(&name).ok_or("it was not started")?;
        let status = child.wait().map_err(|error| error.to_string())?;
        // A process that ended by a signal has no code: anything but zero will do.
        Ok(status.code().unwrap_or(1).unsigned_abs())
    }

    fn signal(&mut self, name: &str, sign: Sign) -> Result<u32, String> {
        let child = self.children.get_mut(name).ok_or(format!("{name} does not run"))?;
        let signal = match sign {
            Sign::Kill => Signal::KILL,
            Sign::Terminate => Signal::TERM,
            Sign::Stop => Signal::STOP,
            Sign::Continue => Signal::CONT,
            Sign::Quit => Signal::QUIT,
        };
        send(child, signal)?;
        if sign == Sign::Kill {
            // The process has ended when this returns, so that it can be started again.
            child.wait().map_err(|error| error.to_string())?;
        }
        Ok(child.id())
    }

    /// Ends every process, all at the same time, and removes what is owned.
    fn clear_away(&mut self) {
        if std::mem::replace(&mut self.gone, true) {
            return;
        }
        for child in self.children.values_mut() {
            // One that has ended already needs no signal.
            let _ = send(child, Signal::CONT).and_then(|()| send(child, Signal::TERM));
        }
        let until = Instant::now() + TERM_PATIENCE;
        for child in self.children.values_mut() {
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(20));
            }
            if matches!(child.try_wait(), Ok(None)) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
        self.owned.iter().for_each(|path| remove(path));
    }
}

/// Sends a signal to a child that has not been waited for, whose id is therefore still its own.
fn send(child: &mut Child, signal: Signal) -> Result<(), String> {
    match child.try_wait() {
        Ok(None) => {
            let pid = Pid::from_child(child);
            kill_process(pid, signal).map_err(|error| error.to_string())
        }
        Ok(Some(status)) => Err(format!("process {} has ended: {status}", child.id())),
        Err(error) => Err(error.to_string()),
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("{} is left behind: {error}", path.display());
    }
}
