//! The description of cascades, as it stands under `[traffic.cascades]`.

use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::TrafficError;

/// How long after an event its retweets come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// As measured of 166,076 tweets of October 2011 with at least 50 retweets: constant for 300 s,
    /// then a power law of exponent 1.2314843 (Q. Zhao et al., "SEISMIC: A Self-Exciting Point
    /// Process Model for Predicting Tweet Popularity", KDD 2015; the defaults of `memory_pdf` in
    /// its R package `seismic`). Half come within 41 minutes, 22 % after more than a day.
    #[default]
    Retweets,
    /// Exponential, of mean `delay`: what answers in seconds (replies, bots, chants).
    Exponential,
}

/// Retweets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CascadeSpec {
    /// Retweets that an event begets on average, 0 (off) to 0.95. That share of the base rate are
    /// retweets; those of bursts come on top. Of a billion tweets 93, 5, 0.9 and 0.3 % had 0, 1, 2
    /// and 3 retweets (S. Goel et al., "The Structural Virality of Online Diffusion", Management
    /// Science 62, 2016, as told by D. Watts): 0.1 gives 93.4, 5.2, 0.8 and 0.2. Of 1.2 billion
    /// adoptions in that work 600 million were originals, which is 0.5.
    pub ratio: f64,
    /// How long retweets take.
    pub kernel: Kernel,
    /// Mean delay of an exponential kernel.
    pub delay: Duration,
    /// Exponent of the density of marks, 2.05 to 10, or 0 for events that are all alike. The
    /// default 2.25 is that of followers (2.276 over a part of the range: H. Kwak et al., "What is
    /// Twitter, a Social Network or a News Media?", WWW 2010), rounded.
    pub tail: f64,
    /// The largest mark as a multiple of the least, 1 to 1,000,000,000.
    pub most: f64,
}

impl Default for CascadeSpec {
    fn default() -> Self {
        Self {
            ratio: 0.0,
            kernel: Kernel::Retweets,
            delay: Duration::from_secs(2),
            tail: 2.25,
            most: 100_000.0,
        }
    }
}

impl CascadeSpec {
    /// Whether there are any.
    pub(crate) fn on(&self) -> bool {
        self.ratio > 0.0
    }

    /// The first field that is out of its range, if any.
    pub(crate) fn check(&self) -> Result<(), TrafficError> {
        let want = "a mean number of retweets from 0 to 0.95";
        TrafficError::within("cascades.ratio", self.ratio, (0.0, 0.95), want)?;
        if self.delay == Duration::ZERO {
            let want = "a mean delay above zero, such as \"2s\"";
            return Err(TrafficError::new("cascades.delay", self.delay, want));
        }
        if self.tail != 0.0 {
            let want = "0 (no marks) or an exponent from 2.05 to 10";
            TrafficError::within("cascades.tail", self.tail, (2.05, 10.0), want)?;
        }
        let want = "a multiple from 1 to 1,000,000,000";
        TrafficError::within("cascades.most", self.most, (1.0, 1e9), want)
    }
}
