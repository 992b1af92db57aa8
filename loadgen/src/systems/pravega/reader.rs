//! Reading a Pravega stream back, from its head.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use headwater_traffic::parse;

use super::stream::Stream;
use crate::failure::{Failure, Result};
use crate::systems::client::{Delivered, Flags, Lot, Observer, ReadBack, Reading};

/// Nothing new for this long when the writers are done: everything is read. The store answers a
/// read at the tail as soon as there is data, so that this is many times what it needs.
const QUIET: Duration = Duration::from_secs(3);

/// Starts a reader of all segments, on a thread of its own. `reader` is its number in the history.
pub(super) fn start(stream: &Stream, reader: u32, observer: Observer) -> Result<Reading> {
    let (stream, positions) = (stream.clone(), BTreeMap::new());
    let delivered = Lot::of_delivered(&observer);
    Reading::start(move |flags| Reader { stream, reader, positions, delivered, flags }.run())
}

struct Reader {
    stream: Stream,
    reader: u32,
    /// Events read, by lane: the reader's own count is the position, as a segment's offsets count
    /// bytes of several lanes.
    positions: BTreeMap<u32, u64>,
    delivered: Lot<Delivered>,
    flags: Flags,
}

impl Reader {
    fn run(mut self) -> Result<ReadBack> {
        let stream = self.stream.clone();
        stream.factory().runtime_handle().block_on(self.read())
    }

    async fn read(&mut self) -> Result<ReadBack> {
        let stream = self.stream.clone();
        let fail = |error: &dyn std::fmt::Display| {
            Failure::new(format!("{}: reading back failed: {error}", stream.controller))
        };
        let group = format!("{}-{}", stream.name.stream.name, self.reader);
        let group = stream.factory().create_reader_group(group, stream.name.clone()).await;
        let mut reader = group.create_reader("reader".into()).await;
        let mut last = Instant::now();
        loop {
            if self.flags.stop.load(Ordering::Relaxed) {
                return Ok(ReadBack::Stopped);
            }
            if self.flags.finish.load(Ordering::Relaxed) && last.elapsed() >= QUIET {
                return Ok(ReadBack::Quiet);
            }
            // It waits a second at the most, and must not be cut short: what it has received would
            // be lost (`acquire_segment` in `src/event/reader.rs` @ pravega-client 0.3.7).
            let slice = reader.acquire_segment().await.map_err(|error| fail(&error))?;
            let Some(mut slice) = slice else { continue };
            for event in slice.by_ref() {
                last = Instant::now();
                self.deliver(&event.value);
            }
            self.delivered.flush();
            reader.release_segment(slice).await.map_err(|error| fail(&error))?;
        }
    }

    fn deliver(&mut self, payload: &[u8]) {
        let position = parse(payload).ok().map(|stamp| {
            let next = self.positions.entry(stamp.place.lane).or_default();
            *next += 1;
            *next - 1
        });
        self.delivered.delivered(self.reader, position, payload);
    }
}
