//! Consumer groups: who reads what when members come, go, die and come back.

use headwater_check::{Audience, Promises};
use headwater_models::kafka::config::{
    CatchUp, Cluster, GroupProtocol, OffsetReset, Strategy, Version,
};
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::time::Time;
use headwater_sim::units::{Bytes, NodeId};
use headwater_sim::usage::ResourceKind;

use crate::harness::{Bench, bench, bench_of, steady, three};
use crate::seen::Seen;

/// Three brokers, six partitions, three members.
fn group(protocol: GroupProtocol) -> Cluster {
    let mut cluster = three();
    if protocol == GroupProtocol::Consumer {
        cluster = Cluster { version: Version::V4, ..cluster };
    }
    (cluster.partitions, cluster.consumers, cluster.keyed) = (6, 3, true);
    cluster.consumer.group_id = "readers".into();
    cluster.consumer.group_protocol = protocol;
    cluster
}

const BOTH: [GroupProtocol; 2] = [GroupProtocol::Classic, GroupProtocol::Consumer];

/// The node of a member; brokers and producers come first.
fn member(cluster: &Cluster, number: u32) -> NodeId {
    NodeId(cluster.brokers + cluster.producers + number)
}

fn at(bench: &mut Bench, second: u64, fault: Fault) {
    bench.sim.schedule(Time(second * 1_000_000_000), fault);
}

/// Times in ms from `since` on, and nodes, at which this was noted.
fn noted(seen: &Seen, name: &str, since: u64) -> Vec<(u64, NodeId)> {
    let events = seen.events.iter().filter(|event| event.name == name);
    let all = events.map(|event| (event.at.0 / 1_000_000, event.node));
    all.filter(|(at, _)| *at >= since).collect()
}

#[test]
fn the_partitions_of_a_member_that_dies_are_taken_over_when_its_session_ends() {
    for protocol in BOTH {
        let cluster = group(protocol);
        let mut bench = bench(&cluster, &steady(200, 500, 75), 1);
        let node = member(&cluster, 0);
        at(&mut bench, 20, Fault::Crash { node });
        let seen = bench.run(90);
        let expired = noted(seen, "member_expired", 0);
        assert_eq!(expired.len(), 1, "{protocol:?}: {expired:?}");
        // Its last heartbeat was up to 3 s (KIP-848: 5 s) before.
        assert!((59_900..65_100).contains(&expired[0].0), "{protocol:?}: {expired:?}");
        let taken = noted(seen, "partition_assigned", 20_000);
        assert!(taken.len() >= 2, "{protocol:?}: {taken:?}");
        // The others hear of it with their next heartbeat.
        let first = taken[0].0;
        assert!((60_000..70_000).contains(&first), "{protocol:?}: {taken:?}");
        assert!(taken.iter().all(|(_, by)| *by != node));
        assert_eq!((seen.acks.len(), seen.lost()), (15_000, 0), "{protocol:?}");
        // Read again is what it had read since its last commit, within 5 s: a third of 200/s.
        let again = seen.repeated();
        assert!((1..500).contains(&again), "{protocol:?}: {again} read again");
        assert_eq!(seen.broken(headwater_check::Promises::default()), []);
    }
}

#[test]
fn a_member_that_leaves_is_replaced_at_once_and_nothing_is_read_twice() {
    for protocol in BOTH {
        let cluster = group(protocol);
        let mut bench = bench(&cluster, &steady(200, 500, 30), 1);
        at(&mut bench, 20, Fault::Shutdown { node: member(&cluster, 1) });
        let seen = bench.run(40);
        assert_eq!(noted(seen, "member_left", 0).len(), 1);
        let taken = noted(seen, "partition_assigned", 20_000);
        let last = taken.last().expect("others take over").0;
        assert!((20_000..25_500).contains(&last), "{protocol:?}: {taken:?}");
        assert_eq!((seen.acks.len(), seen.lost()), (6_000, 0), "{protocol:?}");
        assert_eq!(seen.repeated(), 0, "{protocol:?}");
    }
}

#[test]
fn a_new_classic_group_waits_for_more_members_and_kip_848_does_not() {
    for (protocol, range) in BOTH.into_iter().zip([6_000..6_100, 0..6_000]) {
        let cluster = group(protocol);
        let mut bench = bench(&cluster, &steady(200, 500, 10), 1);
        let seen = bench.run(20);
        let stable = noted(seen, "group_stable", 0);
        let last = stable.last().expect("it settles").0;
        // Each that comes within the delay of 3 s puts it off once more.
        assert!(range.contains(&last), "{protocol:?}: {stable:?}");
        assert_eq!((seen.lost(), seen.repeated()), (0, 0), "{protocol:?}");
    }
}

#[test]
fn a_static_member_that_is_back_within_its_session_has_what_it_had() {
    let mut cluster = group(GroupProtocol::Classic);
    cluster.consumer.group_instance_id = "reader".into();
    let mut bench = bench(&cluster, &steady(200, 500, 50), 1);
    let node = member(&cluster, 2);
    at(&mut bench, 20, Fault::Crash { node });
    at(&mut bench, 30, Fault::Restart { node });
    let seen = bench.run(80);
    assert_eq!(noted(seen, "group_stable", 20_000), [], "nobody else notices");
    assert_eq!(noted(seen, "member_expired", 0), []);
    let taken = noted(seen, "partition_assigned", 20_000);
    assert_eq!(taken.len(), 2, "{taken:?}");
    assert!(taken.iter().all(|(at, by)| *by == node && (30_000..30_600).contains(at)));
    assert_eq!((seen.acks.len(), seen.lost()), (10_000, 0));
}

#[test]
fn with_kip_848_a_static_member_comes_back_after_a_clean_stop_but_not_after_a_crash() {
    let mut cluster = group(GroupProtocol::Consumer);
    cluster.consumer.group_instance_id = "reader".into();
    let node = member(&cluster, 2);
    for clean in [true, false] {
        let mut bench = bench(&cluster, &steady(200, 500, 50), 1);
        let stop = if clean { Fault::Shutdown { node } } else { Fault::Crash { node } };
        at(&mut bench, 20, stop);
        at(&mut bench, 30, Fault::Restart { node });
        let seen = bench.run(80);
        let back = noted(seen, "partition_assigned", 20_000);
        let refused = noted(seen, "member_refused", 0).len();
        if clean {
            assert_eq!(refused, 0);
            assert!(back.iter().all(|(at, by)| *by == node && *at < 30_600), "{back:?}");
            assert_eq!((back.len(), seen.repeated()), (2, 0));
        } else {
            // UNRELEASED_INSTANCE_ID: the application ends, and others have its part later.
            assert_eq!(refused, 1);
            assert!(back.iter().all(|(at, by)| *by != node && *at > 60_000), "{back:?}");
        }
        assert_eq!((seen.acks.len(), seen.lost()), (10_000, 0));
    }
}

#[test]
fn a_cooperative_rebalance_leaves_partitions_where_they_are() {
    let assigned = |strategy| {
        let mut cluster = group(GroupProtocol::Classic);
        cluster.consumer.assignment_strategy = strategy;
        let mut bench = bench(&cluster, &steady(200, 500, 40), 1);
        let node = member(&cluster, 0);
        at(&mut bench, 15, Fault::Shutdown { node });
        at(&mut bench, 25, Fault::Restart { node });
        let seen = bench.run(60);
        assert_eq!((seen.acks.len(), seen.lost(), seen.repeated()), (8_000, 0, 0));
        noted(seen, "partition_assigned", 15_000).len()
    };
    // Twice everything is given out anew; or two partitions move, and two move back.
    assert_eq!([assigned(Strategy::Range), assigned(Strategy::CooperativeSticky)], [12, 4]);
}

#[test]
fn a_group_outlives_its_coordinator_with_what_it_has_committed() {
    for protocol in BOTH {
        let cluster = group(protocol);
        for broker in 0..3 {
            let mut bench = bench(&cluster, &steady(200, 500, 60), 2);
            bench.at(20, broker, |node, _| Fault::Crash { node });
            bench.at(40, broker, |node, _| Fault::Restart { node });
            let node = member(&cluster, 0);
            at(&mut bench, 35, Fault::Shutdown { node });
            let seen = bench.run(100);
            assert_eq!((seen.acks.len(), seen.lost()), (12_000, 0), "{protocol:?} {broker}");
            assert_eq!(noted(seen, "member_expired", 0), [], "{protocol:?} {broker}");
            assert_eq!(noted(seen, "member_left", 0).len(), 1, "{protocol:?} {broker}");
        }
    }
}

#[test]
fn where_nothing_is_committed_reading_begins_as_auto_offset_reset_says() {
    let delivered = |reset| {
        let mut cluster = group(GroupProtocol::Classic);
        cluster.consumer.auto_offset_reset = reset;
        let mut bench = bench(&cluster, &steady(200, 500, 20), 1);
        let seen = bench.run(30);
        (seen.delivered(), noted(seen, "no_offset", 0).len())
    };
    assert_eq!(delivered(OffsetReset::Earliest), (4_000, 0));
    let (read, ended) = delivered(OffsetReset::Latest);
    // It begins with its first assignment, after 6 s.
    assert!((2_700..2_900).contains(&read) && ended == 0, "{read}");
    assert_eq!(delivered(OffsetReset::None), (0, 3));
}

/// Everybody is owed everything, by so many groups of so many.
fn owed(count: u32, members: u32) -> Promises {
    Promises { audience: Audience::Groups { count, members }, ..Promises::default() }
}

#[test]
fn groups_that_know_nothing_of_each_other_read_everything_each() {
    for group_id in ["", "readers"] {
        let mut cluster = group(GroupProtocol::Classic);
        (cluster.consumers, cluster.groups) = (2, 3);
        cluster.consumer.group_id = group_id.into();
        let mut bench = bench(&cluster, &steady(200, 500, 20), 1);
        let seen = bench.run(30);
        assert_eq!((seen.acks.len(), seen.delivered()), (4_000, 12_000));
        assert_eq!(seen.broken(owed(3, 2)), []);
    }
    // One that stays dead is missed, whatever the others have read.
    let mut cluster = group(GroupProtocol::Classic);
    (cluster.consumers, cluster.groups, cluster.consumer.group_id) = (2, 3, String::new());
    let mut bench = bench(&cluster, &steady(200, 500, 20), 1);
    at(&mut bench, 10, Fault::Crash { node: member(&cluster, 3) });
    let broken = bench.run(30).broken(owed(3, 2));
    let lost = broken.iter().find(|verdict| verdict.name == "no_acked_loss");
    let lost = lost.expect("its group lacks what it would have read").violations;
    assert!((900..1_100).contains(&lost), "half of what came in 10 s: {lost}");
}

/// Microseconds that the brokers' disks worked, with a page cache that holds 10 s of the traffic.
fn disks_worked(cluster: &Cluster) -> u64 {
    let mut machine = MachineSpec { cores: 4, ..MachineSpec::named("machine") };
    machine.page_cache = Bytes(20 << 20);
    let mut bench = bench_of(machine, cluster, &[], &steady(200, 10_000, 30), 1);
    let before = bench.run(19).delivered();
    assert!((3_700..=3_800).contains(&before), "one reads so far: {before}");
    assert_eq!(bench.run(60).broken(owed(cluster.groups, 1)), []);
    let usage = bench.sim.usage();
    let disks = usage.iter().filter(|of| of.kind == ResourceKind::Disk);
    disks.map(|of| of.busy.0 / 1_000).sum()
}

#[test]
fn a_reader_that_begins_late_reads_old_records_from_disk_and_catches_up() {
    let mut cluster = group(GroupProtocol::Classic);
    (cluster.consumers, cluster.consumer.group_id) = (1, String::new());
    let alone = disks_worked(&cluster);
    (cluster.groups, cluster.catch_up) = (2, CatchUp { groups: 1, after_ms: 20_000 });
    let with = disks_worked(&cluster);
    // 20 MB and more at 1 GB/s.
    assert!(with > alone + 20_000, "{with} us of disks, {alone} us without it");
}

#[test]
fn a_member_whose_application_is_too_slow_leaves_the_group() {
    let mut cluster = group(GroupProtocol::Classic);
    cluster.consumer.max_poll_interval_ms = 5_000;
    // 100 records take more than that.
    cluster.costs.client_deliver_record_ns = 60_000_000;
    let mut bench = bench(&cluster, &steady(400, 500, 10), 1);
    let seen = bench.run(60);
    assert!(!noted(seen, "member_slow", 0).is_empty(), "{:?}", seen.events);
    cluster.costs.client_deliver_record_ns = 185;
    let mut bench = crate::harness::bench(&cluster, &steady(400, 500, 10), 1);
    assert_eq!(noted(bench.run(60), "member_slow", 0), []);
}

/// What each member has when the group has settled for the first time.
fn shares(seen: &Seen, members: u32, cluster: &Cluster) -> Vec<usize> {
    let taken = noted(seen, "partition_assigned", 0);
    let of = |number| taken.iter().filter(|(_, by)| *by == member(cluster, number)).count();
    let mut shares: Vec<_> = (0..members).map(of).collect();
    shares.sort_unstable();
    shares
}

#[test]
fn many_topics_of_one_partition_are_all_read_by_one_member_with_ranges() {
    for (strategy, expected) in
        [(Strategy::Range, [0, 0, 6]), (Strategy::CooperativeSticky, [2, 2, 2])]
    {
        let mut cluster = group(GroupProtocol::Classic);
        (cluster.partitions, cluster.topics.count) = (1, 6);
        cluster.consumer.assignment_strategy = strategy;
        let mut bench = bench(&cluster, &steady(200, 500, 10), 1);
        let seen = bench.run(20);
        assert_eq!(shares(seen, 3, &cluster), expected, "{strategy:?}");
        assert_eq!((seen.acks.len(), seen.lost(), seen.repeated()), (2_000, 0, 0));
        assert_eq!(seen.broken(Promises::default()), []);
    }
}
