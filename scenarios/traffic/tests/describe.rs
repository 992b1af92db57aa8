//! Descriptions say what the schedule does; schedules of any shape keep their invariants.

use headwater_models::arrival::Arrival;
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use headwater_traffic::{KeyMode, Pacing, Preset, Rate, ShotSpec, TrafficSpec, describe};
use proptest::prelude::*;

fn castle() -> TrafficSpec {
    let shots = vec![Preset::Castle.shot(Duration::from_secs(10))];
    TrafficSpec { shots, ..TrafficSpec::default() }
}

#[test]
fn a_description_agrees_with_the_schedule() {
    let spec = castle();
    let description = describe(&spec, Seed(7)).unwrap();
    let arrivals: Vec<Arrival> = spec.schedule(Seed(7)).unwrap().collect();
    assert_eq!(description.events, arrivals.len() as u64);
    assert_eq!(description.bytes, arrivals.iter().map(|a| u64::from(a.bytes)).sum::<u64>());
    let binned = description.rates.iter().sum::<f64>() * description.bin.as_secs_f64();
    assert_eq!(binned.round() as u64, description.events);
    let second = description.peak_at.0..description.peak_at.0 + 1_000_000_000;
    let inside = arrivals.iter().filter(|a| second.contains(&a.at.0)).count();
    assert_eq!(description.peak_rate, inside as f64);
    let peak = description.peak_rate / 1_600.0;
    assert!((peak / 25.0 - 1.0).abs() < 0.05, "the castle's second is {peak} x the base");
    let top = &description.top_users[0];
    let users = arrivals.iter().filter(|a| a.key < 10_000).count() as f64;
    assert_eq!(top.events, users / arrivals.len() as f64);
    let mut sizes: Vec<u32> = arrivals.iter().map(|a| a.bytes).collect();
    sizes.sort_unstable();
    let median = f64::from(sizes[sizes.len() / 2]);
    let stated = description.sizes.iter().find(|size| size.quantile == 0.5).unwrap().bytes as f64;
    assert!((stated / median - 1.0).abs() < 0.002, "median {stated} B where it is {median}");
}

#[test]
fn a_steady_schedule_is_described_as_poisson_and_a_burst_is_not() {
    let (duration, rate) = (Duration::from_secs(600), Rate::per_second(300.0));
    let steady = TrafficSpec { duration, rate, ..TrafficSpec::default() };
    let steady = describe(&steady, Seed(1)).unwrap();
    assert_eq!(steady.dispersion.len(), 4);
    for window in &steady.dispersion {
        let windows = 600.0 / window.window.as_secs_f64();
        let bound = 4.0 * (2.0 / (windows - 1.0)).sqrt();
        assert!((window.value - 1.0).abs() < bound, "{window:?} +- {bound}");
    }
    let burst = TrafficSpec { duration, rate, ..castle() };
    let burst = describe(&burst, Seed(1)).unwrap();
    assert!(burst.dispersion.iter().all(|window| window.value > 10.0), "{:?}", burst.dispersion);
}

#[test]
fn a_shot_makes_its_own_hashtag_the_hot_key() {
    let plain = TrafficSpec { key: KeyMode::Hashtag, ..TrafficSpec::default() };
    let cold = describe(&plain, Seed(7)).unwrap();
    let hot = describe(&TrafficSpec { key: KeyMode::Hashtag, ..castle() }, Seed(7)).unwrap();
    let (cold_share, hot_share) = (cold.hottest_key.unwrap(), hot.hottest_key.unwrap());
    // Zipf's law with slope 1 over 100,000: 1 / H(100,000) = 1 / 12.09.
    assert!((cold_share - 0.0827).abs() < 0.005, "{cold_share}");
    assert!(hot_share > 0.65, "{hot_share}");
    assert_eq!(hot.tagged, 1.0);
    assert_ne!(hot.hashtags[0].name, cold.hashtags[0].name);
    let unkeyed = TrafficSpec { key: KeyMode::None, ..TrafficSpec::default() };
    assert_eq!(describe(&unkeyed, Seed(7)).unwrap().hottest_key, None);
}

#[test]
fn the_text_is_aligned_and_plots_the_burst() {
    let text = describe(&castle(), Seed(7)).unwrap().to_text();
    for expected in [
        "1600/s for 30s, Poisson arrivals, keyed by user, seed 7",
        "shot at 10s: 25x, rise 500ms, hold 1s, decay 1500ms",
        "events      154,177, 5,139/s on average",
        "(Poisson: 1)",
        "events/s over time, 420ms per column",
    ] {
        assert!(text.contains(expected), "{text}\nlacks {expected:?}");
    }
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns:\n{text}");
    let bars: Vec<&str> = text.lines().filter(|line| line.contains('|')).collect();
    assert_eq!(bars.len(), 8, "{text}");
    assert!(bars[0].contains('█') && bars[0].trim_end().chars().count() < 48, "{text}");
}

#[test]
fn the_svg_stands_alone() {
    let svg = describe(&castle(), Seed(7)).unwrap().to_svg();
    assert!(svg.starts_with("<svg xmlns=") && svg.trim_end().ends_with("</svg>"));
    for foreign in ["<script", "href", "@import", "url(", "NaN", "inf"] {
        assert!(!svg.contains(foreign), "{foreign} in the SVG");
    }
    let links = svg.matches("http").count();
    assert_eq!(links, 1, "the namespace is the only address");
}

#[test]
fn short_and_empty_schedules_are_described_too() {
    let nanosecond = TrafficSpec { duration: Duration(1), ..TrafficSpec::default() };
    let nothing = describe(&nanosecond, Seed(1)).unwrap();
    assert_eq!((nothing.events, nothing.peak_rate), (0, 0.0));
    let moment = TrafficSpec { duration: Duration::from_millis(3), ..TrafficSpec::default() };
    for description in [nothing, describe(&moment, Seed(1)).unwrap()] {
        assert!(!description.to_text().contains("NaN"), "{}", description.to_text());
        assert!(!description.to_svg().contains("NaN"), "{}", description.to_svg());
    }
}

#[test]
fn events_come_at_the_stated_rate_through_shots_and_waves() {
    let mut spec = castle();
    spec.rate = Rate::per_second(5_000.0);
    spec.diurnal.amplitude = 0.6;
    spec.diurnal.period = Duration::from_secs(20);
    spec.shots.push(Preset::Goal.shot(Duration::from_secs(15)));
    let plan = std::sync::Arc::new(spec.plan(Seed(21)).unwrap());
    let (bin, bins) = (100_000_000_u64, 300);
    let mut counts = vec![0.0; bins];
    for arrival in plan.schedule() {
        counts[(arrival.at.0 / bin) as usize] += 1.0;
    }
    // Pearson's chi-square against the integral of the rate, by the midpoint rule in 200 steps.
    let steps = 200;
    let mut chi = 0.0;
    for (index, count) in counts.iter().enumerate() {
        let step = bin / steps;
        let start = index as u64 * bin + step / 2;
        let rates = (0..steps).map(|n| plan.rate(Time(start + n * step)));
        let expected = rates.sum::<f64>() * step as f64 / 1e9;
        chi += (count - expected).powi(2) / expected;
    }
    // Mean 300, standard deviation sqrt(600).
    let sigmas = (chi - 300.0) / 600.0_f64.sqrt();
    assert!(sigmas.abs() < 3.5, "chi-square {chi} over {bins} bins: {sigmas} sigma");
}

fn any_spec() -> impl Strategy<Value = TrafficSpec> {
    let ms = |most: u64| (0..most).prop_map(Duration::from_millis);
    let shot = (ms(3_000), 1.0..30.0, ms(500), ms(500), 1_u64..2_000, 0.0..=1.0).prop_map(
        |(at, peak, rise, hold, decay, focus)| {
            let decay = Duration::from_millis(decay);
            ShotSpec { at, peak, rise, hold, decay, focus }
        },
    );
    let shots = prop::collection::vec(shot, 0..4);
    let key = prop_oneof![Just(KeyMode::User), Just(KeyMode::Hashtag), Just(KeyMode::None)];
    (1.0..2_000.0, 1_u64..3_000, any::<bool>(), shots, key, 0.0..0.99).prop_map(
        |(rate, duration, even, shots, key, amplitude)| {
            let mut spec = TrafficSpec {
                rate: Rate::per_second(rate),
                duration: Duration::from_millis(duration),
                arrivals: if even { Pacing::Constant } else { Pacing::Poisson },
                shots,
                key,
                ..TrafficSpec::default()
            };
            spec.diurnal.amplitude = amplitude;
            spec.diurnal.period = Duration::from_millis(700);
            spec
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_schedule_ascends_within_its_length_and_repeats(
        spec in any_spec(),
        seed in any::<u64>(),
        producers in 1_u32..5,
    ) {
        let arrivals: Vec<Arrival> = spec.schedule(Seed(seed)).unwrap().collect();
        for (index, arrival) in arrivals.iter().enumerate() {
            prop_assert_eq!(arrival.index, index as u64);
            prop_assert!(arrival.at.0 < spec.duration.0 && arrival.bytes > 0);
        }
        prop_assert!(arrivals.is_sorted_by_key(|arrival| arrival.at));
        let source = spec.source(Seed(seed)).unwrap();
        let mut union: Vec<Arrival> = (0..producers).flat_map(|p| source(p, producers)).collect();
        union.sort_by_key(|arrival| arrival.index);
        prop_assert_eq!(union, arrivals);
    }
}
