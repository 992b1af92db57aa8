//! What happened in each interval of a run.

use serde::{Deserialize, Serialize};

/// Columns over fixed intervals: element `i` of each covers `[i * interval_ns, (i + 1) *
/// interval_ns)` since the run's start. All columns have the same length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// Length of an interval, nanoseconds.
    pub interval_ns: u64,
    /// Events the schedule intended for the interval.
    pub offered: Vec<u64>,
    /// Events a producer took in the interval.
    pub sent: Vec<u64>,
    /// Events acknowledged in the interval.
    pub acked: Vec<u64>,
    /// Events delivered to a reader in the interval.
    pub consumed: Vec<u64>,
    /// Events intended but neither acknowledged nor failed at the interval's end.
    pub backlog: Vec<u64>,
    /// Median response time of the events acknowledged in the interval, nanoseconds.
    pub response_p50_ns: Vec<Option<u64>>,
    /// 99th percentile of the same, nanoseconds. Of an interval the nearest rank is given even
    /// where few events lie beyond it.
    pub response_p99_ns: Vec<Option<u64>>,
    /// Largest of the same, nanoseconds.
    pub response_max_ns: Vec<Option<u64>>,
    /// 99th percentile of the schedule lag of the events sent in the interval, nanoseconds.
    pub schedule_lag_p99_ns: Vec<Option<u64>>,
    /// Levels of the system under test, sampled at each interval's end.
    pub gauges: Vec<Gauge>,
}

/// A level sampled at the end of each interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gauge {
    /// Name, such as `store-1/tier2_backlog`.
    pub name: String,
    /// Unit, such as `bytes` or `events`.
    pub unit: String,
    /// The samples; absent where none was taken.
    pub values: Vec<Option<f64>>,
}

impl Series {
    /// Intervals covered.
    pub fn len(&self) -> usize {
        self.offered.len()
    }

    /// Whether no interval was covered.
    pub fn is_empty(&self) -> bool {
        self.offered.is_empty()
    }

    /// An interval in seconds; zero for an empty series.
    pub fn interval_seconds(&self) -> f64 {
        self.interval_ns as f64 / 1e9
    }

    /// The longest stretch of intervals without an acknowledgement though something was due,
    /// nanoseconds.
    pub fn longest_ack_gap_ns(&self) -> u64 {
        let (mut gap, mut longest) = (0_u64, 0);
        for ((acked, offered), backlog) in self.acked.iter().zip(&self.offered).zip(&self.backlog) {
            let waiting = *acked == 0 && (*offered > 0 || *backlog > 0);
            gap = if waiting { gap + 1 } else { 0 };
            longest = longest.max(gap);
        }
        longest * self.interval_ns
    }

    /// Those of its intervals that lie in `from_ns .. until_ns`, nanoseconds since the run's start,
    /// in part at least: what they say of offers, acknowledgements and the backlog.
    pub fn between(&self, from_ns: u64, until_ns: u64) -> Self {
        let interval = self.interval_ns.max(1);
        let until = (until_ns.div_ceil(interval) as usize).min(self.len());
        let from = ((from_ns / interval) as usize).min(until);
        let cut = |of: &[u64]| of.get(from..until).unwrap_or_default().to_vec();
        Self {
            interval_ns: self.interval_ns,
            offered: cut(&self.offered),
            acked: cut(&self.acked),
            backlog: cut(&self.backlog),
            ..Self::default()
        }
    }

    /// Names the column whose length differs, if any does.
    pub(crate) fn check(&self) -> Result<(), String> {
        let length = self.len();
        if length > 0 && self.interval_ns == 0 {
            return Err("series.interval_ns is 0".to_owned());
        }
        let columns = [
            ("sent", self.sent.len()),
            ("acked", self.acked.len()),
            ("consumed", self.consumed.len()),
            ("backlog", self.backlog.len()),
            ("response_p50_ns", self.response_p50_ns.len()),
            ("response_p99_ns", self.response_p99_ns.len()),
            ("response_max_ns", self.response_max_ns.len()),
            ("schedule_lag_p99_ns", self.schedule_lag_p99_ns.len()),
        ];
        let gauges = self.gauges.iter().map(|gauge| (gauge.name.as_str(), gauge.values.len()));
        match columns.into_iter().chain(gauges).find(|(_, found)| *found != length) {
            Some((name, found)) => {
                Err(format!("series.{name} has {found} intervals, series.offered has {length}"))
            }
            None => Ok(()),
        }
    }
}
