//! The client and the server on turmoil: its network, its clock, its crashes.
//!
//! The server is the one that `--target log` runs, on a store whose unsynced end a crash takes. The
//! assertions are made by the same checkers as in live runs and simulations.

use rand::Rng;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_check::{Promises, Suite};
use headwater_reports::outcome::Window;
use headwater_scenarios::scenario::Scenario;
use headwater_sim::random::{Seed, Stream};
use headwater_traffic::{Payloads, Plan};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

use super::connection::{Dial, Patience};
use super::reader::Reader;
use super::server::Log;
use super::store::Store;
use super::writer::Writer;
use crate::clock::Clock;
use crate::collect::{Collected, Collector};
use crate::sampler::Sampler;
use crate::systems::client::{Flags, Observer, ReadBack, Token};
use crate::systems::lanes::LanePlan;
use crate::utilisation::{UtilisationSampler, Watched};

const PORT: u16 = 7000;
const SERVER: &str = "server";
const CLIENT: &str = "generator";

/// What a machine keeps of a log over crashes.
#[derive(Default)]
struct Disk {
    /// Writer, number, event.
    events: Vec<(u64, u64, Vec<u8>)>,
    synced: usize,
    /// A sync returns at once and does nothing.
    lies: bool,
    /// Ends of the store reported to clients while the disk lied.
    told: usize,
}

#[derive(Clone, Default)]
struct Machine(Arc<Mutex<Disk>>);

impl Machine {
    fn disk<T>(&self, with: impl FnOnce(&mut Disk) -> T) -> T {
        with(&mut self.0.lock().unwrap())
    }

    /// The power goes: what was not synced is gone.
    fn lose_unsynced(&self) {
        self.disk(|disk| {
            disk.events.truncate(disk.synced);
            disk.told = disk.synced;
        });
    }
}

impl Store for Machine {
    fn append(&mut self, writer: u64, number: u64, payload: &[u8]) -> io::Result<()> {
        self.disk(|disk| disk.events.push((writer, number, payload.to_vec())));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk(|disk| {
            disk.told = disk.events.len();
            if !disk.lies {
                disk.synced = disk.told;
            }
        });
        Ok(())
    }

    fn synced(&self) -> u64 {
        self.disk(|disk| disk.told as u64)
    }

    fn event(&self, position: u64) -> io::Result<Vec<u8>> {
        self.disk(|disk| Ok(disk.events[position as usize].2.clone()))
    }

    fn last(&self, writer: u64) -> u64 {
        let by_writer = |event: &&(u64, u64, Vec<u8>)| event.0 == writer;
        self.disk(|disk| disk.events.iter().rev().find(by_writer).map_or(0, |event| event.1))
    }
}

struct Turmoil;

impl Dial for Turmoil {
    type Stream = TcpStream;

    async fn dial(&self) -> io::Result<TcpStream> {
        TcpStream::connect((SERVER, PORT)).await
    }
}

/// What happens to the network and the server.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Partition,
    OneWay,
    Hold,
    Crash,
}

impl Trouble {
    const ALL: [Self; 4] = [Self::Partition, Self::OneWay, Self::Hold, Self::Crash];

    fn begin(self, sim: &mut Sim<'_>, machine: &Machine) {
        match self {
            Self::Partition => sim.partition(CLIENT, SERVER),
            Self::OneWay => sim.partition_oneway(SERVER, CLIENT),
            Self::Hold => sim.hold(CLIENT, SERVER),
            Self::Crash => {
                sim.crash(SERVER);
                machine.lose_unsynced();
            }
        }
    }

    fn end(self, sim: &mut Sim<'_>) {
        match self {
            Self::Partition => sim.repair(CLIENT, SERVER),
            Self::OneWay => sim.repair_oneway(SERVER, CLIENT),
            Self::Hold => sim.release(CLIENT, SERVER),
            Self::Crash => sim.bounce(SERVER),
        }
    }
}

/// Begin and end, in milliseconds; the end may be never.
type Troubles = Vec<(Trouble, u64, Option<u64>)>;

/// A run.
struct Hosted {
    seed: u64,
    events: usize,
    patience: Patience,
    /// The reader begins when the writer is done, not with it.
    reads_late: bool,
    /// The server's disk lies.
    lies: bool,
    troubles: Troubles,
    /// How long it may take, virtual time.
    within: Duration,
}

/// What it came to.
struct Ended {
    collected: Collected,
    read: Option<ReadBack>,
    took: Duration,
}

const EVERY: Duration = Duration::from_millis(4);

impl Hosted {
    fn new(seed: u64, troubles: Troubles) -> Self {
        let (patience, within) = (Patience::default(), Duration::from_secs(120));
        Self { seed, events: 1_500, patience, reads_late: false, lies: false, troubles, within }
    }

    fn run(&self) -> Ended {
        let text = "title = \"t\"\nhypothesis = \"h\"\nprofile = \"small-vm\"\n[system]\n\
                    kind = \"kafka\"\n[traffic]\nrate = \"250/s\"\nduration = \"60s\"\n";
        let scenario = Scenario::parse(text, "hosted", None, &[]).unwrap();
        let plan = Arc::new(scenario.traffic.plan(Seed(self.seed)).unwrap());
        let (observer, observations) = Observer::new(Clock::default());
        let read = Arc::new(Mutex::new(None));
        let machine = Machine::default();
        machine.disk(|disk| disk.lies = self.lies);
        let mut builder = Builder::new();
        builder.rng_seed(self.seed).simulation_duration(self.within);
        builder.min_message_latency(Duration::from_millis(1));
        builder.max_message_latency(Duration::from_millis(10));
        // What a hold releases arrives at once.
        let mut sim = builder.tcp_capacity(65_536).build();
        let disk = machine.clone();
        sim.host(SERVER, move || serve(disk.clone()));
        let client = Client {
            traffic: Arc::clone(&plan),
            events: self.events,
            patience: self.patience,
            reads_late: self.reads_late,
            observer,
            read: Arc::clone(&read),
        };
        sim.client(CLIENT, client.run());
        let took = self.play(&mut sim, &machine);
        drop(sim);
        let window = Window { from_ns: 0, until_ns: 1 };
        let sampler = UtilisationSampler::new(Watched::default(), window, 1_000_000);
        let threads = Sampler::new(Watched::default(), window, 1);
        let collector = Collector::new(&scenario, channel().0, sampler, threads, Clock::default());
        let (collected, _) = collector.run(&observations, &AtomicBool::new(true));
        Ended { collected, read: read.lock().unwrap().take(), took }
    }

    /// Steps until the client is done. How long that took.
    fn play(&self, sim: &mut Sim<'_>, machine: &Machine) -> Duration {
        let mut steps: Vec<(u64, bool, Trouble)> = Vec::new();
        for (trouble, from, until) in &self.troubles {
            steps.push((*from, true, *trouble));
            steps.extend(until.map(|until| (until, false, *trouble)));
        }
        steps.sort_by_key(|step| (step.0, step.1));
        let mut steps = steps.into_iter().peekable();
        loop {
            let now = sim.elapsed().as_millis() as u64;
            while let Some((_, begins, trouble)) = steps.next_if(|step| step.0 <= now) {
                match begins {
                    true => trouble.begin(sim, machine),
                    false => trouble.end(sim),
                }
            }
            // An error is a client that failed or one that is not done in time.
            if sim.step().unwrap_or_else(|error| panic!("seed {}: {error}", self.seed)) {
                return sim.elapsed();
            }
        }
    }
}

async fn serve(machine: Machine) -> turmoil::Result {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    let accept = async || listener.accept().await.map(|(stream, _)| stream);
    Ok(Log::new(machine).serve_all(accept).await?)
}

struct Client {
    traffic: Arc<Plan>,
    events: usize,
    patience: Patience,
    reads_late: bool,
    observer: Observer,
    read: Arc<Mutex<Option<ReadBack>>>,
}

impl Client {
    async fn run(self) -> turmoil::Result {
        let flags = Flags::default();
        let reader = Reader {
            dial: Turmoil,
            patience: self.patience,
            observer: self.observer.clone(),
            flags: flags.clone(),
        };
        let (queue, events) = unbounded_channel();
        let writer = Writer {
            dial: Turmoil,
            id: 1,
            patience: self.patience,
            observer: self.observer.clone(),
            bytes: Arc::default(),
            events,
            abandoned: CancellationToken::new(),
        };
        let begin = Arc::new(tokio::sync::Notify::new());
        let begins = Arc::clone(&begin);
        let reading = tokio::spawn(async move {
            begins.notified().await;
            reader.run().await
        });
        if !self.reads_late {
            begin.notify_one();
        }
        let writing = tokio::spawn(writer.run());
        let payloads = Payloads::new(Arc::clone(&self.traffic));
        let mut lanes = LanePlan::new(0, 8, true);
        for arrival in self.traffic.schedule().take(self.events) {
            let (place, mut payload) = (lanes.place(&arrival), Vec::new());
            payloads.write(&arrival, place, &mut payload);
            let (intended, bytes) = (arrival.at.0, arrival.bytes);
            queue.send((Token { intended, started: intended, bytes, place }, payload))?;
            tokio::time::sleep(EVERY).await;
        }
        drop(queue);
        writing.await?;
        begin.notify_one();
        flags.finish.store(true, Ordering::Relaxed);
        // As in a live run, which does not wait for ever either.
        let hurry = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            flags.stop.store(true, Ordering::Relaxed);
        });
        let read = reading.await?;
        hurry.abort();
        *self.read.lock().unwrap() = Some(read);
        Ok(())
    }
}

/// What the checkers find, with everything promised that a log promises.
fn findings(ended: &Ended) -> Vec<String> {
    let verdicts = Suite::from(Promises::default()).run(&ended.collected.history);
    let failed = verdicts.into_iter().filter(|verdict| !verdict.passed);
    failed.map(|verdict| format!("{verdict:?}")).collect()
}

fn nothing_lost(hosted: &Hosted) -> Ended {
    let ended = hosted.run();
    let seed = hosted.seed;
    assert_eq!(findings(&ended), Vec::<String>::new(), "seed {seed}: {:?}", hosted.troubles);
    assert_eq!(ended.read, Some(ReadBack::ToTheEnd), "seed {seed}: {:?}", hosted.troubles);
    let history = &ended.collected.history;
    assert_eq!(history.acked_events(), hosted.events as u64, "seed {seed}");
    assert_eq!(history.delivered_events(), hosted.events as u64, "seed {seed}");
    ended
}

#[test]
fn without_trouble_every_event_is_acknowledged_and_read() {
    let ended = nothing_lost(&Hosted::new(1, vec![]));
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
}

#[test]
fn each_trouble_delays_the_run_and_loses_nothing() {
    for trouble in Trouble::ALL {
        let ended = nothing_lost(&Hosted::new(2, vec![(trouble, 2_000, Some(14_000))]));
        // 1,500 events every 4 ms are 6 s: taking longer shows that the faults bite.
        assert!(ended.took > Duration::from_secs(14), "{trouble:?}: {:?}", ended.took);
    }
}

#[test]
fn nothing_is_lost_under_troubles_of_every_kind() {
    for seed in 0..30 {
        let mut stream = Seed(seed).stream("troubles", 0);
        nothing_lost(&Hosted::new(seed, draw(&mut stream)));
    }
}

/// Two to six faults, which may overlap if they are of different kinds.
fn draw(stream: &mut Stream) -> Troubles {
    let count = stream.random_range(2..=6);
    let mut free = [0; Trouble::ALL.len()];
    let mut all = Vec::new();
    for _ in 0..count {
        let kind = stream.random_range(0..Trouble::ALL.len());
        let from = free[kind] + stream.random_range(100..=4_000);
        let until = from + stream.random_range(20..=9_000);
        free[kind] = until + 1;
        all.push((Trouble::ALL[kind], from, Some(until)));
    }
    all
}

#[test]
fn a_server_that_acknowledges_before_the_sync_is_found_out() {
    let crash = (Trouble::Crash, 3_000, Some(3_500));
    let hosted = Hosted { lies: true, reads_late: true, ..Hosted::new(3, vec![crash]) };
    let found = findings(&hosted.run());
    assert!(found.iter().any(|finding| finding.contains("no_acked_loss")), "{found:?}");
    nothing_lost(&Hosted { lies: false, ..hosted });
}

#[test]
fn a_server_that_is_gone_for_good_hangs_nobody() {
    let patience = Patience { delivery: Duration::from_secs(10), ..Patience::default() };
    let gone = vec![(Trouble::Crash, 1_000, None)];
    let ended = Hosted { patience, ..Hosted::new(4, gone) }.run();
    let history = &ended.collected.history;
    assert_eq!(history.acked_events() + history.failed_events(), 1_500);
    assert!(history.failed_events() > 1_000, "{} failed", history.failed_events());
    assert_eq!(ended.collected.errors["message_timed_out"], history.failed_events());
    assert_eq!(ended.read, Some(ReadBack::Stopped));
    // 6 s of events, 10 s for the last of them, 60 s for the reader.
    assert!(ended.took < Duration::from_secs(85), "{:?}", ended.took);
}
