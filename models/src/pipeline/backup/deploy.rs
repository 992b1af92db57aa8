//! A backup, ready to be simulated: one process, on the machine of the reader that it takes from.
//! Parameters: [`Cluster`].

use std::rc::Rc;

use super::config::Cluster;
use super::process::{self, Backup};
use super::system::BACKUP;
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;

/// Adds the node `backup-1`.
pub fn deploy(
    cluster: &Cluster,
    deployment: &mut Deployment,
    environment: &Environment,
    feed: &Feed,
) {
    let (name, config) = ("backup-1", Rc::new(cluster.clone()));
    let feed = feed.clone().kept();
    let machine = feed.replay_machine(deployment, environment, name);
    feed.read_on(machine);
    feed.add_replay();
    let of_process = feed.clone();
    let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
        Box::new(Backup::new(config.clone(), &of_process))
    };
    let node = deployment.node(BACKUP, name, machine, process::pools(), Box::new(build));
    feed.add_replay_reader(node);
}
