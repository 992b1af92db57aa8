//! What nobody needs any more is folded, and nothing else is different.

use headwater_check::Promises;
use headwater_models::bookkeeper::config::{self, Bookie, Writer};
use headwater_models::bookkeeper::system::{BOOKIE, METADATA};
use headwater_models::role::{CONSUMER, PRODUCER};
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;

use crate::cluster::{self, Cluster, at, config, machine_of, nodes, steady};

/// Small ledgers, which are read when they are closed, and small entry logs.
fn small() -> config::Cluster {
    let writer = Writer { ledger_bytes_max: 300_000, ..Writer::default() };
    let bookie = Bookie { log_size_limit: 1 << 20, flush_interval: 2_000, ..Bookie::default() };
    config::Cluster { writer, bookie, ..config(4, (3, 3, 2)) }
}

fn bench(seed: u64, config: &config::Cluster, events: u64) -> Cluster {
    cluster::cluster(seed, config, &steady(at(1_000), Duration::from_millis(20), events, 1_000))
}

/// Every ten seconds up to `until` what nobody needs is folded, if `fold`: what came of it, and how
/// many records lay on all disks at each look.
fn play(
    sim: &mut Cluster,
    config: &config::Cluster,
    until: u64,
    fold: bool,
) -> ((u64, u64, u64, usize), Vec<usize>) {
    let servers = [BOOKIE, METADATA].map(|role| nodes(config, role)).concat();
    let mut records = Vec::new();
    for second in (10..=until).step_by(10) {
        sim.run_until(at(second * 1_000));
        if fold {
            sim.fold();
        }
        records.push(servers.iter().map(|node| sim.disk_records(*node).count()).sum());
    }
    let seen = sim.observer();
    let broken = seen.broken(Promises::default()).len();
    ((sim.fingerprint(), seen.acked(), seen.delivered(), broken), records)
}

#[test]
fn records_do_not_grow_with_a_run_and_its_fingerprint_stays() {
    let config = small();
    let of = |fold| play(&mut bench(1, &config, 10_000), &config, 210, fold);
    let ((whole, all), (folded, few)) = (of(false), of(true));
    assert_eq!(whole, folded);
    assert!(all[20] > 30_000, "{all:?}");
    assert!(few[20] < few[6] + 300, "{few:?}");
}

#[test]
fn who_comes_back_to_what_is_folded_does_what_it_would_have_done() {
    let config = small();
    let bookies = nodes(&config, BOOKIE);
    let faults: [&dyn Fn(&mut Cluster); 5] = [
        &|sim| {
            sim.schedule(at(65_000), Fault::Crash { node: bookies[0] });
            sim.schedule(at(67_000), Fault::Restart { node: bookies[0] });
        },
        &|sim| {
            let machine = machine_of(bookies[1]);
            sim.schedule(at(65_000), Fault::PowerCut { machine });
            sim.schedule(at(69_000), Fault::PowerOn { machine });
        },
        &|sim| {
            sim.schedule(at(65_000), Fault::Shutdown { node: bookies[2] });
            sim.schedule(at(80_000), Fault::Restart { node: bookies[2] });
        },
        &|sim| {
            let node = nodes(&config, METADATA)[0];
            sim.schedule(at(65_000), Fault::Crash { node });
            sim.schedule(at(68_000), Fault::Restart { node });
        },
        // Its last ledger is recovered.
        &|sim| {
            let node = nodes(&config, PRODUCER)[0];
            sim.schedule(at(65_000), Fault::Crash { node });
            sim.schedule(at(75_000), Fault::Restart { node });
        },
    ];
    for (number, fault) in faults.iter().enumerate() {
        let of = |fold| {
            let mut sim = bench(3, &config, 5_000);
            fault(&mut sim);
            let played = play(&mut sim, &config, 120, fold);
            assert!(!sim.observer().asked_for_folded, "fault {number}");
            played
        };
        let ((whole, all), (folded, few)) = (of(false), of(true));
        assert!(few[5] < all[5] / 2, "fault {number}: {few:?} of {all:?}");
        assert_eq!(whole, folded, "fault {number}");
    }
}

#[test]
fn who_asks_for_what_was_folded_is_told_of() {
    let config = small();
    let mut sim = bench(3, &config, 5_000);
    // A reader that begins anew.
    let node = nodes(&config, CONSUMER)[0];
    sim.schedule(at(65_000), Fault::Crash { node });
    sim.schedule(at(66_000), Fault::Restart { node });
    play(&mut sim, &config, 90, true);
    assert!(sim.observer().asked_for_folded);
}
