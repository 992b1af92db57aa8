//! A producer's intake: the events that fall due, and the sequence numbers that they get.
//!
//! Stands for the application above a client library. It takes an event once that is due and the
//! client has room. An application that is started again has lost what it had taken from the
//! schedule, and skips what was due while it was down: it goes on with what is due from then on.
//! One that takes from another system's readers writes again what was not acknowledged. Sequence
//! numbers are counted per lane over all lives, skipped events included, so that no life of a
//! writer uses a number that an earlier one has used.
//!
//! No parameters. Left out: an application that remembers on disk how far in the schedule it got.

use headwater_sim::context::Context;
use headwater_sim::time::{Duration, Time};

use crate::arrival::{Arrival, Arrivals};
use crate::batch::{Batch, Lane, SharedBatch, StreamWriter};
use crate::feed::{self, Feed};
use crate::handover::{Handed, Handover};
use crate::note::Note;
use crate::protocol::Streaming;

/// A writer that waits for another system's readers looks for events this often, should the word of
/// them be lost: the timeout of `poll` in the examples of `KafkaConsumer` @ 3.9.0.
const POLL: Duration = Duration::from_millis(100);

enum Source {
    Schedule { arrivals: Arrivals, next: Option<Arrival> },
    Readers(Handover),
}

/// What one producer has yet to take, and how far its lanes are numbered.
pub struct Intake {
    writer: StreamWriter,
    source: Source,
    own: Option<Handover>,
    /// The next sequence number by lane.
    numbers: Vec<u64>,
    /// That of lanes that are not there.
    first: u64,
}

impl Intake {
    pub(crate) fn new(feed: &Feed, producer: u32, producers: u32) -> Self {
        let source = match &feed.source {
            feed::Source::Schedule(schedule) => {
                let mut arrivals = schedule(producer, producers);
                Source::Schedule { next: arrivals.next(), arrivals }
            }
            feed::Source::Readers(from) => Source::Readers(from.clone()),
        };
        let writer = StreamWriter { stream: feed.stream, number: producer };
        let mut intake =
            Self { writer, source, own: feed.own.clone(), numbers: Vec::new(), first: 0 };
        if let (Source::Readers(_), Some(own)) = (&intake.source, &feed.own) {
            for (lane, next) in own.numbers(producer) {
                *intake.next_mut(lane) = next;
            }
        }
        intake
    }

    /// Who takes.
    pub const fn writer(&self) -> StreamWriter {
        self.writer
    }

    /// The producer starts, for the first time or again: skips what the schedule had before.
    /// `lanes` gives the lanes to which an earlier life may have written an event: their numbers go
    /// on.
    pub fn start<L: IntoIterator<Item = Lane>>(
        &mut self,
        now: Time,
        mut lanes: impl FnMut(Arrival) -> L,
    ) {
        let StreamWriter { stream, number } = self.writer;
        let lost = self.own.as_ref().map(|own| own.unsettled(number)).unwrap_or_default();
        if let Source::Readers(from) = &self.source {
            return from.push_front(stream, number, lost);
        }
        while let Some(missed) = self.due_before(now) {
            for lane in lanes(missed) {
                *self.next_mut(lane) += 1;
            }
        }
    }

    /// As [`Self::start`], where an earlier life may have written any event to any lane: no lane
    /// has more of them than there were.
    pub fn start_on_any_lane(&mut self, now: Time) {
        let mut missed = 0;
        self.start(now, |_| {
            missed += 1;
            None
        });
        self.first = missed;
        self.numbers.iter_mut().for_each(|number| *number = missed.max(*number));
    }

    /// The next event of the schedule, taken out, if it was due before `now`.
    fn due_before(&mut self, now: Time) -> Option<Arrival> {
        let Source::Schedule { arrivals, next } = &mut self.source else { return None };
        let missed = next.take_if(|next| next.at < now)?;
        *next = arrivals.next();
        Some(missed)
    }

    /// When to look for the next event; nothing once there will be none.
    pub fn next_due(&self, now: Time) -> Option<Time> {
        match &self.source {
            Source::Schedule { next, .. } => next.map(|next| next.at),
            Source::Readers(_) => Some(self.due(now).map_or(now + POLL, |next| next.at)),
        }
    }

    /// The next event, if it is due.
    pub fn due(&self, now: Time) -> Option<Arrival> {
        match &self.source {
            Source::Schedule { next, .. } => next.filter(|next| next.at <= now),
            Source::Readers(from) => {
                from.front(self.writer.stream, self.writer.number).map(|next| next.arrival)
            }
        }
    }

    /// Takes the next event.
    pub fn take(&mut self) -> Option<Arrival> {
        let event = match &mut self.source {
            Source::Schedule { arrivals, next } => {
                let arrival = std::mem::replace(next, arrivals.next())?;
                Handed { arrival, due: arrival.at, again: false }
            }
            Source::Readers(from) => from.pop(self.writer.stream, self.writer.number)?,
        };
        if let Some(own) = &self.own {
            own.taken(self.writer.number, event);
        }
        Some(event.arrival)
    }

    fn next_mut(&mut self, lane: Lane) -> &mut u64 {
        let place = lane.0 as usize;
        if place >= self.numbers.len() {
            self.numbers.resize(place + 1, self.first);
        }
        &mut self.numbers[place]
    }

    /// The sequence number that the next event of a lane gets.
    pub fn next_number(&self, lane: Lane) -> u64 {
        self.numbers.get(lane.0 as usize).copied().unwrap_or(self.first)
    }

    /// Numbers the next `count` of the events taken, on a lane; the number of the first.
    pub fn number(&mut self, lane: Lane, count: u64) -> u64 {
        let next = self.next_mut(lane);
        let first = *next;
        *next += count;
        if let Some(own) = &self.own {
            (first..first + count)
                .for_each(|number| own.numbered(self.writer.number, lane, number));
        }
        first
    }

    /// The event of this number is to be written to another lane: it is the next to be numbered.
    pub fn renumber(&self, lane: Lane, number: u64) {
        if let Some(own) = &self.own {
            own.unnumbered(self.writer.number, lane, number);
        }
    }

    /// A batch is acknowledged.
    pub fn acked(&self, ctx: &mut Context<'_, Streaming>, batch: SharedBatch) {
        self.settled(ctx, &batch, false);
        ctx.note(Note::Acked { batch });
    }

    /// A batch is given up, with the error of this name.
    pub fn failed(
        &self,
        ctx: &mut Context<'_, Streaming>,
        batch: SharedBatch,
        error: &'static str,
    ) {
        self.settled(ctx, &batch, true);
        ctx.note(Note::Failed { batch, error });
    }

    fn settled(&self, ctx: &mut Context<'_, Streaming>, batch: &Batch, failed: bool) {
        if let Some(own) = &self.own {
            own.settled(ctx, batch, failed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::arrival::ArrivalSource;

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
        let mut intake = Feed::from(&schedule()).intake(0, 1);
        intake.start(Time::ZERO, of_key);
        assert_eq!(intake.due(Time::ZERO).map(|next| next.index), Some(0));
        assert_eq!(intake.take().map(|taken| taken.index), Some(0));
        assert_eq!(intake.due(Time::ZERO), None);
        assert_eq!(intake.next_due(Time(0)), Some(Time(1_000_000_000)));
        assert_eq!((intake.number(Lane(0), 1), intake.next_number(Lane(0))), (0, 1));
        assert_eq!(intake.next_number(Lane(7)), 0);
    }

    #[test]
    fn a_later_start_leaves_out_what_was_due_and_numbers_on() {
        let mut intake = Feed::from(&schedule()).intake(0, 1);
        intake.start(Time(3_000_000_000), of_key);
        // Events 0 and 2 were of lane 0, event 1 of lane 1; event 3 is due now.
        assert_eq!((intake.next_number(Lane(0)), intake.next_number(Lane(1))), (2, 1));
        let rest: Vec<_> = std::iter::from_fn(|| intake.take()).map(|taken| taken.index).collect();
        assert_eq!((rest, intake.next_due(Time(9_000_000_000))), (vec![3, 4, 5], None));
    }

    #[test]
    fn lanes_that_nobody_knows_are_numbered_on_behind_all_that_was_due() {
        let mut intake = Feed::from(&schedule()).intake(0, 1);
        intake.start_on_any_lane(Time(3_000_000_000));
        assert_eq!((intake.number(Lane(5), 1), intake.number(Lane(0), 2)), (3, 3));
        assert_eq!([0, 5, 9].map(|lane| intake.next_number(Lane(lane))), [5, 4, 3]);
    }

    #[test]
    fn an_event_that_may_have_gone_to_several_lanes_is_counted_in_each() {
        let mut intake = Feed::from(&schedule()).intake(0, 1);
        intake.start(Time(2_000_000_000), |_| [Lane(0), Lane(2)]);
        assert_eq!([0, 1, 2].map(|lane| intake.next_number(Lane(lane))), [2, 0, 2]);
    }
}
