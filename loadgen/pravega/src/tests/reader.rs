//! Reading: every event once, in order, over segments that end and stores that go.

use bytes::BytesMut;

use super::fake::Fake;
use super::{options, run, stream};
use crate::error::Error;
use crate::reader::StreamReader;
use crate::wire::put_event;

fn reader(fake: &Fake) -> StreamReader {
    StreamReader::open(fake.controller(), stream(), options())
}

/// Stores events in a segment.
fn store(fake: &Fake, segment: i64, numbers: std::ops::Range<u32>) {
    let mut data = BytesMut::new();
    numbers.for_each(|n| put_event(&mut data, format!("{segment}-{n}").as_bytes()));
    fake.of(segment, |segment| segment.data.extend_from_slice(&data));
}

/// Reads so many events.
async fn read(reader: &mut StreamReader, count: usize) -> Vec<String> {
    let mut events = vec![];
    while events.len() < count {
        let slice = reader.next().await.expect("there is more").expect("no error");
        events.extend(slice.events.iter().map(|one| String::from_utf8(one.to_vec()).unwrap()));
    }
    events
}

fn numbered(segment: i64, numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|n| format!("{segment}-{n}")).collect()
}

#[test]
fn events_come_whole_and_in_order_wherever_a_read_ends() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        fake.change(|state| state.read_bytes = 7);
        store(&fake, 0, 0..50);
        let mut reader = reader(&fake);
        assert_eq!(read(&mut reader, 50).await, numbered(0, 0..50));
        // At the tail a read waits at the store, and is answered when there is something.
        store(&fake, 0, 50..60);
        assert_eq!(read(&mut reader, 10).await, numbered(0, 50..60));
        assert_eq!(fake.state().connections, 1);
    });
}

#[test]
fn segments_are_read_after_all_that_they_follow() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 0.5), (1, 0.5, 1.0)]).await;
        fake.add(2, (0.0, 1.0), &[0, 1]);
        fake.add(3, (0.0, 1.0), &[2]);
        store(&fake, 0, 0..5);
        store(&fake, 2, 0..5);
        store(&fake, 3, 0..5);
        [0, 2, 3].into_iter().for_each(|segment| fake.seal(segment));
        let mut reader = reader(&fake);
        assert_eq!(read(&mut reader, 5).await, numbered(0, 0..5));
        // Segment 1 has not ended: nothing of segment 2 has come before its last events.
        store(&fake, 1, 0..5);
        fake.seal(1);
        let expected: Vec<_> = (1..4).flat_map(|segment| numbered(segment, 0..5)).collect();
        assert_eq!(read(&mut reader, 15).await, expected);
        assert_eq!(reader.next().await, None, "the stream is sealed");
    });
}

#[test]
fn a_segment_that_moves_is_read_on_where_it_was() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        store(&fake, 0, 0..5);
        let mut reader = reader(&fake);
        assert_eq!(read(&mut reader, 5).await, numbered(0, 0..5));
        fake.of(0, |segment| segment.home = 1);
        store(&fake, 0, 5..10);
        assert_eq!(read(&mut reader, 5).await, numbered(0, 5..10));
        // A machine that is gone keeps its connections open.
        fake.change(|state| state.mute = [1].into());
        fake.of(0, |segment| segment.home = 0);
        store(&fake, 0, 10..15);
        let events = read(&mut reader, 5).await;
        assert_eq!(events, numbered(0, 10..15));
    });
}

#[test]
fn what_was_truncated_is_passed_over_and_told() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        store(&fake, 0, 0..5);
        let bytes = fake.state().segments.values().next().unwrap().data.len() as i64;
        store(&fake, 0, 5..9);
        fake.of(0, |segment| segment.start = bytes);
        let mut reader = reader(&fake);
        let first = reader.next().await.unwrap().unwrap();
        assert_eq!((first.skipped_bytes, first.events.len()), (bytes, 0));
        assert_eq!(read(&mut reader, 4).await, numbered(0, 5..9));
    });
}

#[test]
fn bytes_that_are_no_event_and_a_store_that_stays_away_end_reading_with_one_error() {
    run(async {
        let fake = Fake::start(&[(0, 0.0, 1.0)]).await;
        store(&fake, 0, 0..2);
        fake.of(0, |segment| segment.data.extend_from_slice(&[0, 0, 0, 9, 0, 0, 0, 1, 7]));
        let mut broken = reader(&fake);
        let error = broken.next().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Wire(_)), "{error:?}");
        fake.change(|state| state.mute = [0].into());
        let mut away = reader(&fake);
        let error = away.next().await.unwrap().unwrap_err();
        assert!(matches!(&error, Error::Deadline(_, why) if why.contains("not connected")));
    });
}
