//! Configuration of a search: options with the source of each default.
//!
//! Left out: replicas of the database and of the index, several shards, a cache of several nodes.

use headwater_sim::time::Duration;
use headwater_sim::units::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::queries::Load;

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "models/src/pipeline/search/config.rs: the default of each option from the \
                  product that it names, or an assumption that is called one"
))]
pub struct Cluster {
    /// Takes the stream into database and index.
    pub indexer: Indexer,
    /// The database.
    pub database: Database,
    /// The index of vectors.
    pub index: Index,
    /// The cache in front of both.
    pub cache: Cache,
    /// The processes behind the page.
    pub web: Web,
    /// What stands in front of them.
    pub balancer: Balancer,
    /// Those who ask.
    pub users: Users,
}

/// Takes the stream into database and index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "models/src/pipeline/search/config.rs: the default of each option from the \
                  product that it names, or an assumption that is called one"
))]
pub struct Indexer {
    /// Events that are read, and then stored, at once at the most. Default 500
    /// (`max.poll.records`, `ConsumerConfig.java` @ apache/kafka 3.9.0).
    #[serde(rename = "max.poll.records")]
    pub max_poll_records: u64,
    /// Partitions of the source where it takes the schedule; behind a stream, as many as that has.
    /// Default 1.
    #[serde(rename = "source.partitions")]
    pub source_partitions: u32,
    /// Time until rows that were refused, or whose connection broke, are sent again. Default 1 s,
    /// an assumption.
    pub retry: Duration,
    /// Time until rows that nobody has answered for are sent again. Default 30 s, an assumption
    /// (clients of PostgreSQL wait for ever: `statement_timeout` is 0).
    pub timeout: Duration,
    /// CPU time from the start of the process until it reads its position. Default 140 ms: CPython
    /// 3.11, `import json, collections`, on two cores.
    pub start: Duration,
    /// CPU time in which a KiB of tweets is parsed. Default 17 us: CPython 3.11, `json.loads` of a
    /// tweet of 1,989 B, on two cores.
    pub kib: Duration,
    /// CPU time in which a tweet becomes a vector. Default 100 us, an assumption: hashed words, no
    /// language model (which takes milliseconds of a core).
    pub embed: Duration,
}

/// How long statements take beside their mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// All of them as long.
    Constant,
    /// Exponentially distributed, as an M/M/c has it.
    Exponential,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "PostgreSQL 15 (Debian), pgbench on two cores: rows of 200 B, one commit each, \
                  14,000/s at 8 clients; transactions of 1,000 rows, 142,000 rows/s"
))]
pub struct Database {
    /// Connections of its pool: statements that it works on at once; others wait. Default 20
    /// (`default_pool_size` of PgBouncer 1.23).
    pub connections: u32,
    /// How long statements take beside their mean: `constant` or `exponential`. Default
    /// `constant`.
    pub service: Service,
    /// CPU time of a query. Default 70 us: of two cores at 14,000/s, half of what a statement takes
    /// with its client; an assumption.
    pub select: Duration,
    /// CPU time of a row that is inserted. Default 7 us.
    pub insert: Duration,
    /// CPU time of its start, until it reads its log. Default 200 ms, an assumption.
    pub start: Duration,
    /// CPU time of a row that a start recovers. Default 1 us, an assumption.
    pub recover: Duration,
    /// What a row takes in the log beside its text: the header of its tuple (23, padded to 24) and
    /// its line pointer (4; `htup_details.h`, `itemid.h` @ PostgreSQL 15), the header of its record
    /// (24, `xlogrecord.h`), and an entry of the key's index (16). Default 68 B.
    #[serde(rename = "row.overhead")]
    pub row_overhead: Bytes,
}

/// The index of vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "hnswlib 0.8 on one core, 100,000 vectors of 128 dimensions, M = 16: 0.11 ms for \
                  a search with ef = 50, 0.41 ms with ef = 200, 2,200 vectors/s inserted; Malkov \
                  and Yashunin, arXiv 1603.09320, on what a search goes through"
))]
pub struct Index {
    /// Searches that it works on at once, each with a core; others wait. Default 1.
    pub workers: u32,
    /// Candidates that a search keeps (`ef`). Default 40 (`hnsw.ef_search` of pgvector 0.8).
    pub ef: u32,
    /// Neighbours that a vector has in each layer. Default 16 (`m` of pgvector 0.8).
    pub m: u32,
    /// Vectors that a search gives. Default 10, an assumption: a page of results.
    pub k: u32,
    /// Dimensions of a vector, each a float of 32 bits. Default 128: those of the measurement.
    pub dimensions: u32,
    /// CPU time of a layer that a search descends through. Default 2.4 us: 10 us at 100,000
    /// vectors, which are log 100,000 / log 16 layers.
    pub layer: Duration,
    /// CPU time of a candidate. Default 2 us: 0.30 ms for 150 of them.
    pub candidate: Duration,
    /// CPU time of a vector that is inserted, or inserted anew at a start. Default 455 us.
    pub insert: Duration,
    /// CPU time of its start, until it reads its vectors. Default 200 ms, an assumption.
    pub start: Duration,
}

/// The cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "Redis 7.0.15 (Debian), redis-benchmark on two cores: 56,000 to 60,000 SET or GET \
                  a second at 50 clients"
))]
pub struct Cache {
    /// How long an entry is there (`SET .. EX`); 0 s for no cache. Default 60 s, an assumption: the
    /// paper has an expiry and does not say which.
    pub ttl: Duration,
    /// Entries that it has room for; beyond that the one that was used longest ago goes
    /// (`maxmemory-policy allkeys-lru`). Default 10,000, an assumption.
    pub entries: u32,
    /// CPU time of a command, on its only thread for commands. Default 17 us.
    pub command: Duration,
    /// CPU time of its start; it is empty then. Default 10 ms, an assumption.
    pub start: Duration,
}

/// The processes behind the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "models/src/pipeline/search/config.rs: the default of each option from the \
                  product that it names, or an assumption that is called one"
))]
pub struct Web {
    /// How many there are. Default 2, an assumption: with one there is nothing to balance.
    pub processes: u32,
    /// Requests that each works on at once. Default 4, an assumption (`workers` of gunicorn 23 is
    /// 1, and its documentation has 2 to 4 for each core).
    pub workers: u32,
    /// Requests that wait for one at the most; more are refused. Default 2,048 (`backlog` of
    /// gunicorn 23).
    pub backlog: u32,
    /// Time after which an answer of the cache is no longer waited for, and the index is asked.
    /// Default 100 ms, an assumption (redis-py 5 waits for ever).
    #[serde(rename = "cache.timeout")]
    pub cache_timeout: Duration,
    /// Time after which the database or the index is no longer waited for, and the request fails.
    /// Default 1 s, an assumption.
    #[serde(rename = "backend.timeout")]
    pub backend_timeout: Duration,
    /// CPU time of a request until it asks the cache. Default 400 us, an assumption: Flask takes
    /// about half a millisecond for a page of which nothing has to be looked up.
    pub request: Duration,
    /// CPU time in which an answer is written. Default 100 us, an assumption.
    pub render: Duration,
    /// CPU time of its start. Default 500 ms, an assumption.
    pub start: Duration,
}

/// Which process gets the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest that are not answered (`least_conn`).
    LeastConnections,
}

/// What stands in front of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "nginx 1.22: src/http/ngx_http_upstream_round_robin.c, and the documentation of \
                  ngx_http_upstream_module and ngx_http_proxy_module; wrk, 16 connections, one \
                  worker: 38,000 requests/s proxied"
))]
pub struct Balancer {
    /// Which process gets the next request: `round-robin` or `least-connections`. Default
    /// `round-robin`.
    pub policy: Policy,
    /// Attempts that fail within `fail.timeout` before a process is taken to be down; 0 for never.
    /// Default 1 (`max_fails`).
    #[serde(rename = "max.fails")]
    pub max_fails: u32,
    /// And for how long. Default 10 s (`fail_timeout`).
    #[serde(rename = "fail.timeout")]
    pub fail_timeout: Duration,
    /// Time after which an answer is no longer waited for, and the next process is asked. Default
    /// 60 s (`proxy_read_timeout`).
    #[serde(rename = "read.timeout")]
    pub read_timeout: Duration,
    /// CPU time of a request, on its only worker. Default 26 us.
    pub request: Duration,
    /// CPU time of its start. Default 10 ms, an assumption.
    pub start: Duration,
}

/// Those who ask, independently of one another and of how long answers take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "models/src/pipeline/search/config.rs: the default of each option from the \
                  product that it names, or an assumption that is called one"
))]
pub struct Users {
    /// Time from the start of the run until they begin. Default 1 s, an assumption: by then what
    /// they ask has started.
    pub after: Duration,
    /// Queries in a second, on the average: a Poisson process; 0 for none. Default 50, an
    /// assumption.
    pub rate: u32,
    /// Queries that differ, up to 1,000,000. Default 10,000, an assumption.
    pub queries: u32,
    /// Exponent of Zipf's law, by which one is asked more often than another, 0 (all alike) to 5.
    /// Default 0.8: 0.64 to 0.83 are those of six traces of web proxies (Breslau et al., "Web
    /// caching and Zipf-like distributions", INFOCOM 1999).
    pub alpha: f64,
    /// Time after which a user no longer waits: the query has failed. Default 2 s, an assumption.
    pub limit: Duration,
}

impl Default for Indexer {
    fn default() -> Self {
        Self {
            max_poll_records: 500,
            source_partitions: 1,
            retry: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            start: Duration::from_millis(140),
            kib: Duration::from_micros(17),
            embed: Duration::from_micros(100),
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            connections: 20,
            service: Service::Constant,
            select: Duration::from_micros(70),
            insert: Duration::from_micros(7),
            start: Duration::from_millis(200),
            recover: Duration::from_micros(1),
            row_overhead: Bytes(68),
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self {
            workers: 1,
            ef: 40,
            m: 16,
            k: 10,
            dimensions: 128,
            layer: Duration::from_nanos(2_400),
            candidate: Duration::from_micros(2),
            insert: Duration::from_micros(455),
            start: Duration::from_millis(200),
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
            entries: 10_000,
            command: Duration::from_micros(17),
            start: Duration::from_millis(10),
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        Self {
            processes: 2,
            workers: 4,
            backlog: 2_048,
            cache_timeout: Duration::from_millis(100),
            backend_timeout: Duration::from_secs(1),
            request: Duration::from_micros(400),
            render: Duration::from_micros(100),
            start: Duration::from_millis(500),
        }
    }
}

impl Default for Balancer {
    fn default() -> Self {
        Self {
            policy: Policy::RoundRobin,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(60),
            request: Duration::from_micros(26),
            start: Duration::from_millis(10),
        }
    }
}

impl Default for Users {
    fn default() -> Self {
        Self {
            after: Duration::from_secs(1),
            rate: 50,
            queries: 10_000,
            alpha: 0.8,
            limit: Duration::from_secs(2),
        }
    }
}

/// Queries that differ at the most.
const QUERIES_MAX: u32 = 1_000_000;

impl Cluster {
    /// What makes it impossible, if anything.
    ///
    /// # Errors
    /// The first option that cannot be 0, or is beyond what it may be.
    pub fn check(&self) -> Result<(), String> {
        let least = [
            ("indexer.max.poll.records", self.indexer.max_poll_records),
            ("indexer.source.partitions", self.indexer.source_partitions.into()),
            ("indexer.retry", self.indexer.retry.0),
            ("indexer.timeout", self.indexer.timeout.0),
            ("database.connections", self.database.connections.into()),
            ("index.workers", self.index.workers.into()),
            ("index.ef", self.index.ef.into()),
            ("index.k", self.index.k.into()),
            ("index.dimensions", self.index.dimensions.into()),
            ("cache.entries", self.cache.entries.into()),
            ("web.processes", self.web.processes.into()),
            ("web.workers", self.web.workers.into()),
            ("web.cache.timeout", self.web.cache_timeout.0),
            ("web.backend.timeout", self.web.backend_timeout.0),
            ("balancer.read.timeout", self.balancer.read_timeout.0),
            ("users.queries", self.users.queries.into()),
            ("users.limit", self.users.limit.0),
        ];
        if let Some((name, _)) = least.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} is 0: it is above that"));
        }
        if self.index.m < 2 {
            return Err(format!("index.m is {}: it is 2 at the least", self.index.m));
        }
        if self.users.queries > QUERIES_MAX {
            return Err(format!("users.queries is {}, above {QUERIES_MAX}", self.users.queries));
        }
        if !(0.0..=5.0).contains(&self.users.alpha) {
            return Err(format!("users.alpha is {}, not from 0 to 5", self.users.alpha));
        }
        Ok(())
    }

    /// What is asked.
    pub fn load(&self) -> Load {
        let Users { after, rate, queries, alpha, limit } = self.users;
        Load { after, rate, queries, alpha, limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_by_its_name() {
        let of = |change: fn(&mut Cluster)| {
            let mut cluster = Cluster::default();
            change(&mut cluster);
            cluster.check()
        };
        assert_eq!(of(|_| {}), Ok(()));
        let none = of(|cluster| cluster.web.processes = 0).unwrap_err();
        assert_eq!(none, "web.processes is 0: it is above that");
        let flat = of(|cluster| cluster.index.m = 1).unwrap_err();
        assert_eq!(flat, "index.m is 1: it is 2 at the least");
        let steep = of(|cluster| cluster.users.alpha = 5.5).unwrap_err();
        assert_eq!(steep, "users.alpha is 5.5, not from 0 to 5");
    }
}
