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

/// One producer that writes 30 MB/s to one broker with two drives of 20 MB/s each.
fn on_drives(partitions: u32, log_dirs: &str) -> Outcome {
    let text = format!(
        "[system]\nkind = \"kafka\"\npartitions = {partitions}\nkeyed = false\n\
         broker.\"log.dirs\" = {log_dirs}\nproducer.\"batch.size\" = 65536\n\
         [traffic]\nrate = \"30000/s\"\nduration = \"6s\"\narrivals = \"constant\"\n\
         key = \"none\"\nsize.model = \"fixed\"\nsize.mean = \"1000B\"\n\
         [measure]\nwarm_up = \"3s\"\ndrain = \"1s\"\n"
    );
    let text = format!("title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n{text}");
    let read = Scenario::parse(&text, "t.toml", None, &[]);
    let mut scenario = read.unwrap_or_else(|problems| panic!("{problems}"));
    for disk in &mut scenario.profile.server.disks {
        (disk.write, disk.dirty_max) = (BytesPerSecond(20_000_000), Bytes(10_000_000));
    }
    run(&scenario, &Options::default()).outcome
}

#[test]
fn partitions_are_spread_over_log_directories_and_each_has_one_drive() {
    let rate = |partitions, dirs| on_drives(partitions, dirs).rates.acked.bytes_per_second / 1e6;
    let one_drive = [rate(1, "[0]"), rate(6, "[0]"), rate(1, "[0, 1]")];
    assert!(one_drive.iter().all(|rate| (18.0..21.0).contains(rate)), "{one_drive:?} MB/s");
    let two_drives = rate(6, "[0, 1]");
    assert!(two_drives > 29.0, "{two_drives} MB/s");
}

#[test]
fn a_log_directory_on_a_disk_that_is_not_there_is_refused() {
    let refused = |dirs: &str| {
        let text = format!(
            "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n\
             [system]\nkind = \"kafka\"\nbroker.\"log.dirs\" = {dirs}\n"
        );
        let read = Scenario::parse(&text, "t.toml", None, &[]);
        read.map_or_else(|problems| problems.to_string(), |_| String::new())
    };
    assert_eq!(refused("[1, 0]"), "");
    let missing = refused("[0, 2]");
    assert!(missing.contains("uses disk 2") && missing.contains("have 2: 0 to 1"), "{missing}");
    let twice = refused("[0, 0]");
    assert!(twice.contains("broker.log.dirs is [0, 0]"), "{twice}");
}

/// A broker of 4 MB/s whose reader is away from 5 s to 15 s and then catches up, with a page cache
/// of two seconds or of everything.
fn caught_up(fault: &str, page_cache: Bytes) -> Outcome {
    let text = format!(
        "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n\
         [system]\nkind = \"kafka\"\ntopic.\"flush.messages\" = 1\n\
         producer.\"linger.ms\" = 5\n\
         [traffic]\nrate = \"4000/s\"\nduration = \"25s\"\nkey = \"none\"\n\
         size.model = \"fixed\"\nsize.mean = \"1000B\"\n\
         [[fault]]\nkind = \"pause\"\ntarget = \"consumer-1\"\nat = \"5s\"\nfor = \"10s\"\n{fault}\
         [measure]\nwarm_up = \"1s\"\ninterval = \"100ms\"\ndrain = \"20s\"\n"
    );
    let read = Scenario::parse(&text, "t.toml", None, &[]);
    let mut scenario = read.unwrap_or_else(|problems| panic!("{problems}"));
    scenario.profile.server.page_cache = page_cache;
    run(&scenario, &Options::default()).outcome
}

const SMALL: Bytes = Bytes(8_000_000);
const LARGE: Bytes = Bytes(8_000_000_000);

/// What the disk of the reads was asked for in the second after 15 s, share of it.
fn reads(outcome: &Outcome) -> f64 {
    let disk = outcome.resources.iter().find(|of| of.name == "broker-1/disk0").expect("a disk");
    let second = |from: usize| disk.series[from * 10..(from + 1) * 10].iter().sum::<f64>() / 10.0;
    second(15) - second(10)
}

/// KIP-501 begins with this: a reader of old data has it read from the disk.
#[test]
fn a_reader_that_catches_up_reads_from_the_disk_what_the_page_cache_has_no_more() {
    let [small, large] = [SMALL, LARGE].map(|cache| caught_up("", cache));
    for outcome in [&small, &large] {
        assert_eq!(outcome.counts.delivered, outcome.counts.acked);
        assert_eq!(outcome.counts.lost, 0);
    }
    // 40 MB at 1,690 MB/s, and nothing.
    let [cold, warm] = [&small, &large].map(reads);
    assert!((0.012..0.03).contains(&cold), "{cold} of a second");
    assert!(warm.abs() < 0.003, "{warm} of a second");
}

fn at_the_catch_up(kind: &str) -> String {
    format!(
        "[[fault]]\nkind = \"{kind}\"\ntarget = \"broker-1\"\nat = \"14s\"\nfor = \"4s\"\n\
         rate = 1\n"
    )
}

#[test]
fn faults_of_reads_bite_on_what_the_page_cache_has_no_more_and_on_nothing_else() {
    let halted = |outcome: &Outcome| outcome.marks.iter().any(|of| of.name == "log_dir_failed");
    let errors = at_the_catch_up("read-errors");
    let [small, large] = [SMALL, LARGE].map(|cache| caught_up(&errors, cache));
    assert!(halted(&small) && !halted(&large));
    // The receiver finds what is not what it should be, and asks again; it is right in the end.
    let misdirected = at_the_catch_up("misdirected-reads");
    let [small, large] = [SMALL, LARGE].map(|cache| caught_up(&misdirected, cache));
    let waited = |outcome: &Outcome| outcome.latency.end_to_end.max().unwrap_or(0) / 1_000_000;
    assert!(waited(&small) > 12_500 && waited(&large) < 11_000, "{} ms", waited(&small));
    for outcome in [small, large] {
        assert_eq!(outcome.counts.delivered, outcome.counts.acked);
    }
    // What is corrupt stays so: the reader comes no further.
    let corrupt = at_the_catch_up("corrupt");
    let [small, large] = [SMALL, LARGE].map(|cache| caught_up(&corrupt, cache));
    let read = |outcome: &Outcome| outcome.counts.delivered as f64 / outcome.counts.acked as f64;
    assert!(read(&small) < 0.25, "{}", read(&small));
    assert_eq!(read(&large), 1.0);
}
