//! A backup in a run: what its file has when processes die, disks are full and the power goes.

mod common;

use headwater_reports::Outcome;
use headwater_reports::outcome::VerdictStatus;

use common::{failed, ran, read};

/// A backup that takes the schedule, 200 events a second for 10 s.
fn alone(options: &str, faults: &str) -> String {
    format!(
        "[system]\nkind = \"backup\"\ncommit.interval = \"1s\"\nresume.interval = \"1s\"\n\
         {options}\n[traffic]\nrate = \"200/s\"\narrivals = \"constant\"\nduration = \"10s\"\n\
         {faults}"
    )
}

/// Kafka with a backup behind it.
fn chain(options: &str, faults: &str) -> String {
    format!(
        "[[system]]\nname = \"tweets\"\nkind = \"kafka\"\nbrokers = 1\npartitions = 4\n\
         replication.factor = 1\n[[system]]\nname = \"backup\"\nkind = \"backup\"\n\
         from = \"tweets\"\ncommit.interval = \"1s\"\nresume.interval = \"1s\"\n{options}\n\
         [traffic]\nrate = \"200/s\"\nduration = \"10s\"\n{faults}"
    )
}

fn fault(kind: &str, target: &str, at_ms: u32, lasts: &str) -> String {
    format!(
        "[[fault]]\nkind = \"{kind}\"\ntarget = \"{target}\"\nat = \"{at_ms}ms\"\n\
         for = \"{lasts}\"\n"
    )
}

/// What was found of the file.
fn archived(outcome: &Outcome) -> (VerdictStatus, &str) {
    let found = outcome.verdicts.iter().find(|of| of.name == "archived").expect("looked at");
    (found.status, &found.measured)
}

fn whole(outcome: &Outcome) -> String {
    let acked = outcome.counts.acked;
    let grouped = format!("{},{:03}", acked / 1_000, acked % 1_000);
    format!("0 of {grouped} acknowledged events are in no line, 0 are in several")
}

fn level(outcome: &Outcome, name: &str) -> f64 {
    let gauge = outcome.series.gauges.iter().find(|gauge| gauge.name.ends_with(name));
    let values = gauge.unwrap_or_else(|| panic!("no {name}")).values.iter().flatten();
    values.copied().fold(0.0, f64::max)
}

fn marks(outcome: &Outcome, name: &str) -> usize {
    outcome.marks.iter().filter(|mark| mark.name == name).count()
}

#[test]
fn a_tweet_waits_half_a_commit_interval_for_its_position() {
    for (interval, mean_ms) in [("1s", 500.0), ("500ms", 250.0)] {
        let outcome = ran(&alone(&format!("commit.interval = \"{interval}\""), "").replacen(
            "commit.interval = \"1s\"\n",
            "",
            1,
        ));
        assert_eq!(failed(&outcome), [] as [&str; 0]);
        assert_eq!(archived(&outcome).1, whole(&outcome));
        let mean = outcome.latency.response.histogram().mean() / 1e6;
        assert!((mean - mean_ms).abs() < 0.02 * mean_ms, "{interval}: {mean} ms");
    }
}

/// Killed here and there between one commit and the next, with lines behind the position or while
/// it is being written, the file has each line once: what is behind the position is cut off, and
/// written anew.
#[test]
fn whenever_its_process_is_killed_each_tweet_is_in_the_file_once() {
    let mut cut = 0.0;
    for at in [4_030, 4_450, 4_999, 5_000, 5_001, 5_140] {
        let outcome = ran(&chain("", &fault("crash", "backup.backup-1", at, "700ms")));
        assert_eq!((failed(&outcome), archived(&outcome).1), (vec![], &*whole(&outcome)), "{at}");
        cut += level(&outcome, "writes_cut");
    }
    assert!(cut > 40.0, "{cut}");
}

#[test]
fn without_the_cut_what_has_no_position_is_in_the_file_twice() {
    let crash = fault("crash", "backup.backup-1", 4_900, "700ms");
    let outcome = ran(&chain("once = false", &crash));
    let (status, measured) = archived(&outcome);
    assert_eq!((failed(&outcome), status), (vec![], VerdictStatus::Pass));
    let twice = measured.split(", ").last().and_then(|of| of.split(' ').next());
    let twice: u64 = twice.and_then(|of| of.parse().ok()).expect("a number");
    // What came since the commit before.
    assert!((40..260).contains(&twice), "{measured}");
}

#[test]
fn with_a_sync_nothing_is_lost_to_a_power_cut_and_without_one_the_file_is_short() {
    let cut = |options: &str, at| {
        ran(&chain(options, &fault("power-cut", "backup.backup-1", at, "700ms")))
    };
    for at in [4_500, 6_200, 7_000] {
        let outcome = cut("", at);
        assert_eq!((failed(&outcome), archived(&outcome).1), (vec![], &*whole(&outcome)), "{at}");
    }
    // Of positions that may be lost as well, one whose events the stream has let go is no help.
    let outcome = cut("sync = \"none\"", 6_200);
    assert_eq!(archived(&outcome).0, VerdictStatus::Fail, "{}", archived(&outcome).1);
    assert!(failed(&outcome).contains(&"properties_always"), "{:?}", failed(&outcome));
    // As long as the stream keeps what was not synced, it can.
    let outcome = cut("sync = \"none\"\npositions.num-retained = 100", 6_200);
    assert_eq!((failed(&outcome), archived(&outcome).1), (vec![], &*whole(&outcome)));
}

#[test]
fn a_full_disk_stops_it_and_with_room_again_it_catches_up() {
    let full = fault("fill-disk", "backup.backup-1", 3_500, "4s");
    for crash in ["", &fault("crash", "backup.backup-1", 5_000, "500ms")] {
        let outcome = ran(&chain("", &format!("{full}{crash}")));
        assert_eq!((failed(&outcome), archived(&outcome).1), (vec![], &*whole(&outcome)));
        assert!(marks(&outcome, "backup_stopped") > 0 && marks(&outcome, "backup_resumed") > 0);
        let behind = level(&outcome, "lines_behind");
        // A life that begins meanwhile cuts off what lies behind the position, and has its room.
        let least = if crash.is_empty() { 600.0 } else { 400.0 };
        assert!((least..1_100.0).contains(&behind), "{behind}");
    }
    let for_good = full.replace("for = \"4s\"\n", "");
    let outcome = ran(&chain("", &for_good));
    assert_eq!(archived(&outcome).0, VerdictStatus::Fail);
    assert!(failed(&outcome).contains(&"converges"), "{:?}", failed(&outcome));
}

/// After a sync that failed nobody knows what is on the disk: it returns to its position.
#[test]
fn after_a_sync_that_failed_it_writes_anew_what_follows_its_position() {
    let errors = fault("sync-errors", "backup.backup-1", 3_500, "2s") + "rate = 1\n";
    let outcome = ran(&chain("", &errors));
    assert_eq!((failed(&outcome), archived(&outcome).1), (vec![], &*whole(&outcome)));
    assert!(level(&outcome, "writes_cut") > 20.0, "{}", level(&outcome, "writes_cut"));
}

#[test]
fn one_that_is_asked_to_stop_commits_first() {
    let stop = fault("shutdown", "backup.backup-1", 4_900, "1s");
    let outcome = ran(&chain("", &stop));
    assert_eq!((failed(&outcome), archived(&outcome).1), (vec![], &*whole(&outcome)));
    assert_eq!(level(&outcome, "writes_cut"), 0.0);
}

#[test]
fn what_cannot_be_is_refused_at_its_place() {
    let refused = |options: &str| read(&alone(options, "")).expect_err(options);
    let none = refused("positions.num-retained = 0");
    assert!(none.contains("positions.num-retained is 0"), "{none}");
    let typo = refused("max.poll.record = 5");
    assert!(typo.contains("max.poll.records"), "{typo}");
    let sync = refused("sync = \"always\"");
    assert!(sync.contains("system.sync"), "{sync}");
}
