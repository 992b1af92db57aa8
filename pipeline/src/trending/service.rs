//! The service: records of the second stream go into windows, of which queries are answered.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Json;
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::windows::{Ranking, Shape, Windows};
use crate::failure::Result;
use crate::http::{Answer, Refusal, count};
use crate::record::{self, Record};
use crate::source::Message;
use crate::stage::Stage;
use crate::tally::Tally;

/// Hashtags of an answer at the most.
const MOST: usize = 100_000;

/// What is counted, and how much of it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The windows.
    pub shape: Shape,
    /// Hashtags that are shown where it is not said.
    pub top: usize,
}

/// The service.
#[derive(Debug)]
pub struct Trending {
    config: Config,
    state: Mutex<Counting>,
}

#[derive(Debug)]
struct Counting {
    tally: Tally,
    windows: Windows,
    /// Tweets with a hashtag that were counted before.
    again: u64,
}

impl Trending {
    /// Nothing is counted yet.
    pub fn new(config: Config) -> Self {
        let (tally, windows) = (Tally::new("trending"), Windows::new(config.shape));
        let counting = Counting { tally, windows, again: 0 };
        Self { config, state: Mutex::new(counting) }
    }

    fn state(&self) -> MutexGuard<'_, Counting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage for Trending {
    async fn take(&self, batch: Vec<Message>) -> Result<()> {
        let mut state = self.state();
        let Counting { tally, windows, again } = &mut *state;
        for message in &batch {
            let now = record::now();
            tally.received(message);
            match Record::parse(&message.value, now) {
                Err(why) => tally.malformed(message, &why),
                // Spark hands on again what it works on again: each id counts once.
                Ok(record) => {
                    if tally.tweet(record.id) {
                        windows.add(record.at, &record.tags());
                        tally.visible(record.at, now);
                    } else {
                        *again += u64::from(!record.tags().is_empty());
                    }
                }
            }
        }
        Ok(())
    }

    fn stats(&self) -> Value {
        let mut state = self.state();
        let shown = state.windows.top(0);
        let (late, late_for_one) = (state.windows.late(), state.windows.late_for_one());
        let again = state.again;
        state.tally.told(json!({
            "late": late,
            "late_for_a_window": late_for_one,
            "counted_before": again,
            "window_tweets": shown.tweets,
            "window_hashtags": shown.hashtags,
        }))
    }

    fn routes(self: Arc<Self>) -> Router {
        Router::new().route("/top", get(top)).with_state(self)
    }
}

#[derive(Debug, Deserialize)]
struct Asked {
    k: Option<String>,
    /// `all`: since the start, in place of the last window.
    scope: Option<String>,
    /// The end of another window, in microseconds since 1970.
    until: Option<u64>,
}

async fn top(State(trending): State<Arc<Trending>>, Query(asked): Query<Asked>) -> Answer {
    let k = count(asked.k.as_deref(), trending.config.top, MOST)?;
    let state = trending.state();
    let ranking = match (asked.scope.as_deref(), asked.until) {
        (None | Some("window"), None) => state.windows.top(k),
        (None | Some("window"), Some(until)) => {
            state.windows.top_until(until, k).map_err(Refusal::wrong)?
        }
        (Some("all"), None) => state.windows.top_of_all(k),
        (Some("all"), Some(_)) => {
            return Err(Refusal::wrong("until is of a window, and scope is all: one of them"));
        }
        (Some(other), _) => {
            return Err(Refusal::wrong(format!("scope is {other:?}: window or all")));
        }
    };
    drop(state);
    Ok(Json(told(&ranking)))
}

fn told(ranking: &Ranking) -> Value {
    let top: Vec<Value> = ranking
        .top
        .iter()
        .map(|(hashtag, count)| json!({ "hashtag": hashtag, "count": count }))
        .collect();
    json!({
        "from": ranking.from,
        "until": ranking.until,
        "tweets": ranking.tweets,
        "hashtags": ranking.hashtags,
        "top": top,
    })
}
