//! Reading a stream back, from its head, as the only reader of a group.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::RustClient;
use crate::failure::{Failure, Result};
use crate::systems::client::{Flags, Observer, ReadBack, Reading};
use crate::systems::pravega::positions::Positions;
use crate::systems::pravega::reader::QUIET;

/// Starts a reader of all segments, on a thread of its own. `reader` is its number in the history.
pub(super) fn start(client: &RustClient, reader: u32, observer: Observer) -> Result<Reading> {
    let (client, positions) = (client.clone(), Positions::new(reader, &observer));
    Reading::start(move |flags| Reader { client, reader, positions, flags }.run())
}

struct Reader {
    client: RustClient,
    reader: u32,
    positions: Positions,
    flags: Flags,
}

impl Reader {
    fn run(mut self) -> Result<ReadBack> {
        let client = self.client.clone();
        client.factory().runtime_handle().block_on(self.read())
    }

    async fn read(&mut self) -> Result<ReadBack> {
        let RustClient { stream, name, .. } = &self.client.clone();
        let fail = |error: &dyn std::fmt::Display| {
            Failure::new(format!("{}: reading back failed: {error}", stream.controller.address()))
        };
        let group = format!("{}-{}", stream.name.stream, self.reader);
        let factory = self.client.factory();
        let group = factory.create_reader_group(group, name.clone()).await;
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
                self.positions.deliver(&event.value);
            }
            self.positions.flush();
            reader.release_segment(slice).await.map_err(|error| fail(&error))?;
        }
    }
}
