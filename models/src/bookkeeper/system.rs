//! BookKeeper as a system: what it tells those who run it, inject faults and check it.

use std::any::Any;
use std::sync::Arc;

use headwater_sim::time::Duration;
use serde::Deserialize as _;

use super::bookie::COOKIE_FILE;
use super::config::{Bookie, Cluster};
use super::{deploy, properties, signals, waits};
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::property::Property;
use crate::role::{self, Capability, Role};
use crate::signal::Signals;
use crate::system::{
    AckedBy, Claims, Configured, Input, Once, Schema, System, SystemKind, schema_for,
};
use crate::wait::{Timer, Wait, Without};

/// A bookie.
pub const BOOKIE: &Role = &Role {
    name: "bookie",
    group: "bookies",
    who: "every bookie",
    capabilities: &[Capability::Serves, Capability::KeepsData],
    identity_file: Some(COOKIE_FILE),
};

/// ZooKeeper, as one linearizable metadata service with session timeouts.
pub const METADATA: &Role = &Role {
    name: "metadata service",
    group: "metadata-services",
    who: "every metadata service",
    capabilities: &[],
    identity_file: None,
};

/// A daemon that copies again what a bookie had that is gone.
pub const AUTO_RECOVERY: &Role = &Role {
    name: "auto-recovery daemon",
    group: "auto-recovery-daemons",
    who: "every auto-recovery daemon",
    capabilities: &[],
    identity_file: None,
};

/// Apache BookKeeper alone. A ledger's writer leads it; there is nobody else to lead.
#[derive(Debug)]
pub struct BookKeeper;

/// `Qa` bookies have an acknowledged entry; an ensemble of `E` bookies must be found to write a new
/// ledger, `spare` are left over. A bookie without the cookie that it once stamped does not come up
/// (BookKeeper 4.15, `Bookie.checkEnvironment`): it has to be formatted first.
pub fn claims_of(bookie: &Bookie, ack_quorum: u32, spare: u32) -> Claims {
    Claims {
        losses: ack_quorum - 1,
        power_is_loss: !bookie.journal_sync_data,
        returns: false,
        absent: spare,
        counted_out: Duration::ZERO,
    }
}

/// What an acknowledgement stands for: `ackQuorumSize` bookies have answered, each after its
/// journal was synced if it syncs (`PendingAddOp.writeComplete`, `Journal.java` @ branch-4.15).
pub fn acked_by(ack_quorum: u32, bookie: &Bookie) -> AckedBy {
    AckedBy { copies: ack_quorum, durable: bookie.journal_sync_data }
}

impl SystemKind for BookKeeper {
    fn name(&self) -> &'static str {
        "bookkeeper"
    }

    fn starter(&self) -> Option<&'static str> {
        Some(include_str!("starter.toml"))
    }

    fn roles(&self) -> Vec<&'static Role> {
        vec![BOOKIE, METADATA, AUTO_RECOVERY, role::PRODUCER, role::CONSUMER]
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
        &BookKeeper
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn check(&self) -> Result<(), String> {
        self.check()
    }

    fn version(&self) -> String {
        "4.15".into()
    }

    fn deploy(&self, to: &mut Deployment, environment: &Environment, feed: &Feed) {
        deploy::deploy(self, to, environment, feed);
    }

    /// Its reader hands out what is in ledgers that are closed, and the last one of a writer is
    /// closed when there is nothing left to write: those who take from others never know.
    fn takes_schedule_only(&self) -> Option<&'static str> {
        Some("its last ledger would never be closed, and only closed ledgers are read")
    }

    fn folds(&self) -> bool {
        true
    }

    /// Servers ask each other for nothing, and writers for no entry.
    fn speaks_for(&self, role: &Role) -> bool {
        role != role::CONSUMER && role != AUTO_RECOVERY
    }

    fn claims(&self) -> Claims {
        let spare = self.bookies - self.ledger.ensemble_size;
        claims_of(&self.bookie, self.ledger.ack_quorum, spare)
    }

    fn copies(&self) -> u32 {
        self.ledger.write_quorum
    }

    fn auditor(&self) -> Option<u32> {
        Some(1)
    }

    fn acked_by(&self) -> Option<AckedBy> {
        Some(acked_by(self.ledger.ack_quorum, &self.bookie))
    }

    fn once(&self) -> Once {
        Once::Any
    }

    fn waits(&self, role: &Role, timer: Timer) -> Wait {
        waits::of(timer.what).unwrap_or_else(|| Wait::likely(role, timer.after))
    }

    fn without(&self) -> Vec<Without> {
        let mut all = Vec::new();
        if self.writer.linger_ms > 0 {
            all.push(Without::new("linger", &[("writer.linger.ms", "0")]));
        }
        if self.ledger.ack_quorum > 1 {
            all.push(Without::new("replication", &[("ledger.ack.quorum", "1")]));
        }
        if self.bookie.journal_sync_data {
            all.push(Without::new("journal sync", &[("bookie.journalSyncData", "false")]));
        }
        all
    }
}
