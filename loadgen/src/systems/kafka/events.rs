//! What launched brokers log of themselves, as marks: elections, changes of the ISR, controllers,
//! fencing. The names are those of the simulated brokers' marks.

use std::collections::BTreeMap;
use std::path::Path;

use headwater_models::kafka::signals::{
    CONTROLLER_ELECTED, ISR_EXPANDED, ISR_SHRUNK, LEADER_ELECTED, SESSION_EXPIRED, UNCLEAN_ELECTION,
};
use headwater_reports::outcome::Mark;

use crate::launch::log_line::{Line, line};

/// What happened, by what identifies it: several controllers log the same.
type Found = BTreeMap<String, (u64, &'static str, String)>;

/// The marks of a run on `topic` that began at `started` (milliseconds since 1970), from the logs
/// `broker-1.log` and so on in `data`.
pub(super) fn marks(data: &Path, brokers: usize, topic: &str, started: u64) -> Vec<Mark> {
    let mut found = Found::new();
    for id in 1..=brokers {
        let log = data.join(format!("{}.log", super::launch::broker_name(id)));
        // One that can't be read tells nothing; the others do.
        let text = std::fs::read_to_string(log).unwrap_or_default();
        for line in text.lines().filter_map(line) {
            for (key, name, detail) in told(&line, topic) {
                let at = found.entry(key).or_insert((line.unix_ms, name, detail));
                at.0 = at.0.min(line.unix_ms);
            }
        }
    }
    let mut marks: Vec<Mark> = found
        .into_values()
        .filter(|(at, _, _)| *at >= started)
        .map(|(at, name, detail)| Mark {
            at_ns: (at - started) * 1_000_000,
            name: name.into(),
            detail,
        })
        .collect();
    marks.sort_by_key(|mark| mark.at_ns);
    marks
}

/// What a message tells: a key, a mark's name, details.
fn told(line: &Line<'_>, topic: &str) -> Vec<(String, &'static str, String)> {
    let message = line.message;
    // QuorumState.transitionTo @ 3.9.2.
    if let Some((_, state)) = message.split_once("Completed transition to Leader(") {
        let id = until_sign(message.split_once("[RaftManager id=").map_or("", |(_, id)| id));
        let epoch = until_sign(state.split_once(", epoch=").map_or("", |(_, epoch)| epoch));
        let detail = format!("broker-{id}, epoch {epoch}");
        return vec![(format!("controller {epoch}"), CONTROLLER_ELECTED.name, detail)];
    }
    // ReplicationControlManager.maybeFenceReplicas @ 3.9.2.
    if let Some((_, rest)) = message.split_once("Fencing broker ")
        && rest.contains("session has timed out")
    {
        let id = rest.split_whitespace().next().unwrap_or("");
        let at = line.unix_ms;
        return vec![(format!("fenced {id} {at}"), SESSION_EXPIRED.name, format!("broker-{id}"))];
    }
    partition_change(message, topic)
}

/// `partition change for TOPIC-0 with topic ID x: isr: [1, 2] -> [1], leader: 1 -> 2, leaderEpoch:
/// 3 -> 4, partitionEpoch: 5 -> 6` (PartitionRegistration.diff @ 3.9.2).
fn partition_change(message: &str, topic: &str) -> Vec<(String, &'static str, String)> {
    let Some((head, change)) = message.split_once("artition change for ") else { return vec![] };
    let Some((partition, change)) = change.split_once(": ") else { return vec![] };
    let number = partition.strip_prefix(topic).and_then(|rest| rest.strip_prefix('-'));
    let Some(number) = number.and_then(|rest| rest.split_whitespace().next()) else {
        return vec![];
    };
    let epoch = arrow(change, "partitionEpoch: ").map_or("", |(_, epoch)| epoch);
    let mut all = Vec::new();
    if let Some((_, leader)) = arrow(change, "leader: ").filter(|(_, leader)| *leader != "-1") {
        let unclean = head.contains("UNCLEAN");
        let mark = if unclean { UNCLEAN_ELECTION.name } else { LEADER_ELECTED.name };
        let epoch = arrow(change, "leaderEpoch: ").map_or("", |(_, epoch)| epoch);
        all.push((mark, format!("partition {number}, broker-{leader}, epoch {epoch}")));
    }
    if let Some((before, after)) = arrow(change, "isr: ") {
        let size = |isr: &str| isr.split(',').filter(|id| id.contains(char::is_numeric)).count();
        let shrunk = size(after) < size(before);
        let mark = if shrunk { ISR_SHRUNK.name } else { ISR_EXPANDED.name };
        all.push((mark, format!("partition {number}, ISR {after}, was {before}")));
    }
    let keyed = |(mark, detail)| (format!("{number} {epoch} {mark}"), mark, detail);
    all.into_iter().map(keyed).collect()
}

/// Both sides of `name: before -> after`.
fn arrow<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    // `leader: ` is not the end of another name.
    let at = text.match_indices(name).map(|(at, _)| at);
    let at = at.into_iter().find(|at| *at == 0 || text[..*at].ends_with(", "))?;
    let (before, rest) = text[at + name.len()..].split_once(" -> ")?;
    let end = if rest.starts_with('[') {
        rest.find(']').map_or(rest.len(), |end| end + 1)
    } else {
        rest.find([',', ' ']).unwrap_or(rest.len())
    };
    Some((before, &rest[..end]))
}

/// A text up to its first sign of punctuation.
fn until_sign(text: &str) -> &str {
    text.split([',', ')', ']', ' ']).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "\
2026-11-28 11:18:01,500 INFO [RaftManager id=1] Completed transition to Leader(localVoterNode=\
VoterNode(voterKey=ReplicaKey(id=1, directoryId=x)), epoch=7, epochStartOffset=3) (org.x)
2026-11-28 11:18:03,250 DEBUG [QuorumController id=1] partition change for t-0 with topic ID x: \
isr: [1, 2, 3] -> [1, 3], leader: 2 -> 3, leaderEpoch: 0 -> 1, partitionEpoch: 0 -> 1 (org.x)
2026-11-28 11:18:03,260 DEBUG [QuorumController id=1] partition change for other-0 with topic ID \
y: isr: [1] -> [2], partitionEpoch: 0 -> 1 (org.x)
2026-11-28 11:18:09,000 DEBUG [QuorumController id=1] partition change for t-0 with topic ID x: \
isr: [1, 3] -> [1, 3, 2], partitionEpoch: 1 -> 2 (org.x)
";
    const SECOND: &str = "\
2026-11-28 11:17:00,000 INFO [QuorumController id=2] Fencing broker 3 because its session has \
timed out. (org.x)
2026-11-28 11:18:03,249 DEBUG [QuorumController id=2] partition change for t-0 with topic ID x: \
isr: [1, 2, 3] -> [1, 3], leader: 2 -> 3, leaderEpoch: 0 -> 1, partitionEpoch: 0 -> 1 (org.x)
2026-11-28 11:18:04,000 INFO [QuorumController id=2] UNCLEAN partition change for t-1 with topic \
ID x: leader: -1 -> 2, leaderEpoch: 4 -> 5, partitionEpoch: 8 -> 9 (org.x)
2026-11-28 11:18:05,000 INFO [QuorumController id=2] Fencing broker 2 because its session has \
timed out. (org.x)
    at some.stack.Trace
";

    #[test]
    fn what_brokers_log_becomes_the_simulated_brokers_marks() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("broker-1.log"), FIRST).unwrap();
        std::fs::write(data.path().join("broker-2.log"), SECOND).unwrap();
        // 2026-11-28 11:18:00 UTC.
        let started = 1_795_864_680_000;
        let marks = marks(data.path(), 3, "t", started);
        let told: Vec<(u64, &str, &str)> = marks
            .iter()
            .map(|mark| (mark.at_ns / 1_000_000, mark.name.as_str(), mark.detail.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (1_500, "controller_elected", "broker-1, epoch 7"),
                (3_249, "isr_shrunk", "partition 0, ISR [1, 3], was [1, 2, 3]"),
                (3_249, "leader_elected", "partition 0, broker-3, epoch 1"),
                (4_000, "unclean_election", "partition 1, broker-2, epoch 5"),
                (5_000, "session_expired", "broker-2"),
                (9_000, "isr_expanded", "partition 0, ISR [1, 3, 2], was [1, 3]"),
            ]
        );
    }
}
