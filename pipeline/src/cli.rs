//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axum::http::Uri;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::backup::archive::Sync;
use crate::nginx::Policy;
use crate::source::Topic;
use crate::{backup, duration, http, nginx, search, trending, web};

const EXAMPLES: &str = "\
Examples:
  headwater-pipeline backup --bootstrap 127.0.0.1:9092 --topic tweets --file tweets.ndjson
      each tweet of the first stream as a line of a file; started again, it goes on where the
      file ends, without a line missing or twice
  headwater-pipeline trending --bootstrap 127.0.0.1:9092 --topic hashed --listen 127.0.0.1:7001
      hashtags of the last minute, in memory: curl 'http://127.0.0.1:7001/top?k=10'
  headwater-pipeline search --bootstrap 127.0.0.1:9092 --topic hashed --listen 127.0.0.1:7002 \\
      --database postgres://tweets@127.0.0.1:5432/tweets --cache redis://127.0.0.1:6379
      tweets in PostgreSQL, their vectors in an index, answers in Redis for 30 s:
      curl 'http://127.0.0.1:7002/search?q=tea&k=10'
  headwater-pipeline web --listen 127.0.0.1:8081 --trending http://127.0.0.1:7001 \\
      --search http://127.0.0.1:7002
      the page: word cloud, search, rates and delays of each stage
  headwater-pipeline nginx-config --folder nginx --listen 127.0.0.1:8080 \\
      --web 127.0.0.1:8081 --web 127.0.0.1:8082 > nginx/nginx.conf
  nginx -p nginx -c nginx.conf
      one address in front of two such processes

Each service tells its counts at /stats, whether it can answer at /health, and ends at Ctrl-C or
SIGTERM; --summary FILE has its counts then. Exit codes: 0 it was asked to end; 1 something failed
on the way; 2 what was asked for can't be served.";

#[derive(Debug, Parser)]
#[command(
    name = "headwater-pipeline",
    version,
    about = "The services behind a stream: a backup, trending hashtags, a search, and their page.",
    after_help = EXAMPLES
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes each tweet of the first stream to a file, a line each.
    Backup(Backup),
    /// Counts hashtags in windows of the tweets' times, in memory.
    Trending(Trending),
    /// Stores tweets, and answers queries for them.
    Search(Search),
    /// Serves the page, and passes its queries on.
    Web(Web),
    /// Prints a configuration of nginx with web processes behind one address.
    NginxConfig(NginxConfig),
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
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
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
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
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
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
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
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub ef: u32,
    /// Neighbours that a vector has in each layer of the index.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=256))]
    pub m: u32,
    /// Dimensions of a vector.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(8..=4_096))]
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
    #[arg(long, value_name = "URL", value_parser = web::backend)]
    pub trending: Uri,
    /// The search service; several are asked in turn.
    #[arg(long, value_name = "URL", required = true, value_parser = web::backend)]
    pub search: Vec<Uri>,
    /// The backup.
    #[arg(long, value_name = "URL", value_parser = web::backend)]
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

/// Runs the program.
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be started");
    let ended = runtime.block_on(async {
        match command {
            Command::Backup(asked) => backup::run(asked).await,
            Command::Trending(asked) => trending::run(asked).await,
            Command::Search(asked) => search::run(asked).await,
            Command::Web(asked) => web::run(asked).await,
            Command::NginxConfig(asked) => nginx::run(&asked),
        }
    });
    // A query that waits for a database must not keep the process.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            failure.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound_and_has_examples_of_every_command() {
        let command = Cli::command();
        command.clone().debug_assert();
        for name in command.get_subcommands().map(clap::Command::get_name) {
            assert!(EXAMPLES.contains(&format!("headwater-pipeline {name} ")), "{name}");
        }
    }

    #[test]
    fn the_examples_parse() {
        let joined = EXAMPLES.replace("\\\n", " ");
        let lines = joined.lines().filter_map(|line| line.strip_prefix("  headwater-pipeline "));
        let mut parsed = 0;
        for line in lines {
            let line = line.split(" > ").next().unwrap_or_default();
            let words = ["headwater-pipeline"].into_iter().chain(line.split_whitespace());
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
            parsed += 1;
        }
        assert_eq!(parsed, 5);
    }
}
