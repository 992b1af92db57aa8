//! Shots: bursts on top of the base rate, with a rise, a hold and an exponential decay.
//!
//! ```text
//! rate
//!  peak x base         ____
//!                     /    \
//!                    /      `-.          rise: linear; hold: flat;
//!          base ____/          `--.____  decay: exponential, its time constant given
//!                   at  rise hold  decay
//! ```

use headwater_sim::time::{Duration, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::TrafficError;

/// A burst. What it adds to the rate is `(peak - 1) x base x shape(t)`, where the shape rises from
/// 0 to 1 in `rise`, stays there for `hold`, and falls as `exp(-t / decay)`.
///
/// In a file either `preset` or `peak` must be given; what stands beside a preset overrides it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
pub struct ShotSpec {
    /// When it begins, from the start of the schedule.
    pub at: Duration,
    /// The rate at its peak, as a multiple of the base rate; at least 1.
    pub peak: f64,
    /// How long it rises.
    pub rise: Duration,
    /// How long it stays at its peak.
    pub hold: Duration,
    /// Time constant of its decay.
    pub decay: Duration,
    /// Share of its events that carry the shot's own hashtag, 0 to 1. A modelling choice: what the
    /// shot adds is about the shot (default 1).
    pub focus: f64,
}

/// Bursts with a name, after what was observed on Twitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// 4x: a goal in a match. 3,283 tweets/s against a mean of 750 in the World Cup of 2010 is 4.4x
    /// (firstpost.com, August 2013). Rise and decay are a modelling choice.
    Goal,
    /// 6x: 6,939 tweets/s four seconds into 2011 in Japan, against a mean of 1,000 to 1,100
    /// (firstpost.com, August 2013). Rise and decay are a modelling choice.
    BreakingNews,
    /// 25x: 143,199 tweets in the second at 2013-08-03 11:21:50 JST, when "Castle in the Sky" was
    /// on television, against a mean of 5,700/s (R. Krikorian, "New Tweets per second record, and
    /// how!", Twitter engineering blog, 2013-08-16).
    Castle,
}

impl Preset {
    /// The shot of this name, beginning at `at`.
    pub fn shot(self, at: Duration) -> ShotSpec {
        let secs = Duration::from_secs;
        let (peak, rise, hold, decay) = match self {
            Self::Goal => (4.0, secs(5), Duration::ZERO, secs(60)),
            Self::BreakingNews => (6.0, secs(60), Duration::ZERO, secs(1_200)),
            Self::Castle => {
                (25.0, Duration::from_millis(500), secs(1), Duration::from_millis(1_500))
            }
        };
        ShotSpec { at, peak, rise, hold, decay, focus: 1.0 }
    }
}

/// A shot as it stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// When it begins, from the start of the schedule.
    at: Duration,
    /// A shape by its name; what else is given goes before it.
    preset: Option<Preset>,
    /// The rate at its peak, as a multiple of the base rate; at least 1. Without a preset required.
    peak: Option<f64>,
    /// How long it rises.
    rise: Option<Duration>,
    /// How long it stays at its peak.
    hold: Option<Duration>,
    /// How long it takes to fall to 37 % of what is left, again and again.
    decay: Option<Duration>,
    /// Share of its events that are about its one hashtag.
    focus: Option<f64>,
}

impl TryFrom<Written> for ShotSpec {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let base = match (written.preset, written.peak) {
            (Some(preset), _) => preset.shot(written.at),
            (None, Some(peak)) => {
                let zero = Duration::ZERO;
                Self { at: written.at, peak, rise: zero, hold: zero, decay: zero, focus: 1.0 }
            }
            (None, None) => {
                let presets = "\"goal\", \"breaking-news\" or \"castle\"";
                return Err(format!("a shot needs `preset` ({presets}) or `peak` (such as 4.0)"));
            }
        };
        Ok(Self {
            at: base.at,
            peak: written.peak.unwrap_or(base.peak),
            rise: written.rise.unwrap_or(base.rise),
            hold: written.hold.unwrap_or(base.hold),
            decay: written.decay.unwrap_or(base.decay),
            focus: written.focus.unwrap_or(base.focus),
        })
    }
}

impl ShotSpec {
    /// What is out of range, if anything; `index` is its place in the list.
    pub(super) fn check(&self, index: usize) -> Result<(), TrafficError> {
        let field = |name: &str| format!("shots[{index}].{name}");
        let peak = "a multiple of the base rate from 1 to 10,000";
        TrafficError::within(&field("peak"), self.peak, (1.0, 10_000.0), peak)?;
        TrafficError::within(&field("focus"), self.focus, (0.0, 1.0), "a share from 0 to 1")?;
        if self.rise + self.hold + self.decay == Duration::ZERO {
            let want = "at least one of rise, hold and decay above 0s";
            return Err(TrafficError::new(format!("shots[{index}]"), "of no length", want));
        }
        Ok(())
    }
}

/// A shot ready to be sampled: times in nanoseconds, rates in events per nanosecond.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    at: f64,
    height: f64,
    rise: f64,
    hold: f64,
    decay: f64,
}

impl Shot {
    pub(super) fn new(spec: &ShotSpec, base_per_nano: f64) -> Self {
        Self {
            at: spec.at.0 as f64,
            height: (spec.peak - 1.0) * base_per_nano,
            rise: spec.rise.0 as f64,
            hold: spec.hold.0 as f64,
            decay: spec.decay.0 as f64,
        }
    }

    /// What it adds to the rate at `at`, in events per nanosecond.
    pub(super) fn rate(&self, at: Time) -> f64 {
        let age = at.0 as f64 - self.at;
        let fall = age - self.rise - self.hold;
        let shape = if age < 0.0 {
            0.0
        } else if age < self.rise {
            age / self.rise
        } else if fall <= 0.0 {
            1.0
        } else if self.decay > 0.0 {
            libm::exp(-fall / self.decay)
        } else {
            0.0
        };
        self.height * shape
    }

    /// The time at which it has brought `count` events, or `None` if it never brings so many.
    pub(super) fn inverse(&self, count: f64) -> Option<f64> {
        // The area under the shape, in nanoseconds.
        let area = count / self.height;
        if area < self.rise / 2.0 {
            return Some(self.at + libm::sqrt(2.0 * self.rise * area));
        }
        let held = area - self.rise / 2.0;
        if held < self.hold {
            return Some(self.at + self.rise + held);
        }
        let left = 1.0 - (held - self.hold) / self.decay;
        // A zero decay gives a NaN or an infinity here, which is not above zero.
        (left > 0.0).then(|| self.at + self.rise + self.hold - self.decay * libm::log(left))
    }
}
