//! A connection to a segment store.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::error::Error;
use crate::options::Options;
use crate::wire::{self, Command};

/// Room for received bytes that is made at a time.
const RECEIVE_BYTES: usize = 64 << 10;

/// A connection that is set up: frames go in, frames come out.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: String,
    stream: TcpStream,
    received: BytesMut,
    queued: BytesMut,
    /// When something last came.
    heard: Instant,
}

impl Connection {
    /// Connects to a store, and learns whether it speaks this client's version.
    pub(crate) async fn open(peer: &str, options: &Options) -> Result<Self, Error> {
        let open = async {
            let stream = TcpStream::connect(peer).await;
            let stream = stream.map_err(|error| Error::io(peer, "can't connect", &error))?;
            let delayed = stream.set_nodelay(true);
            delayed.map_err(|error| Error::io(peer, "can't send at once", &error))?;
            let (received, queued) = (BytesMut::new(), BytesMut::new());
            let heard = Instant::now();
            let mut connection = Self { peer: peer.to_owned(), stream, received, queued, heard };
            let hello = Command::Hello { high: wire::VERSION_HIGH, low: wire::VERSION_LOW };
            match connection.ask(&hello).await? {
                Command::Hello { high, low } => wire::check_versions(low, high)?,
                other => return Err(connection.unexpected(&other)),
            }
            Ok(connection)
        };
        let late =
            || Error::Connection(format!("{peer}: not connected within {:?}", options.setup));
        timeout(options.setup, open).await.unwrap_or_else(|_| Err(late()))
    }

    /// Sends a command, and receives the next.
    async fn ask(&mut self, command: &Command) -> Result<Command, Error> {
        self.send(command)?;
        self.next().await
    }

    /// Sends a command, and waits for what comes next; not longer than a set-up may take.
    pub(crate) async fn ask_in_time(
        &mut self,
        command: &Command,
        options: &Options,
    ) -> Result<Command, Error> {
        let answered = timeout(options.setup, self.ask(command)).await;
        answered.unwrap_or_else(|_| {
            Err(Error::Connection(format!("{}: no answer within {:?}", self.peer, options.setup)))
        })
    }

    /// Has a command sent by [`Self::next`].
    pub(crate) fn send(&mut self, command: &Command) -> Result<(), Error> {
        Ok(wire::encode(command, &mut self.queued)?)
    }

    /// Sends what there is, and receives the next command. Nothing is lost if it is given up.
    pub(crate) async fn next(&mut self) -> Result<Command, Error> {
        loop {
            if let Some(command) = wire::decode(&mut self.received)? {
                return Ok(command);
            }
            self.received.reserve(RECEIVE_BYTES);
            let (mut from, mut to) = self.stream.split();
            tokio::select! {
                read = from.read_buf(&mut self.received) => match read {
                    Ok(0) => return Err(self.closed()),
                    Ok(_) => self.heard = Instant::now(),
                    Err(error) => return Err(Error::io(&self.peer, "receiving failed", &error)),
                },
                sent = to.write_buf(&mut self.queued), if !self.queued.is_empty() => {
                    sent.map_err(|error| Error::io(&self.peer, "sending failed", &error))?;
                }
            }
        }
    }

    fn closed(&self) -> Error {
        let cut = if self.received.is_empty() { "" } else { " within a frame" };
        Error::Connection(format!("{}: the store has closed the connection{cut}", self.peer))
    }

    /// Shows that this end is there; an error if the other has not been heard of for too long.
    pub(crate) fn keep_alive(&mut self, options: &Options) -> Result<(), Error> {
        let silent = self.heard.elapsed();
        if silent >= options.silence {
            let seconds = silent.as_secs();
            return Err(Error::Connection(format!("{}: silent for {seconds} s", self.peer)));
        }
        // What is queued shows as much, once the other end reads it.
        if self.queued.is_empty() { self.send(&Command::KeepAlive) } else { Ok(()) }
    }

    /// What an answer means that is no result.
    pub(crate) fn unexpected(&self, command: &Command) -> Error {
        let peer = &self.peer;
        match command {
            // Asks the controller again.
            Command::WrongHost { segment, .. } => {
                Error::Connection(format!("{peer}: it does not have {segment}"))
            }
            // What was sent before the last connection broke was stored after this one was set up:
            // setting up again tells how far.
            Command::InvalidEventNumber { event, .. } => {
                Error::Connection(format!("{peer}: event number {event} is out of order"))
            }
            Command::ErrorMessage { message, .. } => {
                Error::Connection(format!("{peer}: {message}"))
            }
            // 1: it has expired (`AuthTokenCheckFailed.ErrorCode` @ v0.13.0); the controller gives
            // another with the next segments.
            Command::AuthTokenCheckFailed { code: 1, .. } => {
                Error::Connection(format!("{peer}: the token has expired"))
            }
            Command::AuthTokenCheckFailed { .. } => {
                Error::Refused(format!("{peer}: it wants a token that this client can't get"))
            }
            Command::OperationUnsupported { operation, .. } => {
                Error::Refused(format!("{peer}: it does not do {operation}"))
            }
            Command::NoSuchSegment { segment, .. } => {
                Error::Refused(format!("{peer}: there is no segment {segment}"))
            }
            other => {
                let kind = other.kind();
                Error::Refused(format!("{peer}: a frame of type {kind} that nobody asked for"))
            }
        }
    }
}
