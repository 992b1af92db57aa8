//! The writer of one segment: a connection, and what is on it.

use std::collections::VecDeque;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval};

use super::queue::{Event, Queue};
use super::{Context, Told};
use crate::backoff::Backoff;
use crate::connection::Connection;
use crate::error::Error;
use crate::segment::SegmentId;
use crate::wire::Command;

/// How a writer of a segment ends.
#[derive(Debug)]
pub(super) enum End {
    /// All that it was given is stored, and no more comes.
    Done,
    /// The segment takes no more.
    Sealed,
    /// It has given up.
    Failed(Error),
}

/// What a writer of a segment leaves.
#[derive(Debug)]
pub(super) struct Left<T> {
    pub(super) segment: SegmentId,
    pub(super) end: End,
    /// What it was given and is not acknowledged, in order.
    pub(super) unacked: VecDeque<Event<T>>,
}

/// A writer of one segment.
pub(super) struct SegmentWriter<T> {
    context: Context<T>,
    segment: SegmentId,
    /// By which the store knows it, over all its connections.
    id: u128,
    events: UnboundedReceiver<Event<T>>,
    /// No more events come.
    closed: bool,
    queue: Queue<T>,
    request: i64,
}

impl<T: Told> SegmentWriter<T> {
    pub(super) fn new(
        context: Context<T>,
        segment: SegmentId,
        events: UnboundedReceiver<Event<T>>,
    ) -> Self {
        let (id, queue) = (crate::unique::id(), Queue::new());
        Self { context, segment, id, events, closed: false, queue, request: 0 }
    }

    /// Writes until no more comes, the segment is sealed, or the deadline has passed.
    pub(super) async fn run(mut self) -> Left<T> {
        let end = self.write().await;
        // Whoever sends another event learns that it is not taken.
        self.events.close();
        while let Ok(event) = self.events.try_recv() {
            self.queue.push(event);
        }
        Left { segment: self.segment, end, unacked: self.queue.into_events() }
    }

    async fn write(&mut self) -> End {
        let mut backoff = Backoff::new(self.context.options.deadline);
        loop {
            let error = match self.connect_and_write(&mut backoff).await {
                Ok(end) => return end,
                Err(error) if !error.may_pass() => return End::Failed(error),
                Err(error) => error,
            };
            if let Err(error) = backoff.failed(error).await {
                return End::Failed(error);
            }
        }
    }

    /// Writes over one connection, to the store that the controller names now.
    async fn connect_and_write(&mut self, backoff: &mut Backoff) -> Result<End, Error> {
        let Context { controller, stream, options, .. } = &self.context;
        let options = *options;
        let store = controller.store_of(stream, self.segment).await?;
        let segment = self.segment.name(stream);
        let token = controller.token();
        let mut connection = Connection::open(&store, &options).await?;
        let (request, writer) = (self.next_request(), self.id);
        let set_up = Command::SetupAppend { request, writer, segment, token };
        match connection.ask_in_time(&set_up, &options).await? {
            Command::AppendSetup { last_event, .. } => self.acked(last_event, backoff),
            Command::SegmentIsSealed { .. } | Command::NoSuchSegment { .. } => {
                return Ok(End::Sealed);
            }
            other => return Err(connection.unexpected(&other)),
        }
        if self.queue.is_empty() {
            backoff.succeeded();
        }
        self.queue.resend();
        let mut signs = interval(options.sign());
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Some(block) = self.queue.next_block() {
                let request = self.next_request();
                connection.send(&Command::AppendBlockEnd {
                    writer: self.id,
                    whole_bytes: block.data.len() as i32,
                    data: block.data,
                    events: block.events as i32,
                    last_event: block.last_event,
                    request,
                })?;
            }
            if self.closed && self.queue.is_empty() {
                return Ok(End::Done);
            }
            tokio::select! {
                event = self.events.recv(), if !self.closed => self.take(event),
                command = connection.next() => match command? {
                    Command::DataAppended { event, .. } => self.acked(event, backoff),
                    Command::KeepAlive => {}
                    // The other clients take a segment that is gone for one that was sealed.
                    Command::SegmentIsSealed { .. } | Command::NoSuchSegment { .. } => {
                        return Ok(End::Sealed);
                    }
                    other => return Err(connection.unexpected(&other)),
                },
                _ = signs.tick() => connection.keep_alive(&options)?,
            }
        }
    }

    /// Takes an event, and those behind it that are there.
    fn take(&mut self, event: Option<Event<T>>) {
        self.closed = event.is_none();
        event.into_iter().for_each(|event| self.queue.push(event));
        while let Ok(event) = self.events.try_recv() {
            self.queue.push(event);
        }
    }

    fn acked(&mut self, number: i64, backoff: &mut Backoff) {
        let stored = self.queue.acked(number);
        if !stored.is_empty() {
            backoff.succeeded();
            (self.context.told)(stored, Ok(()));
        }
    }

    fn next_request(&mut self) -> i64 {
        self.request += 1;
        self.request
    }
}
