//! Describes a schedule: totals, peaks, burstiness, skew and sizes, by walking it once.

mod counts;
mod frequent;
mod svg;
mod text;

use std::sync::Arc;

use hdrhistogram::Histogram;
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use serde::Serialize;

use self::counts::{Dispersion, Peak, Series};
use self::frequent::Frequent;
use super::error::TrafficError;
use super::form::BYTES_MAX;
use super::languages::Language;
use super::payload::tag_name;
use super::plan::{Plan, Tweet};
use super::spec::{KeyMode, TrafficSpec};

/// A schedule, described.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// What it was made from.
    pub spec: TrafficSpec,
    /// And with which seed.
    pub seed: u64,
    /// Events in all.
    pub events: u64,
    /// Their bytes, without headers.
    pub bytes: u64,
    /// Events per second on average.
    pub mean_rate: f64,
    /// The most events in any second (in steps of 0.1 s; the whole schedule, if shorter), per
    /// second.
    pub peak_rate: f64,
    /// When that second begins.
    pub peak_at: Time,
    /// Variance over mean of the events in windows of a length: 1 for a Poisson process. Lengths
    /// that fit fewer than 10 times are left out.
    pub dispersion: Vec<WindowDispersion>,
    /// What the most active users write; nothing of a trace, which does not tell who is one.
    pub top_users: Vec<TopShare>,
    /// Share of the events that are retweets.
    pub retweets: f64,
    /// The most retweets that were drawn and waited to be due, at once: each walk of the schedule
    /// (there is one for each producer) has 16 B for each.
    pub retweets_waiting: u64,
    /// Shares of languages, if there is a mix; the most frequent first.
    pub languages: Vec<LanguageShare>,
    /// Share of the events that have the most frequent key, if events have keys.
    pub hottest_key: Option<f64>,
    /// Mean size in bytes.
    pub size_mean: f64,
    /// Sizes in bytes by quantile.
    pub sizes: Vec<SizeQuantile>,
    /// Share of events with a hashtag.
    pub tagged: f64,
    /// The ten most used hashtags.
    pub hashtags: Vec<HashtagCount>,
    /// Length of a bin of `rates`.
    pub bin: Duration,
    /// Events per second in each bin, from the start.
    pub rates: Vec<f64>,
}

/// Index of dispersion for windows of one length.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowDispersion {
    /// Length of the windows.
    pub window: Duration,
    /// Variance over mean of their counts.
    pub value: f64,
}

/// A share of the users, from the most active down, and its share of the events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopShare {
    /// Share of all users, 0 to 1.
    pub users: f64,
    /// Share of the events, 0 to 1.
    pub events: f64,
}

/// A language and its share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LanguageShare {
    /// Which.
    pub code: Language,
    /// Share of the events, 0 to 1.
    pub events: f64,
}

/// A quantile of sizes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SizeQuantile {
    /// Quantile, 0 to 1.
    pub quantile: f64,
    /// Bytes, to three digits.
    pub bytes: u64,
}

/// A hashtag and how often it is used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HashtagCount {
    /// Its name in the payloads.
    pub name: String,
    /// Events with it.
    pub events: u64,
}

/// Shares of users that are looked at.
const TOP: [f64; 3] = [0.01, 0.05, 0.15];
/// Quantiles of sizes that are looked at.
const QUANTILES: [f64; 7] = [0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0];
/// Window lengths for the index of dispersion, in milliseconds.
const WINDOWS_MS: [u64; 4] = [100, 1_000, 10_000, 60_000];

/// Walks the schedule of `spec` with `seed` once and describes it.
pub fn describe(spec: &TrafficSpec, seed: Seed) -> Result<Description, TrafficError> {
    let plan = Arc::new(spec.plan(seed)?);
    let mut walk = Walk::new(&plan);
    let mut tweets = plan.tweets();
    for tweet in tweets.by_ref() {
        walk.see(&tweet);
    }
    if let Some(trouble) = plan.trouble() {
        let want = "a trace that can be read to its end";
        return Err(TrafficError::new("trace", trouble, want));
    }
    Ok(walk.finish(tweets.pending_max() as u64))
}

struct Walk<'a> {
    plan: &'a Plan,
    events: u64,
    bytes: u64,
    series: Series,
    peak: Peak,
    dispersion: Vec<Dispersion>,
    top: [u64; TOP.len()],
    keys: Frequent,
    tags: Frequent,
    tagged: u64,
    retweets: u64,
    languages: Vec<(Language, u64)>,
    sizes: Histogram<u64>,
}

impl<'a> Walk<'a> {
    fn new(plan: &'a Plan) -> Self {
        let duration = plan.spec.duration;
        let window = |ms| Dispersion::new(Duration::from_millis(ms), duration);
        let (tags, shots) = (&plan.spec.hashtags, plan.spec.shots.len());
        let ranked = tags.drift == Duration::ZERO;
        let keys_ranked = match plan.spec.key {
            _ if plan.spec.trace.is_some() => false,
            KeyMode::User | KeyMode::None => true,
            KeyMode::Hashtag => ranked,
            KeyMode::Cascade => false,
        };
        let count = |ranked| match ranked {
            true => Frequent::ranks(tags.count, shots),
            false => Frequent::any(),
        };
        Self {
            plan,
            events: 0,
            bytes: 0,
            series: Series::new(duration),
            peak: Peak::new(duration),
            dispersion: WINDOWS_MS.map(window).to_vec(),
            top: [0; TOP.len()],
            keys: count(keys_ranked),
            tags: count(ranked && plan.spec.trace.is_none()),
            tagged: 0,
            retweets: 0,
            languages: vec![],
            sizes: Histogram::new_with_max(BYTES_MAX, 3).expect("the bounds are in order"),
        }
    }

    fn see(&mut self, tweet: &Tweet) {
        let arrival = &tweet.arrival;
        self.events += 1;
        self.retweets += u64::from(tweet.original.is_some());
        if !self.plan.spec.languages.is_empty() {
            let language = self.plan.language(tweet);
            match self.languages.iter_mut().find(|(of, _)| *of == language) {
                Some((_, count)) => *count += 1,
                None => self.languages.push((language, 1)),
            }
        }
        self.bytes += u64::from(arrival.bytes);
        self.series.see(arrival.at);
        self.peak.see(arrival.at);
        self.dispersion.iter_mut().for_each(|window| window.see(arrival.at));
        let user = self.plan.users.rank(arrival.at) as f64;
        for (count, share) in self.top.iter_mut().zip(TOP) {
            *count += u64::from(user < share * self.plan.spec.users.count as f64);
        }
        self.keys.see(arrival.key);
        if let Some(tag) = self.plan.tag(tweet) {
            self.tagged += 1;
            self.tags.see(tag);
        }
        self.sizes.saturating_record(u64::from(arrival.bytes));
    }

    fn finish(self, retweets_waiting: u64) -> Description {
        let (spec, events) = (&self.plan.spec, self.events.max(1) as f64);
        let (peak_rate, peak_at) = self.peak.finish();
        let windows = self.dispersion.into_iter().filter_map(Dispersion::finish);
        let dispersion =
            windows.map(|(window, value)| WindowDispersion { window, value }).collect();
        let top = TOP.iter().zip(self.top);
        let top_users =
            top.map(|(users, count)| TopShare { users: *users, events: count as f64 / events });
        let quantile = |quantile| {
            let bytes = if quantile == 0.0 {
                self.sizes.min()
            } else {
                self.sizes.value_at_quantile(quantile)
            };
            SizeQuantile { quantile, bytes }
        };
        let hottest = self.keys.top(1).first().map_or(0.0, |(_, count)| *count as f64 / events);
        let named = |(tag, events)| {
            let mut name = vec![b'#'];
            tag_name(tag, &mut name);
            HashtagCount { name: String::from_utf8_lossy(&name).into_owned(), events }
        };
        let (bin, rates) = self.series.finish();
        let mut languages = self.languages;
        languages.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let share = |(code, count)| LanguageShare { code, events: count as f64 / events };
        let languages = languages.into_iter().map(share).collect();
        Description {
            spec: spec.clone(),
            seed: self.plan.seed.0,
            events: self.events,
            bytes: self.bytes,
            mean_rate: self.events as f64 / spec.duration.as_secs_f64(),
            peak_rate,
            peak_at,
            dispersion,
            top_users: if spec.trace.is_some() { vec![] } else { top_users.collect() },
            retweets: self.retweets as f64 / events,
            retweets_waiting,
            languages,
            hottest_key: (spec.key != KeyMode::None).then_some(hottest),
            size_mean: self.bytes as f64 / events,
            sizes: QUANTILES.map(quantile).to_vec(),
            tagged: self.tagged as f64 / events,
            hashtags: self.tags.top(10).into_iter().map(named).collect(),
            bin,
            rates,
        }
    }
}
