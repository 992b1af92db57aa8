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
}

/// What is known about a bug.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// Which.
    pub bug: Bug,
    /// Its name in scenario files and on the command line.
    pub name: &'static str,
    /// The system that had it: `kafka`, `bookkeeper` or `pravega`.
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
pub const ALL: [About; 22] = [
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
pub struct BugSet(u32);

impl BugSet {
    /// True if the bug is planted; false at compile time without the feature.
    #[inline]
    pub const fn has(self, bug: Bug) -> bool {
        cfg!(feature = "planted-bugs") && self.0 & 1 << bug as u32 != 0
    }

    /// Those that are planted.
    pub fn iter(self) -> impl Iterator<Item = Bug> {
        ALL.iter().map(|about| about.bug).filter(move |bug| self.has(*bug))
    }
}

impl FromIterator<Bug> for BugSet {
    fn from_iter<I: IntoIterator<Item = Bug>>(bugs: I) -> Self {
        Self(bugs.into_iter().fold(0, |set, bug| set | 1 << bug as u32))
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
