//! Configuration of tiered storage: what kind it is, how fast, how often it fails.
//!
//! Parameters of [`super::node`], with units in their types and sources at [`Tier::of`]. Left out:
//! prices, quotas of requests per second.

use headwater_sim::distribution::Distribution;
use headwater_sim::time::Duration;
use headwater_sim::units::{Bytes, BytesPerSecond};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of storage it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A local file system: appends, durable after a sync of the node's own disk.
    FileSystem,
    /// A file system over the network (NFS 4.1, EFS).
    Nfs,
    /// An object store (S3 and its like): objects are written whole.
    ObjectStore,
    /// The memory of the node: gone with its process.
    InMemory,
}

/// Options of tiered storage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "x-source" = "Amazon EFS and S3 as published; models/src/tier/config.rs says where"
))]
pub struct Tier {
    /// What it is.
    pub kind: Kind,
    /// Time from request to first byte of a write, delete or concat, without the disk's.
    #[serde(rename = "write.latency")]
    pub write_latency: Distribution,
    /// Time from request to first byte, of a read.
    #[serde(rename = "read.latency")]
    pub read_latency: Distribution,
    /// Bandwidth of all requests together, each way.
    pub bandwidth: BytesPerSecond,
    /// Bandwidth of one request.
    #[serde(rename = "request.bandwidth")]
    pub request_bandwidth: BytesPerSecond,
    /// Requests served at a time; the others wait. 0 for no limit.
    #[serde(rename = "requests.max")]
    pub requests_max: u32,
    /// Requests in a million that fail.
    #[serde(rename = "error.ppm")]
    pub error_ppm: u32,
    /// Requests in a million that stall for `stall.time` more.
    #[serde(rename = "stall.ppm")]
    pub stall_ppm: u32,
    /// How much longer a stalled request takes.
    #[serde(rename = "stall.time")]
    pub stall_time: Distribution,
    /// Space; zero for no limit.
    pub capacity: Bytes,
}

impl Tier {
    /// Typical storage of a kind.
    ///
    /// - NFS as Amazon EFS, provisioned 1000 MiB/s as in the Pravega benchmarks
    ///   (pravega/openmessaging-benchmark `driver-pravega/deploy/provision-pravega-aws.tf:191`);
    ///   write latency "as low as 2.7 ms", reads 0.6 ms (docs.aws.amazon.com/efs
    ///   `performance.html`), the tails are estimates.
    /// - Object store as Amazon S3: 100-200 ms for small requests and 85-90 MB/s for one request
    ///   (docs.aws.amazon.com/AmazonS3 `optimizing-performance-design-patterns.html`).
    /// - A local file system adds 50 us of system calls; its disk does the rest.
    pub fn of(kind: Kind) -> Self {
        let (us, ms) = (Duration::from_micros, Duration::from_millis);
        let unlimited = BytesPerSecond::UNLIMITED;
        let constant = Distribution::constant;
        let log_normal = |median, p99| Distribution::LogNormal { median, p99 };
        let (write_latency, read_latency, bandwidth, request_bandwidth) = match kind {
            Kind::FileSystem => (constant(us(50)), constant(us(50)), unlimited, unlimited),
            Kind::Nfs => (
                log_normal(us(2_700), ms(15)),
                log_normal(us(600), ms(6)),
                BytesPerSecond(1_000 << 20),
                BytesPerSecond(500 << 20),
            ),
            Kind::ObjectStore => (
                log_normal(ms(100), ms(400)),
                log_normal(ms(50), ms(200)),
                unlimited,
                BytesPerSecond(85_000_000),
            ),
            Kind::InMemory => (constant(us(5)), constant(us(5)), unlimited, unlimited),
        };
        Self {
            kind,
            write_latency,
            read_latency,
            bandwidth,
            request_bandwidth,
            requests_max: 0,
            error_ppm: 0,
            stall_ppm: 0,
            stall_time: constant(ms(500)),
            capacity: Bytes(0),
        }
    }

    /// What makes it impossible, if anything.
    pub fn check(&self) -> Result<(), String> {
        for distribution in [&self.write_latency, &self.read_latency, &self.stall_time] {
            distribution.check().map_err(|why| format!("tier: {why}"))?;
        }
        for (name, ppm) in [("error.ppm", self.error_ppm), ("stall.ppm", self.stall_ppm)] {
            if ppm > 1_000_000 {
                return Err(format!("tier {name} {ppm} is above a million"));
            }
        }
        Ok(())
    }
}

impl Default for Tier {
    fn default() -> Self {
        Self::of(Kind::Nfs)
    }
}
