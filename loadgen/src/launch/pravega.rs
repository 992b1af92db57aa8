//! Pravega from Maven: the standalone cluster, in memory, in one process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::artifacts::{Artifacts, pom};
use super::guard::Launch;
use super::guarded::Guarded;
use super::{Cluster, Places, java, ports, wait_ready, write};
use crate::failure::{Failure, Result};
use crate::say;
use crate::targets::pravega::answers;

/// The version launched.
pub(crate) const VERSION: &str = "0.13.0";

/// Where a controller listens by default.
pub(crate) const DEFAULT_PORT: u16 = 9090;

/// The standalone cluster with what it needs. Hadoop's protobuf 2.5.0 would win over the one that
/// the controller needs, so that it is left out, as are the clients of object stores.
const POM: &str = include_str!("pravega_pom.xml");

/// The version of Byteman, the Java agent that keeps the controller to the loopback address.
const BYTEMAN: &str = "4.0.24";

/// What the agent is to do. All else is told by options.
const LOOPBACK: &str = include_str!("pravega_loopback.btm");

/// Nothing below a warning, but the emulator's word that it is up; on standard output, which goes
/// to a file.
const LOGBACK: &str = "<configuration><appender name=\"OUT\" \
    class=\"ch.qos.logback.core.ConsoleAppender\"><encoder><pattern>%d %-5level %logger{20} %msg%n\
    </pattern></encoder></appender><logger name=\"io.pravega.local\" level=\"INFO\"/>\
    <root level=\"WARN\"><appender-ref ref=\"OUT\"/></root>\
    </configuration>\n";

/// The agent's jar.
fn agent(places: &Places, or: &str) -> Result<PathBuf> {
    let pom = pom(&[["org.jboss.byteman", "byteman", BYTEMAN]]);
    let jars = Artifacts::of("Byteman", BYTEMAN, pom, 1).fetch(&places.cache, or)?;
    Ok(jars.join(format!("byteman-{BYTEMAN}.jar")))
}

/// Launches a standalone cluster, and waits until its controller answers.
pub(crate) fn launch(places: &Places) -> Result<Cluster> {
    const OR: &str = "--controller tcp://HOST:PORT";
    java(OR)?;
    let jars = Artifacts::of("Pravega", VERSION, POM.into(), 110).fetch(&places.cache, OR)?;
    let agent = agent(places, OR)?;
    let port = ports::free_or(DEFAULT_PORT)?;
    let free = ports::free(4)?;
    let data = places.data("pravega")?;
    let (logback, empty) = (data.join("logback.xml"), data.join("standalone.properties"));
    let rules = data.join("loopback.btm");
    write(&rules, LOOPBACK)?;
    write(&logback, LOGBACK)?;
    write(&empty, "")?;
    let describes = format!("pravega {VERSION} standalone, in memory");
    say::note(format_args!("launching {describes}, port {port}; logs in {}", data.display()));
    let mut command = super::java_command();
    let mut option = |text: String| command.push(text);
    option(format!("-javaagent:{}=script:{}", agent.display(), rules.display()));
    option("-Xmx2g".into());
    option("-XX:MaxDirectMemorySize=2g".into());
    option(format!("-Dlogback.configurationFile={}", logback.display()));
    option(format!("-Dsinglenode.configurationFile={}", empty.display()));
    option(format!("-Dsinglenode.zk.port={}", free[0]));
    option(format!("-Dsinglenode.segmentStore.port={}", free[1]));
    option(format!("-Dsinglenode.controller.rpc.port={port}"));
    option("-Dsinglenode.controller.rest.enable=false".into());
    option("-Dsinglenode.admin.gateway.enable=false".into());
    option("-Dpravegaservice.service.listener.host.nameOrIp=127.0.0.1".into());
    option("-Dpravegaservice.rest.listener.enable=false".into());
    // With the default of 128 MiB the cache throttles a load of 4 MB/s after half a minute.
    option("-Dpravegaservice.cache.size.max=1073741824".into());
    option("-cp".into());
    option(format!("{}/*", jars.display()));
    option("io.pravega.local.LocalPravegaEmulator".into());
    let log = data.join("store-1.log");
    let launch =
        Launch { name: "store-1".into(), command, directory: data.clone(), log: log.clone() };
    let guarded = Arc::new(Mutex::new(Guarded::start(&data, places.keep)?));
    let pid =
        guarded.lock().map_err(|_| Failure::new("the guard's lock is broken"))?.launch(launch)?;
    let watched = crate::sampler::Watched::default();
    if let Ok(mut watched) = watched.lock() {
        watched.push(("store-1".into(), pid));
    }
    let address = format!("127.0.0.1:{port}");
    // The controller answers before its containers run; the emulator says when they do.
    let says = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("is running"));
    wait_ready(&guarded, "store-1", &log, || {
        says() && answers(&address, Duration::from_secs(5)).is_ok()
    })?;
    Ok(Cluster { address, describes, version: VERSION.into(), guarded, watched })
}
