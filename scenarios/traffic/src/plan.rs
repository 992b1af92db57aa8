//! A description and a seed, ready to be opened any number of times.

use std::rc::Rc;
use std::sync::Arc;

use headwater_models::arrival::{Arrival, ArrivalSource};
use headwater_sim::random::Seed;
use headwater_sim::time::Time;

use super::base::Base;
use super::error::TrafficError;
use super::hashtags::Topics;
use super::marks::Purpose;
use super::schedule::{Part, Schedule};
use super::shot::Shot;
use super::sizes::Sizes;
use super::spec::{KeyMode, TrafficSpec};
use super::users::Users;

/// The laws of a schedule with their seed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) seed: Seed,
    pub(super) spec: TrafficSpec,
    /// Users by rank.
    pub users: Users,
    /// Text lengths and sizes.
    pub sizes: Sizes,
    /// Hashtags by rank.
    pub topics: Topics,
}

impl TrafficSpec {
    /// Checks the description and fixes its randomness.
    pub fn plan(&self, seed: Seed) -> Result<Plan, TrafficError> {
        self.check()?;
        let purpose = |name| Purpose::new(seed, name);
        let per_nano = self.rate.per_nano();
        let base = Base::new(per_nano, &self.diurnal);
        let shots = self.shots.iter().map(|shot| (Shot::new(shot, per_nano), shot.focus));
        let shots = shots.collect();
        Ok(Plan {
            seed,
            users: Users::new(purpose("user"), &self.users),
            sizes: Sizes::new(purpose("text"), purpose("size"), &self.size, &self.text),
            topics: Topics::new(purpose("hashtag"), &self.hashtags, base, shots),
            spec: self.clone(),
        })
    }

    /// The whole schedule. The same description and seed give the same events.
    pub fn schedule(&self, seed: Seed) -> Result<Schedule, TrafficError> {
        Ok(Arc::new(self.plan(seed)?).schedule())
    }

    /// The schedule as producers open it; see [`Plan::source`].
    pub fn source(&self, seed: Seed) -> Result<ArrivalSource, TrafficError> {
        Ok(Arc::new(self.plan(seed)?).source())
    }
}

impl Plan {
    /// The description.
    pub fn spec(&self) -> &TrafficSpec {
        &self.spec
    }

    /// The seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// All events in order of time.
    pub fn schedule(self: &Arc<Self>) -> Schedule {
        Schedule::new(Arc::clone(self))
    }

    /// The events of producer `producer` out of `producers`, in order of time: those whose key
    /// hashes to it, so that a key's events have one writer; without keys every `producers`-th
    /// event. Each part walks the whole schedule and leaves out what is not its own.
    pub fn part(self: &Arc<Self>, producer: u32, producers: u32) -> Part {
        Part::new(self.schedule(), producer, producers)
    }

    /// Opens parts: what the models' producers pull from.
    pub fn source(self: &Arc<Self>) -> ArrivalSource {
        let plan = Arc::clone(self);
        Rc::new(move |producer, producers| Box::new(plan.part(producer, producers)))
    }

    /// The key of event `index`, which is meant for `at`.
    pub(super) fn key(&self, index: u64, at: Time) -> u64 {
        match self.spec.key {
            KeyMode::User => self.users.rank(at),
            KeyMode::Hashtag => self.topics.tag(at),
            KeyMode::None => index,
        }
    }

    /// The hashtag of an event, if it has one; in hashtag mode that is its key.
    pub fn tag(&self, arrival: &Arrival) -> Option<u64> {
        match self.spec.key {
            KeyMode::Hashtag => Some(arrival.key),
            KeyMode::User | KeyMode::None => self.topics.tag_if_any(arrival.at),
        }
    }

    /// Expected events per second at `at`.
    pub fn rate(&self, at: Time) -> f64 {
        let shots = self.topics.shots.iter().map(|(shot, _)| shot.rate(at));
        (self.topics.base.rate(at) + shots.sum::<f64>()) * 1e9
    }
}
