//! The search over a real PostgreSQL and a real Redis.

use std::sync::Arc;
use std::time::Duration;

use headwater_pipeline::search::{Config, Search, database, index};
use headwater_pipeline::source::Message;
use headwater_pipeline::stage::Stage;
use serde_json::{Value, json};

use crate::common::{get, message, served};
use crate::postgres::Postgres;
use crate::programs::asked;
use crate::redis::Redis;

/// A search over these, as tests have it.
pub fn config(postgres: &Postgres, redis: Option<&Redis>) -> Config {
    Config {
        database: database::Options {
            url: postgres.url(),
            connections: 2,
            keep: false,
            by_words: false,
            patience: Duration::from_secs(10),
        },
        index: Some(index::Shape { dimensions: 128, m: 16, ef: 200 }),
        cache: redis.map(Redis::url),
        ttl: Duration::from_secs(30),
        cache_timeout: Duration::from_secs(1),
    }
}

async fn open(config: &Config) -> Arc<Search> {
    Arc::new(Search::open(config).await.expect("it starts"))
}

fn ids(answer: &Value) -> Vec<u64> {
    let hits = answer["hits"].as_array().unwrap_or_else(|| panic!("no hits: {answer}"));
    hits.iter().filter_map(|hit| hit["id"].as_u64()).collect()
}

fn tweets() -> Vec<Message> {
    let texts = [
        (1, "green tea in the #morning"),
        (2, "black tea at night"),
        (3, "coffee in the #morning"),
        (4, "nothing of all that"),
        (5, "日本の人はお茶を飲む"),
    ];
    texts.iter().map(|(id, text)| message(*id, text)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tweets_are_found_by_their_words_and_are_there_once() {
    if !asked("tweets_are_found_by_their_words_and_are_there_once") {
        return;
    }
    let Some(postgres) = Postgres::start().await else { return };
    let stage = open(&config(&postgres, None)).await;
    let at = served(&stage).await;
    let broken = Message { value: b"no record".to_vec(), ..Message::default() };
    stage.take(tweets()).await.expect("taken");
    stage.take([vec![broken], tweets(), tweets()].concat()).await.expect("taken");
    assert_eq!(postgres.number("SELECT count(*) FROM tweets").await, 5);
    let cases = [
        ("green%20tea", vec![1, 2]),
        ("TEA,%20green!", vec![1, 2]),
        ("%23morning%20coffee", vec![3, 1]),
        ("%E3%81%8A%E8%8C%B6", vec![5]),
        ("zebra", vec![]),
    ];
    for (query, expected) in cases {
        let (status, answer) = get(&at, &format!("/search?q={query}")).await;
        assert_eq!((status, ids(&answer)), (200, expected), "{query}: {answer}");
    }
    let (_, one) = get(&at, "/search?q=tea&k=1").await;
    let hit = &one["hits"][0];
    assert_eq!((ids(&one).len(), &hit["matched"], &hit["batch"]), (1, &json!(1), &json!(3)));
    let (status, refused) = get(&at, "/search?q=...").await;
    assert_eq!(status, 400, "{refused}");
    let stats = stage.stats();
    let counts = ["received", "distinct", "repeated", "malformed", "rows", "vectors"];
    assert_eq!(counts.map(|name| stats[name].as_u64()), [16, 5, 10, 1, 5, 5].map(Some), "{stats}");
    assert_eq!(stats["rows_inserted"], 5);
    assert_eq!((&stats["queries"], &stats["delay_us"]["count"]), (&json!(6), &json!(5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_with_rows_is_refused_or_gone_on_with() {
    if !asked("a_table_with_rows_is_refused_or_gone_on_with") {
        return;
    }
    let Some(postgres) = Postgres::start().await else { return };
    let mut config = config(&postgres, None);
    open(&config).await.take(tweets()).await.expect("taken");
    let told = Search::open(&config).await.expect_err("it has rows").to_string();
    assert!(told.contains("its table tweets has 5 rows") && told.contains("--keep"), "{told}");
    config.database.keep = true;
    let stage = open(&config).await;
    let at = served(&stage).await;
    assert_eq!(ids(&get(&at, "/search?q=coffee").await.1), [3], "before anything is read");
    let mut again = tweets();
    again.push(message(6, "more tea"));
    stage.take(again).await.expect("taken");
    let stats = stage.stats();
    let counts = ["distinct", "rows_kept", "rows_inserted", "rows", "vectors"];
    assert_eq!(counts.map(|name| stats[name].as_u64()), [6, 5, 1, 6, 6].map(Some), "{stats}");
    config.database.url = config.database.url.replace("postgres://tweets", "postgres://nobody");
    let told = Search::open(&config).await.expect_err("no such role").to_string();
    assert!(told.contains("role \"nobody\" does not exist"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_rows_wait_and_are_there_once_afterwards() {
    if !asked("while_the_database_is_away_rows_wait_and_are_there_once_afterwards") {
        return;
    }
    let Some(mut postgres) = Postgres::start().await else { return };
    let stage = open(&config(&postgres, None)).await;
    let at = served(&stage).await;
    stage.take(tweets()).await.expect("taken");
    postgres.stop();
    let (status, answer) = get(&at, "/search?q=tea").await;
    assert_eq!(status, 503, "{answer}");
    let waiting = tokio::spawn({
        let stage = Arc::clone(&stage);
        async move { stage.take(vec![message(1, "tea"), message(7, "late tea")]).await }
    });
    crate::common::until("a retry", async || {
        stage.stats()["retries"].as_u64().filter(|retries| *retries > 0)
    })
    .await;
    assert!(!waiting.is_finished());
    let (status, health) = get(&at, "/health").await;
    assert_eq!(status, 503, "{health}");
    postgres.go_on().await;
    waiting.await.expect("it ends").expect("taken");
    assert_eq!(postgres.number("SELECT count(*) FROM tweets").await, 6);
    assert_eq!(ids(&get(&at, "/search?q=late").await.1), [7]);
    assert_eq!(get(&at, "/health").await.0, 200);
    assert_eq!(stage.stats()["repeated"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_in_the_cache_until_it_expires_and_the_cache_may_go_away() {
    if !asked("an_answer_is_in_the_cache_until_it_expires_and_the_cache_may_go_away") {
        return;
    }
    let Some(postgres) = Postgres::start().await else { return };
    let Some(mut redis) = Redis::start().await else { return };
    let stage = open(&config(&postgres, Some(&redis))).await;
    let at = served(&stage).await;
    stage.take(tweets()).await.expect("taken");
    let (_, first) = get(&at, "/search?q=green%20tea").await;
    stage.take(vec![message(9, "green tea again")]).await.expect("taken");
    let (_, second) = get(&at, "/search?q=Tea%20GREEN").await;
    assert_eq!((&first["cached"], &second["cached"]), (&json!(false), &json!(true)));
    assert_eq!(first["hits"], second["hits"], "that of before, in its time");
    let mut client = redis.client().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("headwater:*").query_async(&mut client).await.expect("keys");
    let left: i64 = redis::cmd("PTTL").arg(&keys).query_async(&mut client).await.expect("a time");
    assert!(keys.len() == 1 && (1..=30_000).contains(&left), "{keys:?} {left}");
    let _: () = redis::cmd("DEL").arg(&keys).query_async(&mut client).await.expect("gone");
    let (_, third) = get(&at, "/search?q=green%20tea").await;
    assert_eq!((&third["cached"], ids(&third)), (&json!(false), vec![9, 1, 2]));
    redis.stop();
    let (status, fourth) = get(&at, "/search?q=green%20tea").await;
    assert_eq!((status, &fourth["cached"]), (200, &json!(false)), "without a cache");
    let cache = &stage.stats()["cache"];
    assert_eq!((&cache["hits"], &cache["misses"]), (&json!(1), &json!(2)), "{cache}");
    assert!(cache["failed"].as_u64() > Some(0), "{cache}");
    let told = Search::open(&config(&postgres, Some(&redis))).await;
    assert!(told.is_err(), "a table with rows, or no Redis");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_vectors_the_database_is_asked_for_the_words() {
    if !asked("without_vectors_the_database_is_asked_for_the_words") {
        return;
    }
    let Some(postgres) = Postgres::start().await else { return };
    let mut config = config(&postgres, None);
    (config.index, config.database.by_words) = (None, true);
    let stage = open(&config).await;
    let at = served(&stage).await;
    stage.take(tweets()).await.expect("taken");
    assert_eq!(ids(&get(&at, "/search?q=green%20tea").await.1), [1, 2]);
    assert_eq!(ids(&get(&at, "/search?q=zebra").await.1), [0; 0]);
    assert_eq!(stage.stats()["vectors"], Value::Null);
}
