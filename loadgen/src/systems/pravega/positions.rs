//! Where events lie in what a reader was handed.

use std::collections::BTreeMap;

use headwater_traffic::parse;

use crate::systems::client::{Delivered, Lot, Observer};

/// Tells the collector of events, with their positions.
pub(super) struct Positions {
    /// The reader's number in the history.
    reader: u32,
    /// Events read, by lane: the reader's own count is the position, as a segment's offsets count
    /// bytes of several lanes.
    lanes: BTreeMap<u32, u64>,
    delivered: Lot<Delivered>,
}

impl Positions {
    /// Of `reader`, which has read nothing.
    pub(super) fn new(reader: u32, observer: &Observer) -> Self {
        Self { reader, lanes: BTreeMap::new(), delivered: Lot::of_delivered(observer) }
    }

    /// The reader was handed an event, now.
    pub(super) fn deliver(&mut self, payload: &[u8]) {
        let position = parse(payload).ok().map(|stamp| {
            let next = self.lanes.entry(stamp.place.lane).or_default();
            *next += 1;
            *next - 1
        });
        self.delivered.delivered(self.reader, position, payload);
    }

    /// All of a slice was handed over.
    pub(super) fn flush(&mut self) {
        self.delivered.flush();
    }
}
