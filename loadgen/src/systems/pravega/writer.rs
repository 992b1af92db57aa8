//! A writer of the client of our own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use headwater_pravega_client::{Error, EventWriter, NotTaken, Options, RoutingKey};

use super::stream::Stream;
use crate::systems::client::{Observer, Refused, Settled, Token, Writer};
use crate::systems::counts::{Counts, Teller};

/// Bytes handed to the client and not acknowledged at the most; what is more is refused. Four times
/// what the Rust client takes before it makes its caller wait (16 MiB, `CHANNEL_CAPACITY` in
/// `src/event/writer.rs` @ pravega-client 0.3.7).
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// Lanes: routing keys that the users' keys are spread over. A lane lives in one segment, as
/// Pravega promises for a routing key.
pub(super) const LANES: u32 = 256;

/// The routing key of a lane.
pub(super) fn routing_key(lane: u32) -> String {
    format!("lane-{lane}")
}

fn key(lane: u32) -> RoutingKey {
    RoutingKey::new(&routing_key(lane))
}

/// An event writer that the pacer never waits for.
pub(super) struct OwnWriter {
    client: EventWriter<Token>,
    keys: Vec<RoutingKey>,
    /// What its tasks share with it.
    shared: Arc<Shared>,
}

struct Shared {
    /// Bytes that the client has and that are not acknowledged.
    bytes: AtomicU64,
    abandoned: AtomicBool,
    /// Why events have failed was told.
    told: AtomicBool,
    counted: Mutex<Teller>,
}

impl Shared {
    /// Events are stored, or it is not known whether they are.
    fn settled(&self, observer: &Observer, tokens: &[Token], result: Result<(), &Error>) {
        let bytes: u64 = tokens.iter().map(|token| u64::from(token.bytes)).sum();
        if let (Ok(()), Ok(mut counted)) = (result, self.counted.lock()) {
            // One acknowledgement is of one block.
            counted.add(Counts {
                writes: 1.0,
                sent: bytes as f64,
                written: tokens.len() as f64,
                ..Counts::default()
            });
        }
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        if self.abandoned.load(Ordering::Relaxed) {
            return;
        }
        let at = observer.clock.now();
        let why = result.err().map(|error| {
            if !self.told.swap(true, Ordering::Relaxed) {
                observer.mark("writer_failed", error.to_string());
            }
            short(error)
        });
        observer.settled(tokens.iter().map(|token| Settled { at, token: *token, why }).collect());
    }
}

/// What failures are counted by.
fn short(error: &Error) -> &'static str {
    match error {
        Error::Connection(_) => "connection_lost",
        Error::Wire(_) => "protocol_error",
        Error::Refused(_) => "refused",
        Error::Deadline(..) => "retries_exhausted",
        Error::Sealed => "stream_sealed",
    }
}

impl OwnWriter {
    /// Opens a writer on the stream, and has it connect to its segments.
    pub(super) fn open(stream: &Stream, number: u32, observer: Observer) -> Self {
        let client = format!("writer {number}");
        let shared = Arc::new(Shared {
            bytes: AtomicU64::default(),
            abandoned: AtomicBool::default(),
            told: AtomicBool::default(),
            counted: Mutex::new(Teller::new(observer.counting.clone(), client)),
        });
        let of_tasks = Arc::clone(&shared);
        let tell = move |tokens: Vec<Token>, result: Result<(), &Error>| {
            of_tasks.settled(&observer, &tokens, result);
        };
        let (controller, name) = (stream.controller.clone(), stream.name.clone());
        let _context = stream.runtime().enter();
        let client = EventWriter::open(controller, name, Options::default(), Arc::new(tell));
        Self { client, keys: (0..LANES).map(key).collect(), shared }
    }
}

impl Writer for OwnWriter {
    fn send(&mut self, token: Token, payload: &[u8]) -> std::result::Result<(), Refused> {
        let size = payload.len() as u64;
        let lane = token.place.lane;
        let bytes = &self.shared.bytes;
        if bytes.load(Ordering::Relaxed) + size > BYTES_MAX {
            return Err(Refused("queue_full"));
        }
        bytes.fetch_add(size, Ordering::Relaxed);
        let key = self.keys.get(lane as usize).copied().unwrap_or_else(|| key(lane));
        self.client.write(key, token, payload.to_vec()).map_err(|why| {
            bytes.fetch_sub(size, Ordering::Relaxed);
            Refused(match why {
                NotTaken::TooLarge => "too_large",
                NotTaken::Ended => "writer_ended",
            })
        })
    }

    fn abandon(&mut self) {
        self.shared.abandoned.store(true, Ordering::Relaxed);
        self.client.abandon();
    }
}
