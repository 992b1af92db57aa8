//! What becomes of the options of a Pravega scenario when a client drives a real cluster: the
//! standalone emulator, or processes of their own.

use std::collections::BTreeMap;
use std::time::Duration;

use headwater_models::pravega::config::{Client as Library, Cluster, Mode, Version};
use headwater_models::tier::config::Kind;
use headwater_pravega_client::Options;
use headwater_scenarios::scenario::Scenario;

use crate::fault::proxy::need_proxies;
use crate::systems::bookkeeper;
use crate::systems::departure::Departure;
use crate::systems::options::Treatment::{
    Client, Elsewhere, Fixed, Generator, Model, Server, ServerFixed, Storage,
};
use crate::systems::options::{self, EXISTING, ListedOption};
use crate::systems::system::Source;

const EMULATOR: &str = "What is launched is the standalone emulator, one process with both tiers \
                        in its memory.";
const OWN_MACHINE: &str = "Tier 2 is a folder of this machine, on the disk that everything is on.";
const BUILT_IN: &str = "It is a constant of pravega-client 0.3.7.";
const OWN: &str = "It is a constant of the generator's own client.";
/// Whether the official client is there.
const RUST: bool = cfg!(feature = "pravega-rust-client");
const CONSTANT: &str = "It is a constant of Pravega 0.13.0.";
const ONE_STORE: &str = "the emulator's";
const LIBRARY: &str = "the library's";

/// Options of the stream and its clients, and what no cluster is told.
const EVERYWHERE: &[ListedOption] = &[
    ("version", Server),
    // The departures of the mode and of the client are told for themselves.
    ("mode", Server),
    ("segments", Storage),
    ("scaling.", Generator),
    ("scaling_policy.", Storage),
    ("retention_policy.", Fixed("none", "The client makes streams of which nothing is removed.")),
    ("client", Generator),
    ("writers", Generator),
    (
        "readers",
        Fixed(
            "1",
            "Segments move between the readers of a group, and with them the count of \
                    events that stands for a position.",
        ),
    ),
    ("writer.rust.block.events.max", Fixed("500", BUILT_IN)),
    ("writer.rust.block.bytes.max", Fixed("8388616", BUILT_IN)),
    ("writer.rust.channel.bytes", Fixed("16777216", BUILT_IN)),
    ("writer.rust.retry.attempts.max", Client("max_attempt")),
    ("writer.rust.retry.delay.ms.max", Client("max_delay")),
    ("writer.java.", Elsewhere),
    ("writer.retry.delay.ms.initial", Client("initial_delay")),
    ("writer.connect.timeout.ms", Fixed(LIBRARY, BUILT_IN)),
    ("writer.socket.buffer.bytes", Fixed("the operating system's", "The client sets none.")),
    ("reader.", Fixed(LIBRARY, "They are constants of the client.")),
    ("segment_store.connection.threads", ServerFixed("Netty's", "Pravega has no option for it.")),
    ("segment_store.cache.utilization.", ServerFixed("75 and 90", CONSTANT)),
    ("segment_store.container.monitor.period.ms", ServerFixed("10000", CONSTANT)),
    ("segment_store.read.bytes.max", ServerFixed("2097152", CONSTANT)),
    ("segment_store.durablelog.", Server),
    ("segment_store.writer.", Server),
    ("segment_store.readindex.", Server),
    ("segment_store.autoScale.", Server),
    ("segment_store.storage.", Server),
    ("costs.", Model),
    // Options of the store's JVM.
    ("jvm.heap", Server),
    ("jvm.collector", Server),
    ("jvm.max.gc.pause.millis", Server),
    ("jvm.", Model),
];

/// Options of the emulator.
const EMULATED: &[ListedOption] = &[
    ("stores", Elsewhere),
    ("bookies", Elsewhere),
    ("containers", ServerFixed("4", EMULATOR)),
    (DATA_LOG, ServerFixed("INMEMORY", EMULATOR)),
    (STORAGE, ServerFixed("INMEMORY", EMULATOR)),
    ("segment_store.pravegaservice.", Server),
    ("bookkeeper.costs.", Model),
    ("bookkeeper.", ServerFixed("none", EMULATOR)),
    ("controller.", ServerFixed(ONE_STORE, EMULATOR)),
    ("bookie.", ServerFixed("none", EMULATOR)),
    ("auto_recovery.", ServerFixed("none", EMULATOR)),
    ("metadata.", ServerFixed(ONE_STORE, EMULATOR)),
    ("tier.", ServerFixed("in memory", EMULATOR)),
];

/// Options of processes of their own; those of bookies are BookKeeper's.
const SPLIT: &[ListedOption] = &[
    ("stores", Server),
    ("bookies", Server),
    ("containers", Server),
    (DATA_LOG, Server),
    (STORAGE, ServerFixed("FILESYSTEM", OWN_MACHINE)),
    ("segment_store.pravegaservice.", Server),
    ("bookkeeper.costs.", Model),
    ("bookkeeper.throttle", ServerFixed("5000", "Pravega leaves BookKeeper's default alone.")),
    ("bookkeeper.", Server),
    ("controller.", Server),
    // Its departure is told for itself.
    ("tier.kind", Elsewhere),
    ("tier.capacity", ServerFixed("what the disk has", OWN_MACHINE)),
    ("tier.", Model),
];

const DATA_LOG: &str = "segment_store.pravegaservice.dataLog.impl.name";
const STORAGE: &str = "segment_store.pravegaservice.storage.impl.name";

/// Every option of the configuration, where it is put together like this.
fn options_of(mode: Mode) -> Vec<ListedOption> {
    match mode {
        Mode::Standalone => [EVERYWHERE, EMULATED].concat(),
        Mode::Distributed => [EVERYWHERE, SPLIT, bookkeeper::options::OPTIONS].concat(),
    }
}

/// Where the store's options stand.
const STORE: &str = "segment_store.";

/// Options that a launched store is told, by their own names: those that are not the emulator's.
pub(super) fn of_store(cluster: &Cluster) -> BTreeMap<String, String> {
    let emulator = options::flattened(&Cluster::standalone(cluster.version));
    let list = options_of(Mode::Standalone);
    let set = options::flattened(cluster).into_iter();
    let told = |(path, value): &(String, String)| {
        path.starts_with(STORE)
            && options::treatment(&list, path) == Some(Server)
            && emulator.get(path) != Some(value)
    };
    set.filter(told).map(|(path, value)| (path[STORE.len()..].to_owned(), value)).collect()
}

/// Options below `sections` that a process of its own is told, by their own names: all of them,
/// whatever its defaults.
fn told(cluster: &Cluster, sections: &[&str]) -> BTreeMap<String, String> {
    let list = options_of(Mode::Distributed);
    let own = |(path, value): (String, String)| {
        let option = sections.iter().find_map(|section| path.strip_prefix(section))?;
        let server = options::treatment(&list, &path) == Some(Server);
        server.then(|| (option.to_owned(), value))
    };
    options::flattened(cluster).into_iter().filter_map(own).collect()
}

/// Options that a launched store of a split cluster is told.
pub(super) fn of_split_store(cluster: &Cluster) -> BTreeMap<String, String> {
    let mut all = told(cluster, &[STORE, "bookkeeper."]);
    let storage = STORAGE.trim_start_matches(STORE).to_owned();
    all.insert(storage, "FILESYSTEM".to_owned());
    all
}

/// Options that a launched controller of a split cluster is told.
pub(super) fn of_controller(cluster: &Cluster) -> BTreeMap<String, String> {
    told(cluster, &["controller."])
}

/// What the generator's own client has of its own, whatever the scenario says.
const OF_OWN: &[ListedOption] = &[
    ("writer.rust.", Elsewhere),
    ("writer.retry.delay.ms.initial", Fixed("1", OWN)),
    ("writer.connect.timeout.ms", Fixed("5000", OWN)),
];

/// Whether the official Rust client is driven.
fn drives_rust(cluster: &Cluster) -> bool {
    RUST && cluster.client == Library::Rust
}

/// The options of the client that is driven, by names of its own.
pub(super) fn of_client(cluster: &Cluster) -> BTreeMap<String, String> {
    if drives_rust(cluster) {
        let told = |(name, value): (&str, String)| (format!("pravega-client.{name}"), value);
        return of_rust_client(cluster).into_iter().map(told).collect();
    }
    let Options { setup, silence, deadline } = Options::default();
    let told = [("setup", setup), ("silence", silence), ("deadline", deadline)];
    let shown = |(name, value): (&str, Duration)| {
        (format!("headwater-pravega-client.{name}"), format!("{} s", value.as_secs()))
    };
    told.into_iter().map(shown).collect()
}

/// The Rust client's retry options, by the names of `RetryWithBackoff`.
fn of_rust_client(cluster: &Cluster) -> BTreeMap<&'static str, String> {
    let writer = &cluster.writer;
    let attempts = match writer.rust_retry_attempts_max {
        0 => "none".to_owned(),
        attempts => attempts.to_string(),
    };
    BTreeMap::from([
        ("max_attempt", attempts),
        ("max_delay", format!("{} ms", writer.rust_retry_delay_ms_max)),
        ("initial_delay", format!("{} ms", writer.retry_delay_ms_initial)),
    ])
}

/// How a live run differs from what the scenario asks.
pub(super) fn departures(
    scenario: &Scenario,
    cluster: &Cluster,
    source: &Source,
) -> Vec<Departure> {
    let mut all = vec![];
    all.extend(mode(cluster, source));
    all.extend(client(cluster));
    if matches!(source, Source::Existing { .. }) {
        let Version::V0_13 = cluster.version;
        all.push(Departure::told("system.version", "0.13.0", "unknown", EXISTING));
    }
    if cluster.scaling.at_ms > 0 {
        let why = "The generator does not scale streams.";
        let asked = format!("{} ms", cluster.scaling.at_ms);
        let scaled = Departure::told("system.scaling.at.ms", asked, "never", why);
        all.push(
            scaled.refused("give --set system.scaling.at.ms=0 --set system.scaling.back.at.ms=0"),
        );
    }
    if *source == Source::Launch && need_proxies(&scenario.faults) {
        let why = "The address that a store publishes is for everybody, so that a fault between \
                   clients and a store is one between the controller and that store, too.";
        let (asked, done) = ("the controller connects to the store", "it connects to the proxy");
        all.push(Departure::told("network.controller", asked, done, why));
    }
    let defaults = options::flattened(&Cluster::defaults_of(cluster.version, cluster.mode));
    let own = if drives_rust(cluster) { &[] } else { OF_OWN };
    let list = [own, &options_of(cluster.mode)].concat();
    all.extend(options::departures(&list, scenario, &defaults, source));
    all
}

/// Whether another client is driven than the scenario's.
fn client(cluster: &Cluster) -> Option<Departure> {
    let (asked, why) = match cluster.client {
        Library::Headwater => return None,
        Library::Rust if RUST => return None,
        Library::Rust => (
            "rust",
            "The generator was built without the official client, and drives its own, which has \
             the same blocks: --set system.client=headwater simulates that, and cargo build \
             --release -p headwater-loadgen --features pravega-rust-client has the official one.",
        ),
        Library::Java => (
            "java",
            "The generator drives a client of its own, which has one block in flight per segment. \
             --set system.client=headwater simulates that.",
        ),
    };
    Some(Departure::told("system.client", asked, "headwater", why))
}

/// Whether the cluster is put together as the scenario has it.
fn mode(cluster: &Cluster, source: &Source) -> Option<Departure> {
    if let Source::Existing { .. } = source {
        let asked = match cluster.mode {
            Mode::Standalone => "standalone".to_owned(),
            Mode::Distributed => {
                format!("distributed, {} stores and {} bookies", cluster.stores, cluster.bookies)
            }
        };
        return Some(Departure::told("system.mode", asked, "unknown", EXISTING));
    }
    let own = cluster.mode == Mode::Standalone || cluster.tier.kind == Kind::FileSystem;
    (!own).then(|| {
        let kind = match cluster.tier.kind {
            Kind::FileSystem => "file_system",
            Kind::Nfs => "nfs",
            Kind::ObjectStore => "object_store",
            Kind::InMemory => "in_memory",
        };
        Departure::told("system.tier.kind", kind, "file_system", OWN_MACHINE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::options::tests::assert_complete;

    fn scenario(system: &str) -> Scenario {
        let text = format!(
            "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\nkind = 'pravega'\n\
             {system}"
        );
        Scenario::parse(&text, "t", None, &[]).unwrap()
    }

    fn departing(system: &str, source: &Source) -> Vec<Departure> {
        let scenario = scenario(system);
        let cluster = crate::systems::pravega::configuration(&scenario).unwrap();
        departures(&scenario, cluster, source)
    }

    fn names(departures: &[Departure]) -> Vec<&str> {
        departures.iter().map(|one| one.difference.option.as_str()).collect()
    }

    #[test]
    fn every_option_of_the_configuration_is_in_the_list() {
        for mode in [Mode::Standalone, Mode::Distributed] {
            assert_complete(&options_of(mode), &Cluster::defaults_of(Version::V0_13, mode));
        }
    }

    #[test]
    fn what_the_list_says_of_clients_is_what_they_are_told() {
        let told: Vec<_> =
            of_rust_client(&Cluster::standalone(Version::V0_13)).into_keys().collect();
        let mut listed: Vec<_> = EVERYWHERE
            .iter()
            .filter_map(|(_, treatment)| match treatment {
                Client(name) => Some(*name),
                _ => None,
            })
            .collect();
        listed.sort_unstable();
        assert_eq!(told, listed);
    }

    #[test]
    fn an_emulator_is_told_what_is_not_its_own() {
        let system = "mode = 'standalone'\nclient = 'headwater'\n\
                      scaling_policy.\"scale.type\" = 'by_rate_in_events_per_sec'\n\
                      scaling_policy.\"target.rate\" = 50\n\
                      segment_store.\"autoScale.cooldown.time.seconds\" = 60\n\
                      segment_store.\"pravegaservice.cache.size.max\" = 1073741824\n";
        let scenario = scenario(system);
        let cluster = crate::systems::pravega::configuration(&scenario).unwrap();
        let told = of_store(cluster);
        assert_eq!(
            told.into_iter().collect::<Vec<_>>(),
            [
                ("autoScale.cooldown.time.seconds".to_owned(), "60".to_owned()),
                ("pravegaservice.cache.size.max".to_owned(), "1073741824".to_owned()),
            ]
        );
        assert_eq!(departures(&scenario, cluster, &Source::Launch), []);
    }

    #[test]
    fn processes_of_their_own_are_told_all_of_the_scenarios_options() {
        let system = "client = 'headwater'\nbookkeeper.\"bookkeeper.ack.quorum.size\" = 3\n\
                      controller.\"controller.rebalance.interval.seconds.min\" = 4\n\
                      segment_store.\"durablelog.delay.milliseconds.max\" = 900\n\
                      [system.tier]\nkind = 'file_system'\n";
        let scenario = scenario(system);
        let cluster = crate::systems::pravega::configuration(&scenario).unwrap();
        let store = of_split_store(cluster);
        for (option, value) in [
            ("bookkeeper.ack.quorum.size", "3"),
            ("bookkeeper.ledger.size.max", "1073741824"),
            ("durablelog.delay.milliseconds.max", "900"),
            ("pravegaservice.dataLog.impl.name", "BOOKKEEPER"),
            ("pravegaservice.storage.impl.name", "FILESYSTEM"),
            ("writer.flush.threshold.milliseconds", "30000"),
        ] {
            assert_eq!(store.get(option).map(String::as_str), Some(value), "{option}");
        }
        for option in ["throttle", "connection.threads", "read.bytes.max"] {
            assert!(!store.contains_key(option), "{option}");
        }
        let told = [
            ("controller.rebalance.interval.seconds.min", "4"),
            ("controller.retention.frequency.minutes", "30"),
        ];
        let told = told.map(|(option, value)| (option.to_owned(), value.to_owned()));
        assert_eq!(of_controller(cluster), BTreeMap::from(told));
        assert_eq!(departures(&scenario, cluster, &Source::Launch), []);
    }

    #[test]
    fn what_one_machine_lacks_of_a_distributed_cluster_is_told() {
        let system = "client = 'headwater'\nbookkeeper.throttle = 9\nbookie.journalDisks = 2\n\
                      metadata.tickTime = 500\nbookie.journalMaxGroupWaitMSec = 9\n\
                      tier.capacity = '1GB'\n";
        let told = departing(system, &Source::Launch);
        let expected = [
            "system.tier.kind",
            "system.bookie.journalDisks",
            "system.bookkeeper.throttle",
            "system.tier.capacity",
        ];
        assert_eq!(names(&told), expected);
        assert_eq!(told[0].difference.asked, "nfs");
        assert!(told.iter().all(|one| one.remedy.is_none()), "{told:?}");
        let exists = Source::Existing { address: String::new(), servers: None };
        let all = departing("client = 'headwater'\n", &exists);
        assert_eq!(all[0].difference.asked, "distributed, 3 stores and 3 bookies");
    }

    #[test]
    fn what_the_emulator_and_the_client_lack_is_told() {
        let system = "mode = 'standalone'\nclient = 'java'\nreaders = 2\nwriters = 3\n\
                      containers = 8\nwriter.\"connect.timeout.ms\" = 10\n\
                      writer.\"java.batch.time.ms\" = 5\n";
        let told = departing(system, &Source::Launch);
        let expected = [
            "system.client",
            "system.containers",
            "system.readers",
            "system.writer.connect.timeout.ms",
        ];
        assert_eq!(names(&told), expected);
        assert!(told.iter().all(|one| one.remedy.is_none()), "{told:?}");
    }

    #[test]
    fn the_official_rust_client_is_driven_where_it_was_built_in_and_else_is_told_how_to_have_it() {
        let system = "mode = 'standalone'\nclient = 'rust'\n\
                      writer.\"rust.block.events.max\" = 10\n";
        let told = departing(system, &Source::Launch);
        if RUST {
            assert_eq!(names(&told), ["system.writer.rust.block.events.max"]);
            return;
        }
        assert_eq!(names(&told), ["system.client"]);
        let difference = &told[0].difference;
        assert_eq!((&difference.asked[..], &difference.done[..]), ("rust", "headwater"));
        let ways = ["--set system.client=headwater", "--features pravega-rust-client"];
        assert!(ways.iter().all(|way| difference.why.contains(way)), "{}", difference.why);
        let scenario = scenario(system);
        let cluster = crate::systems::pravega::configuration(&scenario).unwrap();
        let own = of_client(cluster);
        assert_eq!(own["headwater-pravega-client.deadline"], "120 s");
    }

    #[test]
    fn a_cluster_that_was_there_has_options_of_its_own() {
        let exists = Source::Existing { address: String::new(), servers: None };
        let system = "mode = 'standalone'\nclient = 'headwater'\ncontainers = 8\n\
                      segment_store.\"pravegaservice.cache.size.max\" = 1073741824\n";
        let told = departing(system, &exists);
        let expected = [
            "system.mode",
            "system.version",
            "system.containers",
            "system.segment_store.pravegaservice.cache.size.max",
        ];
        assert_eq!(names(&told), expected);
        assert!(told.iter().all(|one| one.difference.why == EXISTING), "{told:?}");
    }

    #[test]
    fn a_controller_that_reaches_its_store_through_the_proxy_is_told() {
        let with = |kind: &str| {
            let fault = format!("[[fault]]\nkind = '{kind}'\ntarget = 'store-1'\nat = '1s'\n");
            let system = format!("mode = 'standalone'\nclient = 'headwater'\n{fault}");
            let told = departing(&system, &Source::Launch);
            names(&told).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(with("partition"), ["network.controller"]);
        assert_eq!(with("crash"), [""; 0]);
    }

    #[test]
    fn a_scale_that_the_generator_does_not_do_is_refused() {
        let system = "mode = 'standalone'\nclient = 'headwater'\nscaling.\"at.ms\" = 5000\n";
        let told = departing(system, &Source::Launch);
        assert_eq!(names(&told), ["system.scaling.at.ms"]);
        assert!(told[0].remedy.is_some());
    }
}
