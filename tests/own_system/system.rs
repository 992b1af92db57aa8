//! The replicated log as a system: all that others know of it.

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use headwater_models::deployment::{Deployment, Environment};
use headwater_models::feed::Feed;
use headwater_models::property::Property;
use headwater_models::role::{self, Capability, Role};
use headwater_models::signal::{Office, Signals};
use headwater_models::system::{Claims, Configured, Input, Once, System, SystemKind};
use headwater_sim::time::Duration;
use serde::{Deserialize, Serialize};

use crate::clients::{Reader, Writer};
use crate::replica::Replica;

/// What its nodes tell of themselves.
pub mod signals {
    use headwater_models::property::Property;
    use headwater_models::signal::{Gauge, Level, Mark, Office};

    /// The replica that writers and readers talk to.
    pub const LEADER: Office = Office {
        name: "leader",
        who: "the replica that leads the log",
        of: Some(0),
        followed: true,
    };
    /// The leader has read its disk.
    pub const LEADS: Mark = Mark::takes("log_leads", &LEADER);
    /// A follower has read its disk.
    pub const FOLLOWS: Mark = Mark::new("log_follows");
    /// Entries on the leader's disk.
    pub const DURABLE: Level = Level::new("log_durable_entries");
    /// Entries on a replica's disk.
    pub const LENGTH: Gauge = Gauge::new("log_length", "entries");
    /// Noted whenever a follower tells how far it is.
    pub const FOLLOWERS_BEHIND: Property = Property::always(
        "log-followers-behind",
        "A follower has nothing that is not on the leader's disk.",
    );
    /// A replica is up.
    pub const RECOVERED: Property =
        Property::sometimes("log-recovered", "A replica has read its disk.");
}

/// A replica.
pub const REPLICA: &Role = &Role {
    name: "replica",
    group: "log-replicas",
    who: "every replica of the log",
    capabilities: &[Capability::Serves, Capability::KeepsData],
    identity_file: None,
};

/// A log with a fixed leader.
#[derive(Debug)]
pub struct ReplicatedLog;

/// Its configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Replicas; the first leads.
    pub replicas: u32,
    /// Replicas that have an entry on disk when it is acknowledged.
    pub quorum: u32,
    /// False: the leader acknowledges what it has not synced. That is a defect, which it claims not
    /// to have.
    #[serde(rename = "sync.before.ack")]
    pub sync_before_ack: bool,
}

impl SystemKind for ReplicatedLog {
    fn name(&self) -> &'static str {
        "replicated-log"
    }

    fn roles(&self) -> Vec<&'static Role> {
        vec![REPLICA, role::PRODUCER, role::CONSUMER]
    }

    fn offices(&self) -> Vec<&'static Office> {
        vec![&signals::LEADER]
    }

    fn signals(&self) -> Signals {
        Signals {
            marks: vec![&signals::LEADS, &signals::FOLLOWS],
            levels: vec![&signals::DURABLE],
            gauges: vec![&signals::LENGTH],
        }
    }

    fn properties(&self) -> Vec<&'static Property> {
        vec![&signals::FOLLOWERS_BEHIND, &signals::RECOVERED]
    }

    fn defaults(&self, _deciding: Input, _keyed: bool) -> Configured {
        Ok(Arc::new(Config { replicas: 3, quorum: 2, sync_before_ack: true }))
    }

    fn configured(&self, options: Input) -> Configured {
        Ok(Arc::new(Config::deserialize(options)?))
    }
}

impl System for Config {
    fn kind(&self) -> &'static dyn SystemKind {
        &ReplicatedLog
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn check(&self) -> Result<(), String> {
        match (self.quorum, self.replicas) {
            (0, _) => Err("quorum is 0: at least 1 replica acknowledges".into()),
            (quorum, replicas) if quorum > replicas => {
                Err(format!("quorum {quorum} is above the {replicas} replicas"))
            }
            _ => Ok(()),
        }
    }

    fn version(&self) -> String {
        "1".into()
    }

    fn deploy(&self, to: &mut Deployment, environment: &Environment, feed: &Feed) {
        let (config, leader) = (Rc::new(self.clone()), to.next_node());
        to.office(&signals::LEADER, Some(leader));
        for number in 1..=self.replicas {
            let name = format!("replica-{number}");
            let machine = environment.server_machine(to, &name);
            let config = config.clone();
            let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
                Box::new(Replica::new(config.clone(), leader))
            };
            to.node(REPLICA, name, machine, vec![], Box::new(build));
        }
        let machine = feed.writer_machine(to, environment, "producer-1", 0);
        let of_writer = feed.clone();
        let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
            Box::new(Writer::new(leader, of_writer.intake(0, 1)))
        };
        let writer = to.node(role::PRODUCER, "producer-1", machine, vec![], Box::new(build));
        feed.add_writer(writer);
        let machine = feed.reader_machine(to, environment, "consumer-1");
        let feed = feed.clone();
        let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
            Box::new(Reader::new(leader, feed.outlet(0)))
        };
        to.node(role::CONSUMER, "consumer-1", machine, vec![], Box::new(build));
    }

    /// Its leader is always the same one, and has to keep its disk.
    fn claims(&self) -> Claims {
        Claims {
            losses: 0,
            power_is_loss: false,
            returns: true,
            absent: 0,
            counted_out: Duration::ZERO,
        }
    }

    fn copies(&self) -> u32 {
        self.replicas
    }

    fn once(&self) -> Once {
        Once::Stored
    }
}
