//! Disk errors: a bookie ends or turns read-only, and nothing acknowledged is lost.

use headwater_check::Promises;
use headwater_models::bookkeeper::config::Cluster as Config;
use headwater_models::bookkeeper::properties;
use headwater_models::deployment::Environment;
use headwater_models::property::Property;
use headwater_sim::device::DiskFault;
use headwater_sim::disk::DiskSpec;
use headwater_sim::fault::Fault;
use headwater_sim::machine::MachineSpec;
use headwater_sim::time::Duration;
use headwater_sim::units::{MachineId, NodeId};

use crate::cluster::{self, at, cluster_in, config, machine_of, steady};
use crate::faults::cast;

const JOURNAL: u8 = 0;
const LEDGERS: u8 = 1;

/// Journal and ledgers lie on disks of their own.
fn environment() -> Environment {
    let environment = cluster::environment();
    let disk = environment.server.disks[0].clone();
    let disks: Vec<DiskSpec> = vec![disk.clone(), disk];
    Environment { server: MachineSpec { disks, ..environment.server }, ..environment }
}

/// A writer writes for 20 s; from second 5 to second 10 `fault` is on for one of four bookies,
/// which is started again should it have ended. Then the power goes everywhere, and everything is
/// read.
fn survives(
    seed: u64,
    expected: &'static Property,
    fault: impl Fn(MachineId, bool) -> Fault,
    config: &Config,
) {
    let source = steady(at(1_000), Duration::from_millis(2), 10_000, 1_000);
    let mut sim = cluster_in(&environment(), seed, config, &source);
    let bookies = cast(config).bookies;
    let victim: NodeId = bookies[seed as usize % bookies.len()];
    sim.schedule(at(5_000), fault(machine_of(victim), true));
    sim.schedule(at(10_000), fault(machine_of(victim), false));
    sim.schedule(at(11_000), Fault::Restart { node: victim });
    for machine in bookies.into_iter().map(machine_of) {
        sim.schedule(at(25_000), Fault::PowerCut { machine });
        sim.schedule(at(26_000), Fault::PowerOn { machine });
    }
    sim.run_until(at(90_000));
    let seen = sim.observer();
    assert!(seen.noted(expected.name) > 0, "seed {seed}: {} not reached", expected.name);
    assert_eq!(seen.lost(), 0, "seed {seed}: of {} acked", seen.acks.len());
    assert!(seen.acks.len() > 9_500, "seed {seed}: {} acked", seen.acks.len());
    assert_eq!(seen.repeated_or_late(), [], "seed {seed}");
    assert_eq!(seen.broken(Promises::none()), [], "seed {seed}");
    assert_eq!(seen.times("writer_finished").len(), 1, "seed {seed}");
}

/// Four bookies with small memtables that are flushed every second.
fn busy() -> Config {
    let mut config = config(4, (3, 3, 2));
    config.bookie.flush_interval = 1_000;
    config.bookie.skip_list_size_limit = 500_000;
    config
}

fn on(disk: u8, faulty: DiskFault, sound: DiskFault) -> impl Fn(MachineId, bool) -> Fault {
    move |machine, begins| {
        let how = if begins { faulty } else { sound };
        Fault::Disk { machine, disk, how }
    }
}

#[test]
fn a_journal_that_cannot_be_written_ends_the_bookie() {
    let fault = on(JOURNAL, DiskFault::WriteErrors(200_000), DiskFault::WriteErrors(0));
    for seed in 0..3 {
        survives(seed, &properties::BOOKIE_DIED_OF_ITS_DISK, &fault, &busy());
    }
}

#[test]
fn a_journal_that_cannot_be_synced_ends_the_bookie_whatever_becomes_of_its_pages() {
    for (seed, forgets) in [(0, false), (1, true), (2, true)] {
        let errors = |ppm| DiskFault::SyncErrors { ppm, forgets };
        let fault = on(JOURNAL, errors(200_000), errors(0));
        survives(seed, &properties::BOOKIE_DIED_OF_ITS_DISK, fault, &busy());
    }
}

#[test]
fn a_memtable_that_cannot_be_flushed_makes_the_bookie_read_only() {
    let fault = on(LEDGERS, DiskFault::WriteErrors(500_000), DiskFault::WriteErrors(0));
    for seed in 0..3 {
        survives(seed, &properties::BOOKIE_READ_ONLY, &fault, &busy());
    }
}

#[test]
fn a_checkpoint_that_fails_is_tried_again() {
    let errors = |ppm| DiskFault::SyncErrors { ppm, forgets: false };
    let fault = on(LEDGERS, errors(500_000), errors(0));
    for seed in 0..3 {
        survives(seed, &properties::CHECKPOINT_FAILED, &fault, &busy());
    }
}

#[test]
fn a_full_disk_makes_the_bookie_read_only_wherever_it_is_full() {
    for (seed, disk) in [(0, JOURNAL), (1, LEDGERS)] {
        let fault = |machine, full| Fault::FillDisk { machine, disk, full };
        survives(seed, &properties::BOOKIE_READ_ONLY, fault, &busy());
    }
}

#[test]
fn a_bookie_that_cannot_read_its_disk_at_its_start_does_not_come_up_empty() {
    for seed in 0..3 {
        let config = busy();
        let source = steady(at(1_000), Duration::from_millis(2), 10_000, 1_000);
        let mut sim = cluster_in(&environment(), seed, &config, &source);
        let victim = cast(&config).bookies[seed as usize % 4];
        let machine = machine_of(victim);
        // Cold caches: what is read comes from the medium.
        sim.schedule(at(5_000), Fault::PowerCut { machine });
        let errors = |ppm| Fault::Disk { machine, disk: LEDGERS, how: DiskFault::ReadErrors(ppm) };
        sim.schedule(at(5_500), errors(1_000_000));
        sim.schedule(at(6_000), Fault::PowerOn { machine });
        sim.schedule(at(9_000), errors(0));
        sim.schedule(at(10_000), Fault::Restart { node: victim });
        sim.run_until(at(60_000));
        let seen = sim.observer();
        assert_eq!(seen.noted(properties::BOOKIE_DIED_OF_ITS_DISK.name), 1, "seed {seed}");
        assert_eq!(seen.lost(), 0, "seed {seed}");
        assert_eq!(seen.times("bookie_registered").len(), 5, "seed {seed}: four, and one again");
    }
}
