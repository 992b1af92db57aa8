//! Tokens of events that a client has: written by the thread that sends them, read by the one that
//! is told what became of them, without a lock and without an allocation for an event.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use headwater_traffic::Place;

use crate::systems::client::Token;

/// Tokens of a chunk. Chunks are made when they are needed first.
const CHUNK: usize = 1 << 12;

/// Chunks at the most: room for a million events, and some.
const CHUNKS: usize = 1 << 8;

/// A token. The client's own queues order what is written before it is sent and what is read after
/// it was sent.
#[derive(Default)]
struct Slot {
    intended: AtomicU64,
    started: AtomicU64,
    seq: AtomicU64,
    lane: AtomicU32,
    bytes: AtomicU32,
}

/// The tokens of one writer's events, by number.
pub(in crate::systems) struct Tokens {
    writer: u32,
    chunks: Vec<OnceLock<Box<[Slot]>>>,
    /// The least number that was never given out.
    fresh: AtomicU32,
    /// Numbers that were given back.
    free: Mutex<Vec<u32>>,
}

impl Tokens {
    /// Of the events of this writer.
    pub(in crate::systems) fn new(writer: u32) -> Self {
        let chunks = (0..CHUNKS).map(|_| OnceLock::new()).collect();
        Self { writer, chunks, fresh: AtomicU32::new(0), free: Mutex::new(vec![]) }
    }

    /// A number for an event; further ones that are free are put into `free`, which is empty. None
    /// if there are too many events under way.
    pub(in crate::systems) fn take(&self, free: &mut Vec<u32>) -> Option<u32> {
        std::mem::swap(free, &mut self.free.lock().unwrap_or_else(PoisonError::into_inner));
        free.pop().or_else(|| {
            let number = self.fresh.load(Ordering::Relaxed);
            let there_is = (number as usize) < CHUNK * CHUNKS;
            there_is.then(|| self.fresh.fetch_add(1, Ordering::Relaxed))
        })
    }

    /// These events are settled: their numbers are free again. `numbers` is empty afterwards.
    pub(in crate::systems) fn give_back(&self, numbers: &mut Vec<u32>) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).append(numbers);
    }

    fn slot(&self, number: u32) -> &Slot {
        let (chunk, index) = (number as usize / CHUNK, number as usize % CHUNK);
        let make = || (0..CHUNK).map(|_| Slot::default()).collect();
        &self.chunks[chunk].get_or_init(make)[index]
    }

    /// Keeps the token of the event with this number.
    pub(in crate::systems) fn set(&self, number: u32, token: Token) {
        let slot = self.slot(number);
        slot.intended.store(token.intended, Ordering::Relaxed);
        slot.started.store(token.started, Ordering::Relaxed);
        slot.seq.store(token.place.seq, Ordering::Relaxed);
        slot.lane.store(token.place.lane, Ordering::Relaxed);
        slot.bytes.store(token.bytes, Ordering::Relaxed);
    }

    /// The token of the event with this number.
    pub(in crate::systems) fn get(&self, number: u32) -> Token {
        let slot = self.slot(number);
        Token {
            intended: slot.intended.load(Ordering::Relaxed),
            started: slot.started.load(Ordering::Relaxed),
            bytes: slot.bytes.load(Ordering::Relaxed),
            place: Place {
                writer: self.writer,
                lane: slot.lane.load(Ordering::Relaxed),
                seq: slot.seq.load(Ordering::Relaxed),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(seq: u64) -> Token {
        let place = Place { writer: 7, lane: 3, seq };
        Token { intended: seq * 10, started: seq * 10 + 1, bytes: 100, place }
    }

    #[test]
    fn a_token_comes_back_by_its_number_and_numbers_are_used_again() {
        let (tokens, mut free) = (Tokens::new(7), vec![]);
        let mut under_way: Vec<u32> =
            (0..10_000).map(|_| tokens.take(&mut free).unwrap()).collect();
        under_way.iter().for_each(|number| tokens.set(*number, token((*number).into())));
        assert_eq!(under_way, (0..10_000).collect::<Vec<_>>());
        for number in &under_way {
            let (got, kept) = (tokens.get(*number), token((*number).into()));
            assert_eq!(
                (got.place, got.intended, got.started),
                (kept.place, kept.intended, kept.started)
            );
        }
        tokens.give_back(&mut under_way);
        assert!(tokens.take(&mut free).unwrap() < 10_000);
        assert_eq!((free.len(), under_way.len()), (9_999, 0));
    }

    #[test]
    fn there_is_an_end_to_them() {
        let (tokens, mut free) = (Tokens::new(0), vec![]);
        let given = (0..).map_while(|_| tokens.take(&mut free)).count();
        assert_eq!(given, CHUNK * CHUNKS);
    }
}
