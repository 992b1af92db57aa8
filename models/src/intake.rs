//! A producer's intake: the events that fall due, and the sequence numbers that they get.
//!
//! Stands for the application above a client library. It takes an event once that is due and the
//! client has room. An application that is started again has lost what it had taken, and skips what
//! was due while it was down: it goes on with what is due from then on. Sequence numbers are
//! counted per lane over the whole schedule, skipped events included, so that no life of a writer
//! uses a number that an earlier one has used.
//!
//! No parameters. Left out: an application that remembers on disk how far it got.

use headwater_sim::time::Time;

use crate::arrival::{Arrival, ArrivalSource, Arrivals};
use crate::batch::Lane;

/// What one producer has yet to take, and how far its lanes are numbered.
pub struct Intake {
    source: Arrivals,
    next: Option<Arrival>,
    /// The next sequence number by lane.
    numbers: Vec<u64>,
}

impl Intake {
    /// The intake of producer `producer` out of `producers`, at the beginning of the schedule.
    pub fn new(schedule: &ArrivalSource, producer: u32, producers: u32) -> Self {
        let mut source = schedule(producer, producers);
        Self { next: source.next(), source, numbers: Vec::new() }
    }

    /// The producer starts, for the first time or again: skips what was due before. `lanes` tells
    /// the lanes to which an earlier life may have written an event: their numbers go on.
    pub fn start<L: IntoIterator<Item = Lane>>(
        &mut self,
        now: Time,
        mut lanes: impl FnMut(Arrival) -> L,
    ) {
        while let Some(missed) = self.next.filter(|next| next.at < now) {
            for lane in lanes(missed) {
                self.number(lane, 1);
            }
            self.next = self.source.next();
        }
    }

    /// When the next event is due; nothing once the source is exhausted.
    pub fn next_due(&self) -> Option<Time> {
        self.next.map(|next| next.at)
    }

    /// The next event, if it is due.
    pub fn due(&self, now: Time) -> Option<Arrival> {
        self.next.filter(|next| next.at <= now)
    }

    /// Takes the next event.
    pub fn take(&mut self) -> Option<Arrival> {
        std::mem::replace(&mut self.next, self.source.next())
    }

    /// The sequence number that the next event of a lane gets.
    pub fn next_number(&self, lane: Lane) -> u64 {
        self.numbers.get(lane.0 as usize).copied().unwrap_or(0)
    }

    /// Numbers the next `count` events of a lane; the number of the first.
    pub fn number(&mut self, lane: Lane, count: u64) -> u64 {
        let place = lane.0 as usize;
        if place >= self.numbers.len() {
            self.numbers.resize(place + 1, 0);
        }
        let first = self.numbers[place];
        self.numbers[place] += count;
        first
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    /// An event every second, of keys 0 and 1 in turn.
    fn schedule() -> ArrivalSource {
        Rc::new(|_, _| {
            let all = (0..6).map(|index| {
                let at = Time(index * 1_000_000_000);
                Arrival { index, at, key: index % 2, bytes: 100 }
            });
            Box::new(all)
        })
    }

    fn of_key(arrival: Arrival) -> [Lane; 1] {
        [Lane(arrival.key as u32)]
    }

    #[test]
    fn the_first_start_leaves_nothing_out() {
        let mut intake = Intake::new(&schedule(), 0, 1);
        intake.start(Time::ZERO, of_key);
        assert_eq!(intake.due(Time::ZERO).map(|next| next.index), Some(0));
        assert_eq!(intake.take().map(|taken| taken.index), Some(0));
        assert_eq!(intake.due(Time::ZERO), None);
        assert_eq!(intake.next_due(), Some(Time(1_000_000_000)));
        assert_eq!((intake.number(Lane(0), 1), intake.next_number(Lane(0))), (0, 1));
        assert_eq!(intake.next_number(Lane(7)), 0);
    }

    #[test]
    fn a_later_start_leaves_out_what_was_due_and_numbers_on() {
        let mut intake = Intake::new(&schedule(), 0, 1);
        intake.start(Time(3_000_000_000), of_key);
        // Events 0 and 2 were of lane 0, event 1 of lane 1; event 3 is due now.
        assert_eq!((intake.next_number(Lane(0)), intake.next_number(Lane(1))), (2, 1));
        let rest: Vec<_> = std::iter::from_fn(|| intake.take()).map(|taken| taken.index).collect();
        assert_eq!((rest, intake.next_due()), (vec![3, 4, 5], None));
    }

    #[test]
    fn an_event_that_may_have_gone_to_several_lanes_is_counted_in_each() {
        let mut intake = Intake::new(&schedule(), 0, 1);
        intake.start(Time(2_000_000_000), |_| [Lane(0), Lane(2)]);
        assert_eq!([0, 1, 2].map(|lane| intake.next_number(Lane(lane))), [2, 0, 2]);
    }
}
