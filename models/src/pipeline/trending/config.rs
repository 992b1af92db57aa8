//! Configuration of a count of hashtags: options with the source of each default.
//!
//! Left out: counts that are shown before a window is over, estimates in place of exact counts.

use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::system::Windows;

/// Where a process begins that is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Where the windows begin that were not over.
    Position,
    /// Behind what is there (`auto.offset.reset = latest` of a consumer that commits nothing).
    Latest,
}

/// A count of hashtags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "models/src/pipeline/trending/config.rs: the default of each option from the \
                  product that it names"
))]
pub struct Cluster {
    /// Length of a window, by the times at which tweets were written. Default 10 s: the windows of
    /// the query that the engine's costs were measured with.
    #[serde(rename = "window.size")]
    pub window_size: Duration,
    /// From the beginning of a window to that of the next, of which its length is a multiple: as
    /// long as that they follow one another, shorter they overlap. Default 10 s.
    #[serde(rename = "window.advance")]
    pub window_advance: Duration,
    /// How late a tweet may come at the most: so long a window stays open. Default 1 min, which the
    /// documentation of Beam's `CustomTimestampPolicyWithLimitedDelay` has.
    #[serde(rename = "max.delay")]
    pub max_delay: Duration,
    /// Hashtags that are shown. Default 200 (`max_words` of the class `WordCloud`,
    /// amueller/word_cloud 1.9.3).
    pub top: u32,
    /// A tweet that comes again is not counted again: the ids of a window's tweets are kept.
    /// Default true.
    pub distinct: bool,
    /// Where a process begins that is started again: `position` or `latest`. Default `position`.
    pub restart: Restart,
    /// Events that are read at once at the most. Default 500 (`max.poll.records`,
    /// `ConsumerConfig.java` @ apache/kafka 3.9.0).
    #[serde(rename = "max.poll.records")]
    pub max_poll_records: u64,
    /// Partitions of the source where it takes the schedule; behind a stream, as many as that has.
    /// Default 1.
    #[serde(rename = "source.partitions")]
    pub source_partitions: u32,
    /// CPU times.
    pub costs: Costs,
}

/// CPU times of one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "measured with CPython 3.11 on two cores, timeit, the best of 7: `json.loads` of \
                  a tweet of 1,989 B, `Counter` and `set` updated, six counters of 1,000 added up, \
                  `most_common(50)` of 2,000"
))]
pub struct Costs {
    /// From the start of the process until it reads its position: `import json, collections`.
    pub start: Duration,
    /// A KiB of tweets is parsed.
    pub kib: Duration,
    /// A hashtag is counted.
    pub count: Duration,
    /// A hashtag of a pane is added up with those of the window's others.
    pub merge: Duration,
    /// A hashtag of a window is ranked.
    pub rank: Duration,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            window_size: Duration::from_secs(10),
            window_advance: Duration::from_secs(10),
            max_delay: Duration::from_secs(60),
            top: 200,
            distinct: true,
            restart: Restart::Position,
            max_poll_records: 500,
            source_partitions: 1,
            costs: Costs {
                start: Duration::from_millis(140),
                kib: Duration::from_micros(17),
                count: Duration::from_nanos(310),
                merge: Duration::from_nanos(300),
                rank: Duration::from_nanos(155),
            },
        }
    }
}

/// Windows that a tweet counts in at the most.
const WINDOWS_MAX: u64 = 10_000;

impl Cluster {
    /// What makes it impossible, if anything.
    ///
    /// # Errors
    /// The first option that cannot be 0, or a window that is no multiple of its advance.
    pub fn check(&self) -> Result<(), String> {
        let least = [
            ("window.size", self.window_size.0),
            ("window.advance", self.window_advance.0),
            ("top", self.top.into()),
            ("max.poll.records", self.max_poll_records),
            ("source.partitions", self.source_partitions.into()),
        ];
        if let Some((name, _)) = least.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} is 0: it is above that"));
        }
        let windows = self.window_size.0 / self.window_advance.0;
        match self.window_size.0 % self.window_advance.0 {
            0 if windows <= WINDOWS_MAX => Ok(()),
            0 => Err(format!(
                "window.size is {} times window.advance, above {WINDOWS_MAX}: a tweet counts in as \
                 many windows",
                windows
            )),
            _ => Err(format!(
                "window.size is {}, and window.advance {}: the one is a multiple of the other",
                self.window_size, self.window_advance
            )),
        }
    }

    /// The windows.
    pub fn windows(&self) -> Windows {
        let (size, advance) = (self.window_size, self.window_advance);
        Windows { size, advance, top: self.top as usize }
    }
}
