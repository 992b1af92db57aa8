//! Sizing a Pravega cluster: what there is to choose, what it needs at the least, and what
//! Pravega's own provisioner says.
//!
//! Stands for the arithmetic of a planner, not for a component. Parameters: the cluster's options.
//! Left out of the arithmetic, and so of what it refuses: queues, frames and their overhead, table
//! segments, the metadata of chunks.

use headwater_sim::time::Duration;

use super::config::Cluster;
use crate::sizing::{Demand, Formula, Machine, Need, Needs, Pins, Setting, Sizing, Topology, Unit};
use crate::system::System;

/// How Pravega is sized.
#[derive(Debug)]
pub struct PravegaSizing;

const STORES: &str = "stores";
const BOOKIES: &str = "bookies";
const SEGMENTS: &str = "segments";
const CONTAINERS: &str = "containers";
const ACK_QUORUM: &str = "bookkeeper.ack.quorum.size";

/// Segments to choose from: enough that every store has some of the load.
const SEGMENTS_ALL: [u32; 2] = [4, 16];

/// Containers of a store: as in the published benchmarks
/// (pravega/openmessaging-benchmark `driver-pravega/deploy` @ 0817a2a5).
const CONTAINERS_EACH: u32 = 4;

/// Bookies that hold copies of an entry (`BookKeeperConfig` @ v0.13.0, and `min_bookkeeper_servers`
/// of the provisioner).
const BOOKIES_MIN: u32 = 3;

/// Cores of a ZooKeeper server and of a controller, which share machines with others:
/// `zk_server_cpus` and `controller_cpus` (pravega/pravega-tools
/// `pravega-provisioner/model/constants.py` @ 188e6f3).
const COORDINATION_CPUS: (f64, f64) = (1.0, 2.0);

impl Sizing for PravegaSizing {
    fn chooses(&self) -> &'static [&'static str] {
        &[STORES, BOOKIES, SEGMENTS, CONTAINERS, ACK_QUORUM]
    }

    fn called(&self) -> &'static [(&'static str, &'static str)] {
        &[("brokers", STORES), ("partitions", SEGMENTS), ("bookies", BOOKIES)]
    }

    fn topologies(&self, most: u32, demand: &Demand, _: &Machine, pins: &Pins) -> Vec<Topology> {
        let mut all = Vec::new();
        for stores in pins.among(STORES, 1..=most) {
            for bookies in pins.among(BOOKIES, BOOKIES_MIN..=most.max(BOOKIES_MIN)) {
                all.push(topology(stores, bookies, demand, pins));
            }
        }
        all
    }

    fn clients(&self, count: u32) -> Vec<Setting> {
        ["writers", "readers"].map(|of| (of.to_owned(), count.to_string())).to_vec()
    }

    fn needs(&self, system: &dyn System, demand: &Demand, machine: &Machine) -> Needs {
        let cluster = system.as_any().downcast_ref::<Cluster>().expect("of this system");
        needs(cluster, demand, machine)
    }

    fn victims(&self) -> &'static [&'static str] {
        &["store-1", "bookie-1"]
    }

    fn others(&self, victim: &str) -> &'static [&'static str] {
        if victim == "bookie-1" { &["bookie-2", "bookie-3"] } else { &["store-2", "store-3"] }
    }

    /// Ensembles are drawn without regard to zones (`ensemble_placement.rs` of the models).
    fn spread(&self, system: &dyn System, zones: u32) -> Result<(), String> {
        let cluster = system.as_any().downcast_ref::<Cluster>().expect("of this system");
        match cluster.bookies {
            bookies if bookies <= zones => Ok(()),
            bookies => Err(format!(
                "{bookies} bookies in {zones} zones, and entries are placed without regard to them"
            )),
        }
    }

    /// A session of 10 s, 10 s until containers are moved, up to 10 s more until another store
    /// looks (`ZKSegmentContainerMonitor`), and up to 20 s of a Java writer's backoff.
    fn taken_over(&self) -> Duration {
        Duration::from_secs(55)
    }

    fn formulas(&self, demand: &Demand, _: &Machine) -> Vec<Formula> {
        vec![provisioner(demand)]
    }
}

fn topology(stores: u32, bookies: u32, demand: &Demand, pins: &Pins) -> Topology {
    let option = |path: &str, value: u32| (path.to_owned(), value.to_string());
    let containers = pins.number(CONTAINERS).unwrap_or(CONTAINERS_EACH * stores);
    let mut settings = Vec::new();
    for segments in pins.among(SEGMENTS, SEGMENTS_ALL) {
        for ack_quorum in pins.among(ACK_QUORUM, [2, 3]) {
            settings.push(vec![option(SEGMENTS, segments), option(ACK_QUORUM, ack_quorum)]);
        }
    }
    let (coordinators, controllers) = coordination(demand.survive);
    Topology {
        name: format!(
            "{stores} {}, {bookies} bookies",
            if stores == 1 { "store" } else { "stores" }
        ),
        servers: vec![("segment store", stores), ("bookie", bookies)],
        shared_cores: cores_of(coordinators, controllers),
        options: vec![
            option(STORES, stores),
            option(BOOKIES, bookies),
            option(CONTAINERS, containers),
        ],
        settings,
    }
}

fn cores_of(coordinators: u32, controllers: u32) -> f64 {
    let (coordinator, controller) = COORDINATION_CPUS;
    f64::from(coordinators) * coordinator + f64::from(controllers) * controller
}

/// ZooKeeper servers and controllers for as many failures: 3 and as many more, made odd, and 1 and
/// as many more (`provisioning_logic.py` @ 188e6f3).
fn coordination(failures: u32) -> (u32, u32) {
    let servers = 3 + failures;
    (if servers.is_multiple_of(2) { servers - 1 } else { servers }, 1 + failures)
}

/// At the peak, while as many are away as are to be survived, evenly spread over the others.
fn needs(cluster: &Cluster, demand: &Demand, machine: &Machine) -> Needs {
    let copies = f64::from(cluster.bookkeeper.write_quorum);
    let away = |of: u32| f64::from(of.saturating_sub(demand.away(of)).max(1));
    let (stores, bookies) = (away(cluster.stores), away(cluster.bookies));
    let (mean, peak) = (demand.bytes(), demand.peak_bytes());
    let with = match demand.survive {
        0 => String::new(),
        _ if demand.by_zone => " with a zone of them away".to_owned(),
        away => format!(" with {away} of them away"),
    };
    let rate = |what: &str, needs: f64, has: f64| Need {
        what: format!("{what}{with}"),
        needs,
        has,
        unit: Unit::BytesPerSecond,
    };
    let journal = machine.disks.first().map_or(0.0, |(write, _)| *write);
    let options = &cluster.segment_store;
    // Ledgers are kept until their operations are in tier 2 and a bookie has collected them.
    let untiered =
        options.flush_threshold_ms as f64 / 1e3 + cluster.bookie.gc_wait_time as f64 / 1e3;
    let in_log = mean * copies * untiered + f64::from(cluster.containers) * copies * LEDGER;
    let holds = machine.disks.last().map_or(0.0, |(_, capacity)| *capacity);
    let segments = f64::from(cluster.segments);
    let of_segment = mean / segments;
    let flushes = (of_segment / options.flush_threshold_bytes as f64)
        .max(1e3 / options.flush_threshold_ms as f64);
    Needs {
        of_servers: vec![
            rate("network card of a store in", peak / stores, machine.nic),
            // To bookies and to a reader at the peak; to tier 2 on average.
            rate("network card of a store out", peak * (copies + 1.0) / stores, machine.nic),
            rate("network card of a bookie in", peak * copies / bookies, machine.nic),
            rate("journal disk of a bookie", peak * copies / bookies, journal),
            Need {
                what: "ledger disk of a bookie".into(),
                needs: in_log / f64::from(cluster.bookies),
                has: holds,
                unit: Unit::Bytes,
            },
        ],
        disk_bytes: in_log,
        network: mean * (2.0 + copies + 1.0),
        between_zones: mean * (2.0 + copies) * demand.leaves_zone(),
        tier_bytes: mean * demand.retention_s,
        tier_writes: flushes * segments,
        cached_s: options.cache_size_max as f64 / (peak / f64::from(cluster.stores)),
        rebuild_s: in_log / f64::from(cluster.bookies) / machine.nic,
    }
}

/// Bytes of a ledger at which a log goes on in the next: no less is deleted at a time
/// (`bookkeeper.ledger.size.max`).
const LEDGER: f64 = (1_u64 << 30) as f64;

/// Events a second that a bookie takes, by the bytes of an event (`bookie_saturation_points` of
/// `BareMetalCluster`, pravega/pravega-tools `pravega-provisioner/performance/
/// performance_profiles.py` @ 5985200), and that a store takes below 100 ms at the 95th percentile
/// (`segmentstore_latency_profile`).
const PROFILE: [(f64, f64, f64); 4] = [
    (100.0, 20_000.0, 300_000.0),
    (1_000.0, 20_000.0, 90_000.0),
    (10_000.0, 4_000.0, 5_000.0),
    (250_000.0, 267.0, 600.0),
];

/// The provisioner knows four sizes: the next larger one is taken.
fn provisioner(demand: &Demand) -> Formula {
    let known = PROFILE.iter().find(|(bytes, _, _)| demand.event_bytes <= *bytes);
    let (_, of_bookie, of_store) = known.unwrap_or(&PROFILE[PROFILE.len() - 1]);
    let for_rate = |of: f64| (demand.peak / of).floor() + 1.0;
    let (coordinators, controllers) = coordination(demand.survive);
    let bookies = for_rate(*of_bookie).max(f64::from(BOOKIES_MIN + demand.survive));
    let stores = for_rate(*of_store).max(f64::from(1 + demand.survive));
    Formula {
        name: "Pravega provisioner",
        formula: "n = rate / saturation + 1, at least 3 + f bookies, 1 + f stores and controllers",
        answer: format!(
            "{stores:.0} stores, {bookies:.0} bookies, {controllers} controllers, {coordinators} \
             ZooKeeper servers"
        ),
        source: "github.com/pravega/pravega-tools pravega-provisioner @ 188e6f3, BareMetalCluster, \
                 p95 < 100 ms",
    }
}
