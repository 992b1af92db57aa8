//! Bookies that are gone for good, and what clients hold for one that does not answer.

use headwater_models::bookkeeper::config;
use headwater_models::bookkeeper::system::BOOKIE;
use headwater_models::role::{CONSUMER, PRODUCER};
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;

use crate::cluster::{self, Cluster, at, config, nodes, steady};

/// Five bookies and ten ledgers that are closed after two seconds.
fn ledgers(auto_recovery: config::AutoRecovery) -> config::Cluster {
    let mut config = config(5, (3, 3, 2));
    config.writer.ledger_bytes_max = 100_000;
    config.auto_recovery = auto_recovery;
    config
}

fn waiting(seconds: u64) -> config::AutoRecovery {
    config::AutoRecovery {
        enabled: true,
        lost_bookie_recovery_delay: seconds,
        ..config::AutoRecovery::default()
    }
}

fn started(config: &config::Cluster) -> Cluster {
    let source = steady(at(1_000), Duration::from_millis(1), 1_000, 1_000);
    cluster::cluster(3, config, &source)
}

/// One bookie goes for good, later two more; then everything is read once more. What can be.
fn read_after_three_losses(config: &config::Cluster) -> (Cluster, usize) {
    let mut sim = started(config);
    let (bookies, reader) = (nodes(config, BOOKIE), nodes(config, CONSUMER)[0]);
    sim.schedule(at(5_000), Fault::Crash { node: bookies[0] });
    for bookie in &bookies[1..3] {
        sim.schedule(at(60_000), Fault::Crash { node: *bookie });
    }
    sim.schedule(at(61_000), Fault::Crash { node: reader });
    sim.schedule(at(62_000), Fault::Restart { node: reader });
    sim.run_until(at(59_000));
    let before = sim.observer().delivered();
    assert_eq!(before, 1_000);
    sim.run_until(at(100_000));
    let again = sim.observer().delivered() - before;
    (sim, again as usize)
}

#[test]
fn what_a_lost_bookie_had_is_copied_to_another_after_the_delay() {
    let (_, without) = read_after_three_losses(&ledgers(config::AutoRecovery::default()));
    assert!(without < 1_000, "three copies, three bookies gone: {without} of 1,000");
    let (sim, with) = read_after_three_losses(&ledgers(waiting(20)));
    assert_eq!(with, 1_000);
    let seen = sim.observer();
    // The session is over 10 to 14 s after the crash (in ticks of 2 s), then 20 s
    // (`lostBookieRecoveryDelay`, `Auditor.submitAuditTask` @ branch-4.15).
    let audits = seen.times("bookies_audited");
    let first = audits.iter().find(|when| **when > at(5_000)).expect("an audit");
    assert!((at(33_000)..at(40_000)).contains(first), "audited at {first}");
    let copied = seen.times("ledger_rereplicated");
    let early = copied.iter().filter(|when| **when < at(45_000)).count();
    assert!((4..=10).contains(&early), "{early} of ten ledgers had it");
}

#[test]
fn a_bookie_that_is_back_in_time_or_only_takes_no_writes_is_not_lost() {
    let config = ledgers(waiting(30));
    let mut sim = started(&config);
    let bookies = nodes(&config, BOOKIE);
    let machine = cluster::machine_of(bookies[1]);
    sim.schedule(at(1_200), Fault::FillDisk { machine, disk: 0, full: true });
    sim.schedule(at(5_000), Fault::Crash { node: bookies[0] });
    sim.schedule(at(20_000), Fault::Restart { node: bookies[0] });
    sim.run_until(at(80_000));
    let seen = sim.observer();
    assert!(!seen.times("bookie_read_only").is_empty());
    assert_eq!(seen.times("bookies_audited").len(), 1, "the one at the daemon's start");
    assert_eq!(seen.times("fragment_copied"), []);
}

#[test]
fn a_client_holds_what_a_bookie_does_not_answer_until_its_memory_is_full() {
    // apache/pulsar#14861: acknowledged by two of three, and kept for the third
    // (`PendingAddOp.maybeRecycle` @ branch-4.15).
    let held = |direct_memory_bytes| {
        let mut config = config(3, (3, 3, 2));
        config.client.add_entry_timeout_sec = 60;
        config.client.direct_memory_bytes = direct_memory_bytes;
        let source = steady(at(1_000), Duration::from_millis(1), 20_000, 1_000);
        let mut sim = cluster::cluster(4, &config, &source);
        let (bookie, writer) = (nodes(&config, BOOKIE)[0], nodes(&config, PRODUCER)[0]);
        sim.schedule(at(3_000), Fault::Pause { node: bookie });
        sim.schedule(at(18_000), Fault::Resume { node: bookie });
        sim.run_until(at(17_999));
        let gauge = sim.gauges(writer).find(|(name, _)| *name == "unanswered_bytes");
        let held = gauge.map_or(0, |(_, gauge)| gauge.max);
        (held, sim.observer().times("writer_out_of_memory"))
    };
    let (unlimited, ended) = held(0);
    assert!((15_000_000..16_500_000).contains(&unlimited), "{unlimited} bytes after 15 s");
    assert_eq!(ended, []);
    let (_, ended) = held(5_000_000);
    assert!((at(7_500)..at(8_100)).contains(&ended[0]), "ended at {ended:?}");
}
