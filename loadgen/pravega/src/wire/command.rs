//! The commands, and where their fields stand.

use bytes::{BufMut, Bytes, BytesMut};

use super::error::WireError;
use super::field::{Fields, put_data, put_string};

/// What a frame says. Fields are those of `WireCommands` @ v0.13.0, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the protocol's own")]
pub enum Command {
    /// First on a connection, from both ends: the versions that they speak.
    Hello { high: i32, low: i32 },
    /// A writer is about to append to a segment.
    SetupAppend { request: i64, writer: u128, segment: String, token: String },
    /// It may; up to this number its events are stored ([`i64::MIN`]: none).
    AppendSetup { request: i64, segment: String, writer: u128, last_event: i64 },
    /// Events follow, which [`Self::AppendBlockEnd`] counts.
    AppendBlock { writer: u128, data: Bytes },
    /// Events, all of them if no block began before.
    AppendBlockEnd {
        writer: u128,
        whole_bytes: i32,
        data: Bytes,
        events: i32,
        last_event: i64,
        request: i64,
    },
    /// Events up to this number are stored.
    DataAppended { writer: u128, event: i64, previous: i64, request: i64, offset: i64 },
    /// A reader wants what lies at an offset, and waits for it at the tail.
    ReadSegment { segment: String, offset: i64, length: i32, token: String, request: i64 },
    /// Here it is; nothing, if nothing came for a while.
    SegmentRead {
        segment: String,
        offset: i64,
        at_tail: bool,
        end_of_segment: bool,
        data: Bytes,
        request: i64,
    },
    /// How does a segment stand?
    GetStreamSegmentInfo { request: i64, segment: String, token: String },
    /// So.
    StreamSegmentInfo {
        request: i64,
        segment: String,
        exists: bool,
        sealed: bool,
        deleted: bool,
        modified: i64,
        write_offset: i64,
        start_offset: i64,
    },
    /// The segment's container runs elsewhere.
    WrongHost { request: i64, segment: String, correct: String, trace: String },
    /// The segment takes no more.
    SegmentIsSealed { request: i64, segment: String, trace: String, offset: i64 },
    /// What was before `start_offset` is gone.
    SegmentIsTruncated {
        request: i64,
        segment: String,
        start_offset: i64,
        trace: String,
        offset: i64,
    },
    /// There is no such segment.
    NoSuchSegment { request: i64, segment: String, trace: String, offset: i64 },
    /// The number does not follow what the store has of the writer.
    InvalidEventNumber { writer: u128, request: i64, trace: String, event: i64 },
    /// The store does not do this.
    OperationUnsupported { request: i64, operation: String, trace: String },
    /// The token is not good.
    AuthTokenCheckFailed { request: i64, trace: String, code: i32 },
    /// Anything else that went wrong.
    ErrorMessage { request: i64, segment: String, message: String, code: i32 },
    /// The connection is used.
    KeepAlive,
}

/// Types of frames (`WireCommandType` @ v0.13.0).
mod kind {
    pub(super) const HELLO: i32 = -127;
    pub(super) const SETUP_APPEND: i32 = 1;
    pub(super) const APPEND_SETUP: i32 = 2;
    pub(super) const APPEND_BLOCK: i32 = 3;
    pub(super) const APPEND_BLOCK_END: i32 = 4;
    pub(super) const DATA_APPENDED: i32 = 7;
    pub(super) const READ_SEGMENT: i32 = 9;
    pub(super) const SEGMENT_READ: i32 = 10;
    pub(super) const GET_STREAM_SEGMENT_INFO: i32 = 11;
    pub(super) const STREAM_SEGMENT_INFO: i32 = 12;
    pub(super) const WRONG_HOST: i32 = 50;
    pub(super) const SEGMENT_IS_SEALED: i32 = 51;
    pub(super) const NO_SUCH_SEGMENT: i32 = 53;
    pub(super) const INVALID_EVENT_NUMBER: i32 = 55;
    pub(super) const SEGMENT_IS_TRUNCATED: i32 = 56;
    pub(super) const OPERATION_UNSUPPORTED: i32 = 57;
    pub(super) const AUTH_TOKEN_CHECK_FAILED: i32 = 60;
    pub(super) const ERROR_MESSAGE: i32 = 61;
    pub(super) const KEEP_ALIVE: i32 = 100;
    pub(super) const ALL: [i32; 19] = [
        HELLO,
        SETUP_APPEND,
        APPEND_SETUP,
        APPEND_BLOCK,
        APPEND_BLOCK_END,
        DATA_APPENDED,
        READ_SEGMENT,
        SEGMENT_READ,
        GET_STREAM_SEGMENT_INFO,
        STREAM_SEGMENT_INFO,
        WRONG_HOST,
        SEGMENT_IS_SEALED,
        NO_SUCH_SEGMENT,
        INVALID_EVENT_NUMBER,
        SEGMENT_IS_TRUNCATED,
        OPERATION_UNSUPPORTED,
        AUTH_TOKEN_CHECK_FAILED,
        ERROR_MESSAGE,
        KEEP_ALIVE,
    ];
}

impl Command {
    /// Whether frames of this type are known.
    pub(super) fn is_known(kind: i32) -> bool {
        kind::ALL.contains(&kind)
    }

    /// The type of its frame.
    pub fn kind(&self) -> i32 {
        match self {
            Self::Hello { .. } => kind::HELLO,
            Self::SetupAppend { .. } => kind::SETUP_APPEND,
            Self::AppendSetup { .. } => kind::APPEND_SETUP,
            Self::AppendBlock { .. } => kind::APPEND_BLOCK,
            Self::AppendBlockEnd { .. } => kind::APPEND_BLOCK_END,
            Self::DataAppended { .. } => kind::DATA_APPENDED,
            Self::ReadSegment { .. } => kind::READ_SEGMENT,
            Self::SegmentRead { .. } => kind::SEGMENT_READ,
            Self::GetStreamSegmentInfo { .. } => kind::GET_STREAM_SEGMENT_INFO,
            Self::StreamSegmentInfo { .. } => kind::STREAM_SEGMENT_INFO,
            Self::WrongHost { .. } => kind::WRONG_HOST,
            Self::SegmentIsSealed { .. } => kind::SEGMENT_IS_SEALED,
            Self::SegmentIsTruncated { .. } => kind::SEGMENT_IS_TRUNCATED,
            Self::NoSuchSegment { .. } => kind::NO_SUCH_SEGMENT,
            Self::InvalidEventNumber { .. } => kind::INVALID_EVENT_NUMBER,
            Self::OperationUnsupported { .. } => kind::OPERATION_UNSUPPORTED,
            Self::AuthTokenCheckFailed { .. } => kind::AUTH_TOKEN_CHECK_FAILED,
            Self::ErrorMessage { .. } => kind::ERROR_MESSAGE,
            Self::KeepAlive => kind::KEEP_ALIVE,
        }
    }

    /// Writes its fields.
    pub(super) fn put_fields(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let kind = self.kind();
        let string = |out: &mut BytesMut, name, text: &str| put_string(out, kind, name, text);
        match self {
            Self::SetupAppend { request, writer, segment, token } => {
                out.put_i64(*request);
                out.put_u128(*writer);
                string(out, "segment", segment)?;
                string(out, "delegationToken", token)?;
            }
            Self::AppendSetup { request, segment, writer, last_event } => {
                out.put_i64(*request);
                string(out, "segment", segment)?;
                out.put_u128(*writer);
                out.put_i64(*last_event);
            }
            Self::AppendBlock { writer, data } => {
                out.put_u128(*writer);
                out.put_slice(data);
            }
            Self::AppendBlockEnd { writer, whole_bytes, data, events, last_event, request } => {
                out.put_u128(*writer);
                out.put_i32(*whole_bytes);
                put_data(out, kind, "data", data)?;
                out.put_i32(*events);
                out.put_i64(*last_event);
                out.put_i64(*request);
            }
            Self::DataAppended { writer, event, previous, request, offset } => {
                out.put_u128(*writer);
                [*event, *previous, *request, *offset].iter().for_each(|long| out.put_i64(*long));
            }
            Self::ReadSegment { segment, offset, length, token, request } => {
                string(out, "segment", segment)?;
                out.put_i64(*offset);
                out.put_i32(*length);
                string(out, "delegationToken", token)?;
                out.put_i64(*request);
            }
            Self::SegmentRead { segment, offset, at_tail, end_of_segment, data, request } => {
                string(out, "segment", segment)?;
                out.put_i64(*offset);
                out.put_u8((*at_tail).into());
                out.put_u8((*end_of_segment).into());
                put_data(out, kind, "data", data)?;
                out.put_i64(*request);
            }
            Self::GetStreamSegmentInfo { request, segment, token } => {
                out.put_i64(*request);
                string(out, "segmentName", segment)?;
                string(out, "delegationToken", token)?;
            }
            _ => self.put_answer(out)?,
        }
        Ok(())
    }

    /// Writes the fields of what stores answer with besides acks and data, and of what has few.
    fn put_answer(&self, out: &mut BytesMut) -> Result<(), WireError> {
        let kind = self.kind();
        let string = |out: &mut BytesMut, name, text: &str| put_string(out, kind, name, text);
        match self {
            Self::Hello { high, low } => {
                out.put_i32(*high);
                out.put_i32(*low);
            }
            Self::StreamSegmentInfo {
                request,
                segment,
                exists,
                sealed,
                deleted,
                modified,
                write_offset,
                start_offset,
            } => {
                out.put_i64(*request);
                string(out, "segmentName", segment)?;
                [*exists, *sealed, *deleted].iter().for_each(|flag| out.put_u8((*flag).into()));
                [*modified, *write_offset, *start_offset].iter().for_each(|at| out.put_i64(*at));
            }
            Self::WrongHost { request, segment, correct, trace } => {
                out.put_i64(*request);
                string(out, "segment", segment)?;
                string(out, "correctHost", correct)?;
                string(out, "serverStackTrace", trace)?;
            }
            Self::SegmentIsSealed { request, segment, trace, offset }
            | Self::NoSuchSegment { request, segment, trace, offset } => {
                out.put_i64(*request);
                string(out, "segment", segment)?;
                string(out, "serverStackTrace", trace)?;
                out.put_i64(*offset);
            }
            Self::SegmentIsTruncated { request, segment, start_offset, trace, offset } => {
                out.put_i64(*request);
                string(out, "segment", segment)?;
                out.put_i64(*start_offset);
                string(out, "serverStackTrace", trace)?;
                out.put_i64(*offset);
            }
            Self::InvalidEventNumber { writer, request, trace, event } => {
                out.put_u128(*writer);
                out.put_i64(*request);
                string(out, "serverStackTrace", trace)?;
                out.put_i64(*event);
            }
            Self::OperationUnsupported { request, operation, trace } => {
                out.put_i64(*request);
                string(out, "operationName", operation)?;
                string(out, "serverStackTrace", trace)?;
            }
            Self::AuthTokenCheckFailed { request, trace, code } => {
                out.put_i64(*request);
                string(out, "serverStackTrace", trace)?;
                out.put_i32(*code);
            }
            Self::ErrorMessage { request, segment, message, code } => {
                out.put_i64(*request);
                string(out, "segment", segment)?;
                string(out, "message", message)?;
                out.put_i32(*code);
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the fields of a frame.
    pub(super) fn take_fields(fields: &mut Fields) -> Result<Self, WireError> {
        let f = fields;
        Ok(match f.kind {
            kind::HELLO => Self::Hello { high: f.int("highVersion")?, low: f.int("lowVersion")? },
            kind::SETUP_APPEND => Self::SetupAppend {
                request: f.long("requestId")?,
                writer: f.uuid("writerId")?,
                segment: f.string("segment")?,
                token: f.string("delegationToken")?,
            },
            kind::APPEND_SETUP => Self::AppendSetup {
                request: f.long("requestId")?,
                segment: f.string("segment")?,
                writer: f.uuid("writerId")?,
                last_event: f.long("lastEventNumber")?,
            },
            kind::APPEND_BLOCK => Self::AppendBlock {
                writer: f.uuid("writerId")?,
                data: f.rest.split_to(f.rest.len()),
            },
            kind::APPEND_BLOCK_END => Self::AppendBlockEnd {
                writer: f.uuid("writerId")?,
                whole_bytes: f.int("sizeOfWholeEvents")?,
                data: f.data("data")?,
                events: f.int("numEvents")?,
                last_event: f.long("lastEventNumber")?,
                request: f.long_or(-1),
            },
            kind::DATA_APPENDED => Self::DataAppended {
                writer: f.uuid("writerId")?,
                event: f.long("eventNumber")?,
                previous: f.long_or(-1),
                request: f.long_or(-1),
                offset: f.long_or(-1),
            },
            kind::READ_SEGMENT => Self::ReadSegment {
                segment: f.string("segment")?,
                offset: f.long("offset")?,
                length: f.int("suggestedLength")?,
                token: f.string("delegationToken")?,
                request: f.long_or(-1),
            },
            kind::SEGMENT_READ => Self::SegmentRead {
                segment: f.string("segment")?,
                offset: f.long("offset")?,
                at_tail: f.boolean("atTail")?,
                end_of_segment: f.boolean("endOfSegment")?,
                data: f.data("data")?,
                request: f.long_or(-1),
            },
            kind::GET_STREAM_SEGMENT_INFO => Self::GetStreamSegmentInfo {
                request: f.long("requestId")?,
                segment: f.string("segmentName")?,
                token: f.string("delegationToken")?,
            },
            kind::KEEP_ALIVE => Self::KeepAlive,
            _ => return Self::take_answer(f),
        })
    }

    /// Takes the fields of what stores answer with besides acks and data.
    fn take_answer(f: &mut Fields) -> Result<Self, WireError> {
        Ok(match f.kind {
            kind::STREAM_SEGMENT_INFO => Self::StreamSegmentInfo {
                request: f.long("requestId")?,
                segment: f.string("segmentName")?,
                exists: f.boolean("exists")?,
                sealed: f.boolean("isSealed")?,
                deleted: f.boolean("isDeleted")?,
                modified: f.long("lastModified")?,
                write_offset: f.long("writeOffset")?,
                start_offset: f.long_or(0),
            },
            kind::WRONG_HOST => Self::WrongHost {
                request: f.long("requestId")?,
                segment: f.string("segment")?,
                correct: f.string("correctHost")?,
                trace: f.string_if_any("serverStackTrace")?,
            },
            kind::SEGMENT_IS_SEALED => Self::SegmentIsSealed {
                request: f.long("requestId")?,
                segment: f.string("segment")?,
                trace: f.string_if_any("serverStackTrace")?,
                offset: f.long_or(-1),
            },
            kind::SEGMENT_IS_TRUNCATED => Self::SegmentIsTruncated {
                request: f.long("requestId")?,
                segment: f.string("segment")?,
                start_offset: f.long("startOffset")?,
                trace: f.string_if_any("serverStackTrace")?,
                offset: f.long_or(-1),
            },
            kind::NO_SUCH_SEGMENT => Self::NoSuchSegment {
                request: f.long("requestId")?,
                segment: f.string("segment")?,
                trace: f.string_if_any("serverStackTrace")?,
                offset: f.long_or(-1),
            },
            kind::INVALID_EVENT_NUMBER => Self::InvalidEventNumber {
                writer: f.uuid("writerId")?,
                request: f.long("requestId")?,
                trace: f.string_if_any("serverStackTrace")?,
                event: f.long_or(-1),
            },
            kind::OPERATION_UNSUPPORTED => Self::OperationUnsupported {
                request: f.long("requestId")?,
                operation: f.string("operationName")?,
                trace: f.string_if_any("serverStackTrace")?,
            },
            kind::AUTH_TOKEN_CHECK_FAILED => Self::AuthTokenCheckFailed {
                request: f.long("requestId")?,
                trace: f.string_if_any("serverStackTrace")?,
                code: f.int_or(-1),
            },
            kind::ERROR_MESSAGE => Self::ErrorMessage {
                request: f.long("requestId")?,
                segment: f.string("segment")?,
                message: f.string("message")?,
                code: f.int("errorCode")?,
            },
            other => return Err(WireError::UnknownType(other)),
        })
    }
}
