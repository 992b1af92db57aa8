//! A count of hashtags as a system: what it tells those who run it, inject faults and check it.

use std::any::Any;
use std::sync::Arc;

use serde::Deserialize as _;

use super::config::Cluster;
use super::{deploy, properties, signals};
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::property::Property;
use crate::role::{Capability, Role};
use crate::signal::Signals;
use crate::system::{
    Claims, Configured, Input, Once, Schema, System, SystemKind, Windows, schema_for,
};
use crate::wait::{Timer, Wait};

/// The process that counts.
pub const COUNTER: &Role = &Role {
    name: "counter",
    group: "counters",
    who: "every process that counts hashtags",
    capabilities: &[Capability::Writes, Capability::Reads],
    identity_file: None,
};

/// A count of hashtags.
#[derive(Debug)]
pub struct Trending;

impl SystemKind for Trending {
    fn name(&self) -> &'static str {
        "trending"
    }

    fn starter(&self) -> Option<&'static str> {
        Some(include_str!("starter.toml"))
    }

    fn roles(&self) -> Vec<&'static Role> {
        vec![COUNTER]
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
        &Trending
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

    /// It keeps no events, only how far it is.
    fn claims(&self) -> Claims {
        Claims::OF_SINGLE_PROCESSES
    }

    fn copies(&self) -> u32 {
        0
    }

    fn once(&self) -> Once {
        Once::Delivered
    }

    fn ranks(&self) -> Option<Windows> {
        Some(self.windows())
    }

    fn waits(&self, _role: &Role, timer: Timer) -> Wait {
        match timer.what {
            "window" => Wait::Linger,
            "again" => Wait::Retry,
            _ => Wait::Poll,
        }
    }
}
