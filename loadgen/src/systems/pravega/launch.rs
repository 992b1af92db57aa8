//! Pravega from Maven: the standalone cluster, in memory, in one process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_models::pravega::config::Cluster;

use super::stream::answers;
use super::{CONTROLLER, DEFAULT_PORT, options};
use crate::failure::Result;
use crate::fault::proxy::Proxy;
use crate::launch::artifacts::{Artifacts, pom};
use crate::launch::guard::Launch;
use crate::launch::guarded::{Guarded, held};
use crate::launch::jvm::Jvm;
use crate::launch::{LaunchedCluster, Places, java, java_command, ports, wait_ready, write};
use crate::terminal;
use crate::utilisation::Watched;

/// The version launched.
pub(super) const VERSION: &str = "0.13.0";

/// The one process, which is store, controller and metadata service.
pub(super) const PROCESS: &str = "store-1";

/// The standalone cluster with what it needs. Hadoop's protobuf 2.5.0 would win over the one that
/// the controller needs, so that it is left out, as are the clients of object stores.
const POM: &str = include_str!("pom.xml");

/// The version of Byteman, the Java agent that keeps the controller to the loopback address.
const BYTEMAN: &str = "4.0.24";

/// What the agent does. Everything else is set by options.
pub(super) const LOOPBACK: &str = include_str!("loopback.btm");

/// Warnings and above, and the emulator's message that it is up; on standard output, which goes to
/// a file.
pub(super) const LOGBACK: &str = include_str!("logback.xml");

/// The cluster's jars, whichever way it is put together.
pub(super) fn artifacts() -> Artifacts {
    Artifacts::of("Pravega", VERSION, POM.into(), 110)
}

/// The agent's jar.
pub(super) fn agent(places: &Places, or: &str) -> Result<PathBuf> {
    let pom = pom(&[["org.jboss.byteman", "byteman", BYTEMAN]]);
    let jars = Artifacts::of("Byteman", BYTEMAN, pom, 1).fetch(&places.cache, or)?;
    Ok(jars.join(format!("byteman-{BYTEMAN}.jar")))
}

/// Ports of the loopback address.
struct Ports {
    /// Where clients find the controller.
    client: u16,
    /// Where the controller listens: behind the proxy, if there is one.
    controller: u16,
    /// Where clients and the controller find the store.
    published: u16,
    /// Where the store listens: behind the proxy, if there is one.
    store: u16,
    /// Of the metadata service.
    metadata: u16,
}

impl Ports {
    fn free(proxied: bool) -> Result<Self> {
        let (client, free) = (ports::free_or(DEFAULT_PORT)?, ports::free(4)?);
        let (published, metadata) = (free[0], free[1]);
        let (controller, store) = if proxied { (free[2], free[3]) } else { (client, published) };
        Ok(Self { client, controller, published, store, metadata })
    }

    /// What stands between clients and the one process.
    fn proxies(&self) -> Result<Vec<Proxy>> {
        if self.client == self.controller {
            return Ok(vec![]);
        }
        let controller = (self.client, ports::local(self.controller));
        let store = (self.published, ports::local(self.store));
        Ok(vec![Proxy::start(&[controller, store])?])
    }
}

/// Launches a standalone cluster, and waits until its controller answers; `proxied`: one proxy
/// stands before its controller and its store. The controller finds the store through it, too: the
/// address that a store publishes is for everybody.
pub(super) fn launch(config: &Cluster, proxied: bool, places: &Places) -> Result<LaunchedCluster> {
    java(CONTROLLER)?;
    let jars = artifacts().fetch(&places.cache, CONTROLLER)?;
    let agent = agent(places, CONTROLLER)?;
    let ports = Ports::free(proxied)?;
    let proxies = ports.proxies()?;
    let port = ports.client;
    let data = places.data("pravega")?;
    let describes = format!("pravega {VERSION} standalone, in memory");
    terminal::note(format_args!("launching {describes}, port {port}; logs in {}", data.display()));
    let command = command(config, &ports, [&jars, &agent], &data)?;
    let log = data.join(format!("{PROCESS}.log"));
    let launch = Launch {
        name: PROCESS.into(),
        command,
        directory: data.clone(),
        log: log.clone(),
        user: None,
    };
    let guarded = Arc::new(Mutex::new(Guarded::start(&data, places)?));
    let pid = held(&guarded)?.launch(launch)?;
    let watched = Watched::default();
    if let Ok(mut watched) = watched.lock() {
        watched.push((PROCESS.into(), pid));
    }
    let address = format!("127.0.0.1:{port}");
    // The controller answers before its containers run; the emulator says when they do.
    let says = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("is running"));
    wait_ready(&guarded, PROCESS, &log, || {
        says() && answers(&address, Duration::from_secs(5)).is_ok()
    })?;
    Ok(LaunchedCluster {
        address,
        describes,
        version: VERSION.into(),
        guarded,
        watched,
        proxies,
        inside: ports::local(ports.controller).to_string(),
        jvms: vec![jvm(&data)],
        data,
    })
}

/// The JVM that it is.
fn jvm(data: &Path) -> Jvm {
    let log = data.join(format!("{PROCESS}.log"));
    Jvm { name: PROCESS.into(), log, directory: data.to_owned() }
}

/// The command that starts it; what it is told by files is written to `data`.
fn command(
    config: &Cluster,
    ports: &Ports,
    [jars, agent]: [&Path; 2],
    data: &Path,
) -> Result<Vec<String>> {
    let (logback, empty) = (data.join("logback.xml"), data.join("standalone.properties"));
    let rules = data.join("loopback.btm");
    write(&rules, LOOPBACK)?;
    write(&logback, LOGBACK)?;
    write(&empty, "")?;
    let mut command = java_command();
    let mut option = |text: String| command.push(text);
    option(format!("-javaagent:{}=script:{}", agent.display(), rules.display()));
    config.jvm.arguments().into_iter().for_each(&mut option);
    option(jvm(data).option());
    option("-XX:MaxDirectMemorySize=2g".into());
    option(format!("-Dlogback.configurationFile={}", logback.display()));
    option(format!("-Dsinglenode.configurationFile={}", empty.display()));
    option(format!("-Dsinglenode.zk.port={}", ports.metadata));
    option(format!("-Dsinglenode.segmentStore.port={}", ports.store));
    option(format!("-Dsinglenode.controller.rpc.port={}", ports.controller));
    option("-Dpravegaservice.service.published.host.nameOrIp=127.0.0.1".into());
    option(format!("-Dpravegaservice.service.published.port={}", ports.published));
    option("-Dsinglenode.controller.rest.enable=false".into());
    option("-Dsinglenode.admin.gateway.enable=false".into());
    option("-Dpravegaservice.service.listener.host.nameOrIp=127.0.0.1".into());
    option("-Dpravegaservice.rest.listener.enable=false".into());
    // The emulator lays them over its own last (`InProcPravegaCluster.java` @ 0.13.0).
    options::of_store(config).into_iter().for_each(|(name, value)| {
        option(format!("-D{name}={value}"));
    });
    option("-cp".into());
    option(format!("{}/*", jars.display()));
    option("io.pravega.local.LocalPravegaEmulator".into());
    Ok(command)
}
