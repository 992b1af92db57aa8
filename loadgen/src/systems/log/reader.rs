//! The log's reader: reads to the end, whatever becomes of its connections.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;

use headwater_traffic::parse;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval, sleep};

use super::connection::{Backoff, Dial, Patience};
use super::frame::{Reply, Request, feed, flush, frames, next};
use crate::systems::client::{Flags, Observer, ReadBack};

/// How often the reader looks at its flags and asks for the end, which also shows that the
/// connection lives.
const BEAT: Duration = Duration::from_millis(100);

/// Reads everything from the first event on.
pub(super) struct Reader<D> {
    /// How it connects.
    pub(super) dial: D,
    /// How long it waits.
    pub(super) patience: Patience,
    /// Handed the events.
    pub(super) observer: Observer,
    /// What it is told while it runs.
    pub(super) flags: Flags,
}

impl<D: Dial> Reader<D> {
    /// Reads until it is told to finish and has everything that was stored then, or to stop.
    pub(super) async fn run(self) -> ReadBack {
        let mut backoff = Backoff::new(self.patience);
        let mut place = Place::default();
        loop {
            if let Ok(read) = self.connection(&mut place, &mut backoff).await {
                return read;
            }
            if self.flags.stop.load(Ordering::Relaxed) {
                return ReadBack::Stopped;
            }
            sleep(backoff.pause()).await;
        }
    }

    /// Reads over one connection.
    async fn connection(&self, place: &mut Place, backoff: &mut Backoff) -> io::Result<ReadBack> {
        let (mut replies, mut sender) = frames(self.patience.dial(&self.dial).await?);
        feed(&mut sender, &Request::Read { from: place.next }).await?;
        flush(&mut sender).await?;
        let mut heard = Instant::now();
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first question that was asked after the writers were done: only its answer and later
        // ones tell the end.
        let (mut asked, mut last) = (0, None);
        loop {
            tokio::select! {
                biased;
                reply = next(&mut replies) => {
                    heard = Instant::now();
                    backoff.reset();
                    match reply? {
                        Reply::Event { position, payload } => {
                            place.deliver(position, &payload, &self.observer)?;
                        }
                        Reply::End { ask, count } => {
                            if last.is_some_and(|last| ask >= last) && place.next >= count {
                                return Ok(ReadBack::ToTheEnd);
                            }
                        }
                        Reply::Stored { .. } => return Err(io::ErrorKind::InvalidData.into()),
                    }
                }
                _ = beat.tick() => {
                    if self.flags.stop.load(Ordering::Relaxed) {
                        return Ok(ReadBack::Stopped);
                    }
                    if heard.elapsed() > self.patience.silence {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    asked += 1;
                    if last.is_none() && self.flags.finish.load(Ordering::Relaxed) {
                        last = Some(asked);
                    }
                    feed(&mut sender, &Request::End { ask: asked }).await?;
                    flush(&mut sender).await?;
                }
            }
        }
    }
}

/// How far a reader has come.
#[derive(Debug, Default)]
struct Place {
    /// Events read.
    next: u64,
    /// Events read, by lane.
    lanes: BTreeMap<u32, u64>,
}

impl Place {
    fn deliver(&mut self, position: u64, payload: &[u8], observer: &Observer) -> io::Result<()> {
        if position != self.next {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.next += 1;
        let in_lane = parse(payload).ok().map(|stamp| {
            let next = self.lanes.entry(stamp.place.lane).or_default();
            *next += 1;
            *next - 1
        });
        observer.delivered(0, in_lane, payload);
        Ok(())
    }
}
