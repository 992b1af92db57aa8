//! Replay: what a closer look at a run shows, and that it changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use headwater_scenarios::replay;
use headwater_scenarios::run::Finished;
use headwater_scenarios::scenario::Scenario;
use headwater_scenarios::trace::log::{self, Filter};
use headwater_scenarios::trace::{Watch, What, messages, perfetto};
use headwater_scenarios::units::Time;
use serde_json::Value;

/// A scenario that loses events, and the time at which it does.
const NAME: &str = "planted/acks-1-leader-killed";

fn scenario() -> Scenario {
    Scenario::load(NAME, &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The run under a watch on what matters in it.
fn watched() -> (Finished, Finished) {
    let scenario = scenario();
    let first = replay::watch(&scenario, scenario.seed, Watch::Nothing);
    let stretches = replay::stretches(&replay::anchors(&first));
    let again = replay::watch(&scenario, scenario.seed, Watch::Times(stretches));
    (first, again)
}

#[test]
fn a_watch_changes_nothing_and_sees_every_event_and_fault() {
    let scenario = scenario();
    let plain = replay::watch(&scenario, scenario.seed, Watch::Nothing);
    let logged = replay::watch(&scenario, scenario.seed, Watch::everything());
    assert_eq!(plain.outcome.to_json(), logged.outcome.to_json());
    let numbers: BTreeSet<u64> =
        logged.trace.records().iter().map(|record| record.number).collect();
    let count = numbers.len() as u64;
    assert_eq!(numbers.last(), Some(&(count - 1)), "event numbers have gaps");
    let faults = logged.trace.records().iter().filter(|record| record.what == What::Fault);
    let faults: Vec<_> = faults.map(|fault| (fault.at.0, fault.text.clone())).collect();
    // The profile's own processor speed is set by a fault at the start, if at all.
    let injected: Vec<_> = faults.iter().filter(|(at, _)| *at > 0).collect();
    assert!(injected.iter().any(|(at, text)| *at == 7_000_000_000 && text.contains("Crash")));
    assert!(injected.iter().any(|(at, _)| *at == 6_000_000_000), "{injected:?}");
}

#[test]
fn messages_are_paired_and_only_those_that_never_arrive_are_lost() {
    let (_, again) = watched();
    let messages = messages(&again.trace);
    let crash = Time(7_000_000_000);
    let lost = messages.iter().filter(|message| message.received.is_none());
    for message in lost.clone() {
        let sent = message.sent_at(&again.trace).expect("what is not received was sent");
        // Slowed by 150 ms, what the leader was sent or had sent dies with it.
        assert!(sent.0 + 200_000_000 > crash.0, "lost before the crash: {sent}");
    }
    assert!(lost.count() > 0, "a crash loses messages");
    for message in &messages {
        let times = message.sent_at(&again.trace).zip(message.received_at(&again.trace));
        assert!(times.is_none_or(|(sent, received)| sent <= received), "{message:?}");
    }
}

#[test]
fn the_story_has_the_faults_the_election_and_the_loss_on_one_screen() {
    let (first, _) = watched();
    let story = replay::story(&first);
    let all = story.join("\n");
    assert!(story.len() <= 33, "{} lines", story.len());
    for want in ["slow-link broker-1", "crash broker-1", "leader_elected", "no_acked_loss: lost"] {
        assert!(all.contains(want), "{want} is not in:\n{all}");
    }
    let times: Vec<&str> =
        story.iter().map(|line| line.split_once("  ").expect("columns").0).collect();
    assert!(times.is_sorted_by_key(|time| time.trim().parse::<f64>().ok()), "{all}");
}

#[test]
fn the_diagram_shows_the_finding_the_faults_and_a_bounded_number_of_messages() {
    let (first, again) = watched();
    for arrows in [10, 60] {
        let diagram = replay::diagram(&first, &again.trace, arrows);
        assert!(diagram.arrows.len() <= arrows + 20, "{} for {arrows}", diagram.arrows.len());
        assert!(diagram.arrows.len() >= arrows / 2, "{} for {arrows}", diagram.arrows.len());
        let weight = headwater_reports::diagram::Weight::Finding;
        let found: Vec<_> =
            diagram.moments.iter().filter(|moment| moment.weight == weight).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].text.starts_with("no_acked_loss: lost"), "{}", found[0].text);
        assert_eq!(diagram.shades.len(), 2, "two faults");
        let lanes = diagram.lanes.len();
        assert!(diagram.arrows.iter().all(|arrow| arrow.from < lanes && arrow.to < lanes));
    }
}

#[test]
fn the_log_stands_in_columns_and_is_filtered_by_node_and_kind() {
    let (_, again) = watched();
    let trace = again.trace;
    let header = log::header();
    let column = |name| header.find(name).expect(name);
    let filter = Filter::default();
    for line in log::lines(&trace, &filter).take(2_000) {
        for name in ["node", "what", "peer", "kind", "detail"] {
            let (before, after) = line.split_at(column(name));
            assert!(before.ends_with(' ') && !after.starts_with(' '), "{name}: {line}");
        }
    }
    let (nodes, kinds) = (vec!["broker-2".to_owned()], vec!["fetch".to_owned()]);
    let filter = Filter { nodes, kinds };
    let shown: Vec<_> = filter.of(&trace).collect();
    assert!(!shown.is_empty());
    for record in shown {
        let ends = [Some(record.node), record.peer].into_iter().flatten();
        assert!(ends.map(|node| trace.name(node)).any(|name| name == "broker-2"), "{record:?}");
        assert_eq!(record.kind, "fetch");
    }
}

/// The document is what the trace event format asks for, and what Perfetto can show.
#[test]
fn the_trace_for_perfetto_is_well_formed() {
    let (first, again) = watched();
    let end = Time(first.outcome.duration_ns);
    let document = perfetto::document(&again.trace, &first.outcome.faults, end);
    let events = document["traceEvents"].as_array().expect("a list of events");
    let named = events.iter().filter(|event| event["name"] == "process_name");
    let named: BTreeMap<u64, &str> = named
        .map(|event| (event["pid"].as_u64().expect("a number"), event["args"]["name"].as_str()))
        .map(|(pid, name)| (pid, name.expect("a name")))
        .collect();
    assert_eq!(named[&0], "faults");
    assert!(named.values().any(|name| *name == "broker-1"), "{named:?}");
    let mut open: BTreeMap<u64, f64> = BTreeMap::new();
    let (mut phases, mut faults) = (BTreeMap::<&str, u64>::new(), Vec::new());
    for event in events {
        let phase = event["ph"].as_str().expect("a phase");
        *phases.entry(phase).or_default() += 1;
        assert!(named.contains_key(&event["pid"].as_u64().expect("a process")), "{event}");
        assert!(event["tid"].is_u64() && event["name"].is_string(), "{event}");
        let time = event["ts"].as_f64();
        assert!(phase == "M" || time.is_some_and(|time| time >= 0.0), "{event}");
        match phase {
            "X" if event["cat"] == "fault" => faults.push(event["name"].clone()),
            "s" => drop(open.insert(event["id"].as_u64().expect("an id"), time.expect("a time"))),
            "f" => {
                let sent = open.remove(&event["id"].as_u64().expect("an id"));
                assert!(sent.is_some_and(|sent| sent <= time.expect("a time")), "{event}");
                assert_eq!(event["bp"], "e", "the arrow ends in the slice that it points at");
            }
            "M" | "X" | "i" => {}
            other => panic!("phase {other} is not expected"),
        }
    }
    assert!(open.is_empty(), "arrows without an end: {open:?}");
    // A viewer's ruler counts from the first event.
    let first = events.iter().filter_map(|event| event["ts"].as_f64()).reduce(f64::min);
    assert_eq!(first, Some(0.0));
    for phase in ["M", "X", "i", "s", "f"] {
        assert!(phases.get(phase).is_some_and(|count| *count > 0), "no {phase} in {phases:?}");
    }
    assert_eq!(faults, ["slow-link broker-1", "crash broker-1"]);
    slices_do_not_cross(events);
}

/// Slices of one thread lie within each other or apart.
fn slices_do_not_cross(events: &[Value]) {
    let mut ends: BTreeMap<(u64, u64), f64> = BTreeMap::new();
    for event in events.iter().filter(|event| event["ph"] == "X" && event["cat"] != "fault") {
        let number = |name: &str| event[name].as_f64().expect(name);
        let thread = (event["pid"].as_u64().unwrap_or(0), event["tid"].as_u64().unwrap_or(0));
        let (from, length) = (number("ts"), number("dur"));
        assert!(length >= 0.0, "{event}");
        let before = ends.insert(thread, from + length).unwrap_or(0.0);
        assert!(from >= before - 1e-6, "a slice begins at {from} before {before}: {event}");
    }
}
