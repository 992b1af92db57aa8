//! The reader of one segment: a connection, one request ahead.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval};

use super::{Context, READ_BYTES, Slice};
use crate::backoff::Backoff;
use crate::connection::Connection;
use crate::error::Error;
use crate::segment::SegmentId;
use crate::wire::{self, Command};

/// A reader of one segment.
pub(super) struct SegmentReader {
    pub(super) context: Context,
    pub(super) segment: SegmentId,
    /// Where the next read begins.
    pub(super) offset: i64,
    pub(super) slices: Sender<Result<Slice, Error>>,
    /// The beginning of an event that has not come to its end.
    pub(super) part: BytesMut,
    pub(super) request: i64,
}

impl SegmentReader {
    /// Reads until the segment ends: by then all of it was handed over.
    pub(super) async fn run(mut self) -> Result<SegmentId, Error> {
        let mut backoff = Backoff::new(self.context.options.deadline);
        loop {
            match self.connect_and_read(&mut backoff).await {
                Ok(()) => return Ok(self.segment),
                Err(error) if error.may_pass() => backoff.failed(error).await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn connect_and_read(&mut self, backoff: &mut Backoff) -> Result<(), Error> {
        let Context { controller, stream, options } = self.context.clone();
        let store = controller.store_of(&stream, self.segment).await?;
        let mut connection = Connection::open(&store, &options).await?;
        self.ask(&mut connection)?;
        let mut signs = interval(options.sign());
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let command = tokio::select! {
                command = connection.next() => command?,
                _ = signs.tick() => {
                    connection.keep_alive(&options)?;
                    continue;
                }
            };
            match command {
                // Of a request before a truncation.
                Command::SegmentRead { request, .. } if request != self.request => {}
                Command::SegmentRead { offset, data, end_of_segment, .. } => {
                    backoff.succeeded();
                    self.check_offset(offset)?;
                    self.offset += data.len() as i64;
                    if !end_of_segment {
                        // The store looks for what is next while this is handed over.
                        self.ask(&mut connection)?;
                    }
                    self.hand_over(&data, 0).await?;
                    if end_of_segment {
                        return Ok(());
                    }
                }
                Command::SegmentIsTruncated { start_offset, .. } => {
                    let skipped = start_offset.saturating_sub(self.offset).max(0);
                    self.offset = self.offset.max(start_offset);
                    self.part.clear();
                    self.hand_over(&Bytes::new(), skipped).await?;
                    self.ask(&mut connection)?;
                }
                // Read beyond the end of one that is sealed; or it is gone, with all before it.
                Command::SegmentIsSealed { .. } | Command::NoSuchSegment { .. } => return Ok(()),
                Command::KeepAlive => {}
                other => return Err(connection.unexpected(&other)),
            }
        }
    }

    fn ask(&mut self, connection: &mut Connection) -> Result<(), Error> {
        self.request += 1;
        connection.send(&Command::ReadSegment {
            segment: self.segment.name(&self.context.stream),
            offset: self.offset,
            length: READ_BYTES,
            token: self.context.controller.token(),
            request: self.request,
        })
    }

    fn check_offset(&self, offset: i64) -> Result<(), Error> {
        if offset == self.offset {
            return Ok(());
        }
        let name = self.segment.name(&self.context.stream);
        let asked = self.offset;
        Err(Error::Refused(format!("{name}: offset {offset} was read where {asked} was asked for")))
    }

    /// Hands over the events that are whole by now.
    async fn hand_over(&mut self, data: &Bytes, skipped_bytes: i64) -> Result<(), Error> {
        self.part.extend_from_slice(data);
        let mut events = vec![];
        while let Some(event) = wire::take_event(&mut self.part)? {
            events.push(event);
        }
        if events.is_empty() && skipped_bytes == 0 {
            return Ok(());
        }
        let slice = Slice { segment: self.segment, events, skipped_bytes };
        let handed = self.slices.send(Ok(slice)).await;
        // The reader is gone; the task ends with it.
        handed.map_err(|_| Error::Refused("nobody reads any more".into()))
    }
}
