//! What a run of this model must always, sometimes and eventually show.
//!
//! Stands for no component: invariants of replication in kafka @ 3.9.0 (KIP-101, KIP-279, KIP-966,
//! `Partition`, `ReplicaManager`) and the rare paths that a swarm must have taken. Noted on rare
//! paths only: each is an observation, which costs time.

use crate::property::Property;

/// Noted whenever a replica truncates its log.
pub const TRUNCATES_UNCOMMITTED: Property = Property::always(
    "kafka-truncates-uncommitted",
    "A replica cuts its log only behind the high watermark that it knows.",
);
/// Noted whenever a replica begins to lead.
pub const EPOCHS_RISE: Property = Property::always(
    "kafka-epochs-rise",
    "Who begins to lead has nothing in its log from a later epoch than its own.",
);
/// A controller was elected again.
pub const CONTROLLER_MOVED: Property =
    Property::sometimes("kafka-controller-moved", "Another controller takes over.");
/// An in-sync replica was elected.
pub const LEADER_MOVED: Property =
    Property::sometimes("kafka-leader-moved", "Another replica takes over as the leader.");
/// A replica led that was eligible without being in sync (KIP-966).
pub const ELIGIBLE_LED: Property = Property::sometimes(
    "kafka-eligible-led",
    "With nobody in sync, an eligible replica takes over as the leader.",
);
/// A follower has left the ISR.
pub const ISR_SHRUNK: Property =
    Property::sometimes("kafka-isr-shrunk", "A follower falls out of sync.");
/// A follower has come back to the ISR.
pub const ISR_EXPANDED: Property =
    Property::sometimes("kafka-isr-expanded", "A follower is in sync again.");
/// A broker's session has run out.
pub const SESSION_EXPIRED: Property =
    Property::sometimes("kafka-session-expired", "The controller fences a broker.");
/// A follower has truncated what its leader does not have.
pub const TRUNCATED: Property =
    Property::sometimes("kafka-truncated", "A follower cuts what its leader does not have.");
/// A fetch came with an epoch that is not the leader's.
pub const EPOCH_REFUSED: Property = Property::sometimes(
    "kafka-epoch-refused",
    "A leader refuses a follower that knows another epoch.",
);
/// A batch came again.
pub const RETRY_RECOGNISED: Property = Property::sometimes(
    "kafka-retry-recognised",
    "A leader knows a batch that a producer has sent again.",
);
/// Too few replicas were in sync for `acks=all`.
pub const TOO_FEW_IN_SYNC: Property = Property::sometimes(
    "kafka-too-few-in-sync",
    "A leader refuses a batch because too few replicas are in sync.",
);
/// A follower's log and its leader's are not the same.
pub const PARTITION_FAILED: Property = Property::sometimes(
    "kafka-partition-failed",
    "A follower gives a partition up because its leader's batches lie across its log's end.",
);
/// Noted whenever segments are removed.
pub const REMOVES_COMMITTED: Property = Property::always(
    "kafka-removes-committed",
    "Retention removes only what lies before the high watermark.",
);
/// Noted whenever segments are removed here that remote storage is to have.
pub const REMOVES_COPIED: Property = Property::always(
    "kafka-removes-copied",
    "Local retention removes only what is in remote storage.",
);
/// Noted whenever a segment has been copied.
pub const COPIES_COMMITTED: Property = Property::always(
    "kafka-copies-committed",
    "Only what lies before the high watermark is copied to remote storage.",
);
/// A broker has halted because of its disk.
pub const LOG_DIR_FAILED: Property =
    Property::sometimes("kafka-log-dir-failed", "A broker halts because its disk fails.");
/// A broker does not come up on a directory that is not its own.
pub const REFUSED: Property = Property::sometimes(
    "kafka-broker-refused",
    "A broker refuses to start on a directory without its meta.properties.",
);
/// A coordinator has given a member of a group up.
pub const MEMBER_EXPIRED: Property = Property::sometimes(
    "kafka-member-expired",
    "A group goes on without a member that it has not heard of for a session.",
);
/// A static member was known when it came again.
pub const MEMBER_RETURNED: Property = Property::sometimes(
    "kafka-member-returned",
    "A static member comes back in time, and has its partitions again.",
);
/// A commit came from nobody who is in the group.
pub const COMMIT_REFUSED: Property = Property::sometimes(
    "kafka-commit-refused",
    "A coordinator refuses the commit of a consumer that its group has given up.",
);
/// A broker has read a group that was in use.
pub const COORDINATOR_MOVED: Property = Property::sometimes(
    "kafka-coordinator-moved",
    "A broker takes over as a group's coordinator, and reads what the group has committed.",
);

/// Every property of this model.
pub const ALL: &[&Property] = &[
    &TRUNCATES_UNCOMMITTED,
    &EPOCHS_RISE,
    &CONTROLLER_MOVED,
    &LEADER_MOVED,
    &ELIGIBLE_LED,
    &ISR_SHRUNK,
    &ISR_EXPANDED,
    &SESSION_EXPIRED,
    &TRUNCATED,
    &EPOCH_REFUSED,
    &RETRY_RECOGNISED,
    &TOO_FEW_IN_SYNC,
    &PARTITION_FAILED,
    &LOG_DIR_FAILED,
    &REFUSED,
    &REMOVES_COMMITTED,
    &REMOVES_COPIED,
    &COPIES_COMMITTED,
    &MEMBER_EXPIRED,
    &MEMBER_RETURNED,
    &COMMIT_REFUSED,
    &COORDINATOR_MOVED,
];
