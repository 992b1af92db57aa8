//! Sizing a Kafka cluster: what there is to choose, what it needs at the least, and what the
//! published formulas say.
//!
//! Stands for the arithmetic of a planner, not for a component. Parameters: the cluster's options
//! and [`Costs`](super::costs::Costs). Left out of the arithmetic, and so of what it refuses:
//! queues, requests (only their bytes cost here), log recovery, metadata.

use headwater_sim::time::Duration;

use super::compression::Figures;
use super::config::Cluster;
use crate::sizing::{Demand, Formula, Machine, Need, Needs, Pins, Setting, Sizing, Topology, Unit};
use crate::system::System;

/// How Kafka is sized.
#[derive(Debug)]
pub struct KafkaSizing;

const BROKERS: &str = "brokers";
const PARTITIONS: &str = "partitions";
const REPLICATION: &str = "replication.factor";
const MIN_IN_SYNC: &str = "topic.min.insync.replicas";
const ACKS: &str = "producer.acks";
const LINGER: &str = "producer.linger.ms";
const BATCH: &str = "producer.batch.size";

/// Copies, how many of them have to be in sync, and acknowledgements, the safest first.
const REPLICATIONS: [(u32, u32, &str); 4] = [(3, 2, "-1"), (3, 2, "1"), (2, 1, "-1"), (1, 1, "-1")];

/// What is written on while two of five are away, and outlives both.
const FOR_TWO: (u32, u32, &str) = (5, 3, "-1");

/// Partitions for each broker to choose from.
const PARTITIONS_EACH: [u32; 3] = [2, 8, 1];

/// Linger in milliseconds and batch in bytes to choose from: 4.0's default, 3.9's, and what the
/// producer's documentation advises for throughput (KIP-1030 and `ProducerConfig` @ 3.9.0).
const BATCHING: [(u32, u32); 3] = [(5, 16_384), (0, 16_384), (5, 131_072)];

/// The share of a disk that may be full: Amazon's alarm for brokers
/// (docs.aws.amazon.com/msk/latest/developerguide/bestpractices.html, "Monitor disk space").
const DISK_FULL: f64 = 0.85;

impl Sizing for KafkaSizing {
    fn chooses(&self) -> &'static [&'static str] {
        &[BROKERS, PARTITIONS, REPLICATION, MIN_IN_SYNC, ACKS, LINGER, BATCH]
    }

    fn called(&self) -> &'static [(&'static str, &'static str)] {
        &[("brokers", BROKERS), ("partitions", PARTITIONS)]
    }

    fn topologies(&self, most: u32, demand: &Demand, on: &Machine, pins: &Pins) -> Vec<Topology> {
        let more = (demand.survive > 1).then_some(FOR_TWO);
        let replications = replications(pins, more);
        let mut all = Vec::new();
        for brokers in pins.among(BROKERS, 1..=most) {
            for replication in &replications {
                if replication.copies <= brokers {
                    all.push(topology(brokers, replication, on.disks.len(), pins));
                }
            }
        }
        all
    }

    fn clients(&self, count: u32) -> Vec<Setting> {
        ["producers", "consumers"].map(|of| (of.to_owned(), count.to_string())).to_vec()
    }

    fn needs(&self, system: &dyn System, demand: &Demand, machine: &Machine) -> Needs {
        let cluster = system.as_any().downcast_ref::<Cluster>().expect("of this system");
        needs(cluster, demand, machine)
    }

    fn victims(&self) -> &'static [&'static str] {
        &["leader"]
    }

    fn others(&self, _victim: &str) -> &'static [&'static str] {
        // Partition 0 is led by the first broker, and followed by the next.
        &["broker-2", "broker-3"]
    }

    /// Replicas stand on brokers that follow one another (`StripedReplicaPlacer` @ 3.9.0).
    fn spread(&self, system: &dyn System, zones: u32) -> Result<(), String> {
        let cluster = system.as_any().downcast_ref::<Cluster>().expect("of this system");
        let brokers = cluster.brokers;
        if brokers <= zones || brokers.is_multiple_of(zones) {
            return Ok(());
        }
        Err(format!("{brokers} brokers in {zones} zones: some replicas share one with the next"))
    }

    /// A session of 9 s that has to run out (`broker.session.timeout.ms`), up to 4 s more where the
    /// controller has to be elected first and sessions begin afresh, a second until clients hear of
    /// it (`faults/broker-crash` in the library has the parts), and what has queued up by then.
    fn taken_over(&self) -> Duration {
        Duration::from_secs(20)
    }

    fn formulas(&self, demand: &Demand, machine: &Machine) -> Vec<Formula> {
        vec![right_sizing(demand, machine), partitions(demand), virtual_cpus(demand, machine)]
    }
}

/// How many copies there are, and what an acknowledgement says of them.
struct Replication {
    copies: u32,
    in_sync: u32,
    acks: String,
}

/// Those to choose from: what is pinned, with each of [`REPLICATIONS`] that agrees with it.
fn replications(pins: &Pins, more: Option<(u32, u32, &str)>) -> Vec<Replication> {
    let acks = pins.0.get(ACKS).map(|acks| if acks == "all" { "-1" } else { acks });
    let (copies, in_sync) = (pins.number(REPLICATION), pins.number(MIN_IN_SYNC));
    let agrees = |of: &&(u32, u32, &str)| {
        copies.is_none_or(|copies| copies == of.0)
            && in_sync.is_none_or(|in_sync| in_sync == of.1)
            && acks.is_none_or(|acks| acks == of.2)
    };
    let known = more.iter().chain(&REPLICATIONS).filter(agrees);
    let mut all: Vec<Replication> = known
        .map(|(copies, in_sync, acks)| Replication {
            copies: *copies,
            in_sync: *in_sync,
            acks: (*acks).to_owned(),
        })
        .collect();
    if all.is_empty() {
        let copies = copies.unwrap_or(3);
        let in_sync = in_sync.unwrap_or(copies.div_ceil(2));
        all.push(Replication { copies, in_sync, acks: acks.unwrap_or("-1").to_owned() });
    }
    all
}

fn topology(brokers: u32, replication: &Replication, disks: usize, pins: &Pins) -> Topology {
    let Replication { copies, in_sync, acks } = replication;
    let option = |path: &str, value: String| (path.to_owned(), value);
    let disks: Vec<usize> = (0..disks).collect();
    let mut options = vec![
        option(BROKERS, brokers.to_string()),
        option(REPLICATION, copies.to_string()),
        option(MIN_IN_SYNC, in_sync.to_string()),
        option(ACKS, acks.clone()),
        option("broker.log.dirs", format!("{disks:?}")),
    ];
    if acks != "-1" {
        // Kafka itself switches the default off (`ProducerConfig` @ 3.9.0,
        // `postProcessAndValidateIdempotenceConfigs`).
        options.push(option("producer.enable.idempotence", "false".into()));
    }
    let each = PARTITIONS_EACH.map(|each| each * brokers);
    let (linger, batch) = (pins.number(LINGER), pins.number(BATCH));
    let mut settings = Vec::new();
    for partitions in pins.among(PARTITIONS, each) {
        for (linger_ms, batch_size) in BATCHING {
            let one = vec![
                option(PARTITIONS, partitions.to_string()),
                option(LINGER, linger.unwrap_or(linger_ms).to_string()),
                option(BATCH, batch.unwrap_or(batch_size).to_string()),
            ];
            if !settings.contains(&one) {
                settings.push(one);
            }
        }
    }
    let s = |count: u32| if count == 1 { "" } else { "s" };
    let acked = if acks == "-1" { String::new() } else { format!(", acks={acks}") };
    let copied = if *copies == 1 { "copy" } else { "copies" };
    Topology {
        name: format!(
            "{brokers} broker{}, {copies} {copied}, {in_sync} in sync{acked}",
            s(brokers)
        ),
        servers: vec![("broker", brokers)],
        shared_cores: 0.0,
        options,
        settings,
    }
}

/// At the peak, while as many are away as are to be survived, evenly spread over the others.
fn needs(cluster: &Cluster, demand: &Demand, machine: &Machine) -> Needs {
    let (brokers, copies) = (f64::from(cluster.brokers), f64::from(cluster.replication_factor));
    let left = cluster.brokers.saturating_sub(demand.away(cluster.brokers)).max(1);
    let kept = copies.min(f64::from(left));
    let (mean, peak, left) = (demand.bytes(), demand.peak_bytes(), f64::from(left));
    let away = match demand.away(cluster.brokers) {
        0 => String::new(),
        away => format!(" with {away} of {brokers:.0} brokers away"),
    };
    let need = |what: &str, needs: f64, has: f64, unit: Unit| Need {
        what: format!("{what}{away}"),
        needs,
        has,
        unit,
    };
    let logs: Vec<&(f64, f64)> = cluster
        .broker
        .log_dirs
        .iter()
        .filter_map(|at| machine.disks.get(usize::from(*at)))
        .collect();
    let writes: f64 = logs.iter().map(|(write, _)| write).sum();
    let holds: f64 = logs.iter().map(|(_, capacity)| capacity).sum();
    let (sent, logged) = (share(cluster.sent_compression()), share(cluster.stored_compression()));
    let stored = mean * demand.retention_s * copies * logged;
    let cores = peak / 1_024.0 * core_seconds_per_kib(cluster, kept);
    let of_servers = vec![
        need(
            "network card in",
            peak * (sent + logged * (kept - 1.0)) / left,
            machine.nic,
            Unit::BytesPerSecond,
        ),
        // Each follower, and each reader once.
        need("network card out", peak * kept * logged / left, machine.nic, Unit::BytesPerSecond),
        // What the page cache takes of a burst is written later: the mean has to fit.
        need(
            "disk, mean rate of writes",
            mean * kept * logged / left,
            writes,
            Unit::BytesPerSecond,
        ),
        need("CPU for copies and checksums", cores / left, machine.cores, Unit::Cores),
        Need {
            what: format!("disk for what is kept (full to {:.0} %)", DISK_FULL * 100.0),
            needs: stored / brokers,
            has: holds * DISK_FULL,
            unit: Unit::Bytes,
        },
    ];
    // Producers and consumers find the leader in any zone; followers stand in others.
    let followers = (copies - 1.0) * if demand.zones > 1 { 1.0 } else { 0.0 };
    Needs {
        of_servers,
        disk_bytes: stored,
        network: mean * (sent + copies * logged),
        between_zones: mean * ((sent + logged) * demand.leaves_zone() + followers * logged),
        tier_bytes: 0.0,
        tier_writes: 0.0,
        cached_s: machine.page_cache / (peak * copies * logged / brokers),
        rebuild_s: stored / brokers / machine.nic,
    }
}

/// Core time of all brokers for a KiB that a producer sends: the leader takes it in and sends it to
/// a reader and to followers, and everybody appends it.
fn core_seconds_per_kib(cluster: &Cluster, copies: f64) -> f64 {
    let costs = &cluster.costs;
    let (copy, append) = (costs.network_kib_ns as f64, costs.append_kib_ns as f64);
    let (sent, stored) = (cluster.sent_compression(), cluster.stored_compression());
    let logged = share(stored);
    let opened = sent.map_or(0, |figures| figures.decompress_ns(1_024));
    let anew = stored.filter(|_| cluster.recompresses());
    let packed = anew.map_or(0, |figures| figures.compress_ns(1_024));
    let codec = (opened + packed) as f64;
    let tls = |bytes: f64, once: u64| bytes * once as f64;
    // A follower decrypts what the leader has encrypted, and has copied once more.
    let between = cluster.broker_tls_ns(1_024);
    let (clients, again) = (cluster.client_tls_ns(1_024), costs.network_kib_ns);
    let to_reader = if clients > 0 { clients + again } else { 0 };
    let to_follower = if between > 0 { 2 * between + again } else { 0 };
    let encrypted = tls(share(sent), clients)
        + tls(logged, to_reader)
        + tls(logged * (copies - 1.0), to_follower);
    let copied = copy * (share(sent) + copies * logged);
    (copied + append * copies * logged + codec + encrypted) / 1e9
}

/// What compression leaves of a byte.
fn share(compression: Option<Figures>) -> f64 {
    compression.map_or(1.0, |figures| figures.ratio_percent as f64 / 100.0)
}

/// The fewest brokers whose sustained limit, times 80 %, is the peak.
fn right_sizing(demand: &Demand, machine: &Machine) -> Formula {
    let (copies, readers) = (3.0, 1.0);
    let storage: f64 = machine.disks.iter().map(|(write, _)| write).sum();
    let each = (storage / copies).min(machine.nic / (readers + copies - 1.0));
    let brokers = (demand.peak_bytes() / (0.8 * each)).ceil().max(copies);
    Formula {
        name: "AWS right-sizing (MSK)",
        formula: "peak <= 80 % of min(storage x brokers / r, network x brokers / (groups + r - 1))",
        answer: format!("{brokers:.0} brokers"),
        source: "aws.amazon.com/blogs/big-data/best-practices-for-right-sizing-your-apache-kafka-\
                 clusters-to-optimize-performance-and-cost, equation 1 (2022)",
    }
}

/// With 10 MB/s for a partition each way: "one can produce at 10s of MB/sec on just a single
/// partition".
fn partitions(demand: &Demand) -> Formula {
    let partitions = (demand.peak_bytes() / 10e6).ceil().max(1.0);
    Formula {
        name: "Confluent",
        formula: "partitions = max(t / p, t / c), p and c of 10 MB/s",
        answer: format!("{partitions:.0} partitions"),
        source: "confluent.io/blog/how-choose-number-topics-partitions-kafka-cluster (2015)",
    }
}

/// At half of its capacity, as its own baseline says.
fn virtual_cpus(demand: &Demand, machine: &Machine) -> Formula {
    let (copies, readers) = (3.0, 1.0);
    let written = demand.peak_bytes() * copies;
    let read = demand.peak_bytes() * (readers + copies - 1.0);
    let cpus = ((written + read / 4.0) / 20e6 / 0.5).ceil().max(3.0);
    let brokers = (cpus / machine.cores).ceil().max(copies);
    Formula {
        name: "Google Managed Kafka",
        formula: "vCPU = (writes x r + (reads + writes x (r - 1)) / 4) / 20 MB/s / 50 %",
        answer: format!("{cpus:.0} vCPU: {brokers:.0} brokers"),
        source: "cloud.google.com/managed-service-for-apache-kafka/docs/plan-cluster-size (2026)",
    }
}
