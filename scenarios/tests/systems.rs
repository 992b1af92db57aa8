//! Several systems in a run: `[[system]]`, side by side or handing on to one another.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use headwater_reports::Latency;
use headwater_reports::outcome::{Figures, VerdictStatus};
use headwater_scenarios::run::{Finished, Options, run};
use headwater_scenarios::scenario::{Scenario, Source};
use headwater_scenarios::swarm::{Shard, Swarm, SwarmRun, swarm};

const KAFKA: &str = "[[system]]\nname = \"tweets\"\nkind = \"kafka\"\nbrokers = 3\n\
                     partitions = 4\nreplication.factor = 3\nconsumers = 2\n";
const PRAVEGA: &str =
    "[[system]]\nname = \"archive\"\nkind = \"pravega\"\nfrom = \"tweets\"\nwriters = 2\n";

fn text(systems: &str, faults: &str) -> String {
    format!(
        "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n{systems}\n\
         [traffic]\nrate = \"400/s\"\nduration = \"12s\"\n{faults}\n\
         [measure]\nwarm_up = \"1s\"\n[promise]\nconverges = true\n"
    )
}

fn fault(kind: &str, target: &str, at: &str, lasts: &str) -> String {
    let end = if lasts.is_empty() { String::new() } else { format!("for = \"{lasts}\"\n") };
    format!("[[fault]]\nkind = \"{kind}\"\ntarget = \"{target}\"\nat = \"{at}\"\n{end}")
}

fn ran(systems: &str, faults: &str) -> Finished {
    let read = Scenario::parse(&text(systems, faults), "t.toml", None, &[]);
    let scenario = read.unwrap_or_else(|problems| panic!("{problems}"));
    run(&scenario, &Options::default())
}

fn refused(systems: &str, faults: &str) -> String {
    let read = Scenario::parse(&text(systems, faults), "t.toml", None, &[]);
    read.map_or_else(|problems| problems.to_string(), |_| String::new())
}

/// Names and streams of the verdicts that did not pass.
fn failed(finished: &Finished) -> Vec<(String, String)> {
    let failed = finished.outcome.verdicts.iter().filter(|of| of.status == VerdictStatus::Fail);
    failed.map(|of| (of.stream.clone().unwrap_or_default(), of.name.clone())).collect()
}

fn figures(finished: &Finished) -> BTreeMap<&str, &Figures> {
    let streams = finished.outcome.streams.iter();
    streams.map(|(name, of)| (name.as_str(), of.figures.as_ref().expect("of several"))).collect()
}

#[test]
fn what_one_system_hands_out_the_next_takes_in() {
    let finished = ran(&format!("{KAFKA}{PRAVEGA}"), "");
    let (outcome, streams) = (&finished.outcome, figures(&finished));
    assert_eq!(failed(&finished), []);
    let scheduled = outcome.counts.scheduled;
    assert!(scheduled > 4_000, "{scheduled}");
    for name in ["tweets", "archive"] {
        let counts = &streams[name].counts;
        let all = [counts.scheduled, counts.acked, counts.delivered];
        assert_eq!(all, [scheduled; 3], "{name}");
    }
    assert_eq!((outcome.counts.acked, outcome.counts.delivered), (scheduled, scheduled));
    assert_eq!(outcome.streams["archive"].from.as_deref(), Some("tweets"));
    assert_eq!(outcome.streams["archive"].system, "pravega");
    // Each stream's latency is its own; the whole takes longer than either.
    let mean = |latency: &Latency| latency.histogram().mean();
    let whole = mean(&outcome.latency.end_to_end);
    let parts = ["tweets", "archive"].map(|name| mean(&streams[name].latency.end_to_end));
    assert!((whole - parts[0] - parts[1]).abs() < 0.05 * whole, "{whole} of {parts:?}");
    assert!(outcome.configuration["archive.writers"] == "2", "{:?}", outcome.configuration);
    let again = ran(&format!("{KAFKA}{PRAVEGA}"), "");
    assert_eq!(again.outcome.fingerprint, outcome.fingerprint);
}

#[test]
fn a_reader_that_reads_again_hands_nothing_on_twice() {
    let finished =
        ran(&format!("{KAFKA}{PRAVEGA}"), &fault("crash", "tweets.consumer-1", "6s", "1s"));
    let streams = figures(&finished);
    assert_eq!(failed(&finished), []);
    let tweets = &streams["tweets"].counts;
    assert!(tweets.delivered > tweets.acked + 1_000, "{tweets:?}");
    let archive = &streams["archive"].counts;
    assert_eq!([archive.scheduled, archive.acked, archive.delivered], [tweets.acked; 3]);
}

#[test]
fn a_writer_that_dies_writes_again_what_it_had_taken() {
    for kind in ["pravega", "kafka"] {
        let second = match kind {
            "kafka" => {
                "[[system]]\nname = \"archive\"\nkind = \"kafka\"\nfrom = \"tweets\"\n\
                        producers = 2\nproducer.linger.ms = 300\n"
            }
            _ => PRAVEGA,
        };
        let crash = fault("crash", "archive.producer-2", "6s", "1s");
        let finished = ran(&format!("{KAFKA}{second}"), &crash);
        let streams = figures(&finished);
        let unread = ("archive".to_owned(), "converges".to_owned());
        let other: Vec<_> = failed(&finished).into_iter().filter(|of| *of != unread).collect();
        assert_eq!(other, [], "{kind}");
        let archive = &streams["archive"].counts;
        assert_eq!(archive.scheduled, streams["tweets"].counts.acked, "{kind}");
        assert_eq!((archive.acked, archive.failed), (archive.scheduled, 0), "{kind}");
        let whole = &finished.outcome.latency.end_to_end;
        assert!(whole.max().unwrap_or(0) > 900_000_000, "{kind}: {:?}", whole.max());
    }
}

#[test]
fn a_system_that_never_takes_what_it_is_handed_fails_alone() {
    let gone = fault("crash", "archive.servers", "6s", "");
    let finished = ran(&format!("{KAFKA}{PRAVEGA}"), &gone);
    let failed = failed(&finished);
    assert!(failed.contains(&("archive".into(), "converges".into())), "{failed:?}");
    assert!(failed.iter().all(|(stream, _)| stream == "archive"), "{failed:?}");
}

#[test]
fn targets_are_of_one_system_or_of_all() {
    let systems = format!("{KAFKA}{PRAVEGA}");
    let hit = |target: &str| {
        let finished = ran(&systems, &fault("pause", target, "3s", "1s"));
        finished.outcome.faults[0].target.clone()
    };
    assert_eq!(hit("tweets.leader"), "tweets.broker-1 (tweets.leader)");
    assert_eq!(hit("leader"), "tweets.broker-1, archive.store-1 (leader)");
    let bookies = "archive.bookie-1, archive.bookie-2, archive.bookie-3 (archive.bookies)";
    assert_eq!(hit("archive.bookies"), bookies);
    assert!(hit("tweets.zone-2").starts_with("tweets.broker-2"), "{}", hit("tweets.zone-2"));
    let unknown = refused(&systems, &fault("pause", "tweets.bookies", "3s", "1s"));
    assert!(unknown.contains("no node `tweets.bookies`"), "{unknown}");
}

#[test]
fn systems_side_by_side_take_the_whole_schedule_each() {
    let other = "[[system]]\nkind = \"bookkeeper\"\n";
    let finished = ran(&format!("{KAFKA}{other}"), "");
    let streams = figures(&finished);
    assert_eq!(failed(&finished), []);
    let each = ["tweets", "bookkeeper"].map(|name| streams[name].counts.acked);
    assert_eq!(each[0], each[1]);
    assert_eq!(finished.outcome.counts.acked, each[0] + each[1]);
}

#[test]
fn three_systems_in_a_row_and_two_that_take_from_one() {
    let copy = |name: &str, from: &str| {
        format!("[[system]]\nname = \"{name}\"\nkind = \"kafka\"\nfrom = \"{from}\"\n")
    };
    // In any order of the file.
    let row = copy("third", "second") + &copy("second", "tweets") + KAFKA;
    for systems in [row, KAFKA.to_owned() + &copy("one", "tweets") + &copy("other", "tweets")] {
        let finished = ran(&systems, "");
        assert_eq!(failed(&finished), []);
        let acked: Vec<u64> = figures(&finished).values().map(|of| of.counts.acked).collect();
        assert_eq!(acked, [finished.outcome.counts.acked; 3]);
    }
}

#[test]
fn what_cannot_hand_on_is_refused_at_its_place() {
    let pravega = |from: &str| PRAVEGA.replace("tweets", from);
    let unknown = refused(&(KAFKA.to_owned() + &pravega("tweet")), "");
    assert!(unknown.contains("no system `tweet` to take from"), "{unknown}");
    assert!(unknown.contains("tweets"), "it names the nearest: {unknown}");
    let itself = refused(&(KAFKA.to_owned() + &pravega("archive")), "");
    assert!(itself.contains("`archive` takes from itself"), "{itself}");
    let circle = KAFKA.replace("partitions", "from = \"archive\"\npartitions");
    let circle = refused(&(circle + PRAVEGA), "");
    assert!(circle.contains("`tweets` takes from itself"), "{circle}");
    let twice = refused(&(KAFKA.to_owned() + KAFKA), "");
    assert!(twice.contains("two systems are called `tweets`"), "{twice}");
    let dotted = refused(&KAFKA.replace("tweets", "a.b"), "");
    assert!(dotted.contains("`a.b` is no name of a system"), "{dotted}");
    let deaf = "[[system]]\nname = \"tweets\"\nkind = \"pravega\"\nreaders = 0\n";
    let deaf = refused(&(deaf.to_owned() + PRAVEGA), "");
    assert!(deaf.contains("no consumers that could hand anything on"), "{deaf}");
    let ledgers = "[[system]]\nkind = \"bookkeeper\"\nfrom = \"tweets\"\n";
    let ledgers = refused(&(KAFKA.to_owned() + ledgers), "");
    assert!(ledgers.contains("bookkeeper cannot take from another system"), "{ledgers}");
    let typo = refused(&(KAFKA.to_owned() + "[[system]]\nkind = \"pravga\"\n"), "");
    assert!(typo.contains("system.1.kind: no such value `pravga`"), "{typo}");
    let option = refused(&(KAFKA.to_owned() + PRAVEGA + "writter = 2\n"), "");
    assert!(option.contains("unknown key `writter` in system.1"), "{option}");
}

fn swarmed(seeds: u64) -> Swarm {
    let stop = AtomicBool::new(false);
    let systems = format!("{KAFKA}{PRAVEGA}");
    // As long as it takes a Pravega client to give up on who is gone without a word.
    let systems = systems + "writer.java.retry.attempts.max = 30\n";
    let text = text(&systems, "").replace("warm_up = \"1s\"", "drain = \"600s\"");
    let text = text.replace("400/s", "20/s").replace("12s", "40s");
    let text = text + "[swarm]\nfaults = 4\ncalm = \"15s\"\nclients = true\n";
    let spec = SwarmRun {
        source: Source::of("pipeline".into(), text),
        settings: Vec::new(),
        seeds: (1, seeds),
        shard: Shard::ALL,
        guided: false,
        until_failure: false,
        stop: &stop,
        progress: &|_| (),
    };
    swarm(&spec).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_swarm_hurts_each_system_within_what_that_claims() {
    let swarm = swarmed(20);
    assert_eq!((swarm.runs, swarm.failures.as_slice()), (20, &[][..]), "{}", swarm.text());
    assert_eq!(swarm.system, "kafka, pravega");
    assert!(swarm.faults.len() > 20, "{:?}", swarm.faults);
}
