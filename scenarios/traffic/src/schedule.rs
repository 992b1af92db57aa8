//! The schedule: the merge of the base and the shots, event by event.

use std::sync::Arc;

use headwater_models::arrival::Arrival;
use headwater_sim::fingerprint::mix;
use headwater_sim::inversion::Exp1;
use headwater_sim::random::Stream;
use headwater_sim::time::Time;
use rand::Rng;

use super::plan::Plan;
use super::spec::{KeyMode, Pacing};

/// All events of a plan in order of time. Memory does not grow with the number of events.
pub struct Schedule {
    plan: Arc<Plan>,
    /// Component 0 is the base, `i + 1` is shot `i`.
    components: Vec<Component>,
    index: u64,
}

/// One process: its random stream, and where it stands.
struct Component {
    stream: Stream,
    /// Events expected up to the next event (the process on the scale of its cumulative rate).
    count: f64,
    /// The next event, in nanoseconds; `Time::MAX` when there is none.
    next: Time,
}

impl Schedule {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let component = |entity| Component {
            stream: plan.seed.stream("arrival", entity),
            count: 0.0,
            next: Time::ZERO,
        };
        let components = (0..=plan.spec.shots.len() as u64).map(component).collect();
        let mut schedule = Self { plan, components, index: 0 };
        for component in 0..schedule.components.len() {
            schedule.advance(component);
        }
        schedule
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

    /// Index and intended time of the next event.
    #[inline]
    fn step(&mut self) -> Option<(u64, Time)> {
        let earliest = self.components.iter().enumerate().min_by_key(|(_, c)| c.next);
        let (component, at) = earliest.map(|(index, component)| (index, component.next))?;
        if at == Time::MAX {
            return None;
        }
        self.advance(component);
        self.index += 1;
        Some((self.index - 1, at))
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let (index, at) = self.step()?;
        let (key, bytes) = (self.plan.key(index, at), self.plan.sizes.bytes(at));
        Some(Arrival { index, at, key, bytes })
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
            KeyMode::User | KeyMode::Hashtag => {
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
            let (index, at) = self.schedule.step()?;
            let key = self.schedule.plan.key(index, at);
            if self.schedule.plan.owner(index, key, self.producers) == self.producer {
                let bytes = self.schedule.plan.sizes.bytes(at);
                return Some(Arrival { index, at, key, bytes });
            }
        }
    }
}
