//! A Redis of its own, on a port of this machine, gone afterwards.

use std::process::{Command, Stdio};

use redis::aio::MultiplexedConnection;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::common::{Running, port, until};
use crate::programs::program;

/// A server.
#[derive(Debug)]
pub struct Redis {
    server: Running,
    port: u16,
    _folder: TempDir,
}

impl Redis {
    /// Starts one; none where this machine has none.
    pub async fn start() -> Option<Self> {
        let program = program(&["redis-server", "valkey-server"])?;
        let (folder, port) = (tempfile::tempdir().expect("a folder"), port());
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.current_dir(folder.path()).stdout(Stdio::null());
        let redis = Self { server: Running::start(&mut command), port, _folder: folder };
        redis.client().await;
        Some(redis)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection.
    pub async fn client(&self) -> MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("an address");
        until("Redis", async || client.get_multiplexed_async_connection().await.ok()).await
    }

    /// Stops it for good.
    pub fn stop(&mut self) {
        self.server.end(Signal::KILL);
    }
}
