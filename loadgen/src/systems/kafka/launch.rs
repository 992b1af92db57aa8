//! Kafka from Maven: brokers in combined KRaft mode on the loopback address.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use headwater_models::kafka::config::{Cluster, Version};

use super::topic::brokers;
use super::{BOOTSTRAP, DEFAULT_PORT, options};
use crate::failure::{Failure, Result};
use crate::fault::proxy::Proxy;
use crate::launch::artifacts::{Artifacts, Coordinates, pom};
use crate::launch::guard::Launch;
use crate::launch::guarded::{Guarded, held};
use crate::launch::jvm::Jvm;
use crate::launch::{
    LaunchedCluster, Places, java, java_command, last_line, ports, wait_ready, write,
};
use crate::profile::kernel;
use crate::terminal;
use crate::utilisation::Watched;

/// The version launched for `3.9`. Exact ones: some of a range lack artifacts.
const KAFKA_3_9: &str = "3.9.2";

/// The version launched for `4.x`.
const KAFKA_4: &str = "4.3.1";

/// A broker's options: where it is, and small internal topics. Names in `@` are filled in.
const PROPERTIES: &str = include_str!("server.properties");

/// What a broker logs, by the logging library of its version.
const LOG4J: &str = include_str!("log4j.properties");
const LOG4J2: &str = include_str!("log4j2.properties");

/// `headwater-local!` in base 64: any 16 bytes serve as a cluster's id.
const CLUSTER_ID: &str = "aGVhZHdhdGVyLWxvY2FsIQ";

/// The exact version that is launched, and its logging library.
pub(super) fn version(version: Version) -> (&'static str, Coordinates<'static>) {
    match version {
        Version::V3_9 => (KAFKA_3_9, ["org.slf4j", "slf4j-reload4j", "1.7.36"]),
        Version::V4 => (KAFKA_4, ["org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.5"]),
    }
}

fn artifacts(of: Version) -> Artifacts {
    let (version, logging) = version(of);
    let pom = pom(&[["org.apache.kafka", "kafka_2.13", version], logging]);
    Artifacts::of("Kafka", version, pom, 50)
}

/// The folder of the jars of a scenario's version, the Java clients among them.
pub(super) fn jars(config: &Cluster, cache: &Path) -> Result<PathBuf> {
    artifacts(config.version).fetch(cache, BOOTSTRAP)
}

/// The process of the broker with this id.
pub(super) fn broker_name(id: usize) -> String {
    format!("broker-{id}")
}

/// Where a broker keeps its log, below the cluster's directory.
pub(super) fn log_directory(data: &Path, id: usize) -> PathBuf {
    data.join(format!("broker-{id}-log"))
}

/// The JVM of a broker.
fn jvm(data: &Path, id: usize) -> Jvm {
    let (name, directory) = (broker_name(id), data.to_owned());
    Jvm { log: data.join(format!("{name}.log")), name, directory }
}

/// Launches the brokers of a scenario, and waits until they answer; `proxied`: clients find each of
/// them through a proxy, and they find each other without.
pub(super) fn launch(config: &Cluster, proxied: bool, places: &Places) -> Result<LaunchedCluster> {
    java(BOOTSTRAP)?;
    let count = config.brokers as usize;
    check_memory(config, kernel::available_memory())?;
    let jars = jars(config, &places.cache)?;
    let (exact, _) = version(config.version);
    let plural = if count == 1 { "" } else { "s" };
    let ports = Ports::free(count, proxied)?;
    let data = places.data("kafka")?;
    let launch = Brokers { config, jars: &jars, data: &data, ports: &ports };
    let describes = format!("kafka {exact}, {count} broker{plural} on 127.0.0.1");
    terminal::note(format_args!(
        "launching {describes}, port {}; data in {}",
        ports.clients[0],
        data.display()
    ));
    let guarded = Arc::new(Mutex::new(Guarded::start(&data, places)?));
    let watched = Watched::default();
    for index in 0..count {
        let started = launch.start(index, &guarded)?;
        if let Ok(mut watched) = watched.lock() {
            watched.push(started);
        }
    }
    let proxies = ports.proxies()?;
    let [address, inside] = [&ports.clients, &ports.inside].map(|ports| addresses(ports));
    let log = data.join("broker-1.log");
    // Each knows all: a client that asks one of them that does not would give the others up.
    let knows_all = |address: &str| brokers(address).is_ok_and(|found| found == config.brokers);
    wait_ready(&guarded, "broker-1", &log, || address.split(',').all(knows_all))?;
    Ok(LaunchedCluster {
        address,
        describes,
        version: exact.into(),
        guarded,
        watched,
        proxies,
        inside,
        jvms: (1..=count).map(|id| jvm(&data, id)).collect(),
        data,
    })
}

/// Whether the heaps of all brokers fit into what memory there is, where that is known.
fn check_memory(config: &Cluster, available: Option<u64>) -> Result<()> {
    let (brokers, heap) = (config.brokers, config.jvm.heap);
    let needed = heap.0 * u64::from(brokers);
    let Some(available) = available.filter(|available| *available < needed) else {
        return Ok(());
    };
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Err(Failure::new(format!(
        "{brokers} broker{} {:.1} GiB, and {:.1} GiB of memory can be had: give --set \
         system.jvm.heap=512MiB, or fewer brokers",
        if brokers == 1 {
            format!(" with a heap of {heap} needs")
        } else {
            format!("s with a heap of {heap} need")
        },
        gib(needed),
        gib(available)
    )))
}

fn addresses(ports: &[u16]) -> String {
    ports.iter().map(|port| ports::local(*port).to_string()).collect::<Vec<_>>().join(",")
}

/// Ports of the loopback address, by broker.
struct Ports {
    /// Where clients find it.
    clients: Vec<u16>,
    /// Where it listens for them: behind its proxy, if there is one.
    behind: Vec<u16>,
    /// Where other brokers find it.
    inside: Vec<u16>,
    /// Where it votes.
    controllers: Vec<u16>,
}

impl Ports {
    fn free(count: usize, proxied: bool) -> Result<Self> {
        let mut free = ports::free(if proxied { 4 } else { 2 } * count)?;
        let controllers = free.split_off(free.len() - count);
        let mut clients: Vec<u16> = free.drain(..count).collect();
        clients[0] = ports::free_or(DEFAULT_PORT)?;
        let (behind, inside) = match proxied {
            true => (free.drain(..count).collect(), free),
            false => (clients.clone(), clients.clone()),
        };
        Ok(Self { clients, behind, inside, controllers })
    }

    fn are_proxied(&self) -> bool {
        self.clients != self.behind
    }

    /// What stands between clients and each broker.
    fn proxies(&self) -> Result<Vec<Proxy>> {
        if !self.are_proxied() {
            return Ok(vec![]);
        }
        let doors = self.clients.iter().zip(&self.behind);
        doors.map(|(port, behind)| Proxy::start(&[(*port, ports::local(*behind))])).collect()
    }

    /// Where a broker listens, what it tells clients and brokers, and by which listener the latter
    /// come.
    fn listeners(&self, index: usize) -> (String, String, &'static str) {
        let of = |name: &str, ports: &[u16]| format!("{name}://{}", ports::local(ports[index]));
        let (listens, told) = (of("PLAINTEXT", &self.behind), of("PLAINTEXT", &self.clients));
        match self.are_proxied() {
            true => {
                let inside = of("INTERNAL", &self.inside);
                (format!("{listens},{inside}"), format!("{told},{inside}"), "INTERNAL")
            }
            false => (listens, told, "PLAINTEXT"),
        }
    }
}

struct Brokers<'a> {
    config: &'a Cluster,
    jars: &'a Path,
    data: &'a Path,
    ports: &'a Ports,
}

impl Brokers<'_> {
    fn start(&self, index: usize, guarded: &Mutex<Guarded>) -> Result<(String, u32)> {
        let name = broker_name(index + 1);
        let file = self.data.join(format!("{name}.properties"));
        write(&file, &self.properties(index))?;
        let logging = self.logging()?;
        let mut guarded = held(guarded)?;
        self.format(&file, &logging, &mut guarded)?;
        let mut command = java_command();
        command.extend(self.config.jvm.arguments());
        command.extend([
            jvm(self.data, index + 1).option(),
            // What it logs is read with its times (`events.rs`).
            "-Duser.timezone=UTC".to_owned(),
            logging,
            "-cp".to_owned(),
            format!("{}/*", self.jars.display()),
            "kafka.Kafka".to_owned(),
            file.display().to_string(),
        ]);
        let log = self.data.join(format!("{name}.log"));
        let launch = Launch {
            name: name.clone(),
            command,
            directory: self.data.to_owned(),
            log,
            user: None,
        };
        Ok((name, guarded.launch(launch)?))
    }

    /// The options of one broker: where it is, small internal topics, and what the scenario says.
    fn properties(&self, index: usize) -> String {
        let controllers = &self.ports.controllers;
        let (id, controller) = (index + 1, controllers[index]);
        let (listeners, advertised, brokers) = self.ports.listeners(index);
        let voter = |(index, port): (usize, &u16)| format!("{}@127.0.0.1:{port}", index + 1);
        let voters: Vec<String> = controllers.iter().enumerate().map(voter).collect();
        let replicas = controllers.len().min(3);
        let data = log_directory(self.data, id);
        let text = PROPERTIES
            .replace("@ID@", &id.to_string())
            .replace("@VOTERS@", &voters.join(","))
            .replace("@LISTENERS@", &listeners)
            .replace("@ADVERTISED@", &advertised)
            .replace("@BROKERS@", brokers)
            .replace("@CONTROLLER@", &controller.to_string())
            .replace("@DATA@", &data.display().to_string())
            .replace("@REPLICAS@", &replicas.to_string());
        let own = options::of_broker(self.config).into_iter();
        own.fold(text, |text, (option, value)| text + &format!("{option}={value}\n"))
    }

    fn logging(&self) -> Result<String> {
        let (file, text, option) = match self.config.version {
            Version::V3_9 => ("log4j.properties", LOG4J, "log4j.configuration=file:"),
            Version::V4 => ("log4j2.properties", LOG4J2, "log4j2.configurationFile="),
        };
        let path = self.data.join(file);
        write(&path, text)?;
        Ok(format!("-D{option}{}", path.display()))
    }

    /// Formats the log directory, as a broker in KRaft mode demands.
    fn format(&self, properties: &Path, logging: &str, guarded: &mut Guarded) -> Result<()> {
        let mut command = vec![
            "java".to_owned(),
            logging.to_owned(),
            "-Xmx128m".to_owned(),
            "-XX:+UseSerialGC".to_owned(),
            "-cp".to_owned(),
            format!("{}/*", self.jars.display()),
            "kafka.tools.StorageTool".to_owned(),
            "format".to_owned(),
            "-t".to_owned(),
            CLUSTER_ID.to_owned(),
            "-c".to_owned(),
            properties.display().to_string(),
        ];
        if self.config.version == Version::V4 {
            let level = self.config.quorum.eligible_leader_replicas;
            command.push("--feature".to_owned());
            command.push(format!("eligible.leader.replicas.version={level}"));
        }
        let log = self.data.join("format.log");
        let launch = Launch {
            name: "format".into(),
            command,
            directory: self.data.to_owned(),
            log: log.clone(),
            user: None,
        };
        if guarded.run(launch)? == 0 {
            return Ok(());
        }
        let why = last_line(&log).unwrap_or_else(|| "no reason given".into());
        Err(Failure::new(format!("Kafka could not format its log directory: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use headwater_sim::units::Bytes;

    use super::*;

    fn ports(clients: &[u16], behind: &[u16], inside: &[u16]) -> Ports {
        let [clients, behind, inside] = [clients, behind, inside].map(<[u16]>::to_vec);
        let controllers = vec![90; clients.len()];
        Ports { clients, behind, inside, controllers }
    }

    #[test]
    fn clients_are_told_of_the_proxy_and_brokers_of_the_broker() {
        let (listens, told, brokers) = ports(&[1, 2], &[11, 12], &[21, 22]).listeners(1);
        assert_eq!(listens, "PLAINTEXT://127.0.0.1:12,INTERNAL://127.0.0.1:22");
        assert_eq!(told, "PLAINTEXT://127.0.0.1:2,INTERNAL://127.0.0.1:22");
        assert_eq!(brokers, "INTERNAL");
    }

    #[test]
    fn heaps_that_memory_can_not_hold_are_refused() {
        let mut config = Cluster { brokers: 3, ..Cluster::defaults(Version::V3_9) };
        assert!(check_memory(&config, Some(3 << 30)).is_ok());
        assert!(check_memory(&config, None).is_ok(), "nobody knows");
        config.jvm.heap = Bytes::from_gib(2);
        let refused = check_memory(&config, Some(5 << 30)).unwrap_err().to_string();
        assert!(refused.starts_with("3 brokers with a heap of 2GiB need 6.0 GiB"), "{refused}");
        assert!(refused.contains("5.0 GiB of memory can be had"), "{refused}");
    }

    #[test]
    fn without_a_proxy_there_is_one_listener_for_all() {
        let ports = ports(&[1, 2], &[1, 2], &[1, 2]);
        let (listens, told, brokers) = ports.listeners(0);
        assert_eq!((listens.as_str(), brokers), ("PLAINTEXT://127.0.0.1:1", "PLAINTEXT"));
        assert_eq!(told, listens);
        assert!(ports.proxies().unwrap().is_empty());
        let free = Ports::free(3, true).unwrap();
        let all = [&free.clients, &free.behind, &free.inside, &free.controllers];
        let mut all: Vec<u16> = all.into_iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 12, "all differ");
    }
}
