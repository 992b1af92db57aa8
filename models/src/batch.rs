//! Batches: consecutive events of one lane, the unit that moves, is stored, and is checked.

use std::num::NonZeroU32;
use std::rc::Rc;

use headwater_sim::fingerprint::mix;
use headwater_sim::time::Time;
use serde::Serialize;

use crate::arrival::Arrival;

/// The smallest unit in which a system promises order for one writer: a Kafka partition, a Pravega
/// segment or routing-key range. Numbered from 0 by the model; stable over the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub u32);

/// A stream: what one system of a run takes in, stores and hands out. Numbered from 0 in the order
/// in which the scenario names them; a run with one system has stream 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StreamId(pub u32);

/// A producer of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamWriter {
    /// The stream.
    pub stream: StreamId,
    /// Its number among the stream's producers, from 0.
    pub number: u32,
}

/// Events of one writer on one lane of a stream. Their lane sequence numbers are
/// `first ..= last()`, without a gap: the writer numbers its events per lane, in the order in which
/// it took them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The stream.
    pub stream: StreamId,
    /// The producer, from 0.
    pub writer: u32,
    /// The lane.
    pub lane: Lane,
    /// Lane sequence number of the first event.
    pub first: u64,
    /// Payload bytes of all events, without headers.
    pub bytes: u64,
    /// Intended time of each event; never empty.
    pub intended: Vec<Time>,
    /// When the writer took each event from the schedule (its actual start); as long as `intended`.
    pub started: Vec<Time>,
    /// Bytes of the records as they are sent and stored, if they are compressed.
    pub packed: Option<NonZeroU32>,
    /// What a batch of a system's own records says; nothing in one of events.
    pub words: Option<Rc<Vec<u64>>>,
}

impl Batch {
    /// Before its first event, whose number is `first`.
    pub fn empty(writer: StreamWriter, lane: Lane, first: u64) -> Self {
        let (stream, writer) = (writer.stream, writer.number);
        let (intended, started) = (Vec::new(), Vec::new());
        Self { stream, writer, lane, first, bytes: 0, intended, started, packed: None, words: None }
    }

    /// With one more event, which its writer took `now`.
    pub fn push(&mut self, arrival: &Arrival, now: Time) {
        self.bytes += u64::from(arrival.bytes);
        self.intended.push(arrival.at);
        self.started.push(now);
    }

    /// Without its first `events`, which are fewer than it has; the others' bytes are estimated.
    pub fn without_first(&self, events: u64) -> Self {
        let left = self.count() - events;
        Self {
            first: self.first + events,
            bytes: self.bytes * left / self.count(),
            intended: self.intended[events as usize..].to_vec(),
            started: self.started[events as usize..].to_vec(),
            ..self.clone()
        }
    }

    /// Number of events.
    pub fn count(&self) -> u64 {
        self.intended.len() as u64
    }

    /// Lane sequence number of the last event.
    pub fn last(&self) -> u64 {
        self.first + self.count() - 1
    }

    /// A cheap hash for the fingerprint.
    pub fn digest(&self) -> u64 {
        let place = u64::from(self.writer) << 32 | u64::from(self.lane.0);
        let digest = mix(mix(place, self.first), self.count() << 40 | self.bytes);
        let digest = self.packed.map_or(digest, |packed| mix(digest, packed.get().into()));
        match self.stream {
            // Stream 0 is left out, as before there were streams: fingerprints stay.
            StreamId(0) => digest,
            StreamId(other) => mix(digest, u64::from(other)),
        }
    }
}

/// Events of one writer on one lane of a stream, without what is in them: `first`, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The stream.
    pub stream: StreamId,
    /// The producer, from 0.
    pub writer: u32,
    /// The lane.
    pub lane: Lane,
    /// Lane sequence number of the first event.
    pub first: u64,
    /// How many.
    pub count: u64,
}

impl From<&Batch> for Range {
    fn from(batch: &Batch) -> Self {
        let Batch { stream, writer, lane, first, .. } = *batch;
        Self { stream, writer, lane, first, count: batch.count() }
    }
}

/// Adds a range to others: to the last one of its writer and lane, if it goes on where that ends.
pub fn extend(ranges: &mut Vec<Range>, range: Range) {
    let place = |of: &Range| (of.stream, of.writer, of.lane);
    match ranges.iter_mut().rfind(|have| place(have) == place(&range)) {
        Some(last) if last.first + last.count == range.first => last.count += range.count,
        _ => ranges.push(range),
    }
}

/// Writes ranges as numbers.
pub fn encode_ranges(words: &mut Vec<u64>, ranges: &[Range]) {
    words.push(ranges.len() as u64);
    for Range { stream, writer, lane, first, count } in ranges {
        words.extend([u64::from(stream.0), u64::from(*writer), u64::from(lane.0), *first, *count]);
    }
}

/// Reads what [`encode_ranges`] wrote.
pub fn decode_ranges(words: &mut impl Iterator<Item = u64>) -> Vec<Range> {
    let mut next = || words.next().expect("ranges are written whole");
    let count = next();
    (0..count)
        .map(|_| Range {
            stream: StreamId(next() as u32),
            writer: next() as u32,
            lane: Lane(next() as u32),
            first: next(),
            count: next(),
        })
        .collect()
}

/// A shared batch: moving it through queues, messages and disks copies a pointer.
pub type SharedBatch = Rc<Batch>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_two_streams_have_digests_of_their_own() {
        let times = vec![Time(1)];
        let (stream, lane) = (StreamId(0), Lane(2));
        let batch = |stream| Batch {
            bytes: 10,
            intended: times.clone(),
            started: times.clone(),
            ..Batch::empty(StreamWriter { stream, number: 1 }, lane, 3)
        };
        // Its value before there were streams.
        assert_eq!(batch(stream).digest(), mix(mix(1 << 32 | 2, 3), 1 << 40 | 10));
        assert_ne!(batch(stream).digest(), batch(StreamId(1)).digest());
        assert_ne!(batch(StreamId(2)).digest(), batch(StreamId(1)).digest());
    }
}
