//! The page over the services of a run: two processes that serve it, and nginx in front of them
//! where it is there.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::programs::{Ground, find};
use super::{begun, http};
use crate::failure::{Failure, Result};
use crate::launch::guard::Launch;
use crate::launch::{LaunchedCluster, ports, wait_ready_within, write};
use crate::terminal;

/// How long a process may take until it answers.
const READY: Duration = Duration::from_secs(20);

/// Processes behind the balancer.
const WEBS: [&str; 2] = ["web-1", "web-2"];

/// What is in front of them.
const NGINX: &str = "nginx";

/// What a page shows.
pub(crate) struct Shows<'a> {
    /// The services that run, by kind.
    pub(crate) services: Vec<(&'static str, SocketAddr)>,
    /// Where the engine says what its batches did.
    pub(crate) account: &'a Path,
    /// What a balancer is told, by the names of `nginx-config`.
    pub(crate) balancer: BTreeMap<&'static str, String>,
}

/// A page that is served.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// The processes, by their names, in the order in which they end.
    pub(crate) processes: Vec<String>,
    /// What it shows, by kind.
    kinds: Vec<&'static str>,
}

/// The command of a process that serves the page.
fn web(listen: SocketAddr, shows: &Shows<'_>) -> Result<Vec<String>> {
    let mut command = begun("web")?;
    command.extend(["--listen".to_owned(), listen.to_string()]);
    for (kind, at) in &shows.services {
        command.extend([format!("--{kind}"), format!("http://{at}")]);
    }
    command.extend(["--spark-stats".to_owned(), shows.account.display().to_string()]);
    Ok(command)
}

/// The arguments of `nginx-config`.
fn config(
    folder: &Path,
    listen: SocketAddr,
    webs: &[SocketAddr],
    balancer: &BTreeMap<&'static str, String>,
) -> Result<Vec<String>> {
    let mut command = begun("nginx-config")?;
    command.extend(["--folder".to_owned(), folder.display().to_string()]);
    command.extend(["--listen".to_owned(), listen.to_string()]);
    webs.iter().for_each(|at| command.extend(["--web".to_owned(), at.to_string()]));
    for (name, value) in balancer {
        command.extend([format!("--{name}"), value.clone()]);
    }
    Ok(command)
}

impl Page {
    /// Starts it beside `cluster`, and waits until it answers.
    pub(crate) fn start(cluster: &LaunchedCluster, shows: &Shows<'_>) -> Result<Self> {
        let ports = ports::free(WEBS.len() + 1)?;
        let listen: Vec<SocketAddr> = ports.into_iter().map(ports::local).collect();
        let (front, webs) = listen.split_first().expect("they were asked for");
        for (name, at) in WEBS.into_iter().zip(webs) {
            let log = cluster.data.join(format!("{name}.log"));
            let (command, directory) = (web(*at, shows)?, cluster.data.clone());
            let launch = Launch { name: name.into(), command, directory, log, user: None };
            cluster.launch_beside(launch)?;
        }
        for (name, at) in WEBS.into_iter().zip(webs) {
            answers(cluster, name, *at)?;
        }
        let mut page = Self {
            address: webs[0],
            processes: WEBS.map(str::to_owned).into(),
            kinds: shows.services.iter().map(|(kind, _)| *kind).collect(),
        };
        match find(&[NGINX]) {
            None => terminal::note(
                "there is no nginx on this machine (Debian: apt install nginx-light): the page is \
                 at one of the two processes that serve it",
            ),
            Some(nginx) => {
                balance(cluster, &nginx, (*front, webs), &shows.balancer)?;
                page.address = *front;
                page.processes.insert(0, NGINX.to_owned());
            }
        }
        Ok(page)
    }

    /// What of it can't be seen by who opens it now: each with why.
    pub(crate) fn dark(&self) -> Vec<String> {
        match http::json(self.address, "/api/stats") {
            Ok(told) => self.kinds.iter().filter_map(|kind| dark(kind, &told[*kind])).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    /// How many services it shows.
    pub(crate) fn services(&self) -> usize {
        self.kinds.len()
    }
}

/// Why a service of this kind can't be seen, by what the page was told of it.
fn dark(kind: &str, told: &Value) -> Option<String> {
    let one = |told: &Value| match (&told["error"], &told["received"]) {
        (Value::String(why), _) => Some(format!("{kind}: {why}")),
        (_, Value::Number(_)) => None,
        _ => Some(format!("{kind}: nothing is told of it")),
    };
    match told {
        Value::Array(all) if !all.is_empty() => all.iter().find_map(one),
        told => one(told),
    }
}

fn answers(cluster: &LaunchedCluster, name: &str, at: SocketAddr) -> Result<()> {
    let log = cluster.data.join(format!("{name}.log"));
    let ready = || http::json(at, "/health").is_ok();
    wait_ready_within(READY, &cluster.guarded, name, &log, ready)
}

/// Starts nginx at `front` before the processes of the page.
fn balance(
    cluster: &LaunchedCluster,
    nginx: &Path,
    (front, webs): (SocketAddr, &[SocketAddr]),
    balancer: &BTreeMap<&'static str, String>,
) -> Result<()> {
    let Ground { folder, user } = Ground::unprivileged(cluster, &cluster.data, NGINX)?;
    let asked = config(&folder, front, webs, balancer)?;
    let (program, arguments) = asked.split_first().expect("it begins with the program");
    let made = Command::new(program).args(arguments).output();
    let made = made.map_err(|error| Failure::io(format_args!("can't run {program}"), &error))?;
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        return Err(Failure::new(format!("no configuration of nginx: {said}")));
    }
    write(&folder.join("nginx.conf"), &String::from_utf8_lossy(&made.stdout))?;
    let [nginx, path] = [nginx, &folder].map(|of| of.display().to_string());
    let command = [nginx.as_str(), "-p", path.as_str(), "-c", "nginx.conf"];
    let command = command.map(str::to_owned).into();
    let log = cluster.data.join("nginx.log");
    cluster.launch_beside(Launch { name: NGINX.into(), command, directory: folder, log, user })?;
    answers(cluster, NGINX, front)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_page_can_not_show_is_told_with_why() {
        assert_eq!(dark("backup", &json!({ "received": 0 })), None);
        assert_eq!(dark("search", &json!([{ "received": 7 }])), None);
        let down = json!([{ "error": "does not answer" }]);
        assert_eq!(dark("search", &down).as_deref(), Some("search: does not answer"));
        for nothing in [json!(null), json!([]), json!({})] {
            let why = dark("trending", &nothing);
            assert_eq!(why.as_deref(), Some("trending: nothing is told of it"), "{nothing}");
        }
    }
}
