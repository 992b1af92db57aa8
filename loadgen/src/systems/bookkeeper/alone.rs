//! BookKeeper alone from Maven: ZooKeeper and bookies, and clients in JVMs.

use std::collections::BTreeMap;
use std::path::Path;

use headwater_models::bookkeeper::config::Cluster;

use super::launch::{Ensemble, Java, LEDGERS};
use super::options;
use crate::failure::Result;
use crate::launch::artifacts::{Artifacts, pom};
use crate::launch::crew::Crew;
use crate::launch::{LaunchedCluster, Places, java, ports, write};
use crate::systems::java::{Head, Program, Role};
use crate::terminal;

/// The version launched: of Pravega 0.13.0 (`gradle.properties` @ 0.13.0).
pub(super) const VERSION: &str = "4.14.1";

/// The driver.
const DRIVER: &str = include_str!("Driver.java");

/// Warnings and above on standard error, which goes to a file.
const LOG4J: (&str, &str) = ("log4j.properties", include_str!("log4j.properties"));

/// What there is in place of a Java.
const OR: &str = "--target log, which needs none";

fn jars(cache: &Path) -> Result<std::path::PathBuf> {
    // Of what ZooKeeper's server needs its pom leaves out the last two.
    let pom = pom(&[
        ["org.apache.bookkeeper", "bookkeeper-server", VERSION],
        ["org.apache.zookeeper", "zookeeper", "3.6.3"],
        ["io.dropwizard.metrics", "metrics-core", "3.2.5"],
        ["org.xerial.snappy", "snappy-java", "1.1.7"],
    ]);
    Artifacts::of("BookKeeper", VERSION, pom, 63).fetch(cache, OR)
}

/// The driver of its clients.
pub(super) fn program() -> Result<Program> {
    Ok(Program {
        source: DRIVER,
        jars: jars(&Places::cache()?)?,
        resource: Some(LOG4J),
        or: [OR, "simulate it with `headwater run`"],
        failure,
        counts: true,
    })
}

/// An exception of a writer in a word.
fn failure(name: &str) -> &'static str {
    match name {
        "BKNotEnoughBookiesException" => "not_enough_bookies",
        "BKLedgerFencedException" => "ledger_fenced",
        "BKLedgerClosedException" => "ledger_closed",
        "BKTimeoutException" => "message_timed_out",
        _ => "client_error",
    }
}

/// What a client is told.
pub(super) struct Told {
    writes: bool,
    options: BTreeMap<String, String>,
    run: String,
    streams: Vec<u32>,
}

impl Told {
    /// As its driver reads it.
    pub(super) fn head(&self) -> Head<'_> {
        Head {
            role: if self.writes { Role::Write } else { Role::Read },
            options: self
                .options
                .iter()
                .map(|(name, value)| (name.as_str(), value.clone()))
                .collect(),
            topic: &self.run,
            parts: self.streams.clone(),
        }
    }
}

fn options(config: &Cluster, zookeeper: &str) -> BTreeMap<String, String> {
    let mut all = options::of_client(config);
    let uri = format!("zk+hierarchical://{zookeeper}{LEDGERS}");
    all.insert("metadataServiceUri".into(), uri);
    all
}

/// What the writer with this number is told, from 0.
pub(super) fn writes(config: &Cluster, zookeeper: &str, run: &str, number: u32) -> Told {
    let options = options(config, zookeeper);
    Told { writes: true, options, run: run.to_owned(), streams: vec![number] }
}

/// What the reader is told.
pub(super) fn reads(config: &Cluster, zookeeper: &str, run: &str) -> Told {
    let streams = (0..config.writer.writers).collect();
    Told { writes: false, options: options(config, zookeeper), run: run.to_owned(), streams }
}

/// Launches ZooKeeper and the bookies of a scenario, and waits until they listen.
pub(super) fn launch(config: &Cluster, places: &Places) -> Result<LaunchedCluster> {
    java(OR)?;
    let jars = jars(&places.cache)?;
    let data = places.data("bookkeeper")?;
    let free = ports::free(1 + config.bookies as usize)?;
    let plural = if config.bookies == 1 { "" } else { "s" };
    let describes = format!(
        "bookkeeper {VERSION}, {} bookie{plural} and ZooKeeper on 127.0.0.1",
        config.bookies
    );
    terminal::note(format_args!(
        "launching {describes}, port {}; logs and data in {}",
        free[0],
        data.display()
    ));
    let (name, text) = LOG4J;
    write(&data.join(name), text)?;
    let logging = format!("-Dlog4j.configuration=file:{}", data.join(name).display());
    let mut crew = Crew::gather(&data, places)?;
    let java = Java::of(jars, logging);
    let ensemble = Ensemble {
        bookie: &config.bookie,
        metadata: &config.metadata,
        port: free[0],
        bookies: free[1..].to_vec(),
        java: &java,
    };
    ensemble.start(&mut crew)?;
    ensemble.wait(&crew)?;
    Ok(LaunchedCluster {
        address: ensemble.address(),
        inside: ensemble.address(),
        describes,
        version: VERSION.into(),
        guarded: crew.guarded,
        watched: crew.watched,
        proxies: vec![],
        jvms: crew.jvms,
        data,
    })
}
