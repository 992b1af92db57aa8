//! The schedule: the merge of the base, the shots and the retweets, event by event; or a trace.

use std::sync::Arc;

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;
use headwater_sim::inversion::Exp1;
use headwater_sim::random::Stream;
use headwater_sim::time::Time;
use rand::Rng;

use super::cascade::{Carried, Pending};
use super::plan::{Plan, Tweet};
use super::spec::{KeyMode, Pacing};
use super::trace::Reader;

/// All events of a plan in order of time. Memory does not grow with the number of events, but for
/// retweets that are not yet due.
pub struct Schedule {
    plan: Arc<Plan>,
    /// Component 0 is the base, `i + 1` is shot `i`.
    components: Vec<Component>,
    index: u64,
    retweets: Option<Box<Retweets>>,
    trace: Option<Box<Reader>>,
}

/// One process: its random stream, and where it stands.
struct Component {
    stream: Stream,
    /// Events expected up to the next event (the process on the scale of its cumulative rate).
    count: f64,
    /// The next event, in nanoseconds; `Time::MAX` when there is none.
    next: Time,
}

/// Retweets on their way.
struct Retweets {
    pending: Pending,
    carried: Carried,
    /// The next first one of a tweet from before the start.
    next: Option<(Time, i64)>,
    pending_max: usize,
}

/// What the schedule goes on with.
struct Step {
    index: u64,
    at: Time,
    original: Option<i64>,
}

impl Schedule {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        if plan.spec.trace.is_some() {
            return Self::of_trace(plan);
        }
        let component = |entity| Component {
            stream: plan.seed.stream("arrival", entity),
            count: 0.0,
            next: Time::ZERO,
        };
        let components = (0..=plan.spec.shots.len() as u64).map(component).collect();
        let retweets = plan.cascades.as_ref().map(|cascades| {
            let mut pending = Pending::default();
            let mut carried = Carried::new(plan.seed);
            let next = carried.next(cascades, &mut pending);
            Box::new(Retweets { pending, carried, next, pending_max: 0 })
        });
        let mut schedule = Self { plan, components, index: 0, retweets, trace: None };
        for component in 0..schedule.components.len() {
            schedule.advance(component);
        }
        schedule
    }

    fn of_trace(plan: Arc<Plan>) -> Self {
        let end = Time(plan.spec.duration.0);
        let opened = plan
            .spec
            .trace
            .as_ref()
            .map(|spec| Reader::open(spec, plan.spec.keyed(), end, Arc::clone(&plan.trouble)));
        let trace = match opened {
            Some(Ok(reader)) => Some(Box::new(reader)),
            Some(Err(error)) => {
                let _ = plan.trouble.set(error.to_string());
                None
            }
            None => None,
        };
        Self { plan, components: vec![], index: 0, retweets: None, trace }
    }

    /// The most retweets that waited at once so far.
    pub(super) fn pending_max(&self) -> usize {
        self.retweets.as_ref().map_or(0, |retweets| retweets.pending_max)
    }

    /// Moves a component on to its next event.
    fn advance(&mut self, index: usize) {
        let plan = &self.plan;
        let component = &mut self.components[index];
        component.count += match plan.spec.arrivals {
            Pacing::Poisson => component.stream.sample(Exp1),
            Pacing::Constant if component.count == 0.0 => 0.5,
            Pacing::Constant => 1.0,
        };
        let at = match index.checked_sub(1) {
            None => Some(plan.topics.base.inverse(component.count, component.next.0 as f64)),
            Some(shot) => plan.topics.shots[shot].0.inverse(component.count),
        };
        let end = plan.spec.duration.0;
        let within = at.map(|at| at as u64).filter(|at| *at < end);
        component.next = within.map_or(Time::MAX, Time);
    }

    /// Index and intended time of the next event, and what it retweets.
    #[inline]
    fn step(&mut self) -> Option<Step> {
        let earliest = self.components.iter().enumerate().min_by_key(|(_, c)| c.next);
        let (component, at) = earliest.map(|(index, component)| (index, component.next))?;
        if self.retweets.is_some() {
            return self.step_among_retweets(component, at);
        }
        if at == Time::MAX {
            return None;
        }
        self.advance(component);
        self.index += 1;
        Some(Step { index: self.index - 1, at, original: None })
    }

    /// The same where there are retweets: the first of what is no retweet, of those that wait, and
    /// of those of tweets from before the start. Each begets its own.
    fn step_among_retweets(&mut self, component: usize, fresh: Time) -> Option<Step> {
        let plan = Arc::clone(&self.plan);
        let (retweets, cascades) = (self.retweets.as_mut()?, plan.cascades.as_ref()?);
        let carried = retweets.next.map_or(Time::MAX, |(at, _)| at);
        let due = retweets.pending.next();
        let (at, original) = if fresh <= carried && fresh <= due {
            if fresh == Time::MAX {
                return None;
            }
            (fresh, None)
        } else if carried <= due {
            let (at, original) = retweets.next?;
            retweets.next = retweets.carried.next(cascades, &mut retweets.pending);
            (at, Some(original))
        } else {
            let (at, original) = retweets.pending.take()?;
            (at, Some(original))
        };
        retweets.pending.beget(cascades, at, original.unwrap_or(at.0 as i64));
        retweets.pending_max = retweets.pending_max.max(retweets.pending.len());
        if original.is_none() {
            self.advance(component);
        }
        self.index += 1;
        Some(Step { index: self.index - 1, at, original })
    }

    fn next_tweet(&mut self) -> Option<Tweet> {
        if let Some(trace) = &mut self.trace {
            return Some(Tweet { arrival: trace.next()?, original: None });
        }
        let Step { index, at, original } = self.step()?;
        let (key, bytes) = (self.plan.key(index, at, original), self.plan.sizes.bytes(at));
        Some(Tweet { arrival: Arrival { index, at, key, bytes }, original })
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    #[inline]
    fn next(&mut self) -> Option<Arrival> {
        self.next_tweet().map(|tweet| tweet.arrival)
    }
}

/// All events of a plan with what they retweet.
pub struct Tweets(Schedule);

impl Tweets {
    pub(super) fn new(schedule: Schedule) -> Self {
        Self(schedule)
    }

    /// The most retweets that waited at once so far: 16 B of memory each.
    pub fn pending_max(&self) -> usize {
        self.0.pending_max()
    }
}

impl Iterator for Tweets {
    type Item = Tweet;

    fn next(&mut self) -> Option<Tweet> {
        self.0.next_tweet()
    }
}

/// One producer's share of a schedule.
pub struct Part {
    schedule: Schedule,
    producer: u32,
    producers: u32,
}

impl Part {
    pub(super) fn new(schedule: Schedule, producer: u32, producers: u32) -> Self {
        assert!(producer < producers, "producer {producer} of {producers}");
        Self { schedule, producer, producers }
    }
}

impl Plan {
    /// The producer, out of `producers` (above 0), that writes an event: see [`Plan::part`].
    pub fn producer_of(&self, arrival: &Arrival, producers: u32) -> u32 {
        self.owner(arrival.index, arrival.key, producers)
    }

    fn owner(&self, index: u64, key: u64, producers: u32) -> u32 {
        match self.spec.key {
            KeyMode::None => (index % u64::from(producers)) as u32,
            KeyMode::User | KeyMode::Hashtag | KeyMode::Cascade => {
                let spread = mix(key, 0xbb67_ae85_84ca_a73b);
                ((u128::from(spread) * u128::from(producers)) >> 64) as u32
            }
        }
    }
}

impl Iterator for Part {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            if let Some(trace) = &mut self.schedule.trace {
                let arrival = trace.next()?;
                if self.schedule.plan.producer_of(&arrival, self.producers) == self.producer {
                    return Some(arrival);
                }
                continue;
            }
            let Step { index, at, original } = self.schedule.step()?;
            let key = self.schedule.plan.key(index, at, original);
            if self.schedule.plan.owner(index, key, self.producers) == self.producer {
                let bytes = self.schedule.plan.sizes.bytes(at);
                return Some(Arrival { index, at, key, bytes });
            }
        }
    }
}
