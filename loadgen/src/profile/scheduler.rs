//! What this machine's scheduler costs: waking up a thread by how long its core has idled,
//! switching between threads, and how late timers are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use headwater_models::deployment::Pacer;
use headwater_sim::scheduling::{IdleCost, IdlePoint, SchedulerSpec};
use headwater_sim::time;

use super::quantiles::Times;
use crate::clock;
use crate::clock::cpu_time;
use crate::placement::{allowed, keep_to};
use crate::real_time::Priority;

/// Idle times before a thread is woken up.
const GAPS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_micros(100),
    Duration::from_millis(1),
    Duration::from_millis(5),
];

/// Sleep whose lateness is measured: short enough for many, longer than any slack.
const SLEEP: Duration = Duration::from_millis(1);

/// Sleep whose CPU time is measured: about as long as a pacer's where its core has little time.
const PACED: Duration = Duration::from_micros(250);

/// Where the kernel tells its slice, in nanoseconds; with debugfs and for root only.
const BASE_SLICE: &str = "/sys/kernel/debug/sched/base_slice_ns";

/// A tick of the kernel's clock, at which a slice that is over is noticed (`CONFIG_HZ` = 250).
const TICK: Duration = Duration::from_millis(4);

/// What was measured.
pub(crate) struct Scheduler {
    /// From the call that wakes a thread to its first instruction, by idle time.
    wake_ups: Vec<(Duration, Times)>,
    /// The same where another thread computes on that core.
    contended: Times,
    switch: Duration,
    late: Times,
    /// CPU time of a sleep: beside a thread that computes, and on a core that idles.
    sleep: [Duration; 2],
    slice: Option<Duration>,
}

fn simulated(real: Duration) -> time::Duration {
    time::Duration(real.as_nanos() as u64)
}

impl Scheduler {
    /// For the profile.
    pub(crate) fn spec(&self) -> SchedulerSpec {
        let mut points: Vec<IdlePoint> = Vec::new();
        for (idle, times) in &self.wake_ups {
            let median = time::Duration(times.at(0.5));
            let varies = Some(times.distribution());
            points.push(IdlePoint { varies, ..IdlePoint::new(simulated(*idle), median) });
        }
        let woken = IdleCost { points };
        let late = self.late.at(0.5).saturating_sub(woken.after(simulated(SLEEP)).0);
        SchedulerSpec {
            slice: self.slice.map_or(SchedulerSpec::default().slice, simulated),
            switch: simulated(self.switch),
            timer_slack: time::Duration(late),
            wake_up: woken,
            ..SchedulerSpec::default()
        }
    }

    /// What sleeps take of a core, for a pacer, where costs take `percent` of what they state.
    pub(crate) fn pacer(&self, percent: u32) -> Pacer {
        let [busy, idle] = self.sleep;
        let stated = |real| simulated(real) * 100 / u64::from(percent);
        let [work, from_idle] = [busy, idle.saturating_sub(busy)].map(stated);
        Pacer { work, from_idle, ..Pacer::default() }
    }

    /// In lines, for the head of the profile and for the terminal.
    pub(crate) fn tell(&self) -> Vec<String> {
        let idle = |(idle, times): &(Duration, Times)| {
            format!("wake-up of a thread whose core idled for {idle:?}: {}", times.tell())
        };
        let mut lines: Vec<_> = self.wake_ups.iter().map(idle).collect();
        lines.push(format!("wake-up beside a thread that computes: {}", self.contended.tell()));
        lines.push(format!("switch between threads: {:.2} us", self.switch.as_secs_f64() * 1e6));
        lines.push(format!(
            "a sleep of {SLEEP:?} is late by {}; a pacer's of {PACED:?} takes {:.1} us of CPU \
             time, {:.1} us beside a thread that computes",
            self.late.tell(),
            self.sleep[1].as_secs_f64() * 1e6,
            self.sleep[0].as_secs_f64() * 1e6,
        ));
        lines
    }
}

/// Measures for about `time`.
pub(crate) fn measure(time: Duration) -> Scheduler {
    let cores = allowed();
    let [one, other] = [cores[0], *cores.get(1).unwrap_or(&cores[0])];
    let share = time / (GAPS.len() as u32 + 5);
    let gap = |gap| (gap, wake_ups(one, other, gap, share));
    let wake_ups_by_gap: Vec<_> = GAPS.into_iter().map(gap).collect();
    let busy = Busy::start(other, 0);
    let contended = wake_ups(one, other, Duration::from_micros(100), share);
    drop(busy);
    let late = sleeps(share);
    let busy = Busy::start(one, 19);
    let beside = paced(one, share);
    drop(busy);
    let sleep = [beside, paced(one, share)];
    Scheduler {
        wake_ups: wake_ups_by_gap,
        contended,
        switch: switch(one, share),
        late,
        sleep,
        slice: slice(),
    }
}

/// A thread that computes on a core until it is dropped.
struct Busy {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Busy {
    /// One that is so nice to others.
    fn start(core: usize, nice: i32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            keep_to(&[core]);
            // Of this thread alone. One that is not as nice only waits longer.
            let _ = rustix::process::nice(nice);
            while !stopped.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What waker and sleeper share: times in nanoseconds from a common start, zero for not yet.
struct Shared {
    start: Instant,
    /// The sleeper is about to park since then.
    parked: AtomicU64,
    /// It was woken up then.
    called: AtomicU64,
    /// It ran then.
    ran: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}

/// Wakes a thread on core `sleeps` up again and again from core `wakes`, after its core has had
/// nothing else to do for `gap`.
fn wake_ups(wakes: usize, sleeps: usize, gap: Duration, time: Duration) -> Times {
    let zero = || AtomicU64::new(0);
    let (parked, called, ran, stop) = (zero(), zero(), zero(), AtomicBool::new(false));
    let shared = Arc::new(Shared { start: Instant::now(), parked, called, ran, stop });
    let sleeper = Arc::clone(&shared);
    let handle = thread::spawn(move || {
        keep_to(&[sleeps]);
        while !sleeper.stop.load(Ordering::Acquire) {
            sleeper.parked.store(sleeper.now().max(1), Ordering::Release);
            while sleeper.called.load(Ordering::Acquire) == 0
                && !sleeper.stop.load(Ordering::Acquire)
            {
                thread::park();
            }
            sleeper.called.store(0, Ordering::Release);
            sleeper.ran.store(sleeper.now(), Ordering::Release);
        }
    });
    // A thread of its own: the calling one keeps all its cores.
    let sleeper = handle.thread().clone();
    let waker = thread::spawn(move || wake(&shared, &sleeper, wakes, gap, time));
    let times = waker.join().unwrap_or_else(|_| Times::new());
    let _ = handle.join();
    times
}

/// The waker's side.
fn wake(shared: &Shared, sleeper: &Thread, core: usize, gap: Duration, time: Duration) -> Times {
    keep_to(&[core]);
    // From the store to the sleep itself it is a microsecond or two.
    let asleep = gap.as_nanos() as u64 + 10_000;
    let wait_for = |ready: &dyn Fn() -> bool| {
        while !ready() {
            // On one core only, the sleeper needs it to go to sleep.
            thread::yield_now();
        }
    };
    let mut times = Times::new();
    let until = shared.now() + time.as_nanos() as u64;
    while shared.now() < until {
        wait_for(&|| shared.parked.load(Ordering::Acquire) != 0);
        let since = shared.parked.swap(0, Ordering::AcqRel);
        wait_for(&|| shared.now() >= since + asleep);
        shared.ran.store(0, Ordering::Release);
        let called = shared.now().max(1);
        shared.called.store(called, Ordering::Release);
        sleeper.unpark();
        wait_for(&|| shared.ran.load(Ordering::Acquire) != 0);
        let ran = shared.ran.load(Ordering::Acquire);
        times.add(Duration::from_nanos(ran.saturating_sub(called)));
    }
    shared.stop.store(true, Ordering::Release);
    sleeper.unpark();
    times
}

/// The time of a switch: two threads on one core that give way to each other.
fn switch(core: usize, time: Duration) -> Duration {
    let stop = Arc::new(AtomicBool::new(false));
    let other = {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            keep_to(&[core]);
            while !stop.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        })
    };
    let this = thread::spawn(move || {
        keep_to(&[core]);
        let (start, mut yields) = (Instant::now(), 0_u32);
        while start.elapsed() < time {
            thread::yield_now();
            yields += 1;
        }
        // Each of this thread's turns is followed by one of the other's.
        start.elapsed() / (2 * yields.max(1))
    });
    let taken = this.join().unwrap_or_default();
    stop.store(true, Ordering::Relaxed);
    let _ = other.join();
    taken
}

/// How much longer than asked for sleeps are.
fn sleeps(time: Duration) -> Times {
    let mut times = Times::new();
    let until = Instant::now() + time;
    while Instant::now() < until {
        let start = Instant::now();
        thread::sleep(SLEEP);
        times.add(start.elapsed().saturating_sub(SLEEP));
    }
    times
}

/// The CPU time of a sleep of a thread on this core that sleeps as the pacer does.
fn paced(core: usize, time: Duration) -> Duration {
    // A thread of its own: the calling one keeps all its cores.
    let sleeper = thread::spawn(move || {
        keep_to(&[core]);
        clock::precise_timers();
        // Without permission it waits for others, which is no CPU time.
        Priority::default().slept(0, 0);
        let (mut sleeps, used) = (0, cpu_time());
        let until = Instant::now() + time;
        while sleeps == 0 || Instant::now() < until {
            thread::sleep(PACED);
            sleeps += 1;
        }
        cpu_time().saturating_sub(used) / sleeps
    });
    sleeper.join().unwrap_or_default()
}

/// How long a thread keeps a core that others wait for: the kernel's slice, to the end of a tick.
fn slice() -> Option<Duration> {
    let base = std::fs::read_to_string(BASE_SLICE).ok()?;
    let base = Duration::from_nanos(base.trim().parse().ok()?);
    let ticks = base.as_nanos().div_ceil(TICK.as_nanos()).max(1) as u32;
    Some(TICK * ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_a_scheduler_that_a_profile_may_have() {
        let measured = measure(Duration::from_millis(200));
        let spec = measured.spec();
        spec.wake_up.check().unwrap();
        assert_eq!(spec.wake_up.points.len(), GAPS.len());
        assert!(spec.wake_up.points.iter().all(|point| point.cost.0 > 0), "{spec:?}");
        assert!(spec.switch.0 > 0 && spec.slice.0 > 0, "{spec:?}");
        assert_eq!(measured.tell().len(), GAPS.len() + 3);
    }
}
