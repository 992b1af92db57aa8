//! A count of hashtags, ready to be simulated: one process, on the machine of the reader that it
//! takes from. Parameters: [`Cluster`].

use std::rc::Rc;

use super::config::Cluster;
use super::process::{self, Trending};
use super::system::COUNTER;
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;

/// Adds the node `counter-1`.
pub fn deploy(
    cluster: &Cluster,
    deployment: &mut Deployment,
    environment: &Environment,
    feed: &Feed,
) {
    let config = Rc::new(cluster.clone());
    let build = move |feed: &Feed| Trending::new(config.clone(), feed);
    let place = (deployment, environment);
    let (feed, node) =
        feed.add_replay_process(place, (COUNTER, "counter-1"), process::pools(), build);
    feed.add_replay_reader(node);
}
