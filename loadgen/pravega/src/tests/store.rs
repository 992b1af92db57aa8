//! A segment store.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fake::Fake;
use crate::segment::SegmentId;
use crate::wire::{self, Command};

/// Accepts connections.
pub(super) async fn serve(listener: TcpListener, index: usize, fake: Fake) {
    while let Ok((stream, _)) = listener.accept().await {
        fake.change(|state| state.connections += 1);
        let (fake, segments) = (fake.clone(), BTreeMap::new());
        tokio::spawn(Session { fake, index, segments }.run(stream));
    }
}

struct Session {
    fake: Fake,
    index: usize,
    /// The segment that each writer has set up.
    segments: BTreeMap<u128, SegmentId>,
}

impl Session {
    async fn run(mut self, mut stream: TcpStream) {
        let mut received = BytesMut::new();
        loop {
            let command = loop {
                match wire::decode(&mut received).expect("the client's frames are good") {
                    Some(command) => break command,
                    None => match stream.read_buf(&mut received).await {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    },
                }
            };
            if self.fake.state().mute.contains(&self.index) {
                continue;
            }
            let mut out = BytesMut::new();
            let hello = self.fake.state().hello.clone();
            match (&command, hello) {
                (Command::Hello { .. }, Some(bytes)) => out.extend_from_slice(&bytes),
                _ => match self.answer(command).await {
                    Some(answer) => wire::encode(&answer, &mut out).unwrap(),
                    // The connection breaks.
                    None => return,
                },
            }
            if stream.write_all(&out).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&mut self, command: Command) -> Option<Command> {
        let trace = String::from("at io.pravega");
        match command {
            Command::Hello { .. } => Some(Command::Hello { high: 16, low: 5 }),
            Command::KeepAlive => Some(Command::KeepAlive),
            Command::SetupAppend { request, writer, segment, .. } => {
                let Some(id) = self.fake.segment_named(&segment) else {
                    return Some(Command::NoSuchSegment { request, segment, trace, offset: -1 });
                };
                let state = self.fake.state();
                let kept = &state.segments[&id];
                if kept.home != self.index {
                    let correct = String::new();
                    return Some(Command::WrongHost { request, segment, correct, trace });
                }
                self.segments.insert(writer, id);
                let last_event = kept.writers.get(&writer).copied().unwrap_or(i64::MIN);
                Some(Command::AppendSetup { request, segment, writer, last_event })
            }
            Command::AppendBlockEnd { writer, data, last_event, request, .. } => {
                self.append(writer, &data, last_event, request)
            }
            Command::ReadSegment { segment, offset, length, request, .. } => {
                self.read(segment, offset, length, request).await
            }
            other => panic!("a client sent {other:?}"),
        }
    }

    fn append(&self, writer: u128, data: &Bytes, event: i64, request: i64) -> Option<Command> {
        let id = self.segments[&writer];
        let segment = id.name(&super::stream());
        let trace = String::new();
        let mut answer = None;
        self.fake.change(|state| {
            let kept = state.segments.get_mut(&id).unwrap();
            if kept.home != self.index {
                let correct = String::new();
                answer = Some(Command::WrongHost { request, segment, correct, trace });
                return;
            }
            if kept.sealed {
                answer = Some(Command::SegmentIsSealed { request, segment, trace, offset: 0 });
                return;
            }
            let last = kept.writers.insert(writer, event).unwrap_or(0);
            assert!(event > last, "event {event} comes after {last}");
            kept.data.extend_from_slice(data);
            let offset = kept.data.len() as i64;
            if state.acks_lost > 0 {
                state.acks_lost -= 1;
                return;
            }
            let previous = last;
            answer = Some(Command::DataAppended { writer, event, previous, request, offset });
        });
        answer
    }

    async fn read(
        &self,
        segment: String,
        offset: i64,
        length: i32,
        request: i64,
    ) -> Option<Command> {
        let mut changes = self.fake.changes();
        loop {
            let trace = String::new();
            let Some(id) = self.fake.segment_named(&segment) else {
                return Some(Command::NoSuchSegment { request, segment, trace, offset });
            };
            {
                let state = self.fake.state();
                let kept = &state.segments[&id];
                if kept.home != self.index {
                    let correct = String::new();
                    return Some(Command::WrongHost { request, segment, correct, trace });
                }
                let start_offset = kept.start;
                if offset < start_offset {
                    return Some(Command::SegmentIsTruncated {
                        request,
                        segment,
                        start_offset,
                        trace,
                        offset,
                    });
                }
                let rest = &kept.data[offset as usize..];
                let bytes = rest.len().min(length as usize).min(state.read_bytes);
                let data = Bytes::copy_from_slice(&rest[..bytes]);
                let at_tail = bytes == rest.len();
                let end_of_segment = at_tail && kept.sealed;
                if bytes > 0 || end_of_segment {
                    return Some(Command::SegmentRead {
                        segment,
                        offset,
                        at_tail,
                        end_of_segment,
                        data,
                        request,
                    });
                }
            }
            changes.changed().await.ok()?;
        }
    }
}
