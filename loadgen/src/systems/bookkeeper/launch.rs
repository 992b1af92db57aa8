//! ZooKeeper and bookies on the loopback address: the order, and what each is told.
//!
//! ```text
//!  metadata (ZooKeeper) ── answers ──> metaformat, once ──> bookie-1, bookie-2, ...
//! ```

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headwater_models::bookkeeper::config::{Bookie, Metadata};

use super::options;
use crate::failure::Result;
use crate::launch::crew::Crew;
use crate::launch::{ports, write};

/// The process that is ZooKeeper, called as in a simulation.
pub(in crate::systems) const METADATA: &str = "metadata";

/// Where ledgers are listed in ZooKeeper.
pub(in crate::systems) const LEDGERS: &str = "/bk/ledgers";

/// How long ZooKeeper, or all bookies, may take until they listen: 1 s and 4 s on two idle cores.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes that ZooKeeper, and a bookie under load, take of the machine's memory: 106 MB and 410 MB
/// were seen.
const METADATA_BYTES: u64 = 128 << 20;
const BOOKIE_BYTES: u64 = 448 << 20;

/// The process of the bookie with this number.
pub(in crate::systems) fn bookie_name(number: usize) -> String {
    format!("bookie-{number}")
}

/// Bookies with their metadata service, about to be launched.
pub(in crate::systems) struct Ensemble<'a> {
    /// The bookies' options.
    pub(in crate::systems) bookie: &'a Bookie,
    /// ZooKeeper's options.
    pub(in crate::systems) metadata: &'a Metadata,
    /// Where ZooKeeper listens.
    pub(in crate::systems) port: u16,
    /// Where each bookie listens.
    pub(in crate::systems) bookies: Vec<u16>,
    /// What every JVM is told: the logging, the class path.
    pub(in crate::systems) java: &'a Java,
}

/// What every JVM of a cluster is told.
pub(in crate::systems) struct Java {
    jars: PathBuf,
    /// The option that says how it logs.
    logging: String,
}

impl Java {
    /// Of these jars; JVMs log by the file that this option names.
    pub(in crate::systems) fn of(jars: PathBuf, logging: String) -> Self {
        Self { jars, logging }
    }

    /// Arguments that run `class` in a JVM with these options.
    pub(in crate::systems) fn runs(&self, options: &[&str], class: &str) -> Vec<String> {
        let mut all: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        // What is logged is read with its times.
        all.push("-Duser.timezone=UTC".into());
        all.push(self.logging.clone());
        all.extend(["-cp".into(), format!("{}/*", self.jars.display()), class.into()]);
        all
    }
}

impl Ensemble<'_> {
    /// The processes, by name: the bookies, then ZooKeeper.
    pub(in crate::systems) fn names(bookies: u32) -> Vec<String> {
        let bookies = (1..=bookies as usize).map(bookie_name);
        bookies.chain([METADATA.to_owned()]).collect()
    }

    /// What so many bookies and ZooKeeper need of the machine's memory, bytes.
    pub(in crate::systems) fn memory(bookies: u32) -> u64 {
        METADATA_BYTES + BOOKIE_BYTES * u64::from(bookies)
    }

    /// Where ZooKeeper answers.
    pub(in crate::systems) fn address(&self) -> String {
        ports::local(self.port).to_string()
    }

    /// Starts ZooKeeper, has it answer, writes what bookies want to find there, and starts these.
    ///
    /// # Errors
    /// Who has not started, and why.
    pub(in crate::systems) fn start(&self, crew: &mut Crew) -> Result<()> {
        let data = crew.data().to_owned();
        let file = data.join("zoo.cfg");
        write(&file, &self.zookeeper(&data))?;
        let class = "org.apache.zookeeper.server.ZooKeeperServerMain";
        let mut arguments = self.java.runs(&["-Xmx128m", "-XX:+UseSerialGC"], class);
        arguments.push(file.display().to_string());
        crew.start(METADATA, arguments)?;
        crew.wait("ZooKeeper did not listen", PATIENCE, || listens(self.port))?;
        for number in 1..=self.bookies.len() {
            write(&conf(&data, number), &self.bookie(&data, number))?;
        }
        self.format(crew, &data)?;
        for number in 1..=self.bookies.len() {
            let options = ["-Xmx256m", "-XX:MaxDirectMemorySize=512m", "-XX:+UseSerialGC"];
            let mut arguments = self.java.runs(&options, "org.apache.bookkeeper.server.Main");
            arguments.extend(["-conf".into(), conf(&data, number).display().to_string()]);
            crew.start(&bookie_name(number), arguments)?;
        }
        Ok(())
    }

    /// Waits until all bookies listen: they do when they are registered.
    pub(in crate::systems) fn wait(&self, crew: &Crew) -> Result<()> {
        let all = || self.bookies.iter().all(|port| listens(*port));
        crew.wait("not all bookies listened", PATIENCE, all)
    }

    fn format(&self, crew: &Crew, data: &Path) -> Result<()> {
        let class = "org.apache.bookkeeper.bookie.BookieShell";
        let mut arguments = self.java.runs(&["-Xmx128m", "-XX:+UseSerialGC"], class);
        arguments.extend(["-conf".into(), conf(data, 1).display().to_string()]);
        arguments.extend(["metaformat".into(), "-nonInteractive".into()]);
        crew.run("metaformat", arguments, "write BookKeeper's metadata to ZooKeeper")
    }

    fn zookeeper(&self, data: &Path) -> String {
        format!(
            "tickTime={}\ndataDir={}\nclientPort={}\nclientPortAddress=127.0.0.1\n\
             maxClientCnxns=0\nadmin.enableServer=false\n",
            self.metadata.tick_time,
            data.join(METADATA).display(),
            self.port
        )
    }

    /// The options of one bookie: where it is, what a folder of a small machine needs, and what the
    /// scenario says. Left alone a bookie listens on all addresses (`BookieNettyServer` @ 4.14.1),
    /// and does not start on a disk that is 95 % full.
    fn bookie(&self, data: &Path, number: usize) -> String {
        let of = |what: &str| data.join(bookie_name(number)).join(what).display().to_string();
        let journals =
            (1..=self.bookie.journal_directories).map(|of_all| of(&format!("journal-{of_all}")));
        let journals: Vec<String> = journals.collect();
        let mut text = format!(
            "bookiePort={}\nadvertisedAddress=127.0.0.1\nlisteningInterface=lo\n\
             allowLoopback=true\nmetadataServiceUri=zk+hierarchical://{}{LEDGERS}\n\
             journalDirectories={}\nledgerDirectories={}\nindexDirectories={}\n\
             diskUsageThreshold=0.99\ndiskUsageWarnThreshold=0.98\n",
            self.bookies[number - 1],
            self.address(),
            journals.join(","),
            of("ledgers"),
            of("index")
        );
        for (option, value) in options::of_bookie(self.bookie) {
            writeln!(text, "{option}={value}").expect("a string takes what is written to it");
        }
        text
    }
}

fn listens(port: u16) -> bool {
    ports::listens(ports::local(port))
}

/// Where a bookie's options are.
fn conf(data: &Path, number: usize) -> PathBuf {
    data.join(format!("{}.conf", bookie_name(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bookie_is_told_its_place_and_the_scenarios_options() {
        let java = Java::of(PathBuf::from("/jars"), String::new());
        let bookie = Bookie { journal_directories: 2, zk_timeout: 7_000, ..Bookie::default() };
        let metadata = Metadata { tick_time: 500, ..Metadata::default() };
        let bookies = vec![31, 32];
        let of = Ensemble { bookie: &bookie, metadata: &metadata, port: 21, bookies, java: &java };
        let text = of.bookie(Path::new("/d"), 2);
        for line in [
            "bookiePort=32",
            "listeningInterface=lo",
            "metadataServiceUri=zk+hierarchical://127.0.0.1:21/bk/ledgers",
            "journalDirectories=/d/bookie-2/journal-1,/d/bookie-2/journal-2",
            "zkTimeout=7000",
            "journalSyncData=true",
            "ledgerStorageClass=org.apache.bookkeeper.bookie.SortedLedgerStorage",
        ] {
            assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line}: {text}");
        }
        assert_eq!(text.matches("journalDirectories").count(), 1, "{text}");
        let zookeeper = of.zookeeper(Path::new("/d"));
        assert!(zookeeper.contains("tickTime=500\n"), "{zookeeper}");
        assert!(zookeeper.contains("clientPortAddress=127.0.0.1\n"), "{zookeeper}");
        assert_eq!(Ensemble::names(2), ["bookie-1", "bookie-2", "metadata"]);
    }
}
