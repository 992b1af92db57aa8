//! Writing: what is acknowledged lies there once, in order, whatever happens meanwhile.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::fake::Fake;
use super::{options, run, stream};
use crate::error::Error;
use crate::segment::RoutingKey;
use crate::wire::{self, Command};
use crate::writer::{EVENT_BYTES_MAX, EventWriter, NotTaken};

type Told = (Vec<u32>, Result<(), Error>);

/// A writer, and what it tells.
fn writer(fake: &Fake) -> (EventWriter<u32>, UnboundedReceiver<Told>) {
    let (sender, told) = unbounded_channel();
    let sender = Mutex::new(sender);
    let tell = move |tokens: Vec<u32>, result: Result<(), &Error>| {
        // The test may have ended.
        let _ = sender.lock().unwrap().send((tokens, result.map_err(Clone::clone)));
    };
    (EventWriter::open(fake.controller(), stream(), options(), Arc::new(tell)), told)
}

/// A key in the lower or in the upper half of the key space.
fn key(upper: bool) -> RoutingKey {
    let mut keys = (0..).map(|n| RoutingKey::new(&format!("key-{n}")));
    keys.find(|key| (key.0 >= 0.5) == upper).unwrap()
}

fn write(writer: &EventWriter<u32>, upper: bool, tokens: impl IntoIterator<Item = u32>) {
    for token in tokens {
        let payload = format!("{upper}-{token}").into_bytes();
        assert_eq!(writer.write(key(upper), token, payload), Ok(()));
    }
}

/// Waits until all of these are acknowledged, each once.
async fn all_acked(told: &mut UnboundedReceiver<Told>, tokens: impl IntoIterator<Item = u32>) {
    let mut missing: Vec<u32> = tokens.into_iter().collect();
    while !missing.is_empty() {
        let (tokens, result) = told.recv().await.expect("the writer runs");
        assert_eq!(result, Ok(()), "{tokens:?}");
        for token in tokens {
            let at = missing.iter().position(|one| *one == token);
            missing.swap_remove(at.unwrap_or_else(|| panic!("{token} a second time")));
        }
    }
}

fn events(upper: bool, tokens: impl IntoIterator<Item = u32>) -> Vec<String> {
    tokens.into_iter().map(|token| format!("{upper}-{token}")).collect()
}

const HALVES: [(i64, f64, f64); 2] = [(0, 0.0, 0.5), (1, 0.5, 1.0)];

#[test]
fn events_lie_in_the_segments_of_their_keys_in_their_order() {
    run(async {
        let fake = Fake::start(&HALVES).await;
        let (writer, mut told) = writer(&fake);
        write(&writer, false, 0..1_300);
        write(&writer, true, 2_000..2_100);
        all_acked(&mut told, (0..1_300).chain(2_000..2_100)).await;
        assert_eq!(fake.stored(0), events(false, 0..1_300));
        assert_eq!(fake.stored(1), events(true, 2_000..2_100));
        assert_eq!(fake.state().connections, 2, "one for each segment");
    });
}

#[test]
fn what_was_stored_when_the_connection_broke_is_not_stored_again() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        let (writer, mut told) = writer(&fake);
        write(&writer, false, 0..10);
        all_acked(&mut told, 0..10).await;
        fake.change(|state| state.acks_lost = 3);
        write(&writer, false, 10..3_000);
        all_acked(&mut told, 10..3_000).await;
        assert_eq!(fake.stored(0), events(false, 0..3_000));
        assert_eq!(fake.state().connections, 4);
    });
}

#[test]
fn a_segment_is_followed_to_another_store() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        let (writer, mut told) = writer(&fake);
        write(&writer, false, 0..5);
        all_acked(&mut told, 0..5).await;
        fake.of(0, |segment| segment.home = 1);
        write(&writer, false, 5..900);
        all_acked(&mut told, 5..900).await;
        // The store that has it now is silent; then it moves back.
        fake.change(|state| state.mute = [1].into());
        write(&writer, false, 900..1_000);
        fake.wait(|state| state.mute.contains(&1)).await;
        fake.of(0, |segment| segment.home = 0);
        all_acked(&mut told, 900..1_000).await;
        assert_eq!(fake.stored(0), events(false, 0..1_000));
    });
}

#[test]
fn what_a_sealed_segment_does_not_take_goes_to_its_successors() {
    run(async {
        let fake = Fake::start(&HALVES).await;
        let (writer, mut told) = writer(&fake);
        write(&writer, false, 0..100);
        write(&writer, true, 2_000..2_100);
        all_acked(&mut told, (0..100).chain(2_000..2_100)).await;
        // Both merge into one, which is split again before anybody looks.
        fake.add((1 << 32) + 2, (0.0, 1.0), &[0, 1]);
        fake.seal(0);
        write(&writer, false, 100..200);
        all_acked(&mut told, 100..200).await;
        fake.seal(1);
        fake.add((2 << 32) + 3, (0.0, 0.5), &[(1 << 32) + 2]);
        fake.add((2 << 32) + 4, (0.5, 1.0), &[(1 << 32) + 2]);
        fake.seal((1 << 32) + 2);
        write(&writer, false, 200..900);
        write(&writer, true, 2_100..2_200);
        all_acked(&mut told, (200..900).chain(2_100..2_200)).await;
        let of = |id| fake.stored(id);
        assert_eq!((of(0), of(1)), (events(false, 0..100), events(true, 2_000..2_100)));
        assert_eq!(of((1 << 32) + 2), events(false, 100..200));
        assert_eq!(of((2 << 32) + 3), events(false, 200..900));
        assert_eq!(of((2 << 32) + 4), events(true, 2_100..2_200));
    });
}

#[test]
fn a_writer_that_is_dropped_still_writes_what_it_was_given() {
    run(async {
        let fake = Fake::start(&HALVES).await;
        let (writer, mut told) = writer(&fake);
        fake.change(|state| state.acks_lost = 1);
        write(&writer, false, 0..700);
        drop(writer);
        all_acked(&mut told, 0..700).await;
        assert_eq!(told.recv().await, None, "it has ended");
        assert_eq!(fake.stored(0), events(false, 0..700));
    });
}

/// What the first failure says.
async fn failure(told: &mut UnboundedReceiver<Told>) -> Error {
    loop {
        if let (_, Err(error)) = told.recv().await.expect("the writer tells") {
            return error;
        }
    }
}

#[test]
fn a_store_that_never_answers_is_given_up_at_the_deadline() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        fake.change(|state| state.mute = [0].into());
        let (writer, mut told) = writer(&fake);
        write(&writer, false, 0..3);
        let Error::Deadline(after, why) = failure(&mut told).await else { panic!("a deadline") };
        assert!(after >= options().deadline, "{after:?}");
        assert!(why.contains(&fake.stores[0]) && why.contains("not connected"), "{why}");
        // It does not come back to life.
        write(&writer, false, [3]);
        assert!(matches!(failure(&mut told).await, Error::Refused(_)));
    });
}

#[test]
fn a_store_that_falls_silent_is_left_for_where_the_segment_is_now() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        let (writer, mut told) = writer(&fake);
        write(&writer, false, 0..3);
        all_acked(&mut told, 0..3).await;
        // Its connections stay open, as those of a machine that is gone do.
        fake.change(|state| state.mute = [0].into());
        fake.of(0, |segment| segment.home = 1);
        write(&writer, false, 3..6);
        all_acked(&mut told, 3..6).await;
        assert_eq!(fake.stored(0), events(false, 0..6));
    });
}

#[test]
fn a_store_that_breaks_the_protocol_is_left_at_once_with_one_clear_error() {
    let mut later = bytes::BytesMut::new();
    wire::encode(&Command::Hello { high: 99, low: 40 }, &mut later).unwrap();
    let cases: [(&[u8], &str); 3] = [
        (&later, "the store speaks wire versions 40 to 99, this client 5 to 16"),
        (&[0, 0, 0, 50, 1, 0, 0, 0], "a frame of type 50 and 16777216 bytes"),
        (b"HTTP/1.1 400", "a frame of type 1213486160, which is none"),
    ];
    for (hello, expected) in cases {
        run(async {
            let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
            fake.change(|state| state.hello = Some(hello.to_vec()));
            let (writer, mut told) = writer(&fake);
            write(&writer, false, 0..3);
            let error = failure(&mut told).await;
            assert!(matches!(error, Error::Wire(_)), "{error:?}");
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(fake.state().connections, 1);
        });
    }
}

#[test]
fn a_sealed_stream_and_an_event_too_large_are_refused() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        let (writer, mut told) = writer(&fake);
        let large = vec![0; EVENT_BYTES_MAX + 1];
        assert_eq!(writer.write(key(true), 9, large), Err(NotTaken::TooLarge));
        fake.seal(0);
        write(&writer, false, 0..2);
        assert_eq!(failure(&mut told).await, Error::Sealed);
        writer.abandon();
    });
}
