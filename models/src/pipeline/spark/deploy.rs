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
    let (name, config) = ("driver-1", Rc::new(cluster.clone()));
    let feed = feed.clone().kept();
    let machine = feed.replay_machine(deployment, environment, name);
    feed.read_on(machine);
    feed.add_replay();
    let pools = driver::pools(cluster);
    let (of_driver, bugs) = (feed.clone(), environment.bugs);
    let build = move |_| -> Box<dyn headwater_sim::node::Node<_>> {
        Box::new(Driver::new(config.clone(), bugs, &of_driver))
    };
    let node = deployment.node(DRIVER, name, machine, pools, Box::new(build));
    if cluster.sink == Sink::Stream {
        feed.add_watcher(node);
    }
}
