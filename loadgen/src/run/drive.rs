//! Driving: the pacer, the faults, the collector and the reader, side by side.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use headwater_reports::outcome::Window;
use headwater_sim::random::Seed;

use super::recorded::{self, Recorded};
use super::{Interrupt, named};
use crate::clock::Clock;
use crate::collect::{Collected, Collector, Counters};
use crate::failure::{Failure, Result};
use crate::fault::{Injected, Injector, Servers};
use crate::history::Recording;
use crate::pacing::{Pace, Paced, Pacer};
use crate::plan::RunPlan;
use crate::prepare::prepare;
use crate::progress::ProgressLine;
use crate::sampler::Sampler;
use crate::systems::client::{Observer, ReadBack, Reading, Writer};
use crate::systems::counts::Counting;
use crate::systems::system::{Cluster, Connection, Storage};
use crate::terminal;
use crate::utilisation::{UtilisationSampler, own_cpu_seconds};

/// How long reading back may take when the writers are done.
const READ_BACK: Duration = Duration::from_secs(120);

/// How long draining and reading back may take when the run was interrupted.
const HASTE: Duration = Duration::from_secs(5);

/// How long a reader may take to end after it was told to.
const READER_ENDS: Duration = Duration::from_secs(3);

/// What a run brought.
pub(crate) struct Driven {
    /// Everything observed.
    pub(crate) collected: Collected,
    /// What is left behind beside the events.
    pub(crate) recorded: Recorded,
    /// What became of the faults.
    pub(crate) injected: Injected,
    /// How far reading back came; an error in one line.
    pub(crate) read_back: std::result::Result<ReadBack, String>,
    /// How the pacer ended.
    pub(crate) paced: Paced,
    /// Why the traffic ended before its time, if it did.
    pub(crate) trouble: Option<String>,
    /// Share of one core that the generator used while it sent.
    pub(crate) cpu: Option<f64>,
    /// Start: microseconds since the Unix epoch.
    pub(crate) started_unix_us: u64,
    /// The same on the machine's monotonic clock, nanoseconds.
    pub(crate) started_ns: u64,
}

/// Who is told how a run goes on.
pub(crate) trait Onlooker {
    /// Its topic or stream is there, and nothing has been sent.
    ///
    /// # Errors
    /// Why it can't go on.
    fn opened(&mut self, storage: &dyn Storage, clock: &Clock) -> Result<()>;

    /// Its clock has started, and nothing has been sent.
    ///
    /// # Errors
    /// Why it can't go on.
    fn started(&mut self, clock: &Clock) -> Result<()>;
}

/// What is asked of a run besides its plan.
pub(crate) struct Asked<'a> {
    /// What is written is read at the same time.
    pub(crate) reads: bool,
    /// Where clients tell what they do.
    pub(crate) counting: Option<Counting>,
    /// Where the history is written down.
    pub(crate) recording: Option<Recording>,
    /// What faults hit, if it is not what the plan's system launches.
    pub(crate) servers: Option<Servers>,
    /// Each event is followed.
    pub(crate) follows: bool,
    /// Who is told.
    pub(crate) onlooker: Option<&'a mut dyn Onlooker>,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            reads: true,
            counting: None,
            recording: None,
            servers: None,
            follows: false,
            onlooker: None,
        }
    }
}

/// Runs `plan` on `cluster`.
pub(crate) fn drive(
    plan: &RunPlan,
    cluster: &Cluster,
    interrupt: &Interrupt,
    keep: bool,
    mut asked: Asked<'_>,
) -> Result<Driven> {
    let (mut observer, observations) = Observer::new(Clock::default());
    observer.counting = asked.counting;
    let Connection { writers, lanes, read, storage } =
        plan.system.open(&plan.scenario, cluster, &observer)?;
    if let Some(onlooker) = &mut asked.onlooker {
        onlooker.opened(storage.as_ref(), &observer.clock)?;
    }
    let reading = read.filter(|_| asked.reads).map(|start| start()).transpose()?;
    let injector = injector(plan, cluster, asked.servers.take(), storage.as_ref());
    let traffic = plan.scenario.traffic.plan(Seed(plan.seed));
    let traffic = Arc::new(traffic.map_err(|error| Failure::new(error.to_string()))?);
    let (sampler, threads) = samplers(plan, cluster, observer.counting.is_some());
    let (preparer, slices, used) = prepare(Arc::clone(&traffic), lanes);
    let collector = Collector::new(&plan.scenario, used, sampler, threads, observer.clock.clone())
        .recording(asked.recording)
        .following(asked.follows);
    let lag_max = Duration::from_nanos(plan.scenario.measure.drain.0);
    let pacer = Pacer {
        slices,
        observer: observer.clone(),
        stop: Arc::clone(&interrupt.stop),
        pace: Pace::Schedule { lag_max },
    };
    let driver = Driver {
        plan,
        interrupt,
        counters: collector.counters(),
        faults_over: AtomicBool::new(false),
        observer: &observer,
        storage: storage.as_ref(),
    };
    let over = AtomicBool::new(false);
    let before = storage.written_by_others();
    let all = std::thread::scope(|scope| {
        let over = &over;
        let collecting = named(scope, "collector", move || collector.run(&observations, over));
        named(scope, "preparer", move || preparer.run());
        observer.clock.start();
        if let Err(failure) = begun(&mut asked.onlooker, &observer.clock) {
            over.store(true, Ordering::Relaxed);
            reading.iter().for_each(|reading| reading.stop.store(true, Ordering::Relaxed));
            return Err(failure);
        }
        let played = driver.play(scope, pacer, writers, reading, injector);
        over.store(true, Ordering::Relaxed);
        let outstanding = driver.unresolved();
        let collected = collecting.join();
        let (mut collected, threads) =
            collected.map_err(|_| Failure::new("the collector panicked"))?;
        collected.give_up(outstanding);
        let (clock, end) = (&observer.clock, collected.end);
        let recorded = recorded::read(cluster, storage.as_ref(), threads, clock, end, before);
        Ok(driven(played, collected, recorded, clock, traffic.trouble().map(str::to_owned)))
    });
    // A launched cluster is removed as a whole.
    if cluster.launched.is_none()
        && !keep
        && let Err(left) = storage.remove()
    {
        terminal::note(left);
    }
    all
}

/// Tells the onlooker, if there is one, that the clock has started.
fn begun(onlooker: &mut Option<&mut dyn Onlooker>, clock: &Clock) -> Result<()> {
    onlooker.as_mut().map_or(Ok(()), |onlooker| onlooker.started(clock))
}

/// What lets the faults of a plan happen, if it has any and there is something to be hurt: these
/// servers, or those that the plan's system launches.
fn injector<'a>(
    plan: &'a RunPlan,
    cluster: &Cluster,
    servers: Option<Servers>,
    storage: &dyn Storage,
) -> Option<Injector<'a>> {
    let launched = cluster.launched.as_ref().filter(|_| !plan.scenario.faults.is_empty())?;
    let servers = servers.unwrap_or_else(|| Servers::of(&plan.scenario, plan.system));
    Some(Injector::new(&plan.scenario, servers, Seed(plan.seed), launched, &storage.placed()))
}

/// All that a run brought.
fn driven(
    played: Played,
    collected: Collected,
    recorded: Recorded,
    clock: &Clock,
    trouble: Option<String>,
) -> Driven {
    let Played { injected, read_back, paced, cpu } = played;
    Driven {
        collected,
        recorded,
        injected,
        read_back,
        paced,
        trouble,
        cpu,
        started_unix_us: clock.started_unix_us(),
        started_ns: clock.started().unwrap_or(0),
    }
}

/// What looks at CPU time: of threads as often as clients tell what they do, where they do.
fn samplers(plan: &RunPlan, cluster: &Cluster, counted: bool) -> (UtilisationSampler, Sampler) {
    let (from, until) = plan.scenario.window();
    let window = Window { from_ns: from.0, until_ns: until.0 };
    let watched = match &cluster.launched {
        Some(launched) => Arc::clone(&launched.watched),
        None => Arc::new(Mutex::new(cluster.local.clone())),
    };
    let interval = plan.scenario.measure.interval.0;
    let length = plan.scenario.traffic.duration.0;
    let threads = match counted {
        true => Sampler::every(Counting::EVERY.as_nanos() as u64, Arc::clone(&watched), window),
        false => Sampler::new(Arc::clone(&watched), window, length),
    };
    (UtilisationSampler::new(watched, window, interval), threads)
}

/// Drives the threads of a run: what they share.
struct Driver<'a> {
    plan: &'a RunPlan,
    interrupt: &'a Interrupt,
    counters: Arc<Counters>,
    faults_over: AtomicBool,
    observer: &'a Observer,
    storage: &'a dyn Storage,
}

/// How it went.
struct Played {
    injected: Injected,
    read_back: std::result::Result<ReadBack, String>,
    paced: Paced,
    cpu: Option<f64>,
}

impl Driver<'_> {
    /// Sends, drains, reads back.
    fn play<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        pacer: Pacer,
        mut writers: Vec<Box<dyn Writer>>,
        reading: Option<Reading>,
        injector: Option<Injector<'scope>>,
    ) -> Played {
        let clock = &self.observer.clock;
        let length = Duration::from_nanos(self.plan.scenario.traffic.duration.0);
        let mut line = ProgressLine::new(length);
        let cpu_before = own_cpu_seconds();
        let inject = |injector: Injector<'scope>| {
            let holder = |office: &str| self.storage.holder(office);
            let run = move || injector.run(&holder, clock, self.observer, &self.faults_over);
            named(scope, "injector", run)
        };
        let faults = injector.map(inject);
        let pacing = named(scope, "pacer", move || {
            let paced = pacer.run(&mut writers);
            (paced, writers)
        });
        while !pacing.is_finished() {
            std::thread::sleep(Duration::from_millis(50));
            line.draw(Duration::from_nanos(clock.now()), "", &self.counters);
        }
        let spent = own_cpu_seconds().zip(cpu_before).map(|(now, before)| now - before);
        let cpu = spent.map(|spent| spent / (clock.now() as f64 / 1e9));
        let Ok((paced, mut writers)) = pacing.join() else {
            let read_back = Err("the pacer panicked".into());
            let injected = Injected::default();
            return Played { injected, read_back, paced: Paced::Stopped, cpu };
        };
        self.drain(faults.as_ref(), &mut line);
        self.faults_over.store(true, Ordering::Relaxed);
        let scenario = &self.plan.scenario;
        let injected = match faults {
            Some(faults) => {
                faults.join().unwrap_or_else(|_| Injected::none(scenario, "the injector panicked"))
            }
            None => Injected::none(scenario, "nothing was launched that could be hurt"),
        };
        if self.unresolved() > 0 {
            writers.iter_mut().for_each(|writer| writer.abandon());
        }
        let read_back = match reading {
            Some(reading) => self.read_back(reading, &mut line),
            None => Ok(ReadBack::ToTheEnd),
        };
        Played { injected, read_back, paced, cpu }
    }

    /// Events that clients were handed and that are not resolved. A client that was handed some
    /// ahead of their time may have sent none of them.
    fn unresolved(&self) -> u64 {
        self.observer.handed().saturating_sub(self.counters.resolved())
    }

    /// Waits for what is under way, and for faults to be lifted.
    fn drain(&self, faults: Option<&ScopedJoinHandle<'_, Injected>>, line: &mut ProgressLine) {
        let since = Instant::now();
        let patience = Duration::from_nanos(self.plan.scenario.measure.drain.0);
        let lifted = || faults.is_none_or(ScopedJoinHandle::is_finished);
        while self.unresolved() > 0 || !lifted() {
            let hasty = self.interrupt.raised();
            if since.elapsed() >= if hasty { HASTE.min(patience) } else { patience } {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
            line.draw(Duration::from_nanos(self.observer.clock.now()), "draining", &self.counters);
        }
    }

    fn read_back(
        &self,
        reading: Reading,
        line: &mut ProgressLine,
    ) -> std::result::Result<ReadBack, String> {
        let first = self.read_to_end(reading, line);
        let delivered = self.counters.delivered.load(Ordering::Relaxed);
        let acked = self.counters.acked.load(Ordering::Relaxed);
        if first == Ok(ReadBack::ToTheEnd) || delivered >= acked || self.interrupt.raised() {
            return first;
        }
        match self.storage.read_again(self.observer) {
            Some(Ok(again)) => self.read_to_end(again, line),
            Some(Err(failure)) => Err(failure.to_string()),
            None => first,
        }
    }

    fn read_to_end(
        &self,
        reading: Reading,
        line: &mut ProgressLine,
    ) -> std::result::Result<ReadBack, String> {
        reading.finish.store(true, Ordering::Relaxed);
        let since = Instant::now();
        while !reading.threads.iter().all(JoinHandle::is_finished) {
            let patience = if self.interrupt.raised() { HASTE } else { READ_BACK };
            if since.elapsed() >= patience + READER_ENDS {
                return Err(format!(
                    "the reader did not end within {} s",
                    since.elapsed().as_secs()
                ));
            }
            if since.elapsed() >= patience {
                reading.stop.store(true, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(20));
            let now = Duration::from_nanos(self.observer.clock.now());
            line.draw(now, "reading back", &self.counters);
        }
        reading.join()
    }
}
