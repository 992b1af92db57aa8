//! What a fault does, as it stands in a scenario file: its kind and its parameters.
//!
//! What each is for, its defaults and its counterpart in the world stand in
//! [`super::catalogue`], and in docs/FAULTS.md, which is made from that.

use headwater_sim::device::DiskFault;
use headwater_sim::distribution::Distribution;
use headwater_sim::files::Tearing;
use headwater_sim::time::Duration;
use headwater_sim::units::{Bytes, BytesPerSecond};
use serde::{Deserialize, Serialize};

use super::fault::Target;

/// What happens to the target. The name of a kind in a file is that of the variant,
/// `kebab-case`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the catalogue describes every kind and parameter, for users too")]
pub enum Action {
    Partition {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
        #[serde(default = "yes")]
        symmetric: bool,
    },
    Isolate {},
    Bridge {},
    Ring {},
    SlowLink {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
        extra: Extra,
    },
    SlowPairs {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
        extra: Extra,
    },
    Loss {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
        rate: Rate,
        #[serde(default = "yes")]
        symmetric: bool,
    },
    Duplicate {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
        rate: Rate,
    },
    Reorder {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
        rate: Rate,
        by: Extra,
    },
    Bandwidth {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
        rate: BytesPerSecond,
        #[serde(default = "bottleneck_queue")]
        queue: Bytes,
    },
    Clog {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
        #[serde(default = "yes")]
        symmetric: bool,
    },
    SwizzleClog {},
    HalfOpen {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peers: Option<Target>,
    },
    Refuse {},
    SlowNic {
        factor: Factor,
    },
    SlowDisk {
        #[serde(default)]
        disk: u8,
        factor: Factor,
    },
    StallDisk {
        #[serde(default)]
        disk: u8,
    },
    ThrottleDisk {
        #[serde(default)]
        disk: u8,
        rate: BytesPerSecond,
    },
    FillDisk {
        #[serde(default)]
        disk: u8,
    },
    ReadErrors {
        #[serde(default)]
        disk: u8,
        rate: Rate,
    },
    WriteErrors {
        #[serde(default)]
        disk: u8,
        rate: Rate,
    },
    SyncErrors {
        #[serde(default)]
        disk: u8,
        rate: Rate,
        #[serde(default = "yes")]
        forgets: bool,
    },
    ShortReads {
        #[serde(default)]
        disk: u8,
        rate: Rate,
    },
    LostWrites {
        #[serde(default)]
        disk: u8,
        rate: Rate,
    },
    LostSyncs {
        #[serde(default)]
        disk: u8,
        rate: Rate,
    },
    MisdirectedWrites {
        #[serde(default)]
        disk: u8,
        rate: Rate,
    },
    MisdirectedReads {
        #[serde(default)]
        disk: u8,
        rate: Rate,
    },
    TornWrites {
        #[serde(default)]
        disk: u8,
        tearing: Tearing,
    },
    Corrupt {
        #[serde(default)]
        disk: u8,
        rate: Rate,
    },
    Wipe {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disk: Option<u8>,
    },
    WipeIdentity {},
    SwapDisks {},
    TierErrors {
        status: TierStatus,
        rate: Rate,
    },
    TierDelay {
        extra: Duration,
    },
    TierPartialUploads {
        rate: Rate,
    },
    TierStaleList {
        lag: Duration,
    },
    TierFull {},
    ClockOffset {
        by: Shift,
    },
    ClockDrift {
        ppm: i32,
    },
    ClockStep {
        by: Shift,
        every: Duration,
    },
    ClockJitter {
        up_to: Duration,
    },
    Crash {},
    CrashLoop {
        #[serde(default = "loop_up")]
        up: Duration,
        #[serde(default = "loop_down")]
        down: Duration,
    },
    Shutdown {
        #[serde(default = "grace")]
        grace: Duration,
    },
    Pause {},
    GcPauses {
        length: Extra,
        every: Duration,
    },
    SlowCpu {
        factor: Factor,
    },
    ThrottleCpu {
        share: Rate,
        #[serde(default = "cfs_period")]
        period: Duration,
    },
    PowerCut {},
    Limp {
        factor: Factor,
    },
}

const fn yes() -> bool {
    true
}

/// Queue of a cheap switch port: some forty full frames.
const fn bottleneck_queue() -> Bytes {
    Bytes::from_kib(64)
}

const fn loop_up() -> Duration {
    Duration::from_secs(2)
}

const fn loop_down() -> Duration {
    Duration::from_secs(1)
}

/// As long as Kubernetes waits between SIGTERM and SIGKILL (`terminationGracePeriodSeconds`).
const fn grace() -> Duration {
    Duration::from_secs(30)
}

/// Linux's `cpu.cfs_period_us`.
const fn cfs_period() -> Duration {
    Duration::from_millis(100)
}

/// How many times as long something takes: 0.01 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Factor(f64);

impl TryFrom<f64> for Factor {
    type Error = String;

    fn try_from(factor: f64) -> Result<Self, String> {
        match factor {
            _ if (0.01..=1e6).contains(&factor) => Ok(Self(factor)),
            _ => Err(format!("a factor is {factor}; expected 0.01 to 1,000,000")),
        }
    }
}

impl From<Factor> for f64 {
    fn from(factor: Factor) -> Self {
        factor.0
    }
}

impl Factor {
    /// In percent, at least 1.
    pub const fn percent(self) -> u32 {
        (self.0 * 100.0) as u32
    }
}

/// A part of all: 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

impl TryFrom<f64> for Rate {
    type Error = String;

    fn try_from(rate: f64) -> Result<Self, String> {
        match rate {
            _ if (0.0..=1.0).contains(&rate) => Ok(Self(rate)),
            _ => Err(format!("a part of all is {rate}; expected 0 to 1")),
        }
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl Rate {
    /// In a million.
    pub const fn ppm(self) -> u32 {
        (self.0 * 1e6) as u32
    }
}

/// A duration that may be a draw: `"50ms"`, or a distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Extra(pub Distribution);

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a duration such as \"50ms\", or a distribution")]
enum Written {
    Always(Duration),
    Drawn(Distribution),
}

impl TryFrom<Written> for Extra {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let shape = match written {
            Written::Always(value) => Distribution::constant(value),
            Written::Drawn(shape) => shape,
        };
        shape.check()?;
        Ok(Self(shape))
    }
}

impl From<Extra> for Written {
    fn from(extra: Extra) -> Self {
        match extra.0 {
            Distribution::Constant { value } => Self::Always(value),
            shape => Self::Drawn(shape),
        }
    }
}

/// A shift of a clock, forward or (`"-3s"`) back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shift(pub i64);

impl TryFrom<String> for Shift {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (sign, size) = match text.strip_prefix('-') {
            Some(size) => (-1, size),
            None => (1, text.as_str()),
        };
        let size: Duration = size.parse().map_err(|error| format!("{error}"))?;
        let nanos = i64::try_from(size.0).map_err(|_| format!("{text} is too long"))?;
        Ok(Self(sign * nanos))
    }
}

impl From<Shift> for String {
    fn from(shift: Shift) -> Self {
        let sign = if shift.0 < 0 { "-" } else { "" };
        format!("{sign}{}", Duration(shift.0.unsigned_abs()))
    }
}

/// How an object store refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum TierStatus {
    /// 429, or S3's `SlowDown`: too many requests.
    TooManyRequests,
    /// 500: internal error; whether the request was carried out is not known.
    InternalError,
    /// 503: unavailable; the request was not carried out.
    Unavailable,
}

impl TryFrom<u16> for TierStatus {
    type Error = String;

    fn try_from(status: u16) -> Result<Self, String> {
        match status {
            429 => Ok(Self::TooManyRequests),
            500 => Ok(Self::InternalError),
            503 => Ok(Self::Unavailable),
            other => Err(format!("a status is {other}; expected 429, 500 or 503")),
        }
    }
}

impl From<TierStatus> for u16 {
    fn from(status: TierStatus) -> Self {
        match status {
            TierStatus::TooManyRequests => 429,
            TierStatus::InternalError => 500,
            TierStatus::Unavailable => 503,
        }
    }
}

impl Action {
    /// The action as a table: `kind` and the parameters.
    pub fn to_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("an action is plain data")
    }

    /// Its name in a scenario file.
    pub fn name(&self) -> String {
        match self.to_table().get("kind") {
            Some(toml::Value::String(kind)) => kind.clone(),
            other => unreachable!("an action has a kind, not {other:?}"),
        }
    }

    /// The other side, where it has one.
    pub const fn peers(&self) -> Option<&Target> {
        match self {
            Self::Partition { peers, .. }
            | Self::SlowLink { peers, .. }
            | Self::SlowPairs { peers, .. }
            | Self::Loss { peers, .. }
            | Self::Duplicate { peers, .. }
            | Self::Reorder { peers, .. }
            | Self::Bandwidth { peers, .. }
            | Self::Clog { peers, .. }
            | Self::HalfOpen { peers } => peers.as_ref(),
            _ => None,
        }
    }

    /// As a fault of a disk that is set and lifted: which disk, and how it is set and lifted.
    pub const fn disk_fault(&self) -> Option<(u8, DiskFault, DiskFault)> {
        Some(match self {
            Self::ThrottleDisk { disk, rate } => {
                let lifted = DiskFault::Throttle(BytesPerSecond::UNLIMITED);
                (*disk, DiskFault::Throttle(*rate), lifted)
            }
            Self::ReadErrors { disk, rate } => {
                (*disk, DiskFault::ReadErrors(rate.ppm()), DiskFault::ReadErrors(0))
            }
            Self::WriteErrors { disk, rate } => {
                (*disk, DiskFault::WriteErrors(rate.ppm()), DiskFault::WriteErrors(0))
            }
            Self::SyncErrors { disk, rate, forgets } => {
                let set = DiskFault::SyncErrors { ppm: rate.ppm(), forgets: *forgets };
                (*disk, set, DiskFault::SyncErrors { ppm: 0, forgets: false })
            }
            Self::ShortReads { disk, rate } => {
                (*disk, DiskFault::ShortReads(rate.ppm()), DiskFault::ShortReads(0))
            }
            Self::LostWrites { disk, rate } => {
                (*disk, DiskFault::LostWrites(rate.ppm()), DiskFault::LostWrites(0))
            }
            Self::LostSyncs { disk, rate } => {
                (*disk, DiskFault::LostSyncs(rate.ppm()), DiskFault::LostSyncs(0))
            }
            Self::MisdirectedWrites { disk, rate } => {
                let set = DiskFault::MisdirectedWrites(rate.ppm());
                (*disk, set, DiskFault::MisdirectedWrites(0))
            }
            Self::MisdirectedReads { disk, rate } => {
                (*disk, DiskFault::MisdirectedReads(rate.ppm()), DiskFault::MisdirectedReads(0))
            }
            Self::TornWrites { disk, tearing } => {
                (*disk, DiskFault::Tearing(*tearing), DiskFault::Tearing(Tearing::Prefix))
            }
            _ => return None,
        })
    }
}
