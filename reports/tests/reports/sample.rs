//! A sample run: an M/M/1-like system under a burst with a fault, seeded, without a clock.

use std::collections::BTreeMap;

use headwater_reports::outcome::{
    Environment, Expectation, Fault, Generator, Mark, Outcome, Scenario, Source, Stream, Traffic,
    Verdict, VerdictStatus, Waited, WaitedPart, Window,
};
use headwater_reports::phase::boundaries;
use headwater_reports::{Gauge, Recorder, Resource, ResourceKind, Resources};

const SECOND: u64 = 1_000_000_000;

/// A 64-bit xorshift: enough for made-up latencies.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.next())
    }
}

/// A minute at 1,600/s with a burst of 4x from 20 s to 26 s and a broker down from 40 s to 44 s.
/// `service_ns` is the mean service time.
pub fn outcome(source: Source, seed: u64, service_ns: f64) -> Outcome {
    let scenario = Scenario {
        name: "burst/sample".to_owned(),
        file: "scenarios/library/burst/sample.toml".to_owned(),
        title: "A goal is scored while a <broker> & its disk fail".to_owned(),
        hypothesis: "Nothing acknowledged is lost, and p99 stays under 50 ms".to_owned(),
        text: "title = \"A goal is scored\"\n[system]\nkind = \"kafka\" # </script> & <b>\n"
            .to_owned(),
        digest: "5ca1ab1e".to_owned(),
    };
    let mut outcome = Outcome::empty(scenario, source, seed);
    record(&mut outcome, seed, service_ns);
    outcome.fingerprint = (source == Source::Simulated).then(|| format!("{:016x}", seed * 7919));
    outcome.environment = Environment {
        profile: "nvme-10gbe".to_owned(),
        system: "kafka".to_owned(),
        system_version: "3.9".to_owned(),
        operating_system: (source == Source::Live).then(|| "Debian 12".to_owned()),
        cores: (source == Source::Live).then_some(2),
        placement: None,
        warm_up: None,
        host: None,
        speed: None,
    };
    outcome.traffic = Traffic {
        describes: "1600/s for 60 s, burst 4x at 20 s for 6 s".to_owned(),
        digest: "5eed".to_owned(),
    };
    outcome.reproduce = format!("headwater run burst/sample --seed {seed}");
    faults(&mut outcome);
    outcome.name_phases();
    verdicts(&mut outcome);
    outcome.configuration = (0..40)
        .map(|index| (format!("system.broker.option.{index:02}"), format!("{}", index * 512)))
        .collect();
    if source == Source::Simulated {
        outcome.waited = waited();
    }
    outcome.defaults = BTreeMap::from([("system.broker.option.07".to_owned(), "1024".to_owned())]);
    outcome
}

fn record(outcome: &mut Outcome, seed: u64, service_ns: f64) {
    let window = Window { from_ns: 5 * SECOND, until_ns: 60 * SECOND };
    let phases = boundaries(&[(40 * SECOND, Some(44 * SECOND)), (42 * SECOND, None)]);
    let recorder = Recorder::new(Recorder::interval_for(60 * SECOND), window);
    let mut recorder = recorder.with_phases(&phases);
    let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut at = 0.0;
    let mut free = 0.0_f64;
    let mut events: Vec<(u64, u8, u64, u64)> = vec![];
    while at < 60e9 {
        let burst = (20e9..26e9).contains(&at);
        at += draw.exponential(if burst { 1e9 / 6_400.0 } else { 1e9 / 1_600.0 });
        let started = at + draw.exponential(30_000.0);
        let down = (40e9..44e9).contains(&started);
        let begin = if down { free.max(44e9) } else { free.max(started) };
        free = begin + draw.exponential(service_ns);
        let acked = free + 400_000.0 + draw.exponential(200_000.0);
        let [at, started, acked] = [at, started, acked].map(|ns| ns as u64);
        events.push((at, 0, at, started));
        events.push((started, 1, at, started));
        events.push((acked, 2, at, started));
        events.push((acked + 700_000, 3, at, started));
    }
    events.sort_unstable();
    for (now, kind, intended, started) in events.into_iter().filter(|event| event.0 < 60 * SECOND) {
        match kind {
            0 => recorder.offered(now, 1, 310),
            1 => recorder.sent(now, intended, 1, 310),
            2 => recorder.acked(now, intended, started, 1, 310),
            _ => recorder.delivered(now, intended, 1, 310),
        }
    }
    recorder.finish(60 * SECOND, outcome);
}

/// Of two latencies, three events each, which waited for up to nine mechanisms.
pub fn waited() -> Vec<Waited> {
    let names =
        ["linger", "replication", "failover", "cpu", "network", "sync", "queue", "reader", "retry"];
    let of = |latency: &str, at: &str, shares: &[u64]| Waited {
        latency: latency.to_owned(),
        at: at.to_owned(),
        latency_ns: shares.iter().sum(),
        due_ns: 41 * SECOND,
        event: "producer-1 lane 3 #4711".to_owned(),
        parts: names
            .iter()
            .zip(shares)
            .map(|(name, ns)| WaitedPart {
                name: (*name).to_owned(),
                means: format!("waited for <{name}>"),
                ns: *ns,
            })
            .collect(),
    };
    let all = [
        ("p50", [2_500_000, 900_000, 0, 400_000, 350_000, 0, 20_000, 0, 0]),
        ("p99", [1_000_000, 9_000_000, 0, 3_000_000, 700_000, 2_000_000, 4_000_000, 0, 0]),
        ("max", [1_000_000, 30_000_000, 3_900_000_000, 9_000_000, 0, 0, 60_000_000, 0, 80_000]),
    ];
    let response = all.iter().map(|(at, shares)| of("response", at, shares));
    let reader = |shares: &[u64; 9]| {
        let mut shares = *shares;
        shares[7] = 700_000;
        shares
    };
    let end_to_end = all.iter().map(|(at, shares)| of("end to end", at, &reader(shares)));
    response.chain(end_to_end).collect()
}

/// Two streams, of which the second takes what the readers of the first are handed, each with half
/// of what [`outcome`] has, and an acknowledged event lost by the second.
pub fn pipeline() -> Outcome {
    let scenario = Scenario {
        name: "pipeline/sample".to_owned(),
        file: "scenarios/library/pipeline/sample.toml".to_owned(),
        title: "From one system to another".to_owned(),
        hypothesis: "A fault in one system does not fail the other".to_owned(),
        ..Scenario::default()
    };
    let mut outcome = Outcome::empty(scenario, Source::Simulated, 7);
    let window = Window { from_ns: 0, until_ns: 10 * SECOND };
    let mut recorders = vec![Recorder::new(SECOND / 10, window); 3];
    for at in (0..9_000).map(|number| number * SECOND / 1_000) {
        for stream in [1, 2] {
            let later = at + (stream as u64 - 1) * 3_000_000;
            for recorder in [0, stream] {
                let recorder = &mut recorders[recorder];
                recorder.offered(later, 1, 300);
                recorder.sent(later, at, 1, 300);
                recorder.acked(later + 2_000_000, at, later, 1, 300);
                recorder.delivered(later + 3_000_000, at, 1, 300);
            }
        }
    }
    let mut figures = recorders.into_iter().map(|recorder| recorder.figures(10 * SECOND));
    let total = figures.next().expect("three");
    (outcome.window, outcome.duration_ns) = (window, 10 * SECOND);
    (outcome.counts, outcome.rates) = (total.counts, total.rates);
    (outcome.latency, outcome.series) = (total.latency, total.series);
    outcome.counts.lost = 1;
    for (name, status, measured) in [
        ("ingest", VerdictStatus::Pass, "0 of 9,000 events lost"),
        ("store", VerdictStatus::Fail, "1 of 9,000 events lost"),
    ] {
        outcome.verdicts.push(Verdict {
            name: "no_acked_loss".to_owned(),
            stream: Some(name.to_owned()),
            status,
            measured: measured.to_owned(),
            expected: "none".to_owned(),
            explanation: "Every acknowledged event was read back.".to_owned(),
        });
    }
    let streams = [("ingest", "kafka", None), ("store", "pravega", Some("ingest"))];
    let named = streams.into_iter().zip(figures).map(|((name, system, from), mut figures)| {
        figures.counts.lost = u64::from(name == "store");
        let verdicts = outcome.statuses(Some(name));
        let (system, from) = (system.to_owned(), from.map(str::to_owned));
        (name.to_owned(), Stream { system, from, verdicts, passage: None, figures: Some(figures) })
    });
    outcome.streams = named.collect();
    outcome.environment.system = "kafka, pravega".to_owned();
    outcome.reproduce = "headwater run pipeline/sample --seed 7".to_owned();
    outcome
}

fn faults(outcome: &mut Outcome) {
    let intervals = outcome.series.len();
    let busy = |share: f64| -> Vec<f64> {
        (0..intervals)
            .map(|index| if (100..130).contains(&index) { share } else { share / 4.0 })
            .collect()
    };
    let resource = |name: &str, kind, share: f64| Resource {
        name: name.to_owned(),
        kind,
        utilisation_mean: share * 0.8,
        utilisation_max: share,
        series: busy(share),
        queue_max: 1_234,
    };
    outcome.resources = Resources::new(vec![
        resource("broker-1/cpu", ResourceKind::Cpu, 0.31),
        resource("broker-1/request threads", ResourceKind::ThreadPool, 0.97),
        resource("broker-1/disk0", ResourceKind::Disk, 0.55),
        resource("producer-1/max.in.flight.requests.per.connection", ResourceKind::Limit, 0.2),
    ]);
    outcome.series.gauges = vec![
        Gauge {
            name: "broker-1/dirty".to_owned(),
            unit: "bytes".to_owned(),
            values: (0..intervals).map(|index| Some(index as f64 * 1e5)).collect(),
        },
        Gauge {
            name: "consumer-1/lag".to_owned(),
            unit: "events".to_owned(),
            values: (0..intervals).map(|index| (index % 7 != 0).then_some(index as f64)).collect(),
        },
    ];
    let parameters = BTreeMap::from([("factor".to_owned(), "8".to_owned())]);
    outcome.faults = vec![
        Fault {
            name: "crash".to_owned(),
            target: "broker-1".to_owned(),
            from_ns: 40 * SECOND,
            until_ns: Some(44 * SECOND),
            parameters: BTreeMap::new(),
        },
        Fault {
            name: "slow_disk".to_owned(),
            target: "broker-2/disk0".to_owned(),
            from_ns: 42 * SECOND,
            until_ns: None,
            parameters,
        },
    ];
    outcome.marks = (0..4)
        .map(|index| Mark {
            at_ns: 40 * SECOND + index * 700_000_000,
            name: ["isr_shrunk", "leader_elected"][index as usize % 2].to_owned(),
            detail: format!("partition {index}, epoch 2"),
        })
        .collect();
}

fn verdicts(outcome: &mut Outcome) {
    let verdict = |name: &str, status, measured: &str| Verdict {
        name: name.to_owned(),
        stream: None,
        status,
        measured: measured.to_owned(),
        expected: "0 events".to_owned(),
        explanation: "Every acknowledged event was found when all was read back.".to_owned(),
    };
    outcome.verdicts = vec![
        verdict("no acked event lost", VerdictStatus::Pass, "0 events"),
        verdict("no duplicate", VerdictStatus::Warn, "12 events"),
        verdict("order per key", VerdictStatus::Pass, "0 events"),
    ];
    outcome.expectations = vec![Expectation {
        expression: "response.p50 < 50ms".to_owned(),
        measured: "1.2 ms".to_owned(),
        ok: true,
    }];
    if outcome.source == Source::Live {
        outcome.generator = Some(Generator {
            achieved: 1.0,
            lag_p99_ns: Some(138_000),
            cpu: Some(0.21),
            bottleneck: false,
            overload: false,
            explanation: "The generator kept its schedule.".to_owned(),
        });
    }
}
