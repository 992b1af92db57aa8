//! Kafka on disks that are too slow for it, and on one that hangs.

use headwater_reports::Outcome;
use headwater_reports::outcome::VerdictStatus;
use headwater_scenarios::run::{Options, run};
use headwater_scenarios::scenario::Scenario;
use headwater_sim::disk::DiskSpec;
use headwater_sim::units::{Bytes, BytesPerSecond};

/// A scenario on `nvme-10gbe` whose servers have this disk for their first.
fn ran(text: &str, change: impl Fn(&mut DiskSpec)) -> Outcome {
    let text = format!("title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n{text}");
    let read = Scenario::parse(&text, "t.toml", None, &[]);
    let mut scenario = read.unwrap_or_else(|problems| panic!("{problems}"));
    change(&mut scenario.profile.server.disks[0]);
    run(&scenario, &Options::default()).outcome
}

fn warning(outcome: &Outcome) -> Option<&str> {
    let warned = |of: &&headwater_reports::outcome::Verdict| {
        of.name == "disks_keep_up" && of.status == VerdictStatus::Warn
    };
    outcome.verdicts.iter().find(warned).map(|of| of.measured.as_str())
}

/// The benchmark of openmessaging as fast as it goes, a tenth of it: three brokers, each of which
/// writes 102.4 MB/s to a disk of 65.5 MB/s, with so much page cache for what is dirty.
fn outrun(dirty_max: Bytes) -> Outcome {
    let text = "[system]\nkind = \"kafka\"\nbrokers = 3\npartitions = 12\n\
                replication.factor = 3\nproducers = 2\nkeyed = false\n\
                topic.\"min.insync.replicas\" = 2\n\
                producer.\"linger.ms\" = 10\nproducer.\"batch.size\" = 1048576\n\
                producer.\"enable.idempotence\" = false\n\
                [traffic]\nrate = \"100000/s\"\nduration = \"8s\"\narrivals = \"constant\"\n\
                key = \"none\"\nsize.model = \"fixed\"\nsize.mean = \"1024B\"\n\
                [measure]\nwarm_up = \"4s\"\ndrain = \"1s\"\n";
    ran(text, |disk| {
        disk.write = BytesPerSecond(65_500_000);
        disk.dirty_max = dirty_max;
    })
}

#[test]
fn brokers_whose_page_cache_is_full_go_at_the_speed_of_their_disks() {
    let outcome = outrun(Bytes(50_000_000));
    let acked = outcome.rates.acked.events_per_second;
    assert!((43_000.0..=64_000.0).contains(&acked), "{acked}/s");
    let binding = outcome.resources.binding().expect("resources are measured");
    assert!(binding.name.ends_with("/disk0") && binding.binds, "{binding}");
    assert!(binding.utilisation_mean >= 0.95, "{binding}");
    let most = outcome.resources.iter().map(|of| of.utilisation_max).fold(0.0, f64::max);
    assert!(most <= 1.0 + 1e-9, "{most}");
}

#[test]
fn a_page_cache_that_hides_a_slow_disk_for_as_long_as_the_run_is_warned_of() {
    let outcome = outrun(Bytes(1_200_000_000));
    let acked = outcome.rates.acked.events_per_second;
    assert!(acked > 95_000.0, "{acked}/s");
    let warned = warning(&outcome).expect("a warning");
    assert!(warned.contains("broker-1/disk0 writes 66 MB/s and was given 10"), "{warned}");
}

/// apache/kafka#9401 on an m5a.xlarge, a tenth of it: one broker, one Java producer, acks=1, 256 B,
/// gp2 of 250 MB/s in its steady state. Published: 811,000 to 833,000/s, bound by the disk.
#[test]
fn one_broker_on_a_gp2_volume_keeps_its_disk_busy() {
    let text = "[system]\nkind = \"kafka\"\nbrokers = 1\npartitions = 10\nproducers = 1\n\
                keyed = false\nproducer.acks = 1\nproducer.\"enable.idempotence\" = false\n\
                [traffic]\nrate = \"200000/s\"\nduration = \"4s\"\narrivals = \"constant\"\n\
                key = \"none\"\nsize.model = \"fixed\"\nsize.mean = \"256B\"\n\
                [measure]\nwarm_up = \"2s\"\ndrain = \"1s\"\n";
    let outcome = ran(text, |disk| {
        disk.write = BytesPerSecond(25_000_000);
        disk.dirty_max = Bytes(30_000_000);
    });
    let acked = outcome.rates.acked.events_per_second;
    assert!((80_000.0..=98_000.0).contains(&acked), "{acked}/s");
    let binding = outcome.resources.binding().expect("resources are measured");
    let disk = outcome.resources.iter().find(|of| of.name == "broker-1/disk0").expect("a disk");
    assert!(disk.utilisation_mean >= 0.9, "{} beside {binding}", disk.utilisation_mean);
    assert_eq!(warning(&outcome), None);
}

/// mosip/mosip-infra#1940: the storage hangs, the broker lives on, its clients hang.
#[test]
fn a_disk_that_hangs_stops_the_clients_within_seconds() {
    for brokers in [1, 3] {
        let text = format!(
            "[system]\nkind = \"kafka\"\nbrokers = {brokers}\n\
             \"replication.factor\" = {brokers}\n\
             [traffic]\nrate = \"500/s\"\nduration = \"60s\"\n\
             [[fault]]\nkind = \"stall-disk\"\ntarget = \"leader\"\nat = \"20s\"\nfor = \"20s\"\n\
             [measure]\nwarm_up = \"1s\"\ndrain = \"60s\"\n"
        );
        let outcome = ran(&text, |_| {});
        let gap = outcome.series.longest_ack_gap_ns() as f64 / 1e9;
        assert!((14.0..=21.0).contains(&gap), "{brokers} brokers: {gap} s without an ack");
        assert_eq!((outcome.counts.lost, outcome.counts.failed), (0, 0), "{brokers} brokers");
    }
}
