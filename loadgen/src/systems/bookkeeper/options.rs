//! What becomes of the options of bookies and of their metadata service when they are launched.

use std::collections::BTreeMap;

use headwater_models::bookkeeper::config::Bookie;

use crate::systems::options::Treatment::{Model, Server, ServerFixed};
use crate::systems::options::{self, ListedOption};

const ONE_DISK: &str = "Everything is in one folder of this machine.";
const NO_WIPE: &str = "A live run wipes nobody.";

/// Where a bookie's journals are is not told by this number.
const JOURNALS: &str = "bookie.journalDirectories";

/// How ledgers are stored: a class, which has a package.
const STORAGE: &str = "ledgerStorageClass";

/// Every option of bookies and of the metadata service, by its path in a system that has them.
pub(in crate::systems) const OPTIONS: &[ListedOption] = &[
    ("bookie.cost.", Model),
    ("bookie.journalDisks", ServerFixed("1", ONE_DISK)),
    ("bookie.cookie.restamped", ServerFixed("false", NO_WIPE)),
    (JOURNALS, Server),
    ("bookie.", Server),
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
