//! What the services are told on the command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::Uri;
use clap::{Args, ValueEnum};

use crate::nginx::Policy;
use crate::source::Topic;
use crate::{duration, http};

/// When what was written is made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sync {
    /// Before its position is written down, and the position after that.
    Commit,
    /// When the operating system comes to it.
    None,
}

/// A service's address, from the command line.
///
/// # Errors
/// What was expected in its place.
pub fn backend(text: &str) -> std::result::Result<Uri, String> {
    let wrong = || format!("{text:?} is no service; expected one such as http://127.0.0.1:7001");
    let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| wrong())?;
    let plain = uri.scheme_str() == Some("http") && uri.port().is_some() && uri.path().len() <= 1;
    if plain { Ok(uri) } else { Err(wrong()) }
}

/// What is read.
#[derive(Clone, Debug, Args)]
pub struct Stream {
    /// Kafka's brokers.
    #[arg(long, value_name = "HOST:PORT,...")]
    pub bootstrap: String,
    /// The topic.
    #[arg(long)]
    pub topic: String,
    /// How long the topic is waited for where it is not there yet.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub wait: Duration,
    /// Messages that are taken at once at the most.
    #[arg(
        long, value_name = "N", default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..),
    )]
    pub max_poll_records: u32,
    /// Where the counts are written when the service ends.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

impl Stream {
    /// The topic, as it is read under this name.
    pub fn topic(&self, name: &str) -> Topic {
        Topic {
            bootstrap: self.bootstrap.clone(),
            name: self.topic.clone(),
            group: name.to_string(),
            most: self.max_poll_records as usize,
            wait: self.wait,
        }
    }
}

/// `backup`.
#[derive(Clone, Debug, Args)]
pub struct Backup {
    /// What is read.
    #[command(flatten)]
    pub stream: Stream,
    /// The file; its position is beside it, in FILE.position.
    #[arg(long, value_name = "FILE")]
    pub file: PathBuf,
    /// A consumer group in which positions are committed as well, so that Kafka's tools show how
    /// far it is; where it goes on is for the file to say.
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// From one position that is written down to the next.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::positive)]
    pub commit_interval: Duration,
    /// When what was written is made durable.
    #[arg(long, value_enum, default_value_t = Sync::Commit)]
    pub sync: Sync,
    /// Time until a write that was refused is tried again.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::positive)]
    pub resume_interval: Duration,
    /// Where /stats and /health are served.
    #[arg(long, value_name = "127.0.0.1:PORT", value_parser = http::loopback)]
    pub listen: Option<SocketAddr>,
}

/// `trending`.
#[derive(Clone, Debug, Args)]
pub struct Trending {
    /// What is read.
    #[command(flatten)]
    pub stream: Stream,
    /// Where it is served; port 0 for any.
    #[arg(long, value_name = "127.0.0.1:PORT", value_parser = http::loopback)]
    pub listen: SocketAddr,
    /// Length of a window.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::positive)]
    pub window: Duration,
    /// From one window to the next; the window is a multiple.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::positive)]
    pub slide: Duration,
    /// How late a tweet may come for windows that are over.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration::parse)]
    pub max_delay: Duration,
    /// Hashtags that are shown where it is not said.
    #[arg(
        long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..=100_000),
    )]
    pub top: u32,
}

/// What a search can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The index of vectors: the database is asked for the words themselves.
    Vectors,
    /// The cache: each query is answered anew.
    Cache,
}

/// `search`.
#[derive(Clone, Debug, Args)]
pub struct Search {
    /// What is read.
    #[command(flatten)]
    pub stream: Stream,
    /// Where it is served; port 0 for any.
    #[arg(long, value_name = "127.0.0.1:PORT", value_parser = http::loopback)]
    pub listen: SocketAddr,
    /// A database of PostgreSQL.
    #[arg(long, value_name = "postgres://...")]
    pub database: String,
    /// Goes on with a table that has rows already.
    #[arg(long)]
    pub keep: bool,
    /// Connections for queries.
    #[arg(
        long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=1_000),
    )]
    pub connections: u32,
    /// Redis, for answers; without it there is no cache.
    #[arg(long, value_name = "redis://...")]
    pub cache: Option<String>,
    /// How long an answer is there.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::positive)]
    pub ttl: Duration,
    /// What it does without.
    #[arg(long, value_enum, value_name = "PART", value_delimiter = ',')]
    pub without: Vec<Part>,
    /// Candidates that a search of the index keeps.
    #[arg(
        long, value_name = "N", default_value_t = 200,
        value_parser = clap::value_parser!(u32).range(1..=10_000),
    )]
    pub ef: u32,
    /// Neighbours that a vector has in each layer of the index.
    #[arg(
        long, value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(2..=256),
    )]
    pub m: u32,
    /// Dimensions of a vector.
    #[arg(
        long, value_name = "N", default_value_t = 128,
        value_parser = clap::value_parser!(u32).range(8..=4_096),
    )]
    pub dimensions: u32,
    /// Time after which an answer of the cache is no longer waited for.
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = duration::positive)]
    pub cache_timeout: Duration,
    /// Time after which a query no longer waits for the database.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration::positive)]
    pub backend_timeout: Duration,
}

/// `web`.
#[derive(Clone, Debug, Args)]
pub struct Web {
    /// Where it is served; port 0 for any.
    #[arg(long, value_name = "127.0.0.1:PORT", value_parser = http::loopback)]
    pub listen: SocketAddr,
    /// The trending service.
    #[arg(long, value_name = "URL", value_parser = backend)]
    pub trending: Option<Uri>,
    /// The search service; several are asked in turn.
    #[arg(long, value_name = "URL", value_parser = backend)]
    pub search: Vec<Uri>,
    /// The backup.
    #[arg(long, value_name = "URL", value_parser = backend)]
    pub backup: Option<Uri>,
    /// What Spark tells of itself: a file of JSON, of which the last line counts.
    #[arg(long, value_name = "FILE")]
    pub spark_stats: Option<PathBuf>,
    /// Time after which a service is no longer waited for.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration::positive)]
    pub backend_timeout: Duration,
    /// Where the counts are written when it ends.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

/// `nginx-config`.
#[derive(Clone, Debug, Args)]
pub struct NginxConfig {
    /// A folder of nginx's own, for all that it writes; it is there already.
    #[arg(long, value_name = "DIR")]
    pub folder: PathBuf,
    /// Where nginx listens.
    #[arg(long, value_name = "127.0.0.1:PORT", value_parser = http::loopback)]
    pub listen: SocketAddr,
    /// A web process; several take turns.
    #[arg(long, value_name = "127.0.0.1:PORT", required = true, value_parser = http::loopback)]
    pub web: Vec<SocketAddr>,
    /// Which process gets the next request.
    #[arg(long, value_enum, default_value_t = Policy::RoundRobin)]
    pub policy: Policy,
    /// Attempts that fail within --fail-timeout before a process is taken to be down; 0 for never.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub max_fails: u32,
    /// And for how long.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::positive)]
    pub fail_timeout: Duration,
    /// Time after which an answer is no longer waited for, and the next process is asked.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration::positive)]
    pub read_timeout: Duration,
}
