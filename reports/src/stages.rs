//! Where events are on their way through several streams: how long in each of them.
//!
//! Of a stream behind another an event is due when that one's readers hand it on, so that what the
//! streams of a way take one after the other adds up to the whole. Each event is counted once, of
//! those that the schedule had in the measured window.

use crate::outcome::Outcome;
use crate::streams::Stream;
use crate::text::{duration, percent};

/// A stream on the way of events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage<'a> {
    /// Its name.
    pub stream: &'a str,
    /// How long an event is in it, from when it is due here until it is handed on, in the mean,
    /// nanoseconds.
    pub mean_ns: f64,
    /// Of the way to its end, from 0 to 1.
    pub share: f64,
}

impl Outcome {
    /// The way to each stream that is behind another and that nobody takes from: its streams in the
    /// order in which events pass them.
    pub fn ways(&self) -> Vec<Vec<Stage<'_>>> {
        let taken = |name: &str| self.streams.values().any(|of| of.from.as_deref() == Some(name));
        let last = self.streams.iter().filter(|(name, of)| of.from.is_some() && !taken(name));
        let ways = last.map(|(name, stream)| self.way(name, stream));
        ways.filter(|way| way.iter().all(|stage| stage.mean_ns > 0.0)).collect()
    }

    fn way<'a>(&'a self, name: &'a str, stream: &'a Stream) -> Vec<Stage<'a>> {
        let before = |(_, of): &(&'a str, &'a Stream)| {
            let from = of.from.as_deref()?;
            Some((from, self.streams.get(from)?))
        };
        let way = std::iter::successors(Some((name, stream)), before).take(self.streams.len());
        let mut way: Vec<_> = way
            .map(|(name, of)| {
                let mean_ns = of.passage.as_ref().map_or(0.0, |of| of.histogram().mean());
                Stage { stream: name, mean_ns, share: 0.0 }
            })
            .collect();
        let whole: f64 = way.iter().map(|stage| stage.mean_ns).sum();
        way.iter_mut().for_each(|stage| stage.share = stage.mean_ns / whole.max(1.0));
        way.reverse();
        way
    }
}

/// A sentence for each way: how long events are on it, and in which stream how much of that.
pub(crate) fn sentences(outcome: &Outcome) -> impl Iterator<Item = String> + '_ {
    outcome.ways().into_iter().map(|way| {
        let whole = duration(way.iter().map(|stage| stage.mean_ns).sum());
        let part = |stage: &Stage<'_>| {
            format!("{} {} ({})", stage.stream, duration(stage.mean_ns), percent(stage.share))
        };
        let parts: Vec<_> = way.iter().map(part).collect();
        format!("an event's way takes {whole} in the mean: {}", parts.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Latency;
    use crate::outcome::{Scenario, Source};

    fn stream(from: Option<&str>, mean_ns: u64) -> Stream {
        let mut passage = Latency::default();
        passage.record_n(mean_ns, 10);
        Stream { from: from.map(str::to_owned), passage: Some(passage), ..Stream::default() }
    }

    #[test]
    fn the_parts_of_each_way_are_told_in_the_order_of_events() {
        let mut outcome = Outcome::empty(Scenario::default(), Source::Simulated, 1);
        assert_eq!(outcome.ways().len(), 0);
        outcome.streams.clear();
        let streams = [
            ("engine", stream(Some("tweets"), 800_000_000)),
            ("tweets", stream(None, 100_000_000)),
            ("trends", stream(Some("engine"), 100_000_000)),
            ("archive", stream(Some("tweets"), 300_000_000)),
        ];
        outcome.streams.extend(streams.map(|(name, of)| (name.to_owned(), of)));
        let told: Vec<_> = sentences(&outcome).collect();
        assert_eq!(
            told,
            [
                "an event's way takes 400 ms in the mean: tweets 100 ms (25 %), archive 300 ms \
                 (75 %)",
                "an event's way takes 1 s in the mean: tweets 100 ms (10 %), engine 800 ms \
                 (80 %), trends 100 ms (10 %)"
            ]
        );
    }
}
