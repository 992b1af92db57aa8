//! Topics at one end of which something else stands than the generator: an engine that takes from
//! one and writes to another.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;

use headwater_models::kafka::config::Cluster as Configuration;
use headwater_models::system::System;

use super::reader::{self, Taker};
use super::topic::Topic;
use super::{Kafka, NAME, options};
use crate::clock::Clock;
use crate::failure::{Failure, Result};
use crate::systems::client::Reading;
use crate::systems::engine::{Behind, Ends, Received, Tap};
use crate::systems::system::{Cluster, storage_name};

fn configuration(system: &dyn System) -> Result<&Configuration> {
    system.as_any().downcast_ref().ok_or_else(|| {
        let kind = system.kind().name();
        Failure::new(format!("a stream of {kind} can't be one of {NAME}"))
    })
}

impl Ends for Kafka {
    fn taking(&self, system: &dyn System) -> BTreeMap<&'static str, String> {
        configuration(system).map(options::of_java_consumer).unwrap_or_default()
    }

    fn behind(&self, system: &dyn System, cluster: &Cluster) -> Result<Box<dyn Behind>> {
        let configuration = configuration(system)?.clone();
        let topic =
            Topic { bootstrap: cluster.address.clone(), name: storage_name(), inside: None };
        topic.create(&configuration)?;
        Ok(Box::new(Written { topic, configuration }))
    }
}

/// A topic that something else writes.
struct Written {
    topic: Topic,
    configuration: Configuration,
}

impl Behind for Written {
    fn tap(&self) -> Tap {
        Tap {
            address: self.topic.bootstrap.clone(),
            stream: self.topic.name.clone(),
            options: options::of_java_producer(&self.configuration),
        }
    }

    fn read(&self, clock: &Clock, received: &Sender<Received>) -> Result<Reading> {
        let taker = || Telling { clock: clock.clone(), received: received.clone() };
        reader::start_with(&self.topic, &self.configuration, None, taker)
    }
}

/// Tells of each record as it comes.
struct Telling {
    clock: Clock,
    received: Sender<Received>,
}

impl Taker for Telling {
    fn take(&mut self, partition: i32, offset: i64, payload: &[u8]) {
        let (lane, position) = (partition as u32, offset as u64);
        let at = self.clock.now();
        let received = Received { at, lane, position, payload: payload.to_owned() };
        // Nobody listens any more when the run is over.
        let _ = self.received.send(received);
    }
}
