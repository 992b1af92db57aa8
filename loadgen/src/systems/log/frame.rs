//! What the log's client and server say to each other: a length, then a value in postcard.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, Stream, StreamExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// From the client.
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Request {
    /// This is a connection of this writer; answered by what is stored of it.
    Write {
        /// The writer's id.
        writer: u64,
    },
    /// An event.
    Append {
        /// Its number among the writer's, rising, from 1.
        number: u64,
        /// The event.
        payload: Vec<u8>,
    },
    /// Send what is stored from this position on, and what is stored from now on.
    Read {
        /// Events before it.
        from: u64,
    },
    /// How many events are stored?
    End {
        /// Number of the question.
        ask: u64,
    },
}

/// From the server.
#[derive(Debug, Deserialize, Serialize)]
pub(super) enum Reply {
    /// Everything of the writer up to this number that has reached the server is stored.
    Stored {
        /// The number; zero for nothing.
        through: u64,
    },
    /// An event.
    Event {
        /// Events before it.
        position: u64,
        /// The event.
        payload: Vec<u8>,
    },
    /// How many events are stored.
    End {
        /// Number of the question.
        ask: u64,
        /// Events.
        count: u64,
    },
}

/// Frames that come.
pub(super) type Frames<S> = FramedRead<ReadHalf<S>, LengthDelimitedCodec>;
/// Frames that go.
pub(super) type Sender<S> = FramedWrite<WriteHalf<S>, LengthDelimitedCodec>;

/// Cuts a connection into frames, each direction on its own.
pub(super) fn frames<S: AsyncRead + AsyncWrite>(stream: S) -> (Frames<S>, Sender<S>) {
    let (read, write) = tokio::io::split(stream);
    let codec = LengthDelimitedCodec::new;
    (FramedRead::new(read, codec()), FramedWrite::new(write, codec()))
}

/// The next value.
///
/// # Errors
/// If the connection ends or what comes is no such value.
pub(super) async fn next<T, F>(frames: &mut F) -> io::Result<T>
where
    T: DeserializeOwned,
    F: Stream<Item = io::Result<BytesMut>> + Unpin,
{
    let frame = frames.next().await.ok_or(io::ErrorKind::UnexpectedEof)??;
    decode(&frame)
}

/// The value in a frame.
pub(super) fn decode<T: DeserializeOwned>(frame: &[u8]) -> io::Result<T> {
    postcard::from_bytes(frame).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Puts a value in the buffer; it goes with the next flush at the latest. May be given up on: then
/// nothing of it is sent.
pub(super) async fn feed<S, T>(sender: &mut Sender<S>, value: &T) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite,
    T: Serialize,
{
    let frame = postcard::to_allocvec(value).map_err(io::Error::other)?;
    sender.feed(Bytes::from(frame)).await
}

/// Sends what is in the buffer. May be given up on: the rest goes with the next flush.
pub(super) async fn flush<S: AsyncRead + AsyncWrite>(sender: &mut Sender<S>) -> io::Result<()> {
    SinkExt::<Bytes>::flush(sender).await
}
