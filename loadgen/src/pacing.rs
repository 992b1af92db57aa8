//! Pacing: one thread that hands every event to the target at its intended time.
//!
//! Sleeping alone wakes up 50-100 us late, spinning alone takes a core. The pacer sleeps until
//! [`SPIN`] before the intended time and spins from there. It is never re-based: an event that is
//! late is sent at once, and its lag is measured against the time the schedule gave it.
//!
//! It runs in real time ([`real_time`]), as the one thread on which the honesty of every other
//! figure rests: where generator and servers share a machine, a fair scheduler lets whatever runs
//! end its slice first, which is 3 to 4 ms.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use headwater_models::arrival::Arrival;
use headwater_traffic::{Payloads, Plan};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::targets::{LanePlan, Observation, Target, Token};

/// How long before an intended time the pacer stops to sleep. Sleeps of Linux end up to about this
/// late: 50 us of timer slack (`prctl(2)`, `PR_SET_TIMERSLACK`) and as much again to be scheduled.
const SPIN: Duration = Duration::from_micros(150);

/// Longest sleep at a stretch, so that an interruption is noticed.
const NAP: Duration = Duration::from_millis(50);

/// The run's clock: nanoseconds since its start, zero before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Arc<OnceLock<Instant>>);

impl Clock {
    /// The run starts now. Clients are connected before that.
    pub(crate) fn start(&self) {
        self.0.get_or_init(Instant::now);
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.0.get().map_or(0, |start| start.elapsed().as_nanos() as u64)
    }

    /// Waits until `at` (nanoseconds); false if `stop` was raised before.
    fn wait(&self, at: u64, stop: &AtomicBool) -> bool {
        loop {
            let left = Duration::from_nanos(at.saturating_sub(self.now()));
            if left.is_zero() {
                return true;
            }
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            match left.checked_sub(SPIN) {
                Some(sleep) if !sleep.is_zero() => std::thread::sleep(sleep.min(NAP)),
                _ => std::hint::spin_loop(),
            }
        }
    }

    /// Sleeps until `at` (nanoseconds), to the precision of a sleep; false if `stop` was raised.
    pub(crate) fn sleep_until(&self, at: u64, stop: &AtomicBool) -> bool {
        loop {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = Duration::from_nanos(at.saturating_sub(self.now()));
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(NAP));
        }
    }
}

/// What the pacer sends.
pub(crate) struct Pacer {
    /// The traffic.
    pub(crate) plan: Arc<Plan>,
    /// Which lane an event goes to.
    pub(crate) lanes: LanePlan,
    /// Told of everything that is sent.
    pub(crate) observed: Sender<Observation>,
    /// Raised to stop early.
    pub(crate) stop: Arc<AtomicBool>,
}

impl Pacer {
    /// Sends the whole schedule to `target`, and gives back how many events it sent.
    pub(crate) fn run(mut self, clock: &Clock, target: &mut dyn Target) -> u64 {
        // Whoever may not has the lag that the machine gives, and is told of it.
        let _ = real_time();
        let payloads = Payloads::new(Arc::clone(&self.plan));
        let mut payload = Vec::new();
        let mut count = 0;
        for arrival in self.plan.schedule() {
            let place = self.lanes.place(&arrival);
            // Made ahead of its time, so that the making is not part of the lag.
            payloads.write(&arrival, place, &mut payload);
            if !clock.wait(arrival.at.0, &self.stop) || self.stop.load(Ordering::Relaxed) {
                break;
            }
            count += 1;
            self.send(clock, target, &arrival, place, &payload);
        }
        count
    }

    fn send(
        &self,
        clock: &Clock,
        target: &mut dyn Target,
        arrival: &Arrival,
        place: headwater_traffic::Place,
        payload: &[u8],
    ) {
        let token =
            Token { intended: arrival.at.0, started: clock.now(), bytes: arrival.bytes, place };
        // The collector outlives the pacer.
        let _ = self.observed.send(Observation::Sent(token));
        if let Err(refused) = target.send(token, payload) {
            let at = clock.now();
            let _ = self.observed.send(Observation::Failed { at, token, why: refused.0 });
        }
    }
}

/// Has this thread run in real time: as soon as it is due, whatever else runs (`SCHED_RR`, at the
/// lowest of its priorities; sched(7)). Only root may, and who has `CAP_SYS_NICE`. The kernel
/// leaves 5 % of a core to everything else, however busy the pacer is (`sched_rt_runtime_us`).
fn real_time() -> Result<(), thread_priority::Error> {
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin),
    )
}
