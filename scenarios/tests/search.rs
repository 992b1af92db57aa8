//! A search in a run: what is found when its parts die, stand or are flushed, what users get of it,
//! and the law of its cache.

mod common;

use headwater_reports::Outcome;
use headwater_reports::outcome::VerdictStatus;

use common::{failed, ran, read};

/// It takes the schedule itself.
fn alone(options: &str, traffic: &str) -> String {
    format!("[system]\nkind = \"search\"\n{options}\n[traffic]\n{traffic}\n")
}

/// Kafka with a search behind it, 200 tweets a second for 10 s, and 50 queries a second.
fn chain(options: &str, faults: &str) -> String {
    format!(
        "[[system]]\nname = \"tweets\"\nkind = \"kafka\"\nbrokers = 1\npartitions = 4\n\
         replication.factor = 1\n[[system]]\nname = \"search\"\nkind = \"search\"\n\
         from = \"tweets\"\n{options}\n[traffic]\nrate = \"200/s\"\nduration = \"10s\"\n{faults}"
    )
}

fn fault(kind: &str, target: &str, at_ms: u32, for_ms: u32) -> String {
    format!(
        "[[fault]]\nkind = \"{kind}\"\ntarget = \"{target}\"\nat = \"{at_ms}ms\"\n\
         for = \"{for_ms}ms\"\n"
    )
}

fn verdict<'a>(outcome: &'a Outcome, name: &str) -> (VerdictStatus, &'a str) {
    let found = outcome.verdicts.iter().find(|of| of.name == name).expect("looked at");
    (found.status, &found.measured)
}

/// A level at its highest, over the nodes that have it.
fn most(outcome: &Outcome, name: &str) -> f64 {
    let gauges = outcome.series.gauges.iter().filter(|gauge| gauge.name.ends_with(name));
    gauges.map(|gauge| gauge.values.iter().flatten().copied().fold(0.0, f64::max)).sum()
}

fn marks(outcome: &Outcome, name: &str) -> usize {
    outcome.marks.iter().filter(|mark| mark.name == name).count()
}

fn all_found(outcome: &Outcome, what: &str) {
    let (status, measured) = verdict(outcome, "findable");
    assert_eq!((failed(outcome), status), (vec![], VerdictStatus::Pass), "{what}: {measured}");
    assert_eq!(verdict(outcome, "asked").0, VerdictStatus::Pass, "{what}");
}

#[test]
fn what_a_stream_delivers_is_found_and_every_query_is_answered() {
    for policy in ["round-robin", "least-connections"] {
        let outcome = ran(&chain(&format!("balancer.policy = \"{policy}\""), ""));
        all_found(&outcome, policy);
        assert_eq!(most(&outcome, "queries_failed"), 0.0, "{policy}");
        assert!(most(&outcome, "queries_answered") > 400.0, "{policy}");
        let all = outcome.counts.acked as f64;
        assert_eq!(most(&outcome, "rows_stored"), 2.0 * all, "rows, and as many vectors");
    }
}

#[test]
fn it_stands_behind_pravega_as_well() {
    let kafka = "kind = \"kafka\"\nbrokers = 1\npartitions = 4\nreplication.factor = 1\n";
    let text = chain("", "").replace(kafka, "kind = \"pravega\"\n");
    assert!(text.contains("pravega"));
    let outcome = ran(&text);
    all_found(&outcome, "pravega");
    assert!(outcome.counts.acked > 1_500 && most(&outcome, "queries_answered") > 400.0);
}

/// Each part is killed, paused, cut off from power or let down by its disk while rows are on their
/// way.
#[test]
fn whatever_part_is_killed_every_tweet_is_found_in_the_end() {
    let options = "indexer.timeout = \"2s\"\nindex.insert = \"20us\"\n";
    for (kind, target) in [
        ("crash", "search.indexer-1"),
        ("crash", "search.database-1"),
        ("power-cut", "search.database-1"),
        ("crash", "search.index-1"),
        ("power-cut", "search.index-1"),
        ("pause", "search.database-1"),
        ("crash", "search.users-1"),
        ("sync-errors", "search.database-1"),
        ("write-errors", "search.index-1"),
    ] {
        let rate = if kind.ends_with("errors") { "rate = 1\n" } else { "" };
        let outcome = ran(&chain(options, &(fault(kind, target, 4_003, 800) + rate)));
        all_found(&outcome, &format!("{kind} of {target}"));
    }
}

/// The disk is asked, not the indexer: what it has stored and the database has no more is missing,
/// and whoever searches finds vectors without their rows.
#[test]
fn a_database_that_has_lost_its_disk_is_told_of() {
    let outcome =
        ran(&chain("cache.ttl = \"0s\"", &fault("wipe", "search.database-1", 5_000, 500)));
    let (status, measured) = verdict(&outcome, "findable");
    assert_eq!((failed(&outcome), status), (vec!["findable"], VerdictStatus::Fail), "{measured}");
    assert!(measured.ends_with("in no database, 0 in no index"), "{measured}");
    assert!(most(&outcome, "rows_missing") > 100.0);
}

/// An index that was made anew of its vectors, or a database that starts, says so; queries fail
/// meanwhile, unless the cache has them.
#[test]
fn without_a_database_the_cache_answers_what_it_has() {
    let hot = "users.queries = 5\nusers.alpha = 0\ncache.ttl = \"1h\"\n";
    let down = fault("crash", "search.database-1", 5_000, 2_000);
    let outcome = ran(&chain(hot, &down));
    all_found(&outcome, "hot");
    assert_eq!(most(&outcome, "queries_failed"), 0.0);
    let outcome = ran(&chain("cache.ttl = \"0s\"\n", &down));
    all_found(&outcome, "no cache");
    let failed = most(&outcome, "queries_failed");
    // 2 s at 50/s, and as long as it takes to start.
    assert!((80.0..170.0).contains(&failed), "{failed}");
}

#[test]
fn a_cache_that_is_killed_is_flushed_and_queries_go_behind_it() {
    let hot = "users.queries = 20\nusers.alpha = 0\nusers.rate = 100\ncache.ttl = \"1h\"\n";
    let quiet = ran(&chain(hot, ""));
    let flushed = ran(&chain(hot, &fault("crash", "search.cache-1", 5_000, 100)));
    all_found(&flushed, "flushed");
    assert_eq!(most(&flushed, "queries_failed"), 0.0);
    assert_eq!((marks(&quiet, "cache_empty"), marks(&flushed, "cache_empty")), (1, 2));
    // Each of the 20 is missed once by either life, or by as many as came before its answer.
    let [before, after] = [&quiet, &flushed].map(|of| most(of, "cache_misses"));
    assert!((20.0..26.0).contains(&before) && (20.0..26.0).contains(&after), "{before}, {after}");
    // A cache that stands is a miss after 100 ms, and costs that.
    let paused = ran(&chain(hot, &fault("pause", "search.cache-1", 5_000, 1_000)));
    all_found(&paused, "paused");
    let (unanswered, failed) = (most(&paused, "cache_unanswered"), most(&paused, "queries_failed"));
    assert!(unanswered > 50.0 && failed == 0.0, "{unanswered}, {failed}");
    assert!(most(&paused, "query_p99_us") > 100_000.0);
}

/// A database that stands fails queries by the patience of those who ask, and rows wait for it.
#[test]
fn a_database_that_stands_holds_up_queries_and_rows() {
    let options = "cache.ttl = \"0s\"\nweb.backend.timeout = \"500ms\"\n";
    let outcome = ran(&chain(options, &fault("pause", "search.database-1", 4_000, 2_000)));
    all_found(&outcome, "paused");
    let failed = most(&outcome, "queries_failed");
    // Eight workers, of which each waits for half a second three or four times; the others wait for
    // them.
    assert!((20.0..120.0).contains(&failed), "{failed}");
    let behind = most(&outcome, "unindexed");
    assert!((300.0..600.0).contains(&behind), "2 s at 200/s: {behind}");
    let slow = "[[fault]]\nkind = \"fill-disk\"\ntarget = \"search.database-1\"\nat = \"4s\"\n\
                for = \"2s\"\n";
    let outcome = ran(&chain(options, slow));
    all_found(&outcome, "full");
    assert!(marks(&outcome, "store_refused") > 0 && marks(&outcome, "rows_again") > 0);
    assert_eq!(most(&outcome, "queries_failed"), 0.0, "a query needs no disk");
}

/// Of two web processes one dies: requests on their way to it go to the other, which has all until
/// the dead one is tried again.
#[test]
fn the_balancer_passes_on_what_a_dead_process_does_not_answer() {
    let down = fault("crash", "search.web-1", 3_000, 1_000);
    let outcome = ran(&chain("users.rate = 200\nbalancer.fail.timeout = \"2s\"\n", &down));
    all_found(&outcome, "one down");
    assert_eq!(most(&outcome, "queries_failed"), 0.0);
    assert_eq!((marks(&outcome, "web_down"), marks(&outcome, "web_back")), (1, 1));
    let passed_on = most(&outcome, "requests_passed_on");
    assert!((1.0..5.0).contains(&passed_on), "{passed_on}");
    let alone = ran(&chain("web.processes = 1\n", &down.replace("web-1", "webs")));
    all_found(&alone, "none left");
    assert!(most(&alone, "queries_failed") > 25.0, "{}", most(&alone, "queries_failed"));
}

/// More users than a page can serve: queries fail by their limit, and are counted.
#[test]
fn what_a_page_cannot_serve_fails_by_the_users_patience() {
    let options = "cache.ttl = \"0s\"\nweb.processes = 1\nweb.workers = 1\nweb.request = \"19ms\"\n\
                   users.rate = 100\nusers.limit = \"500ms\"\n";
    let outcome = ran(&chain(options, ""));
    all_found(&outcome, "overload");
    let [answered, lost] = ["queries_answered", "queries_failed"].map(|of| most(&outcome, of));
    // 50 requests/s, of which those that are served have been waiting for too long after a while.
    assert!(answered < 150.0 && answered + lost > 800.0, "{answered}, {lost}");
}

/// Expiry as [the cache's own test](headwater_models::pipeline::search::entries) has it, in a run:
/// hits of all 200 queries, which are asked for alike at 1/s each: T / (1 + T).
#[test]
fn hits_of_a_run_are_those_of_its_expiry() {
    let options = "cache.ttl = \"3s\"\nusers.rate = 200\nusers.queries = 200\nusers.alpha = 0\n";
    let traffic = "rate = \"20/s\"\nduration = \"60s\"";
    let outcome = ran(&alone(options, traffic));
    all_found(&outcome, "law");
    let [hits, misses] = ["cache_hits", "cache_misses"].map(|of| most(&outcome, of));
    // The first of each are misses: one in 60.
    let share = hits / (hits + misses);
    assert!((share - 0.75).abs() < 0.015, "{share}");
}

#[test]
fn what_cannot_be_is_refused_at_its_place() {
    let refused = |options: &str| read(&alone(options, "rate = \"9/s\"")).expect_err(options);
    let none = refused("web.processes = 0");
    assert!(none.contains("web.processes is 0"), "{none}");
    let typo = refused("cach.ttl = \"3s\"");
    assert!(typo.contains("cache"), "{typo}");
}
