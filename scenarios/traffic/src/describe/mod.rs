//! Describes a schedule: totals, peaks, burstiness, skew and sizes, by walking it once.

mod counts;
mod svg;
mod text;

use std::sync::Arc;

use hdrhistogram::Histogram;
use headwater_models::arrival::Arrival;
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use serde::Serialize;

use self::counts::{Dispersion, Peak, Series};
use super::error::TrafficError;
use super::payload::tag_name;
use super::plan::Plan;
use super::sizes::BYTES_MAX;
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
    /// What the most active users write.
    pub top_users: Vec<TopShare>,
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

/// Hashtags and keys counted one by one: the first ranks, which are the most used, and the shots'.
const RANKS: u64 = 4_096;
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
    for arrival in plan.schedule() {
        walk.see(&arrival);
    }
    Ok(walk.finish())
}

struct Walk<'a> {
    plan: &'a Plan,
    events: u64,
    bytes: u64,
    series: Series,
    peak: Peak,
    dispersion: Vec<Dispersion>,
    top: [u64; TOP.len()],
    keys: Ranks,
    tags: Ranks,
    tagged: u64,
    sizes: Histogram<u64>,
}

impl<'a> Walk<'a> {
    fn new(plan: &'a Plan) -> Self {
        let duration = plan.spec.duration;
        let window = |ms| Dispersion::new(Duration::from_millis(ms), duration);
        let ranks = || Ranks::new(plan.spec.hashtags.count, plan.spec.shots.len());
        Self {
            plan,
            events: 0,
            bytes: 0,
            series: Series::new(duration),
            peak: Peak::new(duration),
            dispersion: WINDOWS_MS.map(window).to_vec(),
            top: [0; TOP.len()],
            keys: ranks(),
            tags: ranks(),
            tagged: 0,
            sizes: Histogram::new_with_max(BYTES_MAX, 3).expect("the bounds are in order"),
        }
    }

    fn see(&mut self, arrival: &Arrival) {
        self.events += 1;
        self.bytes += u64::from(arrival.bytes);
        self.series.see(arrival.at);
        self.peak.see(arrival.at);
        self.dispersion.iter_mut().for_each(|window| window.see(arrival.at));
        let user = self.plan.users.rank(arrival.at) as f64;
        for (count, share) in self.top.iter_mut().zip(TOP) {
            *count += u64::from(user < share * self.plan.spec.users.count as f64);
        }
        self.keys.see(arrival.key);
        if let Some(tag) = self.plan.tag(arrival) {
            self.tagged += 1;
            self.tags.see(tag);
        }
        self.sizes.saturating_record(u64::from(arrival.bytes));
    }

    fn finish(self) -> Description {
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
        Description {
            spec: spec.clone(),
            seed: self.plan.seed.0,
            events: self.events,
            bytes: self.bytes,
            mean_rate: self.events as f64 / spec.duration.as_secs_f64(),
            peak_rate,
            peak_at,
            dispersion,
            top_users: top_users.collect(),
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

/// Counts of the first ranks and of the shots' own hashtags, which come after all ranks.
struct Ranks {
    own: u64,
    counts: Vec<u64>,
}

impl Ranks {
    fn new(own: u64, shots: usize) -> Self {
        Self { own, counts: vec![0; RANKS as usize + shots] }
    }

    fn see(&mut self, rank: u64) {
        let place = if rank >= self.own { RANKS + (rank - self.own) } else { rank };
        let counted = rank < RANKS.min(self.own) || rank >= self.own;
        if let Some(count) = self.counts.get_mut(place as usize).filter(|_| counted) {
            *count += 1;
        }
    }

    /// The most frequent, with their counts.
    fn top(&self, most: usize) -> Vec<(u64, u64)> {
        let rank = |place: u64| if place >= RANKS { self.own + (place - RANKS) } else { place };
        let mut counts: Vec<_> = (0..).map(rank).zip(self.counts.iter().copied()).collect();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_by_key(|(rank, count)| (std::cmp::Reverse(*count), *rank));
        counts.truncate(most);
        counts
    }
}
