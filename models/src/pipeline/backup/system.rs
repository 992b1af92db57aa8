//! A backup as a system: what it tells those who run it, inject faults and check it.

use std::any::Any;
use std::sync::Arc;

use serde::Deserialize as _;

use super::config::{Cluster, Sync};
use super::{deploy, properties, signals};
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::property::Property;
use crate::role::{Capability, Role};
use crate::signal::Signals;
use crate::system::{
    AckedBy, Claims, Configured, Input, Once, Schema, System, SystemKind, schema_for,
};
use crate::wait::{Timer, Wait};

/// The process that writes the file.
pub const BACKUP: &Role = &Role {
    name: "backup",
    group: "backups",
    who: "every process that keeps a backup",
    capabilities: &[Capability::Writes, Capability::Reads, Capability::KeepsData],
    identity_file: None,
};

/// A backup file.
#[derive(Debug)]
pub struct Backup;

impl SystemKind for Backup {
    fn name(&self) -> &'static str {
        "backup"
    }

    fn starter(&self) -> Option<&'static str> {
        Some(include_str!("starter.toml"))
    }

    fn roles(&self) -> Vec<&'static Role> {
        vec![BACKUP]
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
        &Backup
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
        Claims { power_is_loss: self.sync == Sync::None, ..Claims::OF_SINGLE_PROCESSES }
    }

    fn copies(&self) -> u32 {
        1
    }

    fn acked_by(&self) -> Option<AckedBy> {
        Some(AckedBy { copies: 1, durable: self.sync == Sync::Commit })
    }

    /// What it has said to be done stays so; without `once` a line may be there twice, of which
    /// the file tells and no reader.
    fn once(&self) -> Once {
        Once::Delivered
    }

    fn archives(&self) -> Option<Once> {
        Some(if self.once { Once::Stored } else { Once::Any })
    }

    fn waits(&self, _role: &Role, timer: Timer) -> Wait {
        match timer.what {
            "commit" => Wait::Linger,
            "resume" => Wait::Retry,
            _ => Wait::Poll,
        }
    }
}
