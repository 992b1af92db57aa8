//! The cache: answers in Redis, for a while.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::time::timeout;

use crate::duration::micros;
use crate::failure::{Failure, Result};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);

/// Answers, each with an expiry.
#[derive(Clone)]
pub struct Cache {
    redis: ConnectionManager,
    prefix: String,
    ttl: Duration,
    patience: Duration,
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache").field("prefix", &self.prefix).field("ttl", &self.ttl).finish()
    }
}

impl Cache {
    /// Connects to the Redis at `url`, with keys of the table `identity`: answers of another time
    /// are not taken for those of this one.
    ///
    /// # Errors
    /// A Redis that is not there.
    pub async fn open(
        url: &str,
        identity: &str,
        ttl: Duration,
        patience: Duration,
    ) -> Result<Self> {
        let failed = |error: String| {
            Failure::usage(format!(
                "--cache {url}: {error}; expected a Redis such as redis://127.0.0.1:6379, or \
                 --without cache"
            ))
        };
        let client = redis::Client::open(url).map_err(|error| failed(error.to_string()))?;
        let config = ConnectionManagerConfig::new().set_connection_timeout(Some(CONNECT));
        let config = config.set_response_timeout(Some(CONNECT)).set_number_of_retries(1);
        let connecting = client.get_connection_manager_with_config(config);
        let redis = match timeout(2 * CONNECT, connecting).await {
            Ok(connected) => connected.map_err(|error| failed(error.to_string()))?,
            Err(_) => return Err(failed(format!("no connection within {:?}", 2 * CONNECT))),
        };
        Ok(Self { redis, prefix: format!("headwater:{identity}:"), ttl, patience })
    }

    /// The answer of `key`, if it is there.
    ///
    /// # Errors
    /// Why that can't be known in time.
    pub async fn get(&self, key: &str) -> std::result::Result<Option<String>, String> {
        let mut get = redis::cmd("GET");
        get.arg(format!("{}{key}", self.prefix));
        self.asked(&get).await
    }

    /// Keeps `answer` for a while.
    ///
    /// # Errors
    /// Why it may not be there.
    pub async fn set(&self, key: &str, answer: &str) -> std::result::Result<(), String> {
        let mut set = redis::cmd("SET");
        let ms = (micros(self.ttl) / 1_000).max(1);
        set.arg(format!("{}{key}", self.prefix)).arg(answer).arg("PX").arg(ms);
        self.asked(&set).await
    }

    async fn asked<T: redis::FromRedisValue>(
        &self,
        command: &redis::Cmd,
    ) -> std::result::Result<T, String> {
        let mut redis = self.redis.clone();
        match timeout(self.patience, command.query_async(&mut redis)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer of Redis within {:?}", self.patience)),
        }
    }
}
