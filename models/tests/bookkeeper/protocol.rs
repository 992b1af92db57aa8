//! One bookie and the metadata service, asked directly.

use headwater_models::bookkeeper::config;
use headwater_models::bookkeeper::ids::EntryId;
use headwater_models::bookkeeper::message::{Message, Status};
use headwater_models::bookkeeper::metadata::message::{
    LEDGERS, MetadataError, MetadataMessage, MetadataResponse, Operation, Path, SessionId, Value,
    Version,
};
use headwater_sim::fault::Fault;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::cluster::{at, machine_of};
use crate::probe::{self, Answer, BOOKIE, METADATA, add, answer, read};

fn ask(request: u64, session: Option<SessionId>, operation: Operation) -> (NodeId, Message) {
    let message = MetadataMessage::Request { request, session, operation };
    (METADATA, Message::Metadata(Box::new(message)))
}

fn crash_and_restart(sim: &mut crate::cluster::Cluster, node: NodeId, when: Time) {
    sim.schedule(when, Fault::Crash { node });
    sim.schedule(when + Duration::from_millis(100), Fault::Restart { node });
}

#[test]
fn a_restarted_bookie_keeps_its_entries_and_its_fences() {
    for power_cut in [false, true] {
        let script = vec![
            (at(1_000), BOOKIE, add(1, 0, 100, false)),
            (at(1_100), BOOKIE, add(2, 1, 100, false)),
            (at(1_200), BOOKIE, read(3, 0, true)),
            (at(1_300), BOOKIE, add(4, 2, 100, false)),
            (at(1_400), BOOKIE, add(5, 2, 100, true)),
            (at(30_000), BOOKIE, read(6, 1, false)),
            (at(30_000), BOOKIE, add(7, 3, 100, false)),
            (at(30_000), BOOKIE, read(8, 2, false)),
            (at(30_000), BOOKIE, read(9, 7, false)),
        ];
        let (mut sim, answers) = probe::cluster(1, &config::Bookie::default(), script);
        if power_cut {
            let machine = machine_of(BOOKIE);
            sim.schedule(at(2_000), Fault::PowerCut { machine });
            sim.schedule(at(3_000), Fault::PowerOn { machine });
        } else {
            crash_and_restart(&mut sim, BOOKIE, at(2_000));
        }
        sim.run_until(at(31_000));
        for added in [1, 2, 5] {
            assert_eq!(answer(&answers, added), Answer::Added(Status::Ok));
        }
        assert_eq!(answer(&answers, 3), Answer::Read(Status::Ok, Some(EntryId(0))));
        assert_eq!(answer(&answers, 4), Answer::Added(Status::Fenced));
        assert_eq!(answer(&answers, 6), Answer::Read(Status::Ok, Some(EntryId(1))));
        assert_eq!(answer(&answers, 7), Answer::Added(Status::Fenced), "cut {power_cut}");
        assert_eq!(answer(&answers, 8), Answer::Read(Status::Ok, Some(EntryId(2))));
        assert_eq!(answer(&answers, 9), Answer::Read(Status::NoEntry, None));
    }
}

#[test]
fn a_wiped_bookie_does_not_come_up_unless_it_is_given_a_new_cookie() {
    for cookie_restamped in [false, true] {
        let script = vec![
            (at(1_000), BOOKIE, add(1, 0, 100, false)),
            (at(30_000), BOOKIE, read(2, 0, false)),
        ];
        let bookie = config::Bookie { cookie_restamped, ..config::Bookie::default() };
        let (mut sim, answers) = probe::cluster(1, &bookie, script);
        sim.schedule(at(2_000), Fault::Crash { node: BOOKIE });
        sim.schedule(at(2_050), Fault::WipeDisk { node: BOOKIE, disk: None });
        sim.schedule(at(2_100), Fault::Restart { node: BOOKIE });
        sim.run_until(at(31_000));
        assert_eq!(answer(&answers, 1), Answer::Added(Status::Ok));
        if cookie_restamped {
            assert_eq!(answer(&answers, 2), Answer::Read(Status::NoLedger, None));
        } else {
            assert!(answers.borrow().iter().all(|(request, ..)| *request != 2), "{answers:?}");
        }
        let refused = sim.observer().times("bookie_refused").len();
        assert_eq!(refused, usize::from(!cookie_restamped));
    }
}

/// A bookie with small memtables, logs, journals and short intervals: everything turns over.
fn restless() -> config::Bookie {
    config::Bookie {
        skip_list_size_limit: 20_000,
        flush_interval: 150,
        log_size_limit: 100_000,
        write_buffer_size_bytes: 4_000,
        journal_max_size_mb: 1,
        journal_max_backups: 0,
        ..config::Bookie::default()
    }
}

#[test]
fn entries_are_found_wherever_they_have_got_to() {
    for (seed, storage) in [
        (1, config::LedgerStorageClass::SortedLedgerStorage),
        (2, config::LedgerStorageClass::InterleavedLedgerStorage),
    ] {
        let mut script = Vec::new();
        for entry in 0..4_000 {
            script.push((at(1_000 + entry), BOOKIE, add(entry, entry as i64, 1_000, false)));
            let request = 10_000 + entry;
            script.push((at(30_000 + entry), BOOKIE, read(request, entry as i64, false)));
        }
        let bookie = config::Bookie { ledger_storage_class: storage, ..restless() };
        let (mut sim, answers) = probe::cluster(seed, &bookie, script);
        crash_and_restart(&mut sim, BOOKIE, at(5_500));
        sim.schedule(at(18_000), Fault::PowerCut { machine: machine_of(BOOKIE) });
        sim.schedule(at(18_500), Fault::PowerOn { machine: machine_of(BOOKIE) });
        sim.run_until(at(40_000));
        for entry in 0..4_000 {
            assert_eq!(answer(&answers, entry), Answer::Added(Status::Ok));
            let read = answer(&answers, 10_000 + entry);
            assert_eq!(read, Answer::Read(Status::Ok, Some(EntryId(entry as i64))), "{storage:?}");
        }
    }
}

#[test]
fn journal_files_go_once_a_checkpoint_has_passed_them() {
    let script =
        (0..3_000).map(|entry| (at(1_000 + entry), BOOKIE, add(entry, entry as i64, 1_000, false)));
    let (mut sim, _) = probe::cluster(1, &restless(), script.collect());
    sim.run_until(at(10_000));
    let mut files: Vec<_> = sim
        .disk_records(BOOKIE)
        .filter(|(_, file, ..)| file.0 >> 60 == 1)
        .map(|(_, file, ..)| file.0 & 0xff)
        .collect();
    files.dedup();
    assert!(files.len() <= 1 && files[0] >= 2, "journal files left: {files:?}");
}

#[test]
fn a_deleted_ledger_is_collected_and_its_entry_logs_go() {
    let bookie = config::Bookie { gc_wait_time: 2_000, ..restless() };
    let mut script: Vec<_> = (0..500)
        .map(|entry| (at(1_000 + entry), BOOKIE, add(entry, entry as i64, 1_000, false)))
        .collect();
    let path = Path::new(LEDGERS, 0);
    let value = Value::Words(vec![]);
    let create = ask(900, None, Operation::Create { path, value, ephemeral: false });
    let delete = ask(901, None, Operation::Delete { path, version: None });
    script.push((at(500), create.0, create.1));
    script.push((at(5_500), BOOKIE, read(902, 7, false)));
    script.push((at(6_000), delete.0, delete.1));
    script.push((at(9_000), BOOKIE, read(903, 7, false)));
    let (mut sim, answers) = probe::cluster(1, &bookie, script);
    let logs = |sim: &crate::cluster::Cluster| {
        sim.disk_records(BOOKIE).filter(|(_, file, ..)| file.0 >> 60 == 3).count()
    };
    sim.run_until(at(5_900));
    let before = logs(&sim);
    assert!(before > 100, "{before} records in entry logs");
    sim.run_until(at(12_000));
    let after = logs(&sim);
    assert!(after < before / 2, "{after} records are left of {before}");
    assert_eq!(answer(&answers, 902), Answer::Read(Status::Ok, Some(EntryId(7))));
    assert_eq!(answer(&answers, 903), Answer::Read(Status::NoLedger, None));
}

#[test]
fn a_full_disk_makes_a_bookie_read_only_until_there_is_space() {
    let script = vec![
        (at(1_000), BOOKIE, add(1, 0, 100, false)),
        (at(3_000), BOOKIE, add(2, 1, 100, false)),
        (at(4_000), BOOKIE, add(3, 1, 100, false)),
        (at(4_000), BOOKIE, read(4, 0, false)),
        (at(20_000), BOOKIE, add(5, 1, 100, false)),
    ];
    let (mut sim, answers) = probe::cluster(1, &config::Bookie::default(), script);
    let fill = |full| Fault::FillDisk { machine: machine_of(BOOKIE), disk: 0, full };
    sim.schedule(at(2_000), fill(true));
    sim.schedule(at(5_000), fill(false));
    sim.run_until(at(21_000));
    assert_eq!(answer(&answers, 2), Answer::Added(Status::Io));
    assert_eq!(answer(&answers, 3), Answer::Added(Status::ReadOnly));
    assert_eq!(answer(&answers, 4), Answer::Read(Status::Ok, Some(EntryId(0))));
    assert_eq!(answer(&answers, 5), Answer::Added(Status::Ok));
}

#[test]
fn a_fence_that_a_full_journal_refused_is_logged_when_it_is_asked_for_again() {
    let script = vec![
        (at(1_000), BOOKIE, add(1, 0, 100, false)),
        (at(3_000), BOOKIE, read(2, 0, true)),
        (at(4_000), BOOKIE, read(3, 0, true)),
        (at(6_000), BOOKIE, read(4, 0, true)),
    ];
    let (mut sim, answers) = probe::cluster(1, &config::Bookie::default(), script);
    let fill = |full| Fault::FillDisk { machine: machine_of(BOOKIE), disk: 0, full };
    sim.schedule(at(2_000), fill(true));
    sim.schedule(at(5_000), fill(false));
    sim.run_until(at(7_000));
    assert_eq!(answer(&answers, 2), Answer::Read(Status::Io, None));
    assert_eq!(answer(&answers, 3), Answer::Read(Status::Io, None));
    assert_eq!(answer(&answers, 4), Answer::Read(Status::Ok, Some(EntryId(0))));
}

#[test]
fn a_killed_bookies_session_ends_between_seven_and_twelve_seconds_later() {
    // 10 s after the last ping, which is up to a third of that old, rounded up to the next tick of
    // 2 s.
    for seed in 0..8 {
        let (mut sim, _) = probe::cluster(seed, &config::Bookie::default(), vec![]);
        let killed = at(20_000 + 430 * seed);
        sim.schedule(killed, Fault::Crash { node: BOOKIE });
        sim.run_until(at(40_000));
        let ended = sim.observer().times("session_expired");
        let after = ended.first().expect("its session ends").since(killed);
        let (least, most) = (Duration::from_millis(6_660), Duration::from_millis(12_000));
        assert!(after >= least && after <= most, "{after}");
    }
}

#[test]
fn a_paused_bookie_finds_its_session_gone_and_registers_again() {
    let (mut sim, _) = probe::cluster(1, &config::Bookie::default(), vec![]);
    sim.schedule(at(5_000), Fault::Pause { node: BOOKIE });
    sim.schedule(at(25_000), Fault::Resume { node: BOOKIE });
    sim.run_until(at(40_000));
    assert_eq!(sim.observer().times("bookie_session_expired").len(), 1);
    assert_eq!(sim.observer().times("bookie_registered").len(), 2);
}

#[test]
fn compare_and_set_lets_one_of_two_writers_through_and_a_watch_tells() {
    let path = Path::new("test", 3);
    let words = |words: &[u64]| Value::Words(words.to_vec());
    let create = Operation::Create { path, value: words(&[1]), ephemeral: false };
    let set = |word| Operation::Set { path, value: words(&[word]), version: Some(Version(0)) };
    let get = |watch| Operation::Get { path, watch };
    let steps = [
        (1, create.clone()),
        (2, create),
        (3, get(true)),
        (4, set(2)),
        (5, set(3)),
        (6, get(false)),
        (7, Operation::Next { counter: "test" }),
        (8, Operation::Next { counter: "test" }),
        (9, Operation::List { directory: "test", watch: false }),
        (10, Operation::Delete { path, version: Some(Version(0)) }),
    ];
    let script = steps.into_iter().map(|(request, operation)| {
        let (to, message) = ask(request, None, operation);
        (at(1_000), to, message)
    });
    let mut script: Vec<_> = script.collect();
    let (to, message) = ask(11, None, get(false));
    script.push((at(10_000), to, message));
    let (mut sim, answers) = probe::cluster(1, &config::Bookie::default(), script);
    sim.schedule(at(5_000), Fault::PowerCut { machine: machine_of(METADATA) });
    sim.schedule(at(6_000), Fault::PowerOn { machine: machine_of(METADATA) });
    sim.run_until(at(15_000));
    let metadata = |request| match answer(&answers, request) {
        Answer::Metadata(result) => result,
        other => panic!("{other:?}"),
    };
    let record = |word, version| {
        Ok(MetadataResponse::Record { value: words(&[word]), version: Version(version) })
    };
    assert_eq!(metadata(1), Ok(MetadataResponse::Done(Version(0))));
    assert_eq!(metadata(2), Err(MetadataError::NodeExists));
    assert_eq!(metadata(4), Ok(MetadataResponse::Done(Version(1))));
    assert_eq!(metadata(5), Err(MetadataError::BadVersion));
    assert_eq!(metadata(6), record(2, 1));
    assert_eq!(
        (metadata(7), metadata(8)),
        (Ok(MetadataResponse::Number(0)), Ok(MetadataResponse::Number(1)))
    );
    assert_eq!(metadata(9), Ok(MetadataResponse::Directory(vec![(3, words(&[2]))])));
    assert_eq!(metadata(10), Err(MetadataError::BadVersion));
    assert_eq!(metadata(11), record(2, 1), "it survives a power cut");
    let watched: Vec<_> = answers
        .borrow()
        .iter()
        .filter(|(request, ..)| *request == 3)
        .map(|(.., what)| what.clone())
        .collect();
    assert_eq!(watched, [Answer::Metadata(record(1, 0)), Answer::Changed(3)]);
}
