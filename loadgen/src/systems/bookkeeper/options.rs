//! What becomes of the options of bookies and of their metadata service when they are launched.

use std::collections::BTreeMap;

use headwater_models::bookkeeper::config::{Bookie, Cluster};
use headwater_scenarios::scenario::Scenario;

use super::alone::VERSION;
use crate::systems::departure::Departure;
use crate::systems::options::Treatment::{
    Client, Fixed, Generator, Model, Server, ServerFixed, Storage,
};
use crate::systems::options::{self, ListedOption};
use crate::systems::system::Source;

const ONE_DISK: &str = "Everything is in one folder of this machine.";
const NO_DAEMON: &str = "No auto-recovery daemon is launched.";
const NO_WIPE: &str = "A live run wipes nobody.";

/// Where a bookie's journals are is not told by this number.
const JOURNALS: &str = "bookie.journalDirectories";

/// How ledgers are stored: a class, which has a package.
const STORAGE: &str = "ledgerStorageClass";

/// Every option of bookies and of the metadata service, by its path in a system that has them.
pub(in crate::systems) const OPTIONS: &[ListedOption] = &[
    ("bookie.cost.", Model),
    ("bookie.costs.", Model),
    ("bookie.journalDisks", ServerFixed("1", ONE_DISK)),
    ("bookie.cookie.restamped", ServerFixed("false", NO_WIPE)),
    (JOURNALS, Server),
    ("bookie.", Server),
    ("auto_recovery.", ServerFixed("none", NO_DAEMON)),
    ("metadata.tickTime", Server),
    ("metadata.cost.request", Model),
    ("metadata.quorum.delay", ServerFixed("none", "What is launched is one ZooKeeper.")),
];

/// Options that a launched bookie is told, by their own names.
pub(super) fn of_bookie(bookie: &Bookie) -> BTreeMap<String, String> {
    let told = |(option, value): (String, String)| {
        let path = format!("bookie.{option}");
        let server = options::treatment(OPTIONS, &path) == Some(Server) && path != JOURNALS;
        let class = option == STORAGE;
        let value = if class { format!("org.apache.bookkeeper.bookie.{value}") } else { value };
        server.then_some((option, value))
    };
    options::flattened(bookie).into_iter().filter_map(told).collect()
}

/// Every option of BookKeeper alone, beside [`OPTIONS`].
const ALONE: &[ListedOption] = &[
    ("bookies", Server),
    ("client.addEntryTimeoutSec", Client("addEntryTimeoutSec")),
    ("client.readEntryTimeoutSec", Client("readEntryTimeoutSec")),
    ("client.speculativeReadTimeout", Client("speculativeReadTimeout")),
    ("client.throttle", Client("throttle")),
    ("client.delayEnsembleChange", Client("delayEnsembleChange")),
    ("client.maxAllowedEnsembleChanges", Client("maxAllowedEnsembleChanges")),
    ("client.costs.", Model),
    ("client.direct.memory.bytes", Fixed("none", "The JVM's own default bounds it.")),
    ("ledger.", Storage),
    ("writer.", Generator),
];

fn all() -> Vec<ListedOption> {
    [ALONE, OPTIONS].concat()
}

/// Options of BookKeeper's client, by their own names, and of the program that writes with it,
/// which begin with `headwater.`.
pub(super) fn of_client(cluster: &Cluster) -> BTreeMap<String, String> {
    let told = |(path, value): (String, String)| match options::treatment(ALONE, &path)? {
        Client(name) => Some((name.to_owned(), value)),
        Storage | Generator => {
            let option = path.split_once('.')?.1;
            Some((format!("headwater.{option}"), value))
        }
        _ => None,
    };
    let mut all: BTreeMap<_, _> =
        options::flattened(cluster).into_iter().filter_map(told).collect();
    all.insert("zkTimeout".into(), cluster.bookie.zk_timeout.to_string());
    all
}

/// How a live run differs from what the scenario asks.
pub(super) fn departures(scenario: &Scenario, source: &Source) -> Vec<Departure> {
    let why =
        "It is the version that Pravega 0.13.0 comes with; 4.15 is not on Maven Central whole.";
    let version = Departure::told("system.version", "4.15", VERSION, why);
    let defaults = options::flattened(&Cluster::default());
    let others = options::departures(&all(), scenario, &defaults, source);
    [version].into_iter().chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::options::tests::assert_complete;

    #[test]
    fn every_option_of_the_configuration_is_in_the_list() {
        assert_complete(&all(), &Cluster::default());
    }

    #[test]
    fn clients_are_told_their_options_and_writers_theirs() {
        let mut cluster = Cluster::default();
        cluster.ledger.ack_quorum = 3;
        let told = of_client(&cluster);
        for (option, value) in [
            ("throttle", "5000"),
            ("zkTimeout", "10000"),
            ("headwater.ack.quorum.size", "3"),
            ("headwater.outstanding.entries.max", "10000"),
        ] {
            assert_eq!(told.get(option).map(String::as_str), Some(value), "{option}");
        }
    }
}
