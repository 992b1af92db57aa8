//! Faults as they stand in a scenario file: what, to whom, when, for how long.
//!
//! ```toml
//! [[fault]]
//! kind = "crash"       # what; see [`Action`]
//! target = "leader"    # a node (`broker-1`), a role, or a list of these; see [`Target`]
//! at = "10s"           # from the start of the traffic
//! for = "5s"           # or until = "15s"; without either it stays
//! ```

use headwater_sim::distribution::Distribution;
use headwater_sim::time::Duration;
use serde::{Deserialize, Serialize};

/// One fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct FaultSpec {
    /// What happens.
    pub action: Action,
    /// To whom.
    pub target: Target,
    /// When, from the start of the traffic.
    pub at: Duration,
    /// When it is over; `None` if it stays.
    pub until: Option<Duration>,
}

/// What happens to the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// The process is killed (SIGKILL); at the end it is started again.
    Crash,
    /// The process stands still (SIGSTOP), and goes on at the end.
    Pause,
    /// The process is killed and all its files are removed; at the end it is started again, empty.
    Wipe,
    /// The machine loses power, and with it what no sync has made durable; at the end it is back,
    /// and its processes with it.
    PowerCut,
    /// Nothing passes between the target and `peers` (all others where none are named); with
    /// `symmetric = false` nothing from the target to the peers.
    Partition {
        /// The other side.
        peers: Option<Target>,
        /// Both ways.
        symmetric: bool,
    },
    /// What the target and `peers` (all others where none are named) send each other takes `extra`
    /// longer.
    SlowLink {
        /// The other side.
        peers: Option<Target>,
        /// What is added to the latency of each message.
        extra: Distribution,
    },
    /// A disk of the target's machine takes `factor` times as long.
    SlowDisk {
        /// Which disk, from 0.
        disk: u8,
        /// How many times as long, in percent.
        percent: u32,
    },
    /// A disk of the target's machine serves nothing for a while.
    StallDisk {
        /// Which disk, from 0.
        disk: u8,
    },
    /// A disk of the target's machine has no space left.
    FillDisk {
        /// Which disk, from 0.
        disk: u8,
    },
    /// Work on the cores of the target's machine takes `factor` times as long.
    SlowCpu {
        /// How many times as long, in percent.
        percent: u32,
    },
}

impl Action {
    /// Its name in a scenario file.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Pause => "pause",
            Self::Wipe => "wipe",
            Self::PowerCut => "power-cut",
            Self::Partition { .. } => "partition",
            Self::SlowLink { .. } => "slow-link",
            Self::SlowDisk { .. } => "slow-disk",
            Self::StallDisk { .. } => "stall-disk",
            Self::FillDisk { .. } => "fill-disk",
            Self::SlowCpu { .. } => "slow-cpu",
        }
    }
}

/// Who: names of nodes (`broker-1`, `tier`), or of groups that are looked up when the fault
/// happens:
/// `leader` (of partition 0, or the store that runs container 0), `controller`, `brokers`,
/// `bookies`,
/// `stores`, `servers`, `producers`, `consumers`, `all`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "Vec<String>")]
pub struct Target(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a node such as \"broker-1\", or a list of nodes")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Target {
    fn from(written: OneOrMany) -> Self {
        match written {
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl From<Target> for Vec<String> {
    fn from(target: Target) -> Self {
        target.0
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Crash,
    Pause,
    Wipe,
    PowerCut,
    Partition,
    SlowLink,
    SlowDisk,
    StallDisk,
    FillDisk,
    SlowCpu,
}

/// A fault as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: Kind,
    target: Target,
    at: Duration,
    #[serde(rename = "for")]
    lasts: Option<Duration>,
    until: Option<Duration>,
    peers: Option<Target>,
    symmetric: Option<bool>,
    extra: Option<Extra>,
    disk: Option<u8>,
    factor: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a duration such as \"50ms\", or a distribution")]
enum Extra {
    Always(Duration),
    Drawn(Distribution),
}

impl TryFrom<Written> for FaultSpec {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let until = match (written.lasts, written.until) {
            (Some(_), Some(_)) => return Err("`for` and `until` exclude each other".into()),
            (Some(lasts), None) if lasts == Duration::ZERO => {
                return Err("`for` is 0s; expected a time above zero".into());
            }
            (Some(lasts), None) => Some(written.at + lasts),
            (None, Some(until)) if until <= written.at => {
                return Err(format!("`until` ({until}) is not after `at` ({})", written.at));
            }
            (None, until) => until,
        };
        written.refuse_strangers()?;
        let (target, at) = (written.target.clone(), written.at);
        if target.0.is_empty() {
            return Err("`target` is an empty list; expected at least one node".into());
        }
        let action = written.action(until.is_some())?;
        Ok(Self { action, target, at, until })
    }
}

impl Written {
    /// A parameter that the kind does not have would be silently without effect.
    fn refuse_strangers(&self) -> Result<(), String> {
        use Kind::{FillDisk, Partition, SlowCpu, SlowDisk, SlowLink, StallDisk};
        let given: [(&str, bool, &[Kind], &str); 5] = [
            ("peers", self.peers.is_some(), &[Partition, SlowLink], "partition, slow-link"),
            ("symmetric", self.symmetric.is_some(), &[Partition], "partition"),
            ("extra", self.extra.is_some(), &[SlowLink], "slow-link"),
            (
                "disk",
                self.disk.is_some(),
                &[SlowDisk, StallDisk, FillDisk],
                "slow-disk, stall-disk, fill-disk",
            ),
            ("factor", self.factor.is_some(), &[SlowDisk, SlowCpu], "slow-disk, slow-cpu"),
        ];
        match given.iter().find(|(_, there, kinds, _)| *there && !kinds.contains(&self.kind)) {
            Some((name, _, _, of)) => {
                Err(format!("`{name}` has no effect here; it belongs to {of}"))
            }
            None => Ok(()),
        }
    }

    fn percent(&self) -> Result<u32, String> {
        match self.factor {
            Some(factor) if (0.01..=1e6).contains(&factor) => Ok((factor * 100.0) as u32),
            Some(factor) => Err(format!("`factor` is {factor}; expected 0.01 to 1,000,000")),
            None => Err("`factor` is missing; expected a number such as 10".into()),
        }
    }

    fn action(self, ends: bool) -> Result<Action, String> {
        let needs_end = |action| match ends {
            true => Ok(action),
            false => Err("needs `for` or `until`: how long it lasts".to_string()),
        };
        let disk = self.disk.unwrap_or(0);
        match self.kind {
            Kind::Crash => Ok(Action::Crash),
            Kind::Pause => needs_end(Action::Pause),
            Kind::Wipe => Ok(Action::Wipe),
            Kind::PowerCut => Ok(Action::PowerCut),
            Kind::Partition => {
                let symmetric = self.symmetric.unwrap_or(true);
                Ok(Action::Partition { peers: self.peers, symmetric })
            }
            Kind::SlowLink => {
                let extra = match self.extra {
                    Some(Extra::Always(value)) => Distribution::constant(value),
                    Some(Extra::Drawn(shape)) => shape,
                    None => {
                        return Err("`extra` is missing; expected a time such as \"50ms\"".into());
                    }
                };
                extra.check()?;
                Ok(Action::SlowLink { peers: self.peers, extra })
            }
            Kind::SlowDisk => Ok(Action::SlowDisk { disk, percent: self.percent()? }),
            Kind::StallDisk => needs_end(Action::StallDisk { disk }),
            Kind::FillDisk => Ok(Action::FillDisk { disk }),
            Kind::SlowCpu => Ok(Action::SlowCpu { percent: self.percent()? }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<FaultSpec, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_fault_is_read_as_written() {
        let fault =
            read("kind = 'slow-disk'\ntarget = 'bookies'\nat = '5s'\nfor = '2s'\nfactor = 10");
        let fault = fault.unwrap();
        assert_eq!(fault.action, Action::SlowDisk { disk: 0, percent: 1_000 });
        assert_eq!(fault.until, Some(Duration::from_secs(7)));
        let fault =
            read("kind = 'partition'\ntarget = ['broker-1', 'broker-2']\nat = '1s'").unwrap();
        assert_eq!(fault.action, Action::Partition { peers: None, symmetric: true });
        assert_eq!(fault.target.to_string(), "broker-1, broker-2");
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        let cases = [
            ("kind = 'crash'\ntarget = 'a'\nat = '1s'\nfactor = 3", "`factor` has no effect"),
            ("kind = 'pause'\ntarget = 'a'\nat = '1s'", "needs `for`"),
            ("kind = 'crash'\ntarget = 'a'\nat = '3s'\nuntil = '2s'", "not after `at`"),
            ("kind = 'slow-link'\ntarget = 'a'\nat = '1s'", "`extra` is missing"),
            ("kind = 'crahs'\ntarget = 'a'\nat = '1s'", "unknown variant `crahs`"),
            ("kind = 'crash'\ntarget = 3\nat = '1s'", "expected a node"),
        ];
        for (text, want) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
