//! What a search keeps things in: a PostgreSQL and a Redis of the run's own, on free ports of this
//! machine, gone with the run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::programs::{Ground, find};
use crate::failure::{Failure, Result};
use crate::launch::guard::Launch;
use crate::launch::guarded::held;
use crate::launch::{LaunchedCluster, ports, said_last, wait_ready_within};

/// The processes, by their names.
pub(super) const POSTGRES: &str = "postgres";
pub(super) const REDIS: &str = "redis";

/// Who owns the database.
const OWNER: &str = "tweets";

/// Connections that a server has room for where nobody asks for more, and those of a search that
/// are not for queries.
const CONNECTIONS: u32 = 100;
const BESIDES: u32 = 10;

/// How long one may take until it takes connections.
const READY: Duration = Duration::from_secs(30);

/// What PostgreSQL logs when it takes connections; before, it refuses them with a word.
const TAKES: &str = "database system is ready to accept connections";

/// PostgreSQL's programs, of one version: that which makes a database, and the server.
pub(super) fn postgres() -> Option<[PathBuf; 2]> {
    let server = find(&["postgres"])?.canonicalize().ok()?;
    let init = server.with_file_name("initdb");
    init.is_file().then_some([init, server])
}

/// Redis, or what goes on from it.
pub(super) fn redis() -> Option<PathBuf> {
    find(&["redis-server", "valkey-server"])
}

/// Starts a PostgreSQL with room for these connections; where its database is.
pub(super) fn start_postgres(
    cluster: &LaunchedCluster,
    home: &Path,
    connections: u32,
) -> Result<String> {
    let [init, server] = postgres().ok_or_else(|| Failure::new(super::search::NO_POSTGRES))?;
    let Ground { folder, user } = Ground::unprivileged(cluster, home, POSTGRES)?;
    let log = cluster.data.join("postgres.log");
    let launch = |name: &str, command: Vec<String>| {
        let (name, directory, log) = (name.to_owned(), folder.clone(), log.clone());
        Launch { name, command, directory, log, user }
    };
    let mut made = vec![init.display().to_string()];
    // Only who is on this machine comes to it, and to nothing else than what the run has put there.
    let options = ["-D", "data", "-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale", "C"];
    made.extend(options.map(str::to_owned));
    // What is made has nothing yet that could be lost; the server syncs what it commits.
    made.push("--no-sync".into());
    if held(&cluster.guarded)?.run(launch("initdb", made))? != 0 {
        let said = said_last(&log);
        return Err(Failure::new(format!("could not make a database; initdb said last: {said}")));
    }
    let port = ports::free(1)?[0];
    let most = CONNECTIONS.max(connections.saturating_add(BESIDES));
    let mut command = vec![server.display().to_string(), "-D".into(), "data".into()];
    command.extend(["-p".into(), port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".into(),
        format!("max_connections={most}"),
    ] {
        command.extend(["-c".into(), setting]);
    }
    cluster.launch_beside(launch(POSTGRES, command))?;
    let takes = || std::fs::read_to_string(&log).is_ok_and(|said| said.contains(TAKES));
    wait_ready_within(READY, &cluster.guarded, POSTGRES, &log, takes)?;
    Ok(format!("postgres://{OWNER}@{}/postgres", ports::local(port)))
}

/// Starts a Redis that keeps nothing on disk; where it is. None where there is none.
pub(super) fn start_redis(cluster: &LaunchedCluster, home: &Path) -> Result<Option<String>> {
    let Some(server) = redis() else { return Ok(None) };
    let port = ports::free(1)?[0];
    let mut command = vec![server.display().to_string(), "--port".into(), port.to_string()];
    let options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    command.extend(options.map(str::to_owned));
    let log = cluster.data.join("redis.log");
    let (name, directory) = (REDIS.to_owned(), home.to_owned());
    cluster.launch_beside(Launch { name, command, directory, log: log.clone(), user: None })?;
    let at = ports::local(port);
    wait_ready_within(READY, &cluster.guarded, REDIS, &log, || ports::listens(at))?;
    Ok(Some(format!("redis://{at}")))
}
