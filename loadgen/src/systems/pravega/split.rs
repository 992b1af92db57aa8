//! Pravega from Maven, every part a process of its own on the loopback address: ZooKeeper, bookies,
//! a controller, segment stores, and a folder as tier 2.
//!
//! ```text
//!  metadata, bookies ──> controller-1 ──> store-1, store-2, ... ──> containers run
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use headwater_models::pravega::config::Cluster;

use super::containers::owners;
use super::launch::{LOOPBACK, VERSION, agent, artifacts};
use super::stream::answers;
use super::{CONTROLLER, DEFAULT_PORT, options};
use crate::failure::{Failure, Result};
use crate::fault::proxy::Proxy;
use crate::launch::crew::Crew;
use crate::launch::{LaunchedCluster, Places, java, ports, write};
use crate::profile::kernel;
use crate::systems::bookkeeper::launch::{Ensemble, Java, LEDGERS};
use crate::terminal;

/// The process that is the controller.
pub(super) const CONTROLLER_PROCESS: &str = "controller-1";

/// Warnings and above, and which containers run where.
const LOGBACK: &str = include_str!("split.xml");

/// How long controller, stores and containers may take altogether: 19 s on two idle cores, of which
/// the controller waits 10 s.
const PATIENCE: Duration = Duration::from_secs(240);

/// What a store takes outside of heap and cache at the most, bytes: Netty's buffers.
const STORE_DIRECT: u64 = 1 << 30;
/// What a store under load takes of the machine's memory beside its heap and a cache that fills,
/// and what a controller does, bytes: 1.4 GB with a heap of 1 GiB and some 200 MB cached, and 420
/// MB, were seen.
const STORE_BYTES: u64 = 256 << 20;
const CONTROLLER_BYTES: u64 = 448 << 20;

/// The process of the store with this number.
pub(super) fn store_name(number: usize) -> String {
    format!("store-{number}")
}

/// The processes of a scenario's cluster, those first that clients connect to.
pub(super) fn servers(config: &Cluster) -> Vec<String> {
    let stores = (1..=config.stores as usize).map(store_name);
    let below = Ensemble::names(config.bookies);
    stores.chain([CONTROLLER_PROCESS.to_owned()]).chain(below).collect()
}

/// Whether clients connect to the process of this name.
pub(super) fn serves_clients(name: &str) -> bool {
    name == CONTROLLER_PROCESS || name.starts_with("store-")
}

/// Ports of the loopback address.
struct Ports {
    /// Where clients find the controller.
    client: u16,
    /// Where the controller listens: behind its proxy, if there is one.
    controller: u16,
    /// Where the controller listens for HTTP, which it can't be kept from.
    rest: u16,
    /// Where everybody finds each store.
    published: Vec<u16>,
    /// Where each store listens: behind its proxy, if there is one.
    stores: Vec<u16>,
    /// ZooKeeper's.
    metadata: u16,
    bookies: Vec<u16>,
}

impl Ports {
    fn free(config: &Cluster, proxied: bool) -> Result<Self> {
        let (stores, bookies) = (config.stores as usize, config.bookies as usize);
        let mut free = ports::free(3 + 2 * stores + bookies)?;
        let mut take = |count: usize| free.split_off(free.len() - count);
        let (published, behind, bookies) = (take(stores), take(stores), take(bookies));
        let [metadata, rest, behind_proxy] = [free[0], free[1], free[2]];
        let client = ports::free_or(DEFAULT_PORT)?;
        let (controller, stores) =
            if proxied { (behind_proxy, behind) } else { (client, published.clone()) };
        Ok(Self { client, controller, rest, published, stores, metadata, bookies })
    }

    /// What stands between clients and each of the [`servers`] that they connect to, in order.
    fn proxies(&self) -> Result<Vec<Proxy>> {
        if self.client == self.controller {
            return Ok(vec![]);
        }
        let stores = self.published.iter().zip(&self.stores);
        let doors = stores.chain([(&self.client, &self.controller)]);
        doors.map(|(port, behind)| Proxy::start(&[(*port, ports::local(*behind))])).collect()
    }
}

/// Launches the cluster of a scenario, and waits until its controller answers and all containers
/// run; `proxied`: a proxy stands before its controller and each store. The controller finds the
/// stores through theirs, too: the address that a store publishes is for everybody.
pub(super) fn launch(config: &Cluster, proxied: bool, places: &Places) -> Result<LaunchedCluster> {
    java(CONTROLLER)?;
    check_memory(config, kernel::available_memory())?;
    let jars = artifacts().fetch(&places.cache, CONTROLLER)?;
    let agent = agent(places, CONTROLLER)?;
    let data = places.data("pravega")?;
    let ports = Ports::free(config, proxied)?;
    let describes = describe(config);
    terminal::note(format_args!(
        "launching {describes}, port {}; logs and data in {}",
        ports.client,
        data.display()
    ));
    let mut crew = Crew::gather(&data, places)?;
    let logback = data.join("logback.xml");
    write(&logback, LOGBACK)?;
    let java = Java::of(jars, format!("-Dlogback.configurationFile={}", logback.display()));
    let split = Split { config, ports: &ports, java: &java, agent, data: &data };
    let proxies = ports.proxies()?;
    split.start(&mut crew)?;
    Ok(LaunchedCluster {
        address: ports::local(ports.client).to_string(),
        describes,
        version: VERSION.into(),
        guarded: crew.guarded,
        watched: crew.watched,
        proxies,
        inside: ports::local(ports.controller).to_string(),
        jvms: crew.jvms,
        data,
    })
}

fn describe(config: &Cluster) -> String {
    let counted = |count: u32, name: &str| {
        format!("{count} {}", if count == 1 { name.to_owned() } else { format!("{name}s") })
    };
    let (stores, bookies) = (counted(config.stores, "store"), counted(config.bookies, "bookie"));
    format!(
        "pravega {VERSION}, {stores}, a controller, {bookies} and ZooKeeper on 127.0.0.1, a folder \
         as tier 2"
    )
}

/// Whether all processes fit into what memory there is, where that is known.
fn check_memory(config: &Cluster, available: Option<u64>) -> Result<()> {
    let stores = (config.jvm.heap.0 + STORE_BYTES) * u64::from(config.stores);
    let needed = stores + CONTROLLER_BYTES + Ensemble::memory(config.bookies);
    let Some(available) = available.filter(|available| *available < needed) else {
        return Ok(());
    };
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Err(Failure::new(format!(
        "{} needs about {:.1} GiB, and {:.1} GiB of memory can be had: give --set \
         system.jvm.heap=512MiB, fewer stores, or fewer bookies",
        describe(config),
        gib(needed),
        gib(available)
    )))
}

struct Split<'a> {
    config: &'a Cluster,
    ports: &'a Ports,
    java: &'a Java,
    agent: PathBuf,
    data: &'a Path,
}

impl Split<'_> {
    fn start(&self, crew: &mut Crew) -> Result<()> {
        let config = self.config;
        let ensemble = Ensemble {
            bookie: &config.bookie,
            metadata: &config.metadata,
            port: self.ports.metadata,
            bookies: self.ports.bookies.clone(),
            java: self.java,
        };
        ensemble.start(crew)?;
        // It needs nothing but ZooKeeper.
        crew.start(CONTROLLER_PROCESS, self.controller(&ensemble.address())?)?;
        ensemble.wait(crew)?;
        terminal::note("bookies are there: stores are started");
        std::fs::create_dir_all(self.tier()).map_err(|error| {
            Failure::io(format_args!("can't make {}", self.tier().display()), &error)
        })?;
        for number in 1..=config.stores as usize {
            crew.start(&store_name(number), self.store(number, &ensemble.address())?)?;
        }
        self.wait(crew)
    }

    /// Waits until all containers run, and on every store: they do not before the controller has
    /// handed them out, and it does so once more when a store comes late. Then until it answers.
    fn wait(&self, crew: &Crew) -> Result<()> {
        let (all, stores) = (self.config.containers, self.config.stores as usize);
        let (since, mut running) = (Instant::now(), 0);
        let waits = self.config.controller.rebalance_interval_seconds;
        terminal::note(format_args!(
            "waiting for {all} containers; the controller hands them out {waits} s after the last \
             store has come"
        ));
        crew.wait("not all containers ran", PATIENCE, || {
            let owners = owners(self.data, stores);
            let (now, busy) = (owners.len() as u32, owners.values().collect::<BTreeSet<_>>());
            if now != running {
                let seconds = since.elapsed().as_secs();
                terminal::note(format_args!("{now} of {all} containers run after {seconds} s"));
            }
            running = now;
            now >= all && busy.len() >= stores.min(all as usize)
        })?;
        let address = ports::local(self.ports.controller).to_string();
        let answers = || answers(&address, Duration::from_secs(5)).is_ok();
        crew.wait("the controller did not answer", PATIENCE, answers)
    }

    fn tier(&self) -> PathBuf {
        self.data.join("tier")
    }

    fn controller(&self, zookeeper: &str) -> Result<Vec<String>> {
        let rules = self.data.join("loopback.btm");
        write(&rules, LOOPBACK)?;
        let ports = self.ports;
        let mut told = vec![
            format!("-javaagent:{}=script:{}", self.agent.display(), rules.display()),
            "-Xmx512m".into(),
            format!("-Dcontroller.zk.connect.uri={zookeeper}"),
            format!("-Dcontroller.container.count={}", self.config.containers),
            format!("-Dcontroller.service.rpc.listener.port={}", ports.controller),
            "-Dcontroller.service.rpc.published.host.nameOrIp=127.0.0.1".into(),
            format!("-Dcontroller.service.rpc.published.port={}", ports.client),
            "-Dcontroller.service.rest.listener.host.ip=127.0.0.1".into(),
            format!("-Dcontroller.service.rest.listener.port={}", ports.rest),
        ];
        told.extend(as_properties(options::of_controller(self.config)));
        Ok(self.run(&told, "io.pravega.controller.server.Main"))
    }

    fn store(&self, number: usize, zookeeper: &str) -> Result<Vec<String>> {
        let empty = self.data.join("store.properties");
        write(&empty, "")?;
        let ports = self.ports;
        let (published, listens) = (ports.published[number - 1], ports.stores[number - 1]);
        let direct = self.config.segment_store.cache_size_max + STORE_DIRECT;
        let mut told = self.config.jvm.arguments();
        told.extend([
            format!("-XX:MaxDirectMemorySize={direct}"),
            format!("-Dpravega.configurationFile={}", empty.display()),
            format!("-Dfilesystem.root={}", self.tier().display()),
            format!("-DautoScale.controller.connect.uri=tcp://127.0.0.1:{}", ports.controller),
            format!("-Dbookkeeper.zk.connect.uri={zookeeper}"),
            format!("-Dbookkeeper.ledger.path={LEDGERS}"),
        ]);
        for (option, value) in [
            ("container.count", self.config.containers.to_string()),
            ("zk.connect.uri", zookeeper.to_owned()),
            ("service.listener.host.nameOrIp", "127.0.0.1".into()),
            ("service.listener.port", listens.to_string()),
            ("service.published.host.nameOrIp", "127.0.0.1".into()),
            ("service.published.port", published.to_string()),
            ("rest.listener.enable", "false".into()),
            ("admin.gateway.enable", "false".into()),
        ] {
            told.push(format!("-Dpravegaservice.{option}={value}"));
        }
        told.extend(as_properties(options::of_split_store(self.config)));
        Ok(self.run(&told, "io.pravega.segmentstore.server.host.ServiceStarter"))
    }

    fn run(&self, options: &[String], class: &str) -> Vec<String> {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        self.java.runs(&options, class)
    }
}

/// Options as system properties.
fn as_properties(
    options: impl IntoIterator<Item = (String, String)>,
) -> impl Iterator<Item = String> {
    options.into_iter().map(|(name, value)| format!("-D{name}={value}"))
}
