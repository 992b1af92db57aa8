//! A controller, and calls of it.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};

use super::fake::{Fake, Segment};
use super::{options, run, stream};
use crate::controller::{Scaling, proto};
use crate::error::Error;
use crate::segment::SegmentId;

/// Accepts connections.
pub(super) async fn serve(listener: TcpListener, fake: Fake) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(session(stream, fake.clone()));
    }
}

async fn session(stream: TcpStream, fake: Fake) {
    let Ok(mut calls) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = calls.accept().await {
        let fake = fake.clone();
        tokio::spawn(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or("").to_owned();
            let mut body = request.into_body();
            let mut received = BytesMut::new();
            while let Some(Ok(data)) = body.data().await {
                received.extend_from_slice(&data);
            }
            let answer = answer(&fake, &method, &received[5..]);
            let mut framed = vec![0];
            framed.extend_from_slice(&(answer.len() as u32).to_be_bytes());
            framed.extend_from_slice(&answer);
            let mut out = respond.send_response(Response::new(()), false).unwrap();
            out.send_data(Bytes::from(framed), false).unwrap();
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            out.send_trailers(trailers).unwrap();
        });
    }
}

fn range(segment: &Segment) -> proto::SegmentRange {
    let id = segment.range.id.0;
    proto::SegmentRange {
        segment_id: Some(proto::SegmentId { stream_info: None, segment_id: id }),
        min_key: segment.range.low,
        max_key: segment.range.high,
    }
}

fn answer(fake: &Fake, method: &str, request: &[u8]) -> Vec<u8> {
    let mut state = fake.state();
    state.calls.push(method.to_owned());
    let asked = || proto::SegmentId::decode(request).unwrap().segment_id;
    let segments = || state.segments.values();
    match method {
        "getCurrentSegments" => {
            let segment_ranges = segments().filter(|one| !one.sealed).map(range).collect();
            let delegation_token = "token".into();
            proto::SegmentRanges { segment_ranges, delegation_token }.encode_to_vec()
        }
        "getSegments" => {
            let head = segments().filter(|one| one.predecessors.is_empty());
            let located = |one: &Segment| proto::SegmentLocation {
                segment_id: range(one).segment_id,
                offset: 0,
            };
            let segments = head.map(located).collect();
            proto::SegmentsAtTime { segments, delegation_token: String::new() }.encode_to_vec()
        }
        "getSegmentsImmediatelyFollowing" => {
            let after = SegmentId(asked());
            let follows = segments().filter(|one| one.predecessors.contains(&after));
            let entry = |one: &Segment| proto::SegmentEntry {
                segment: Some(range(one)),
                predecessors: one.predecessors.iter().map(|id| id.0).collect(),
            };
            let segments = follows.map(entry).collect();
            proto::SuccessorResponse { segments, delegation_token: String::new() }.encode_to_vec()
        }
        "getURI" => {
            let home = state.segments.get(&SegmentId(asked())).map(|one| one.home);
            let address = home.map_or("", |home| &fake.stores[home]);
            let (host, port) = address.rsplit_once(':').unwrap_or(("", "0"));
            proto::NodeUri { endpoint: host.into(), port: port.parse().unwrap() }.encode_to_vec()
        }
        "checkScopeExists" => proto::Exists { exists: true }.encode_to_vec(),
        _ => {
            let status = if state.statuses.is_empty() { 0 } else { state.statuses.remove(0) };
            proto::Status { status }.encode_to_vec()
        }
    }
}

#[test]
fn a_failure_is_tried_again_and_a_refusal_is_not() {
    run(async {
        let fake = Fake::start(&[]).await;
        let controller = fake.controller();
        assert_eq!(controller.scope_exists("tests").await, Ok(true));
        let deadline = options().deadline;
        // FAILURE twice, then STREAM_EXISTS.
        fake.change(|state| state.statuses = vec![1, 1, 2]);
        let scaling = Scaling::ByEventRate { target: 100, factor: 2, segments_min: 1 };
        assert_eq!(controller.make_stream(&stream(), scaling, deadline).await, Ok(()));
        // INVALID_SCOPE_NAME.
        fake.change(|state| state.statuses = vec![3]);
        let refused = controller.make_scope("no scope", deadline).await;
        assert!(matches!(&refused, Err(Error::Refused(why)) if why.contains("status 3")));
        let calls = ["checkScopeExists", "createStream", "createStream", "createStream"];
        assert_eq!(fake.state().calls[..4], calls);
        assert_eq!(fake.state().calls.len(), 5);
    });
}

#[test]
fn a_controller_that_is_not_there_is_named_after_the_deadline() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let controller = crate::controller::Controller::new(&address, options().setup);
        let made = controller.make_scope("tests", options().deadline).await;
        let Err(Error::Deadline(after, why)) = made else { panic!("{made:?}") };
        assert!(after >= options().deadline && why.contains(&address), "{after:?}: {why}");
    });
}

#[test]
fn the_way_from_a_call_to_its_answer_has_a_deadline() {
    run(async {
        // It accepts, and says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let controller = crate::controller::Controller::new(&address, options().setup);
        let answered = controller.scope_exists("tests").await;
        assert!(matches!(&answered, Err(Error::Connection(why)) if why.contains("no answer")));
    });
}
