//! What the schedule, the payloads and the checkers cost per event.
//!
//! ```text
//! cargo run --profile fast -p headwater-check --example traffic_speed [EVENTS]
//! ```

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use headwater_check::{History, Positions, Promises, Suite};
use headwater_models::batch::StreamId;
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use headwater_traffic::{KeyMode, Lanes, Payloads, Preset, Rate, SizeModel, TrafficSpec, parse};

fn main() {
    let argument = std::env::args().nth(1);
    let events: u64 = argument.map_or(10_000_000, |text| text.parse().expect("a number of events"));
    schedules(events);
    payloads(events / 50);
    checkers(events);
}

fn report(name: &str, events: u64, since: Instant) {
    let nanos = since.elapsed().as_nanos() as f64 / events as f64;
    println!("{name:<44} {nanos:>7.1} ns per event over {events} events");
}

fn schedules(events: u64) {
    let rate = 100_000.0;
    let duration = Duration::from_secs(1 + events / rate as u64);
    let tweets = TrafficSpec { rate: Rate::per_second(rate), duration, ..TrafficSpec::default() };
    let mut fixed = tweets.clone();
    fixed.size.model = SizeModel::Fixed;
    let mut wave = tweets.clone();
    wave.diurnal.amplitude = 0.5;
    let shots = vec![Preset::BreakingNews.shot(Duration::ZERO)];
    let burst = TrafficSpec { shots, ..tweets.clone() };
    let tags = TrafficSpec { key: KeyMode::Hashtag, ..tweets.clone() };
    let cases = [
        ("schedule: users, tweet sizes", tweets),
        ("schedule: users, fixed size", fixed),
        ("schedule: users, daily wave", wave),
        ("schedule: users, a shot", burst),
        ("schedule: hashtags", tags),
    ];
    for (name, spec) in cases {
        let schedule = spec.schedule(Seed(1)).expect("the description is sound");
        let since = Instant::now();
        let sum = schedule.take(events as usize).fold(0, |sum: u64, a| sum ^ a.key ^ a.at.0);
        report(name, events, since);
        black_box(sum);
    }
}

fn payloads(events: u64) {
    let duration = Duration::from_secs(1 + events / 1_600);
    let spec = TrafficSpec { duration, ..TrafficSpec::default() };
    let plan = Arc::new(spec.plan(Seed(1)).expect("the description is sound"));
    let payloads = Payloads::new(Arc::clone(&plan));
    let mut lanes = Lanes::new(0, 16);
    let (mut out, mut bytes) = (vec![], 0);
    let since = Instant::now();
    for arrival in plan.schedule().take(events as usize) {
        payloads.write(&arrival, lanes.by_key(arrival.key), &mut out);
        bytes += out.len();
    }
    report("payload: written (schedule included)", events, since);
    let since = Instant::now();
    for _ in 0..events {
        black_box(parse(black_box(&out)).expect("it is as written"));
    }
    report("payload: parsed and checked", events, since);
    println!("{:<44} {:>7.1} B on average", "payload", bytes as f64 / events as f64);
}

/// Every event on its own, as the load generator sees them: 16 lanes, a million events per second.
fn checkers(events: u64) {
    let mut lanes = Lanes::new(0, 16);
    let mut history = History::new(StreamId(0), Positions::Events);
    let since = Instant::now();
    for event in 0..events {
        let (place, at) = (lanes.on((event % 16) as u32), Time(event * 1_000));
        history.acked(at, place.into());
        history.delivered(at, 0, place.into(), place.seq, 0);
    }
    report("history: an ack and a delivery recorded", events, since);
    let since = Instant::now();
    let verdicts = Suite::from(Promises::default()).run(&history);
    report("history: all checkers", events, since);
    assert!(verdicts.iter().all(|verdict| verdict.passed), "{verdicts:#?}");
}
