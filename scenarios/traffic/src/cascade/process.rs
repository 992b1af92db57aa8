//! Cascades event by event.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use headwater_sim::inversion::{Exp1, OpenUnit};
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use rand::Rng;

use super::kernel::{Delays, Marks};
use super::spec::CascadeSpec;
use crate::marks::Purpose;

/// The laws of all cascades.
#[derive(Clone, Debug)]
pub(crate) struct Cascades {
    purpose: Purpose,
    /// Retweets that an event begets for each unit of its mark.
    per_mark: f64,
    marks: Marks,
    delays: Delays,
    /// Retweets per nanosecond of a stationary schedule.
    per_nano: f64,
    end: f64,
}

/// Before that nothing was written that is retweeted: ten years, up to which ids of tweets and
/// dates go back.
const OLDEST_NS: f64 = 10.0 * 365.0 * 86_400.0 * 1e9;

impl Cascades {
    /// For a base of `per_nano` events per nanosecond, retweets and all.
    pub(crate) fn new(
        spec: &CascadeSpec,
        purpose: Purpose,
        per_nano: f64,
        duration: Duration,
    ) -> Self {
        let marks = Marks::new(spec);
        Self {
            purpose,
            per_mark: spec.ratio / marks.mean(),
            marks,
            delays: Delays::new(spec),
            per_nano: spec.ratio * per_nano,
            end: duration.0 as f64,
        }
    }
}

/// Retweets that are drawn and not yet due: their time and what they retweet.
#[derive(Debug, Default)]
pub(crate) struct Pending(BinaryHeap<Reverse<(Time, i64)>>);

impl Pending {
    /// When the next is due; `Time::MAX` if there is none.
    #[inline]
    pub(crate) fn next(&self) -> Time {
        self.0.peek().map_or(Time::MAX, |Reverse((at, _))| *at)
    }

    /// The next and what it retweets.
    pub(crate) fn take(&mut self) -> Option<(Time, i64)> {
        self.0.pop().map(|Reverse(next)| next)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Draws what the event at `at` begets, of the cascade of `original`.
    pub(crate) fn beget(&mut self, cascades: &Cascades, at: Time, original: i64) {
        let mut draws = cascades.purpose.draws(at);
        let expected = cascades.per_mark * cascades.marks.exceeded(draws.sample(OpenUnit));
        self.draw(cascades, &mut draws, expected, |p| {
            (at.0 as f64 + cascades.delays.exceeded(p), original)
        });
    }

    /// Adds a Poisson number of retweets, `expected` on average, each where `place` puts it.
    fn draw(
        &mut self,
        cascades: &Cascades,
        draws: &mut impl Rng,
        expected: f64,
        place: impl Fn(f64) -> (f64, i64),
    ) {
        let mut count: f64 = draws.sample(Exp1);
        while count < expected {
            let (at, original) = place(draws.sample(OpenUnit));
            if at < cascades.end {
                self.0.push(Reverse((Time(at as u64), original)));
            }
            count += draws.sample(Exp1);
        }
    }
}

/// Retweets of what was written before the start: first ones in order of time, each of which draws
/// those that follow of the same tweet.
///
/// A tweet of age `s` at the start, of mark `m`, has its first retweet since then at `u` with the
/// density `v f(s + u) exp(-v (F(s + u) - F(s)))`, `v` the retweets that it begets in all. Over all
/// ages and marks candidates come with `v f(s + u)` alone, which is the rate of retweets times the
/// probability of a delay above `u`; the exponential thins them.
#[derive(Debug)]
pub(crate) struct Carried {
    stream: headwater_sim::random::Stream,
    /// Area under the delays' tail up to the last candidate, nanoseconds.
    area: f64,
}

impl Carried {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { stream: seed.stream("carried", 0), area: 0.0 }
    }

    /// The next first retweet, with what it retweets: a time before the start. What follows it is
    /// put with `pending`.
    pub(crate) fn next(
        &mut self,
        cascades: &Cascades,
        pending: &mut Pending,
    ) -> Option<(Time, i64)> {
        let Cascades { per_mark, marks, delays, per_nano, end, .. } = cascades;
        loop {
            self.area += self.stream.sample(Exp1) / per_nano;
            let at = delays.area_inverse(self.area);
            if at >= *end {
                return None;
            }
            let delay = delays.exceeded(self.stream.sample(OpenUnit) * delays.above(at));
            let mark = marks.exceeded_by_retweet(self.stream.sample(OpenUnit));
            let expected = per_mark * mark;
            let before = delays.above((delay - at).max(0.0)) - delays.above(delay);
            let first = self.stream.sample(OpenUnit) < libm::exp(-expected * before);
            if !first {
                continue;
            }
            let original = -((delay - at).clamp(1.0, OLDEST_NS) as i64);
            let left = delays.above(delay);
            pending.draw(cascades, &mut self.stream, expected * left, |p| {
                // From the start, the tweet's age is `delay - at`.
                (at + delays.exceeded(p * left) - delay, original)
            });
            return Some((Time(at as u64), original));
        }
    }
}
