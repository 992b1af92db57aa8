//! Driving: the pacer, the faults, the collector and the reader, side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use headwater_reports::outcome::{Fault, Window};
use headwater_sim::random::Seed;

use super::connect::Made;
use super::{Connection, Interrupt, Reached};
use crate::collect::{Collected, Collector, Counters};
use crate::failure::{Failure, Result};
use crate::fault::Injector;
use crate::pacing::{Clock, Pacer};
use crate::plan::Plan;
use crate::progress::Live;
use crate::sampler::{Sampler, own_cpu_seconds};
use crate::say;
use crate::targets::{ReadBack, Reading, Target, Teller};

/// How long reading back may take when the writers are done.
const READ_BACK: Duration = Duration::from_secs(120);

/// How long draining and reading back may take when the run was interrupted.
const HASTE: Duration = Duration::from_secs(5);

/// How long a reader may take to end that was told to.
const READER_ENDS: Duration = Duration::from_secs(3);

/// What a run brought.
pub(crate) struct Driven {
    /// Everything observed.
    pub(crate) collected: Collected,
    /// Faults as they were injected.
    pub(crate) faults: Vec<Fault>,
    /// How far reading back came; an error in one line.
    pub(crate) read_back: std::result::Result<ReadBack, String>,
    /// Share of one core that the generator used while it sent.
    pub(crate) cpu: Option<f64>,
    /// Start, milliseconds since the Unix epoch.
    pub(crate) started_unix_ms: u64,
}

/// Runs `plan` on `reached`.
pub(crate) fn drive(
    plan: &Plan,
    reached: &Reached,
    interrupt: &Interrupt,
    keep: bool,
) -> Result<Driven> {
    let (observed, observations) = channel();
    let teller = Teller { clock: Clock::default(), observed };
    let Connection { target, reading, lanes, made } = Connection::open(plan, reached, &teller)?;
    let faults = &plan.scenario.faults;
    let injector = reached.launched.as_ref().filter(|_| !faults.is_empty());
    let injector = injector.map(|cluster| Injector::new(faults, cluster, made.leader()));
    let injector = injector.transpose()?;
    let traffic = plan.scenario.traffic.plan(Seed(plan.seed));
    let traffic = Arc::new(traffic.map_err(|error| Failure::new(error.to_string()))?);
    let (from, until) = plan.scenario.window();
    let window = Window { from_ns: from.0, until_ns: until.0 };
    let watched = reached.launched.as_ref().map(|cluster| Arc::clone(&cluster.watched));
    let sampler =
        Sampler::new(watched.unwrap_or_default(), window, plan.scenario.measure.interval.0);
    let collector = Collector::new(&plan.scenario, &traffic, sampler, teller.clock.clone());
    let pacer = Pacer {
        plan: traffic,
        lanes,
        observed: teller.observed.clone(),
        stop: Arc::clone(&interrupt.stop),
    };
    let stage = Stage {
        plan,
        interrupt,
        counters: collector.counters(),
        faults_over: AtomicBool::new(false),
        teller: &teller,
        made: &made,
    };
    let over = AtomicBool::new(false);
    let driven = std::thread::scope(|scope| {
        let over = &over;
        let collecting = scope.spawn(move || collector.run(&observations, over));
        let started_unix_ms = super::unix_ms();
        interrupt.measuring();
        teller.clock.start();
        let (faults, read_back, cpu) = stage.play(scope, pacer, target, reading, injector);
        over.store(true, Ordering::Relaxed);
        let outstanding = stage.counters.outstanding();
        let collected = collecting.join();
        let mut collected = collected.map_err(|_| Failure::new("the collector panicked"))?;
        collected.give_up(outstanding);
        Ok(Driven { collected, faults, read_back, cpu, started_unix_ms })
    });
    // A launched cluster goes as a whole.
    if reached.launched.is_none()
        && !keep
        && let Err(left) = made.remove()
    {
        say::note(left);
    }
    driven
}

/// What the threads of a run share.
struct Stage<'a> {
    plan: &'a Plan,
    interrupt: &'a Interrupt,
    counters: Arc<Counters>,
    faults_over: AtomicBool,
    teller: &'a Teller,
    made: &'a Made,
}

type Played = (Vec<Fault>, std::result::Result<ReadBack, String>, Option<f64>);

impl Stage<'_> {
    /// Sends, drains, reads back.
    fn play<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        pacer: Pacer,
        mut target: Box<dyn Target>,
        reading: Option<Reading>,
        injector: Option<Injector>,
    ) -> Played {
        let clock = &self.teller.clock;
        let length = Duration::from_nanos(self.plan.scenario.traffic.duration.0);
        let mut live = Live::new(length);
        let cpu_before = own_cpu_seconds();
        let faults = injector
            .map(|injector| scope.spawn(|| injector.run(clock, self.teller, &self.faults_over)));
        let pacing = scope.spawn(move || {
            pacer.run(clock, target.as_mut());
            target
        });
        while !pacing.is_finished() {
            std::thread::sleep(Duration::from_millis(50));
            live.draw(Duration::from_nanos(clock.now()), "", &self.counters);
        }
        let spent = own_cpu_seconds().zip(cpu_before).map(|(now, before)| now - before);
        let cpu = spent.map(|spent| spent / (clock.now() as f64 / 1e9));
        self.counters.offer_until.store(clock.now(), Ordering::Relaxed);
        let Ok(mut target) = pacing.join() else {
            return (vec![], Err("the pacer panicked".into()), cpu);
        };
        self.drain(faults.as_ref(), &mut live);
        self.faults_over.store(true, Ordering::Relaxed);
        let faults = faults.and_then(|faults| faults.join().ok()).unwrap_or_default();
        if self.counters.outstanding() > 0 {
            target.abandon();
        }
        let read_back = match reading {
            Some(reading) => self.read_back(reading, &mut live),
            None => Ok(ReadBack::ToTheEnd),
        };
        (faults, read_back, cpu)
    }

    /// Waits for what is under way, and for faults to be lifted.
    fn drain(&self, faults: Option<&ScopedJoinHandle<'_, Vec<Fault>>>, live: &mut Live) {
        let since = Instant::now();
        let patience = Duration::from_nanos(self.plan.scenario.measure.drain.0);
        let lifted = || faults.is_none_or(ScopedJoinHandle::is_finished);
        while self.counters.outstanding() > 0 || !lifted() {
            let hasty = self.interrupt.raised();
            if since.elapsed() >= if hasty { HASTE.min(patience) } else { patience } {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
            live.draw(Duration::from_nanos(self.teller.clock.now()), "draining", &self.counters);
        }
    }

    fn read_back(
        &self,
        reading: Reading,
        live: &mut Live,
    ) -> std::result::Result<ReadBack, String> {
        let first = self.read_to_end(reading, live);
        let delivered = self.counters.delivered.load(Ordering::Relaxed);
        let acked = self.counters.acked.load(Ordering::Relaxed);
        if first == Ok(ReadBack::ToTheEnd) || delivered >= acked || self.interrupt.raised() {
            return first;
        }
        match self.made.read_again(self.teller) {
            Some(Ok(again)) => self.read_to_end(again, live),
            Some(Err(failure)) => Err(failure.to_string()),
            None => first,
        }
    }

    fn read_to_end(
        &self,
        reading: Reading,
        live: &mut Live,
    ) -> std::result::Result<ReadBack, String> {
        reading.finish.store(true, Ordering::Relaxed);
        let since = Instant::now();
        while !reading.thread.is_finished() {
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
            let now = Duration::from_nanos(self.teller.clock.now());
            live.draw(now, "reading back", &self.counters);
        }
        match reading.thread.join() {
            Ok(result) => result.map_err(|failure| failure.to_string()),
            Err(_) => Err("the reader panicked".into()),
        }
    }
}
