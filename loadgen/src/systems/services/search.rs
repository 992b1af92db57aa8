//! Search: tweets in a PostgreSQL and an index of vectors, answers in a Redis.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use headwater_models::pipeline::search::config::{Cluster, Policy};
use headwater_models::system::System;
use headwater_scenarios::scenario::metric::{ASKED, FINDABLE};
use serde_json::Value;

use super::http::encoded;
use super::said::Said;
use super::{Found, LiveService, Stores, http, stores, time};
use crate::failure::Result;
use crate::launch::LaunchedCluster;
use crate::systems::departure::Departure;
use crate::systems::options::{ListedOption, Treatment, flattened, treatment};
use crate::terminal;

/// The service.
pub(super) struct Search;

/// Why it is left out where there is no database.
pub(super) const NO_POSTGRES: &str =
    "there is no PostgreSQL on this machine (Debian: apt install postgresql)";

/// Why it has no cache where there is no Redis.
const NO_REDIS: &str = "there is no Redis on this machine (Debian: apt install redis-server)";

/// Events that are looked for in the end, and how many tweets an answer has at the most.
const DRAWN: usize = 16;
const MOST: usize = 100;

const NO_BOUND: &str = "The service takes what comes.";

/// Every option of the configuration.
const OPTIONS: &[ListedOption] = &[
    ("indexer.max.poll.records", Treatment::Client("max-poll-records")),
    // Behind a stream there are as many as that has.
    ("indexer.source.partitions", Treatment::Elsewhere),
    ("indexer.retry", Treatment::Fixed("1s", "The service has no option for it.")),
    ("indexer.timeout", Treatment::Fixed("30s", "The service has no option for it.")),
    ("indexer.", Treatment::Model),
    ("database.connections", Treatment::Client("connections")),
    ("database.", Treatment::Model),
    ("index.workers", Treatment::Fixed("one for each query", NO_BOUND)),
    ("index.ef", Treatment::Client("ef")),
    ("index.m", Treatment::Client("m")),
    ("index.k", Treatment::Fixed("10", "A query says how many it wants, or has 10.")),
    ("index.dimensions", Treatment::Client("dimensions")),
    ("index.", Treatment::Model),
    ("cache.ttl", Treatment::Client("ttl")),
    ("cache.entries", Treatment::Fixed("any number", "Redis has bounds of bytes, not of entries.")),
    ("cache.", Treatment::Model),
    ("web.processes", Treatment::Fixed("two, with --page", "So many are started for a page.")),
    ("web.workers", Treatment::Fixed("any number", NO_BOUND)),
    ("web.backlog", Treatment::Fixed("any number", NO_BOUND)),
    ("web.cache.timeout", Treatment::Client("cache-timeout")),
    ("web.backend.timeout", Treatment::Client("backend-timeout")),
    ("web.", Treatment::Model),
    // What stands in front of a page is told them, where there is one.
    ("balancer.policy", Treatment::Client("policy")),
    ("balancer.max.fails", Treatment::Client("max-fails")),
    ("balancer.fail.timeout", Treatment::Client("fail-timeout")),
    ("balancer.read.timeout", Treatment::Client("read-timeout")),
    ("balancer.", Treatment::Model),
    // There are none, which is told once.
    ("users.", Treatment::Elsewhere),
];

fn configuration(system: &dyn System) -> Option<&Cluster> {
    system.as_any().downcast_ref()
}

/// Whether it is to have a cache: entries that expire at once are none.
fn wants_cache(config: &Cluster) -> bool {
    config.cache.ttl.0 > 0
}

/// What a run with or without a Redis does otherwise than `config` asks.
fn departures(config: &Cluster, path: &str, redis: bool) -> Vec<Departure> {
    let defaults = flattened(&Cluster::default());
    let options = flattened(config);
    let set = options.iter().filter(|(name, value)| defaults.get(*name) != Some(value));
    let set: Vec<(&String, &String)> = set.collect();
    let fixed = |(name, value): &(&String, &String)| match treatment(OPTIONS, name)? {
        Treatment::Fixed(done, why) => {
            Some(Departure::told(format!("{path}.{name}"), value, done, why))
        }
        _ => None,
    };
    let mut all: Vec<Departure> = set.iter().filter_map(fixed).collect();
    let modelled = |name: &String| treatment(OPTIONS, name) == Some(Treatment::Model);
    if let Some((name, value)) = set.iter().find(|(name, _)| modelled(name)) {
        let why = "It is a parameter of the model: the live parts have their own.";
        all.push(Departure::told(format!("{path}.{name}"), value, "its own", why));
    }
    if config.users.rate > 0 {
        let asked = format!("{} queries/s", config.users.rate);
        let why = "Live, only who opens the page asks.";
        all.push(Departure::told(format!("{path}.users.rate"), asked, "none", why));
    }
    if wants_cache(config) && !redis {
        all.push(Departure::told(format!("{path}.cache"), "a Redis", "none", NO_REDIS));
    }
    all
}

/// Whether an answer has the tweet of this number.
fn has(answer: &Value, number: u64) -> bool {
    let hits = answer["hits"].as_array();
    hits.is_some_and(|hits| hits.iter().any(|hit| hit["id"].as_u64() == Some(number)))
}

/// Looks for the tweet of this number by what it says; why it is not found, if so.
fn missing(at: SocketAddr, number: u64, text: &str) -> Option<String> {
    match http::json(at, &format!("/search?k={MOST}&q={}", encoded(text))) {
        Ok(answer) if has(&answer, number) => None,
        Ok(_) => Some(format!("{number}: not among the {MOST} best for its own text")),
        Err(error) => Some(format!("{number}: {error}")),
    }
}

impl LiveService for Search {
    fn name(&self) -> &'static str {
        "search"
    }

    fn lacks(&self) -> Option<&'static str> {
        stores::postgres().is_none().then_some(NO_POSTGRES)
    }

    fn options(&self, system: &dyn System) -> BTreeMap<&'static str, String> {
        let Some(config) = configuration(system) else { return BTreeMap::new() };
        let mut all = BTreeMap::from([
            ("max-poll-records", config.indexer.max_poll_records.to_string()),
            ("connections", config.database.connections.to_string()),
            ("ef", config.index.ef.to_string()),
            ("m", config.index.m.to_string()),
            ("dimensions", config.index.dimensions.to_string()),
            ("cache-timeout", time(config.web.cache_timeout)),
            ("backend-timeout", time(config.web.backend_timeout)),
        ]);
        if wants_cache(config) {
            all.insert("ttl", time(config.cache.ttl));
        }
        all
    }

    fn departures(&self, system: &dyn System, path: &str) -> Vec<Departure> {
        let redis = stores::redis().is_some();
        configuration(system).map_or_else(Vec::new, |config| departures(config, path, redis))
    }

    fn balancer(&self, system: &dyn System) -> BTreeMap<&'static str, String> {
        let Some(config) = configuration(system) else { return BTreeMap::new() };
        let policy = match config.balancer.policy {
            Policy::RoundRobin => "round-robin",
            Policy::LeastConnections => "least-connections",
        };
        BTreeMap::from([
            ("policy", policy.to_owned()),
            ("max-fails", config.balancer.max_fails.to_string()),
            ("fail-timeout", time(config.balancer.fail_timeout)),
            ("read-timeout", time(config.balancer.read_timeout)),
        ])
    }

    fn stores(
        &self,
        system: &dyn System,
        cluster: &LaunchedCluster,
        home: &Path,
    ) -> Result<Stores> {
        let Some(config) = configuration(system) else { return Ok(Stores::default()) };
        let database = stores::start_postgres(cluster, home, config.database.connections)?;
        let mut all = Stores {
            told: vec![("database", database)],
            processes: vec![stores::POSTGRES.to_owned()],
        };
        let cache = match wants_cache(config) {
            true => stores::start_redis(cluster, home)?,
            false => None,
        };
        match cache {
            Some(cache) => {
                all.told.push(("cache", cache));
                all.processes.push(stores::REDIS.to_owned());
            }
            None => {
                all.told.push(("without", "cache".to_owned()));
                if wants_cache(config) {
                    terminal::note(format_args!("search runs without a cache: {NO_REDIS}"));
                }
            }
        }
        Ok(all)
    }

    fn asked(&self, _system: &dyn System, at: SocketAddr, said: &Said) -> Option<Found> {
        let drawn: Vec<_> = said.drawn(DRAWN);
        // A text without a word can't be asked for.
        let drawn = drawn.into_iter().filter(|(_, text)| text.chars().any(char::is_alphanumeric));
        let drawn: Vec<_> = drawn.collect();
        let missing = |(number, text): &(u64, &str)| missing(at, *number, text);
        let wrong: Vec<String> = drawn.iter().filter_map(missing).collect();
        Some(Found {
            verdict: FINDABLE,
            checked: drawn.len() as u64,
            measured: format!("{} of {} tweets were found", drawn.len() - wrong.len(), drawn.len()),
            wrong,
            expected: "all",
            explanation: "Tweets from all over the run are asked for by what they say, when \
                          everything is stored."
                .into(),
        })
    }

    fn verdicts(&self) -> [&'static [&'static str]; 2] {
        [&[FINDABLE], &[ASKED]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::options::tests::assert_complete;
    use headwater_sim::time::Duration;
    use serde_json::json;

    #[test]
    fn every_option_is_listed() {
        assert_complete(OPTIONS, &Cluster::default());
    }

    #[test]
    fn what_has_no_counterpart_is_told() {
        let of = |config: &Cluster, redis| -> Vec<String> {
            let all = departures(config, "system.3", redis).into_iter();
            all.map(|one| one.difference.option).collect()
        };
        let plain = Cluster::default();
        assert_eq!(of(&plain, true), ["system.3.users.rate"]);
        assert_eq!(of(&plain, false), ["system.3.users.rate", "system.3.cache"]);
        let mut other = Cluster::default();
        (other.users.rate, other.cache.ttl) = (0, Duration(0));
        assert_eq!(of(&other, false), [""; 0], "nobody asked for a cache");
        (other.index.k, other.index.insert) = (20, Duration::from_micros(9));
        assert_eq!(of(&other, true), ["system.3.index.k", "system.3.index.insert"]);
    }

    #[test]
    fn a_tweet_is_found_by_its_number_and_not_by_another() {
        let answer = json!({ "hits": [{ "id": 7, "text": "a" }, { "id": 9 }] });
        assert!(has(&answer, 9) && !has(&answer, 8) && !has(&json!({}), 9));
    }
}
