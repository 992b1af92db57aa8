//! A PostgreSQL of its own, on a port of this machine, gone afterwards.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::common::{Running, port, until};
use crate::programs::{program, unprivileged};

/// A server.
#[derive(Debug)]
pub struct Postgres {
    server: Option<Running>,
    program: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Postgres {
    /// Starts one; none where this machine has none.
    pub async fn start() -> Option<Self> {
        let (init, program) = (program(&["initdb"])?, program(&["postgres"])?);
        let folder = tempfile::tempdir().expect("a folder");
        let mut made = unprivileged(&init, folder.path());
        made.args(["-D", "data", "-U", "tweets", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let made = made.args(["--locale", "C"]).output().expect("it starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut postgres = Self { server: None, program, folder, port: port() };
        postgres.go_on().await;
        Some(postgres)
    }

    /// Starts it again, on the same port.
    pub async fn go_on(&mut self) {
        let mut command: Command = unprivileged(&self.program, self.folder.path());
        command.args(["-D", "data", "-p", &self.port.to_string()]).stderr(Stdio::null());
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
        self.server = Some(Running::start(command.args(["-c", "fsync=off"])));
        self.client().await;
    }

    /// Stops it, as `pg_ctl stop -m fast` does.
    pub fn stop(&mut self) {
        let mut server = self.server.take().expect("it runs");
        assert_eq!(server.end(Signal::INT), Some(0));
    }

    /// Its database.
    pub fn url(&self) -> String {
        format!("postgres://tweets@127.0.0.1:{}/postgres", self.port)
    }

    /// A connection.
    pub async fn client(&self) -> Client {
        until("PostgreSQL", async || {
            let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await.ok()?;
            tokio::spawn(connection);
            Some(client)
        })
        .await
    }

    /// A number that it is asked for.
    pub async fn number(&self, query: &str) -> i64 {
        self.client().await.query_one(query, &[]).await.expect("it answers").get(0)
    }
}
