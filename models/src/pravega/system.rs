//! Pravega as a system: what it tells those who run it, inject faults and check it.

use std::any::Any;
use std::sync::Arc;

use serde::Deserialize;

use super::config::{Client, Cluster, Mode, Version};
use super::sizing::PravegaSizing;
use super::stream::Stream;
use super::writer::routing;
use super::{deploy, properties, signals, waits};
use crate::batch::Lane;
use crate::bookkeeper::system::{AUTO_RECOVERY, BOOKIE, METADATA, claims_of};
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::property::Property;
use crate::role::{self, Capability, Role};
use crate::signal::{Office, Roles, Signals};
use crate::sizing::Sizing;
use crate::system::{
    AckedBy, Claims, Configured, Input, Once, Positions, Schema, System, SystemKind, schema_for,
};
use crate::wait::{Timer, Wait, Without};
use crate::{bookkeeper, tier};

/// A segment store.
pub const SEGMENT_STORE: &Role = &Role {
    name: "segment store",
    group: "stores",
    who: "every segment store",
    capabilities: &[Capability::Serves],
    identity_file: None,
};

/// A controller.
pub const CONTROLLER: &Role = &Role {
    name: "controller",
    group: "controllers",
    who: "every Pravega controller",
    capabilities: &[],
    identity_file: None,
};

/// Pravega on BookKeeper and tiered storage.
#[derive(Debug)]
pub struct Pravega;

/// The options that determine the defaults of the others.
#[derive(Deserialize)]
struct Deciding {
    #[serde(default = "newest")]
    version: Version,
    #[serde(default = "distributed")]
    mode: Mode,
}

const fn newest() -> Version {
    Version::V0_13
}

const fn distributed() -> Mode {
    Mode::Distributed
}

impl SystemKind for Pravega {
    fn name(&self) -> &'static str {
        "pravega"
    }

    fn starter(&self) -> Option<&'static str> {
        Some(include_str!("starter.toml"))
    }

    fn sizing(&self) -> Option<&'static dyn Sizing> {
        Some(&PravegaSizing)
    }

    fn roles(&self) -> Vec<&'static Role> {
        let own = [SEGMENT_STORE, CONTROLLER];
        let below = [BOOKIE, METADATA, AUTO_RECOVERY, tier::TIER];
        own.into_iter().chain(below).chain([role::PRODUCER, role::CONSUMER]).collect()
    }

    fn offices(&self) -> Vec<&'static Office> {
        vec![&signals::LEADER, &signals::CONTROLLER]
    }

    fn signals(&self) -> Signals {
        signals::all()
    }

    fn properties(&self) -> Vec<&'static Property> {
        [properties::ALL, bookkeeper::properties::ALL].concat()
    }

    fn deciding(&self) -> &'static [&'static str] {
        &["version", "mode"]
    }

    fn schema(&self) -> Schema {
        schema_for!(Cluster)
    }

    fn defaults(&self, deciding: Input, _keyed: bool) -> Configured {
        let Deciding { version, mode } = Deciding::deserialize(deciding)?;
        Ok(Arc::new(Cluster::defaults_of(version, mode)))
    }

    fn configured(&self, options: Input) -> Configured {
        Ok(Arc::new(Cluster::deserialize(options)?))
    }
}

impl System for Cluster {
    fn kind(&self) -> &'static dyn SystemKind {
        &Pravega
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn check(&self) -> Result<(), String> {
        self.check()
    }

    fn version(&self) -> String {
        match self.version {
            Version::V0_13 => "0.13.0".into(),
        }
    }

    fn deploy(&self, to: &mut Deployment, environment: &Environment, feed: &Feed) {
        deploy::deploy(self, to, environment, feed);
    }

    /// A store leads, and a controller controls.
    fn arranged(&self, roles: Roles) -> Result<Arc<dyn System>, String> {
        match roles {
            Roles::Apart => Ok(Arc::new(self.clone())),
            Roles::Together => Err("a store leads; controllers are processes of their own".into()),
        }
    }

    fn folds(&self) -> bool {
        true
    }

    /// What is needed of a container's log, the store that runs it says; while none does, nothing
    /// of its ledgers is folded.
    fn speaks_for(&self, role: &Role) -> bool {
        role != role::CONSUMER && role != AUTO_RECOVERY
    }

    /// What its log claims.
    fn claims(&self) -> Claims {
        let spare = self.bookies.saturating_sub(self.bookkeeper.ensemble_size);
        claims_of(&self.bookie, self.bookkeeper.ack_quorum, spare)
    }

    fn copies(&self) -> u32 {
        self.bookkeeper.write_quorum
    }

    fn positions(&self) -> Positions {
        Positions::Bytes
    }

    fn auditor(&self) -> Option<u32> {
        Some(self.readers)
    }

    /// What its log's acknowledgements stand for, if that is kept anywhere.
    fn acked_by(&self) -> Option<AckedBy> {
        let quorum = self.bookkeeper.ack_quorum;
        self.has_bookkeeper().then(|| bookkeeper::system::acked_by(quorum, &self.bookie))
    }

    fn may_have(&self, lane: Lane, key: u64, _index: u64) -> bool {
        let segment = lane.into();
        let range = Stream::new(self).range_of(segment);
        range.is_none_or(|range| range.contains(&routing::place_of(key)))
    }

    fn once(&self) -> Once {
        Once::Stored
    }

    fn waits(&self, role: &Role, timer: Timer) -> Wait {
        waits::of(role, timer)
    }

    fn without(&self) -> Vec<Without> {
        let mut all = Vec::new();
        if self.client == Client::Java && self.writer.java_batch_time_ms > 1 {
            // Neither this nor the longest delay may be zero.
            all.push(Without::new("linger", &[("writer.java.batch.time.ms", "1")]));
        }
        if self.segment_store.batching_delay_ms_max > 0 {
            let option = "segment_store.durablelog.batching.delay.milliseconds.max";
            all.push(Without::new("batching delay", &[(option, "0")]));
        }
        if self.segment_store.delay_ms_max > 1 {
            let option = "segment_store.durablelog.delay.milliseconds.max";
            all.push(Without::new("throttle", &[(option, "1")]));
        }
        if self.bookies > 0 && self.bookkeeper.ack_quorum > 1 {
            all.push(Without::new(
                "replication",
                &[("bookkeeper.bookkeeper.ack.quorum.size", "1")],
            ));
        }
        if self.bookies > 0 && self.bookie.journal_sync_data {
            all.push(Without::new("journal sync", &[("bookie.journalSyncData", "false")]));
        }
        all.extend(self.jvm.without_collections());
        all
    }
}
