//! Published figures of Kafka beside the models': each row of docs/FIDELITY.md that is green there
//! is held to its band here. The scenario files say where the figures come from.

use headwater_reports::outcome::Outcome;

use published::{acked, response_us};

#[path = "../published.rs"]
mod published;

/// Runs a row's scenario with settings laid over it.
fn row(name: &str, settings: &[(&str, &str)]) -> Outcome {
    published::row("published_kafka", name, settings)
}

#[test]
fn row_07_a_full_queue_of_librdkafka_does_not_collapse() {
    let settings = [
        ("profile", "nvme-10gbe"),
        ("traffic.rate", "1800000/s"),
        ("system.producer.buffer.memory", "50000000"),
    ];
    let rate = acked(&row("row-07-full-queue", &settings));
    assert!((400_000..1_000_000).contains(&rate), "{rate}/s; 38,900/s before");
}

#[test]
fn row_09_at_a_long_linger_it_does_not_matter_how_many_requests_are_in_flight() {
    const IN_FLIGHT: &str = "system.producer.max.in.flight.requests.per.connection";
    let median = |linger: &str, in_flight: &str| {
        let settings = [("system.producer.linger.ms", linger), (IN_FLIGHT, in_flight)];
        response_us(&row("row-09-in-flight", &settings), 0.5)
    };
    let (many, six) = (median("100", "1000000"), median("100", "6"));
    let ratio = many * 100 / six;
    assert!((90..=110).contains(&ratio), "linger 100: {many} and {six} us");
}

#[test]
fn row_10_an_idempotent_librdkafka_sends_one_request_at_a_time() {
    let outcome = row("row-10-idempotent-far-away", &[]);
    let p95 = response_us(&outcome, 0.95);
    assert!((1_750_000..=2_150_000).contains(&p95), "p95 {p95} us; published 1,950 ms");
}

/// Median response in us by partitions.
fn medians_by_partitions(acks: &str) -> [u64; 2] {
    ["100", "5000"].map(|partitions| {
        let settings = [("system.producer.acks", acks), ("system.partitions", partitions)];
        response_us(&row("row-04-partitions", &settings), 0.5)
    })
}

#[test]
fn row_04_thousands_of_partitions_lengthen_the_answer_of_the_leader_alone() {
    let [few, many] = medians_by_partitions("1");
    let percent = many * 100 / few;
    assert!((160..=250).contains(&percent), "{few} and {many} us; published 1.6 and 3.1 ms");
}

#[test]
fn row_04_thousands_of_partitions_lengthen_replication() {
    let [few, many] = medians_by_partitions("-1");
    let percent = many * 100 / few;
    // Out of the band of 500 above: a hundred partitions are too fast (docs/FIDELITY.md).
    assert!((250..=650).contains(&percent), "{few} and {many} us; published 2.8 and 10.2 ms");
}

#[test]
fn row_12_syncs_weigh_more_than_small_batches_and_those_more_than_linger() {
    let rate = |setting| acked(&row("row-12-three-small-containers", &[setting]));
    let synced = rate(("system.topic.flush.messages", "1"));
    let small = rate(("system.producer.batch.size", "16384"));
    let unlingered = rate(("system.producer.linger.ms", "0"));
    assert!(2 * synced < small && small < unlingered, "{synced}, {small} and {unlingered}/s");
}

#[test]
fn row_16_two_requests_in_flight_are_better_than_one_and_more_are_not() {
    const IN_FLIGHT: &str = "system.producer.max.in.flight.requests.per.connection";
    let rate = |in_flight| acked(&row("row-16-in-flight", &[(IN_FLIGHT, in_flight)]));
    let [one, two, five] = ["1", "2", "5"].map(rate);
    assert!(two * 100 >= one * 110, "{one} and {two}/s");
    assert!((90..=115).contains(&(five * 100 / two)), "{two} and {five}/s");
}

/// When marks of a name were noted from the death of the group's first member on, in ms since it.
fn since_death(outcome: &Outcome, name: &str) -> Vec<u64> {
    const DEATH_NS: u64 = 15_000_000_000;
    let all = outcome.marks.iter().filter(|mark| mark.name == name && mark.at_ns >= DEATH_NS);
    all.map(|mark| (mark.at_ns - DEATH_NS) / 1_000_000).collect()
}

const KIP_848: [(&str, &str); 2] =
    [("system.version", "4.x"), ("system.consumer.\"group.protocol\"", "consumer")];

#[test]
fn row_17_the_partitions_of_a_dead_member_are_taken_over_after_its_session_of_45_s() {
    // Less up to a heartbeat before its death, and up to one until the others hear of it.
    for (settings, heartbeat_ms) in [(&[][..], 3_000), (&KIP_848[..], 5_000)] {
        let outcome = row("row-17-group-member", settings);
        let expired = since_death(&outcome, "member_expired");
        let bounds = 45_000 - heartbeat_ms..=45_100;
        assert!(expired.len() == 1 && bounds.contains(&expired[0]), "{expired:?} ms");
        let taken = since_death(&outcome, "partition_assigned");
        let within = |at: &u64| (expired[0]..=expired[0] + heartbeat_ms + 1_000).contains(at);
        assert!(taken.len() >= 2 && taken.iter().all(within), "{taken:?} ms after {expired:?}");
        assert_eq!(outcome.counts.lost, 0);
    }
}

#[test]
fn row_17_a_static_member_that_is_back_within_its_session_causes_no_rebalance() {
    let id = ("system.consumer.\"group.instance.id\"", "reader");
    let away = |time| row("row-17-group-member", &[id, ("fault.0.for", time)]);
    let soon = away("20s");
    assert_eq!(since_death(&soon, "group_stable"), Vec::<u64>::new());
    assert_eq!(since_death(&soon, "member_returned").len(), 1);
    // Only it itself begins to read again.
    let taken = since_death(&soon, "partition_assigned");
    assert!(taken.iter().all(|at| (20_000..30_000).contains(at)), "{taken:?}");
    assert_eq!(since_death(&away("55s"), "member_expired").len(), 1);
}
