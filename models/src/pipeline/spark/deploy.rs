//! A query, ready to be simulated.
//!
//! Stands for `spark-submit --master local[N]`: one process, on the machine of the reader that it
//! takes from. Parameters: [`Cluster`].

use std::rc::Rc;

use super::config::{Cluster, Sink};
use super::driver::{self, Driver};
use super::system::DRIVER;
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;

/// Adds the node `driver-1`.
pub fn deploy(
    cluster: &Cluster,
    deployment: &mut Deployment,
    environment: &Environment,
    feed: &Feed,
) {
    let (config, bugs) = (Rc::new(cluster.clone()), environment.bugs);
    let build = move |feed: &Feed| Driver::new(config.clone(), bugs, feed);
    let (place, pools) = ((deployment, environment), driver::pools(cluster));
    let (feed, node) = feed.add_replay_process(place, (DRIVER, "driver-1"), pools, build);
    if cluster.sink == Sink::Stream {
        feed.add_watcher(node);
    }
}
