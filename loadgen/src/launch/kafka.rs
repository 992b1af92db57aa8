//! Kafka from Maven: brokers in combined KRaft mode on the loopback address.

use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use headwater_models::kafka::config::Version;
use headwater_scenarios::scenario::{Scenario, System};

use super::artifacts::{Artifacts, Coordinates, pom};
use super::guard::Launch;
use super::guarded::Guarded;
use super::{Cluster, Places, java, last_line, ports, wait_ready, write};
use crate::failure::{Failure, Result};
use crate::say;
use crate::targets::kafka::brokers;

/// The version launched for `3.9`. Exact ones: some of a range lack artifacts.
const KAFKA_3_9: &str = "3.9.2";

/// The version launched for `4.x`.
const KAFKA_4: &str = "4.3.1";

/// Where a Kafka broker listens by default.
pub(crate) const DEFAULT_PORT: u16 = 9092;

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

/// Launches the brokers of `scenario`, and waits until they answer.
pub(crate) fn launch(scenario: &Scenario, places: &Places) -> Result<Cluster> {
    let System::Kafka(config) = &scenario.system else {
        return Err(Failure::new("only a Kafka scenario launches Kafka"));
    };
    java("--bootstrap HOST:PORT")?;
    let jars = artifacts(config.version).fetch(&places.cache, "--bootstrap HOST:PORT")?;
    let (exact, _) = version(config.version);
    let count = config.brokers as usize;
    let plural = if count == 1 { "" } else { "s" };
    let mut free = ports::free(2 * count)?;
    let controllers = free.split_off(count);
    free[0] = ports::free_or(DEFAULT_PORT)?;
    let data = places.data("kafka")?;
    let launch = Brokers { scenario, version: config.version, jars: &jars, data: &data };
    let describes = format!("kafka {exact}, {count} broker{plural} on 127.0.0.1");
    say::note(format_args!("launching {describes}, port {}; data in {}", free[0], data.display()));
    let guarded = Arc::new(Mutex::new(Guarded::start(&data, places.keep)?));
    let watched = crate::sampler::Watched::default();
    for index in 0..count {
        let started = launch.start(index, &free, &controllers, &guarded)?;
        if let Ok(mut watched) = watched.lock() {
            watched.push(started);
        }
    }
    let address = |port: &u16| format!("127.0.0.1:{port}");
    let address = free.iter().map(address).collect::<Vec<_>>().join(",");
    let log = data.join("broker-1.log");
    wait_ready(&guarded, "broker-1", &log, || brokers(&address).is_ok_and(|found| found == count))?;
    Ok(Cluster { address, describes, version: exact.into(), guarded, watched })
}

struct Brokers<'a> {
    scenario: &'a Scenario,
    version: Version,
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
        let name = format!("broker-{}", index + 1);
        let file = self.data.join(format!("{name}.properties"));
        write(&file, &self.properties(index, clients, controllers))?;
        let logging = self.logging()?;
        let mut guarded = guarded.lock().map_err(|_| Failure::new("the guard's lock is broken"))?;
        self.format(&file, &logging, &mut guarded)?;
        let heap = if clients.len() == 1 { "1g" } else { "512m" };
        let mut command = super::java_command();
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
        let mut text = format!(
            "process.roles=broker,controller\nnode.id={id}\n\
             controller.quorum.voters={}\n\
             listeners=PLAINTEXT://127.0.0.1:{client},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{client}\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             log.dirs={}\noffsets.topic.replication.factor={replicas}\n\
             offsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor={replicas}\n\
             transaction.state.log.min.isr=1\n\
             auto.create.topics.enable=false\ngroup.initial.rebalance.delay.ms=0\n",
            voters.join(","),
            self.data.join(format!("broker-{id}-log")).display(),
        );
        for (key, value) in self.scenario.system.configuration() {
            let option = key.strip_prefix("broker.").or_else(|| key.strip_prefix("quorum."));
            // `broker.heartbeat.interval.ms` stands in the section `broker` under its whole name.
            if let Some(option) = option {
                writeln!(text, "{option}={value}").expect("a string takes what is written to it");
            }
        }
        text
    }

    fn logging(&self) -> Result<String> {
        let (file, text, option) = match self.version {
            Version::V3_9 => (
                "log4j.properties",
                "log4j.rootLogger=WARN,out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n\
                 log4j.appender.out.layout=org.apache.log4j.PatternLayout\n\
                 log4j.appender.out.layout.ConversionPattern=%d %p %m (%c)%n\n",
                "log4j.configuration=file:",
            ),
            Version::V4 => (
                "log4j2.properties",
                "rootLogger.level=warn\nrootLogger.appenderRefs=out\n\
                 rootLogger.appenderRef.out.ref=out\n\
                 appenders=out\nappender.out.type=Console\nappender.out.name=out\n\
                 appender.out.layout.type=PatternLayout\n\
                 appender.out.layout.pattern=%d %p %m (%c)%n\n",
                "log4j2.configurationFile=",
            ),
        };
        let path = self.data.join(file);
        write(&path, text)?;
        Ok(format!("-D{option}{}", path.display()))
    }

    /// Formats the log directory, as a broker in KRaft mode demands.
    fn format(&self, properties: &Path, logging: &str, guarded: &mut Guarded) -> Result<()> {
        let command = [
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
        let log = self.data.join("format.log");
        let launch = Launch {
            name: "format".into(),
            command: command.to_vec(),
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
