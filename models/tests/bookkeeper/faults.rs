//! Faults: what survives, what is refused, and what a configuration lets be lost.

use headwater_models::bookkeeper::config::Cluster as Config;
use headwater_models::bookkeeper::system::{BOOKIE, METADATA};
use headwater_models::deployment::Environment;
use headwater_models::role::{CONSUMER, PRODUCER};
use headwater_sim::distribution::Distribution;
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::cluster::{self, Cluster, ONE_WAY, at, config, nodes, steady};

/// Who plays in a cluster.
pub struct Cast {
    pub metadata: NodeId,
    pub bookies: Vec<NodeId>,
    pub writer: NodeId,
    pub reader: NodeId,
}

pub fn cast(config: &Config) -> Cast {
    let one = |role| nodes(config, role)[0];
    Cast {
        metadata: one(METADATA),
        bookies: nodes(config, BOOKIE),
        writer: one(PRODUCER),
        reader: one(CONSUMER),
    }
}

/// A cluster whose writer writes an event of 1 KB every millisecond from second 1 on, `count` in
/// all.
fn running(seed: u64, config: &Config, count: u64) -> Cluster {
    let source = steady(at(1_000), Duration::from_millis(1), count, 1_000);
    cluster::cluster(seed, config, &source)
}

#[test]
fn a_fenced_writer_is_refused_and_nothing_it_was_acknowledged_is_lost() {
    for seed in 0..4 {
        let config = config(4, (3, 3, 2));
        let Cast { metadata, writer, .. } = cast(&config);
        let mut sim = running(seed, &config, 20_000);
        // The writer still reaches the bookies, but its session ends, and the reader recovers.
        let cut = Fault::Partition { from: vec![writer], to: vec![metadata], symmetric: true };
        sim.schedule(at(3_000), cut);
        sim.schedule(at(25_000), Fault::Heal);
        sim.run_until(at(60_000));
        let seen = sim.observer();
        assert!(seen.errors.contains(&"BKLedgerFenced"), "seed {seed}");
        assert!(!seen.times("ledger_recovered").is_empty());
        assert_eq!(seen.lost(), 0, "seed {seed}");
        assert_eq!(seen.repeated_or_late(), []);
    }
}

#[test]
fn recovery_tolerates_as_many_lost_bookies_as_the_ack_quorum_less_one() {
    for seed in 0..6 {
        let config = config(5, (3, 3, 2));
        let Cast { bookies, writer, .. } = cast(&config);
        let mut sim = running(seed, &config, 20_000);
        sim.schedule(at(3_000), Fault::Crash { node: writer });
        sim.schedule(at(3_000), Fault::Crash { node: bookies[seed as usize % 5] });
        sim.run_until(at(40_000));
        let seen = sim.observer();
        assert!(seen.acks.len() > 1_900, "seed {seed}: {} acked", seen.acks.len());
        assert_eq!(seen.times("ledger_recovered").len(), 1, "seed {seed}");
        assert_eq!(seen.lost(), 0, "seed {seed}");
    }
}

#[test]
fn planted_fault_one_copy_and_its_bookie_wiped_loses_acknowledged_events() {
    let mut config = config(1, (1, 1, 1));
    config.bookie.cookie_restamped = true;
    let bookie = cast(&config).bookies[0];
    let mut sim = running(1, &config, 1_000);
    sim.schedule(at(1_900), Fault::Crash { node: bookie });
    sim.schedule(at(1_950), Fault::WipeDisk { node: bookie, disk: None });
    sim.schedule(at(2_000), Fault::Restart { node: bookie });
    sim.run_until(at(40_000));
    let seen = sim.observer();
    let lost = seen.lost();
    assert!((850..=900).contains(&lost), "{lost} lost of {} acked", seen.acks.len());
}

/// The writer dies with a tail that only two of three bookies have; then one of the two comes back,
/// wiped or not, and the other is slow to answer. Acked events that can't be read.
pub fn lost_with_a_tail_on_two_bookies(
    environment: &Environment,
    seed: u64,
    config: &Config,
    wiped: bool,
) -> u64 {
    let Cast { bookies, writer, reader, .. } = cast(config);
    let source = steady(at(1_000), Duration::from_millis(1), 20_000, 1_000);
    let mut sim = cluster::cluster_in(environment, seed, config, &source);
    sim.schedule(at(100), Fault::Crash { node: reader });
    let [first, second, third, spare] = bookies[..] else { unreachable!("four bookies") };
    // The spare one comes when the ledger has its ensemble, for one that does not come up.
    sim.schedule(at(0), Fault::Crash { node: spare });
    sim.schedule(at(10_000), Fault::Restart { node: spare });
    let cut = Fault::Partition { from: vec![writer], to: vec![third], symmetric: true };
    sim.schedule(at(3_000), cut);
    sim.schedule(at(3_500), Fault::Crash { node: writer });
    sim.schedule(at(3_600), Fault::Crash { node: first });
    if wiped {
        sim.schedule(at(3_700), Fault::WipeDisk { node: first, disk: None });
    }
    sim.schedule(at(3_800), Fault::Restart { node: first });
    sim.schedule(at(4_000), Fault::Heal);
    let extra = Distribution::constant(Duration::from_millis(50));
    sim.schedule(
        at(4_000),
        Fault::SlowLink { from: vec![second], to: vec![reader], extra, lasting: false },
    );
    sim.schedule(at(30_000), Fault::Restart { node: reader });
    sim.run_until(at(60_000));
    let seen = sim.observer();
    assert_eq!(seen.times("ledger_recovered").len(), 1);
    assert!(seen.acks.len() > 2_400, "{} acked", seen.acks.len());
    seen.lost()
}

#[test]
fn planted_fault_a_wiped_bookie_with_its_old_name_makes_recovery_lose_events() {
    // apache/bookkeeper#2612: its "no such entry" counts as if it had never had the entry.
    let mut config = config(4, (3, 3, 2));
    let lost = |config: &Config, wiped| {
        lost_with_a_tail_on_two_bookies(&cluster::environment(), 1, config, wiped)
    };
    assert_eq!(lost(&config, true), 0, "it does not come up");
    config.bookie.cookie_restamped = true;
    assert_eq!(lost(&config, false), 0, "it has everything");
    let lost = lost(&config, true);
    assert!((400..600).contains(&lost), "{lost} lost; the tail was written for half a second");
}

/// Power goes everywhere at once and comes back; acked events that can't be read.
pub fn lost_after_a_power_cut(environment: &Environment, seed: u64, config: &Config) -> u64 {
    let source = steady(at(1_000), Duration::from_millis(1), 30_000, 1_000);
    let mut sim = cluster::cluster_in(environment, seed, config, &source);
    for bookie in cast(config).bookies {
        let machine = cluster::machine_of(bookie);
        sim.schedule(at(4_700), Fault::PowerCut { machine });
        sim.schedule(at(6_000), Fault::PowerOn { machine });
    }
    sim.run_until(at(90_000));
    let seen = sim.observer();
    assert!(seen.acks.len() > 3_600, "seed {seed}: {} acked", seen.acks.len());
    assert!(seen.delivered() > 3_000, "seed {seed}: {} read", seen.delivered());
    seen.lost()
}

#[test]
fn a_power_cut_loses_what_was_acknowledged_before_its_sync_and_nothing_else() {
    let mut config = config(3, (3, 3, 2));
    let environment = cluster::environment();
    for seed in 0..4 {
        assert_eq!(lost_after_a_power_cut(&environment, seed, &config), 0, "seed {seed}");
    }
    config.bookie.journal_sync_data = false;
    let lost = |seed| lost_after_a_power_cut(&environment, seed, &config);
    let lost: Vec<_> = (0..4).map(lost).collect();
    assert!(lost.iter().any(|lost| *lost > 0), "journalSyncData=false: {lost:?}");
}

#[test]
fn bookies_killed_and_restarted_one_after_another_lose_nothing() {
    for seed in 0..2 {
        let config = config(5, (3, 3, 2));
        let mut sim = running(seed, &config, 40_000);
        for (turn, node) in cast(&config).bookies.into_iter().enumerate() {
            let when = at(3_000 + 8_000 * turn as u64);
            sim.schedule(when, Fault::Crash { node });
            sim.schedule(when + Duration::from_millis(500), Fault::Restart { node });
        }
        sim.run_until(at(100_000));
        let seen = sim.observer();
        assert_eq!(seen.lost(), 0, "seed {seed}");
        assert_eq!(seen.repeated_or_late(), []);
        assert!(seen.acks.len() > 35_000, "{} acked", seen.acks.len());
    }
}

#[test]
fn a_restarted_metadata_service_interrupts_no_open_ledger() {
    let config = config(3, (3, 3, 2));
    let metadata = cast(&config).metadata;
    let mut sim = running(1, &config, 10_000);
    sim.schedule(at(3_000), Fault::Crash { node: metadata });
    sim.schedule(at(6_000), Fault::Restart { node: metadata });
    sim.run_until(at(30_000));
    let seen = sim.observer();
    assert_eq!((seen.acked(), seen.delivered()), (10_000, 10_000));
    assert_eq!(seen.times("session_expired"), []);
    assert!(seen.longest_gap() < Duration::from_millis(20), "{}", seen.longest_gap());
}

#[test]
fn impossible_clusters_are_refused() {
    for (bookies, replication, why) in [
        (3, (3, 2, 3), "ack.quorum.size 3 is above write.quorum.size 2"),
        (3, (2, 3, 2), "write.quorum.size 3 is above ensemble.size 2"),
        (2, (3, 3, 2), "ensemble.size 3 is above the 2 bookies"),
        (3, (3, 3, 0), "ack.quorum.size 0"),
    ] {
        let error = config(bookies, replication).check().unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    let mut bad = config(3, (3, 3, 2));
    bad.bookie.flush_interval = 0;
    assert_eq!(bad.check(), Err("bookie flushInterval must be above 0".into()));
}

#[test]
fn the_last_ledger_of_a_writer_that_has_finished_is_read_while_the_writer_is_registered() {
    let config = config(3, (3, 2, 2));
    let Cast { writer, .. } = cast(&config);
    let mut sim = running(1, &config, 100);
    sim.run_until(at(10_000));
    let closed = *sim.observer().times("ledger_closed").last().expect("the writer has finished");
    // That it has finished is on its way to the metadata service; of what it is registered as, the
    // end of its session alone can tell.
    let mut sim = running(1, &config, 100);
    sim.schedule(closed + ONE_WAY * 2, Fault::Crash { node: writer });
    sim.run_until(closed + Duration::from_secs(3));
    let seen = sim.observer();
    assert!(seen.times("writer_finished").is_empty(), "it had heard that its list is kept");
    assert_eq!(seen.delivered_due.len(), 100);
}

#[test]
fn a_ledger_that_recovery_has_closed_where_its_writer_would_is_closed() {
    let config = config(3, (3, 2, 2));
    let Cast { metadata, writer, .. } = cast(&config);
    let mut sim = running(1, &config, 100);
    // All is written when the writer cannot close its ledger; its session ends, and the reader
    // recovers what it wrote.
    let cut = Fault::Partition { from: vec![writer], to: vec![metadata], symmetric: true };
    sim.schedule(at(1_050), cut);
    sim.schedule(at(60_000), Fault::Heal);
    sim.run_until(at(120_000));
    let seen = sim.observer();
    assert_eq!(seen.times("ledger_recovered").len(), 1);
    assert_eq!(seen.times("ledger_created").len(), 1, "it took its ledger for failed");
    assert_eq!(seen.times("writer_finished").len(), 1);
    seen.check_exactly_once();
}
