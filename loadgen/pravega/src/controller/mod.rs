//! The controller: scopes, streams, their segments, and where each is.
//!
//! Stands for `ControllerImpl` of the Java client @ v0.13.0: what it asks, what the statuses of its
//! answers mean. Each call is one attempt ([`Controller`]), or made until a deadline
//! ([`Controller::make_stream`] and the other calls of an administrator).

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::backoff::Backoff;
use crate::error::Error;
use crate::segment::{SegmentId, SegmentRange, StreamName};

mod grpc;
pub(crate) mod proto;

use grpc::Channel;
use proto::{ScalingPolicy, StreamConfig, StreamInfo};

/// The service of all calls.
const SERVICE: &str = "/io.pravega.controller.stream.api.grpc.v1.ControllerService";

/// How a stream is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// Never by itself.
    Fixed {
        /// Segments.
        segments: u32,
    },
    /// By the events that its segments are written.
    ByEventRate {
        /// Events per second that a segment is meant to take.
        target: u32,
        /// How many a hot segment is split into.
        factor: u32,
        /// Segments at the least, which it begins with.
        segments_min: u32,
    },
    /// By the bytes that its segments are written.
    ByThroughput {
        /// Kilobytes (of 1,024 bytes) per second that a segment is meant to take.
        target: u32,
        /// How many a hot segment is split into.
        factor: u32,
        /// Segments at the least, which it begins with.
        segments_min: u32,
    },
}

impl Scaling {
    fn policy(self) -> ScalingPolicy {
        // `ScalingPolicyType`: 0 fixed, 1 by kilobytes per second, 2 by events per second.
        match self {
            Self::Fixed { segments } => {
                ScalingPolicy { min_num_segments: segments as i32, ..ScalingPolicy::default() }
            }
            Self::ByThroughput { target, factor, segments_min } => {
                by_rate(1, [target, factor, segments_min])
            }
            Self::ByEventRate { target, factor, segments_min } => {
                by_rate(2, [target, factor, segments_min])
            }
        }
    }
}

fn by_rate(kind: i32, numbers: [u32; 3]) -> ScalingPolicy {
    let [target_rate, scale_factor, min_num_segments] = numbers.map(|number| number as i32);
    ScalingPolicy { kind, target_rate, scale_factor, min_num_segments }
}

/// What follows a sealed segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Successor {
    /// The segment.
    pub range: SegmentRange,
    /// All that it follows.
    pub predecessors: Vec<SegmentId>,
}

/// A client of a controller; its clones share a connection.
#[derive(Clone, Debug)]
pub struct Controller {
    channel: Arc<Channel>,
    /// What stores ask for, if they do: it comes with segments.
    token: Arc<Mutex<String>>,
}

impl Controller {
    /// Of the controller at `address` (`host:port`); `patience` is how long one call may take.
    pub fn new(address: &str, patience: Duration) -> Self {
        let channel = Arc::new(Channel::new(address, patience));
        Self { channel, token: Arc::default() }
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        self.channel.address()
    }

    /// The token that stores are shown.
    pub(crate) fn token(&self) -> String {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep_token(&self, token: String) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    async fn call<A: prost::Message + Default>(
        &self,
        method: &str,
        request: &impl prost::Message,
    ) -> Result<A, Error> {
        self.channel.call(&format!("{SERVICE}/{method}"), request).await
    }

    /// Calls what answers with a status: 0, or one of `fine`.
    async fn ask(
        &self,
        method: &str,
        request: &impl prost::Message,
        fine: &[i32],
    ) -> Result<(), Error> {
        let answer: proto::Status = self.call(method, request).await?;
        if answer.status == 0 || fine.contains(&answer.status) {
            return Ok(());
        }
        let why = format!("controller {}: {method}: status {}", self.address(), answer.status);
        // 1 is FAILURE of all of them: what it was busy with may pass.
        Err(if answer.status == 1 { Error::Connection(why) } else { Error::Refused(why) })
    }

    /// Whether there is such a scope; one attempt.
    pub async fn scope_exists(&self, scope: &str) -> Result<bool, Error> {
        let request = proto::ScopeInfo { scope: scope.to_owned() };
        let answer: proto::Exists = self.call("checkScopeExists", &request).await?;
        Ok(answer.exists)
    }

    /// Makes a scope, unless it is there.
    pub async fn make_scope(&self, scope: &str, deadline: Duration) -> Result<(), Error> {
        let request = proto::ScopeInfo { scope: scope.to_owned() };
        // 2: it exists; 3: no name of a scope.
        until(deadline, || self.ask("createScope", &request, &[2])).await
    }

    /// Makes a stream, unless it is there.
    pub async fn make_stream(
        &self,
        stream: &StreamName,
        scaling: Scaling,
        deadline: Duration,
    ) -> Result<(), Error> {
        let request = StreamConfig {
            stream_info: Some(info(stream)),
            scaling_policy: Some(scaling.policy()),
        };
        // 2: it exists; 3: no such scope; 4: no name of a stream.
        until(deadline, || self.ask("createStream", &request, &[2])).await
    }

    /// Seals a stream and deletes it.
    pub async fn delete_stream(
        &self,
        stream: &StreamName,
        deadline: Duration,
    ) -> Result<(), Error> {
        let request = info(stream);
        // 2: there is no such stream (`UpdateStreamStatus`, `DeleteStreamStatus`).
        until(deadline, || self.ask("sealStream", &request, &[2])).await?;
        until(deadline, || self.ask("deleteStream", &request, &[2])).await
    }

    /// Splits or merges segments by hand: `sealed` are sealed, and `ranges` made of their keys. It
    /// is under way when this returns.
    pub async fn scale(
        &self,
        stream: &StreamName,
        sealed: &[SegmentId],
        ranges: &[(f64, f64)],
        deadline: Duration,
    ) -> Result<(), Error> {
        let key_range = |(start, end): &(f64, f64)| proto::KeyRange { start: *start, end: *end };
        let request = proto::ScaleRequest {
            stream_info: Some(info(stream)),
            sealed_segments: sealed.iter().map(|id| id.0).collect(),
            new_key_ranges: ranges.iter().map(key_range).collect(),
            scale_timestamp: 0,
        };
        // 2: the segments are not those of the stream now.
        until(deadline, || self.ask("scale", &request, &[])).await
    }

    /// The segments of a stream now, one attempt.
    pub async fn current_segments(&self, stream: &StreamName) -> Result<Vec<SegmentRange>, Error> {
        let answer: proto::SegmentRanges = self.call("getCurrentSegments", &info(stream)).await?;
        self.keep_token(answer.delegation_token);
        let mut ranges: Vec<_> = answer.segment_ranges.iter().map(range).collect();
        ranges.sort_by(|a, b| a.low.total_cmp(&b.low));
        Ok(ranges)
    }

    /// The segments that a stream begins with now, and the offset in each; one attempt.
    pub async fn head_segments(&self, stream: &StreamName) -> Result<Vec<(SegmentId, i64)>, Error> {
        let request = proto::GetSegmentsRequest { stream_info: Some(info(stream)), timestamp: 0 };
        let answer: proto::SegmentsAtTime = self.call("getSegments", &request).await?;
        self.keep_token(answer.delegation_token);
        let located = |one: &proto::SegmentLocation| {
            one.segment_id.as_ref().map(|id| (SegmentId(id.segment_id), one.offset))
        };
        Ok(answer.segments.iter().filter_map(located).collect())
    }

    /// What follows a sealed segment; nothing, if the stream is sealed. One attempt.
    pub async fn successors(
        &self,
        stream: &StreamName,
        segment: SegmentId,
    ) -> Result<Vec<Successor>, Error> {
        let request = segment_of(stream, segment);
        let answer: proto::SuccessorResponse =
            self.call("getSegmentsImmediatelyFollowing", &request).await?;
        self.keep_token(answer.delegation_token);
        let successor = |entry: &proto::SegmentEntry| {
            entry.segment.as_ref().map(|segment| Successor {
                range: range(segment),
                predecessors: entry.predecessors.iter().map(|id| SegmentId(*id)).collect(),
            })
        };
        Ok(answer.segments.iter().filter_map(successor).collect())
    }

    /// The store that has a segment, as `host:port`; one attempt.
    pub async fn store_of(&self, stream: &StreamName, id: SegmentId) -> Result<String, Error> {
        let node: proto::NodeUri = self.call("getURI", &segment_of(stream, id)).await?;
        if node.endpoint.is_empty() {
            let address = self.address();
            let why = format!("controller {address}: no store has {}", id.name(stream));
            return Err(Error::Connection(why));
        }
        Ok(format!("{}:{}", node.endpoint, node.port))
    }
}

fn info(stream: &StreamName) -> StreamInfo {
    StreamInfo { scope: stream.scope.clone(), stream: stream.stream.clone() }
}

fn segment_of(stream: &StreamName, id: SegmentId) -> proto::SegmentId {
    proto::SegmentId { stream_info: Some(info(stream)), segment_id: id.0 }
}

fn range(range: &proto::SegmentRange) -> SegmentRange {
    let id = range.segment_id.as_ref().map_or(0, |id| id.segment_id);
    SegmentRange { id: SegmentId(id), low: range.min_key, high: range.max_key }
}

/// Tries until it succeeds, is refused, or the deadline has passed.
pub(crate) async fn until<T, F>(
    deadline: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut backoff = Backoff::new(deadline);
    loop {
        match attempt().await {
            Err(error) if error.may_pass() => backoff.failed(error).await?,
            settled => return settled,
        }
    }
}
