//! The controller's messages.
//!
//! Stand for `Controller.proto` (`shared/controller-api/src/main/proto` @ v0.13.0), fields by their
//! numbers there. Statuses are enumerations there and numbers here: what each means stands with the
//! call that answers with it. Left out are the fields that this client neither sends nor reads.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct StreamInfo {
    #[prost(string, tag = "1")]
    pub scope: String,
    #[prost(string, tag = "2")]
    pub stream: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScopeInfo {
    #[prost(string, tag = "1")]
    pub scope: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScalingPolicy {
    #[prost(int32, tag = "1")]
    pub kind: i32,
    #[prost(int32, tag = "2")]
    pub target_rate: i32,
    #[prost(int32, tag = "3")]
    pub scale_factor: i32,
    #[prost(int32, tag = "4")]
    pub min_num_segments: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct StreamConfig {
    #[prost(message, optional, tag = "1")]
    pub stream_info: Option<StreamInfo>,
    #[prost(message, optional, tag = "2")]
    pub scaling_policy: Option<ScalingPolicy>,
}

/// The answer of most calls: a status.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct Exists {
    #[prost(bool, tag = "1")]
    pub exists: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct SegmentId {
    #[prost(message, optional, tag = "1")]
    pub stream_info: Option<StreamInfo>,
    #[prost(int64, tag = "2")]
    pub segment_id: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct SegmentRange {
    #[prost(message, optional, tag = "1")]
    pub segment_id: Option<SegmentId>,
    #[prost(double, tag = "2")]
    pub min_key: f64,
    #[prost(double, tag = "3")]
    pub max_key: f64,
}

#[derive(Clone, PartialEq, Message)]
pub struct SegmentRanges {
    #[prost(message, repeated, tag = "1")]
    pub segment_ranges: Vec<SegmentRange>,
    #[prost(string, tag = "2")]
    pub delegation_token: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetSegmentsRequest {
    #[prost(message, optional, tag = "1")]
    pub stream_info: Option<StreamInfo>,
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct SegmentLocation {
    #[prost(message, optional, tag = "1")]
    pub segment_id: Option<SegmentId>,
    #[prost(int64, tag = "2")]
    pub offset: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct SegmentsAtTime {
    #[prost(message, repeated, tag = "1")]
    pub segments: Vec<SegmentLocation>,
    #[prost(string, tag = "2")]
    pub delegation_token: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeUri {
    #[prost(string, tag = "1")]
    pub endpoint: String,
    #[prost(int32, tag = "2")]
    pub port: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct SegmentEntry {
    #[prost(message, optional, tag = "1")]
    pub segment: Option<SegmentRange>,
    #[prost(int64, repeated, tag = "2")]
    pub predecessors: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SuccessorResponse {
    #[prost(message, repeated, tag = "1")]
    pub segments: Vec<SegmentEntry>,
    #[prost(string, tag = "2")]
    pub delegation_token: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct KeyRange {
    #[prost(double, tag = "1")]
    pub start: f64,
    #[prost(double, tag = "2")]
    pub end: f64,
}

#[derive(Clone, PartialEq, Message)]
pub struct ScaleRequest {
    #[prost(message, optional, tag = "1")]
    pub stream_info: Option<StreamInfo>,
    #[prost(int64, repeated, tag = "2")]
    pub sealed_segments: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    pub new_key_ranges: Vec<KeyRange>,
    #[prost(int64, tag = "4")]
    pub scale_timestamp: i64,
}
