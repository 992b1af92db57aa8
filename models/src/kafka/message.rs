//! Kafka's requests and responses, as far as they are modelled.
//!
//! Sizes follow the protocol's JSON definitions (`clients/src/main/resources/common/message` @
//! 3.9.0): a header of some 40 bytes and the fields' own, rounded. No parameters. Left out: what
//! the model never sends (making topics, features, quotas).

use headwater_sim::fingerprint::mix;
use headwater_sim::time::Duration;

use super::group::message::{Ask, Told};
use super::ids::{BrokerId, TopicPartition};
use super::metadata::MetadataRecord;
use super::record::{LogBatch, ProducerEpoch, batch_bytes};
use super::tls::{HELLO_ANSWER_BYTES, HELLO_BYTES};
use crate::batch::SharedBatch;

/// Error codes (`Errors` @ 3.9.0), as far as they occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// No error.
    None,
    /// The broker does not lead the partition.
    NotLeader,
    /// The request's leader epoch is older than the broker's, or newer.
    FencedLeaderEpoch,
    /// The offset is not in the log.
    OffsetOutOfRange,
    /// What was sent does not have the checksum that it should have.
    CorruptMessage,
    /// Too few in-sync replicas; nothing was appended.
    NotEnoughReplicas,
    /// Too few in-sync replicas; it was appended all the same.
    NotEnoughReplicasAfterAppend,
    /// The followers did not fetch in time.
    RequestTimedOut,
    /// A sequence number is missing.
    OutOfOrderSequence,
    /// The controller's state has changed since.
    InvalidUpdateVersion,
    /// The broker knows no fetch session with the fetcher.
    FetchSessionIdNotFound,
    /// The node is not the active controller.
    NotController,
    /// The controller knows another life of the broker.
    StaleBrokerEpoch,
    /// Another life of the broker is registered, and its session runs.
    DuplicateBrokerRegistration,
    /// A broker of the proposed ISR may not be in it.
    IneligibleReplica,
    /// A follower's offset is in remote storage only.
    OffsetMovedToTieredStorage,
}

impl ErrorCode {
    /// Its name in Kafka's documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::NotLeader => "NOT_LEADER_OR_FOLLOWER",
            Self::FencedLeaderEpoch => "FENCED_LEADER_EPOCH",
            Self::OffsetOutOfRange => "OFFSET_OUT_OF_RANGE",
            Self::OffsetMovedToTieredStorage => "OFFSET_MOVED_TO_TIERED_STORAGE",
            Self::CorruptMessage => "CORRUPT_MESSAGE",
            Self::NotEnoughReplicas => "NOT_ENOUGH_REPLICAS",
            Self::NotEnoughReplicasAfterAppend => "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
            Self::RequestTimedOut => "REQUEST_TIMED_OUT",
            Self::OutOfOrderSequence => "OUT_OF_ORDER_SEQUENCE_NUMBER",
            Self::InvalidUpdateVersion => "INVALID_UPDATE_VERSION",
            Self::FetchSessionIdNotFound => "FETCH_SESSION_ID_NOT_FOUND",
            Self::NotController => "NOT_CONTROLLER",
            Self::StaleBrokerEpoch => "STALE_BROKER_EPOCH",
            Self::DuplicateBrokerRegistration => "DUPLICATE_BROKER_REGISTRATION",
            Self::IneligibleReplica => "INELIGIBLE_REPLICA",
        }
    }
}

/// A produce request.
#[derive(Clone, Debug)]
pub struct Produce {
    /// The client's number for it.
    pub correlation: u64,
    /// 0, 1 or -1.
    pub acks: i16,
    /// The producer's epoch for each batch, if it is idempotent: then sequence numbers count.
    pub producer_epochs: Vec<Option<ProducerEpoch>>,
    /// How long the broker may wait for followers, in milliseconds.
    pub timeout_ms: u64,
    /// One batch a partition; the partition is the batch's lane.
    pub batches: Vec<SharedBatch>,
}

/// The fate of one partition's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProduceResult {
    /// The partition.
    pub partition: TopicPartition,
    /// The error, if any.
    pub error: ErrorCode,
}

/// What one partition of a fetch asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// From where.
    pub offset: u64,
    /// The leader epoch that the fetcher believes in.
    pub leader_epoch: u32,
    /// Epoch of the last batch that the fetcher has.
    pub last_fetched_epoch: Option<u32>,
}

/// A replica's broker in one of its incarnations, as leader and controller tell them apart
/// (KIP-903).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InSync {
    /// The broker.
    pub broker: BrokerId,
    /// Which life of it.
    pub incarnation: u64,
}

/// A fetch request, of a consumer or of a follower.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The fetcher's number for it.
    pub correlation: u64,
    /// The follower and its incarnation; nothing for a consumer.
    pub replica: Option<InSync>,
    /// Longest wait in milliseconds.
    pub max_wait_ms: u64,
    /// Bytes of one partition at the most.
    pub partition_max_bytes: u64,
    /// Bytes of the response at the most.
    pub max_bytes: u64,
    /// It begins a session (KIP-227): what it lists is all. Else it lists what has changed.
    pub full: bool,
    /// What it lists.
    pub partitions: Vec<FetchPartition>,
    /// Of a fetcher without sessions: how many partitions request and response list, whether there
    /// is news of them or not.
    pub listed: Option<u64>,
    /// Partitions that leave the session.
    pub forgotten: Vec<TopicPartition>,
}

/// One partition of a fetch response.
#[derive(Clone, Debug)]
pub struct FetchedPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The error, if any.
    pub error: ErrorCode,
    /// The leader's high watermark.
    pub high_watermark: u64,
    /// The leader's log start offset.
    pub log_start: u64,
    /// The leader's local log start offset, which a follower asks for where it needs it.
    pub local_start: u64,
    /// The follower's log has diverged: the leader's end offset for the largest epoch not above the
    /// follower's last, with that epoch.
    pub diverging: Option<(u32, u64)>,
    /// What was read.
    pub batches: Vec<LogBatch>,
}

/// A raft request or response of the controller quorum (`raft/` @ 3.9.0).
#[derive(Clone, Debug)]
pub enum Raft {
    /// A candidate asks for a vote.
    Vote {
        /// Its epoch.
        epoch: u32,
        /// End of its log: offset and epoch of the last entry.
        log_end: (u64, u32),
    },
    /// The answer.
    VoteResponse {
        /// The voter's epoch.
        epoch: u32,
        /// The leader, as far as the voter knows.
        leader: Option<BrokerId>,
        /// Granted or not.
        granted: bool,
    },
    /// The leader makes itself known.
    BeginQuorumEpoch {
        /// Its epoch.
        epoch: u32,
    },
    /// The leader resigns.
    EndQuorumEpoch {
        /// Its epoch.
        epoch: u32,
        /// Who is to stand for election, in order.
        successors: Vec<BrokerId>,
    },
    /// The answer to the former two, if their epoch is an old one.
    Epoch {
        /// The answering node's epoch.
        epoch: u32,
        /// The leader, as far as it knows.
        leader: Option<BrokerId>,
    },
    /// A voter fetches from the leader.
    Fetch {
        /// Its epoch.
        epoch: u32,
        /// End of its log: offset and epoch of the last entry.
        log_end: (u64, u32),
    },
    /// The answer.
    FetchResponse {
        /// The epoch of the answering node.
        epoch: u32,
        /// The leader, as far as it knows.
        leader: Option<BrokerId>,
        /// Committed up to here.
        high_watermark: u64,
        /// The fetcher's log has diverged: truncate to this offset.
        diverging: Option<u64>,
        /// Offset of the first entry.
        base_offset: u64,
        /// The entries, with their epochs.
        entries: Vec<(u32, MetadataRecord)>,
    },
}

/// What a heartbeat is answered with (`BrokerHeartbeatReply`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeartbeatReply {
    /// The broker has applied the record of its registration.
    pub caught_up: bool,
    /// It is fenced.
    pub fenced: bool,
    /// It may stop.
    pub shut_down: bool,
}

/// A change of an ISR that a leader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedIsr {
    /// The partition.
    pub partition: TopicPartition,
    /// The leader's epoch.
    pub leader_epoch: u32,
    /// The partition epoch that it builds on.
    pub partition_epoch: u32,
    /// The new ISR.
    pub isr: Vec<InSync>,
}

/// A change of an ISR that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedIsr {
    /// The leader's epoch.
    pub leader_epoch: u32,
    /// The partition epoch from now on.
    pub partition_epoch: u32,
    /// The ISR from now on.
    pub isr: Vec<BrokerId>,
}

/// A message of Kafka's.
#[derive(Clone, Debug)]
pub enum Message {
    /// Producer to leader.
    Produce(Box<Produce>),
    /// Leader to producer; not for acks=0.
    ProduceResponse {
        /// The request's.
        correlation: u64,
        /// By partition.
        results: Vec<ProduceResult>,
    },
    /// Consumer or follower to leader.
    Fetch(Box<Fetch>),
    /// Leader to consumer or follower.
    FetchResponse {
        /// The request's.
        correlation: u64,
        /// An error of the whole fetch.
        error: ErrorCode,
        /// What is new of the session's partitions.
        partitions: Vec<FetchedPartition>,
        /// How many partitions it lists, those without news included.
        listed: u64,
    },
    /// Client to any broker: who leads?
    MetadataRequest,
    /// Broker to client: leader and leader epoch of each partition.
    MetadataResponse {
        /// By partition.
        leaders: Vec<(Option<BrokerId>, u32)>,
    },
    /// Broker to the active controller: this life of mine begins.
    Registration {
        /// The broker.
        broker: BrokerId,
        /// Which life of it.
        incarnation: u64,
        /// The life before, if that was stopped cleanly.
        previous: Option<u64>,
    },
    /// Controller to broker.
    RegistrationResponse {
        /// The error, if any.
        error: ErrorCode,
    },
    /// Broker to the active controller: I am alive.
    Heartbeat {
        /// The broker.
        broker: BrokerId,
        /// The broker's incarnation; 0 for the first.
        incarnation: u64,
        /// How far it has applied the metadata log.
        metadata_offset: u64,
        /// It is not ready to be unfenced.
        want_fence: bool,
        /// It is asked to stop.
        want_shut_down: bool,
    },
    /// Controller to broker.
    HeartbeatResponse {
        /// The error, or what the broker is to know.
        result: Result<HeartbeatReply, ErrorCode>,
    },
    /// Leader to the active controller: these are the new ISRs.
    AlterPartition(Vec<AskedIsr>),
    /// Controller to leader.
    AlterPartitionResponse {
        /// An error of the whole request.
        error: ErrorCode,
        /// By partition: the error, or the partition's state from now on.
        results: Vec<(TopicPartition, Result<GrantedIsr, ErrorCode>)>,
    },
    /// Client or follower to broker: the beginning of a TLS handshake.
    Hello,
    /// The broker's part of it.
    HelloAnswer,
    /// Broker to client: an answer, and for how long the client is held back by its quota
    /// (`throttle_time_ms`).
    Throttled {
        /// For how long.
        time: Duration,
        /// The answer.
        message: Box<Self>,
    },
    /// Within the controller quorum.
    Raft(Raft),
    /// Consumer to a broker: of its group, or where logs begin and end.
    Ask(Box<Ask>),
    /// Broker to consumer.
    Told(Box<Told>),
    /// No message: the port is closed, and a connection to it is refused. A broker's port for
    /// clients opens once its logs are loaded (`SocketServer.enableRequestProcessing`), that of its
    /// controller at once. Or the broker closes the connection, as what it can't answer has failed.
    Refused,
    /// No message: the broker's machine has so many bytes of a request that nobody answers (TCP).
    Received {
        /// Of the request.
        bytes: u64,
    },
}

const HEADER: u64 = 40;

impl Message {
    /// Size on the wire of a fetch response that lists so many partitions.
    pub fn fetched_bytes(partitions: &[FetchedPartition], listed: u64) -> u64 {
        let batches = partitions.iter().flat_map(|fetched| &fetched.batches);
        HEADER + 40 * listed + batches.map(LogBatch::size_bytes).sum::<u64>()
    }

    /// Size on the wire in bytes.
    pub fn size_bytes(&self) -> u64 {
        if let Self::Throttled { message, .. } = self {
            return message.size_bytes();
        }
        HEADER
            + match self {
                Self::Produce(produce) => {
                    produce.batches.iter().map(|batch| 12 + batch_bytes(batch)).sum()
                }
                Self::ProduceResponse { results, .. } => 30 * results.len() as u64,
                Self::Fetch(fetch) => {
                    let listed = fetch.listed.unwrap_or(fetch.partitions.len() as u64);
                    33 * listed + 4 * fetch.forgotten.len() as u64
                }
                Self::FetchResponse { partitions, listed, .. } => {
                    let batches = partitions.iter().flat_map(|fetched| &fetched.batches);
                    let bytes: u64 = batches.map(LogBatch::size_bytes).sum();
                    40 * listed + bytes
                }
                Self::MetadataResponse { leaders } => 60 + 30 * leaders.len() as u64,
                Self::AlterPartition(asked) => {
                    asked.iter().map(|one| 20 + 12 * one.isr.len() as u64).sum()
                }
                Self::AlterPartitionResponse { results, .. } => 40 * results.len() as u64,
                Self::Ask(ask) => ask.size_bytes(),
                Self::Told(told) => told.size_bytes(),
                Self::Raft(Raft::FetchResponse { entries, .. }) => 40 + 100 * entries.len() as u64,
                Self::Hello => HELLO_BYTES,
                Self::HelloAnswer => HELLO_ANSWER_BYTES,
                Self::MetadataRequest
                | Self::Refused
                | Self::Received { .. }
                | Self::Throttled { .. }
                | Self::Registration { .. }
                | Self::RegistrationResponse { .. }
                | Self::Heartbeat { .. }
                | Self::HeartbeatResponse { .. }
                | Self::Raft(_) => 20,
            }
    }

    /// Calls `see` with every batch that it carries.
    pub fn for_each_batch(&self, see: &mut dyn FnMut(&SharedBatch)) {
        match self {
            Self::Produce(produce) => produce.batches.iter().for_each(see),
            Self::Throttled { message, .. } => message.for_each_batch(see),
            Self::FetchResponse { partitions, .. } => {
                let batches = partitions.iter().flat_map(|fetched| &fetched.batches);
                batches.for_each(|batch| see(&batch.batch));
            }
            _ => {}
        }
    }

    /// A short name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Produce(_) => "produce",
            Self::ProduceResponse { .. } => "produce_response",
            Self::Fetch(_) => "fetch",
            Self::FetchResponse { .. } => "fetch_response",
            Self::Hello => "tls_hello",
            Self::HelloAnswer => "tls_hello_answer",
            Self::Throttled { message, .. } => message.kind(),
            Self::Refused => "refused",
            Self::Received { .. } => "received",
            Self::Ask(ask) => ask.kind(),
            Self::Told(_) => "group_response",
            Self::MetadataRequest => "metadata",
            Self::MetadataResponse { .. } => "metadata_response",
            Self::Registration { .. } => "broker_registration",
            Self::RegistrationResponse { .. } => "broker_registration_response",
            Self::Heartbeat { .. } => "broker_heartbeat",
            Self::HeartbeatResponse { .. } => "broker_heartbeat_response",
            Self::AlterPartition(_) => "alter_partition",
            Self::AlterPartitionResponse { .. } => "alter_partition_response",
            Self::Raft(Raft::Vote { .. }) => "vote",
            Self::Raft(Raft::VoteResponse { .. }) => "vote_response",
            Self::Raft(Raft::BeginQuorumEpoch { .. }) => "begin_quorum_epoch",
            Self::Raft(Raft::EndQuorumEpoch { .. }) => "end_quorum_epoch",
            Self::Raft(Raft::Epoch { .. }) => "quorum_epoch",
            Self::Raft(Raft::Fetch { .. }) => "raft_fetch",
            Self::Raft(Raft::FetchResponse { .. }) => "raft_fetch_response",
        }
    }

    /// A cheap hash of the content.
    pub fn digest(&self) -> u64 {
        match self {
            Self::Produce(produce) => {
                let fold = |hash, batch: &SharedBatch| mix(hash, batch.digest());
                produce.batches.iter().fold(mix(1, produce.correlation), fold)
            }
            Self::ProduceResponse { correlation, results } => {
                let fold = |hash, result: &ProduceResult| {
                    mix(hash, u64::from(result.partition) << 8 | result.error as u64)
                };
                results.iter().fold(mix(2, *correlation), fold)
            }
            Self::Fetch(fetch) => {
                let fold = |hash, asked: &FetchPartition| {
                    mix(mix(hash, asked.offset), asked.partition.into())
                };
                fetch.partitions.iter().fold(mix(3, fetch.correlation), fold)
            }
            Self::FetchResponse { correlation, partitions, .. } => {
                let fold = |hash, fetched: &FetchedPartition| {
                    let mix_in = |hash, batch: &LogBatch| mix(hash, batch.base_offset);
                    let batches = fetched.batches.iter().fold(0, mix_in);
                    let FetchedPartition { high_watermark, log_start, error, .. } = fetched;
                    let hash = mix(mix(hash, high_watermark ^ (*error as u64) << 56), batches);
                    // Without it where nothing was ever removed: fingerprints stay.
                    if *log_start > 0 { mix(hash, *log_start) } else { hash }
                };
                partitions.iter().fold(mix(4, *correlation), fold)
            }
            Self::MetadataRequest => 5,
            Self::MetadataResponse { leaders } => {
                leaders.iter().fold(6, |hash, (_, epoch)| mix(hash, u64::from(*epoch)))
            }
            Self::Registration { broker, incarnation, .. } => {
                mix(mix(28, *incarnation), (*broker).into())
            }
            Self::RegistrationResponse { error } => mix(29, *error as u64),
            Self::Heartbeat { broker, incarnation, metadata_offset, want_shut_down, .. } => {
                let wants = u64::from(*want_shut_down);
                mix(mix(7 + wants, *incarnation), mix(*metadata_offset, (*broker).into()))
            }
            Self::HeartbeatResponse { result } => {
                result.map_or(8, |reply| 9 + u64::from(reply.fenced) + u64::from(reply.shut_down))
            }
            Self::AlterPartition(asked) => {
                let fold = |hash, one: &InSync| mix(mix(hash, one.broker.into()), one.incarnation);
                asked.iter().fold(10, |hash, one| {
                    one.isr.iter().fold(mix(hash, one.partition.into()), fold)
                })
            }
            Self::AlterPartitionResponse { results, .. } => {
                results.iter().fold(11, |hash, (partition, result)| {
                    mix(hash, u64::from(*partition) << 1 | u64::from(result.is_ok()))
                })
            }
            Self::Refused => 12,
            Self::Hello => 13,
            Self::HelloAnswer => 14,
            Self::Received { bytes } => mix(15, *bytes),
            Self::Throttled { time, message } => mix(message.digest(), time.0),
            Self::Ask(ask) => ask.digest(),
            Self::Told(told) => told.digest(),
            Self::Raft(raft) => raft.digest(),
        }
    }
}

impl Raft {
    fn digest(&self) -> u64 {
        match self {
            Self::Vote { epoch, log_end } => mix(mix(20, (*epoch).into()), log_end.0),
            Self::VoteResponse { epoch, granted, .. } => {
                mix(21 + u64::from(*granted), (*epoch).into())
            }
            Self::BeginQuorumEpoch { epoch } => mix(23, (*epoch).into()),
            Self::EndQuorumEpoch { epoch, .. } => mix(26, (*epoch).into()),
            Self::Epoch { epoch, .. } => mix(27, (*epoch).into()),
            Self::Fetch { epoch, log_end } => mix(mix(24, (*epoch).into()), log_end.0),
            Self::FetchResponse { epoch, high_watermark, entries, .. } => {
                let seed = mix(mix(25, (*epoch).into()), *high_watermark);
                entries.iter().fold(seed, |hash, (_, record)| mix(hash, record.digest()))
            }
        }
    }
}
