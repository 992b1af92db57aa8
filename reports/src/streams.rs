//! The streams of a run: what a system took in and handed out, each by its name.
//!
//! The figures at the top of an Outcome are totals: counts and rates added up over the streams,
//! histograms merged. A run with one stream has nothing else, so that its stream stands in the file
//! without figures of its own; a run with several has them for each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::latency::{Latencies, Latency};
use crate::outcome::{Counts, Outcome, Rates};
use crate::series::Series;
use crate::verdict::VerdictStatus;

/// A stream of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// The system that carries it, such as `kafka`.
    pub system: String,
    /// The stream whose readers hand it its events; absent where the schedule does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What its checkers found, by name; the Outcome's `verdicts` have the details.
    #[serde(default)]
    pub verdicts: BTreeMap<String, VerdictStatus>,
    /// How long each event was in it, from when it was due here until it was handed on or came out;
    /// absent where systems don't hand on to one another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passage: Option<Latency>,
    /// What was measured of it; absent for the only stream, whose figures are the totals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

/// What was measured of a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Events counted, over the whole run. Of a stream that another hands its events, `scheduled`
    /// counts what it was handed.
    pub counts: Counts,
    /// Mean rates, over the window.
    pub rates: Rates,
    /// Latency distributions, over the window, from the intended time of the schedule: of a stream
    /// behind another they have that one's in them.
    pub latency: Latencies,
    /// What happened in each interval; levels of nodes are in the totals' series.
    pub series: Series,
}

/// The figures of a run or of one of its streams.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Events counted.
    pub counts: &'a Counts,
    /// Mean rates.
    pub rates: &'a Rates,
    /// Latency distributions.
    pub latency: &'a Latencies,
    /// What happened in each interval.
    pub series: &'a Series,
    /// Verdicts that found what they look for, expected or not.
    pub found: u64,
}

impl Outcome {
    /// The totals.
    pub fn total(&self) -> View<'_> {
        let found = self.verdicts.iter().filter(|verdict| verdict.status.found()).count() as u64;
        let Self { counts, rates, latency, series, .. } = self;
        View { counts, rates, latency, series, found }
    }

    /// What the checkers of a stream (or of the whole run) found, by name.
    pub fn statuses(&self, stream: Option<&str>) -> BTreeMap<String, VerdictStatus> {
        let of_stream = self.verdicts.iter().filter(|it| it.stream.as_deref() == stream);
        of_stream.map(|verdict| (verdict.name.clone(), verdict.status)).collect()
    }

    /// The figures of a stream.
    pub fn stream(&self, name: &str) -> Option<View<'_>> {
        let stream = self.streams.get(name)?;
        let Some(Figures { counts, rates, latency, series }) = &stream.figures else {
            return Some(self.total());
        };
        let found = stream.verdicts.values().filter(|status| status.found()).count() as u64;
        Some(View { counts, rates, latency, series, found })
    }

    /// The streams that have figures of their own, in the order in which events pass them: none if
    /// there is only one.
    pub fn several(&self) -> Vec<(&str, &Stream, View<'_>)> {
        if self.streams.len() < 2 {
            return Vec::new();
        }
        let mut all: Vec<_> = self.streams.iter().collect();
        all.sort_by_key(|(name, stream)| (self.depth(stream), *name));
        let view = |name: &str| self.stream(name).expect("it is listed");
        all.into_iter().map(|(name, stream)| (name.as_str(), stream, view(name))).collect()
    }

    /// How many streams events pass before this one. A cycle, which no scenario can have, ends
    /// after as many steps as there are streams.
    fn depth(&self, stream: &Stream) -> usize {
        let before = |stream: &&Stream| self.streams.get(stream.from.as_ref()?);
        std::iter::successors(Some(stream), before).take(self.streams.len() + 1).count() - 1
    }

    /// Says what is wrong with the streams, if anything is.
    pub(crate) fn check_streams(&self) -> Result<(), String> {
        if self.streams.is_empty() {
            return Err("streams is empty: a run has one at least".to_owned());
        }
        let one = self.streams.len() == 1;
        for (name, stream) in &self.streams {
            if one == stream.figures.is_some() {
                let why = if one { "figures beside the totals" } else { "no figures" };
                return Err(format!("streams.{name} has {why}, of {} streams", self.streams.len()));
            }
            if let Some(from) = stream.from.as_ref().filter(|it| !self.streams.contains_key(*it)) {
                return Err(format!("streams.{name} is from `{from}`, which is no stream"));
            }
            if let Some(figures) = &stream.figures {
                figures.series.check().map_err(|problem| format!("streams.{name}.{problem}"))?;
                figures.rates.check().map_err(|problem| format!("streams.{name}.{problem}"))?;
            }
        }
        let names = self.verdicts.iter().filter_map(|verdict| verdict.stream.as_ref());
        match names.into_iter().find(|name| !self.streams.contains_key(*name)) {
            Some(name) => Err(format!("a verdict is of the stream `{name}`, which is none")),
            None => Ok(()),
        }
    }
}
