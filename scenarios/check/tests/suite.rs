//! Each checker passes a sound history and finds the fault that is planted in it.

use headwater_models::signal::Level;
use std::rc::Rc;

use headwater_check::{
    Audience, Events, History, Once, Positions, Promises, Replica, Suite, Verdict,
};
use headwater_models::batch::{Batch, Lane, Range, StreamId, StreamWriter};
use headwater_models::note::Note;
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

const HIGH_WATERMARK: Level = Level::new("high_watermark");
const LAST_ADD_CONFIRMED: Level = Level::learnt_late("last_add_confirmed");

const MS: u64 = 1_000_000;

fn events(first: u64, count: u64) -> Events {
    Events { stream: StreamId(0), writer: 0, lane: 0, first, count }
}

/// 100 events, acknowledged and then read by reader 0 in tens, and held by three disks.
fn sound() -> History {
    let mut history = History::new(StreamId(0), Positions::Events);
    for first in (0..100).step_by(10) {
        history.acked(Time(first * MS), events(first, 10));
        history.delivered(Time((first + 5) * MS), 0, events(first, 10), first, 0);
        history.watermark(Time(first * MS), NodeId(0), &HIGH_WATERMARK, 0, first + 10);
    }
    for disk in 0..3 {
        history.replica(disk_with(disk, 100));
    }
    history
}

fn disk_with(number: u32, count: u64) -> Replica {
    let mut replica = Replica { name: format!("broker-{number}"), copies: 1, ..Replica::default() };
    replica.stored.insert(events(0, count), Time::ZERO);
    replica
}

fn strict() -> Promises {
    Promises { once: Once::Delivered, copies: 3, intact: true, ..Promises::default() }
}

fn verdict(history: &History, promises: Promises, name: &str) -> Verdict {
    let verdicts = Suite::from(promises).run(history);
    verdicts.into_iter().find(|verdict| verdict.name == name).expect(name)
}

/// Asserts that `name`, and nothing in `others_pass`, fails with this many violations and says
/// `text`.
fn finds(history: &History, name: &str, violations: u64, text: &str) {
    let verdict = verdict(history, strict(), name);
    assert!(!verdict.passed, "{verdict}");
    assert_eq!(verdict.violations, violations, "{verdict}");
    assert!(verdict.to_string().contains(text), "{verdict}\nlacks {text:?}");
}

#[test]
fn a_sound_history_keeps_every_promise_under_a_stable_name() {
    let verdicts = Suite::from(strict()).run(&sound());
    let names: Vec<_> = verdicts.iter().map(|verdict| verdict.name).collect();
    let stable = [
        "no_acked_loss",
        "no_duplicates",
        "order_per_lane",
        "prefix_reads",
        "readers_agree",
        "watermarks_monotone",
        "durable_replicas",
        "payloads_intact",
    ];
    assert_eq!(names, stable);
    for verdict in verdicts {
        assert!(verdict.passed && verdict.findings.is_empty(), "{verdict}");
        assert!(verdict.checked >= 10, "{verdict}");
    }
}

#[test]
fn what_is_not_promised_is_not_judged() {
    assert_eq!(Suite::from(Promises::none()).run(&sound()), vec![]);
}

#[test]
fn an_acked_event_that_is_never_delivered_is_lost() {
    let mut history = sound();
    history.acked(Time(200 * MS), events(100, 5));
    history.acked(Time(215 * MS), events(105, 5));
    history.acked(Time(300 * MS), events(110, 5));
    history.delivered(Time(301 * MS), 0, events(110, 5), 100, 0);
    let text = "lost: lane 0 writer 0 #100..=109 from 0.200000s to 0.215000s";
    finds(&history, "no_acked_loss", 10, text);
}

#[test]
fn a_failed_event_may_be_there_or_not() {
    let mut history = sound();
    history.failed(Time(7), events(100, 5));
    history.failed(Time(7), events(105, 5));
    history.delivered(Time(9), 0, events(105, 5), 100, 0);
    assert!(verdict(&history, strict(), "no_acked_loss").passed);
}

#[test]
fn an_acked_event_behind_the_last_one_read_is_lost_only_once_readers_have_drained() {
    let mut history = sound();
    history.acked(Time(7), events(100, 5));
    finds(&history, "no_acked_loss", 5, "never read: lane 0 writer 0 #100..=104");
    let early = Promises { drained: false, ..strict() };
    let verdict = verdict(&history, early, "no_acked_loss");
    assert!(verdict.passed && verdict.summary.contains("5 not read"), "{verdict}");
}

#[test]
fn readers_that_each_read_everything_are_judged_each() {
    let mut history = sound();
    history.delivered(Time(200 * MS), 1, events(0, 90), 0, 0);
    assert!(verdict(&history, strict(), "no_acked_loss").passed);
    let each = Promises { audience: Audience::Each, ..strict() };
    let verdict = verdict(&history, each, "no_acked_loss");
    assert_eq!((verdict.violations, verdict.findings[0].reader), (10, Some(1)), "{verdict}");
}

#[test]
fn each_of_several_groups_is_owed_everything_by_its_members_together() {
    let mut history = sound();
    let groups = Promises { audience: Audience::Groups { count: 2, members: 2 }, ..strict() };
    // Readers 0 and 1 are one group, 2 and 3 the other, which has not been handed anything.
    let verdict = |history: &_| verdict(history, groups.clone(), "no_acked_loss").violations;
    assert_eq!(verdict(&history), 100);
    history.delivered(Time(200 * MS), 2, events(0, 60), 0, 0);
    history.delivered(Time(200 * MS), 3, events(60, 30), 60, 0);
    assert_eq!(verdict(&history), 10);
    history.delivered(Time(201 * MS), 3, events(90, 10), 90, 0);
    let broken: Vec<_> = Suite::from(groups.clone()).run(&history);
    assert!(broken.iter().all(|verdict| verdict.passed), "{broken:?}");
}

#[test]
fn an_event_at_two_positions_is_stored_twice() {
    let mut history = sound();
    history.delivered(Time(200 * MS), 0, events(95, 5), 100, 0);
    let text = "stored twice: lane 0 writer 0 reader 0 #95..=99 at 0.200000s (5 positions away)";
    finds(&history, "no_duplicates", 5, text);
    assert!(verdict(&history, strict(), "order_per_lane").passed, "a repeat is not out of order");
}

#[test]
fn an_event_read_again_breaks_exactly_once_delivery_but_not_exactly_once_storage() {
    let mut history = sound();
    history.delivered(Time(200 * MS), 0, events(90, 10), 90, 0);
    finds(&history, "no_duplicates", 10, "read again: lane 0 writer 0 reader 0 #90..=99");
    let stored = Promises { once: Once::Stored, ..strict() };
    let verdict = verdict(&history, stored, "no_duplicates");
    assert!(verdict.passed && verdict.summary.contains("10 read again"), "{verdict}");
}

#[test]
fn a_later_event_delivered_first_is_out_of_order() {
    let mut history = sound();
    history.delivered(Time(200 * MS), 0, events(110, 10), 100, 0);
    history.delivered(Time(201 * MS), 0, events(100, 10), 110, 0);
    let text = "out of order: lane 0 writer 0 reader 0 #100..=109 at 0.201000s (after #119";
    finds(&history, "order_per_lane", 10, text);
}

#[test]
fn a_reader_moved_past_positions_skips() {
    let mut history = sound();
    history.delivered(Time(200 * MS), 0, events(110, 10), 110, 0);
    let text = "skipped: lane 0 reader 0 #100..=109 at 0.200000s (positions passed over to #110";
    finds(&history, "prefix_reads", 10, text);
}

#[test]
fn a_group_member_that_takes_over_does_not_skip() {
    let mut history = sound();
    history.delivered(Time(200 * MS), 1, events(100, 10), 100, 0);
    assert!(verdict(&history, strict(), "prefix_reads").passed);
    let each = Promises { audience: Audience::Each, ..strict() };
    let verdict = verdict(&history, each, "prefix_reads");
    assert_eq!((verdict.violations, verdict.findings[0].reader), (100, Some(1)), "{verdict}");
}

#[test]
fn two_readings_of_a_position_that_differ_are_inconsistent() {
    let mut history = sound();
    let other = Events { stream: StreamId(0), writer: 1, lane: 0, first: 0, count: 3 };
    history.delivered(Time(200 * MS), 1, other, 40, 0);
    let text = "position 40: reader 0 got writer 0 #40, reader 1 writer 1 #0";
    finds(&history, "readers_agree", 3, text);
}

#[test]
fn a_level_that_falls_is_found() {
    let mut history = sound();
    history.watermark(Time(200 * MS), NodeId(0), &HIGH_WATERMARK, 0, 90);
    let text = "high_watermark of 0: 100 to 90";
    finds(&history, "watermarks_monotone", 1, text);
}

#[test]
fn what_a_former_owner_learns_late_is_no_fall_but_what_a_new_one_has_lost_is() {
    let name = &LAST_ADD_CONFIRMED;
    let level = |at: u64, node, value| (Time(at * MS), NodeId(node), name, 0, value);
    let falls = |levels: &[(Time, NodeId, &'static Level, u64, u64)]| {
        let mut history = sound();
        levels.iter().for_each(|(at, by, name, entity, value)| {
            history.watermark(*at, *by, name, *entity, *value);
        });
        history
    };
    let late = falls(&[level(1, 0, 8), level(5, 1, 10), level(9, 0, 9), level(9, 0, 10)]);
    assert!(verdict(&late, strict(), "watermarks_monotone").passed);
    let lost = falls(&[level(1, 0, 8), level(5, 1, 7)]);
    finds(&lost, "watermarks_monotone", 1, "last_add_confirmed of 0: 8 to 7");
    let back = falls(&[level(1, 0, 8), level(5, 1, 10), level(9, 0, 7)]);
    finds(&back, "watermarks_monotone", 1, "last_add_confirmed of 0: 8 to 7");
}

#[test]
fn an_acked_event_on_too_few_disks_is_found() {
    let mut history = sound();
    history.acked(Time(3), events(100, 10));
    history.delivered(Time(200 * MS), 0, events(100, 10), 100, 0);
    history.replica(disk_with(3, 104));
    let verdict = verdict(&history, strict(), "durable_replicas");
    assert_eq!(verdict.violations, 10, "{verdict}");
    let text = verdict.to_string();
    assert!(text.contains("#100..=103") && text.contains("(1 copy"), "{text}");
    assert!(text.contains("#104..=109") && text.contains("(0 copies"), "{text}");
}

#[test]
fn a_replica_may_stand_for_several_copies() {
    let mut history = sound();
    history.acked(Time(3), events(100, 10));
    history.replica(Replica { name: "tier".into(), copies: 3, ..disk_with(3, 110) });
    assert!(verdict(&history, strict(), "durable_replicas").passed);
}

#[test]
fn a_damaged_payload_is_found() {
    let mut history = sound();
    history.damaged(Time(5), 0, "checksum 1 in the payload, 2 over its bytes");
    finds(&history, "payloads_intact", 1, "checksum 1 in the payload");
}

fn batch(first: u64, count: u64, bytes: u64) -> Rc<Batch> {
    let intended = vec![Time::ZERO; count as usize];
    let started = intended.clone();
    Rc::new(Batch {
        bytes,
        intended,
        started,
        ..Batch::empty(StreamWriter::default(), Lane(0), first)
    })
}

#[test]
fn notes_of_a_model_whose_positions_count_bytes_make_the_same_history() {
    let mut history = History::new(StreamId(0), Positions::Bytes);
    for number in 0..10_u64 {
        let batch = batch(number * 10, 10, 1_000);
        history.note(Time(number), NodeId(0), &Note::Acked { batch: Rc::clone(&batch) });
        // Eight bytes of header before each batch: positions don't touch.
        let position = number * 1_008;
        history.note(Time(number), NodeId(0), &Note::Delivered { reader: 0, batch, position });
    }
    let promises = Promises { once: Once::Delivered, ..Promises::default() };
    for verdict in Suite::from(promises.clone()).run(&history) {
        assert!(verdict.passed, "{verdict}");
    }
    let repeat = Note::Delivered { reader: 0, batch: batch(20, 10, 1_000), position: 10_080 };
    let skip = Note::Delivered { reader: 0, batch: batch(110, 10, 1_000), position: 11_088 };
    let late = Note::Delivered { reader: 0, batch: batch(100, 10, 1_000), position: 12_096 };
    history.note(Time(20), NodeId(0), &Note::Acked { batch: batch(100, 20, 2_000) });
    for note in [repeat, skip, late] {
        history.note(Time(21), NodeId(0), &note);
    }
    let other = Batch { writer: 1, ..Batch::clone(&batch(0, 1, 10)) };
    let conflict = Note::Delivered { reader: 1, batch: Rc::new(other), position: 0 };
    history.note(Time(22), NodeId(0), &conflict);
    let expected = [
        ("no_acked_loss", 0),
        ("no_duplicates", 10),
        ("order_per_lane", 10),
        ("prefix_reads", 10),
        ("readers_agree", 1),
        ("watermarks_monotone", 0),
    ];
    let verdicts = Suite::from(promises).run(&history);
    let got: Vec<_> = verdicts.iter().map(|v| (v.name, v.violations)).collect();
    assert_eq!(got, expected, "{verdicts:#?}");
}

#[test]
fn only_the_earliest_findings_are_kept_and_all_are_counted() {
    let mut history = History::default();
    for first in (0..1_000).rev().step_by(2) {
        history.acked(Time(first), events(first, 1));
    }
    let verdict = verdict(&history, Promises::default(), "no_acked_loss");
    assert_eq!((verdict.violations, verdict.findings.len()), (500, 10));
    let times: Vec<_> = verdict.findings.iter().map(|finding| finding.from.0).collect();
    assert_eq!(times, (1..=19).step_by(2).collect::<Vec<_>>());
}

#[test]
fn verdicts_say_which_stream_they_are_of_and_levels_of_two_do_not_meet() {
    let history = |stream, level| {
        let mut history = History::new(StreamId(stream), Positions::Events);
        history.watermark(Time(1), NodeId(0), &HIGH_WATERMARK, 0, level);
        history.acked(Time(1), Events { stream: StreamId(stream), ..events(0, 10) });
        history
    };
    let histories = [history(0, 20), history(1, 10)];
    for (stream, history) in (0..).zip(&histories) {
        let verdicts = Suite::from(Promises::default()).run(history);
        assert!(verdicts.iter().all(|verdict| verdict.stream == StreamId(stream)));
        let named = |name| verdicts.iter().find(|verdict| verdict.name == name).expect(name);
        assert!(named("watermarks_monotone").passed && !named("no_acked_loss").passed);
    }
    let lost = verdict(&histories[1], Promises::default(), "no_acked_loss");
    assert!(lost.to_string().starts_with("no_acked_loss of stream 1: FAILED"), "{lost}");
}

/// 100 events of 10 bytes, acknowledged and read by reader 0 up to the tenth; then it goes on at
/// the fiftieth, at a time. Before 200 ms none was removed, from then on the first 50 are.
fn passed_over(at: u64) -> History {
    let mut history = History::new(StreamId(0), Positions::Bytes);
    for first in (0..100).step_by(10) {
        history.acked(Time(first * MS), events(first, 10));
    }
    history.delivered(Time(50 * MS), 0, events(0, 10), 0, 100);
    let (stream, writer, lane) = (StreamId(0), 0, Lane(0));
    let ranges = Rc::new([Range { stream, writer, lane, first: 0, count: 50 }]);
    let expired = Note::Expired { lane, position: 500, ranges };
    history.note(Time(200 * MS), NodeId(0), &expired);
    history.delivered(Time(at * MS), 0, events(50, 50), 500, 500);
    history
}

#[test]
fn what_was_removed_before_a_reader_came_to_it_is_neither_lost_nor_skipped() {
    let promises = Promises { copies: 0, ..strict() };
    for (at, missed) in [(199, 40), (201, 0)] {
        let history = passed_over(at);
        for name in ["no_acked_loss", "prefix_reads"] {
            let verdict = verdict(&history, promises.clone(), name);
            assert_eq!(verdict.violations, missed, "at {at} ms: {verdict}");
        }
        assert_eq!(history.expired_unread(Audience::Group), 40 - missed);
    }
}
