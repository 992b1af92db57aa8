//! The description of traffic, as it stands under `[traffic]` in a scenario file.

use headwater_sim::time::Duration;
use headwater_sim::units::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cascade::CascadeSpec;
use super::error::TrafficError;
use super::form::{BYTES_MAX, PayloadForm};
use super::languages::{LanguageSpec, Languages};
use super::path::{NoiseSpec, RegimeSpec, WeeklySpec};
use super::rate::Rate;
use super::shot::ShotSpec;
use super::trace::TraceSpec;

/// What arrives: rate over time, keys, sizes. Every key has a default; unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrafficSpec {
    /// Mean base rate, such as `"1600/s"`: what the paper's pipeline sustains (section 6).
    pub rate: Rate,
    /// Length of the schedule, such as `"30s"`.
    pub duration: Duration,
    /// How events follow each other at a given rate.
    pub arrivals: Pacing,
    /// What the key of an event is.
    pub key: KeyMode,
    /// Bursts on top of the base rate.
    pub shots: Vec<ShotSpec>,
    /// Daily wave of the base rate.
    pub diurnal: DiurnalSpec,
    /// Who writes.
    pub users: UserSpec,
    /// What about.
    pub hashtags: HashtagSpec,
    /// How large an event is.
    pub size: SizeSpec,
    /// How long a tweet's text is.
    pub text: TextSpec,
    /// Busier and quieter days.
    pub weekly: WeeklySpec,
    /// Slow random swings of the base rate.
    pub noise: NoiseSpec,
    /// Busy and calm times that take turns.
    pub regimes: RegimeSpec,
    /// Retweets.
    pub cascades: CascadeSpec,
    /// Languages that tweets are in; all are English without any.
    pub languages: Vec<LanguageSpec>,
    /// What a payload is, where events have one: live.
    pub payload: PayloadForm,
    /// A recorded trace in place of all that says when events are due and how large they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceSpec>,
}

/// How events follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pacing {
    /// Independently: a Poisson process of the rate, as many users together make.
    #[default]
    Poisson,
    /// Evenly: event `k` of the base stands where `k + 1/2` events are expected.
    Constant,
}

/// What the key of an event is; order is promised per key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyMode {
    /// The user's rank by activity: mild skew.
    #[default]
    User,
    /// The hashtag's rank: strong skew, and one hot key during a shot. Every event has one then.
    Hashtag,
    /// The cascade: a tweet and its retweets have one key, so that one that spreads is a hot key.
    Cascade,
    /// No key: the event's index, different for each event. Producers are to send without a key.
    None,
}

/// `1 + amplitude * cos(2 pi (t - peak) / period)` times the base rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DiurnalSpec {
    /// 0 (off) to 0.99. Peak over trough is `(1 + a) / (1 - a)`; no published ratio was found for
    /// Twitter as a whole, so it is off unless asked for.
    pub amplitude: f64,
    /// Length of the wave.
    pub period: Duration,
    /// When it is highest, from the start of the schedule.
    pub peak: Duration,
}

/// Lognormal activity of users.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserSpec {
    /// How many there are.
    pub count: u64,
    /// Standard deviation of ln(activity), 0 (all alike) to 5. The default 1.6 gives the top 1, 5
    /// and 15 % of users 23, 48 and 71 % of the events; 20, 48 and 85 % were observed (K. Leetaru
    /// on the Decahose of October and November 2012).
    pub sigma: f64,
}

/// Zipf popularity of hashtags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HashtagSpec {
    /// How many there are.
    pub count: u64,
    /// Exponent of Zipf's law, 0 (all alike) to 5. No published slope was found; the ten most used
    /// tags of 74 million tweets (B. Suh et al., "Want to be Retweeted?", SocialCom 2010) fall from
    /// 355,147 to 39,986, which is a slope of 0.95. The default is Zipf's own 1.
    pub alpha: f64,
    /// Share of events outside of shots that carry one, 0 to 1: 10.1 % of those 74 million tweets.
    pub share: f64,
    /// Mean time until the tag of a rank gives way to a new one; 0s (the default) for never. After
    /// a time `t` a share of exp(-t / drift) of the tags is what it was: the vocabulary's turnover
    /// as in H. Chen et al., "Scaling laws and dynamics of hashtags on Twitter", Chaos 30, 2020
    /// (arXiv 2004.12707); its time there depends on the rank, here it is one.
    pub drift: Duration,
}

/// What decides the size of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SizeModel {
    /// A tweet's JSON: a lognormal envelope plus the text.
    #[default]
    Tweet,
    /// Every event has `mean` bytes.
    Fixed,
}

/// Sizes of events, without any header of the system they are written to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SizeSpec {
    /// Which law.
    pub model: SizeModel,
    /// Mean size; with `fixed` the size, 1 B to 64 MiB. The default is that of 100,000 tweets of
    /// the sample stream in May 2011: 211,077,132 B (B. O'Connor, "How much text versus metadata is
    /// in a tweet?", gist.github.com/brendano/1024217). Archives had 0.95 KB in 2006-10 and 7.2 KB
    /// in 2017.
    pub mean: Bytes,
    /// Standard deviation of ln(envelope), 0 to 3. A modelling choice: none was published.
    pub sigma: f64,
}

/// Lengths of texts, in characters of one byte.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TextSpec {
    /// The most frequent length: 33 with a limit of 280, 34 with a limit of 140 (English; Twitter,
    /// October 2018).
    pub mode: u32,
    /// The longest allowed, up to 25,000.
    pub limit: u32,
    /// Share of texts at the limit, above 0 and below 0.5: 1 % with 280, 9 % with 140 (same
    /// source).
    pub at_limit: f64,
}

impl Default for TrafficSpec {
    fn default() -> Self {
        Self {
            rate: Rate::per_second(1_600.0),
            duration: Duration::from_secs(30),
            arrivals: Pacing::default(),
            key: KeyMode::default(),
            shots: vec![],
            diurnal: DiurnalSpec::default(),
            users: UserSpec::default(),
            hashtags: HashtagSpec::default(),
            size: SizeSpec::default(),
            text: TextSpec::default(),
            weekly: WeeklySpec::default(),
            noise: NoiseSpec::default(),
            regimes: RegimeSpec::default(),
            cascades: CascadeSpec::default(),
            languages: vec![],
            payload: PayloadForm::default(),
            trace: None,
        }
    }
}

impl Default for DiurnalSpec {
    fn default() -> Self {
        Self { amplitude: 0.0, period: Duration::from_secs(86_400), peak: Duration::ZERO }
    }
}

impl Default for UserSpec {
    fn default() -> Self {
        Self { count: 1_000_000, sigma: 1.6 }
    }
}

impl Default for HashtagSpec {
    fn default() -> Self {
        Self { count: 100_000, alpha: 1.0, share: 0.101, drift: Duration::ZERO }
    }
}

impl Default for SizeSpec {
    fn default() -> Self {
        Self { model: SizeModel::Tweet, mean: Bytes(2_111), sigma: 0.35 }
    }
}

impl Default for TextSpec {
    fn default() -> Self {
        Self { mode: 33, limit: 280, at_limit: 0.01 }
    }
}

impl TrafficSpec {
    /// The first field that is out of its range, if any.
    pub fn check(&self) -> Result<(), TrafficError> {
        if self.rate == Rate::default() {
            let want = "a rate above zero, such as \"1600/s\"";
            return Err(TrafficError::new("rate", self.rate, want));
        }
        if self.duration == Duration::ZERO {
            let want = "a length above zero, such as \"30s\"";
            return Err(TrafficError::new("duration", self.duration, want));
        }
        for (index, shot) in self.shots.iter().enumerate() {
            shot.check(index)?;
        }
        self.check_diurnal()?;
        self.weekly.check(self.diurnal.period, self.duration)?;
        self.noise.check(self.duration)?;
        self.regimes.check(self.duration)?;
        self.cascades.check()?;
        Languages::check(&self.languages)?;
        if let Some(trace) = &self.trace {
            trace.check()?;
        }
        self.check_keys()?;
        self.check_sizes()
    }

    /// Whether events have keys, that is whether producers are to send them with one.
    pub fn keyed(&self) -> bool {
        self.key != KeyMode::None
    }

    fn check_diurnal(&self) -> Result<(), TrafficError> {
        let want = "an amplitude from 0 to 0.99";
        TrafficError::within("diurnal.amplitude", self.diurnal.amplitude, (0.0, 0.99), want)?;
        if self.diurnal.period == Duration::ZERO {
            let want = "a period above zero, such as \"24h\"";
            return Err(TrafficError::new("diurnal.period", self.diurnal.period, want));
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), TrafficError> {
        let count = |field: &str, count: u64| match count {
            1..=1_000_000_000_000 => Ok(()),
            _ => Err(TrafficError::new(field, count, "a count from 1 to 1,000,000,000,000")),
        };
        count("users.count", self.users.count)?;
        count("hashtags.count", self.hashtags.count)?;
        let range = "a number from 0 to 5";
        TrafficError::within("users.sigma", self.users.sigma, (0.0, 5.0), range)?;
        TrafficError::within("hashtags.alpha", self.hashtags.alpha, (0.0, 5.0), range)?;
        let share = "a share from 0 to 1";
        TrafficError::within("hashtags.share", self.hashtags.share, (0.0, 1.0), share)
    }

    fn check_sizes(&self) -> Result<(), TrafficError> {
        if !(1..=BYTES_MAX).contains(&self.size.mean.0) {
            return Err(TrafficError::new("size.mean", self.size.mean, "a size from 1B to 64MiB"));
        }
        let least = u64::from(self.payload.least());
        if self.size.model == SizeModel::Fixed && self.size.mean.0 < least {
            let want = format!("at least {least}B, which such a payload has room in");
            return Err(TrafficError::new("size.mean", self.size.mean, want));
        }
        TrafficError::within("size.sigma", self.size.sigma, (0.0, 3.0), "a number from 0 to 3")?;
        if !(2..=25_000).contains(&self.text.limit) {
            let want = "a length from 2 to 25,000 characters";
            return Err(TrafficError::new("text.limit", self.text.limit, want));
        }
        if !(1..self.text.limit).contains(&self.text.mode) {
            let want = "a length from 1 to below text.limit";
            return Err(TrafficError::new("text.mode", self.text.mode, want));
        }
        let want = "a share from 0.000001 to 0.5";
        TrafficError::within("text.at_limit", self.text.at_limit, (1e-6, 0.5), want)
    }
}
