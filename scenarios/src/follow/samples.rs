//! The latency of every event of a run, and the events at given places among them.

use std::ops::Range;

use headwater_models::batch::{Batch, Lane, StreamId};
use headwater_sim::time::{Duration, Time};

use super::{End, Sought};

/// An event, and how late it was. 48 bytes of each event of a run that is to be explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sample {
    latency: u64,
    intended: u64,
    number: u64,
    stream: u32,
    writer: u32,
    lane: u32,
    reader: u32,
}

/// Every latency of a run.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    acked: Vec<Sample>,
    delivered: Vec<Sample>,
}

/// A place among all events, by how late they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pick {
    /// Half of them were later.
    Median,
    /// One in a hundred was later.
    P99,
    /// None was later.
    Maximum,
}

impl Pick {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Median, Self::P99, Self::Maximum];

    /// Its name in tables and as JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Median => "p50",
            Self::P99 => "p99",
            Self::Maximum => "max",
        }
    }

    /// Its place among `count` in order, from 0; none where that says nothing: with fewer than a
    /// thousand a ninety-ninth hundredth is the luck of a handful.
    fn place(self, count: usize) -> Option<usize> {
        match self {
            _ if count == 0 => None,
            Self::Median => Some(count.div_ceil(2) - 1),
            Self::P99 if count < 1_000 => None,
            Self::P99 => Some((count * 99).div_ceil(100) - 1),
            Self::Maximum => Some(count - 1),
        }
    }
}

impl Samples {
    pub(super) fn add(&mut self, at: Time, end: End, batch: &Batch, window: &Range<Time>) {
        let (of, reader) = match end {
            End::Acked => (&mut self.acked, 0),
            End::Delivered { reader } => (&mut self.delivered, reader),
        };
        for (number, intended) in (batch.first..).zip(&batch.intended) {
            if window.contains(intended) {
                let latency = at.since(*intended).0;
                let (stream, writer, lane) = (batch.stream.0, batch.writer, batch.lane.0);
                let intended = intended.0;
                of.push(Sample { latency, intended, number, stream, writer, lane, reader });
            }
        }
    }

    /// How many were acknowledged and delivered, of those that were due in the measured window.
    pub fn counts(&self) -> (usize, usize) {
        (self.acked.len(), self.delivered.len())
    }

    /// The acknowledged events at these places. Of several that were equally late it is the one
    /// that was due first.
    pub fn acked(&mut self) -> Vec<(Pick, Sought)> {
        picks(&mut self.acked, |_| End::Acked)
    }

    /// The delivered events at these places.
    pub fn delivered(&mut self) -> Vec<(Pick, Sought)> {
        picks(&mut self.delivered, |reader| End::Delivered { reader })
    }
}

fn picks(samples: &mut [Sample], end: impl Fn(u32) -> End) -> Vec<(Pick, Sought)> {
    let mut found = Vec::new();
    for pick in Pick::ALL {
        let Some(place) = pick.place(samples.len()) else { continue };
        let (_, sample, _) = samples.select_nth_unstable(place);
        let sample = *sample;
        // The first of those that were as late, wherever the place among them is.
        let same = samples.iter().filter(|other| other.latency == sample.latency);
        let first = same.min().copied().unwrap_or(sample);
        let sought = Sought {
            latency: Duration(first.latency),
            intended: Time(first.intended),
            stream: StreamId(first.stream),
            writer: first.writer,
            lane: Lane(first.lane),
            number: first.number,
            end: end(first.reader),
        };
        found.push((pick, sought));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_models::batch::StreamWriter;

    #[test]
    fn the_events_at_the_places_are_found_in_the_window_alone() {
        let writer = StreamWriter { stream: StreamId(0), number: 2 };
        let mut samples = Samples::default();
        for number in 0..2_000 {
            let mut batch = Batch::empty(writer, Lane(1), number);
            batch.intended.push(Time(number));
            // The later it is due the sooner it comes back: 3,999 to 2,000.
            let end = End::Acked;
            samples.add(Time(4_000 - 1), end, &batch, &(Time(1_000)..Time(2_000)));
        }
        assert_eq!(samples.counts(), (1_000, 0));
        let found = samples.acked();
        let told: Vec<_> =
            found.iter().map(|(pick, of)| (pick.name(), of.latency.0, of.number)).collect();
        assert_eq!(told, [("p50", 2_499, 1_500), ("p99", 2_989, 1_010), ("max", 2_999, 1_000)]);
        assert!(samples.delivered().is_empty());
    }
}
