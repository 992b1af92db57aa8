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
    let config = Rc::new(cluster.clone());
    let build = move |feed: &Feed| Backup::new(config.clone(), feed);
    let place = (deployment, environment);
    let (feed, node) =
        feed.add_replay_process(place, (BACKUP, "backup-1"), process::pools(), build);
    feed.add_replay_reader(node);
}
