//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::arguments::{Backup, NginxConfig, Search, Trending, Web};
use crate::{backup, nginx, search, trending, web};

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
