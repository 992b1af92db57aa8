//! Reading a Pravega stream back, from its head, with the client of our own.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use headwater_pravega_client::{Options, StreamReader};

use super::positions::Positions;
use super::stream::Stream;
use crate::failure::{Failure, Result};
use crate::systems::client::{Flags, Observer, ReadBack, Reading};
use crate::systems::counts::{Counts, Teller};

/// Nothing new for this long when the writers are done: everything is read. The store answers a
/// read at the tail as soon as there is data, so that this is many times what it needs.
pub(super) const QUIET: Duration = Duration::from_secs(3);

/// How often it is looked whether to go on.
const LOOK: Duration = Duration::from_millis(100);

/// Starts a reader of all segments, on a thread of its own. `reader` is its number in the history.
pub(super) fn start(stream: &Stream, reader: u32, observer: Observer) -> Result<Reading> {
    let stream = stream.clone();
    let positions = Positions::new(reader, &observer);
    Reading::start(move |flags| {
        let tasks = stream.runtime().handle().clone();
        tasks.block_on(read(&stream, positions, &observer, &flags))
    })
}

async fn read(
    stream: &Stream,
    mut positions: Positions,
    observer: &Observer,
    flags: &Flags,
) -> Result<ReadBack> {
    let (controller, name) = (stream.controller.clone(), stream.name.clone());
    let mut reader = StreamReader::open(controller, name, Options::default());
    let mut counted = Teller::new(observer.counting.clone(), "reader".into());
    let mut last = Instant::now();
    loop {
        if flags.stop.load(Ordering::Relaxed) {
            return Ok(ReadBack::Stopped);
        }
        if flags.finish.load(Ordering::Relaxed) && last.elapsed() >= QUIET {
            return Ok(ReadBack::Quiet);
        }
        let slice = match tokio::time::timeout(LOOK, reader.next()).await {
            Err(_) => continue,
            Ok(None) => return Ok(ReadBack::ToTheEnd),
            Ok(Some(slice)) => slice,
        };
        let slice = slice.map_err(|error| {
            let address = stream.controller.address();
            Failure::new(format!("{address}: reading back failed: {error}"))
        })?;
        if slice.skipped_bytes > 0 {
            let (bytes, name) = (slice.skipped_bytes, slice.segment.name(&stream.name));
            observer.mark("truncated", format!("{bytes} bytes of {name} were gone"));
        }
        last = Instant::now();
        // A slice is one reply.
        let received: usize = slice.events.iter().map(|event| event.len()).sum();
        counted.add(Counts {
            reads: 1.0,
            received: received as f64,
            read: slice.events.len() as f64,
            ..Counts::default()
        });
        slice.events.iter().for_each(|event| positions.deliver(event));
        positions.flush();
    }
}
