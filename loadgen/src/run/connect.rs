//! Connecting: a topic or stream of its own, a writer, a reader.

use headwater_scenarios::scenario::{Scenario, System};

use super::reach::Reached;
use crate::failure::{Failure, Result};
use crate::plan::{Kind, Plan};
use crate::targets::kafka::{self, Topic};
use crate::targets::log;
use crate::targets::null::Null;
use crate::targets::pravega::{self, Stream};
use crate::targets::{LanePlan, Reading, Target, Teller, kafka_reader, pravega_reader};

/// Where a run writes and reads.
pub(crate) struct Connection {
    /// The writer.
    pub(crate) target: Box<dyn Target>,
    /// The reader; the null target has none.
    pub(crate) reading: Option<Reading>,
    /// The lanes that events are spread over.
    pub(crate) lanes: LanePlan,
    /// What was made, to be removed.
    pub(crate) made: Made,
}

/// Lanes of the log of our own, which has one order for all.
const LOG_LANES: u32 = 16;

/// What a run made on the cluster.
pub(crate) enum Made {
    /// Nothing.
    Nothing,
    /// A topic.
    Topic(Topic),
    /// A stream.
    Stream(Stream),
}

impl Connection {
    /// Makes the topic or stream, and connects.
    pub(crate) fn open(plan: &Plan, reached: &Reached, teller: &Teller) -> Result<Self> {
        let name = format!("headwater-{}-{}", super::unix_ms(), std::process::id());
        match (plan.kind, &plan.scenario.system) {
            (Kind::Null, system) => {
                let count = match system {
                    System::Kafka(cluster) => cluster.partitions,
                    _ => pravega::LANES,
                };
                let target = Box::new(Null::new(teller.clone(), count));
                let lanes = LanePlan::new(count, true);
                Ok(Self { target, reading: None, lanes, made: Made::Nothing })
            }
            (Kind::Log, _) => {
                let address = reached.address.parse();
                let address = address.map_err(|error| Failure::new(format!("{error}")))?;
                let reading = log::read(address, teller.clone())?;
                let target = Box::new(log::Writer::start(address, teller.clone())?);
                let lanes = LanePlan::new(LOG_LANES, plan.scenario.traffic.keyed());
                Ok(Self { target, reading: Some(reading), lanes, made: Made::Nothing })
            }
            (Kind::Kafka, System::Kafka(cluster)) => {
                let topic = Topic { bootstrap: reached.address.clone(), name };
                topic.create(cluster)?;
                let reading = kafka_reader::start(&topic, cluster, teller.clone())?;
                let target = Box::new(kafka::Writer::connect(&topic, cluster, teller.clone())?);
                let lanes = LanePlan::new(cluster.partitions, keyed(&plan.scenario, cluster.keyed));
                Ok(Self { target, reading: Some(reading), lanes, made: Made::Topic(topic) })
            }
            (Kind::Pravega, System::Pravega(cluster)) => {
                let stream = Stream::new(&reached.address, &name)?;
                stream.create(cluster)?;
                let reading = pravega_reader::start(&stream, 0, teller.clone())?;
                let target = Box::new(pravega::Writer::open(&stream, teller.clone()));
                let lanes = LanePlan::new(pravega::LANES, plan.scenario.traffic.keyed());
                Ok(Self { target, reading: Some(reading), lanes, made: Made::Stream(stream) })
            }
            (kind, system) => Err(Failure::new(format!(
                "a scenario of {} can't be run on {}",
                system.kind(),
                kind.name()
            ))),
        }
    }
}

fn keyed(scenario: &Scenario, cluster: bool) -> bool {
    cluster && scenario.traffic.keyed()
}

impl Made {
    /// Reads everything once more, as another reader, where the first may have stopped too early.
    pub(crate) fn read_again(&self, teller: &Teller) -> Option<Result<Reading>> {
        match self {
            Self::Stream(stream) => Some(pravega_reader::start(stream, 1, teller.clone())),
            Self::Nothing | Self::Topic(_) => None,
        }
    }

    /// The process that leads the first partition, by its number among the brokers.
    pub(crate) fn leader(&self) -> Option<String> {
        match self {
            Self::Topic(topic) => topic.leader().map(|id| format!("broker-{id}")),
            Self::Nothing | Self::Stream(_) => None,
        }
    }

    /// Removes it.
    pub(crate) fn remove(&self) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Topic(topic) => topic.delete(),
            Self::Stream(stream) => stream.delete(),
        }
    }
}
