//! A search as a system: what it tells those who run it, inject faults and check it.

use std::any::Any;
use std::sync::Arc;

use serde::Deserialize as _;

use super::config::Cluster;
use super::{deploy, properties, signals};
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::property::Property;
use crate::queries::Load;
use crate::role::{Capability, Role};
use crate::signal::Signals;
use crate::system::{Claims, Configured, Input, Once, Schema, System, SystemKind, schema_for};
use crate::wait::{Timer, Wait};

const fn role(
    name: &'static str,
    group: &'static str,
    who: &'static str,
    capabilities: &'static [Capability],
) -> Role {
    Role { name, group, who, capabilities, identity_file: None }
}

/// Takes the stream into database and index.
pub const INDEXER: &Role = &role(
    "indexer",
    "indexers",
    "every process that takes a stream into database and index",
    &[Capability::Writes, Capability::Reads],
);

/// Keeps the rows.
pub const DATABASE: &Role =
    &role("database", "databases", "every database", &[Capability::Serves, Capability::KeepsData]);

/// Keeps the vectors.
pub const INDEX: &Role = &role(
    "index",
    "indexes",
    "every index of vectors",
    &[Capability::Serves, Capability::KeepsData],
);

/// Keeps answers for a while.
pub const CACHE: &Role =
    &role("cache", "caches", "every cache, which is empty when it starts", &[Capability::Serves]);

/// Answers queries.
pub const WEB: &Role = &role("web", "webs", "every process behind the page", &[Capability::Serves]);

/// Stands in front of them.
pub const BALANCER: &Role = &role("balancer", "balancers", "every balancer", &[Capability::Serves]);

/// Ask.
pub const USERS: &Role = &role("user", "users", "the users of the page", &[]);

/// A search.
#[derive(Debug)]
pub struct Search;

impl SystemKind for Search {
    fn name(&self) -> &'static str {
        "search"
    }

    fn starter(&self) -> Option<&'static str> {
        Some(include_str!("starter.toml"))
    }

    fn roles(&self) -> Vec<&'static Role> {
        vec![INDEXER, DATABASE, INDEX, CACHE, WEB, BALANCER, USERS]
    }

    fn signals(&self) -> Signals {
        signals::all()
    }

    fn properties(&self) -> Vec<&'static Property> {
        properties::ALL.to_vec()
    }

    fn schema(&self) -> Schema {
        schema_for!(Cluster)
    }

    fn defaults(&self, _deciding: Input, _keyed: bool) -> Configured {
        Ok(Arc::new(Cluster::default()))
    }

    fn configured(&self, options: Input) -> Configured {
        Ok(Arc::new(Cluster::deserialize(options)?))
    }
}

impl System for Cluster {
    fn kind(&self) -> &'static dyn SystemKind {
        &Search
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn check(&self) -> Result<(), String> {
        self.check()
    }

    /// It is no product, and has had no other.
    fn version(&self) -> String {
        "1".into()
    }

    fn deploy(&self, deployment: &mut Deployment, environment: &Environment, feed: &Feed) {
        deploy::deploy(self, deployment, environment, feed);
    }

    fn claims(&self) -> Claims {
        Claims::OF_SINGLE_PROCESSES
    }

    /// What is stored are tweets, not events of the stream with their places in it: [`Self::finds`]
    /// is asked for them.
    fn copies(&self) -> u32 {
        0
    }

    fn once(&self) -> Once {
        Once::Delivered
    }

    fn finds(&self) -> &'static [&'static Role] {
        &[DATABASE, INDEX]
    }

    fn asks(&self) -> Option<(&'static Role, Load)> {
        Some((USERS, self.load()))
    }

    fn waits(&self, _role: &Role, timer: Timer) -> Wait {
        match timer.what {
            "again" | "answer" => Wait::Retry,
            _ => Wait::Poll,
        }
    }
}
