//! Kafka's Java clients, in a JVM of their own: a driver in one source file, started by the source
//! launcher of the JDK, that is fed the schedule over a pipe, keeps it by itself, and reports with
//! times of the same monotonic clock what became of each event.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use headwater_models::kafka::config::Cluster;
use tempfile::TempDir;

use super::tokens::Tokens;
use super::topic::Topic;
use super::{launch, options};
use crate::clock::{self, Clock};
use crate::failure::{Failure, Result};
use crate::launch::{Places, java, last_line};
use crate::systems::client::{
    Delivered, Flags, Lot, Observer, ReadBack, Reading, Refused, Settled, Token, Writer,
};

/// The driver.
const DRIVER: &str = include_str!("Driver.java");

/// How much earlier than intended the driver is handed its events, nanoseconds: it has them when
/// they are due, whatever the pipe and its collector of garbage do meanwhile.
const AHEAD_NS: u64 = 500_000_000;

/// Bytes handed over and not acknowledged at the most, beyond the client's own `buffer.memory`.
const BYTES_MAX: u64 = 64 << 20;

/// How often a reader looks at its flags.
const POLL: Duration = Duration::from_millis(50);

/// A driver that runs.
struct Driver {
    child: Child,
    /// None once it is fed by another thread.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Its source, and what it says on standard error.
    folder: TempDir,
}

/// What a driver does.
enum Role<'a> {
    Produce,
    /// Reads these partitions.
    Consume(&'a [u32]),
}

impl Driver {
    /// Starts a driver, and waits until it is connected.
    fn start(topic: &Topic, cluster: &Cluster, role: &Role<'_>) -> Result<Self> {
        java(super::BOOTSTRAP)?;
        let fail = |error: io::Error| Failure::io("can't start a Java client", &error);
        let jars = launch::jars(cluster, &Places::cache()?)?;
        let folder = tempfile::tempdir().map_err(fail)?;
        let source = folder.path().join("Driver.java");
        std::fs::write(&source, DRIVER).map_err(fail)?;
        let errors = std::fs::File::create(folder.path().join(ERRORS)).map_err(fail)?;
        let mut command = Command::new("java");
        command.args(["-Xmx512M", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-cp"]);
        command.arg(format!("{}/*", jars.display())).arg(source);
        command.arg(if matches!(role, Role::Produce) { "produce" } else { "consume" });
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
        let mut driver = Self { child, input, output, folder };
        let head = head(topic, cluster, role);
        let told = driver.input.as_mut().map_or(Ok(()), |input| input.write_all(&head));
        let ready = told.and_then(|()| read_byte(&mut driver.output));
        match ready {
            Ok(b'R') => Ok(driver),
            _ => Err(driver.failed()),
        }
    }

    /// Why it does not go on.
    fn failed(&mut self) -> Failure {
        // Its error is whole when it has ended.
        let _ = self.child.kill().and_then(|()| self.child.wait().map(drop));
        let said = last_line(&self.folder.path().join(ERRORS));
        let said = said.unwrap_or_else(|| "nothing".into());
        let advice = match lacks_launcher(&said) {
            true => {
                "the `java` on the PATH has no source launcher, which client = \"java\" needs: \
                 install a JDK, 17 or later (Debian: apt install openjdk-17-jdk-headless), or give \
                 --set system.client=librdkafka; "
            }
            false => "the Java client ended: ",
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

fn head(topic: &Topic, cluster: &Cluster, role: &Role<'_>) -> Vec<u8> {
    let (properties, partitions) = match role {
        Role::Produce => (options::of_java_producer(cluster), &[][..]),
        Role::Consume(partitions) => (options::of_java_consumer(cluster), *partitions),
    };
    let mut bytes = Vec::new();
    let mut all: BTreeMap<&str, String> = properties;
    all.insert("bootstrap.servers", topic.bootstrap.clone());
    all.insert("client.id", "headwater".into());
    put_int(&mut bytes, all.len() as u32);
    for (name, value) in &all {
        put_text(&mut bytes, name);
        put_text(&mut bytes, value);
    }
    put_text(&mut bytes, &topic.name);
    put_int(&mut bytes, partitions.len() as u32);
    partitions.iter().for_each(|partition| put_int(&mut bytes, *partition));
    bytes
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

/// A Java producer.
pub(super) struct Producer {
    tokens: Arc<Tokens>,
    free: Vec<u32>,
    clock: Clock,
    /// What is due together, as the driver reads it.
    frames: Vec<u8>,
    feed: Option<Sender<Vec<u8>>>,
    /// Bytes that were handed over and are not settled.
    bytes: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
    pid: u32,
    reports: Option<JoinHandle<()>>,
}

impl Producer {
    /// Starts producer `number`, from 0.
    pub(super) fn start(
        number: u32,
        topic: &Topic,
        cluster: &Cluster,
        observer: &Observer,
    ) -> Result<Self> {
        let driver = Driver::start(topic, cluster, &Role::Produce)?;
        let pid = driver.child.id();
        let tokens = Arc::new(Tokens::new(number));
        let (bytes, abandoned) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (feed, frames) = channel();
        let reporting = Reporting {
            tokens: Arc::clone(&tokens),
            bytes: Arc::clone(&bytes),
            abandoned: Arc::clone(&abandoned),
            sent: Lot::of_sent(observer),
            settled: Lot::of_settled(observer),
            numbers: vec![],
        };
        let name = format!("java-producer-{}", number + 1);
        let reports = std::thread::Builder::new().name(name);
        let reports = reports.spawn(move || reporting.run(driver, frames));
        let reports = reports.map_err(|error| Failure::io("can't start a thread", &error))?;
        Ok(Self {
            tokens,
            free: vec![],
            clock: observer.clock.clone(),
            frames: vec![],
            feed: Some(feed),
            bytes,
            abandoned,
            pid,
            reports: Some(reports),
        })
    }

    /// The id of its process.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}

impl Writer for Producer {
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused> {
        let size = payload.len() as u64;
        if self.bytes.load(Ordering::Relaxed) + size > BYTES_MAX {
            return Err(Refused("queue_full"));
        }
        let number = match self.free.pop() {
            Some(number) => number,
            None => self.tokens.take(&mut self.free).ok_or(Refused("queue_full"))?,
        };
        self.tokens.set(number, token);
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let at = self.clock.started().unwrap_or(0) + token.intended;
        self.frames.push(1);
        self.frames.extend_from_slice(&at.to_be_bytes());
        put_int(&mut self.frames, number);
        put_int(&mut self.frames, token.place.lane);
        put_int(&mut self.frames, payload.len() as u32);
        self.frames.extend_from_slice(payload);
        Ok(())
    }

    fn flush(&mut self) {
        if let Some(feed) = self.feed.as_ref().filter(|_| !self.frames.is_empty()) {
            // When the driver has ended, what it was not told of is given up.
            let _ = feed.send(std::mem::take(&mut self.frames));
        }
    }

    fn ahead_ns(&self) -> u64 {
        AHEAD_NS
    }

    fn abandon(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        let ended = self.reports.as_ref().is_none_or(JoinHandle::is_finished);
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid as i32).filter(|_| !ended) {
            // It is not waited for yet, so that the id is still its own.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Some(feed) = self.feed.take() {
            let _ = feed.send(vec![0]);
        }
        if let Some(reports) = self.reports.take() {
            // One that panicked has nothing to say here.
            let _ = reports.join();
        }
    }
}

/// Reads what a driver reports.
struct Reporting {
    tokens: Arc<Tokens>,
    bytes: Arc<AtomicU64>,
    abandoned: Arc<AtomicBool>,
    sent: Lot<Token>,
    settled: Lot<Settled>,
    numbers: Vec<u32>,
}

impl Reporting {
    fn run(mut self, mut driver: Driver, frames: Receiver<Vec<u8>>) {
        let feeding = std::thread::Builder::new().name("java-feed".into());
        let Some(mut input) = driver.input.take() else { return };
        let feeding = feeding.spawn(move || {
            // An error is a driver that has ended, which its output shows as well.
            let _ = frames.iter().try_for_each(|frames| input.write_all(&frames));
        });
        // At the end of its output it has ended.
        while !self.abandoned.load(Ordering::Relaxed) && self.report(&mut driver.output).is_ok() {
            // What can be read without waiting belongs to this lot.
            if driver.output.buffer().is_empty() {
                self.flush();
            }
        }
        self.flush();
        drop(driver);
        if let Ok(feeding) = feeding {
            // It ends when the driver or the writer does.
            let _ = feeding.join();
        }
    }

    fn flush(&mut self) {
        self.sent.flush();
        self.settled.flush();
        self.tokens.give_back(&mut self.numbers);
    }

    fn report(&mut self, from: &mut impl Read) -> io::Result<()> {
        let (what, number, time) = (read_byte(from)?, read_int(from)?, read_long(from)?);
        let started = self.sent.clock().started().unwrap_or(0);
        let at = time.saturating_sub(started);
        let mut token = self.tokens.get(number);
        if what == b'S' {
            token.started = at;
            self.tokens.set(number, token);
            self.sent.add(token);
            return Ok(());
        }
        let why = match what {
            b'A' => None,
            b'F' => {
                let length = u16::from_be_bytes(read(from)?);
                let mut name = vec![0; length.into()];
                from.read_exact(&mut name)?;
                Some(failure(&String::from_utf8_lossy(&name)))
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        self.numbers.push(number);
        self.bytes.fetch_sub(token.bytes.into(), Ordering::Relaxed);
        self.settled.add(Settled { at, token, why });
        Ok(())
    }
}

/// An exception of the producer in a word.
fn failure(name: &str) -> &'static str {
    match name {
        "BufferExhaustedException" => "queue_full",
        "TimeoutException" => "message_timed_out",
        "NotEnoughReplicasException" => "not_enough_replicas",
        "NotEnoughReplicasAfterAppendException" => "not_enough_replicas_after_append",
        "RecordTooLargeException" => "message_size_too_large",
        _ => "client_error",
    }
}

/// Starts the scenario's consumers, as the native ones share the partitions.
pub(super) fn read_all(topic: &Topic, cluster: &Cluster, observer: &Observer) -> Result<Reading> {
    let consumers = cluster.consumers.min(cluster.partitions);
    let reader = |consumer: u32| {
        let partitions = (consumer..cluster.partitions).step_by(cluster.consumers as usize);
        let partitions: Vec<u32> = partitions.collect();
        let driver = Driver::start(topic, cluster, &Role::Consume(&partitions))?;
        let delivered = Lot::of_delivered(observer);
        Ok(move |flags: Flags| read_back(driver, delivered, &flags))
    };
    Reading::start_all((0..consumers).map(reader).collect::<Result<_>>()?)
}

fn read_back(mut driver: Driver, mut delivered: Lot<Delivered>, flags: &Flags) -> Result<ReadBack> {
    let mut input = driver.input.take();
    let (told, ended) = (flags.clone(), Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&ended);
    let pid = rustix::process::Pid::from_child(&driver.child);
    let watching = std::thread::spawn(move || {
        let mut finishing = false;
        while !over.load(Ordering::Relaxed) {
            std::thread::sleep(POLL);
            if told.stop.load(Ordering::Relaxed) {
                // Its output ends then; it is waited for below, so that the id is still its own.
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                return;
            }
            if !finishing && told.finish.load(Ordering::Relaxed) {
                finishing = true;
                // One that has ended needs no word.
                let _ = input.as_mut().map(|input| input.write_all(b"F"));
            }
        }
    });
    let read = deliver_all(&mut driver.output, &mut delivered);
    delivered.flush();
    ended.store(true, Ordering::Relaxed);
    let _ = watching.join();
    match read {
        Ok(()) => Ok(ReadBack::ToTheEnd),
        Err(_) if flags.stop.load(Ordering::Relaxed) => Ok(ReadBack::Stopped),
        Err(_) => Err(driver.failed()),
    }
}

/// Takes what a consumer hands on, until it says that this was all.
fn deliver_all(
    from: &mut BufReader<ChildStdout>,
    delivered: &mut Lot<Delivered>,
) -> io::Result<()> {
    let mut payload = Vec::new();
    loop {
        if from.buffer().is_empty() {
            delivered.flush();
        }
        if read_byte(from)? != b'D' {
            return Ok(());
        }
        let (_partition, offset) = (read_int(from)?, read_long(from)?);
        let (time, length) = (read_long(from)?, read_int(from)?);
        payload.resize(length as usize, 0);
        from.read_exact(&mut payload)?;
        let at = time.saturating_sub(delivered.clock().started().unwrap_or(0));
        delivered.delivered_at(at, 0, Some(offset), &payload);
    }
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

    #[test]
    fn what_a_driver_reports_is_told_with_the_runs_times() {
        let (observer, observations) = Observer::new(Clock::default());
        observer.clock.start();
        let tokens = Arc::new(Tokens::new(2));
        let mut reporting = Reporting {
            tokens: Arc::clone(&tokens),
            bytes: Arc::new(AtomicU64::new(300)),
            abandoned: Arc::default(),
            sent: Lot::of_sent(&observer),
            settled: Lot::of_settled(&observer),
            numbers: vec![],
        };
        let place = headwater_traffic::Place { writer: 2, lane: 5, seq: 9 };
        let number = tokens.take(&mut vec![]).unwrap();
        tokens.set(number, Token { intended: 1_000, started: 0, bytes: 100, place });
        let started = observer.clock.started().unwrap();
        let frame = |what: u8, at: u64, rest: &[u8]| {
            let (number, at) = (number.to_be_bytes(), (started + at).to_be_bytes());
            [&[what][..], &number, &at, rest].concat()
        };
        let reports = [frame(b'S', 1_500, b""), frame(b'F', 9_000, b"\0\x10TimeoutException")];
        let reports = reports.concat();
        let mut from = reports.as_slice();
        assert!(reporting.report(&mut from).is_ok() && reporting.report(&mut from).is_ok());
        reporting.flush();
        let mut told = observations.try_iter();
        let Some(crate::systems::client::Observation::SentLate(sent)) = told.next() else {
            panic!("nothing was sent")
        };
        assert_eq!((sent[0].intended, sent[0].started, sent[0].place.seq), (1_000, 1_500, 9));
        let Some(crate::systems::client::Observation::Settled(settled)) = told.next() else {
            panic!("nothing was settled")
        };
        assert_eq!((settled[0].at, settled[0].why), (9_000, Some("message_timed_out")));
        assert_eq!(settled[0].token.started, 1_500);
        assert_eq!(reporting.bytes.load(Ordering::Relaxed), 200);
    }
}
