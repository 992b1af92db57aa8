//! Pacing: one thread that hands every event to the target at its intended time.
//!
//! Sleeping alone wakes up 50-100 us late, spinning alone takes a core. The pacer sleeps until
//! shortly before the intended time and spins from there ([`Clock::wait`](crate::clock::Clock)). It
//! is never re-based: an event that is late is sent at once, and its lag is measured against the
//! time the schedule gave it.
//!
//! It runs in real time ([`real_time`]), as the one thread on which the honesty of every other
//! figure rests: where generator and servers share a machine, a fair scheduler lets whatever runs
//! end its slice first, which is 3 to 4 ms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headwater_models::arrival::Arrival;
use headwater_traffic::{Payloads, Place, Plan};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::systems::client::{Observer, Token, Writer};
use crate::systems::lanes::LanePlan;

/// What the pacer sends.
pub(crate) struct Pacer {
    /// The traffic.
    pub(crate) plan: Arc<Plan>,
    /// Which lane an event goes to, by writer.
    pub(crate) lanes: Vec<LanePlan>,
    /// Notified of everything that is sent.
    pub(crate) observer: Observer,
    /// Raised to stop early.
    pub(crate) stop: Arc<AtomicBool>,
    /// How far it may fall behind the schedule before it gives up: a schedule that it can't keep
    /// would take it for ever.
    pub(crate) lag_max: Duration,
}

/// How a pacer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paced {
    /// Everything was sent.
    ToTheEnd,
    /// It was told to stop.
    Stopped,
    /// It gave up, too far behind the schedule.
    TooLate,
}

impl Pacer {
    /// Sends the whole schedule, divided among the writers as among simulated producers.
    pub(crate) fn run(mut self, writers: &mut [Box<dyn Writer>]) -> Paced {
        // Without permission the lag is what the machine gives, and a warning says so.
        let _ = real_time();
        let payloads = Payloads::new(Arc::clone(&self.plan));
        let lag_max = self.lag_max.as_nanos() as u64;
        let clock = self.observer.clock.clone();
        let mut payload = Vec::new();
        for arrival in self.plan.schedule() {
            let writer = self.plan.producer_of(&arrival, writers.len() as u32) as usize;
            let place = self.lanes[writer].place(&arrival);
            // Prepared ahead of time, so that this is not part of the lag.
            payloads.write(&arrival, place, &mut payload);
            if !clock.wait(arrival.at.0, &self.stop) || self.stop.load(Ordering::Relaxed) {
                return Paced::Stopped;
            }
            if clock.now() > arrival.at.0.saturating_add(lag_max) {
                return Paced::TooLate;
            }
            self.send(writers[writer].as_mut(), &arrival, place, &payload);
        }
        Paced::ToTheEnd
    }

    fn send(&self, writer: &mut dyn Writer, arrival: &Arrival, place: Place, payload: &[u8]) {
        let (intended, started) = (arrival.at.0, self.observer.clock.now());
        let token = Token { intended, started, bytes: arrival.bytes, place };
        self.observer.sent(token);
        if let Err(refused) = writer.send(token, payload) {
            self.observer.failed(token, refused.0);
        }
    }
}

/// Gives this thread real-time priority: it runs as soon as it is due, whatever else runs
/// (`SCHED_RR`, at the lowest of its priorities; sched(7)). This needs root or `CAP_SYS_NICE`. The
/// kernel leaves 5 % of a core to everything else, however busy the pacer is
/// (`sched_rt_runtime_us`).
fn real_time() -> Result<(), thread_priority::Error> {
    set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use headwater_sim::random::Seed;
    use headwater_traffic::TrafficSpec;

    use super::*;
    use crate::clock::Clock;
    use crate::systems::client::Refused;

    /// Remembers the events that it was given: their intended times and writers.
    #[derive(Clone, Default)]
    struct Remembering(Arc<Mutex<Vec<(u32, u64)>>>);

    impl Writer for Remembering {
        fn send(&mut self, token: Token, _payload: &[u8]) -> Result<(), Refused> {
            self.0.lock().unwrap().push((token.place.writer, token.intended));
            Ok(())
        }

        fn abandon(&mut self) {}
    }

    #[test]
    fn each_writer_is_given_the_part_of_its_simulated_producer() {
        let spec = TrafficSpec {
            rate: headwater_traffic::Rate::per_second(20_000.0),
            duration: headwater_sim::time::Duration::from_millis(50),
            ..TrafficSpec::default()
        };
        let plan = Arc::new(spec.plan(Seed(5)).unwrap());
        let (observer, _observations) = Observer::new(Clock::default());
        let pacer = Pacer {
            plan: Arc::clone(&plan),
            lanes: LanePlan::of_writers(3, 4, true),
            observer: observer.clone(),
            stop: Arc::default(),
            lag_max: Duration::from_secs(60),
        };
        let remembering: Vec<Remembering> = (0..3).map(|_| Remembering::default()).collect();
        let mut writers: Vec<Box<dyn Writer>> = vec![];
        writers.extend(remembering.iter().map(|one| Box::new(one.clone()) as Box<dyn Writer>));
        observer.clock.start();
        assert_eq!(pacer.run(&mut writers), Paced::ToTheEnd);
        for (producer, one) in (0..).zip(&remembering) {
            let part: Vec<_> =
                plan.part(producer, 3).map(|arrival| (producer, arrival.at.0)).collect();
            assert!(part.len() > 200, "{} events", part.len());
            assert_eq!(*one.0.lock().unwrap(), part);
        }
    }
}
