//! Frames: read as they were written, and refused where they are none.

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use crate::wire::{
    Command, FRAME_BYTES_MAX, HEAD_BYTES, WireError, decode, encode, put_event, take_event,
};

/// One of every command, by its index, of fields that were drawn.
#[derive(Clone, Debug)]
struct Drawn {
    which: usize,
    ids: [i64; 3],
    small: [i32; 2],
    writer: u128,
    texts: [String; 2],
    data: Vec<u8>,
    flags: [bool; 3],
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let numbers = (any::<[i64; 3]>(), any::<[i32; 2]>(), any::<u128>(), any::<[bool; 3]>());
    let texts = ["[a-z/.#0-9]{0,60}", "\\PC{0,20}"];
    let data = prop::collection::vec(any::<u8>(), 0..300);
    (0..19_usize, numbers, texts, data).prop_map(
        |(which, (ids, small, writer, flags), texts, data)| Drawn {
            which,
            ids,
            small,
            writer,
            texts,
            data,
            flags,
        },
    )
}

impl Drawn {
    fn command(self) -> Command {
        let Self { which, ids, small, writer, texts, data, flags } = self;
        let [request, offset, event] = ids;
        let [first, code] = small;
        let [segment, text] = texts;
        let (data, trace, token) = (Bytes::from(data), text.clone(), text.clone());
        let [at_tail, end_of_segment, deleted] = flags;
        match which {
            0 => Command::Hello { high: first, low: code },
            1 => Command::SetupAppend { request, writer, segment, token },
            2 => Command::AppendSetup { request, segment, writer, last_event: event },
            3 => Command::AppendBlock { writer, data },
            4 => Command::AppendBlockEnd {
                writer,
                whole_bytes: first,
                data,
                events: code,
                last_event: event,
                request,
            },
            5 => Command::DataAppended { writer, event, previous: offset, request, offset },
            6 => Command::ReadSegment { segment, offset, length: first, token, request },
            7 => Command::SegmentRead { segment, offset, at_tail, end_of_segment, data, request },
            8 => Command::GetStreamSegmentInfo { request, segment, token },
            9 => Command::StreamSegmentInfo {
                request,
                segment,
                exists: at_tail,
                sealed: end_of_segment,
                deleted,
                modified: event,
                write_offset: offset,
                start_offset: event,
            },
            10 => Command::WrongHost { request, segment, correct: text, trace },
            11 => Command::SegmentIsSealed { request, segment, trace, offset },
            12 => {
                Command::SegmentIsTruncated { request, segment, start_offset: event, trace, offset }
            }
            13 => Command::NoSuchSegment { request, segment, trace, offset },
            14 => Command::InvalidEventNumber { writer, request, trace, event },
            15 => Command::OperationUnsupported { request, operation: segment, trace },
            16 => Command::AuthTokenCheckFailed { request, trace, code },
            17 => Command::ErrorMessage { request, segment, message: text, code },
            _ => Command::KeepAlive,
        }
    }
}

fn encoded(command: &Command) -> BytesMut {
    let mut out = BytesMut::new();
    encode(command, &mut out).unwrap();
    out
}

proptest! {
    #[test]
    fn a_command_is_read_as_it_was_written_however_it_is_cut(
        commands in prop::collection::vec(drawn(), 1..4),
        cut in 1..40_usize,
    ) {
        let commands: Vec<Command> = commands.into_iter().map(Drawn::command).collect();
        let mut sent = BytesMut::new();
        commands.iter().for_each(|command| encode(command, &mut sent).unwrap());
        let (mut received, mut read) = (BytesMut::new(), vec![]);
        for part in sent.chunks(cut) {
            received.put_slice(part);
            while let Some(command) = decode(&mut received).unwrap() {
                read.push(command);
            }
        }
        prop_assert_eq!(read, commands);
        prop_assert!(received.is_empty());
    }

    #[test]
    fn any_bytes_are_frames_or_an_error_and_take_no_more_room_than_a_frame_may(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        check(&bytes);
    }

    #[test]
    fn a_frame_that_is_damaged_is_another_or_an_error(
        command in drawn(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        length in any::<i32>(),
    ) {
        let good = encoded(&command.command());
        let mut flipped = good.clone();
        let at = at.index(flipped.len());
        flipped[at] = byte;
        check(&flipped);
        // A length that has nothing to do with what follows.
        let mut longer = good;
        longer[4..HEAD_BYTES].copy_from_slice(&length.to_be_bytes());
        check(&longer);
        longer[4..HEAD_BYTES].copy_from_slice(&(length % 64).to_be_bytes());
        check(&longer);
    }

    #[test]
    fn events_are_taken_as_they_were_put_and_any_bytes_are_events_or_an_error(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..5),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut segment = BytesMut::new();
        payloads.iter().for_each(|payload| put_event(&mut segment, payload));
        for payload in &payloads {
            prop_assert_eq!(take_event(&mut segment).unwrap().unwrap(), payload);
        }
        prop_assert_eq!(take_event(&mut segment), Ok(None));
        segment.put_slice(&bytes);
        while let Ok(Some(_)) = take_event(&mut segment) {}
        prop_assert!(segment.capacity() < 4_096);
    }
}

/// Takes all frames from `bytes`: without a panic, and without more room than one frame may have.
fn check(bytes: &[u8]) {
    let mut received = BytesMut::from(bytes);
    while let Ok(Some(_)) = decode(&mut received) {}
    let room = received.capacity();
    assert!(room <= 2 * (FRAME_BYTES_MAX + HEAD_BYTES) + bytes.len(), "{room} bytes");
}

#[test]
fn a_frame_has_the_layout_of_the_java_client() {
    let (writer, request) = (0x0102, 7);
    let setup = Command::SetupAppend { request, writer, segment: "s/t/0".into(), token: "".into() };
    let mut expected = vec![0, 0, 0, 1, 0, 0, 0, 33, 0, 0, 0, 0, 0, 0, 0, 7];
    expected.extend_from_slice(&writer.to_be_bytes());
    expected.extend_from_slice(&[0, 5]);
    expected.extend_from_slice(b"s/t/0");
    expected.extend_from_slice(&[0, 0]);
    assert_eq!(encoded(&setup)[..], expected);
}

#[test]
fn fields_that_older_stores_do_not_send_and_later_ones_do() {
    // DataAppended as it was first: a writer and a number (`readFrom` in `WireCommands` @ v0.13.0).
    let mut old = BytesMut::from(&[0, 0, 0, 7, 0, 0, 0, 24][..]);
    old.put_u128(5);
    old.put_i64(9);
    let missing =
        Command::DataAppended { writer: 5, event: 9, previous: -1, request: -1, offset: -1 };
    assert_eq!(decode(&mut old), Ok(Some(missing)));
    let mut later = encoded(&Command::KeepAlive);
    later[7] = 3;
    later.put_slice(&[1, 2, 3]);
    assert_eq!(decode(&mut later), Ok(Some(Command::KeepAlive)));
    assert!(later.is_empty());
}

#[test]
fn what_is_no_frame_is_named_before_anything_is_kept_of_it() {
    let head = |kind: i32, length: i32| {
        let mut head = BytesMut::with_capacity(HEAD_BYTES);
        head.put_i32(kind);
        head.put_i32(length);
        head
    };
    let mut received = head(50, i32::MAX);
    let error = decode(&mut received).unwrap_err();
    assert_eq!(error, WireError::TooLong { kind: 50, length: i32::MAX.into() });
    assert!(received.capacity() < 64, "{} bytes", received.capacity());
    let negative = decode(&mut head(50, -1)).unwrap_err().to_string();
    assert_eq!(negative, "a frame of type 50 and -1 bytes: 0 to 16777215 are allowed");
    // Unknown, though its body has not come.
    assert_eq!(decode(&mut head(6, 1_000)), Err(WireError::UnknownType(6)));
    // Cut off: the frame ends within its second field.
    let mut cut = head(1, 9);
    cut.put_slice(&[0; 9]);
    let error = decode(&mut cut).unwrap_err();
    assert_eq!(error, WireError::CutOff { kind: 1, field: "writerId" });
    // Data that says it is longer than its frame, and shorter than nothing.
    for (length, invalid) in [(1_000, false), (-5, true)] {
        let mut read = head(4, 24);
        read.put_u128(1);
        read.put_i32(0);
        read.put_i32(length);
        let field = "data";
        let expected = match invalid {
            true => WireError::Invalid { kind: 4, field },
            false => WireError::CutOff { kind: 4, field },
        };
        assert_eq!(decode(&mut read), Err(expected));
    }
}

#[test]
fn what_is_too_long_to_send_is_not_sent() {
    let (writer, data) = (1, Bytes::from(vec![0; FRAME_BYTES_MAX]));
    let mut out = BytesMut::from(&b"before"[..]);
    let error = encode(&Command::AppendBlock { writer, data }, &mut out).unwrap_err();
    assert!(matches!(error, WireError::TooLong { kind: 3, .. }), "{error}");
    let segment = "s".repeat(65_536);
    let long = Command::GetStreamSegmentInfo { request: 1, segment, token: String::new() };
    assert!(matches!(encode(&long, &mut out), Err(WireError::Invalid { .. })));
    assert_eq!(&out[..], b"before");
}
