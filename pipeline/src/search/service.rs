//! The service: records become rows and vectors, and queries are answered from them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Json;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cache::Cache;
use super::database::{self, Database, Row, Trouble};
use super::index::{Index, Shape};
use super::ranking::{Hit, ranked};
use super::words;
use crate::delays::Delays;
use crate::duration::micros;
use crate::failure::{Failure, Result};
use crate::http::{Answer, Refusal, count};
use crate::ids::Ids;
use crate::record::{self, Record};
use crate::source::Message;
use crate::stage::Stage;
use crate::tally::Tally;

/// Time until rows that were refused, or whose connection broke, are sent again.
const RETRY: Duration = Duration::from_secs(1);
/// Tweets of an answer where it is not said, and at the most.
const USUAL: usize = 10;
const MOST: usize = 100;
/// Letters of a query at the most.
const LONGEST: usize = 1_000;
/// Candidates for each tweet of an answer: the nearest need not have most words of the query.
const CANDIDATES: usize = 10;

/// What a search is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database.
    pub database: database::Options,
    /// The index of vectors, if there is one.
    pub index: Option<Shape>,
    /// The Redis, if there is one.
    pub cache: Option<String>,
    /// How long an answer is in it.
    pub ttl: Duration,
    /// Longest wait for it.
    pub cache_timeout: Duration,
}

/// The service.
#[derive(Debug)]
pub struct Search {
    database: Database,
    index: Option<Arc<Index>>,
    cache: Option<Cache>,
    state: Mutex<Counting>,
}

#[derive(Debug)]
struct Counting {
    tally: Tally,
    /// What is in database and index.
    stored: Ids,
    /// Rows that were there at the start.
    kept: u64,
    /// Rows that the database had not had.
    inserted: u64,
    /// Times that rows were sent again.
    retries: u64,
    /// Why the database did not answer, until it does again.
    away: Option<String>,
    queries: u64,
    failed: u64,
    hits: u64,
    misses: u64,
    cache_failed: u64,
    answers: Delays,
}

/// What became of asking the cache.
enum Looked {
    Found(Value),
    Missed,
    Failed,
}

impl Search {
    /// Connects to what it is made of, and puts the rows into the index that are there already.
    ///
    /// # Errors
    /// What is not there, or not as expected.
    pub async fn open(config: &Config) -> Result<Self> {
        let database = Database::open(&config.database).await?;
        let index = config.index.map(|shape| Arc::new(Index::new(shape)));
        let stored = kept(&database, index.as_ref()).await?;
        let cache = match &config.cache {
            None => None,
            Some(url) => {
                let identity = database.identity().await;
                let identity = identity.map_err(|trouble| database.unusable(&trouble))?;
                Some(Cache::open(url, &identity, config.ttl, config.cache_timeout).await?)
            }
        };
        let counting = Counting {
            tally: Tally::new("search"),
            kept: stored.len(),
            stored,
            inserted: 0,
            retries: 0,
            away: None,
            queries: 0,
            failed: 0,
            hits: 0,
            misses: 0,
            cache_failed: 0,
            answers: Delays::default(),
        };
        Ok(Self { database, index, cache, state: Mutex::new(counting) })
    }

    fn state(&self) -> MutexGuard<'_, Counting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The records of `batch` that are not stored, each once.
    fn fresh(&self, records: &[std::result::Result<Record, String>]) -> Vec<Row> {
        let state = self.state();
        let mut here = Ids::default();
        let parsed = records.iter().flatten();
        let fresh = parsed.filter(|of| !state.stored.contains(of.id) && here.insert(of.id));
        fresh.cloned().map(Row::from).collect()
    }

    /// Stores `rows`, however long the database is away. Rows that were sent twice, because nobody
    /// had answered for them, are there once.
    async fn store(&self, rows: &[Row]) -> Result<u64> {
        loop {
            let place = self.database.place();
            match self.database.insert(rows).await {
                Ok(new) => {
                    self.state().away = None;
                    return Ok(new);
                }
                Err(Trouble::Lasting(why)) => {
                    return Err(Failure::broken(format!("database at {place}: {why}")));
                }
                Err(Trouble::Passing(why)) => {
                    let mut state = self.state();
                    state.retries += 1;
                    if state.away.replace(why.clone()).is_none() {
                        eprintln!(
                            "search: database at {place}: {why}; tried again until it is back"
                        );
                    }
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn add_vectors(&self, rows: &Arc<Vec<Row>>) -> Result<()> {
        let Some(index) = self.index.clone() else { return Ok(()) };
        let rows = Arc::clone(rows);
        let added = tokio::task::spawn_blocking(move || {
            rows.iter().for_each(|row| index.insert(row.id, &row.text));
        });
        added.await.map_err(|error| Failure::broken(format!("the index of vectors: {error}")))
    }

    fn count(
        &self,
        batch: &[Message],
        records: &[std::result::Result<Record, String>],
        rows: &[Row],
    ) {
        let mut state = self.state();
        let state = &mut *state;
        for (message, record) in batch.iter().zip(records) {
            state.tally.received(message);
            match record {
                Ok(record) => drop(state.tally.tweet(record.id)),
                Err(why) => state.tally.malformed(message, why),
            }
        }
        let now = record::now();
        for row in rows {
            state.stored.insert(row.id);
            state.tally.visible(row.at, now);
        }
    }

    async fn looked_up(&self, key: &str) -> Option<Looked> {
        let looked = match self.cache.as_ref()?.get(key).await {
            Ok(Some(text)) => serde_json::from_str(&text).map_or(Looked::Missed, Looked::Found),
            Ok(None) => Looked::Missed,
            Err(_) => Looked::Failed,
        };
        let mut state = self.state();
        match looked {
            Looked::Found(_) => state.hits += 1,
            Looked::Missed => state.misses += 1,
            Looked::Failed => state.cache_failed += 1,
        }
        Some(looked)
    }

    /// The answer, from the cache or anew, and whether it was there.
    async fn answer(&self, query: &str, k: usize) -> std::result::Result<(Value, bool), Trouble> {
        let mut sorted = words::words(query);
        sorted.sort();
        let key = format!("{k}:{}", sorted.join(" "));
        let looked = self.looked_up(&key).await;
        if let Some(Looked::Found(answer)) = looked {
            return Ok((answer, true));
        }
        let hits = self.found(query, k).await?;
        let answer = Value::Array(hits.iter().map(told).collect());
        if let (Some(cache), Some(Looked::Missed)) = (&self.cache, looked)
            && cache.set(&key, &answer.to_string()).await.is_err()
        {
            self.state().cache_failed += 1;
        }
        Ok((answer, false))
    }

    async fn found(&self, query: &str, k: usize) -> std::result::Result<Vec<Hit>, Trouble> {
        let Some(index) = &self.index else {
            let rows = self.database.by_words(&words::different(query), k).await?;
            return Ok(ranked(query, rows.into_iter().map(|row| (row, 0.0)).collect(), k));
        };
        let near = index.near(query, k * CANDIDATES);
        if near.is_empty() {
            return Ok(vec![]);
        }
        let ids: Vec<u64> = near.iter().map(|(id, _)| *id).collect();
        let rows = self.database.by_ids(&ids).await?;
        let nearness = |row: Row| {
            let near = near.iter().find(|(id, _)| *id == row.id).map_or(0.0, |(_, near)| *near);
            (row, near)
        };
        Ok(ranked(query, rows.into_iter().map(nearness).collect(), k))
    }
}

/// Puts the rows that are there already into the index.
async fn kept(database: &Database, index: Option<&Arc<Index>>) -> Result<Ids> {
    let mut stored = Ids::default();
    let mut after = -1;
    loop {
        let texts = database.texts(after).await;
        let texts = texts.map_err(|trouble| database.unusable(&trouble))?;
        let Some((last, _)) = texts.last() else { return Ok(stored) };
        after = i64::try_from(*last).unwrap_or(i64::MAX);
        for (id, text) in &texts {
            stored.insert(*id);
            if let Some(index) = index {
                index.insert(*id, text);
            }
        }
    }
}

fn told(hit: &Hit) -> Value {
    let Row { id, at, user, lang, text, hashtags, batch, worked_at } = &hit.row;
    json!({
        "id": id, "at": at, "user": user, "lang": lang, "text": text, "hashtags": hashtags,
        "batch": batch, "worked_at": worked_at, "matched": hit.matched, "near": hit.near,
    })
}

impl Stage for Search {
    async fn take(&self, batch: Vec<Message>) -> Result<()> {
        let now = record::now();
        let records: Vec<_> = batch.iter().map(|of| Record::parse(&of.value, now)).collect();
        let rows = Arc::new(self.fresh(&records));
        if !rows.is_empty() {
            let new = self.store(&rows).await?;
            self.state().inserted += new;
            self.add_vectors(&rows).await?;
        }
        self.count(&batch, &records, &rows);
        Ok(())
    }

    fn health(&self) -> std::result::Result<(), String> {
        let away = self.state().away.clone();
        away.map_or(Ok(()), |why| Err(format!("the database does not answer: {why}")))
    }

    fn stats(&self) -> Value {
        let mut state = self.state();
        let state = &mut *state;
        let cache = self.cache.as_ref().map(
            |_| json!({ "hits": state.hits, "misses": state.misses, "failed": state.cache_failed }),
        );
        let more = json!({
            "rows_kept": state.kept,
            "rows_inserted": state.inserted,
            "rows": state.stored.len(),
            "vectors": self.index.as_ref().map(|index| index.len()),
            "retries": state.retries,
            "queries": state.queries,
            "queries_failed": state.failed,
            "query_us": state.answers.told(),
            "recent_query_us": state.answers.recent(),
            "cache": cache,
        });
        state.tally.told(more)
    }

    fn routes(self: Arc<Self>) -> Router {
        Router::new().route("/search", get(search)).with_state(self)
    }
}

#[derive(Debug, Deserialize)]
struct Asked {
    q: Option<String>,
    k: Option<String>,
}

async fn search(State(search): State<Arc<Search>>, Query(asked): Query<Asked>) -> Answer {
    let begun = Instant::now();
    let k = count(asked.k.as_deref(), USUAL, MOST)?;
    let query = asked.q.unwrap_or_default();
    if words::words(&query).is_empty() {
        return Err(Refusal::wrong(format!("q is {query:?}: a word at the least is expected")));
    }
    if query.chars().nth(LONGEST).is_some() {
        return Err(Refusal::wrong(format!("q is longer than {LONGEST} letters")));
    }
    let answered = search.answer(&query, k).await;
    let took = micros(begun.elapsed());
    let mut state = search.state();
    state.queries += 1;
    match answered {
        Err(trouble) => {
            state.failed += 1;
            state.away = Some(trouble.why().into());
            Err(Refusal::unable(format!("the database does not answer: {}", trouble.why())))
        }
        Ok((hits, cached)) => {
            state.answers.record(took);
            if !cached {
                state.away = None;
            }
            Ok(Json(json!({
                "q": query, "k": k, "cached": cached, "took_us": took, "hits": hits,
            })))
        }
    }
}
