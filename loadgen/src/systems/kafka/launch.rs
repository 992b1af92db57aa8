//! Kafka from Maven: brokers in combined KRaft mode on the loopback address.

use std::path::Path;
use std::sync::{Arc, Mutex};

use headwater_models::kafka::config::{Cluster, Version};

use super::topic::brokers;
use super::{BOOTSTRAP, DEFAULT_PORT, options};
use crate::failure::{Failure, Result};
use crate::launch::artifacts::{Artifacts, Coordinates, pom};
use crate::launch::guard::Launch;
use crate::launch::guarded::Guarded;
use crate::launch::{
    LaunchedCluster, Places, java, java_command, last_line, ports, wait_ready, write,
};
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

fn version(version: Version) -> (&'static str, Coordinates<'static>) {
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

/// The process of the broker with this id.
pub(super) fn broker_name(id: usize) -> String {
    format!("broker-{id}")
}

/// Launches the brokers of a scenario, and waits until they answer.
pub(super) fn launch(config: &Cluster, places: &Places) -> Result<LaunchedCluster> {
    java(BOOTSTRAP)?;
    let jars = artifacts(config.version).fetch(&places.cache, BOOTSTRAP)?;
    let (exact, _) = version(config.version);
    let count = config.brokers as usize;
    let plural = if count == 1 { "" } else { "s" };
    let mut free = ports::free(2 * count)?;
    let controllers = free.split_off(count);
    free[0] = ports::free_or(DEFAULT_PORT)?;
    let data = places.data("kafka")?;
    let launch = Brokers { config, jars: &jars, data: &data };
    let describes = format!("kafka {exact}, {count} broker{plural} on 127.0.0.1");
    terminal::note(format_args!(
        "launching {describes}, port {}; data in {}",
        free[0],
        data.display()
    ));
    let guarded = Arc::new(Mutex::new(Guarded::start(&data, places.keep)?));
    let watched = Watched::default();
    for index in 0..count {
        let started = launch.start(index, &free, &controllers, &guarded)?;
        if let Ok(mut watched) = watched.lock() {
            watched.push(started);
        }
    }
    let address = |port: &u16| format!("127.0.0.1:{port}");
    let address = free.iter().map(address).collect::<Vec<_>>().join(",");
    let log = data.join("broker-1.log");
    wait_ready(&guarded, "broker-1", &log, || {
        brokers(&address).is_ok_and(|found| found == config.brokers)
    })?;
    Ok(LaunchedCluster { address, describes, version: exact.into(), guarded, watched })
}

struct Brokers<'a> {
    config: &'a Cluster,
    jars: &'a Path,
    data: &'a Path,
}

impl Brokers<'_> {
    fn start(
        &self,
        index: usize,
        clients: &[u16],
        controllers: &[u16],
        guarded: &Mutex<Guarded>,
    ) -> Result<(String, u32)> {
        let name = broker_name(index + 1);
        let file = self.data.join(format!("{name}.properties"));
        write(&file, &self.properties(index, clients, controllers))?;
        let logging = self.logging()?;
        let mut guarded = guarded.lock().map_err(|_| Failure::new("the guard's lock is broken"))?;
        self.format(&file, &logging, &mut guarded)?;
        let heap = if clients.len() == 1 { "1g" } else { "512m" };
        let mut command = java_command();
        command.extend([
            format!("-Xms{heap}"),
            format!("-Xmx{heap}"),
            "-XX:+UseG1GC".to_owned(),
            "-XX:MaxGCPauseMillis=20".to_owned(),
            logging,
            "-cp".to_owned(),
            format!("{}/*", self.jars.display()),
            "kafka.Kafka".to_owned(),
            file.display().to_string(),
        ]);
        let log = self.data.join(format!("{name}.log"));
        let launch = Launch { name: name.clone(), command, directory: self.data.to_owned(), log };
        Ok((name, guarded.launch(launch)?))
    }

    /// The options of one broker: where it is, small internal topics, and what the scenario says.
    fn properties(&self, index: usize, clients: &[u16], controllers: &[u16]) -> String {
        let (id, client, controller) = (index + 1, clients[index], controllers[index]);
        let voter = |(index, port): (usize, &u16)| format!("{}@127.0.0.1:{port}", index + 1);
        let voters: Vec<String> = controllers.iter().enumerate().map(voter).collect();
        let replicas = clients.len().min(3);
        let data = self.data.join(format!("broker-{id}-log"));
        let text = PROPERTIES
            .replace("@ID@", &id.to_string())
            .replace("@VOTERS@", &voters.join(","))
            .replace("@CLIENT@", &client.to_string())
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
        };
        if guarded.run(launch)? == 0 {
            return Ok(());
        }
        let why = last_line(&log).unwrap_or_else(|| "no reason given".into());
        Err(Failure::new(format!("Kafka could not format its log directory: {why}")))
    }
}
