//! Pravega with every part a process of its own, and BookKeeper below it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::time::Duration;

use super::{all_acked, all_fired, all_kept, common, family, listeners, run_text, turn};

/// A bookie of four is killed and comes back, then the store that runs container 0 is, for good.
/// Sessions and the controller's wait are shorter than by default, so that another store has its
/// containers after some 8 s in place of 22 s.
const CRASHES: &str = "title = 'A bookie, then a store of a split cluster is killed'
hypothesis = 'What was acknowledged is on two bookies: nothing of it is lost.'
profile = 'small-vm'
[system]
kind = 'pravega'
mode = 'distributed'
client = 'headwater'
stores = 2
bookies = 4
containers = 4
segments = 4
segment_store.'pravegaservice.cache.size.max' = 536870912
segment_store.'pravegaservice.zk.connect.sessionTimeout.milliseconds' = 4000
controller.'controller.rebalance.interval.seconds.min' = 4
[system.tier]
kind = 'file_system'
[traffic]
rate = '200/s'
duration = '24s'
size.model = 'fixed'
size.mean = '1KB'
[measure]
warm_up = '1s'
drain = '150s'
[[fault]]
kind = 'crash'
target = 'bookie-2'
at = '5s'
for = '3s'
[[fault]]
kind = 'crash'
target = 'leader'
at = '10s'
";

/// Runs it, and sees who is there meanwhile and where they listen.
fn watched(mut command: std::process::Command) -> (Output, BTreeSet<u32>, BTreeSet<SocketAddr>) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
    let (mut all, mut listening) = (BTreeSet::new(), BTreeSet::new());
    while !waiting.is_finished() {
        let now = family(pid);
        listening.extend(now.iter().copied().flat_map(listeners));
        all.extend(now);
        std::thread::sleep(Duration::from_millis(500));
    }
    (waiting.join().unwrap(), all, listening)
}

/// Whether a process is there that is a JVM.
fn is_jvm(pid: &u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("java")
}

#[test]
fn a_bookie_and_a_store_that_are_killed_bite_and_lose_nothing_that_was_acknowledged() {
    let Some(_turn) = turn("a_bookie_and_a_store_that_are_killed") else { return };
    let (out, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::with_suffix(".toml"));
    let file = file.unwrap();
    std::fs::write(file.path(), CRASHES).unwrap();
    let mut command = common::loadgen("--warm-up 0s --scenario");
    command.arg(file.path()).arg("--out").arg(out.path());
    let (output, processes, listening) = watched(command);
    let text = common::errors(&output);
    assert_ne!(output.status.code(), Some(2), "{text}");
    let outcome = common::outcome(out.path());
    all_kept(&outcome);
    all_acked(&outcome);
    let names: Vec<&str> = outcome.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names, ["crash", "crash"], "{:?}", outcome.faults);
    assert!(outcome.faults[0].until_ns.is_some(), "the bookie came back");
    assert_eq!(common::differences(&outcome), ["profile"]);

    // Who ran container 0 was found, and another store took its containers over.
    let killed = &outcome.faults[1].target;
    let (killed, other) = match killed.split(' ').next() {
        Some("store-1") => ("store-1", "store-2"),
        Some("store-2") => ("store-2", "store-1"),
        _ => panic!("not a store: {killed}"),
    };
    let marks = |name: &'static str| outcome.marks.iter().filter(move |mark| mark.name == name);
    let held = format!("leader {killed}, controller controller-1");
    assert!(marks("before_fault").any(|mark| mark.detail == held), "{:?}", outcome.marks);
    let moved = format!("{other}, container 0");
    let moved = marks("container_recovered").find(|mark| mark.detail == moved);
    assert!(moved.is_some_and(|mark| mark.at_ns > 10_000_000_000), "{:?}", outcome.marks);
    // Meanwhile nothing of its segments can have been acknowledged.
    let longest = outcome.latency.response.max().unwrap_or(0);
    assert!(longest >= 3_000_000_000, "the longest response took {longest} ns");

    // ZooKeeper, four bookies, a controller, two stores and the bookie that was started again.
    let outside: Vec<_> = listening.iter().filter(|at| !at.ip().is_loopback()).collect();
    assert!(listening.len() >= 8 && outside.is_empty(), "{listening:?}");
    assert!(processes.len() >= 10, "{processes:?}");
    assert!(!processes.iter().any(is_jvm), "somebody is left: {text}");
}

/// Two streams of ledgers that are followed by others every 500 kB, five events an entry.
const LEDGERS: &str = "title = 'A bookie of four is killed under two writers of ledgers'
hypothesis = 'Ensembles change to the spare bookie: nothing that was acknowledged is lost.'
profile = 'small-vm'
[system]
kind = 'bookkeeper'
bookies = 4
writer.writers = 2
writer.'entry.events.max' = 5
writer.'linger.ms' = 5
writer.'ledger.bytes.max' = 500000
[traffic]
rate = '400/s'
duration = '10s'
size.model = 'fixed'
size.mean = '1KB'
[measure]
warm_up = '1s'
drain = '150s'
[[fault]]
kind = 'crash'
target = 'bookie-2'
at = '4s'
for = '3s'
";

#[test]
fn bookkeeper_alone_keeps_what_it_acknowledges_while_a_bookie_is_dead() {
    let Some(_turn) = turn("bookkeeper_alone_keeps_what_it_acknowledges") else { return };
    let outcome = run_text(LEDGERS);
    all_kept(&outcome);
    all_fired(&outcome, &["crash"]);
    all_acked(&outcome);
    assert_eq!(common::differences(&outcome), ["profile", "system.version"]);
    assert_eq!(outcome.environment.system, "bookkeeper");
}

#[test]
fn a_cluster_half_up_is_told_with_what_ended_and_nothing_of_it_is_left() {
    let Some(_turn) = turn("a_cluster_half_up_is_told") else { return };
    let arguments = "--target pravega --launch --duration 1s --set system.mode=distributed \
         --set system.stores=1 --set system.bookies=3 \
         --set system.bookie.journalAlignmentSize=513";
    let (output, processes, _) = watched(common::loadgen(arguments));
    let line = common::failure(&output);
    assert!(line.contains("was launched and ended") && line.contains("bookie-"), "{line}");
    assert!(line.contains("Exception"), "{line}");
    assert!(!processes.iter().any(is_jvm), "somebody is left: {line}");
}
