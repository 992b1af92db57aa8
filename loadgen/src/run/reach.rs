//! Reaching a cluster: the one that is named, the one at the default address, or one launched here.

use std::net::ToSocketAddrs;

use crate::cli;
use crate::failure::{Failure, Result};
use crate::launch::{self, Cluster, Places, ports};
use crate::plan::{Kind, Plan};
use crate::say;
use crate::targets::{kafka, pravega};

/// A cluster that answers.
pub(crate) struct Reached {
    /// Its address; empty for the null target.
    pub(crate) address: String,
    /// What it is.
    pub(crate) describes: String,
    /// Its version, as far as it is known.
    pub(crate) version: String,
    /// The cluster, if it was launched here.
    pub(crate) launched: Option<Cluster>,
}

impl Reached {
    fn found(kind: Kind, address: String) -> Self {
        let describes = format!("{} at {address}", kind.name());
        Self { address, describes, version: "unknown".into(), launched: None }
    }
}

/// Finds or launches what the plan is run on.
pub(crate) fn reach(plan: &Plan, run: &cli::Run) -> Result<Reached> {
    let named = match plan.kind {
        Kind::Null => {
            let describes = "null: acknowledges at once".into();
            let version = env!("CARGO_PKG_VERSION").into();
            return Ok(Reached { address: String::new(), describes, version, launched: None });
        }
        // There is none but the one that is launched.
        Kind::Log if run.cluster.no_launch => {
            return Err(Failure::new("target log is always launched: leave out --no-launch"));
        }
        Kind::Log => return launched(plan, run.keep),
        Kind::Kafka => run.cluster.bootstrap.clone(),
        Kind::Pravega => run.cluster.controller.clone(),
    };
    let breaks = !plan.scenario.faults.is_empty();
    match named {
        Some(_) if breaks => Err(Failure::new(
            "the scenario breaks processes, and only those launched here are broken: give \
             --launch in place of an address",
        )),
        Some(address) => named_cluster(plan.kind, address),
        None if run.cluster.launch || (breaks && !run.cluster.no_launch) => {
            if !run.cluster.launch {
                say::note("the scenario breaks processes: a cluster is launched for it");
            }
            launched(plan, run.keep)
        }
        None => default_cluster(plan, run, breaks),
    }
}

fn named_cluster(kind: Kind, address: String) -> Result<Reached> {
    let option = if kind == Kind::Kafka { "--bootstrap" } else { "--controller" };
    let address = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest).to_owned();
    let unreachable = |why: String| {
        let name = kind.name();
        Failure::new(format!(
            "no {name} answers at {address}: {why}; check {option} and the cluster"
        ))
    };
    connects(&address).map_err(unreachable)?;
    answers(kind, &address).map_err(unreachable)?;
    Ok(Reached::found(kind, address))
}

/// Whether one of the addresses accepts a connection.
fn connects(addresses: &str) -> std::result::Result<(), String> {
    let mut why = "no address".to_owned();
    for address in addresses.split(',') {
        match address.to_socket_addrs() {
            Ok(mut found) if found.clone().next().is_some() => {
                if found.any(ports::listens) {
                    return Ok(());
                }
                why = "nothing accepts connections there".into();
            }
            Ok(_) => why = format!("{address} has no address"),
            Err(error) => why = format!("{error} (expected HOST:PORT)"),
        }
    }
    Err(why)
}

/// Whether it talks as it should; bounded in time.
fn answers(kind: Kind, address: &str) -> std::result::Result<(), String> {
    match kind {
        Kind::Kafka => match kafka::brokers(address) {
            Ok(_) => Ok(()),
            Err(_) => Err(format!(
                "it accepts connections but does not answer as Kafka within {} s",
                kafka::ANSWER.as_secs()
            )),
        },
        _ => pravega::answers(address, pravega::ANSWER).map_err(|why| {
            format!("it accepts connections but does not answer as a Pravega controller ({why})")
        }),
    }
}

fn default_cluster(plan: &Plan, run: &cli::Run, breaks: bool) -> Result<Reached> {
    let (kind, port, option) = match plan.kind {
        Kind::Kafka => (plan.kind, launch::kafka::DEFAULT_PORT, "--bootstrap HOST:PORT"),
        kind => (kind, launch::pravega::DEFAULT_PORT, "--controller tcp://HOST:PORT"),
    };
    let (name, address) = (kind.name(), format!("127.0.0.1:{port}"));
    if breaks {
        return Err(Failure::new(
            "the scenario breaks processes, and only those launched here are broken: leave out \
             --no-launch",
        ));
    }
    if ports::listens(ports::local(port)) {
        if answers(kind, &address).is_ok() {
            say::note(format_args!("using the {name} that answers at {address}"));
            return Ok(Reached::found(kind, address));
        }
        let holder = ports::holder(port).unwrap_or_else(|| "another process".into());
        return Err(Failure::new(format!(
            "port {port} is held by {holder}, which does not answer as {name}: end it, name a \
             cluster with {option}, or give --launch for one on another port"
        )));
    }
    if run.cluster.no_launch {
        return Err(Failure::new(format!(
            "no {name} answers at {address}, and --no-launch forbids to launch one: start it, or \
             name a cluster with {option}"
        )));
    }
    say::note(format_args!("no {name} answers at {address}: a local one is launched"));
    launched(plan, run.keep)
}

fn launched(plan: &Plan, keep: bool) -> Result<Reached> {
    let places = Places::find(keep)?;
    let cluster = match plan.kind {
        Kind::Kafka => launch::kafka::launch(&plan.scenario, &places)?,
        Kind::Log => launch::log::launch(&places)?,
        _ => launch::pravega::launch(&places)?,
    };
    Ok(Reached {
        address: cluster.address.clone(),
        describes: cluster.describes.clone(),
        version: cluster.version.clone(),
        launched: Some(cluster),
    })
}
