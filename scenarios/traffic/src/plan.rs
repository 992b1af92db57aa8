//! A description and a seed, ready to be opened any number of times.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use headwater_models::arrival::{Arrival, ArrivalSource};
use headwater_models::topics::Topics as About;
use headwater_sim::random::Seed;
use headwater_sim::time::Time;

use super::base::Base;
use super::cascade::Cascades;
use super::error::TrafficError;
use super::hashtags::Topics;
use super::languages::{Language, Languages};
use super::marks::Purpose;
use super::schedule::{Part, Schedule, Tweets};
use super::shot::Shot;
use super::sizes::Sizes;
use super::spec::{KeyMode, TrafficSpec};
use super::trace::Trouble;
use super::users::Users;

/// In place of a hashtag; none has this number.
const NO_TAG: u64 = u64::MAX;

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
    pub(super) languages: Languages,
    /// Retweets, where there are any.
    pub(super) cascades: Option<Cascades>,
    /// What was wrong with a trace while it was walked.
    pub(super) trouble: Trouble,
}

/// An event and what it retweets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tweet {
    /// The event.
    pub arrival: Arrival,
    /// When what it retweets was written, in nanoseconds from the start of the schedule, below
    /// zero before it; none if it is no retweet. A cascade is known by this.
    pub original: Option<i64>,
}

impl Tweet {
    /// The time that the marks of what it is about are drawn from: its own, or the original's. One
    /// before the start is a time beyond all others.
    pub(super) fn about(&self) -> Time {
        self.original.map_or(self.arrival.at, |original| Time(original as u64))
    }
}

impl TrafficSpec {
    /// Checks the description and fixes its randomness.
    pub fn plan(&self, seed: Seed) -> Result<Plan, TrafficError> {
        self.check()?;
        let purpose = |name| Purpose::new(seed, name);
        let per_nano = self.rate.per_nano();
        let languages = Languages::new(purpose("language"), self);
        let cascades = (self.cascades.on() && self.trace.is_none())
            .then(|| Cascades::new(&self.cascades, purpose("cascade"), per_nano, self.duration));
        // What is no retweet.
        let original = if cascades.is_some() { 1.0 - self.cascades.ratio } else { 1.0 };
        let base = Base::of(self, seed, per_nano * original, &languages);
        let shots = self.shots.iter().map(|shot| (Shot::new(shot, per_nano), shot.focus));
        let shots = shots.collect();
        let least = self.payload.least();
        Ok(Plan {
            seed,
            users: Users::new(purpose("user"), &self.users),
            sizes: Sizes::new(purpose("text"), purpose("size"), (&self.size, least), &self.text),
            topics: Topics::new(purpose("hashtag"), &self.hashtags, base, shots),
            spec: self.clone(),
            languages,
            cascades,
            trouble: Trouble::default(),
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

    /// All events in order of time, with what they retweet.
    pub fn tweets(self: &Arc<Self>) -> Tweets {
        Tweets::new(self.schedule())
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

    /// What events are about, for the models. Where there are retweets the schedule is walked
    /// beside those who ask, up to the latest event that they ask for: what an event retweets it
    /// does not say. That takes 8 bytes of each.
    pub fn topics(self: &Arc<Self>) -> About {
        let plan = Arc::clone(self);
        if plan.cascades.is_none() {
            return About::new(move |arrival| plan.tag(&Tweet { arrival, original: None }));
        }
        // Most runs have nobody who asks.
        let walked = RefCell::new(None);
        About::new(move |arrival| {
            let walked = &mut *walked.borrow_mut();
            let (tweets, tags) = walked.get_or_insert_with(|| (plan.tweets(), Vec::new()));
            while tags.len() as u64 <= arrival.index {
                let tag = plan.tag(&tweets.next()?);
                tags.push(tag.unwrap_or(NO_TAG));
            }
            Some(tags[arrival.index as usize]).filter(|tag| *tag != NO_TAG)
        })
    }

    /// Why a schedule of this plan ended before its time, if one did: its trace could not be read
    /// to the end, though it could when it was opened.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.get().map(String::as_str)
    }

    /// The key of event `index`, which is meant for `at` and may retweet.
    #[inline]
    pub(super) fn key(&self, index: u64, at: Time, original: Option<i64>) -> u64 {
        match self.spec.key {
            KeyMode::User => self.users.rank(at),
            KeyMode::Hashtag => {
                self.topics.tag(original.map_or(at, |original| Time(original as u64)))
            }
            KeyMode::Cascade => original.map_or(at.0, |original| original as u64),
            KeyMode::None => index,
        }
    }

    /// The user who writes it; in user mode that is its key.
    pub(super) fn user(&self, arrival: &Arrival) -> u64 {
        match self.spec.key {
            KeyMode::User => arrival.key,
            KeyMode::Hashtag | KeyMode::Cascade | KeyMode::None => self.users.rank(arrival.at),
        }
    }

    /// The hashtag of an event, if it has one: a retweet has its original's. In hashtag mode it is
    /// the key.
    pub fn tag(&self, tweet: &Tweet) -> Option<u64> {
        match self.spec.key {
            KeyMode::Hashtag => Some(tweet.arrival.key),
            KeyMode::User | KeyMode::Cascade | KeyMode::None => {
                self.topics.tag_if_any(tweet.about())
            }
        }
    }

    /// The language of an event: a retweet has its original's.
    pub fn language(&self, tweet: &Tweet) -> Language {
        self.languages.at(tweet.about())
    }

    /// Expected events per second at `at`; of retweets those of a stationary base.
    pub fn rate(&self, at: Time) -> f64 {
        let shots = self.topics.shots.iter().map(|(shot, _)| shot.rate(at));
        (self.topics.base.rate(at) + shots.sum::<f64>()) * 1e9 + self.retweets()
    }

    /// Events that the base is expected to bring from 0 to `at`, without retweets and bursts.
    pub fn expected(&self, at: Time) -> f64 {
        self.topics.base.expected(at)
    }

    fn retweets(&self) -> f64 {
        match self.cascades {
            Some(_) => self.spec.cascades.ratio * self.spec.rate.as_per_second(),
            None => 0.0,
        }
    }
}
