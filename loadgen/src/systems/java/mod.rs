//! Clients in JVMs of their own: a driver in one source file, started by the source launcher of the
//! JDK, that is fed the schedule over a pipe, keeps it by itself, and reports with times of the
//! same monotonic clock what became of each event. A JVM outlives its clients: what the warm-up has
//! compiled is there for the run.
//!
//! What a driver reads and says stands at the head of each (`Driver.java`); the frames are the same
//! for all.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use crate::clock;
use crate::failure::{Failure, Result};
use crate::launch::{java, said_last};
use crate::systems::system::{self, Kept};
use crate::utilisation::Watched;

pub(super) mod reader;
pub(super) mod tokens;
pub(super) mod writer;

/// A driver: what runs, and how it is told what to do.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// Its source, of a class `Driver`.
    pub(super) source: &'static str,
    /// Its jars.
    pub(super) jars: PathBuf,
    /// A file for its class path beside them, by name: how it logs, which must not be on standard
    /// output.
    pub(super) resource: Option<(&'static str, &'static str)>,
    /// What its user could do without a Java, and without a compiler.
    pub(super) or: [&'static str; 2],
    /// An exception of its writer in a word.
    pub(super) failure: fn(&str) -> &'static str,
    /// Each of its events is a request of its own, unless a scenario says otherwise: then it counts
    /// them for whoever asks.
    pub(super) counts: bool,
}

/// What a client does.
pub(super) enum Role {
    /// It writes.
    Write,
    /// It reads.
    Read,
}

/// What a driver is told of a client.
pub(super) struct Head<'a> {
    /// What it does.
    pub(super) role: Role,
    /// Its options.
    pub(super) options: BTreeMap<&'a str, String>,
    /// The topic, or whatever tells this run from others.
    pub(super) topic: &'a str,
    /// The parts of it that the client is concerned with.
    pub(super) parts: Vec<u32>,
}

/// The JVMs of the clients of a cluster: kept from one connection to the next, and watched like the
/// cluster's own.
#[derive(Clone)]
pub(super) struct Clients {
    kept: Kept,
    watched: Option<Watched>,
}

impl Clients {
    /// Of this cluster.
    pub(super) fn of(cluster: &system::Cluster) -> Self {
        let watched = cluster.launched.as_ref().map(|launched| Arc::clone(&launched.watched));
        Self { kept: cluster.kept.clone(), watched }
    }

    /// A client that is connected, in the JVM that was kept under this name or in a new one.
    fn open(&self, name: &str, program: &Program, head: &Head<'_>) -> Result<Driver> {
        let head = head.bytes();
        // One that has ended meanwhile is none.
        let kept = self.kept.take::<Driver>(name).and_then(|driver| driver.open(&head).ok());
        if let Some(driver) = kept {
            return Ok(driver);
        }
        let driver = Driver::start(program)?.open(&head)?;
        if let Some(Ok(mut watched)) = self.watched.as_ref().map(|watched| watched.lock()) {
            watched.retain(|(watched, _)| watched != name);
            watched.push((name.to_owned(), driver.child.id()));
        }
        Ok(driver)
    }
}

/// A driver that runs.
struct Driver {
    child: Child,
    /// None once it is fed by another thread.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Its source, and what it says on standard error.
    folder: TempDir,
    /// What there is in place of a compiler.
    or: &'static str,
}

impl Driver {
    /// Starts a driver.
    fn start(program: &Program) -> Result<Self> {
        let [or_java, or] = program.or;
        java(or_java)?;
        let fail = |error: io::Error| Failure::io("can't start a Java client", &error);
        let folder = tempfile::tempdir().map_err(fail)?;
        let source = folder.path().join("Driver.java");
        std::fs::write(&source, program.source).map_err(fail)?;
        if let Some((name, text)) = program.resource {
            std::fs::write(folder.path().join(name), text).map_err(fail)?;
        }
        let errors = std::fs::File::create(folder.path().join(ERRORS)).map_err(fail)?;
        let mut command = Command::new("java");
        command.args(["-Xmx512M", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-cp"]);
        command.arg(format!("{}:{}/*", folder.path().display(), program.jars.display()));
        command.arg(source);
        // A Ctrl-C in the terminal is not for it.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        // Its threads inherit the slack of the thread that starts it.
        let started = std::thread::spawn(move || {
            clock::precise_timers();
            command.spawn()
        });
        let started = started.join().map_err(|_| Failure::new("can't start a Java client"))?;
        let mut child = started.map_err(fail)?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.expect("it was asked for"));
        Ok(Self { child, input, output, folder, or })
    }

    /// Has it make a client, and waits until that is connected.
    fn open(mut self, head: &[u8]) -> Result<Self> {
        let told = self.input.as_mut().map_or(Ok(()), |input| input.write_all(head));
        let ready = told.and_then(|()| read_byte(&mut self.output));
        match ready {
            Ok(b'R') => Ok(self),
            _ => Err(self.failed()),
        }
    }

    /// Why it does not go on.
    fn failed(&mut self) -> Failure {
        // Its error is whole when it has ended.
        let _ = self.child.kill().and_then(|()| self.child.wait().map(drop));
        let said = said_last(&self.folder.path().join(ERRORS));
        let advice = match lacks_launcher(&said) {
            true => format!(
                "the `java` on the PATH has no source launcher, which the Java client needs: \
                 install a JDK, 17 or later (Debian: apt install openjdk-17-jdk-headless), or {}; ",
                self.or
            ),
            false => "the Java client ended: ".to_owned(),
        };
        Failure::new(format!("{advice}it said {said}"))
    }
}

/// The file that a driver's standard error goes to.
const ERRORS: &str = "errors.log";

/// Whether a JVM says that it can't compile (`com.sun.tools.javac.launcher.Main` is in the module
/// `jdk.compiler`, which a runtime environment lacks).
fn lacks_launcher(said: &str) -> bool {
    said.contains("jdk.compiler") || said.contains("find or load main class")
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Head<'_> {
    fn bytes(&self) -> Vec<u8> {
        let role = match self.role {
            Role::Write => b'P',
            Role::Read => b'C',
        };
        let mut bytes = vec![role];
        put_int(&mut bytes, self.options.len() as u32);
        for (name, value) in &self.options {
            put_text(&mut bytes, name);
            put_text(&mut bytes, value);
        }
        put_text(&mut bytes, self.topic);
        put_int(&mut bytes, self.parts.len() as u32);
        self.parts.iter().for_each(|part| put_int(&mut bytes, *part));
        bytes
    }
}

fn put_int(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend_from_slice(&value.to_be_bytes());
}

/// As `DataInput.readUTF` reads it; all texts are ASCII.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u16).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn read<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_byte(from: &mut impl Read) -> io::Result<u8> {
    read::<1>(from).map(|[byte]| byte)
}

fn read_int(from: &mut impl Read) -> io::Result<u32> {
    read(from).map(u32::from_be_bytes)
}

fn read_long(from: &mut impl Read) -> io::Result<u64> {
    read(from).map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_without_a_compiler_is_recognised() {
        let said = "Error: Could not find or load main class Driver.java";
        assert!(lacks_launcher(said));
        assert!(lacks_launcher("java.lang.module.FindException: Module jdk.compiler not found"));
        assert!(!lacks_launcher("Exception in thread \"main\" ConfigException: acks"));
    }
}
