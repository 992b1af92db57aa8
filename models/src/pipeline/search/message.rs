//! Messages of a search.
//!
//! Stands for HTTP between users, balancer and web, RESP between web and cache, the protocol of
//! PostgreSQL and of an index of vectors. Sizes in bytes, of a short query and an answer of rows.

use std::rc::Rc;

use headwater_sim::fingerprint::mix;

use super::record::Row;

/// How a request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As asked.
    Done,
    /// Who was asked cannot do it, now.
    Failed,
}

/// A message of a search. `id` is the sender's number of what it asks, and comes back.
#[derive(Clone, Debug)]
pub enum Message {
    /// A user's query.
    Query {
        /// The request.
        id: u64,
        /// What is asked.
        query: u64,
    },
    /// What became of it.
    Answer {
        /// The request.
        id: u64,
        /// How it went.
        status: Status,
        /// Rows.
        rows: u32,
    },
    /// `GET`.
    Get {
        /// The request.
        id: u64,
        /// The query.
        key: u64,
    },
    /// What the cache has of it: so many rows.
    Got {
        /// The request.
        id: u64,
        /// Rows; nothing where it has no such entry.
        rows: Option<u32>,
    },
    /// `SET .. EX`, in a pipeline: its answer is not waited for.
    Set {
        /// The query.
        key: u64,
        /// Rows.
        rows: u32,
    },
    /// A search for the nearest vectors.
    Find {
        /// The request.
        id: u64,
        /// The query.
        query: u64,
        /// Bytes of its vector.
        vector: u32,
    },
    /// What was found.
    Found {
        /// The request.
        id: u64,
        /// How it went.
        status: Status,
        /// Their tweets.
        tweets: Rc<[u64]>,
    },
    /// `SELECT .. WHERE id IN (..)`.
    Select {
        /// The request.
        id: u64,
        /// The tweets.
        tweets: Rc<[u64]>,
    },
    /// What the database has of them.
    Rows {
        /// The request.
        id: u64,
        /// How it went.
        status: Status,
        /// Rows.
        rows: u32,
    },
    /// `INSERT .. ON CONFLICT DO NOTHING`, in a transaction; or as many vectors.
    Insert {
        /// The request.
        id: u64,
        /// What is to be there.
        rows: Rc<[Row]>,
        /// Bytes of it.
        bytes: u64,
    },
    /// It is committed, or not.
    Inserted {
        /// The request.
        id: u64,
        /// How it went.
        status: Status,
    },
}

/// A row of an answer: a tweet's text of 140 characters and its author, as JSON.
const ROW: u64 = 300;
/// Headers of a request and of an answer over HTTP.
const HTTP: u64 = 400;
/// A command or an answer without its content, of any of the other protocols.
const FRAME: u64 = 40;

impl Message {
    /// Bytes on the wire.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Query { .. } => HTTP,
            Self::Answer { rows, .. } => HTTP + ROW * u64::from(*rows),
            Self::Get { .. } | Self::Inserted { .. } => FRAME,
            Self::Got { rows, .. } => FRAME + ROW * u64::from(rows.unwrap_or(0)),
            Self::Set { rows, .. } | Self::Rows { rows, .. } => FRAME + ROW * u64::from(*rows),
            Self::Find { vector, .. } => FRAME + u64::from(*vector),
            Self::Found { tweets, .. } | Self::Select { tweets, .. } => {
                FRAME + 8 * tweets.len() as u64
            }
            Self::Insert { bytes, .. } => FRAME + bytes,
        }
    }

    /// Its kind, for traces.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Query { .. } => "query",
            Self::Answer { .. } => "answer",
            Self::Get { .. } => "cache-get",
            Self::Got { .. } => "cache-got",
            Self::Set { .. } => "cache-set",
            Self::Find { .. } => "find",
            Self::Found { .. } => "found",
            Self::Select { .. } => "select",
            Self::Rows { .. } => "rows",
            Self::Insert { .. } => "insert",
            Self::Inserted { .. } => "inserted",
        }
    }

    /// A hash of its content.
    pub fn digest(&self) -> u64 {
        let all = |hash, of: &[u64]| of.iter().fold(hash, |hash, id| mix(hash, *id));
        match self {
            Self::Query { id, query } => mix(mix(1, *id), *query),
            Self::Answer { id, status, rows } => {
                mix(mix(mix(2, *id), *status as u64), u64::from(*rows))
            }
            Self::Get { id, key } => mix(mix(3, *id), *key),
            Self::Got { id, rows } => mix(mix(4, *id), rows.map_or(0, |rows| u64::from(rows) + 1)),
            Self::Set { key, rows } => mix(mix(5, *key), u64::from(*rows)),
            Self::Find { id, query, vector } => mix(mix(mix(6, *id), *query), u64::from(*vector)),
            Self::Found { id, status, tweets } => all(mix(mix(7, *id), *status as u64), tweets),
            Self::Select { id, tweets } => all(mix(8, *id), tweets),
            Self::Rows { id, status, rows } => {
                mix(mix(mix(9, *id), *status as u64), u64::from(*rows))
            }
            Self::Insert { id, rows, bytes } => {
                let hash = mix(mix(10, *id), *bytes);
                rows.iter().fold(hash, |hash, row| mix(hash, row.tweet))
            }
            Self::Inserted { id, status } => mix(mix(11, *id), *status as u64),
        }
    }
}
