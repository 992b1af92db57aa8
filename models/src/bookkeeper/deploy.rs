//! A stand-alone BookKeeper cluster: metadata service, bookies, writers, one reader.
//!
//! Stands for no component: it puts the modelled ones on machines. Parameters: [`config::Cluster`]
//! and the environment's machines. Left out: several nodes on one machine beyond `one_machine`.

use crate::audit::{self, Late};
use crate::bookkeeper::system::{AUTO_RECOVERY, BOOKIE, METADATA};
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::protocol::Streaming;
use crate::role::{CONSUMER, PRODUCER};

use headwater_sim::machine::Factory;
use headwater_sim::units::NodeId;

use super::auto_recovery::{self, AutoRecovery, AutoRecoverySpec};
use super::bookie::{self, Bookie};
use super::config;
use super::metadata::service::{self, MetadataService};
use super::reader::{Reader, ReaderNodeSpec};
use super::writer::{Writer, WriterSpec};

/// Adds the metadata service, `metadata`, on a machine of its own.
pub fn add_metadata(
    deployment: &mut Deployment,
    environment: &Environment,
    metadata: &config::Metadata,
) -> NodeId {
    let machine = environment.server_machine(deployment, "metadata");
    let metadata = metadata.clone();
    let factory: Factory<Streaming> =
        Box::new(move |_| Box::new(MetadataService::new(metadata.clone())));
    deployment.node(METADATA, "metadata", machine, service::POOLS.to_vec(), factory)
}

/// Adds bookies, `bookie-1` and on, each on a machine of its own.
pub fn add_bookies(
    deployment: &mut Deployment,
    environment: &Environment,
    count: u32,
    bookie: &config::Bookie,
    metadata: NodeId,
) -> Vec<NodeId> {
    let disks = environment.server.disks.len() as u8;
    let cores = cores(environment.server.cores);
    let add = |number| {
        let name = format!("bookie-{number}");
        let machine = environment.server_machine(deployment, &name);
        let (config, pools) = (bookie.with_bugs(environment.bugs), bookie::pools(bookie, cores));
        let factory: Factory<Streaming> =
            Box::new(move |_| Box::new(Bookie::new(config.clone(), metadata, disks)));
        deployment.node(BOOKIE, name, machine, pools, factory)
    };
    (1..=count).map(add).collect()
}

/// The cores that a process finds: eight where its machine has no limit.
const fn cores(of_machine: u32) -> u32 {
    if of_machine == 0 { 8 } else { of_machine }
}

/// Adds an auto-recovery daemon, `auto-recovery-1`, on a machine of its own, if there is to be one.
pub fn add_auto_recovery(
    deployment: &mut Deployment,
    environment: &Environment,
    spec: &AutoRecoverySpec,
) {
    if !spec.config.enabled {
        return;
    }
    let name = "auto-recovery-1";
    let machine = environment.server_machine(deployment, name);
    let spec = spec.clone();
    let factory: Factory<Streaming> = Box::new(move |_| Box::new(AutoRecovery::new(spec.clone())));
    deployment.node(AUTO_RECOVERY, name, machine, auto_recovery::POOLS.to_vec(), factory);
}

/// Adds a whole cluster, its writers (`producer-1` and on) and its reader (`consumer-1`).
pub fn deploy(
    cluster: &config::Cluster,
    deployment: &mut Deployment,
    environment: &Environment,
    feed: &Feed,
) {
    let client = config::Client { bugs: environment.bugs, ..cluster.client.clone() };
    let metadata = add_metadata(deployment, environment, &cluster.metadata);
    add_bookies(deployment, environment, cluster.bookies, &cluster.bookie, metadata);
    let daemon = AutoRecoverySpec {
        config: cluster.auto_recovery.clone(),
        client: client.clone(),
        metadata,
        session_timeout_ms: cluster.bookie.zk_timeout,
    };
    add_auto_recovery(deployment, environment, &daemon);
    let pools = client.costs.pools(cores(environment.client.cores));
    for writer in 0..cluster.writer.writers {
        let name = format!("producer-{}", writer + 1);
        let machine = feed.writer_machine(deployment, environment, &name, writer);
        let spec = WriterSpec {
            writer,
            writer_config: cluster.writer.clone(),
            client: client.clone(),
            ledger: cluster.ledger.clone(),
            metadata,
            session_timeout_ms: cluster.bookie.zk_timeout,
            feed: feed.clone(),
        };
        let factory: Factory<Streaming> = Box::new(move |_| Box::new(Writer::new(spec.clone())));
        feed.add_writer(deployment.node(PRODUCER, name, machine, pools.to_vec(), factory));
    }
    let machine = feed.reader_machine(deployment, environment, "consumer-1");
    let spec = ReaderNodeSpec { outlet: feed.outlet(0), client, metadata };
    let of_reader = spec.clone();
    let factory: Factory<Streaming> = Box::new(move |_| Box::new(Reader::new(spec.clone())));
    deployment.node(CONSUMER, "consumer-1", machine, Vec::new(), factory);
    if let Some(from) = environment.audit {
        let machine = environment.client_machine(deployment, audit::NAME);
        let spec = ReaderNodeSpec { outlet: feed.audit_outlet(1), ..of_reader };
        let factory: Factory<Streaming> =
            Box::new(move |_| Box::new(Late::new(from, Reader::new(spec.clone()))));
        deployment.node(CONSUMER, audit::NAME, machine, Vec::new(), factory);
    }
}
