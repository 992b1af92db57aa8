//! Against real clusters, launched from Maven artifacts. Runs where `HEADWATER_LIVE=1` is set and
//! Java is there (continuous integration sets it); else each test says that it was skipped. What is
//! asserted is what was kept, never how fast.

#[path = "../common/mod.rs"]
mod common;
mod pipeline;
mod pravega_client;
mod split;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use common::turn;
use headwater_reports::Outcome;
use headwater_reports::outcome::VerdictStatus;

/// Runs it with results in a directory.
fn run(arguments: &str) -> (Outcome, String) {
    let out = tempfile::tempdir().unwrap();
    let mut command = common::loadgen(arguments);
    if !arguments.contains("--warm-up") {
        command.args(["--warm-up", "0s"]);
    }
    command.arg("--out").arg(out.path());
    let output = common::run(command);
    let text = common::errors(&output);
    assert_ne!(output.status.code(), Some(2), "{text}");
    (common::outcome(out.path()), text)
}

/// Everything that was scheduled is acknowledged and was read back as it was written.
fn all_kept(outcome: &Outcome) {
    let failed: Vec<_> =
        outcome.verdicts.iter().filter(|verdict| verdict.status == VerdictStatus::Fail).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let counts = outcome.counts;
    assert!(counts.scheduled > 0, "{counts:?}");
    assert_eq!(counts.acked + counts.failed, counts.scheduled, "{counts:?}");
    assert_eq!((counts.lost, counts.reordered), (0, 0), "{counts:?}");
    assert!(counts.delivered >= counts.acked, "{counts:?}");
}

#[test]
fn kafka_keeps_what_it_acknowledges() {
    let Some(_turn) = turn("kafka_keeps_what_it_acknowledges") else { return };
    let (outcome, _) = run("--rate 1600 --target kafka --duration 5s --partitions 4 --launch");
    all_kept(&outcome);
    assert_eq!(outcome.counts.failed, 0, "{:?}", outcome.counts);
    assert_eq!(outcome.environment.system, "kafka");
}

#[test]
fn the_java_clients_keep_the_schedule_and_what_they_acknowledge() {
    let Some(_turn) = turn("the_java_clients_keep_the_schedule") else { return };
    let (outcome, _) = run("--rate 1600 --target kafka --duration 5s --partitions 4 --launch \
         --set system.client=java --set system.producers=2 --set system.consumers=2");
    all_kept(&outcome);
    assert_eq!(outcome.counts.failed, 0, "{:?}", outcome.counts);
    assert_eq!(outcome.counts.sent, outcome.counts.scheduled);
    assert_eq!(common::differences(&outcome), ["profile"]);
    assert!(outcome.configuration["live.java.linger.ms"] == "0", "{:?}", outcome.configuration);
    let groups = &outcome.threads.groups;
    let sends =
        |process: &str| groups.iter().any(|group| group.process == process && group.cpu_ns > 0);
    assert!(sends("producer-1") && sends("producer-2"), "{groups:?}");
    // Nothing is sent before its time, and nothing that was sent is late by more than a stall.
    let lag = outcome.latency.schedule_lag.quantile(0.5).unwrap_or(u64::MAX);
    assert!(lag < 500_000_000, "{lag} ns");
}

#[test]
fn kafka_has_the_scenarios_producers_consumers_and_features() {
    let Some(_turn) = turn("kafka_has_the_scenarios_producers_consumers_and_features") else {
        return;
    };
    let (outcome, _) = run("--rate 1600 --target kafka --kafka-version 4.x --duration 5s \
         --partitions 4 --set system.producers=3 --set system.consumers=2 \
         --set system.quorum.eligible.leader.replicas.version=0 --launch");
    all_kept(&outcome);
    assert_eq!(outcome.counts.failed, 0, "{:?}", outcome.counts);
    assert_eq!(common::differences(&outcome), ["profile"]);
}

#[test]
fn pravega_has_the_scenarios_writers_and_tells_what_it_lacks() {
    let Some(_turn) = turn("pravega_has_the_scenarios_writers_and_tells_what_it_lacks") else {
        return;
    };
    let (outcome, _) = run("--rate 1600 --target pravega --duration 5s --segments 4 \
         --set system.writers=3 --set system.readers=2 --launch");
    all_kept(&outcome);
    assert_eq!(outcome.counts.failed, 0, "{:?}", outcome.counts);
    assert_eq!(common::differences(&outcome), ["profile", "system.readers"]);
}

#[test]
fn pravega_keeps_what_it_acknowledges() {
    let Some(_turn) = turn("pravega_keeps_what_it_acknowledges") else { return };
    let (outcome, _) = run("--rate 1600 --target pravega --duration 5s --segments 4 --launch");
    all_kept(&outcome);
    assert_eq!(outcome.counts.failed, 0, "{:?}", outcome.counts);
    assert_eq!(outcome.environment.system, "pravega");
}

#[test]
fn a_live_run_is_warmed_up_and_says_who_ran_where() {
    let Some(_turn) = turn("a_live_run_is_warmed_up_and_says_who_ran_where") else { return };
    let (outcome, text) =
        run("--rate 1600 --target kafka --duration 5s --launch --warm-up 3s --cores shared");
    all_kept(&outcome);
    assert!(text.contains("warming up for 3.0 s") && text.contains("warmed up for "), "{text}");
    let warm_up = outcome.environment.warm_up.as_ref().expect("it was warmed up");
    assert!(warm_up.duration_ns >= 3_000_000_000, "{warm_up:?}");
    // What warmed it up is in no figure.
    assert!((7_000..9_000).contains(&outcome.counts.scheduled), "{:?}", outcome.counts);
    let placement = outcome.environment.placement.as_ref().expect("it is told");
    assert!(!placement.own_cores && placement.generator == placement.cluster, "{placement:?}");
    let groups = &outcome.threads.groups;
    let named = |process: &str, name: &str| {
        groups.iter().find(|group| group.process == process && group.name.contains(name))
    };
    for (process, name) in [
        ("broker-1", "kafka-request-handler"),
        ("broker-1", "kafka-network-thread"),
        ("generator", "pacer"),
        ("generator", "collector"),
    ] {
        let group = named(process, name).unwrap_or_else(|| panic!("{process} {name}: {groups:?}"));
        assert!(group.cpu_ns > 0 && group.dispatches > 0, "{group:?}");
    }
    let pauses = outcome.verdicts.iter().find(|verdict| verdict.name == "pauses_recorded").unwrap();
    assert_eq!(pauses.status, VerdictStatus::Info, "{pauses:?}");
}

#[test]
fn a_run_is_forecast_before_it_is_launched_and_scored_after_it() {
    let Some(_turn) = turn("a_run_is_forecast_before_it_is_launched") else { return };
    let out = tempfile::tempdir().unwrap();
    let mut command = common::loadgen(
        "--rate 300 --target kafka --duration 5s --launch --warm-up 0s --forecast --seeds 3 --out",
    );
    command.arg(out.path());
    let output = common::run(command);
    let text = common::errors(&output);
    assert_ne!(output.status.code(), Some(2), "{text}");
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no `{what}`: {text}"));
    assert!(at("forecast sha256 ") < at("launching kafka"), "{text}");
    let file = |name: &str| std::fs::read_to_string(out.path().join(name)).expect(name);
    let score: serde_json::Value = serde_json::from_str(&file("score.json")).unwrap();
    let hash = score["forecast"].as_str().unwrap();
    assert!(hash.len() == 64 && text.contains(hash), "{hash}: {text}");
    let median = &score["rows"][0];
    assert_eq!(median["name"], "response p50");
    for side in [&median["measured"], &median["forecast"]["median"]] {
        assert!(side.as_f64().is_some_and(|ns| ns > 0.0), "{median}");
    }
    let (live, simulated) = (common::outcome(out.path()), file("simulated.json"));
    let simulated = Outcome::parse(simulated.as_bytes(), Path::new("simulated.json")).unwrap();
    assert_eq!(live.traffic, simulated.traffic, "the same schedule");
    // Not warmed up: neither is what is simulated.
    assert_eq!(simulated.configuration["jvm.warm"], "false");
    let report = file("report.html");
    assert!(report.contains("measured (live)") && report.contains("simulated, median"), "overlaid");
    assert!(out.path().join("live.html").exists());
}

/// Idempotent, as all that are under faults here: librdkafka's defaults let a retry overtake.
const CRASH: &str = "title = 'A broker is killed and comes back'
hypothesis = 'What it acknowledged is in its page cache, which a SIGKILL does not take.'
profile = 'small-vm'
[system]
kind = 'kafka'
client = 'librdkafka'
producer.enable.idempotence = true
producer.max.in.flight.requests.per.connection = 5
[traffic]
rate = '400/s'
duration = '8s'
[measure]
warm_up = '1s'
drain = '150s'
[[fault]]
kind = 'crash'
target = 'broker-1'
at = '3s'
for = '1s'
[[fault]]
kind = 'pause'
target = 'broker-1'
at = '7s'
for = '500ms'
";

#[test]
fn a_killed_broker_bites_and_loses_nothing_that_it_acknowledged() {
    let Some(_turn) = turn("a_killed_broker_bites_and_loses_nothing") else { return };
    let outcome = run_text(CRASH);
    all_kept(&outcome);
    all_fired(&outcome, &["crash", "pause"]);
    let marked = |name: &str| outcome.marks.iter().any(|mark| mark.name == name);
    // The only voter elects itself when it is back.
    assert!(marked("before_fault") && marked("controller_elected"), "{:?}", outcome.marks);
    // While it was dead nothing can have been acknowledged: the longest wait spans the fault.
    let longest = outcome.latency.response.max().unwrap_or(0);
    assert!(longest >= 900_000_000, "the longest response took {longest} ns");
}

/// Runs a scenario given as text.
fn run_text(text: &str) -> Outcome {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(file.path(), text).unwrap();
    run(&format!("--scenario {}", file.path().display())).0
}

/// Each fault happened, as the scenario says.
fn all_fired(outcome: &Outcome, names: &[&str]) {
    let fired: Vec<&str> = outcome.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(fired, names);
    assert!(outcome.faults.iter().all(|fault| fault.until_ns.is_some()), "{:?}", outcome.faults);
    let amiss = outcome.verdicts.iter().find(|verdict| verdict.name == "faults_fired");
    assert_eq!(amiss, None);
}

/// Everything that was scheduled was acknowledged. On a busy machine a broker takes half a minute
/// to come back, and the first request that it is sent then may wait for its timeout of 30 s:
/// scenarios that ask for this drain for longer.
fn all_acked(outcome: &Outcome) {
    let (counts, marks) = (outcome.counts, &outcome.marks);
    assert_eq!((counts.failed, counts.acked), (0, counts.scheduled), "{counts:?} {marks:?}");
}

/// Events acknowledged from one second of the run to another.
fn acked_between(outcome: &Outcome, from: u64, until: u64) -> u64 {
    let index = |second: u64| (second * 1_000_000_000 / outcome.series.interval_ns) as usize;
    outcome.series.acked[index(from)..index(until)].iter().sum()
}

const NETWORK: &str = "title = 'Clients and brokers are cut off from each other'
hypothesis = 'What is held comes later, and what was acknowledged is there.'
profile = 'small-vm'
[system]
kind = 'kafka'
client = 'librdkafka'
producer.enable.idempotence = true
producer.max.in.flight.requests.per.connection = 5
brokers = 3
'replication.factor' = 3
partitions = 3
[traffic]
rate = '400/s'
duration = '14s'
[measure]
warm_up = '1s'
drain = '150s'
[[fault]]
kind = 'slow-link'
target = 'brokers'
peers = ['producers', 'consumers']
extra = '20ms'
at = '1s'
for = '1s'
[[fault]]
kind = 'partition'
target = 'brokers'
peers = ['producers', 'consumers']
at = '4s'
for = '4s'
[[fault]]
kind = 'half-open'
target = 'leader'
peers = ['producers', 'consumers']
at = '10s'
for = '1s'
[[fault]]
kind = 'pause'
target = 'controller'
at = '12s'
for = '500ms'
";

#[test]
fn a_cut_between_clients_and_brokers_bites_and_loses_nothing_that_was_acknowledged() {
    let Some(_turn) = turn("a_cut_between_clients_and_brokers_bites") else { return };
    let outcome = run_text(NETWORK);
    all_kept(&outcome);
    all_fired(&outcome, &["slow-link", "partition", "half-open", "pause"]);
    // The cut lasts from 4 s to 8 s; a second is left to it for beginning late.
    assert_eq!(acked_between(&outcome, 5, 8), 0, "{:?}", outcome.series.acked);
    assert!(acked_between(&outcome, 2, 4) > 0 && acked_between(&outcome, 8, 14) > 0);
    all_acked(&outcome);
    let roles = outcome.marks.iter().filter(|mark| mark.name == "before_fault");
    assert!(
        roles.clone().all(|mark| mark.detail.contains("leader broker-")),
        "{:?}",
        outcome.marks
    );
    assert_eq!(roles.count(), 4, "{:?}", outcome.marks);
    for fault in &outcome.faults[2..] {
        assert!(fault.target.starts_with("broker-"), "nobody told who it is: {}", fault.target);
    }
    assert_eq!(common::differences(&outcome), ["network", "profile"]);
}

const ROLES: &str = "title = 'Brokers stand still by their roles'
hypothesis = 'Who leads, and who controls, is who the scenario says, as in its simulation.'
profile = 'small-vm'
[system]
kind = 'kafka'
client = 'librdkafka'
producer.enable.idempotence = true
producer.max.in.flight.requests.per.connection = 5
brokers = 3
'replication.factor' = 3
[traffic]
rate = '400/s'
duration = '7s'
[measure]
warm_up = '1s'
drain = '150s'
";

/// What was held just before the last fault: the leader, and the controller.
fn held(outcome: &Outcome) -> [String; 2] {
    let mut marks = outcome.marks.iter().filter(|mark| mark.name == "before_fault");
    let last = &marks.next_back().expect("it is marked").detail;
    ["leader", "controller"].map(|office| {
        let of = |part: &str| part.strip_prefix(office).map(|who| who.trim().to_owned());
        last.split(", ").find_map(of).unwrap_or_else(|| panic!("{office}: {last}"))
    })
}

#[test]
fn faults_hit_who_has_the_role_that_the_scenario_asks_for() {
    let Some(_turn) = turn("faults_hit_who_has_the_role") else { return };
    let hit = |targets: [&str; 2]| {
        let mut text = ROLES.to_owned();
        for (target, at) in targets.iter().zip([2, 5]) {
            text += &format!(
                "[[fault]]\nkind = 'pause'\ntarget = '{target}'\nat = '{at}s'\nfor = '300ms'\n"
            );
        }
        let outcome = run_text(&text);
        all_kept(&outcome);
        all_fired(&outcome, &["pause", "pause"]);
        let who = outcome.faults.iter().map(|fault| fault.target.split(' ').next().unwrap().into());
        (who.collect::<Vec<String>>(), held(&outcome))
    };
    let (hit_apart, [leader, controller]) =
        hit(["leader that is not controller", "follower that is not controller"]);
    assert_ne!(leader, controller);
    assert_eq!(hit_apart[0], leader);
    assert!(
        ![&leader, &controller].contains(&&hit_apart[1]),
        "{hit_apart:?} {leader} {controller}"
    );
    let (hit_together, [leader, controller]) =
        hit(["leader that is controller", "follower that is not controller"]);
    assert_eq!((&leader, &hit_together[0]), (&controller, &leader));
    assert_ne!(hit_together[1], leader);
}

const SHUTDOWN: &str = "title = 'A broker is asked to stop and comes back'
hypothesis = 'It stops in order, and what it acknowledged is there.'
profile = 'small-vm'
[system]
kind = 'kafka'
client = 'librdkafka'
producer.enable.idempotence = true
producer.max.in.flight.requests.per.connection = 5
[traffic]
rate = '400/s'
duration = '10s'
[measure]
warm_up = '1s'
drain = '150s'
[[fault]]
kind = 'shutdown'
target = 'controller'
grace = '4s'
at = '2s'
for = '5s'
";

#[test]
fn a_broker_that_is_asked_to_stop_bites_and_loses_nothing_that_it_acknowledged() {
    let Some(_turn) = turn("a_broker_that_is_asked_to_stop_bites") else { return };
    let outcome = run_text(SHUTDOWN);
    all_kept(&outcome);
    all_fired(&outcome, &["shutdown"]);
    // It may take its grace, and then its process is not there until 7 s.
    assert_eq!(acked_between(&outcome, 6, 7), 0, "{:?}", outcome.series.acked);
    assert!(acked_between(&outcome, 0, 2) > 0);
    all_acked(&outcome);
    assert_eq!(common::differences(&outcome), ["profile"], "no proxy stands where none is needed");
}

#[test]
fn a_cut_before_pravega_bites_and_loses_nothing_that_it_acknowledged() {
    let Some(_turn) = turn("a_cut_before_pravega_bites") else { return };
    let outcome = run_text(
        "title = 'Clients and the emulator are cut off from each other, and it stands still'
hypothesis = 'What is held comes later, and what was acknowledged is there.'
profile = 'small-vm'
[system]
kind = 'pravega'
mode = 'standalone'
client = 'headwater'
segments = 2
[traffic]
rate = '400/s'
duration = '12s'
[measure]
warm_up = '1s'
drain = '150s'
[[fault]]
kind = 'partition'
target = 'store-1'
peers = ['producers', 'consumers']
at = '3s'
for = '3s'
[[fault]]
kind = 'pause'
target = 'store-1'
at = '8s'
for = '2s'
",
    );
    all_kept(&outcome);
    all_acked(&outcome);
    all_fired(&outcome, &["partition", "pause"]);
    assert_eq!(acked_between(&outcome, 4, 6), 0, "{:?}", outcome.series.acked);
    assert!(acked_between(&outcome, 1, 3) > 0 && acked_between(&outcome, 6, 12) > 0);
    assert_eq!(common::differences(&outcome), ["network", "profile", "network.controller"]);
    assert!(outcome.differences.iter().any(|one| one.option == "network"));
}

/// Processes whose command line has `needle`.
fn processes(needle: &str) -> Vec<u32> {
    let of = |process: std::fs::DirEntry| -> Option<u32> {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&line).contains(needle).then_some(pid)
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(of).collect()
}

/// The data directories below a cache.
fn data(cache: &Path) -> usize {
    std::fs::read_dir(cache.join("clusters")).map_or(0, Iterator::count)
}

#[test]
fn nothing_is_left_when_the_generator_is_killed() {
    let Some(_turn) = turn("nothing_is_left_when_the_generator_is_killed") else { return };
    // A cache of its own tells this cluster's processes from any others.
    let cache = tempfile::tempdir().unwrap();
    let mut child = common::loadgen("--rate 100 --target kafka --duration 600s --launch")
        .env("HEADWATER_CACHE", cache.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let needle = cache.path().join("clusters").display().to_string();
    let running = || processes(&needle).len();
    while data(cache.path()) == 0 || running() == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // No bound on the time here: whoever runs the tests has one.
    while running() > 0 || data(cache.path()) > 0 {
        std::thread::yield_now();
    }
}

/// The address in a line of `/proc/net/tcp` or `tcp6`, if it is one that a socket among `inodes`
/// listens on: words of 32 bits in hex, each in the machine's byte order; state 0A (proc(5)).
fn listening(line: &str, inodes: &[String]) -> Option<SocketAddr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    if *state != "0A" || !inodes.iter().any(|of| of == inode) {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(&address[at..at + 8], 16).map(u32::to_ne_bytes);
    let bytes: Vec<u8> = (0..address.len()).step_by(8).flat_map(word).flatten().collect();
    let address: IpAddr = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => four.into(),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(address, port))
}

/// Where a process listens.
fn listeners(pid: u32) -> Vec<SocketAddr> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let socket = |file: std::fs::DirEntry| {
        let link = std::fs::read_link(file.path()).ok()?;
        Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
    };
    let inodes: Vec<String> = files.filter_map(socket).collect();
    let tables = ["tcp", "tcp6"].map(|table| std::fs::read_to_string(format!("/proc/net/{table}")));
    let lines = tables.iter().flatten().flat_map(|table| table.lines().skip(1));
    lines.filter_map(|line| listening(line, &inodes)).collect()
}

/// A process and those that it has started, and they.
fn family(pid: u32) -> Vec<u32> {
    let parent = |process: std::fs::DirEntry| -> Option<(u32, u32)> {
        let pid = process.file_name().to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
        Some((pid, parent.parse().ok()?))
    };
    let all: Vec<(u32, u32)> =
        std::fs::read_dir("/proc").unwrap().flatten().filter_map(parent).collect();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(of) = family.get(next).copied() {
        family.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(child, _)| child));
        next += 1;
    }
    family
}

/// Everywhere that a run's processes listen, from its beginning to its end.
fn listened(arguments: &str) -> BTreeSet<SocketAddr> {
    let mut child =
        common::loadgen(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut all = BTreeSet::new();
    while child.try_wait().unwrap().is_none() {
        all.extend(family(child.id()).into_iter().flat_map(listeners));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    all
}

#[test]
fn a_launched_cluster_listens_on_the_loopback_address() {
    let Some(_turn) = turn("a_launched_cluster_listens_on_the_loopback_address") else { return };
    let of = |target| listened(&format!("--rate 100 --target {target} --duration 2s --launch"));
    let outside =
        |all: &BTreeSet<SocketAddr>| all.iter().filter(|at| !at.ip().is_loopback()).count();
    for target in ["log", "kafka", "pravega"] {
        let all = of(target);
        let least = if target == "pravega" { 3 } else { 1 };
        assert!(all.len() >= least && outside(&all) == 0, "{target}: {all:?}");
    }
}
