//! What `headwater explain` says of runs of which it is known where their events wait.

use std::sync::atomic::AtomicBool;

use headwater_scenarios::explain::{ExplainSpec, Explained, Explanation, Kind, Mechanism, explain};
use headwater_scenarios::run::{self, Options};
use headwater_scenarios::scenario::Source;

const KAFKA: &str = r#"
title = "t"
hypothesis = "h"
seed = 3
profile = "nvme-10gbe"

[system]
kind = "kafka"
version = "3.9"
brokers = 3
partitions = 2
replication.factor = 3
topic.min.insync.replicas = 2

[traffic]
rate = "400/s"
duration = "4s"

[measure]
warm_up = "1s"
"#;

const PRAVEGA: &str = r#"
title = "t"
hypothesis = "h"
seed = 3
profile = "nvme-10gbe"

[system]
kind = "pravega"

[traffic]
rate = "400/s"
duration = "4s"

[measure]
warm_up = "1s"
"#;

fn ask(text: &str, settings: &[(&str, &str)], ablations: bool) -> Explanation {
    let source = Source::of("explained.toml".into(), text.into());
    let settings: Vec<(String, String)> =
        settings.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect();
    let scenario = source.read(&settings).expect("it is valid");
    let spec = ExplainSpec { source, settings, seed: None, ablations };
    let stop = AtomicBool::new(false);
    let answer = explain(&spec, &scenario, &stop, &|_, _, _| {}).expect("nobody stopped it");
    // A run that nobody follows is the same.
    let plain = run::run(&scenario, &Options::default()).outcome;
    assert_eq!(plain.fingerprint.as_deref(), Some(answer.fingerprint.as_str()));
    // A histogram keeps three digits.
    let longest = event(&answer, Kind::Response, "max").latency_ns;
    let kept = plain.latency.response.max().expect("events were acknowledged");
    assert!(kept >= longest && kept - longest <= longest / 1_000, "{kept} {longest}");
    for of in &answer.events {
        let steps: u64 = of.steps.iter().map(|step| step.took_ns).sum();
        let parts: u64 = of.parts.iter().map(|part| part.ns).sum();
        assert_eq!((steps, parts), (of.latency_ns, of.latency_ns), "{of:?}");
        assert_eq!(of.waited(Mechanism::Unknown), 0, "{of:?}");
        let mut at = 0;
        for step in &of.steps {
            assert_eq!(step.from_ns, at, "steps follow each other: {of:?}");
            at += step.took_ns;
        }
    }
    answer
}

fn event<'a>(answer: &'a Explanation, latency: Kind, at: &str) -> &'a Explained {
    let of = answer.events.iter().find(|of| of.latency == latency && of.at == at);
    of.unwrap_or_else(|| panic!("no {latency:?} at {at}: {:?}", answer.events))
}

/// The share of a latency that it waited for a mechanism.
fn share(of: &Explained, mechanism: Mechanism) -> f64 {
    of.waited(mechanism) as f64 / of.latency_ns as f64
}

#[test]
fn a_batch_that_lingers_is_said_to_and_the_setting_is_named() {
    let answer = ask(KAFKA, &[("system.producer.linger.ms", "40")], true);
    let longest = event(&answer, Kind::Response, "max");
    let lingered = longest.waited(Mechanism::Linger);
    assert!((30_000_000..=41_000_000).contains(&lingered), "{longest:?}");
    assert_eq!(answer.setting.as_deref(), Some("--set system.producer.linger.ms=0"));
    let best = &answer.without[0];
    assert_eq!(best.without, "linger");
    assert!(best.gain_ns > 30_000_000, "{best:?}");
    let text = answer.text();
    assert!(text.contains("the last setting that would have helped: --set"), "{text}");
}

#[test]
fn an_event_goes_through_replicas_and_to_its_reader() {
    let answer = ask(KAFKA, &[], false);
    let median = event(&answer, Kind::EndToEnd, "p50");
    for mechanism in [Mechanism::Network, Mechanism::Cpu, Mechanism::Replication] {
        assert!(median.waited(mechanism) > 0, "{}: {median:?}", mechanism.name());
    }
    let last = median.steps.last().expect("there are steps");
    assert!(last.place.contains("consumer-1"), "{last:?}");
    assert!(answer.without.is_empty() && answer.setting.is_none());
    let alone = [("system.replication.factor", "1"), ("system.topic.min.insync.replicas", "1")];
    let alone = ask(KAFKA, &alone, false);
    assert_eq!(event(&alone, Kind::Response, "p50").waited(Mechanism::Replication), 0);
}

#[test]
fn a_sync_before_each_acknowledgement_is_said_to_be_waited_for() {
    let settings = [("system.topic.flush.messages", "1"), ("profile", "laptop")];
    let answer = ask(KAFKA, &settings, false);
    let median = event(&answer, Kind::Response, "p50");
    assert!(share(median, Mechanism::Sync) > 0.4, "{median:?}");
    let none = ask(KAFKA, &[("profile", "laptop")], false);
    assert_eq!(event(&none, Kind::Response, "p50").waited(Mechanism::Sync), 0);
}

#[test]
fn what_waits_for_answers_at_the_producer_is_in_its_queue() {
    let settings = [
        ("system.producer.max.in.flight.requests.per.connection", "1"),
        ("traffic.rate", "4000/s"),
    ];
    let one = ask(KAFKA, &settings, false);
    let tail = event(&one, Kind::Response, "p99");
    assert!(share(tail, Mechanism::Queue) > 0.2, "{tail:?}");
}

#[test]
fn a_producer_over_its_quota_is_throttled_and_the_quota_is_named() {
    let quota = ("system.quota.producer_byte_rate", "100000");
    for client in ["java", "librdkafka"] {
        let answer = ask(KAFKA, &[quota, ("system.client", client)], client == "java");
        let longest = event(&answer, Kind::Response, "max");
        assert!(share(longest, Mechanism::Throttle) > 0.5, "{client}: {longest:?}");
        if client == "java" {
            assert_eq!(answer.without[0].without, "quotas");
        }
    }
}

#[test]
fn a_stopped_leader_a_cut_and_a_dead_leader_are_told_apart() {
    let faulty = |fault: &str, duration: &str| {
        let text = KAFKA.replace("duration = \"4s\"", &format!("duration = \"{duration}\""));
        format!("{text}\n[[fault]]\n{fault}\n")
    };
    let stopped = "kind = \"pause\"\ntarget = \"leader\"\nat = \"2s\"\nfor = \"500ms\"";
    let answer = ask(&faulty(stopped, "4s"), &[], true);
    let longest = event(&answer, Kind::Response, "max");
    assert!(share(longest, Mechanism::Stopped) > 0.9, "{longest:?}");
    let fault = answer.without.iter().find(|of| of.without.starts_with("fault 1: pause"));
    assert!(fault.is_some_and(|of| of.gain_ns > 0 || of.figures.is_some()), "{answer:?}");

    let cut = "kind = \"partition\"\ntarget = \"producer-1\"\nat = \"2s\"\nfor = \"500ms\"";
    let answer = ask(&faulty(cut, "4s"), &[], false);
    let longest = event(&answer, Kind::Response, "max");
    assert!(share(longest, Mechanism::Retry) > 0.9, "{longest:?}");

    let dead = "kind = \"crash\"\ntarget = \"leader\"\nat = \"2s\"\nfor = \"4s\"";
    let answer = ask(&faulty(dead, "8s"), &[], false);
    let longest = event(&answer, Kind::Response, "max");
    // Until there is another leader it is fail-over; from then on until its writer has noticed, a
    // retry.
    assert!(share(longest, Mechanism::Failover) > 0.5, "{longest:?}");
    let retried = longest.waited(Mechanism::Retry);
    assert!((1..2_000_000_000).contains(&retried), "{longest:?}");
    let parts = retried + longest.waited(Mechanism::Failover);
    assert!(parts as f64 > 0.9 * longest.latency_ns as f64, "{longest:?}");
}

#[test]
fn an_event_that_is_due_while_nobody_leads_waits_for_a_fail_over() {
    let fault = "kind = \"crash\"\ntarget = \"leader\"\nat = \"2s\"\nfor = \"6s\"";
    // What is due later than the crash is not sent before its producer knows of the new leader.
    let text = KAFKA.replace("warm_up = \"1s\"", "warm_up = \"2100ms\"");
    let text = text.replace("duration = \"4s\"", "duration = \"8s\"");
    let answer = ask(&format!("{text}\n[[fault]]\n{fault}\n"), &[], false);
    let longest = event(&answer, Kind::Response, "max");
    assert!(share(longest, Mechanism::Failover) > 0.5, "{longest:?}");
}

#[test]
fn an_append_waits_for_bookies_and_what_it_can_be_spared_is_listed() {
    let answer = ask(PRAVEGA, &[], true);
    let median = event(&answer, Kind::Response, "p50");
    for mechanism in [Mechanism::Sync, Mechanism::Network, Mechanism::Replication] {
        assert!(median.waited(mechanism) > 0, "{}: {median:?}", mechanism.name());
    }
    let without: Vec<&str> = answer.without.iter().map(|of| of.without.as_str()).collect();
    for mechanism in ["batching delay", "throttle", "journal sync", "replication"] {
        assert!(without.contains(&mechanism), "{without:?}");
    }
    assert!(answer.without.iter().all(|of| of.refused.is_none()), "{:?}", answer.without);
}

#[test]
fn what_a_container_gathers_lingers_and_is_not_throttled() {
    // A sync of a laptop's disk takes milliseconds, and so long an empty frame is waited with.
    let answer = ask(PRAVEGA, &[("profile", "laptop")], true);
    let tail = event(&answer, Kind::Response, "p99");
    assert!(share(tail, Mechanism::Linger) > 0.1, "{tail:?}");
    assert_eq!(tail.waited(Mechanism::Throttle), 0, "{tail:?}");
    let batching = answer.without.iter().find(|of| of.without == "batching delay");
    assert!(batching.is_some_and(|of| of.gain_ns > 0), "{:?}", answer.without);
}

#[test]
fn a_full_cache_throttles_and_is_no_fail_over() {
    let fault = "kind = \"tier-errors\"\ntarget = \"tier\"\nrate = 1.0\nstatus = 503";
    let fault = format!("{fault}\nat = \"1s\"\nfor = \"5s\"");
    let text = PRAVEGA.replace("duration = \"4s\"", "duration = \"10s\"");
    let text = format!("{text}\n[[fault]]\n{fault}\n");
    let cache = ("system.segment_store.pravegaservice.cache.size.max", "1000000");
    let flush = ("system.segment_store.writer.flush.threshold.milliseconds", "500");
    let answer = ask(&text, &[cache, flush], false);
    let longest = event(&answer, Kind::Response, "max");
    assert!(share(longest, Mechanism::Throttle) > 0.9, "{longest:?}");
    assert_eq!(longest.waited(Mechanism::Failover), 0, "{longest:?}");
}

#[test]
fn a_container_of_a_dead_store_is_failed_over_and_a_collection_is_one() {
    let fault = "kind = \"crash\"\ntarget = \"leader\"\nat = \"2s\"\nfor = \"40s\"";
    let text = PRAVEGA.replace("duration = \"4s\"", "duration = \"40s\"");
    let text = text.replace("400/s", "20/s");
    let answer = ask(&format!("{text}\n[[fault]]\n{fault}\n"), &[], false);
    let longest = event(&answer, Kind::Response, "max");
    assert!(share(longest, Mechanism::Failover) > 0.5, "{longest:?}");

    let pauses = [
        ("system.costs.request_garbage_bytes", "200000"),
        ("system.jvm.heap", "512MiB"),
        ("system.jvm.\"max.gc.pause.millis\"", "1000"),
        ("system.jvm.young_collection_us", "3000000"),
    ];
    let answer = ask(PRAVEGA, &pauses, false);
    let longest = event(&answer, Kind::Response, "max");
    assert!(share(longest, Mechanism::Gc) > 0.5, "{longest:?}");
    assert_eq!(longest.waited(Mechanism::Throttle), 0, "{longest:?}");
}
