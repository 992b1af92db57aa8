//! The service: the page, and what it asks for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::client::Client;
use super::spark;
use crate::arguments;
use crate::delays::Delays;
use crate::duration::micros;
use crate::http::Refusal;
use crate::record;

/// The whole page, with its style and its script in it.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    include_str!("page.html")
        .replace("/*style*/", include_str!("page.css"))
        .replace("/*script*/", &[include_str!("stages.js"), include_str!("page.js")].concat())
});

/// The service.
#[derive(Debug)]
pub struct Web {
    at: SocketAddr,
    client: Client,
    trending: Option<Uri>,
    search: Vec<Uri>,
    backup: Option<Uri>,
    spark: Option<PathBuf>,
    turn: AtomicUsize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    started_at: u64,
    requests: u64,
    failed: u64,
    answers: Delays,
}

impl Web {
    /// What was asked for, at the address where it listens.
    pub fn new(asked: arguments::Web, at: SocketAddr) -> Self {
        let started = Counts { started_at: record::now(), ..Counts::default() };
        Self {
            at,
            client: Client::new(asked.backend_timeout),
            trending: asked.trending,
            search: asked.search,
            backup: asked.backup,
            spark: asked.spark_stats,
            turn: AtomicUsize::new(0),
            counts: Mutex::new(started),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it says of itself. Its requests are those that it passes on.
    pub fn told(&self) -> Value {
        let mut counts = self.counts();
        json!({
            "stage": "web",
            "listen": self.at.to_string(),
            "started_at": counts.started_at,
            "now": record::now(),
            "requests": counts.requests,
            "failed": counts.failed,
            "answer_us": counts.answers.told(),
            "recent_answer_us": counts.answers.recent(),
        })
    }

    /// All that it answers.
    pub fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/", get(async || Html(PAGE.as_str())))
            .route("/api/top", get(top))
            .route("/api/search", get(search))
            .route("/api/stats", get(stats))
            .route("/stats", get(own))
            .route("/health", get(async || Json(json!({ "ok": true }))))
            .with_state(self)
    }

    fn count(&self, begun: Instant, answer: &Result<(StatusCode, Bytes), String>) {
        let mut counts = self.counts();
        counts.requests += 1;
        let answered = answer.as_ref().is_ok_and(|(status, _)| !status.is_server_error());
        if answered {
            counts.answers.record(micros(begun.elapsed()));
        } else {
            counts.failed += 1;
        }
    }

    /// Asks one of the searches, and another where it can't answer.
    async fn searched(&self, path: &str) -> Result<(StatusCode, Bytes), String> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut answer = Err("there is no search".into());
        for next in 0..self.search.len() {
            let at = &self.search[(first + next) % self.search.len()];
            answer = self.client.get(at, path).await;
            if answer.as_ref().is_ok_and(|(status, _)| !status.is_server_error()) {
                break;
            }
        }
        answer
    }

    async fn stats_if(&self, base: Option<&Uri>) -> Option<Value> {
        match base {
            Some(base) => Some(self.stats_of(base).await),
            None => None,
        }
    }

    async fn stats_of(&self, base: &Uri) -> Value {
        let failed = |why| json!({ "error": why });
        match self.client.get(base, "/stats").await {
            Ok((StatusCode::OK, body)) => serde_json::from_slice(&body)
                .unwrap_or_else(|error| failed(format!("{base} tells no JSON: {error}"))),
            Ok((status, _)) => failed(format!("{base} answers with {status}")),
            Err(why) => failed(why),
        }
    }
}

fn passed_on(answer: Result<(StatusCode, Bytes), String>) -> Response {
    match answer {
        Ok((status, body)) => {
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(why) => Refusal(StatusCode::BAD_GATEWAY, why).into_response(),
    }
}

fn with_query(path: &str, query: Option<String>) -> String {
    query.map_or_else(|| path.to_string(), |query| format!("{path}?{query}"))
}

async fn top(State(web): State<Arc<Web>>, RawQuery(query): RawQuery) -> Response {
    let begun = Instant::now();
    let answer = match &web.trending {
        Some(base) => web.client.get(base, &with_query("/top", query)).await,
        None => Err("there is no trending".into()),
    };
    web.count(begun, &answer);
    passed_on(answer)
}

async fn search(State(web): State<Arc<Web>>, RawQuery(query): RawQuery) -> Response {
    let begun = Instant::now();
    let answer = web.searched(&with_query("/search", query)).await;
    web.count(begun, &answer);
    passed_on(answer)
}

async fn own(State(web): State<Arc<Web>>) -> Json<Value> {
    Json(web.told())
}

/// What all stages tell, at once; of one that does not answer, why.
async fn stats(State(web): State<Arc<Web>>) -> Json<Value> {
    let searches = async {
        let mut all = vec![];
        for base in &web.search {
            all.push(web.stats_of(base).await);
        }
        all
    };
    let backup = web.stats_if(web.backup.as_ref());
    let trending = web.stats_if(web.trending.as_ref());
    let (trending, search, backup) = tokio::join!(trending, searches, backup);
    let spark = web
        .spark
        .as_ref()
        .map(|path| spark::last(path).unwrap_or_else(|why| json!({ "error": why })));
    Json(json!({
        "now": record::now(),
        "backup": backup,
        "spark": spark,
        "trending": trending,
        "search": search,
        "web": web.told(),
    }))
}
