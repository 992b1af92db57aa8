//! Quotas: at what rate clients settle, and what a client does that is held back.

use headwater_models::kafka::config::{ClientLibrary, Cluster, Version};
use headwater_models::kafka::quota::Quota;
use headwater_sim::time::Time;

use crate::harness::{Bench, bench, steady};

const BOTH: [ClientLibrary; 2] = [ClientLibrary::Java, ClientLibrary::Librdkafka];

/// One broker, and so many events of 30,000 bytes a second for so many seconds.
fn ran(client: ClientLibrary, quota: Quota, (rate, seconds): (u64, u64)) -> Bench {
    let mut cluster = Cluster::defaults(Version::V4).with_client(client);
    cluster.quota = quota;
    // Nothing is given up, or refused, for want of room.
    (cluster.producer.buffer_memory, cluster.producer.queue_buffering_max_messages) = (1 << 30, 0);
    let mut bench = bench(&cluster, &steady(rate, 30_000, seconds), 1);
    bench.run(seconds);
    bench
}

/// Of times: how many are between two seconds, by the second.
fn rate(times: impl Iterator<Item = Time>, (from, to): (u64, u64)) -> f64 {
    let second = |at: u64| Time(at * 1_000_000_000);
    times.filter(|at| (second(from)..second(to)).contains(at)).count() as f64 / (to - from) as f64
}

#[test]
fn a_producer_over_its_quota_settles_at_it() {
    let quota = Quota { producer_byte_rate: 1_000_000, ..Quota::default() };
    for client in BOTH {
        // 1.4 MB/s, for eleven times the eleven seconds of the windows: it comes in gusts.
        let bench = ran(client, quota.clone(), (47, 121));
        let acks = || bench.sim.observer().acks.iter().map(|(at, _)| *at);
        let settled = rate(acks(), (0, 121)) * 30_000.0;
        assert!((settled / 1e6 - 1.0).abs() < 0.05, "{client:?}: {settled} bytes/s");
        // Ten seconds of it may be used at once, which takes seven.
        let first = rate(acks(), (0, 6)) * 30_000.0;
        assert!((first / 1.41e6 - 1.0).abs() < 0.05, "{client:?}: {first} bytes/s at first");
        bench.sim.observer().check_exactly_once();
    }
}

#[test]
fn a_consumer_over_its_quota_settles_at_it_and_misses_nothing() {
    for client in BOTH {
        let bench =
            ran(client, Quota { consumer_byte_rate: 1_000_000, ..Quota::default() }, (100, 60));
        let seen = bench.sim.observer();
        let acked = rate(seen.acks.iter().map(|(at, _)| *at), (1, 59));
        assert!((acked / 100.0 - 1.0).abs() < 0.01, "{client:?}: producers have no quota");
        let due = &seen.delivered_due;
        let read = due.len() as f64 * 30_000.0 / 60.0;
        assert!((read / 1e6 - 1.0).abs() < 0.05, "{client:?}: {read} bytes/s");
        assert!(due.windows(2).all(|pair| pair[0] <= pair[1]), "{client:?}: in order");
    }
}

#[test]
fn a_client_has_no_more_of_the_threads_than_its_share() {
    for client in BOTH {
        let share = |percentage: u64| {
            let mut cluster = Cluster::defaults(Version::V4).with_client(client);
            cluster.quota.request_percentage = percentage;
            // A request for each event.
            (cluster.producer.linger_ms, cluster.producer.batch_size) = (0, 200);
            cluster.producer.queue_buffering_max_messages = 0;
            let mut bench = bench(&cluster, &steady(3_000, 100, 25), 1);
            bench.run(25);
            let acks = bench.sim.observer().acks.iter().map(|(at, _)| *at);
            rate(acks, (13, 25))
        };
        let (free, five, ten) = (share(0), share(5), share(10));
        assert!(free > 2_500.0, "{client:?}: {free}/s");
        // 5 % of a thread, of which a request takes some tens of microseconds.
        assert!((200.0..1_200.0).contains(&five), "{client:?}: {five}/s");
        assert!((1.7..2.3).contains(&(ten / five)), "{client:?}: {five}/s and {ten}/s");
    }
}

#[test]
fn a_quota_that_is_not_reached_changes_nothing() {
    let plain = ran(ClientLibrary::Java, Quota::default(), (100, 15));
    let within = Quota { producer_byte_rate: 1 << 30, ..Quota::default() };
    assert_eq!(
        plain.sim.fingerprint(),
        ran(ClientLibrary::Java, within, (100, 15)).sim.fingerprint()
    );
}
