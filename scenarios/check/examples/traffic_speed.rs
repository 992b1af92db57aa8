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
use headwater_traffic::{
    KeyMode, Lanes, PayloadForm, Payloads, Preset, Rate, SizeModel, TrafficSpec, parse,
};

fn main() {
    let argument = std::env::args().nth(1);
    let events: u64 = argument.map_or(10_000_000, |text| text.parse().expect("a number of events"));
    schedules(events);
    payloads(events / 50);
    checkers(events);
}

fn report(name: &str, events: u64, since: Instant) {
    report_time(name, events, since.elapsed());
}

fn report_time(name: &str, events: u64, time: std::time::Duration) {
    let nanos = time.as_nanos() as f64 / events as f64;
    let rate = 1_000.0 / nanos;
    println!("{name:<44} {nanos:>7.1} ns per event {rate:>7.2} M/s of one core");
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
    let mut noise = tweets.clone();
    noise.noise.sigma = 0.3;
    let mut retweets = tweets.clone();
    retweets.cascades.ratio = 0.1;
    let cases = [
        ("schedule: users, tweet sizes", tweets),
        ("schedule: users, fixed size", fixed),
        ("schedule: users, daily wave", wave),
        ("schedule: users, a shot", burst),
        ("schedule: hashtags", tags),
        ("schedule: users, noise", noise),
        ("schedule: users, a tenth are retweets", retweets),
    ];
    for (name, spec) in cases {
        // The fastest of three: what else the machine does only ever slows one down.
        let once = || {
            let schedule = spec.schedule(Seed(1)).expect("the description is sound");
            let since = Instant::now();
            let sum = schedule.take(events as usize).fold(0, |sum: u64, a| sum ^ a.key ^ a.at.0);
            black_box(sum);
            since.elapsed()
        };
        let fastest = (0..3).map(|_| once()).min().expect("three runs");
        report_time(name, events, fastest);
    }
}

fn payloads(events: u64) {
    let forms = [
        ("filler", PayloadForm::Filler),
        ("a tweet, v1.1", PayloadForm::TweetV1),
        ("a tweet, v2", PayloadForm::TweetV2),
    ];
    forms.into_iter().for_each(|(name, form)| payload(name, form, events));
}

fn payload(name: &str, form: PayloadForm, events: u64) {
    let duration = Duration::from_secs(1 + events / 1_600);
    let spec = TrafficSpec { duration, payload: form, ..TrafficSpec::default() };
    let plan = Arc::new(spec.plan(Seed(1)).expect("the description is sound"));
    let payloads = Payloads::new(Arc::clone(&plan));
    let mut lanes = Lanes::new(0, 16);
    let (mut out, mut bytes) = (vec![], 0);
    let since = Instant::now();
    for arrival in plan.schedule().take(events as usize) {
        payloads.write(&arrival, lanes.by_key(arrival.key), &mut out);
        bytes += out.len();
    }
    report(&format!("payload: {name} written, with schedule"), events, since);
    let since = Instant::now();
    for _ in 0..events {
        black_box(parse(black_box(&out)).expect("it is as written"));
    }
    report(&format!("payload: {name} parsed and checked"), events, since);
    println!(
        "{:<44} {:>7.1} B on average",
        format!("payload: {name}"),
        bytes as f64 / events as f64
    );
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
