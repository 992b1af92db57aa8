//! What Pravega's clients, segment stores and controller say to each other.
//!
//! Stands for the wire commands (`shared/protocol/netty/WireCommands.java` @ v0.13.0) and the
//! controller's gRPC calls that the modelled paths need. A command is an 8-byte header (type,
//! length) and its fields; sizes are counted from `WireCommands`. Strings are taken as 32 bytes. A
//! message names the connection it belongs to by number: the kernel has one connection per pair of
//! nodes, Pravega one per segment writer.
//!
//! Left out: tokens, keep-alives, table segments, transactions.

use headwater_sim::fingerprint::mix;
use headwater_sim::units::NodeId;

use crate::batch::SharedBatch;
use crate::pravega::epochs::Successor;
use crate::pravega::segment::SegmentId;
use crate::pravega::truncation::Truncation;

/// A segment writer's identity, a random UUID in reality: producer in the upper half, segment
/// below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterId(pub u64);

/// One connection of one segment writer: writer, segment and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// The segment writer.
    pub writer: WriterId,
    /// The segment.
    pub segment: SegmentId,
    /// Its number, one more with each attempt.
    pub number: u32,
}

impl Connection {
    fn digest(&self) -> u64 {
        mix(self.writer.0, u64::from(self.segment.0) << 32 | u64::from(self.number))
    }
}

/// Event number of a writer that the segment has not seen (`Attributes.NULL_ATTRIBUTE_VALUE`).
pub const NO_EVENT: i64 = i64::MIN;

/// An append block: consecutive events of one writer.
#[derive(Clone, Debug)]
pub struct Append {
    /// On which connection.
    pub connection: Connection,
    /// Number of its last event, counted by this segment writer from 1.
    pub event_number: i64,
    /// Its events.
    pub batch: SharedBatch,
    /// Bytes on the wire beyond the events: commands, padding.
    pub overhead: u64,
}

impl Append {
    /// Bytes that it adds to the segment: payload and an 8-byte header per event
    /// (`WireCommands.TYPE_PLUS_LENGTH_SIZE`).
    pub fn length(&self) -> u64 {
        segment_bytes(&self.batch)
    }
}

/// Header of an event in its segment (`WireCommands.TYPE_PLUS_LENGTH_SIZE`).
pub const EVENT_HEADER_BYTES: u64 = 8;

/// Bytes that a batch takes in a segment.
pub fn segment_bytes(batch: &SharedBatch) -> u64 {
    batch.bytes + EVENT_HEADER_BYTES * batch.count()
}

/// Bytes read from a segment.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The segment.
    pub segment: SegmentId,
    /// From where.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Batches whose last byte is among them: (offset of the first byte, batch).
    pub batches: Vec<(u64, SharedBatch)>,
}

/// Why a connection was closed by the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The container is not here (`WrongHost`).
    WrongHost,
    /// There is no such segment (`NoSuchSegment`).
    NoSuchSegment,
    /// The event number is not the one expected (`InvalidEventNumber`).
    InvalidEventNumber,
    /// The segment is sealed, and everything before was answered (`SegmentIsSealed`).
    Sealed,
    /// Any other error; the container is shutting down.
    Error,
}

/// A store's wish to have a segment split or merged (`AutoScaleEvent`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaleRequest {
    /// The segment.
    pub segment: SegmentId,
    /// Into how many it is to be split; 0 if it is to be merged.
    pub splits: u32,
    /// It is to be merged, and for good: nobody writes to it.
    pub silent: bool,
    /// When this was found out, ms.
    pub at_ms: u64,
}

impl ScaleRequest {
    /// To be split.
    pub const fn is_up(&self) -> bool {
        self.splits > 0
    }
}

/// A message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A segment writer announces itself.
    SetupAppend(Connection),
    /// It may append; everything up to the number is stored.
    AppendSetup {
        /// To whom.
        connection: Connection,
        /// The last event number stored, or [`NO_EVENT`].
        last_event_number: i64,
    },
    /// An append block.
    Append(Box<Append>),
    /// Everything up to the number is durable.
    DataAppended {
        /// To whom.
        connection: Connection,
        /// The last event number that is durable.
        event_number: i64,
        /// The one acknowledged before.
        previous: i64,
    },
    /// The store closes the connection.
    Closed {
        /// Whose.
        connection: Connection,
        /// Why.
        reason: CloseReason,
    },
    /// The store stops reading from the connection or goes on: TCP's window, as the sender sees it.
    Window {
        /// Whose.
        connection: Connection,
        /// Reading or not.
        open: bool,
    },
    /// A reader asks for bytes; answered when there are some.
    ReadSegment {
        /// The segment.
        segment: SegmentId,
        /// From where.
        offset: u64,
        /// How many at the most.
        length: u64,
        /// Handed back.
        request: u64,
    },
    /// Bytes for a reader, or none if the segment is not here or is shorter than was thought.
    SegmentRead {
        /// The request.
        request: u64,
        /// What was read.
        reading: Result<Box<Reading>, CloseReason>,
    },
    /// The Rust client's reader looks at its group's table (`ReadTableEntriesDelta`), or stores its
    /// positions there.
    ReadTable {
        /// A segment of the container that has the table.
        segment: SegmentId,
        /// Handed back.
        request: u64,
    },
    /// What has changed there, or why that can't be said.
    TableRead {
        /// The request.
        request: u64,
        /// Read or not.
        result: Result<(), CloseReason>,
    },
    /// A client asks where a segment is.
    GetEndpoint {
        /// The segment.
        segment: SegmentId,
        /// Handed back.
        request: u64,
    },
    /// The controller wants a segment sealed.
    SealSegment {
        /// The segment.
        segment: SegmentId,
        /// Handed back.
        request: u64,
    },
    /// A segment is sealed, or its container is not here.
    SegmentSealed {
        /// The request.
        request: u64,
        /// Sealed or not.
        sealed: bool,
    },
    /// A client checks that its connection is alive (`FlowHandler.KeepAliveTask`). There is no
    /// answer; a host that has restarted resets the connection.
    KeepAlive,
    /// A client asks for the successors of a sealed segment.
    GetSuccessors {
        /// The segment.
        segment: SegmentId,
        /// Handed back.
        request: u64,
    },
    /// Who follows.
    Successors {
        /// The request.
        request: u64,
        /// The segments.
        segments: Box<[Successor]>,
    },
    /// The controller wants a segment to be there; its load is measured from now on.
    CreateSegment {
        /// The segment.
        segment: SegmentId,
        /// Handed back.
        request: u64,
    },
    /// A segment is there, or its container is not here.
    SegmentCreated {
        /// The request.
        request: u64,
        /// There or not.
        created: bool,
    },
    /// A store wants a segment to be split or merged.
    ScaleRequested {
        /// Handed back.
        request: u64,
        /// What.
        what: ScaleRequest,
    },
    /// The controller has put down what a store wants.
    ScaleRequestTaken {
        /// The request.
        request: u64,
    },
    /// A reader has read a segment to its end, and asks for its successors.
    ReachedEnd {
        /// The segment.
        segment: SegmentId,
        /// Handed back.
        request: u64,
    },
    /// A reader looks at its group's state.
    GetGroup {
        /// Handed back.
        request: u64,
    },
    /// Segments of later epochs that may be read, as all before them were read to their ends.
    Group {
        /// The request.
        request: u64,
        /// The segments.
        segments: Box<[SegmentId]>,
    },
    /// The segment's store, if one has its container.
    Endpoint {
        /// The request.
        request: u64,
        /// The store.
        store: Option<NodeId>,
    },
    /// Where a segment begins and ends.
    Truncation(Truncation),
}

/// TCP, IP and Ethernet headers of a message of their own (RFC 9293, RFC 791).
const PACKET_BYTES: u64 = 54;
/// A name of a segment, taken as so long.
pub(super) const NAME_BYTES: u64 = 32;

impl Message {
    /// Size on the wire in bytes.
    pub fn size_bytes(&self) -> u64 {
        PACKET_BYTES
            + match self {
                // Header, request, writer, segment name, token.
                Self::SetupAppend(_) => 8 + 8 + 16 + NAME_BYTES + 2,
                Self::AppendSetup { .. } => 8 + 8 + NAME_BYTES + 16 + 8,
                Self::Append(append) => append.length() + append.overhead,
                // Header, writer, event number, previous, request, segment length.
                Self::DataAppended { .. } => 8 + 16 + 8 + 8 + 8 + 8,
                Self::Closed { .. } => 8 + 16 + NAME_BYTES,
                Self::Window { .. } => 0,
                // Its type and a length of zero.
                Self::KeepAlive => 8,
                Self::ReadSegment { .. } => 8 + NAME_BYTES + 8 + 4 + 2 + 8,
                Self::SegmentRead { reading, .. } => {
                    8 + NAME_BYTES + 8 + 2 + 4 + 8 + reading.as_ref().map_or(0, |read| read.bytes)
                }
                // Header, request, name, token, position, entries; a short answer.
                Self::ReadTable { .. } => 8 + 8 + NAME_BYTES + 2 + 8 + 4,
                Self::TableRead { .. } => 8 + 8 + NAME_BYTES + 4 + 2 + 8,
                // HTTP/2 frames and headers of a gRPC call, estimated.
                Self::GetEndpoint { .. } | Self::Endpoint { .. } | Self::GetSuccessors { .. } => {
                    150
                }
                // The same, and a conditional append to the group's state.
                Self::ReachedEnd { .. } => 150 + 200,
                // The same, and 100 bytes for each segment with its range.
                Self::Successors { segments, .. } => 150 + 100 * segments.len() as u64,
                Self::SealSegment { .. } | Self::SegmentSealed { .. } => 8 + NAME_BYTES + 8 + 2,
                // The same, and type and target of the policy, and bytes of a chunk.
                Self::CreateSegment { .. } => 8 + NAME_BYTES + 8 + 2 + 1 + 4 + 8,
                Self::SegmentCreated { .. } => 8 + NAME_BYTES + 8,
                // An append of an event with a name, a direction, a time and a count.
                Self::ScaleRequested { .. } => 8 + 24 + 2 * NAME_BYTES + 26,
                Self::ScaleRequestTaken { .. } => 8 + 16 + 8 + 8 + 8 + 8,
                Self::GetGroup { .. } => 8 + NAME_BYTES + 8 + 4 + 2 + 8,
                Self::Group { segments, .. } => 8 + NAME_BYTES + 24 * segments.len() as u64,
                Self::Truncation(message) => message.size_bytes(),
            }
    }

    /// Calls `see` with every batch that it carries.
    pub fn for_each_batch(&self, see: &mut dyn FnMut(&SharedBatch)) {
        match self {
            Self::Append(append) => see(&append.batch),
            Self::SegmentRead { reading: Ok(reading), .. } => {
                reading.batches.iter().for_each(|(_, batch)| see(batch));
            }
            _ => {}
        }
    }

    /// A short name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SetupAppend(_) => "setup_append",
            Self::AppendSetup { .. } => "append_setup",
            Self::Append(_) => "append",
            Self::DataAppended { .. } => "data_appended",
            Self::Closed { .. } => "closed",
            Self::Window { .. } => "window",
            Self::ReadSegment { .. } => "read_segment",
            Self::SegmentRead { .. } => "segment_read",
            Self::ReadTable { .. } => "read_table",
            Self::TableRead { .. } => "table_read",
            Self::GetEndpoint { .. } => "get_endpoint",
            Self::Endpoint { .. } => "endpoint",
            Self::SealSegment { .. } => "seal_segment",
            Self::SegmentSealed { .. } => "segment_sealed",
            Self::KeepAlive => "keep_alive",
            Self::GetSuccessors { .. } => "get_successors",
            Self::Successors { .. } => "successors",
            Self::CreateSegment { .. } => "create_segment",
            Self::SegmentCreated { .. } => "segment_created",
            Self::ScaleRequested { .. } => "scale_requested",
            Self::ScaleRequestTaken { .. } => "scale_request_taken",
            Self::ReachedEnd { .. } => "reached_end",
            Self::GetGroup { .. } => "get_group",
            Self::Group { .. } => "group",
            Self::Truncation(message) => message.kind(),
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::SetupAppend(connection) => mix(1, connection.digest()),
            Self::AppendSetup { connection, last_event_number } => {
                mix(mix(2, connection.digest()), *last_event_number as u64)
            }
            Self::Append(append) => {
                let Append { connection, event_number, batch, overhead } = &**append;
                let what = mix(batch.digest(), *overhead);
                mix(mix(mix(3, connection.digest()), *event_number as u64), what)
            }
            Self::DataAppended { connection, event_number, previous } => {
                mix(mix(mix(4, connection.digest()), *event_number as u64), *previous as u64)
            }
            Self::Closed { connection, reason } => mix(mix(5, connection.digest()), *reason as u64),
            Self::Window { connection, open } => mix(mix(6, connection.digest()), u64::from(*open)),
            Self::ReadSegment { segment, offset, length, request } => {
                mix(mix(mix(mix(7, u64::from(*segment)), *offset), *length), *request)
            }
            Self::SegmentRead { request, reading } => {
                let read = match reading {
                    Ok(read) => mix(mix(u64::from(read.segment), read.offset), read.bytes),
                    Err(reason) => 0xe000 + *reason as u64,
                };
                mix(mix(8, *request), read)
            }
            Self::GetEndpoint { segment, request } => mix(mix(9, u64::from(*segment)), *request),
            Self::Endpoint { request, store } => {
                mix(mix(10, *request), store.map_or(0, |store| u64::from(store.0) + 1))
            }
            Self::SealSegment { segment, request } => mix(mix(11, u64::from(*segment)), *request),
            Self::SegmentSealed { request, sealed } => mix(mix(12, *request), u64::from(*sealed)),
            Self::KeepAlive => 15,
            Self::ReadTable { segment, request } => mix(mix(16, u64::from(*segment)), *request),
            Self::TableRead { request, result } => {
                let result = result.map_or_else(|reason| 1 + reason as u64, |()| 0);
                mix(mix(17, *request), result)
            }
            Self::GetSuccessors { segment, request } => mix(mix(13, u64::from(*segment)), *request),
            Self::Successors { request, segments } => {
                let numbers = segments.iter().map(|one| u64::from(one.owner.segment));
                numbers.fold(mix(14, *request), mix)
            }
            Self::CreateSegment { segment, request } => mix(mix(18, u64::from(*segment)), *request),
            Self::SegmentCreated { request, created } => {
                mix(mix(19, *request), u64::from(*created))
            }
            Self::ScaleRequested { request, what } => {
                let ScaleRequest { segment, splits, silent, at_ms } = *what;
                let kind = u64::from(splits) << 1 | u64::from(silent);
                mix(mix(mix(mix(20, *request), u64::from(segment)), kind), at_ms)
            }
            Self::ScaleRequestTaken { request } => mix(21, *request),
            Self::ReachedEnd { segment, request } => mix(mix(24, u64::from(*segment)), *request),
            Self::GetGroup { request } => mix(22, *request),
            Self::Group { request, segments } => {
                segments.iter().map(|one| u64::from(*one)).fold(mix(23, *request), mix)
            }
            Self::Truncation(message) => mix(25, message.digest()),
        }
    }
}
