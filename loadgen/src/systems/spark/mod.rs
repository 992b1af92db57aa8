//! Spark: a structured streaming query in one process (`local[N]`), from Kafka to Kafka.
//!
//! The query is [`Job.java`](Job.java), compiled as it is launched: tasks are serialized with the
//! lambdas in them, which classes of the JDK's source launcher don't survive (a
//! `ClassCastException` of `SerializedLambda`, Spark 3.5.1). It is told what to do, and tells what
//! it did, by files in a folder ([`launch`]).

use headwater_models::pipeline::spark::config::Cluster as Configuration;
use headwater_models::system::System;

use super::departure::Departure;
use super::engine::{Engine, LiveEngine};
use crate::failure::{Failure, Result};
use crate::launch::{LaunchedCluster, Places};

mod launch;
mod options;
mod progress;

/// The engine.
pub(crate) struct Spark;

const NAME: &str = "spark";

/// What is launched. Of 3.5.6, the model's, the connector for Kafka could not be had (November
/// 2026: `spark-token-provider-kafka-0-10_2.13` is missing); between them are fixes only.
const VERSION: &str = "3.5.1";

/// The process of a query, by the model's name for it.
const DRIVER: &str = "driver-1";

fn configuration(system: &dyn System) -> Result<&Configuration> {
    system.as_any().downcast_ref().ok_or_else(|| {
        let kind = system.kind().name();
        Failure::new(format!("a system of kind {kind} can't be run as {NAME}"))
    })
}

impl LiveEngine for Spark {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> &'static str {
        VERSION
    }

    fn process(&self) -> &'static str {
        DRIVER
    }

    fn departures(&self, system: &dyn System, path: &str) -> Vec<Departure> {
        configuration(system).map_or_else(|_| vec![], |config| options::departures(config, path))
    }

    fn prepare(&self, places: &Places) -> Result<()> {
        launch::prepare(places).map(drop)
    }

    fn launch(
        &self,
        system: &dyn System,
        cluster: &LaunchedCluster,
        places: &Places,
    ) -> Result<Box<dyn Engine>> {
        Ok(Box::new(launch::launch(configuration(system)?, cluster, places)?))
    }
}
