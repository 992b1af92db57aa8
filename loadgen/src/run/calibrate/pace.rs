//! How the pace of the cores varies: what their CPU time, compared with what the costs explain, has
//! in common from one interval to the next. What an interval has for itself alone is chance, or a
//! request's own.

use std::collections::BTreeMap;

use headwater_scenarios::profile::{Machine, Profile};
use headwater_sim::distribution::Distribution;
use headwater_sim::pace::PaceSpec;
use headwater_sim::time::Duration;

use super::fit::{Found, Row};
use crate::systems::calibration::{Calibration, Case, Side};
use crate::systems::counts::Counting;

/// Intervals that are compared at the most: what is common to more distant ones is too little.
const LAGS: usize = 20;

/// Intervals that there must be.
const INTERVALS: usize = 200;

/// What intervals have in common counts if it is so many times what chance makes of it.
const SURE: f64 = 3.0;

/// A pace whose standard deviation is less is steady.
const STEADY: f64 = 0.02;

/// No work takes less than so much of its mean.
const LEAST: f64 = 0.2;

/// Points of the distribution, in millionths.
const POINTS: [u32; 9] =
    [0, 10_000, 50_000, 250_000, 500_000, 750_000, 950_000, 990_000, 1_000_000];

/// An interval of a run: when it began, nanoseconds, and how many times longer its work took.
type Interval = (u64, f64);

/// The pace of the cores of each side, servers first, by what costs explain of cases; none where
/// it is steady, or was seen for too short a time.
pub(super) fn of(
    calibration: &Calibration,
    cases: &[Case],
    rows: &[Row],
    found: &[Found],
) -> [Option<PaceSpec>; 2] {
    [Side::Server, Side::Generator].map(|side| {
        let seen =
            |row: &&Row| calibration.groups[row.kind].side == side && !cases[row.case].flushes();
        let rows: Vec<&Row> = rows.iter().filter(seen).collect();
        pace(&compared(&rows, found), Counting::EVERY.as_nanos() as u64)
    })
}

/// What threads took in each interval, over what the costs explain, in proportion to the case's.
fn compared(rows: &[&Row], found: &[Found]) -> Vec<Interval> {
    let mut taken: BTreeMap<(usize, u64), [f64; 2]> = BTreeMap::new();
    let mut of_case: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
    for row in rows {
        let explained: f64 = found.iter().map(|of| of.cost * row.times[of.at]).sum();
        let interval = taken.entry((row.case, row.at)).or_default();
        let case = of_case.entry(row.case).or_default();
        for [cpu, by_costs] in [interval, case] {
            *cpu += row.cpu_ns;
            *by_costs += explained;
        }
    }
    let times = |((case, at), [cpu, by_costs]): ((usize, u64), [f64; 2])| {
        let usual = of_case[&case];
        (by_costs > 0.0).then(|| (at, cpu / by_costs / (usual[0] / usual[1])))
    };
    let mut all: Vec<Interval> = taken.into_iter().filter_map(times).collect();
    all.sort_by_key(|(at, _)| *at);
    all
}

/// What intervals have in common, in the order of their times, that begin so far apart.
fn covariance(all: &[Interval], mean: f64, apart_ns: u64) -> f64 {
    let at_time = |at: u64| all.binary_search_by_key(&at, |(at, _)| *at).ok().map(|at| all[at].1);
    let pairs = all.iter().filter_map(|(at, one)| Some((one, at_time(at + apart_ns)?)));
    let products = pairs.map(|(one, other)| (one - mean) * (other - mean));
    let (sum, count) = products.fold((0.0, 0), |(sum, count), of| (sum + of, count + 1));
    sum / f64::from(count.max(1))
}

/// The pace that makes intervals of so many nanoseconds differ like these.
fn pace(all: &[Interval], interval_ns: u64) -> Option<PaceSpec> {
    if all.len() < INTERVALS {
        return None;
    }
    let mean = all.iter().map(|(_, times)| times).sum::<f64>() / all.len() as f64;
    let apart = |lag: usize| covariance(all, mean, lag as u64 * interval_ns);
    let seen = apart(0);
    let by_chance = SURE * seen / (all.len() as f64).sqrt();
    let common: Vec<f64> = (1..=LAGS).map(apart).take_while(|common| *common > 0.0).collect();
    let first = *common.first().filter(|first| **first > by_chance)?;
    // Stretches of exponential length: what is common falls by the same share each time.
    let kept = (1.0 - first / common.iter().sum::<f64>()).clamp(0.05, 0.99);
    let stretch = -1.0 / kept.ln();
    // In the mean of an interval the pace varies less than from one moment to another.
    let deviation = (first / (stretch * (1.0 - kept)).powi(2)).sqrt();
    if deviation < STEADY {
        return None;
    }
    let wider = deviation / seen.sqrt();
    let stretched = |(_, times): &Interval| (1.0 + (times - mean) * wider).max(LEAST);
    let mut times: Vec<f64> = all.iter().map(stretched).collect();
    times.sort_by(f64::total_cmp);
    let quantile = |millionths: u32| {
        let at = (times.len() - 1) as f64 * f64::from(millionths) / 1e6;
        (millionths, Duration((times[at.round() as usize] * 1e6) as u64))
    };
    let mut points = POINTS.map(quantile).to_vec();
    // Costs are what work takes on the average.
    let mean = Distribution::Quantiles { points: points.clone() }.mean().0;
    points.iter_mut().for_each(|(_, takes)| takes.0 = takes.0 * 1_000_000 / mean.max(1));
    let stretch = Duration((stretch * interval_ns as f64) as u64);
    Some(PaceSpec { stretch, millisecond: Distribution::Quantiles { points } })
}

/// Puts it into a profile, in place of what an earlier calibration found; a line for each side.
pub(super) fn add_to(
    profile: &mut Profile,
    [servers, clients]: [Option<PaceSpec>; 2],
) -> Vec<String> {
    let sides =
        [("servers", &mut profile.server, servers), ("clients", &mut profile.client, clients)];
    let put = |(name, machine, pace): (&str, &mut Machine, Option<PaceSpec>)| {
        machine.scheduler.pace = pace.into_iter().collect();
        machine.scheduler.pace.first().map(|pace| tell(name, pace))
    };
    sides.into_iter().filter_map(put).collect()
}

fn tell(side: &str, pace: &PaceSpec) -> String {
    let Distribution::Quantiles { points } = &pace.millisecond else { return String::new() };
    let at = |wanted: u32| {
        let found = points.iter().find(|(millionths, _)| *millionths == wanted);
        found.map_or(1.0, |(_, takes)| takes.0 as f64 / 1e6)
    };
    format!(
        "  the same work of {side} takes {:.2} to {:.2} of its mean (5th to 95th percentile), for \
         {:.2} s at a time",
        at(50_000),
        at(950_000),
        pace.stretch.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::random::{Seed, Stream};
    use rand::Rng as _;

    const INTERVAL: u64 = 100_000_000;

    /// Eighteen runs of 7 s, in which work takes so much more or less than its mean for 0.4 s at a
    /// time, and each interval has so much chance.
    fn intervals(deviation: f64, chance: f64) -> Vec<Interval> {
        let mut stream = Seed(1).stream("test", 0);
        let sign = |stream: &mut Stream| if stream.random_range(0..2) == 0 { -1.0 } else { 1.0 };
        let mut pace = 1.0;
        let mut all = vec![];
        for run in 0..18_u64 {
            for interval in 0..70 {
                let mut sum = 0.0;
                for _millisecond in 0..100 {
                    if stream.random_range(0..400) == 0 {
                        pace = 1.0 + deviation * sign(&mut stream);
                    }
                    sum += pace / 100.0;
                }
                let at = run * 20_000_000_000 + interval * INTERVAL;
                all.push((at, sum + chance * sign(&mut stream)));
            }
        }
        all
    }

    #[test]
    fn the_pace_is_what_intervals_have_in_common() {
        let found = pace(&intervals(0.2, 0.15), INTERVAL).unwrap();
        found.check().unwrap();
        let stretch = found.stretch.as_secs_f64();
        assert!((0.25..0.6).contains(&stretch), "{stretch} s");
        let Distribution::Quantiles { points } = &found.millisecond else { panic!() };
        assert!((found.millisecond.mean().0 as f64 / 1e6 - 1.0).abs() < 0.03, "{points:?}");
        let mut stream = Seed(2).stream("test", 0);
        let drawn = (0..10_000).map(|_| stream.sample(&found.millisecond).0 as f64 / 1e6 - 1.0);
        let deviation = (drawn.map(|off| off * off).sum::<f64>() / 1e4).sqrt();
        assert!((0.15..0.25).contains(&deviation), "{deviation}: {points:?}");
    }

    #[test]
    fn chance_is_no_pace_and_little_is_not_enough_to_tell() {
        assert_eq!(pace(&intervals(0.0, 0.15), INTERVAL), None);
        assert_eq!(pace(&intervals(0.2, 0.0)[..100], INTERVAL), None);
    }

    #[test]
    fn a_profile_has_the_last_that_was_found() {
        let mut profile = Profile::load("small-vm", None).unwrap();
        let found = pace(&intervals(0.2, 0.1), INTERVAL);
        let lines = add_to(&mut profile, [found.clone(), None]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("  the same work of servers takes 0."), "{lines:?}");
        assert_eq!(profile.server.scheduler.pace, found.into_iter().collect::<Vec<_>>());
        Profile::parse(&profile.to_toml(), "again").unwrap();
        assert!(add_to(&mut profile, [None, None]).is_empty());
        assert_eq!(profile.server.scheduler.pace, []);
    }
}
