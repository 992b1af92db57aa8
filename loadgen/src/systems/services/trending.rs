//! Trending hashtags: windows of the tweets' times, in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use headwater_models::pipeline::trending::config::Cluster;
use headwater_models::system::System;
use headwater_scenarios::scenario::metric::RANKED;
use serde::Deserialize;

use super::said::Said;
use super::{Found, Level, LiveService, Stats, http, time};

/// The service.
pub(super) struct Trending;

/// Hashtags that an answer has at the most.
const MOST: usize = 100_000;

/// What it answers.
#[derive(Debug, Deserialize)]
struct Ranking {
    /// Beginning and end of its window, microseconds since 1970.
    from: u64,
    until: u64,
    top: Vec<Count>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Count {
    hashtag: String,
    count: u64,
}

fn ranking(at: SocketAddr, query: &str) -> std::io::Result<Ranking> {
    let told = http::json(at, &format!("/top?k={MOST}{query}"))?;
    serde_json::from_value(told).map_err(std::io::Error::other)
}

/// What a ranking of the uses from its beginning until its end is.
fn expected(said: &Said, from: u64, until: u64) -> Vec<Count> {
    let counts = said.counts(from, until).into_iter();
    let mut top: Vec<Count> =
        counts.map(|(tag, count)| Count { hashtag: tag.to_owned(), count }).collect();
    top.sort_by(|a, b| (Reverse(a.count), &a.hashtag).cmp(&(Reverse(b.count), &b.hashtag)));
    top.truncate(MOST);
    top
}

/// What is wrong with a ranking, by the first place that is.
fn amiss(ranking: &Ranking, said: &Said) -> Option<String> {
    let Ranking { from, until, top } = ranking;
    let due = expected(said, *from, *until);
    let places = top.len().max(due.len());
    let place = (0..places).find(|place| top.get(*place) != due.get(*place))?;
    let shown = |of: Option<&Count>| {
        of.map_or("nothing".into(), |of| format!("#{} {} times", of.hashtag, of.count))
    };
    let [told, due] = [top.get(place), due.get(place)].map(shown);
    Some(format!("from {from} until {until}, place {}: {told}, and {due} came", place + 1))
}

/// The rankings that are to be looked at: of all that came, and of each window that is kept.
fn all(config: &Cluster, at: SocketAddr) -> std::io::Result<Vec<Ranking>> {
    let [slide, delay] = [config.window_advance, config.max_delay].map(|of| of.0 / 1_000);
    let last = ranking(at, "")?;
    let mut all = vec![ranking(at, "&scope=all")?];
    for before in 1..=delay.div_ceil(slide.max(1)) {
        all.push(ranking(at, &format!("&until={}", last.until - before * slide))?);
    }
    all.push(last);
    Ok(all)
}

impl LiveService for Trending {
    fn name(&self) -> &'static str {
        "trending"
    }

    fn options(&self, system: &dyn System) -> BTreeMap<&'static str, String> {
        let Some(config) = system.as_any().downcast_ref::<Cluster>() else {
            return BTreeMap::new();
        };
        BTreeMap::from([
            ("max-poll-records", config.max_poll_records.to_string()),
            ("window", time(config.window_size)),
            ("slide", time(config.window_advance)),
            ("max-delay", time(config.max_delay)),
            ("top", config.top.to_string()),
        ])
    }

    fn counts(&self) -> &'static [&'static str] {
        &["late", "counted_before"]
    }

    fn levels(&self, stats: &Stats) -> Vec<Level> {
        let level = |(name, own): (&'static str, &str)| {
            let value = stats.own(&[own])?;
            Some(Level { node: "counter-1", name, unit: "events", value })
        };
        let names = [("late", "late_for_a_window"), ("counted_before", "counted_before")];
        names.into_iter().filter_map(level).collect()
    }

    fn asked(&self, system: &dyn System, at: SocketAddr, said: &Said) -> Option<Found> {
        let config = system.as_any().downcast_ref::<Cluster>()?;
        let (checked, wrong) = match all(config, at) {
            Ok(all) => {
                let uses = said.counts(0, u64::MAX).len();
                let wrong = all.iter().filter_map(|ranking| amiss(ranking, said)).collect();
                (if uses == 0 { 0 } else { all.len() as u64 }, wrong)
            }
            Err(error) => (1, vec![error.to_string()]),
        };
        Some(Found {
            verdict: RANKED,
            checked,
            measured: format!("{} of {checked} rankings are not of what came", wrong.len()),
            wrong,
            expected: "none",
            explanation: "In the end it is asked for the ranking of everything and of each window \
                          that it still has; hashtags are counted by what came behind the engine."
                .into(),
        })
    }

    fn verdicts(&self) -> [&'static [&'static str]; 2] {
        [&[RANKED], &[]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ranking_that_lacks_a_use_or_has_one_too_many_is_wrong() {
        let mut said = Said::default();
        for (number, tag) in (0..).zip(["b", "a", "b", "c"]) {
            said.take(number, number * 10, String::new(), &[tag.to_owned()]);
        }
        let of = |top: &[(&str, u64)], until| {
            let count =
                |(tag, count): &(&str, u64)| Count { hashtag: (*tag).into(), count: *count };
            amiss(&Ranking { from: 0, until, top: top.iter().map(count).collect() }, &said)
        };
        assert_eq!(of(&[("b", 2), ("a", 1), ("c", 1)], 40), None);
        assert_eq!(of(&[("b", 2), ("a", 1)], 30), None, "c came at 30, which is not in it");
        let missing = of(&[("b", 2), ("c", 1)], 40).unwrap();
        assert!(missing.ends_with("place 2: #c 1 times, and #a 1 times came"), "{missing}");
        let twice = of(&[("b", 3), ("a", 1)], 30).unwrap();
        assert!(twice.ends_with("place 1: #b 3 times, and #b 2 times came"), "{twice}");
        assert!(of(&[("a", 1), ("b", 2)], 30).is_some(), "in the wrong order");
    }
}
