//! Planted bugs: defects that these systems once had, or that a configuration brings back.
//!
//! They show that the checkers find what they claim to find. Without the feature `planted-bugs`
//! [`BugSet::has`] is false at compile time and no set can be made; with it a scenario selects
//! them by name.

use std::fmt;
use std::str::FromStr;

/// A defect that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// A Kafka follower truncates to its own high watermark when it starts to follow a new leader.
    TruncateToHighWatermark,
    /// A Kafka follower asks for the epoch's end offset once and trusts an answer for another
    /// epoch.
    FastLeaderFailover,
    /// The last in-sync replica comes back with an empty log, and leads.
    LastReplicaStanding,
    /// A Kafka replica that is not in sync is elected.
    UncleanElection,
    /// A Kafka leader that has lost its lease goes on acknowledging with `acks=1`.
    ZombieLeader,
    /// A Kafka broker that starts or takes over doesn't rebuild the producers' sequence numbers.
    ProducerStateLost,
    /// A bookie that lost its disk answers `no such entry` as if it had never had it.
    WipedBookieAnswers,
    /// A ledger's add is acknowledged to the client when one bookie has it.
    AckQuorumOne,
    /// Ledger recovery closes a ledger without fencing it.
    RecoveryWithoutFencing,
    /// A bookie answers an add before its journal is synced.
    AckBeforeSync,
    /// A container writes the frames in flight again into the next ledger when a ledger rolls over.
    FramesTwiceAtRollover,
    /// A container truncates its log up to what it has applied, not to what tier 2 holds.
    TruncateBeyondTier,
    /// A reader goes to the successors of a sealed segment before it has read its tail.
    SealedTailSkipped,
    /// A Kafka leader acknowledges with `acks=all` however few replicas are in sync.
    MinInsyncIgnored,
    /// A Kafka leader takes the offset of a batch's last record for the one behind it.
    AckedAnOffsetEarly,
    /// A Kafka leader hands consumers what is not committed.
    ReadsPastHighWatermark,
    /// Ledger recovery takes an entry for never acknowledged with one answer too few.
    RecoveryOneAnswerShort,
    /// A container truncates its log up to what its storage writer has gathered.
    GatheredCountsAsFlushed,
    /// A writer sends all keys of a segment that was split to its first successor.
    FirstSuccessorTakesAll,
    /// The kernel reports a sync now and then that has made nothing durable.
    SyncForgets,
    /// The kernel's timers run out early now and then.
    TimersEarly,
    /// The kernel's timers run out at once, from some time on.
    TimersAtOnce,
    /// A Kafka leader knows the last batch of a producer only, and refuses a repetition of one
    /// before.
    OneBatchRemembered,
    /// A Kafka leader moves the high watermark without a follower that is about to be in sync.
    JoiningNotWaitedFor,
    /// A Kafka consumer commits how far it has fetched, not how far its application has come.
    CommitsWhatWasFetched,
    /// A Kafka leader copies a segment to remote storage before it is committed.
    CopiesUncommitted,
    /// A Kafka broker removes segments that remote storage does not have yet.
    RemovesUncopied,
    /// A Kafka broker's retention removes segments at or beyond the high watermark.
    RemovesUncommitted,
    /// A Kafka leader deletes remote segments without moving the log start offset.
    DeletedBeforeItsStart,
    /// A reassignment in Kafka is complete before the added replica is in sync.
    AddedCountsAsInSync,
    /// A Kafka producer begins an epoch when another broker leads, with what was in flight.
    EpochPerLeader,
    /// A voter of Kafka's quorum votes for a candidate whose log lacks what is committed.
    VotesForStaleLogs,
    /// A ledger's writer uses another ensemble before the metadata have it.
    EnsembleBeforeMetadata,
    /// A bookie that fails twice is replaced twice, and nothing is sent to the new one.
    ReplacedTwiceSticks,
    /// A bookie's checkpoint marks where its journal is when it ends, not where it was when it
    /// began.
    MarksAfterFlush,
    /// A bookie whose list of ledgers could not be read takes all of its ledgers for deleted.
    CollectsUnlisted,
    /// The replication worker copies a ledger without its last entry.
    CopiedWithoutLast,
    /// A store enters itself in a log's metadata whatever version they have.
    OwnerWithoutCompare,
    /// A container that is recovered does not know the writers' event numbers.
    EventNumbersForgotten,
    /// A writer that connects again is told of events that are not in the log yet.
    UncommittedCountsAsStored,
    /// A storage writer goes on with a chunk after a write to it has failed.
    FailedChunkGoesOn,
    /// A store truncates a segment where it ends, whatever offset it is told.
    TruncatesToTheEnd,
    /// A reader that comes back goes on behind what it had fetched, not behind what it was handed.
    FetchedCountsAsRead,
    /// Spark commits a batch whose rows the next system has not acknowledged.
    CommittedUnflushed,
    /// Spark plans a batch that is made again by what there is now, not by the offset log.
    BatchPlannedAnew,
    /// Every eighth message of a connection does not wait for those before it.
    MessagesOvertake,
    /// A power cut may take the last record that a sync has made durable.
    PowerTakesSynced,
    /// The checker of loss does not look behind the last event that was read.
    LossBlindToTail,
    /// The checker of duplicates compares events with those at their own position only.
    DuplicatesBlindElsewhere,
    /// The count of copies at an acknowledgement takes written records for durable ones.
    CopiesCountVolatile,
}

/// What is known about a bug.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Which.
    pub bug: Bug,
    /// Its name in scenario files and on the command line.
    pub name: &'static str,
    /// Whose it is: a system, `kernel` or `checkers`.
    pub system: &'static str,
    /// Where it is described.
    pub reference: &'static str,
    /// What it does, in one sentence.
    pub what: &'static str,
}

const fn about(
    bug: Bug,
    name: &'static str,
    system: &'static str,
    reference: &'static str,
    what: &'static str,
) -> About {
    About { bug, name, system, reference, what }
}

/// Every bug, in the order of [`Bug`].
pub const ALL: [About; 50] = [
    about(
        Bug::TruncateToHighWatermark,
        "truncate-to-high-watermark",
        "kafka",
        "KIP-101",
        "A follower truncates to its own high watermark, which lags the leader's.",
    ),
    about(
        Bug::FastLeaderFailover,
        "fast-leader-failover",
        "kafka",
        "KIP-279",
        "A follower keeps records of an epoch that its new leader never had.",
    ),
    about(
        Bug::LastReplicaStanding,
        "last-replica-standing",
        "kafka",
        "KIP-966",
        "The only in-sync replica restarts after an unclean shutdown without its tail, and leads.",
    ),
    about(
        Bug::UncleanElection,
        "unclean-election",
        "kafka",
        "unclean.leader.election.enable, KIP-106",
        "A replica that is not in sync is elected, and acknowledged records are truncated.",
    ),
    about(
        Bug::ZombieLeader,
        "zombie-leader",
        "kafka",
        "acks=1, KIP-966 (motivation)",
        "A leader that was replaced without noticing goes on acknowledging alone.",
    ),
    about(
        Bug::ProducerStateLost,
        "producer-state-lost",
        "kafka",
        "KIP-98, KIP-360",
        "A new leader doesn't know the sequence numbers of its log, and takes a retry as new.",
    ),
    about(
        Bug::WipedBookieAnswers,
        "wiped-bookie-answers",
        "bookkeeper",
        "apache/bookkeeper#2612",
        "A bookie without its data answers `no such entry`, and recovery closes the ledger short.",
    ),
    about(
        Bug::AckQuorumOne,
        "ack-quorum-one",
        "bookkeeper",
        "bkAckQuorumSize, BookKeeper protocol (ack quorum)",
        "An add counts as stored when one bookie has it.",
    ),
    about(
        Bug::RecoveryWithoutFencing,
        "recovery-without-fencing",
        "bookkeeper",
        "BookKeeper protocol (fencing)",
        "The old writer goes on adding to a ledger that recovery has closed.",
    ),
    about(
        Bug::AckBeforeSync,
        "ack-before-sync",
        "bookkeeper",
        "journalSyncData=false, apache/bookkeeper BP-14",
        "A bookie answers from its page cache, and a power cut takes the entry.",
    ),
    about(
        Bug::FramesTwiceAtRollover,
        "frames-twice-at-rollover",
        "pravega",
        "pravega/pravega#6444",
        "Frames in flight are written to the old ledger and to the new one.",
    ),
    about(
        Bug::TruncateBeyondTier,
        "truncate-beyond-tier",
        "pravega",
        "Pravega durable log, truncation rule",
        "The log is truncated before tier 2 holds what it held.",
    ),
    about(
        Bug::SealedTailSkipped,
        "sealed-tail-skipped",
        "pravega",
        "Pravega reader group, segment successors",
        "A reader leaves a sealed segment before its end.",
    ),
    about(
        Bug::MinInsyncIgnored,
        "min-insync-ignored",
        "kafka",
        "KAFKA-1555 (min.insync.replicas)",
        "An acknowledgement of all replicas in sync is one of the leader alone, if it is alone.",
    ),
    about(
        Bug::AckedAnOffsetEarly,
        "acked-an-offset-early",
        "kafka",
        "ReplicaManager.delayedProduceRequestRequired, requiredOffset = lastOffset + 1",
        "A leader answers when the high watermark has come to a batch's last record, not past it.",
    ),
    about(
        Bug::ReadsPastHighWatermark,
        "reads-past-high-watermark",
        "kafka",
        "Kafka protocol (high watermark), KIP-101 (motivation)",
        "Consumers get records that a change of leaders takes back.",
    ),
    about(
        Bug::RecoveryOneAnswerShort,
        "recovery-one-answer-short",
        "bookkeeper",
        "apache/bookkeeper#1077, #2303: (Qw - Qa) + 1 answers",
        "Recovery closes a ledger before an entry that one bookie does not have.",
    ),
    about(
        Bug::GatheredCountsAsFlushed,
        "gathered-counts-as-flushed",
        "pravega",
        "StorageWriter.acknowledge, getLowestUncommittedSequenceNumber @ v0.13.0",
        "The log is truncated behind what was read from it, whether tier 2 has it or not.",
    ),
    about(
        Bug::FirstSuccessorTakesAll,
        "first-successor-takes-all",
        "pravega",
        "pravega/pravega#3173",
        "Events go to a segment whose range their key is not in.",
    ),
    about(
        Bug::SyncForgets,
        "sync-forgets",
        "kernel",
        "LWN 752063: PostgreSQL's fsync() surprise",
        "Every eighth sync is reported, and has made nothing durable.",
    ),
    about(
        Bug::TimersEarly,
        "timers-early",
        "kernel",
        "timer_create(2): a timer never expires before its time",
        "Every 64th timer runs out after half of its time.",
    ),
    about(
        Bug::TimersAtOnce,
        "timers-at-once",
        "kernel",
        "LKML 2012-07-01: leap second, hrtimers expire at once (6b43ae8a619d)",
        "From second 10 on timers run out at once: what sets itself again never ends.",
    ),
    about(
        Bug::OneBatchRemembered,
        "one-batch-remembered",
        "kafka",
        "KAFKA-5494 (five batches are remembered, not one)",
        "A batch that comes again behind a later one is refused, and written in another epoch.",
    ),
    about(
        Bug::JoiningNotWaitedFor,
        "joining-not-waited-for",
        "kafka",
        "KIP-497, apache/kafka#9100 (maximal ISR)",
        "What a replica that is in sync by the metadata has not is acknowledged.",
    ),
    about(
        Bug::CommitsWhatWasFetched,
        "commits-what-was-fetched",
        "kafka",
        "dpkp/kafka-python#722",
        "What a consumer had fetched and not handed over when it died is read by nobody.",
    ),
    about(
        Bug::CopiesUncommitted,
        "copies-uncommitted",
        "kafka",
        "KIP-405: copied up to the last stable offset",
        "Remote storage has what a change of leaders takes back.",
    ),
    about(
        Bug::RemovesUncopied,
        "removes-uncopied",
        "kafka",
        "KAFKA-17236 (apache/kafka#16765: eligible once uploaded)",
        "While remote storage is away, local retention removes the only copies.",
    ),
    about(
        Bug::RemovesUncommitted,
        "removes-uncommitted",
        "kafka",
        "KAFKA-5634",
        "A log begins behind what is committed of it.",
    ),
    about(
        Bug::DeletedBeforeItsStart,
        "deleted-before-its-start",
        "kafka",
        "KAFKA-15352",
        "Who reads from the beginning asks for a segment that is gone, and waits for ever.",
    ),
    about(
        Bug::AddedCountsAsInSync,
        "added-counts-as-in-sync",
        "kafka",
        "KIP-455, KAFKA-15665",
        "A replica without a record is in sync, and may lead.",
    ),
    about(
        Bug::EpochPerLeader,
        "epoch-per-leader",
        "kafka",
        "confluentinc/librdkafka#4953",
        "A batch that was written comes again in an epoch in which nothing is known of it.",
    ),
    about(
        Bug::VotesForStaleLogs,
        "votes-for-stale-logs",
        "kafka",
        "ktoso/akka-raft#51, eBay/NuRaft#185; Raft, 5.4.1",
        "A controller is elected that has lost decisions of the quorum.",
    ),
    about(
        Bug::EnsembleBeforeMetadata,
        "ensemble-before-metadata",
        "bookkeeper",
        "apache/bookkeeper#1591",
        "Entries are acknowledged by bookies of which nobody else will know.",
    ),
    about(
        Bug::ReplacedTwiceSticks,
        "replaced-twice-sticks",
        "bookkeeper",
        "apache/bookkeeper#4261, #4459",
        "A writer waits for ever for a bookie that was never asked.",
    ),
    about(
        Bug::MarksAfterFlush,
        "marks-after-flush",
        "bookkeeper",
        "apache/bookkeeper#3329, #4844",
        "A restarted bookie does not replay what came while a checkpoint was under way.",
    ),
    about(
        Bug::CollectsUnlisted,
        "collects-unlisted",
        "bookkeeper",
        "apache/bookkeeper#870",
        "An answer of the metadata service that does not come removes every ledger.",
    ),
    about(
        Bug::CopiedWithoutLast,
        "copied-without-last",
        "bookkeeper",
        "apache/bookkeeper#3917",
        "A ledger counts as replicated, and its last entry has a copy less.",
    ),
    about(
        Bug::OwnerWithoutCompare,
        "owner-without-compare",
        "pravega",
        "BookKeeperLog.persistMetadata @ v0.13.0, pravega/pravega#4721",
        "Two stores that open a container's log both believe that it is theirs.",
    ),
    about(
        Bug::EventNumbersForgotten,
        "event-numbers-forgotten",
        "pravega",
        "Attributes of appends are replayed, ContainerMetadataUpdateTransaction @ v0.13.0",
        "A writer that comes back writes again what the log has.",
    ),
    about(
        Bug::UncommittedCountsAsStored,
        "uncommitted-counts-as-stored",
        "pravega",
        "pravega/pravega#1324",
        "What a container loses with its store counts as acknowledged.",
    ),
    about(
        Bug::FailedChunkGoesOn,
        "failed-chunk-goes-on",
        "pravega",
        "pravega/pravega#4503, #5330",
        "A chunk with part of a write refuses all that follow.",
    ),
    about(
        Bug::TruncatesToTheEnd,
        "truncates-to-the-end",
        "pravega",
        "pravega/pravega#2902",
        "Retention removes what is younger than it should be.",
    ),
    about(
        Bug::FetchedCountsAsRead,
        "fetched-counts-as-read",
        "pravega",
        "pravega/pravega-client-rust#165",
        "What a reader had in its buffer when it died is read by nobody.",
    ),
    about(
        Bug::CommittedUnflushed,
        "committed-unflushed",
        "spark",
        "SPARK-19719, faust-streaming/faust#273",
        "Rows on their way when the query dies are in no batch that is made again.",
    ),
    about(
        Bug::BatchPlannedAnew,
        "batch-planned-anew",
        "spark",
        "SPARK-13985, SPARK-19645",
        "A sink that has the batch skips rows that it never had.",
    ),
    about(
        Bug::MessagesOvertake,
        "messages-overtake",
        "kernel",
        "RFC 9293, 3.4: octets are delivered in order",
        "A connection delivers what was sent later first.",
    ),
    about(
        Bug::PowerTakesSynced,
        "power-takes-synced",
        "kernel",
        "LWN 283161: barriers and journaling filesystems",
        "A drive's cache is lost that a sync should have emptied.",
    ),
    about(
        Bug::LossBlindToTail,
        "loss-blind-to-tail",
        "checkers",
        "jepsen.tests.kafka (unseen)",
        "What nobody has read at the end of a lane is not missed.",
    ),
    about(
        Bug::DuplicatesBlindElsewhere,
        "duplicates-blind-elsewhere",
        "checkers",
        "jepsen.tests.kafka (duplicate)",
        "An event that is stored twice is not found.",
    ),
    about(
        Bug::CopiesCountVolatile,
        "copies-count-volatile",
        "checkers",
        "journalSyncData=false, apache/bookkeeper BP-14",
        "An acknowledgement before a sync is not found.",
    ),
];

impl Bug {
    /// What is known about it.
    pub const fn about(self) -> &'static About {
        &ALL[self as usize]
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.about().name)
    }
}

impl FromStr for Bug {
    type Err = String;

    /// By its name; where the build has no planted bugs, an error that says so.
    fn from_str(name: &str) -> Result<Self, String> {
        let found = ALL.iter().find(|about| about.name == name);
        let found = found.ok_or_else(|| format!("no such bug `{name}`"))?;
        if cfg!(feature = "planted-bugs") {
            return Ok(found.bug);
        }
        Err(format!("bug `{name}`: this build has no planted bugs; add --features planted-bugs"))
    }
}

/// The bugs that are planted in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BugSet(u64);

impl BugSet {
    /// True if the bug is planted; false at compile time without the feature.
    #[inline]
    pub const fn has(self, bug: Bug) -> bool {
        cfg!(feature = "planted-bugs") && self.0 & 1 << bug as u64 != 0
    }

    /// Those that are planted.
    pub fn iter(self) -> impl Iterator<Item = Bug> {
        ALL.iter().map(|about| about.bug).filter(move |bug| self.has(*bug))
    }
}

impl FromIterator<Bug> for BugSet {
    fn from_iter<I: IntoIterator<Item = Bug>>(bugs: I) -> Self {
        Self(bugs.into_iter().fold(0, |set, bug| set | 1 << bug as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_stands_at_its_place_and_is_found_by_its_name() {
        for (place, about) in ALL.iter().enumerate() {
            assert_eq!(about.bug as usize, place, "{}", about.name);
            assert_eq!(about.bug.about().name, about.name);
            match about.name.parse::<Bug>() {
                Ok(bug) => assert!(BugSet::from_iter([bug]).has(bug)),
                Err(error) => assert!(error.contains("no planted bugs"), "{error}"),
            }
        }
        assert!("truncate".parse::<Bug>().unwrap_err().contains("no such bug"));
    }
}
