//! Kafka's Java clients, in a JVM of their own: a driver in one source file, started by the source
//! launcher of the JDK, that is fed the schedule over a pipe, keeps it by itself, and reports with
//! times of the same monotonic clock what became of each event. The JVM outlives its clients: what
//! the warm-up has compiled is there for the run.

use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
use crate::systems::system::{self, Kept};
use crate::utilisation::Watched;

/// The driver.
const DRIVER: &str = include_str!("Driver.java");

/// How much earlier than intended the driver is handed its events, nanoseconds: it has them when
/// they are due, whatever the pipe and its collector of garbage do meanwhile.
const AHEAD_NS: u64 = 500_000_000;

/// Bytes handed over and not acknowledged at the most, beyond the client's own `buffer.memory`.
const BYTES_MAX: u64 = 64 << 20;

/// How often a reader looks at its flags.
const POLL: Duration = Duration::from_millis(50);

/// How long a client that is told to stop may take before its JVM is ended.
const ENDS: Duration = Duration::from_secs(2);

/// The JVMs of the clients of a cluster: kept from one connection to the next, and watched like the
/// cluster's own.
#[derive(Clone)]
pub(super) struct Clients {
    kept: Kept,
    watched: Option<Watched>,
}

impl Clients {
    pub(super) fn of(cluster: &system::Cluster) -> Self {
        let watched = cluster.launched.as_ref().map(|launched| Arc::clone(&launched.watched));
        Self { kept: cluster.kept.clone(), watched }
    }

    /// A client that is connected, in the JVM that was kept under this name or in a new one.
    fn open(&self, name: &str, topic: &Topic, cluster: &Cluster, role: &Role) -> Result<Driver> {
        let head = head(topic, cluster, role);
        // One that has ended meanwhile is none.
        let kept = self.kept.take::<Driver>(name).and_then(|driver| driver.open(&head).ok());
        if let Some(driver) = kept {
            return Ok(driver);
        }
        let driver = Driver::start(cluster)?.open(&head)?;
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
}

/// What a client does.
enum Role {
    Produce,
    /// Reads these partitions.
    Consume(Vec<u32>),
}

impl Driver {
    /// Starts a driver.
    fn start(cluster: &Cluster) -> Result<Self> {
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
        Ok(Self { child, input, output, folder })
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

fn head(topic: &Topic, cluster: &Cluster, role: &Role) -> Vec<u8> {
    let (role, mut all, partitions) = match role {
        Role::Produce => (b'P', options::of_java_producer(cluster), &[][..]),
        Role::Consume(partitions) => (b'C', options::of_java_consumer(cluster), &partitions[..]),
    };
    let mut bytes = vec![role];
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

/// Ends what a producer is fed: it is to wait for what is not acknowledged, or to give it up.
const LAST: u8 = 0;
const ABANDON: u8 = 2;

impl Producer {
    /// Starts producer `number`, from 0.
    pub(super) fn start(
        number: u32,
        topic: &Topic,
        cluster: &Cluster,
        clients: &Clients,
        observer: &Observer,
    ) -> Result<Self> {
        let name = format!("producer-{}", number + 1);
        let driver = clients.open(&name, topic, cluster, &Role::Produce)?;
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
        let reports = std::thread::Builder::new().name(format!("java-{name}"));
        let kept = clients.kept.clone();
        let reports = reports.spawn(move || {
            if let Some(driver) = reporting.run(driver, frames) {
                kept.keep(&name, driver);
            }
        });
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

    /// Nothing more is fed; once only.
    fn end(&mut self, how: u8) {
        if let Some(feed) = self.feed.take() {
            // One that has ended needs no word.
            let _ = feed.send(vec![how]);
        }
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
        self.end(ABANDON);
        let ended = || self.reports.as_ref().is_none_or(JoinHandle::is_finished);
        let since = Instant::now();
        while !ended() && since.elapsed() < ENDS {
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(pid) = rustix::process::Pid::from_raw(self.pid as i32).filter(|_| !ended()) {
            // It is not waited for yet, so that the id is still its own.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.end(LAST);
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
    /// Feeds `frames` to a driver and takes its reports until its client is closed; the driver, if
    /// it can have another.
    fn run(mut self, mut driver: Driver, frames: Receiver<Vec<u8>>) -> Option<Driver> {
        let feeding = std::thread::Builder::new().name("java-feed".into());
        let mut input = driver.input.take()?;
        let feeding = feeding.spawn(move || {
            // An error is a driver that has ended, which its output shows as well.
            frames.iter().try_for_each(|frames| input.write_all(&frames)).ok().map(|()| input)
        });
        let closed = loop {
            match self.report(&mut driver.output) {
                Ok(true) => {}
                ended => break ended.is_ok(),
            }
            // What can be read without waiting belongs to this lot.
            if driver.output.buffer().is_empty() {
                self.flush();
            }
        };
        self.flush();
        if !closed {
            // What feeds it sees it end.
            drop(driver);
            // It ends when the driver or the writer does.
            let _ = feeding.map(|feeding| feeding.join());
            return None;
        }
        driver.input = feeding.ok()?.join().ok()?;
        Some(driver)
    }

    fn flush(&mut self) {
        self.sent.flush();
        self.settled.flush();
        self.tokens.give_back(&mut self.numbers);
    }

    /// Takes one report; false when that was the last.
    fn report(&mut self, from: &mut impl Read) -> io::Result<bool> {
        let what = read_byte(from)?;
        if what == b'E' {
            return Ok(false);
        }
        let (number, time) = (read_int(from)?, read_long(from)?);
        let started = self.sent.clock().started().unwrap_or(0);
        let at = time.saturating_sub(started);
        let mut token = self.tokens.get(number);
        if what == b'S' {
            token.started = at;
            self.tokens.set(number, token);
            self.sent.add(token);
            return Ok(true);
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
        if !self.abandoned.load(Ordering::Relaxed) {
            self.settled.add(Settled { at, token, why });
        }
        Ok(true)
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
pub(super) fn read_all(
    topic: &Topic,
    cluster: &Cluster,
    clients: &Clients,
    observer: &Observer,
) -> Result<Reading> {
    let consumers = cluster.consumers.min(cluster.partitions);
    let reader = |consumer: u32| {
        let partitions = (consumer..cluster.partitions).step_by(cluster.consumers as usize);
        let name = format!("consumer-{}", consumer + 1);
        let role = Role::Consume(partitions.collect());
        let driver = clients.open(&name, topic, cluster, &role)?;
        let (delivered, kept) = (Lot::of_delivered(observer), clients.kept.clone());
        Ok(move |flags: Flags| {
            let (read, driver) = read_back(driver, delivered, &flags)?;
            if let Some(driver) = driver {
                kept.keep(&name, driver);
            }
            Ok(read)
        })
    };
    Reading::start_all((0..consumers).map(reader).collect::<Result<_>>()?)
}

/// Reads until the end or until it is stopped: how far, and the driver, if it can have another
/// client.
fn read_back(
    mut driver: Driver,
    mut delivered: Lot<Delivered>,
    flags: &Flags,
) -> Result<(ReadBack, Option<Driver>)> {
    let input = driver.input.take();
    let (told, ended) = (flags.clone(), Arc::new(AtomicBool::new(false)));
    let over = Arc::clone(&ended);
    let pid = rustix::process::Pid::from_child(&driver.child);
    let watching = std::thread::spawn(move || command(input?, pid, &told, &over));
    let read = deliver_all(&mut driver.output, &mut delivered);
    delivered.flush();
    ended.store(true, Ordering::Relaxed);
    driver.input = watching.join().ok().flatten();
    match read {
        Ok(read) => Ok((read, driver.input.is_some().then_some(driver))),
        Err(_) if flags.stop.load(Ordering::Relaxed) => Ok((ReadBack::Stopped, None)),
        Err(_) => Err(driver.failed()),
    }
}

/// Tells a consumer what is `told` until its output is `over`; its input, if it is well.
fn command(
    mut input: ChildStdin,
    pid: rustix::process::Pid,
    told: &Flags,
    over: &AtomicBool,
) -> Option<ChildStdin> {
    let (mut finishing, mut stopped) = (false, None::<Instant>);
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(POLL);
        if stopped.is_some_and(|since| since.elapsed() > ENDS) {
            // Its output ends then; it is waited for afterwards, so that the id is still its own.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            return None;
        }
        if stopped.is_none() && told.stop.load(Ordering::Relaxed) {
            stopped = Some(Instant::now());
            input.write_all(b"X").ok()?;
        }
        if stopped.is_none() && !finishing && told.finish.load(Ordering::Relaxed) {
            finishing = true;
            input.write_all(b"F").ok()?;
        }
    }
    if stopped.is_none() {
        input.write_all(b"X").ok()?;
    }
    Some(input)
}

/// Takes what a consumer hands on, until it says that this was all.
fn deliver_all(
    from: &mut BufReader<ChildStdout>,
    delivered: &mut Lot<Delivered>,
) -> io::Result<ReadBack> {
    let mut payload = Vec::new();
    loop {
        if from.buffer().is_empty() {
            delivered.flush();
        }
        match read_byte(from)? {
            b'D' => {}
            b'E' => return Ok(ReadBack::ToTheEnd),
            _ => return Ok(ReadBack::Stopped),
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
