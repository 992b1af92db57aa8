//! Spark as a system: what it tells those who run it, inject faults and check it.

use std::any::Any;
use std::sync::Arc;

use serde::Deserialize as _;

use super::config::{Cluster, Sink};
use super::{deploy, properties, signals};
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::property::Property;
use crate::role::{Capability, Role};
use crate::signal::Signals;
use crate::system::{
    Claims, Configured, Handing, Input, Once, Schema, System, SystemKind, schema_for,
};
use crate::wait::{Timer, Wait};

/// The process of a query.
pub const DRIVER: &Role = &Role {
    name: "driver",
    group: "drivers",
    who: "every driver of a query",
    capabilities: &[Capability::Writes, Capability::Reads],
    identity_file: None,
};

/// Apache Spark, a structured streaming query.
#[derive(Debug)]
pub struct Spark;

impl SystemKind for Spark {
    fn name(&self) -> &'static str {
        "spark"
    }

    fn starter(&self) -> Option<&'static str> {
        Some(include_str!("starter.toml"))
    }

    fn roles(&self) -> Vec<&'static Role> {
        vec![DRIVER]
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
        &Spark
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn check(&self) -> Result<(), String> {
        self.check()
    }

    fn version(&self) -> String {
        "3.5.6".into()
    }

    fn deploy(&self, deployment: &mut Deployment, environment: &Environment, feed: &Feed) {
        deploy::deploy(self, deployment, environment, feed);
    }

    /// It keeps no events, only how far it is; its checkpoint is not synced on a local file system.
    fn claims(&self) -> Claims {
        Claims { power_is_loss: true, ..Claims::OF_SINGLE_PROCESSES }
    }

    fn copies(&self) -> u32 {
        0
    }

    /// What `Sink` promises.
    fn once(&self) -> Once {
        match self.sink {
            Sink::Stream => Once::Stored,
            Sink::File => Once::Delivered,
        }
    }

    fn hands_on(&self) -> Handing {
        match self.sink {
            Sink::Stream => Handing::AtLeastOnce,
            Sink::File => Handing::Once,
        }
    }

    fn waits(&self, _role: &Role, timer: Timer) -> Wait {
        match timer.what {
            "trigger" => Wait::Linger,
            _ => Wait::Poll,
        }
    }
}
