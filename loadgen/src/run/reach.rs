//! Reaching a cluster: the one that is named, the one at the default address, or one launched here.

use std::net::ToSocketAddrs;

use crate::arguments::Run;
use crate::failure::{Failure, Result};
use crate::launch::{Places, ports};
use crate::plan::RunPlan;
use crate::systems::system::{Cluster, Home, Kept, LiveSystem, Source};
use crate::terminal;

/// Finds the cluster that the plan is run on, or decides to launch one.
pub(super) fn find(plan: &RunPlan, run: &Run) -> Result<Source> {
    let system = plan.system;
    let (option, port) = match system.home() {
        Home::InProcess => return Ok(Source::InProcess),
        Home::Launched if run.reach.no_launch => {
            return Err(Failure::new(format!(
                "target {} is always launched: leave out --no-launch",
                system.name()
            )));
        }
        Home::Launched => return Ok(Source::Launch),
        Home::Cluster { option, port } => (option, port),
    };
    let breaks = !plan.scenario.faults.is_empty();
    match &plan.named {
        Some(_) if breaks => Err(Failure::new(
            "the scenario breaks processes, and only those launched here are broken: give \
             --launch in place of an address",
        )),
        Some(address) => named(system, address, option),
        None if run.reach.launch || (breaks && !run.reach.no_launch) => {
            if !run.reach.launch {
                terminal::note("the scenario breaks processes: a cluster is launched for it");
            }
            Ok(Source::Launch)
        }
        None if breaks => Err(Failure::new(
            "the scenario breaks processes, and only those launched here are broken: leave out \
             --no-launch",
        )),
        None => at_default_port(system, port, option, run),
    }
}

fn named(system: &dyn LiveSystem, address: &str, option: &str) -> Result<Source> {
    let option = option.split(' ').next().unwrap_or(option);
    let unreachable = |why: String| {
        let name = system.name();
        Failure::new(format!(
            "no {name} answers at {address}: {why}; check {option} and the cluster"
        ))
    };
    connects(address).map_err(unreachable)?;
    let servers = system
        .answers(address)
        .map_err(|why| unreachable(format!("it accepts connections but {why}")))?;
    Ok(Source::Existing { address: address.to_owned(), servers })
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

fn at_default_port(system: &dyn LiveSystem, port: u16, option: &str, run: &Run) -> Result<Source> {
    let (name, address) = (system.name(), format!("127.0.0.1:{port}"));
    if ports::listens(ports::local(port)) {
        if let Ok(servers) = system.answers(&address) {
            terminal::note(format_args!("using the {name} that answers at {address}"));
            return Ok(Source::Existing { address, servers });
        }
        let holder = ports::holder(port).unwrap_or_else(|| "another process".into());
        return Err(Failure::new(format!(
            "port {port} is held by {holder}, which does not answer as {name}: end it, name a \
             cluster with {option}, or give --launch for one on another port"
        )));
    }
    if run.reach.no_launch {
        return Err(Failure::new(format!(
            "no {name} answers at {address}, and --no-launch forbids to launch one: start it, or \
             name a cluster with {option}"
        )));
    }
    terminal::note(format_args!("no {name} answers at {address}: a local one is launched"));
    Ok(Source::Launch)
}

/// The processes on this machine that listen at these addresses, with names.
fn local(name: &str, addresses: &str) -> Vec<(String, u32)> {
    let here = |address: &str| {
        let found = address.to_socket_addrs().ok()?.find(|found| found.ip().is_loopback())?;
        ports::holding(found.port())
    };
    let mut pids: Vec<u32> = addresses.split(',').filter_map(here).collect();
    pids.sort_unstable();
    pids.dedup();
    (1..).zip(pids).map(|(number, pid)| (format!("{name}-{number}"), pid)).collect()
}

/// Reaches what was found, or launches it.
pub(super) fn reach(
    plan: &RunPlan,
    source: &Source,
    places: impl FnOnce() -> Result<Places>,
) -> Result<Cluster> {
    let name = plan.system.name();
    match source {
        Source::InProcess => Ok(Cluster {
            address: String::new(),
            describes: format!("{name}, in the generator itself"),
            version: env!("CARGO_PKG_VERSION").into(),
            launched: None,
            local: vec![],
            kept: Kept::default(),
        }),
        Source::Existing { address, .. } => Ok(Cluster {
            describes: format!("{name} at {address}"),
            address: address.clone(),
            version: "unknown".into(),
            launched: None,
            local: local(name, address),
            kept: Kept::default(),
        }),
        Source::Launch => {
            let launched = plan.system.launch(&plan.scenario, &places()?)?;
            Ok(Cluster::launched(launched))
        }
    }
}
