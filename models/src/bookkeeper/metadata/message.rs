//! What clients and the metadata service say to each other.
//!
//! Stands for the requests of ZooKeeper 3.6.3 (`zookeeper.jute`) that BookKeeper and Pravega make.
//! Messages with their sizes in bytes. Left out: multi-operations, access control, znode names as
//! text (a directory and a number stand for them), sequential names (a counter does that).

use headwater_sim::fingerprint::mix;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::bookkeeper::ledger_metadata::LedgerMetadata;

/// A record's place: a directory and a number in it, such as (`ledgers`, 17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// The directory's name; directories exist by themselves.
    pub directory: &'static str,
    /// The record's number in the directory.
    pub id: u64,
}

impl Path {
    /// Record `id` of `directory`.
    pub const fn new(directory: &'static str, id: u64) -> Self {
        Self { directory, id }
    }

    /// A cheap hash.
    pub fn digest(&self) -> u64 {
        mix(name_digest(self.directory), self.id)
    }
}

fn name_digest(name: &str) -> u64 {
    name.bytes().fold(7, |hash, byte| mix(hash, u64::from(byte)))
}

/// A record's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Numbers, with a meaning that its owner knows.
    Words(Vec<u64>),
    /// Ledger metadata.
    Ledger(LedgerMetadata),
}

impl Value {
    /// Size in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Words(words) => 8 * words.len() as u64,
            Self::Ledger(metadata) => metadata.size_bytes(),
        }
    }

    /// A cheap hash.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Words(words) => words.iter().fold(1, |hash, word| mix(hash, *word)),
            Self::Ledger(metadata) => mix(2, metadata.digest()),
        }
    }
}

/// A record's version: 0 when created, one more with each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A session, as numbered by the service, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// One thing asked of the service. Each is linearizable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Opens a session that ends after `timeout` without a message from its client.
    OpenSession {
        /// How long.
        timeout: Duration,
    },
    /// Ends the session and with it its ephemeral records, at once.
    CloseSession,
    /// Says that the client lives.
    Ping,
    /// Makes a record.
    Create {
        /// Where.
        path: Path,
        /// What.
        value: Value,
        /// True if it goes with the session.
        ephemeral: bool,
    },
    /// Reads a record.
    Get {
        /// Which.
        path: Path,
        /// True to be notified of the next change (once).
        watch: bool,
    },
    /// Changes a record.
    Set {
        /// Which.
        path: Path,
        /// To what.
        value: Value,
        /// Only if it has this version; any if none.
        version: Option<Version>,
    },
    /// Removes a record.
    Delete {
        /// Which.
        path: Path,
        /// Only if it has this version; any if none.
        version: Option<Version>,
    },
    /// Lists a directory.
    List {
        /// Which.
        directory: &'static str,
        /// True to be notified of the next record made or removed there (once).
        watch: bool,
    },
    /// Takes the next number, from 0, of a counter (a sequential record).
    Next {
        /// The counter's name.
        counter: &'static str,
    },
}

/// What was found or done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataResponse {
    /// Done; for `Create`, `Set` and `Delete` with the record's version.
    Done(Version),
    /// The session is open.
    Session(SessionId),
    /// The record.
    Record {
        /// Its content.
        value: Value,
        /// Its version.
        version: Version,
    },
    /// The directory: (number, content) in order of number.
    Directory(Vec<(u64, Value)>),
    /// The counter's number.
    Number(u64),
}

/// Why not (ZooKeeper's `KeeperException.Code` names).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataError {
    /// There is no such record.
    NoNode,
    /// There is one already.
    NodeExists,
    /// It has another version.
    BadVersion,
    /// The session is no more.
    SessionExpired,
}

/// A message to or from the service.
#[derive(Clone, Debug)]
pub enum MetadataMessage {
    /// A client asks.
    Request {
        /// Handed back with the reply; also names the client component for watches.
        request: u64,
        /// The session, where it has one.
        session: Option<SessionId>,
        /// What.
        operation: Operation,
    },
    /// The service answers.
    Reply {
        /// The request.
        request: u64,
        /// What came of it.
        result: Result<MetadataResponse, MetadataError>,
    },
    /// What was watched has changed: a record of the directory was made, changed or removed.
    Changed {
        /// The request that set the watch.
        request: u64,
        /// The record.
        path: Path,
    },
}

/// Header of a ZooKeeper request or reply: length, xid, type or zxid and error
/// (`zookeeper.jute` @ 3.6.3: `RequestHeader`, `ReplyHeader`), and a path of some 24 characters.
const HEADER_BYTES: u64 = 44;

impl Operation {
    /// True if it changes something and must be logged.
    pub fn is_write(&self) -> bool {
        !matches!(self, Self::Ping | Self::Get { .. } | Self::List { .. })
    }

    /// Size in bytes without the header.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Create { value, .. } | Self::Set { value, .. } => value.size_bytes(),
            _ => 0,
        }
    }

    /// A cheap hash.
    pub fn digest(&self) -> u64 {
        let version = |version: &Option<Version>| version.map_or(0, |version| version.0 + 1);
        match self {
            Self::OpenSession { timeout } => mix(1, timeout.0),
            Self::CloseSession => 2,
            Self::Ping => 3,
            Self::Create { path, value, ephemeral } => {
                mix(mix(4 + (u64::from(*ephemeral) << 8), path.digest()), value.digest())
            }
            Self::Get { path, watch } => mix(5 + (u64::from(*watch) << 8), path.digest()),
            Self::Set { path, value, version: expected } => {
                mix(mix(mix(6, path.digest()), value.digest()), version(expected))
            }
            Self::Delete { path, version: expected } => {
                mix(mix(7, path.digest()), version(expected))
            }
            Self::List { directory, watch } => {
                mix(8 + (u64::from(*watch) << 8), name_digest(directory))
            }
            Self::Next { counter } => mix(9, name_digest(counter)),
        }
    }
}

impl MetadataResponse {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Done(_) | Self::Session(_) | Self::Number(_) => 8,
            Self::Record { value, .. } => 8 + value.size_bytes(),
            Self::Directory(records) => {
                records.iter().map(|(_, value)| 24 + value.size_bytes()).sum()
            }
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Done(version) => mix(1, version.0),
            Self::Session(session) => mix(2, session.0),
            Self::Record { value, version } => mix(mix(3, value.digest()), version.0),
            Self::Directory(records) => {
                records.iter().fold(4, |hash, (id, value)| mix(mix(hash, *id), value.digest()))
            }
            Self::Number(number) => mix(5, *number),
        }
    }
}

impl MetadataMessage {
    /// Size on the wire in bytes.
    pub fn size_bytes(&self) -> u64 {
        HEADER_BYTES
            + match self {
                Self::Request { operation, .. } => operation.size_bytes(),
                Self::Reply { result, .. } => {
                    result.as_ref().map_or(0, MetadataResponse::size_bytes)
                }
                Self::Changed { .. } => 0,
            }
    }

    /// A short name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request { operation: Operation::Ping, .. } => "metadata_ping",
            Self::Request { .. } => "metadata_request",
            Self::Reply { .. } => "metadata_reply",
            Self::Changed { .. } => "metadata_changed",
        }
    }

    /// A cheap hash.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Request { request, session, operation } => {
                mix(mix(*request, operation.digest()), session.map_or(0, |session| session.0))
            }
            Self::Reply { request, result } => {
                let result = match result {
                    Ok(outcome) => outcome.digest(),
                    Err(error) => 0xe000 + *error as u64,
                };
                mix(mix(*request, 0x5e), result)
            }
            Self::Changed { request, path } => mix(mix(*request, 0xc4), path.digest()),
        }
    }
}

/// The place where the bookie of node `node` is registered.
pub fn bookie_path(node: NodeId) -> Path {
    Path::new(BOOKIES, u64::from(node.0))
}

/// Directory of registered bookies, one ephemeral record each, by node number
/// (`/ledgers/available`, apache/bookkeeper `util/BookKeeperConstants.java` @ branch-4.15).
pub const BOOKIES: &str = "available";

/// Directory of bookies that take no writes for now (`/ledgers/available/readonly`), like
/// [`BOOKIES`].
pub const READ_ONLY: &str = "readonly";

/// Directory of ledgers, by ledger number.
pub const LEDGERS: &str = "ledgers";
