//! Pacing: one thread that hands every event to its writer at its intended time.
//!
//! The pacer sleeps until the next event is due, on a timer without slack, and hands over all that
//! is due by then ([`Clock::sleep_until`](crate::clock::Clock::sleep_until)). What a sleep ends
//! late by is learnt, and spun in place of slept, for a bounded share of a core ([`Early`]). It is
//! never re-based: an event that is late is sent at once, and its lag is measured against the time
//! the schedule gave it.
//!
//! It runs in real time ([`Priority`]), as the one thread on which the honesty of every other
//! figure rests: where generator and servers share a machine, a fair scheduler lets whatever runs
//! end its slice first, which is 3 to 4 ms. It does so only while it needs a small part of its
//! core: at rates beyond that it would take the core from the clients that it feeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::{self, Clock};
use crate::early::Early;
use crate::prepare::{Slice, Slices};
use crate::real_time::Priority;
use crate::systems::client::{Lot, Observer, Settled, Token, Writer};

/// Least time between two hand-overs, nanoseconds. Each costs a timer and two switches, 5 to 10 us
/// together: at most a fifth of a core, at rates at which there is one event in each.
pub(crate) const GAP_NS: u64 = 50_000;

/// The same while hand-overs have at least [`MANY`] events, which is from 160,000/s on.
const GAP_MANY_NS: u64 = 200_000;

/// Events of a hand-over from which on it counts as large.
const MANY: usize = 8;

/// Events between two looks at the clock in a hand-over: about 10 us of a client's time.
const STAMP_EVERY: usize = 16;

/// How long to wait where a client has no room, if the schedule does not say when to send.
const ROOM: Duration = Duration::from_micros(200);

/// What the pacer sends.
pub(crate) struct Pacer {
    /// What is prepared.
    pub(crate) slices: Slices,
    /// Notified of everything that is sent.
    pub(crate) observer: Observer,
    /// Raised to stop early.
    pub(crate) stop: Arc<AtomicBool>,
    /// When to send.
    pub(crate) pace: Pace,
}

/// When to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// At the times of the schedule, whatever the system does.
    Schedule {
        /// How far it may fall behind the schedule before it gives up: a schedule that it can't
        /// keep would take it for ever.
        lag_max: Duration,
    },
    /// As soon as the client has room, whatever the schedule says.
    Room,
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
    /// Sends all slices.
    pub(crate) fn run(self, writers: &mut [Box<dyn Writer>]) -> Paced {
        clock::precise_timers();
        let mut hand = Hand {
            ahead: writers.iter().map(|writer| writer.ahead_ns()).max().unwrap_or(0),
            clock: self.observer.clock.clone(),
            next: 0,
            priority: Priority::default(),
            early: Early::default(),
            refused: Lot::of_settled(&self.observer),
        };
        while let Some(mut slice) = self.slices.next() {
            let paced = self.hand_over(&mut hand, &mut slice, writers);
            self.observer.sent(slice, hand.ahead == 0);
            if let Some(ended) = paced {
                return ended;
            }
        }
        Paced::ToTheEnd
    }

    /// Sends a slice; how it ended, if that was before the slice's end. Events that were not sent
    /// are taken out of the slice.
    fn hand_over(
        &self,
        hand: &mut Hand,
        slice: &mut Slice,
        writers: &mut [Box<dyn Writer>],
    ) -> Option<Paced> {
        let (mut sent, mut offset) = (0, 0);
        while sent < slice.events.len() {
            let due = slice.events[sent].arrival.at.0.saturating_sub(hand.ahead);
            if let Some(ended) = self.wait(hand, due) {
                slice.events.truncate(sent);
                return Some(ended);
            }
            let first = sent;
            let mut now = hand.clock.now();
            while let Some(event) = slice.events.get_mut(sent) {
                let (at, bytes) = (event.arrival.at.0, event.arrival.bytes);
                if (sent - first) % STAMP_EVERY == STAMP_EVERY - 1 {
                    now = hand.clock.now();
                }
                if self.pace != Pace::Room && at.saturating_sub(hand.ahead) > now {
                    break;
                }
                event.started = now;
                let token = Token { intended: at, started: now, bytes, place: event.place };
                let payload = &slice.payloads[offset..offset + bytes as usize];
                let writer = writers[event.place.writer as usize].as_mut();
                if let Err(refused) = writer.send(token, payload) {
                    if self.pace == Pace::Room {
                        break;
                    }
                    hand.refused.add(Settled { at: now, token, why: Some(refused.0) });
                }
                offset += bytes as usize;
                sent += 1;
            }
            writers.iter_mut().for_each(|writer| writer.flush());
            if self.pace == Pace::Room && sent == first {
                std::thread::sleep(ROOM);
            }
            hand.refused.flush();
            hand.handed(now, sent - first);
        }
        None
    }

    /// Waits until a time, and until a hand-over is allowed again.
    fn wait(&self, hand: &mut Hand, due: u64) -> Option<Paced> {
        if self.stop.load(Ordering::Relaxed) {
            return Some(Paced::Stopped);
        }
        let Pace::Schedule { lag_max } = self.pace else { return None };
        let began = hand.clock.now();
        let at = due.max(hand.next);
        let mut now = began;
        if at > began {
            if !hand.clock.sleep_until(hand.early.before(at), &self.stop) {
                return Some(Paced::Stopped);
            }
            now = hand.clock.now();
            hand.priority.slept(began, now);
            // A sleep that was not made says nothing.
            if hand.early.before(at) > began {
                hand.early.woke(at, now);
            }
            while now < at {
                std::hint::spin_loop();
                now = hand.clock.now();
            }
        } else {
            hand.priority.slept(began, began);
        }
        (now > due.saturating_add(lag_max.as_nanos() as u64)).then_some(Paced::TooLate)
    }
}

/// Where a pacer stands.
struct Hand {
    /// How much earlier than intended events are handed over, to clients that pace themselves.
    ahead: u64,
    clock: Clock,
    /// Before this there is no other hand-over, nanoseconds.
    next: u64,
    priority: Priority,
    early: Early,
    refused: Lot<Settled>,
}

impl Hand {
    /// Events were handed over from `at` on.
    fn handed(&mut self, at: u64, events: usize) {
        self.next = at + if events < MANY { GAP_NS } else { GAP_MANY_NS };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use headwater_sim::random::Seed;
    use headwater_traffic::{Plan, TrafficSpec};

    use super::*;
    use crate::prepare::prepare;
    use crate::systems::client::{Observation, Refused};
    use crate::systems::lanes::LanePlan;

    /// Remembers the events that it was given: their intended times and writers.
    #[derive(Clone, Default)]
    struct Remembering {
        taken: Arc<Mutex<Vec<(u32, u64)>>>,
        /// It has no room for every third event, the first time that it is asked.
        small: bool,
        /// It was asked.
        asked: bool,
    }

    impl Writer for Remembering {
        fn send(&mut self, token: Token, payload: &[u8]) -> Result<(), Refused> {
            let mut taken = self.taken.lock().unwrap();
            assert_eq!(headwater_traffic::parse(payload).unwrap().place, token.place);
            if self.small && !self.asked && taken.len() % 3 == 2 {
                self.asked = true;
                return Err(Refused("queue_full"));
            }
            self.asked = false;
            taken.push((token.place.writer, token.intended));
            Ok(())
        }

        fn abandon(&mut self) {}
    }

    fn plan(rate: f64) -> Arc<Plan> {
        let spec = TrafficSpec {
            rate: headwater_traffic::Rate::per_second(rate),
            duration: headwater_sim::time::Duration::from_millis(50),
            ..TrafficSpec::default()
        };
        Arc::new(spec.plan(Seed(5)).unwrap())
    }

    /// Paces `plan` over writers; how it ended, and what the collector was told.
    fn pace(plan: &Arc<Plan>, writers: &[Remembering], pace: Pace) -> (Paced, Vec<(u64, u64)>) {
        let (observer, observations) = Observer::new(Clock::default());
        let lanes = LanePlan::of_writers(writers.len() as u32, 4, true);
        let (preparer, slices, used) = prepare(Arc::clone(plan), lanes);
        let pacer = Pacer { slices, observer: observer.clone(), stop: Arc::default(), pace };
        let mut all: Vec<Box<dyn Writer>> = vec![];
        all.extend(writers.iter().map(|one| Box::new(one.clone()) as Box<dyn Writer>));
        observer.clock.start();
        let told = std::thread::spawn(move || {
            let mut told = vec![];
            for observation in observations {
                if let Observation::Sent { slice, .. } = observation {
                    let of = |event: &crate::prepare::Prepared| (event.arrival.at.0, event.started);
                    told.extend(slice.events.iter().map(of));
                    // The preparer may have ended already.
                    let _ = used.send(slice);
                }
            }
            told
        });
        let preparing = std::thread::spawn(|| preparer.run());
        let paced = pacer.run(&mut all);
        let handed = observer.handed();
        drop(observer);
        preparing.join().unwrap();
        let told = told.join().unwrap();
        assert_eq!(handed, told.len() as u64);
        (paced, told)
    }

    const PATIENT: Pace = Pace::Schedule { lag_max: Duration::from_secs(60) };

    #[test]
    fn each_writer_is_given_the_part_of_its_simulated_producer() {
        let plan = plan(20_000.0);
        let remembering: Vec<Remembering> = (0..3).map(|_| Remembering::default()).collect();
        let (paced, told) = pace(&plan, &remembering, PATIENT);
        assert_eq!(paced, Paced::ToTheEnd);
        for (producer, one) in (0..).zip(&remembering) {
            let part: Vec<_> =
                plan.part(producer, 3).map(|arrival| (producer, arrival.at.0)).collect();
            assert!(part.len() > 200, "{} events", part.len());
            assert_eq!(*one.taken.lock().unwrap(), part);
        }
        let times: Vec<u64> = plan.schedule().map(|arrival| arrival.at.0).collect();
        assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), times);
        assert!(told.iter().all(|(at, started)| started >= at), "nothing is sent before its time");
    }

    #[test]
    fn more_events_than_are_prepared_at_once_go_round() {
        let plan = plan(4_000_000.0);
        let remembering = [Remembering::default()];
        let (paced, told) = pace(&plan, &remembering, PATIENT);
        assert_eq!(paced, Paced::ToTheEnd);
        let count = plan.schedule().count();
        assert!(count > 150_000, "{count}");
        assert_eq!((told.len(), remembering[0].taken.lock().unwrap().len()), (count, count));
    }

    #[test]
    fn who_is_paced_by_room_waits_for_it_and_loses_nothing() {
        let plan = plan(2_000.0);
        let remembering = [Remembering { small: true, ..Remembering::default() }];
        let (paced, told) = pace(&plan, &remembering, Pace::Room);
        assert_eq!(paced, Paced::ToTheEnd);
        let part: Vec<_> = plan.schedule().map(|arrival| (0, arrival.at.0)).collect();
        assert_eq!(*remembering[0].taken.lock().unwrap(), part);
        assert_eq!(told.len(), part.len());
    }

    #[test]
    fn who_is_hopelessly_late_gives_up() {
        let plan = plan(20_000.0);
        let none = Pace::Schedule { lag_max: Duration::ZERO };
        let (paced, told) = pace(&plan, &[Remembering::default()], none);
        assert_eq!(paced, Paced::TooLate);
        assert!(told.len() < plan.schedule().count(), "{}", told.len());
    }
}
